//! `samconfig.toml`: every environment can be deployed as it stands.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;

use crate::template::{at, number, template, text};

const ENVIRONMENTS: [&str; 4] = ["default", "dev", "staging", "production"];

/// The lines of each section (`staging.deploy`), without comments.
fn sections() -> BTreeMap<String, Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samconfig.toml");
    let (mut sections, mut current) = (BTreeMap::new(), String::new());
    for line in std::fs::read_to_string(file).unwrap().lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(".parameters]")) {
            name.clone_into(&mut current);
        } else if !line.is_empty() && !line.starts_with('#') {
            sections.entry(current.clone()).or_insert_with(Vec::new).push(line.to_owned());
        }
    }
    sections
}

/// What an environment sets: `"Name=value",` in its list of overrides.
fn overrides(environment: &str) -> BTreeMap<String, String> {
    let lines = &sections()[&format!("{environment}.deploy")];
    let list = lines.iter().skip_while(|line| !line.starts_with("parameter_overrides")).skip(1);
    let entries = list.take_while(|line| *line != "]").map(|line| line.trim_end_matches(',').trim_matches('"'));
    entries.map(|entry| entry.split_once('=').unwrap()).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn dev_is_what_is_deployed_when_no_environment_is_named() {
    let sections = sections();
    let of = |environment: &str| {
        let own = sections.iter().filter_map(|(name, lines)| Some((name.strip_prefix(environment)?, lines)));
        own.map(|(name, lines)| (name.to_owned(), lines.clone())).collect::<BTreeMap<_, _>>()
    };
    assert!(of("default").len() >= 4, "{:?}", of("default"));
    assert_eq!(of("default"), of("dev"));
}

#[test]
fn every_environment_sets_parameters_that_the_template_has_to_values_that_it_takes() {
    let template = template();
    for environment in ENVIRONMENTS {
        let set = overrides(environment);
        let named = if environment == "default" { "dev" } else { environment };
        assert_eq!(set.get("Environment").map(String::as_str), Some(named));
        for (name, value) in &set {
            let place = format!("{environment}: {name}={value}");
            let declared =
                at(&template, &format!("Parameters/{name}")).unwrap_or_else(|| panic!("{place}: no such parameter"));
            if let Some(allowed) = at(declared, "AllowedValues").and_then(serde_norway::Value::as_sequence) {
                assert!(allowed.iter().any(|one| one.as_str() == Some(value)), "{place}");
            }
            if let Some(pattern) = text(declared, "AllowedPattern") {
                assert!(Regex::new(pattern).unwrap().is_match(value), "{place}");
            }
            if text(declared, "Type") == Some("Number") {
                let (least, most) = (number(declared, "MinValue").unwrap(), number(declared, "MaxValue").unwrap());
                assert!((least..=most).contains(&value.parse().unwrap()), "{place}");
            }
        }
    }
}

#[test]
fn in_every_environment_a_job_is_hidden_for_six_times_what_its_consumer_may_take() {
    let template = template();
    for environment in ENVIRONMENTS {
        let set = overrides(environment);
        let value = |name: &str| {
            let default = || number(&template, &format!("Parameters/{name}/Default")).unwrap();
            set.get(name).map_or_else(default, |value| value.parse().unwrap())
        };
        assert!(value("PublishVisibilityTimeout") >= 6 * value("ConsumerTimeout"), "{environment}");
    }
}
