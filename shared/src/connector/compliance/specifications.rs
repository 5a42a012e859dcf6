//! What the connectors send, held against the platforms' own machine-readable specifications: methods, paths, parameters,
//! bodies, types and enumerations. The specifications lie beside the repository, not in it; where they are absent, the check
//! says so and passes.

mod discovery;
mod google;
mod judge;
mod mailchimp;
mod meta;
mod nodes;
mod operation;
mod swagger;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde_json::Value;

use self::{
    judge::{Difference, Judged, Uncovered, judge},
    operation::Operation,
};
use super::Instance;
use crate::connector::Request;

/// Names the folder of the specifications, if they are not where they are looked for.
const VARIABLE: &str = "POSTD_SPECS";

/// What a platform specifies of the calls that are made to it, and what is known better.
struct Specified {
    operations: Vec<Operation>,
    /// Where the facts that the connector is built on differ from the specification.
    differences: Vec<Difference>,
    /// Calls of which no specification says anything.
    uncovered: Vec<Uncovered>,
}

/// The folder of the specifications.
struct Folder(PathBuf);

impl Folder {
    fn find() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "names a folder of this test's; no part of the configuration")]
        let named = std::env::var(VARIABLE).ok();
        if let Some(path) = named.map(PathBuf::from) {
            assert!(path.is_dir(), "{VARIABLE} names no folder: {}", path.display());
            return Some(Self(path));
        }
        let beside = |folder: &Path| folder.join("shared/specs");
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(beside).find(|path| path.is_dir()).map(Self)
    }

    fn read(&self, name: &str) -> Value {
        let path = self.0.join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// The specification of what an instance calls, or why there is none.
fn specified(instance: &Instance, folder: &Folder) -> Result<Specified, &'static str> {
    match (instance.name(), instance.hosts.first().copied()) {
        ("facebook", _) => Ok(nodes::facebook(folder)),
        ("instagram", Some("graph.facebook.com")) => Ok(nodes::instagram_through_facebook(folder)),
        ("instagram", _) => Ok(nodes::instagram_through_instagram(folder)),
        ("gbp", _) => Ok(google::business_profile(folder)),
        ("mailchimp", _) => Ok(mailchimp::marketing(folder)),
        ("linkedin" | "linkedin_page", _) => Err("LinkedIn publishes no machine-readable specification of these APIs"),
        ("tiktok", _) => Err("TikTok publishes no machine-readable specification of these APIs"),
        (name, _) => panic!("say in compliance/specifications.rs what specifies {name}, or why nothing does"),
    }
}

/// Every call of the suite, signed as it leaves.
fn signed_requests(instance: &Instance) -> Vec<(String, Request)> {
    let mut requests = instance.every_request();
    for (_, request) in &mut requests {
        if request.authentication == crate::connector::Authentication::Token {
            instance.connector.sign(request, &instance.tokens.access, &instance.app);
        }
    }
    requests
}

pub(crate) fn every_request_is_as_its_platform_specifies_it(instance: &Instance) {
    let name = instance.name();
    let Some(folder) = Folder::find() else {
        eprintln!("skipped: the specifications are not beside the repository, and {VARIABLE} does not name them");
        return;
    };
    let specified = match specified(instance, &folder) {
        Ok(specified) => specified,
        Err(reason) => {
            eprintln!("{name}: {reason}");
            return;
        }
    };
    let requests = signed_requests(instance);
    let Judged { validated, elsewhere, problems } = judge(&requests, &specified);
    let host = instance.hosts.first().unwrap();
    eprintln!("{name} ({host}): {validated} requests are as specified, {elsewhere} go where nothing is specified");
    assert!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
    assert_ne!(validated, 0, "{name}: not one request was validated");
}
