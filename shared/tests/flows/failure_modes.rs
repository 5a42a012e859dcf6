//! `docs/failure-modes.md` names tests that exist, and leaves out no number that it is to cover.

use std::{collections::BTreeSet, fs, path::Path};

const DOCUMENT: &str = include_str!("../../../docs/failure-modes.md");

/// Adds the names of all functions whose name is a test's of a failure mode: `f33_…`.
fn in_source(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            in_source(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let functions = text.lines().filter_map(|line| {
                // Tests that a macro makes for each platform can be seen from its module.
                line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("async ").strip_prefix("fn ")
            });
            names.extend(
                functions.filter_map(|rest| rest.split('(').next()).filter(|name| is_name(name)).map(str::to_owned),
            );
        }
    }
}

/// Whether this is `f`, two digits and an underscore, and more.
fn is_name(text: &str) -> bool {
    matches!(text.as_bytes(), [b'f', tens, ones, b'_', ..] if tens.is_ascii_digit() && ones.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number of each row, and the tests that it names.
fn rows() -> Vec<(u32, Vec<&'static str>)> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| F"));
    rows.map(|row| {
        let (number, row) = row.split_once(" |").unwrap();
        let tests = row.split('`').filter(|text| is_name(text)).collect();
        (number.parse().unwrap(), tests)
    })
    .collect()
}

#[test]
fn every_test_that_the_failure_modes_name_exists() {
    let mut names = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["shared", "infra", "functions"] {
        in_source(&root.join(folder), &mut names);
    }
    for (number, tests) in rows() {
        assert!(!tests.is_empty(), "F{number} names no test");
        for test in tests {
            let numbers = test.split('_').take_while(|part| part.strip_prefix('f').is_some_and(is_number));
            let belongs = numbers.into_iter().any(|part| part == format!("f{number:02}"));
            assert!(belongs, "F{number} names {test}");
            // `f11_…` stands for all that begin so.
            let exists = match test.strip_suffix('…') {
                Some(beginning) => names.iter().any(|name| name.starts_with(beginning)),
                None => names.contains(test),
            };
            assert!(exists, "docs/failure-modes.md names {test}, which is no test");
        }
    }
}

#[test]
fn no_failure_mode_is_left_out() {
    let mut numbers: Vec<u32> = rows().into_iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    let expected: Vec<u32> = (1..=69).chain(71..=80).chain(83..=88).collect();
    assert_eq!(numbers, expected);
}
