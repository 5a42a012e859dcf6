//! What is written about a run: one JSON line per event on standard output, and metrics in CloudWatch's embedded format.
//! Neither ever carries a secret, a body, a URL or a platform's prose.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    io::{self, Write},
    panic::PanicHookInfo,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{filter::Targets, fmt::MakeWriter, layer::SubscriberExt};

use crate::{clock::Clock, platform::Platform};

/// Field names, spelled once: what the log is searched by.
pub mod field {
    /// The tenant's id.
    pub const TENANT: &str = "tenant";
    /// The post's id.
    pub const POST: &str = "post";
    /// The target's id within its post.
    pub const TARGET: &str = "target";
    /// The connection's id.
    pub const CONNECTION: &str = "connection";
    /// The platform's name.
    pub const PLATFORM: &str = "platform";
    /// The SQS message's id.
    pub const MESSAGE_ID: &str = "message_id";
    /// A whole error, causes included: `error = %Chain(&error)`.
    pub const ERROR: &str = "error";
    /// A stable code out of a bounded set.
    pub const CODE: &str = "code";
    /// How long it took.
    pub const DURATION: &str = "duration_ms";
}

/// What the targets of crates that log about the wire begin with. Nothing of theirs is written below `WARN`: at `TRACE`
/// the SDK's signer writes credentials, and hyper headers.
const CAPPED: [&str; 4] = ["aws_", "h2", "hyper", "rustls"];

/// The runtime: at `TRACE` it writes whole events, API keys and OAuth codes included; its spans carry the request's id.
const RUNTIME: &str = "lambda_runtime";

fn filter(level: LevelFilter) -> Targets {
    let cap = level.min(LevelFilter::WARN);
    Targets::new()
        .with_default(level)
        .with_targets(CAPPED.map(|target| (target, cap)))
        .with_target(RUNTIME, level.min(LevelFilter::DEBUG))
}

/// Writes events at `level` and above to standard output from now on, and of a panic where it was, never what it says: some
/// quote the text that they were at work with. The second call in a process changes nothing.
pub fn init(level: LevelFilter) {
    std::panic::set_hook(Box::new(panicked));
    let already_set = tracing::subscriber::set_global_default(subscriber(level, io::stdout)).is_err();
    if already_set {
        tracing::debug!("logging was already set up");
    }
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, "a panic");
}

/// What [`init`] installs for events, writing wherever a test wants it.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_writer(writer);
    tracing_subscriber::registry().with(filter(level)).with(lines)
}

/// An error with all its causes, for one log field: `error = %Chain(&error)`.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The functions, by name: the one dimension of a metric besides the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// API key to tenant.
    Authorizer,
    /// Connect sessions and callbacks.
    Oauth,
    /// Accepts posts.
    Publish,
    /// Drives targets to their outcome.
    Consumer,
    /// Sends what is due.
    Dispatch,
    /// Renews tokens.
    Refresh,
    /// Checks connections.
    Health,
    /// Takes what platforms send.
    Webhooks,
    /// Works it off.
    Inbound,
    /// Reads and administration.
    Api,
    /// Sends dead letters back to work.
    Redrive,
    /// None of `functions/`: whoever runs postd, with `postctl`.
    Operator,
}

impl Function {
    /// The name, as in `functions/`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorizer => "authorizer",
            Self::Oauth => "oauth",
            Self::Publish => "publish",
            Self::Consumer => "consumer",
            Self::Dispatch => "dispatch",
            Self::Refresh => "refresh",
            Self::Health => "health",
            Self::Webhooks => "webhooks",
            Self::Inbound => "inbound",
            Self::Api => "api",
            Self::Redrive => "redrive",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

macro_rules! metrics {
    ($($(#[$documentation:meta])* $name:ident = $text:literal in $unit:literal),+ $(,)?) => {
        /// Everything that is counted. The names are a closed set: no value from outside ever becomes one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $($(#[$documentation])* $name,)+
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in CloudWatch.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The unit in CloudWatch.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$name => $unit,)+ }
            }
        }
    };
}

