//! The functions' binaries: built by cargo into a directory of their own, so that the features the functions do without are
//! not switched on by what the local cloud needs.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

/// How the binaries come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Build with optimisation, as for AWS.
    pub release: bool,
    /// Take what is there, without asking cargo.
    pub skip: bool,
    /// Where cargo puts them; `target/functions` in the workspace without.
    pub target_directory: Option<PathBuf>,
}

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// cargo cannot be run.
    #[error("cargo cannot be run")]
    NoCargo(#[source] std::io::Error),
    /// cargo said why.
    #[error("the functions were not built: cargo ended with {0}, see above")]
    Failed(ExitStatus),
    /// Building was skipped, but there is nothing.
    #[error("{} has not been built: leave out --no-build", .0.display())]
    Missing(PathBuf),
}

/// Builds these packages and gives the directory that their binaries are in. cargo's progress goes to standard error.
pub(crate) async fn build(workspace: &Path, packages: &[String], build: &Build) -> Result<PathBuf, BuildError> {
    let target = build.target_directory.clone().unwrap_or_else(|| workspace.join("target").join("functions"));
    let directory = target.join(if build.release { "release" } else { "debug" });
    if build.skip {
        let missing = packages.iter().map(|package| directory.join(package)).find(|binary| !binary.is_file());
        return missing.map_or(Ok(directory), |binary| Err(BuildError::Missing(binary)));
    }
    let mut command = Command::new("cargo");
    command.arg("build").arg("--target-dir").arg(&target).current_dir(workspace);
    for package in packages {
        command.args(["--package", package]);
    }
    if build.release {
        command.arg("--release");
    }
    // What `cargo run` has put into this process's environment would make cargo build half of it anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_") && text != "CARGO_HOME" && !text.starts_with("CARGO_NET_") {
            command.env_remove(&name);
        }
    }
    let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await.map_err(BuildError::NoCargo)?;
    if status.success() { Ok(directory) } else { Err(BuildError::Failed(status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_cargo_a_missing_binary_is_named() {
        let options = Build { release: true, skip: true, target_directory: Some(PathBuf::from("/nowhere")) };
        let error = build(Path::new("/"), &["consumer".to_owned()], &options).await.unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/release/consumer has not been built: leave out --no-build");
    }
}
