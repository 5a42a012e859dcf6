use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::*;

const CATALOGUE: &str = include_str!("../../../docs/errors.md");

/// What a code begins with. A new family is added here and to the catalogue.
const FAMILIES: [&str; 47] = [
    "app",
    "attempts",
    "body",
    "connection",
    "dead_letter",
    "dead_letters",
    "deletion",
    "destination",
    "end_user",
    "facebook",
    "figures",
    "filter",
    "gbp",
    "header",
    "idempotency",
    "instagram",
    "key",
    "linkedin",
    "mailchimp",
    "media",
    "message",
    "not_after",
    "options",
    "platform",
    "post",
    "posts",
    "precondition",
    "publish",
    "query",
    "rate",
    "read_back",
    "redrive",
    "removal",
    "return_url",
    "review",
    "route",
    "schedule",
    "service",
    "session",
    "target",
    "targets",
    "tenant",
    "url",
    "upload",
    "vault",
    "webhook",
    "tiktok",
];

fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let mut parts = text.split('.');
    // Hosts look the same: `facebook.com`.
    !text.to_ascii_lowercase().ends_with(".com")
        && text.contains('.')
        && parts.next().is_some_and(|family| FAMILIES.contains(&family))
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(plain))
}

/// The codes that the source has as string literals, with a file that has them. Tests may have codes of their own.
fn in_source(folder: &Path, codes: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("connector/compliance") {
            // A suite of tests.
        } else if path.is_dir() {
            in_source(&path, codes);
        } else if path.file_name().is_some_and(|name| {
            name != "tests.rs" && name != "testing.rs" && name != "simulated.rs" && name != "recorded.rs"
        }) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for code in code.split('"').filter(|fragment| is_code(fragment)) {
                codes.insert(code.to_owned(), path.display().to_string());
            }
        }
    }
}

/// The codes in the first column of the catalogue's tables.
fn in_catalogue() -> BTreeSet<String> {
    let rows = CATALOGUE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn the_catalogue_names_every_code_and_no_other() {
    let mut source = BTreeMap::new();
    in_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
    let catalogue = in_catalogue();
    let missing: Vec<_> = source.iter().filter(|(code, _)| !catalogue.contains(*code)).collect();
    assert!(missing.is_empty(), "docs/errors.md does not name {missing:?}");
    let foreign: Vec<_> = catalogue.iter().filter(|code| !source.contains_key(*code)).collect();
    assert!(foreign.is_empty(), "docs/errors.md names {foreign:?}, which the source does not have");
}

#[test]
fn the_catalogue_tells_the_status_of_every_problem_and_who_acts() {
    for code in Code::ALL {
        let act = serde_json::to_value(code.act()).unwrap();
        let row = format!("| `{}` | {} | {} |", code.name(), code.status(), act.as_str().unwrap());
        assert!(CATALOGUE.contains(&row), "docs/errors.md lacks {row}");
    }
}

#[test]
fn f79_no_problem_is_a_410() {
    assert!(Code::ALL.iter().all(|code| code.status() != 410), "Mailchimp would switch the webhook off for good");
}

#[test]
fn every_code_belongs_to_a_family() {
    for code in Code::ALL {
        assert!(is_code(code.name()), "{}", code.name());
    }
}