metrics! {
    /// Targets sent to the queue because their time had come.
    Dispatched = "dispatched" in "Count",
    /// Targets that went out.
    Published = "published" in "Count",
    /// Attempts that failed and will be repeated.
    Retried = "retried" in "Count",
    /// Targets that failed for good.
    Failed = "failed" in "Count",
    /// Targets whose time ran out.
    Expired = "expired" in "Count",
    /// Publishes whose end nobody saw.
    Unknown = "unknown" in "Count",
    /// Targets that wait for a person.
    NeedsReview = "needs_review" in "Count",
    /// Jobs that panicked or hung, each alone.
    JobsLost = "jobs_lost" in "Count",
    /// How long the longest overdue target has been due.
    OldestOverdue = "oldest_overdue" in "Seconds",
    /// Targets that no message and no reminder stood for, found by looking through the table.
    Strays = "strays" in "Count",
    /// Tokens that were renewed.
    TokensRenewed = "tokens_renewed" in "Count",
    /// Connections that need their owner.
    ReconnectNeeded = "reconnect_needed" in "Count",
    /// Tokens that could not be read or written because KMS or the Vault table did not answer, or refused.
    VaultUnavailable = "vault_unavailable" in "Count",
    /// Calls in which the platform told that our app is misconfigured.
    AppMisconfigured = "app_misconfigured" in "Count",
    /// Webhook deliveries taken in.
    WebhooksReceived = "webhooks_received" in "Count",
    /// Webhook deliveries refused.
    WebhooksRefused = "webhooks_refused" in "Count",
    /// Platforms where the version of the API that postd is set to ends soon, or has ended.
    VersionsEnding = "versions_ending" in "Count",
    /// Requests that went on uncounted, because the count was not to be had.
    LimitsOpen = "limits_open" in "Count",
}

impl Metric {
    /// Whether an alarm looks at it whatever the platform: an alarm takes ten metrics at most, so it cannot add up those of
    /// each platform, and there is one more of the function as a whole.
    const fn has_alarm(self) -> bool {
        matches!(self, Self::AppMisconfigured | Self::VaultUnavailable | Self::NeedsReview)
    }
}

/// Writes metrics as lines in CloudWatch's embedded metric format.
#[derive(Clone)]
pub struct Metrics {
    function: Function,
    clock: Arc<dyn Clock>,
    counted: Arc<Mutex<Counted>>,
    #[cfg(feature = "simulation")]
    silent: bool,
}

