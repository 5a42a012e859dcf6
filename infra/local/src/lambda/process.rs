//! A function's process: its environment variables, its output, its signals, its end.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};

use super::{FunctionDefinition, Settings};
use crate::logs::Level;
use crate::observe::Observed;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    /// Right before it was spawned.
    began: Instant,
    /// Dropped or used to kill.
    kill: Option<oneshot::Sender<()>>,
    ended: watch::Receiver<Option<String>>,
}

impl Process {
    pub(super) fn start(
        definition: &FunctionDefinition,
        settings: &Settings,
        runtime_api: &str,
    ) -> Result<Self, String> {
        let path = settings.binaries.join(&definition.binary);
        let mut command = Command::new(&path);
        command
            .env_clear()
            .envs(variables(definition, settings, runtime_api))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C reaches the local cloud only, and if that dies without a chance to clean up, the
            // kernel hangs up on the orphaned group, stopped or not.
            .process_group(0)
            .kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("{} cannot be run: {error}", path.display()))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("{} ended at once", path.display()))?;
        forward(child.stdout.take(), &definition.binary, settings, Level::Info);
        // Nothing is meant to go there: panics do.
        forward(child.stderr.take(), &definition.binary, settings, Level::Warn);
        let (kill, killed) = oneshot::channel();
        let (sender, ended) = watch::channel(None);
        tokio::spawn(async move {
            let status = end_of(&mut child, killed).await;
            sender.send_replace(Some(status));
        });
        Ok(Self { pid, began, kill: Some(kill), ended })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Waits for its end and says how it came.
    pub(super) fn end(&self) -> impl Future<Output = String> + use<> {
        let mut ended = self.ended.clone();
        async move {
            let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| status.clone());
            status.unwrap_or_else(|| "killed".to_owned())
        }
    }

    pub(super) fn kill(&mut self) {
        self.kill.take();
    }

    /// Stops it until [`Self::thaw`].
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if self.ended().is_none() {
            // It can only fail because the process is gone, which its end will tell.
            let _gone = kill_process(self.pid, signal);
        }
    }
}

async fn end_of(child: &mut Child, killed: oneshot::Receiver<()>) -> String {
    let status = tokio::select! {
        status = child.wait() => status,
        _asked = killed => {
            // SIGKILL: a frozen process dies of it as well.
            match child.start_kill() {
                Ok(()) => child.wait().await,
                Err(error) => Err(error),
            }
        }
    };
    match status {
        Ok(status) => describe(status),
        Err(error) => error.to_string(),
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(signal) => format!("killed by signal {signal}"),
        None => status.to_string(),
    }
}

fn forward(stream: Option<impl AsyncRead + Unpin + Send + 'static>, binary: &str, settings: &Settings, level: Level) {
    let (Some(stream), binary) = (stream, binary.to_owned()) else { return };
    let (logs, observer) = (settings.logs.clone(), settings.observer.clone());
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            observer.tell(|| Observed::Logged { function: binary.clone(), bytes: line.len() });
            logs.function(&binary, &line, level);
        }
    });
}

/// The environment as Lambda makes it, then the template's variables, then what the local cloud adds for all.
fn variables(definition: &FunctionDefinition, settings: &Settings, runtime_api: &str) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", definition.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", definition.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", definition.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_REGION", emulators::REGION.to_owned()),
        ("AWS_DEFAULT_REGION", emulators::REGION.to_owned()),
        // Its name: the emulators tell by it whose policies apply.
        ("AWS_ACCESS_KEY_ID", definition.name.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", settings.binaries.display().to_string()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    variables.extend(definition.environment.clone());
    variables.extend(settings.environment.clone());
    variables
}
