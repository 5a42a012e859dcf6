//! How long the local cloud itself takes until it answers.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::Failure;
use super::report::Report;
use local::demo::browser::Client;

/// Starts that are timed, after one that is not.
const RUNS: u32 = 5;
/// Milliseconds.
const LIMIT: f64 = 2_000.0;
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn measure(template: &Path, release: bool, report: &mut Report) -> Result<(), Failure> {
    let mut took = Vec::new();
    for run in 0..=RUNS {
        let one = start(template, release).await?;
        if run > 0 {
            took.push(one);
        }
    }
    report.spread("8. The local cloud", "spawn of `local --no-build` to GET /health = 200", took, Some(LIMIT));
    Ok(())
}

async fn start(template: &Path, release: bool) -> Result<Duration, Failure> {
    let [api, simulator, aws] = free_ports()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--no-build", "--api-port", &api, "--simulator-port", &simulator, "--aws-port", &aws]);
    command.arg("--template").arg(template).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    if release {
        command.arg("--release");
    }
    let client = Client::new(&format!("http://127.0.0.1:{api}"), "", "");
    let began = Instant::now();
    let mut child = command.spawn()?;
    while client.api(Method::GET, "/health", (None, &[]), 200).await.is_err() {
        if began.elapsed() > PATIENCE {
            return Err("the local cloud does not answer".into());
        }
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(2)).await;
    }
    let took = began.elapsed();
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    kill_process(pid.ok_or("the local cloud ended by itself")?, Signal::TERM)?;
    child.wait().await?;
    Ok(took)
}

/// Three ports that are free at this moment.
fn free_ports() -> Result<[String; 3], Failure> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = [listen()?, listen()?, listen()?];
    let port = |listener: &TcpListener| Ok::<_, Failure>(listener.local_addr()?.port().to_string());
    let [first, second, third] = &listeners;
    Ok([port(first)?, port(second)?, port(third)?])
}
