//! What the figures were taken on.

use serde_json::{Value, json};
use tokio::process::Command;

pub(crate) async fn describe() -> Value {
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    json!({
        "cpu": cpu.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "rustc": output("rustc", &["--version"]).await,
        "commit": output("git", &["rev-parse", "--short", "HEAD"]).await,
        "build": if cfg!(debug_assertions) { "debug: these figures mean nothing" } else { "release" },
        "load_before": load(),
    })
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

async fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().await;
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
