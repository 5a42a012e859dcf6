//! All canaries in all forms, looked for in one pass.

use std::{collections::HashMap, fmt};

use crate::forms::Form;

/// Every needle is at least this long, and is found by its first bytes.
const WINDOW: usize = 8;
/// As much of a secret as tells it from chance: so many bytes of it are enough to be found.
const BEGINNING: usize = 8;
/// How much of what stands before a finding is shown.
const CONTEXT: usize = 48;
/// The filter has a bit for each of 2^16 hashes of a window.
const FILTER_WORDS: usize = 1 << 10;

/// A secret that is found by chance, or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is no canary: its beginning is too short or too plain to be told from chance")]
pub struct Weak {
    /// What it was to be called.
    pub name: String,
}

/// A secret where it must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub canary: String,
    /// How it is written.
    pub form: Form,
    /// Whether all of it is there, or its beginning alone.
    pub whole: bool,
    /// Where it begins.
    pub at: usize,
    /// What stands before it, without any canary.
    pub context: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let much = if self.whole { "" } else { ", its beginning" };
        write!(formatter, "{} ({}{much}) after `{}`", self.canary, self.form, self.context)
    }
}

/// Looks for canaries.
#[derive(Clone, Default)]
pub struct Scanner {
    names: Vec<String>,
    needles: Vec<Needle>,
    by_window: HashMap<u64, Vec<usize>>,
    filter: Vec<u64>,
}

#[derive(Clone)]
struct Needle {
    canary: usize,
    form: Form,
    whole: Vec<u8>,
    /// How much of it has to be there.
    enough: usize,
}

impl fmt::Debug for Scanner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scanner").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Scanner {
    /// From now on looks for this secret, unless it does so already. Words that are no secret (`postd_`, `EAAP`) do not belong in front of it.
    ///
    /// # Errors
    /// Its first eight bytes (or, of one that is hexadecimal digits, sixteen) are not there, or are too much alike.
    pub fn keep(&mut self, name: &str, secret: impl AsRef<[u8]>) -> Result<(), Weak> {
        let secret = secret.as_ref();
        // A hexadecimal digit is worth half a byte, and logs are full of them.
        let digits = secret.iter().all(u8::is_ascii_hexdigit);
        let enough = if digits { 2 * BEGINNING } else { BEGINNING };
        let beginning = secret.get(..enough).filter(|beginning| is_lively(beginning));
        let beginning = beginning.ok_or_else(|| Weak { name: name.to_owned() })?;
        if self.needles.iter().any(|needle| needle.form == Form::Raw && needle.whole == secret) {
            return Ok(());
        }
        let canary = self.names.len();
        self.names.push(name.to_owned());
        let mut known: Vec<Vec<u8>> = Vec::new();
        for form in Form::ALL {
            let (whole, enough) = (form.of(secret), form.of(beginning).len());
            if !known.contains(&whole) {
                known.push(whole.clone());
                self.add(Needle { canary, form, whole, enough });
            }
        }
        Ok(())
    }

    fn add(&mut self, needle: Needle) {
        let Some(window) = needle.whole.first_chunk::<WINDOW>().map(|first| u64::from_be_bytes(*first)) else { return };
        self.filter.resize(FILTER_WORDS, 0);
        let (word, bit) = slot(window);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
        self.by_window.entry(window).or_default().push(self.needles.len());
        self.needles.push(needle);
    }

    /// What is looked for, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Every canary that stands in `haystack`.
    #[must_use]
    pub fn scan(&self, haystack: &[u8]) -> Vec<Finding> {
        let found = self.found(haystack);
        found.iter().map(|hit| self.finding(haystack, &found, hit)).collect()
    }

    fn found(&self, haystack: &[u8]) -> Vec<Hit<'_>> {
        let mut found = Vec::new();
        if self.filter.is_empty() {
            return found;
        }
        let mut window = 0_u64;
        for (index, byte) in haystack.iter().enumerate() {
            window = window << 8 | u64::from(*byte);
            let (word, bit) = slot(window);
            if self.filter.get(word).is_some_and(|word| word & bit != 0) && index + 1 >= WINDOW {
                self.look(haystack, index + 1 - WINDOW, window, &mut found);
            }
        }
        found
    }

    #[cold]
    fn look<'a>(&'a self, haystack: &[u8], at: usize, window: u64, found: &mut Vec<Hit<'a>>) {
        let Some(candidates) = self.by_window.get(&window) else { return };
        let rest = haystack.get(at..).unwrap_or_default();
        for needle in candidates.iter().filter_map(|index| self.needles.get(*index)) {
            let length = needle.whole.iter().zip(rest).take_while(|(wanted, there)| wanted == there).count();
            if length < needle.enough {
                continue;
            }
            // Forms begin alike: what fits furthest is what stands there.
            let end = at + length;
            let same = |hit: &&mut Hit<'a>| hit.at == at && hit.needle.canary == needle.canary;
            match found.iter_mut().rev().take(candidates.len()).find(same) {
                Some(hit) if hit.end >= end => {}
                Some(hit) => *hit = Hit { needle, at, end },
                None => found.push(Hit { needle, at, end }),
            }
        }
    }

    fn finding(&self, haystack: &[u8], found: &[Hit<'_>], hit: &Hit<'_>) -> Finding {
        let from = hit.at.saturating_sub(CONTEXT);
        let before = haystack.get(from..hit.at).unwrap_or_default();
        let masked: Vec<u8> = before
            .iter()
            .zip(from..)
            .map(|(byte, at)| if found.iter().any(|other| (other.at..other.end).contains(&at)) { b'*' } else { *byte })
            .collect();
        let shown = String::from_utf8_lossy(&masked).chars().filter(|character| !character.is_control()).collect();
        Finding {
            canary: self.names.get(hit.needle.canary).cloned().unwrap_or_default(),
            form: hit.needle.form,
            whole: hit.end - hit.at == hit.needle.whole.len(),
            at: hit.at,
            context: shown,
        }
    }
}

struct Hit<'a> {
    needle: &'a Needle,
    at: usize,
    end: usize,
}

/// Where a window has its bit.
fn slot(window: u64) -> (usize, u64) {
    // Fibonacci hashing: the upper bits of the product depend on all of the window.
    let hash = (window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize;
    (hash / 64, 1 << (hash % 64))
}

/// Whether these bytes are told from filling: a canary of nothing but zeros would be found in every picture.
fn is_lively(bytes: &[u8]) -> bool {
    let mut different: Vec<u8> = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    different.len() >= 3
}

#[cfg(test)]
mod tests;
