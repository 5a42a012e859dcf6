//! How large the functions' binaries are, as they are and packed.

use std::path::Path;

use tokio::process::Command;

use super::Failure;
use super::report::Report;

const FUNCTIONS: [&str; 11] = [
    "authorizer",
    "oauth",
    "publish",
    "consumer",
    "dispatch",
    "refresh",
    "health",
    "webhooks",
    "inbound",
    "api",
    "redrive",
];
/// MiB: the limit that postd sets itself (docs/performance.md).
const LIMIT: f64 = 4.0;

pub(crate) async fn measure(template: &Path, release: bool, report: &mut Report) -> Result<(), Failure> {
    let section = "9. Size";
    let workspace = template.parent().unwrap_or(Path::new("."));
    let directory = workspace.join("target/functions").join(if release { "release" } else { "debug" });
    for function in FUNCTIONS {
        let file = directory.join(function);
        report.number(section, function, (mib(std::fs::metadata(&file)?.len()), "MiB"), None);
        // Only an aid to measuring: not every machine has zip.
        if let Ok(zipped) = Command::new("zip").args(["-9", "-q", "-j", "-"]).arg(&file).output().await
            && zipped.status.success()
        {
            let size = mib(u64::try_from(zipped.stdout.len())?);
            report.number(section, format!("{function}, zip -9"), (size, "MiB"), Some(LIMIT));
        }
    }
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    u32::try_from(bytes).map_or(f64::INFINITY, f64::from) / 1_048_576.0
}
