//! Many places, a few of which must hold a secret.

use std::collections::BTreeSet;

use crate::scanner::Scanner;

/// A place that may hold a secret, because without it there the thing would not work.
#[derive(Debug)]
struct Allowance {
    place: String,
    canary: String,
    reason: String,
    used: bool,
}

/// Looks at places one after the other, and says at the end what was wrong.
#[derive(Debug)]
pub struct Survey<'a> {
    scanner: &'a Scanner,
    allowances: Vec<Allowance>,
    seen: BTreeSet<String>,
    violations: BTreeSet<String>,
}

impl<'a> Survey<'a> {
    /// Nothing was looked at, and nothing is allowed.
    #[must_use]
    pub fn new(scanner: &'a Scanner) -> Self {
        Self { scanner, allowances: Vec::new(), seen: BTreeSet::new(), violations: BTreeSet::new() }
    }

    /// Allows canaries whose name begins so in places whose name begins so. It must turn out to be needed.
    pub fn allow(&mut self, place: &str, canary: &str, reason: &str) {
        self.allowances.push(Allowance {
            place: place.to_owned(),
            canary: canary.to_owned(),
            reason: reason.to_owned(),
            used: false,
        });
    }

    /// Looks at what stands in a place.
    pub fn look(&mut self, place: &str, content: impl AsRef<[u8]>) {
        let content = content.as_ref();
        if !content.is_empty() {
            self.seen.insert(place.to_owned());
        }
        for finding in self.scanner.scan(content) {
            let matching = |allowance: &&mut Allowance| {
                place.starts_with(&allowance.place) && finding.canary.starts_with(&allowance.canary)
            };
            match self.allowances.iter_mut().find(matching) {
                Some(allowance) => allowance.used = true,
                None => {
                    self.violations.insert(format!("{place}: {finding}"));
                }
            }
        }
    }

    /// How many places whose name begins so had something in them.
    #[must_use]
    pub fn seen(&self, place: &str) -> usize {
        self.seen.iter().filter(|seen| seen.starts_with(place)).count()
    }

    /// What was wrong: secrets where none may be, and leave that nobody has needed.
    #[must_use]
    pub fn end(self) -> Vec<String> {
        let idle = self.allowances.iter().filter(|allowance| !allowance.used).map(|allowance| {
            let Allowance { place, canary, reason, .. } = allowance;
            format!("{place}: {canary} is allowed there ({reason}) and is not there")
        });
        self.violations.iter().cloned().chain(idle).collect()
    }
}
