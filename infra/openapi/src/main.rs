//! Writes `openapi.yaml` at the root of the repository; with `--check`, says whether it is what the code says.

use std::{fs, io, path::Path, process::ExitCode};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.yaml");
const USAGE: &str = "usage: cargo run -p openapi [-- --check]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => write(Path::new(FILE)),
        ["--check"] => check(Path::new(FILE)),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn write(file: &Path) -> Result<(), String> {
    fs::write(file, generated()?).map_err(|error| format!("openapi.yaml cannot be written: {error}"))
}

fn check(file: &Path) -> Result<(), String> {
    let committed = match fs::read_to_string(file) {
        Ok(committed) => committed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("openapi.yaml is missing: run `cargo run -p openapi` and commit it.".to_owned());
        }
        Err(error) => return Err(format!("openapi.yaml cannot be read: {error}")),
    };
    let generated = generated()?;
    if committed == generated {
        return Ok(());
    }
    Err(format!(
        "openapi.yaml is not what the code says: run `cargo run -p openapi` and commit it.\n{}",
        first_difference(&committed, &generated)
    ))
}

fn generated() -> Result<String, String> {
    openapi::yaml().map_err(|error| format!("the document cannot be written as YAML: {error}"))
}

fn first_difference(committed: &str, generated: &str) -> String {
    let mut lines = committed.lines().zip(generated.lines()).enumerate();
    match lines.find(|(_, (committed, generated))| committed != generated) {
        Some((index, (committed, generated))) => {
            format!("line {}:\n  committed: {committed}\n  generated: {generated}", index + 1)
        }
        None => format!("committed: {} lines, generated: {}", committed.lines().count(), generated.lines().count()),
    }
}