/// By platform, so that all of one is one line.
type Counted = BTreeMap<Option<Platform>, BTreeMap<Metric, u64>>;
type Line = (Option<Platform>, Vec<(Metric, u64)>);

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("function", &self.function).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of one function.
    #[must_use]
    pub fn new(function: Function, clock: Arc<dyn Clock>) -> Self {
        Self {
            function,
            clock,
            counted: Arc::default(),
            #[cfg(feature = "simulation")]
            silent: false,
        }
    }

    /// Metrics of a simulation: nobody reads them.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn silent(function: Function, clock: Arc<dyn Clock>) -> Self {
        Self { silent: true, ..Self::new(function, clock) }
    }

    /// Writes one line with all of `values`. A metric given twice counts once, with its last value.
    pub fn emit(&self, platform: Option<Platform>, values: &[(Metric, u64)]) {
        #[cfg(feature = "simulation")]
        if self.silent {
            return;
        }
        if values.is_empty() {
            return;
        }
        let line = self.line(platform, values);
        // One write under the lock keeps lines whole. If standard output is gone, there is nobody to tell.
        if io::stdout().lock().write_all(line.as_bytes()).is_err() {
            tracing::debug!("a metric could not be written");
        }
    }

    /// Counts one, to be written by the next [`Self::flush`]: a line has three hundred bytes, whatever it counts.
    pub fn count(&self, platform: Option<Platform>, metric: Metric) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.entry(platform).or_default().entry(metric).or_default() += 1;
    }

    /// Writes everything that was counted, one line for each platform.
    pub fn flush(&self) {
        for (platform, values) in self.take() {
            self.emit(platform, &values);
        }
    }

    fn take(&self) -> Vec<Line> {
        let counted = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        counted.into_iter().map(|(platform, values)| (platform, values.into_iter().collect())).collect()
    }

    fn line(&self, platform: Option<Platform>, values: &[(Metric, u64)]) -> String {
        let names: Vec<_> =
            values.iter().map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()})).collect();
        let alarmed = |(metric, _): &&(Metric, u64)| metric.has_alarm() && platform.is_some();
        let alarmed: Vec<_> = values
            .iter()
            .filter(alarmed)
            .map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()}))
            .collect();
        let mut directives = vec![json!({
            "Namespace": "postd",
            "Dimensions": [["function", "platform"]],
            "Metrics": names,
        })];
        if !alarmed.is_empty() {
            directives.push(json!({"Namespace": "postd", "Dimensions": [["function"]], "Metrics": alarmed}));
        }
        let mut line = json!({
            "_aws": {"Timestamp": self.clock.now().as_millisecond(), "CloudWatchMetrics": directives},
            "function": self.function.name(),
            "platform": platform.map_or("none", Platform::name),
        });
        if let Some(members) = line.as_object_mut() {
            members.extend(values.iter().map(|(metric, value)| (metric.name().to_owned(), json!(value))));
        }
        format!("{line}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        clock::ManualClock,
        secret::{AccessToken, AppCredentials, AppSecret, VerifyToken},
    };

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, events: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), events);
        buffer.text()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the outer failed")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the inner failed")]
    struct Inner(#[source] io::Error);

    #[test]
    fn a_chain_shows_every_cause_once() {
        let error = Outer(Inner(io::Error::other("the disk is full")));
        assert_eq!(Chain(&error).to_string(), "the outer failed: the inner failed: the disk is full");
    }

    #[test]
    fn an_event_is_one_flat_json_line() {
        let text = logged(LevelFilter::INFO, || {
            let span = tracing::info_span!("job", tenant = "ten_1");
            let _inside = span.enter();
            tracing::warn!(code = "facebook.token.expired", "held\nback");
        });
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "held\nback");
        assert_eq!(line["code"], "facebook.token.expired");
        assert_eq!(line["target"], "shared::telemetry::tests");
        assert_eq!(line["spans"][0]["tenant"], "ten_1");
        assert!(line["timestamp"].is_string());
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn the_wire_is_never_logged_below_warn() {
        let text = logged(LevelFilter::TRACE, || {
            tracing::trace!(target: "aws_sigv4::http_request", "canary");
            tracing::debug!(target: "aws_smithy_runtime::client", "canary");
            tracing::info!(target: "aws_sdk_dynamodb", "canary");
            tracing::debug!(target: "hyper_util::client", "canary");
            tracing::debug!(target: "rustls::client::hs", "canary");
            tracing::warn!(target: "rustls", "shown");
            tracing::trace!("also shown");
        });
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(text.lines().count(), 2);
        let quiet = logged(LevelFilter::ERROR, || tracing::warn!(target: "rustls", "too mild for this level"));
        assert_eq!(quiet, "");
    }

    #[test]
    fn f56_the_runtime_never_writes_an_event() {
        let text = logged(LevelFilter::TRACE, || {
            let _span =
                tracing::info_span!(target: "lambda_runtime::layers::trace", "invocation", requestId = "r1").entered();
            tracing::trace!(target: "lambda_runtime::layers::api_response", body = "canary", "raw JSON event");
            tracing::info!("told");
        });
        assert!(!text.contains("canary") && text.contains("r1"), "{text}");
    }

    #[test]
    fn f56_of_a_panic_the_log_has_the_place_and_none_of_its_words() {
        let text = logged(LevelFilter::INFO, || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(panicked));
            let secret = "kVq8sB2xéY7pTn0Lw";
            let ended = std::panic::catch_unwind(|| {
                // What cuts a text in the middle of a letter quotes it.
                secret.split_at(9).0.len()
            });
            std::panic::set_hook(before);
            let told = ended.unwrap_err().downcast::<String>().unwrap();
            assert!(told.contains(secret), "{told}");
        });
        assert!(!text.contains("kVq8") && text.contains("\"a panic\"") && text.contains(".rs:"), "{text}");
    }

    #[test]
    fn a_logged_secret_shows_as_redacted() {
        let token = AccessToken::new("canary-token");
        let app = AppCredentials {
            client_id: "1".into(),
            client_secret: AppSecret::new("canary-secret"),
            previous_client_secret: Some(AppSecret::new("canary-previous")),
            webhook_verify_token: VerifyToken::new("canary-verify"),
            previous_webhook_verify_token: Some(VerifyToken::new("canary-before")),
            webhook_secrets: vec![AppSecret::new("canary-hook")],
        };
        let text = logged(LevelFilter::TRACE, || tracing::error!(?token, ?app, "careless"));
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("AccessToken([redacted])"));
    }

    #[test]
    fn a_metric_is_one_line_in_the_embedded_format() {
        let clock = ManualClock::at(Timestamp::from_millisecond(1_700_000_000_123).unwrap());
        let metrics = Metrics::new(Function::Consumer, Arc::new(clock));
        let text = metrics.line(Some(Platform::Facebook), &[(Metric::Published, 3), (Metric::OldestOverdue, 250)]);
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {"Timestamp": 1_700_000_000_123_i64, "CloudWatchMetrics": [{
                    "Namespace": "postd",
                    "Dimensions": [["function", "platform"]],
                    "Metrics": [{"Name": "published", "Unit": "Count"}, {"Name": "oldest_overdue", "Unit": "Seconds"}],
                }]},
                "function": "consumer", "platform": "facebook", "published": 3, "oldest_overdue": 250,
            })
        );
    }

    #[test]
    fn what_an_alarm_looks_at_is_counted_for_the_function_as_well() {
        let metrics = Metrics::new(Function::Consumer, Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)));
        let values = [(Metric::Published, 3), (Metric::NeedsReview, 1)];
        let line: serde_json::Value = serde_json::from_str(&metrics.line(Some(Platform::Facebook), &values)).unwrap();
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 2);
        assert_eq!(directives[1]["Dimensions"], json!([["function"]]));
        assert_eq!(directives[1]["Metrics"], json!([{"Name": "needs_review", "Unit": "Count"}]));
    }

    #[test]
    fn every_alarm_of_several_functions_looks_at_a_metric_that_is_written_for_it() {
        let template = include_str!("../../template.yaml");
        let all: Vec<&str> = template.lines().map(str::trim).collect();
        let with_alarm: BTreeSet<&str> =
            Metric::ALL.iter().filter(|metric| metric.has_alarm()).map(|metric| metric.name()).collect();
        let mut looked_at = BTreeSet::new();
        for pair in all.windows(2) {
            if let (Some(name), true) = (pair[0].strip_prefix("MetricName: "), pair[1].ends_with("}]")) {
                let of_function = pair[1].starts_with("Dimensions: [{ Name: function") && !pair[1].contains("platform");
                looked_at.extend(of_function.then_some(name));
            }
        }
        assert_eq!(looked_at, with_alarm);
    }

    #[test]
    fn what_is_counted_is_written_once_and_together() {
        let metrics = Metrics::new(Function::Consumer, Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)));
        for _ in 0..3 {
            metrics.clone().count(Some(Platform::Facebook), Metric::Published);
        }
        metrics.count(Some(Platform::Facebook), Metric::Failed);
        metrics.count(None, Metric::JobsLost);
        let expected = vec![
            (None, vec![(Metric::JobsLost, 1)]),
            (Some(Platform::Facebook), vec![(Metric::Published, 3), (Metric::Failed, 1)]),
        ];
        assert_eq!(metrics.take(), expected);
        assert!(metrics.take().is_empty());
    }

    #[test]
    fn metric_names_are_distinct_and_never_a_dimension() {
        let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        assert!(!names.contains("function") && !names.contains("platform"));
    }
}
