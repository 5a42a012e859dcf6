//! Configuration is read once, at cold start; a bad one names every bad variable and shows no value.
//!
//! A function asks for the sections that it needs, and gets them all or one error about all of them:
//!
//! ```
//! use shared::config::{self, Core, Vault};
//! # let environment = [
//! #     ("POSTD_ENVIRONMENT", "dev"), ("POSTD_STATE_TABLE", "State"),
//! #     ("POSTD_VAULT_TABLE", "Vault"), ("POSTD_TOKEN_KEY", "arn:aws:kms:…"),
//! # ];
//! let (core, vault) = config::read::<(Core, Vault)>(&environment)?;
//! # assert_eq!((core.state_table.as_str(), vault.table.as_str()), ("State", "Vault"));
//! # Ok::<(), config::BadConfiguration>(())
//! ```

use std::{fmt, str::FromStr};

use jiff::SignedDuration;
use tracing::level_filters::LevelFilter;
use url::Url;

use crate::{connector::settings::HostPolicy, variables};

mod apps;
mod platforms;

pub use apps::Apps;
pub use platforms::Platforms;

/// A source of environment variables: the process's, or an array in a test.
pub trait Variables {
    /// The value of the variable, if it is set.
    fn value(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Variables for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process's environment")]
    fn value(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl<const N: usize> Variables for [(&str, &str); N] {
    fn value(&self, name: &str) -> Option<String> {
        first(self, name)
    }
}

impl Variables for Vec<(&str, &str)> {
    fn value(&self, name: &str) -> Option<String> {
        first(self, name)
    }
}

fn first(pairs: &[(&str, &str)], name: &str) -> Option<String> {
    pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

/// Where this runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// The local cloud: plain HTTP on loopback is fine, nothing else differs.
    Local,
    /// An AWS account for trying things out.
    Dev,
    /// The rehearsal for production.
    Staging,
    /// The real thing.
    Production,
}

impl Environment {
    /// Where platforms may be called here.
    #[must_use]
    pub const fn platform_hosts(self) -> HostPolicy {
        match self {
            Self::Local => HostPolicy::StandIn,
            Self::Dev | Self::Staging | Self::Production => HostPolicy::PlatformOnly,
        }
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "local" => Ok(Self::Local),
            "dev" => Ok(Self::Dev),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err("not one of local, dev, staging, production"),
        }
    }
}

/// What is wrong with the configuration: every bad variable by name, and never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadConfiguration(Vec<(&'static str, &'static str)>);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bad configuration: ")?;
        for (index, (name, problem)) in self.0.iter().enumerate() {
            write!(formatter, "{}{name} ({problem})", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for BadConfiguration {}

impl BadConfiguration {
    /// One variable that another module refused.
    #[must_use]
    pub fn of(name: &'static str, problem: &'static str) -> Self {
        Self(vec![(name, problem)])
    }
}

/// A part of the configuration; tuples of sections are sections.
pub trait Section: Sized {
    /// Reads the section. `None` goes with at least one problem noted in `reader`, and all of them are noted.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Reads all the sections of `S`.
///
/// # Errors
/// At least one variable is missing or cannot be read; the error names them all.
pub fn read<S: Section>(variables: &dyn Variables) -> Result<S, BadConfiguration> {
    let mut reader = Reader { variables, problems: Vec::new() };
    let section = S::read(&mut reader);
    match section {
        Some(section) if reader.problems.is_empty() => Ok(section),
        Some(_) | None => Err(BadConfiguration(reader.problems)),
    }
}

/// Reads variables and collects what is wrong with them. An empty variable counts as absent: that is how a template
/// leaves an optional one out.
pub struct Reader<'a> {
    variables: &'a dyn Variables,
    problems: Vec<(&'static str, &'static str)>,
}

impl Reader<'_> {
    /// Notes a problem, once per variable: sections may share one.
    pub fn refuse(&mut self, name: &'static str, problem: &'static str) {
        if !self.problems.contains(&(name, problem)) {
            self.problems.push((name, problem));
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.variables.value(name).filter(|value| !value.is_empty())
    }

    /// A variable that must be there, as text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.value(name);
        if value.is_none() {
            self.refuse(name, "missing");
        }
        value
    }

    /// A variable that must be there and be what `parse` reads.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let value = self.text(name)?;
        self.parsed(name, &value, parse)
    }

    /// A variable that may be absent (`Some(None)`); `None` if it is there and cannot be read.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<Option<T>> {
        match self.value(name) {
            Some(value) => self.parsed(name, &value, parse).map(Some),
            None => Some(None),
        }
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        value: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        parse(value).map_err(|problem| self.refuse(name, problem)).ok()
    }
}

/// Reads a base URL: `https` (or `http`, where `plain` allows it), a host, nothing after the path.
///
/// # Errors
/// What is wrong with it.
pub fn base_url(value: &str, environment: Environment) -> Result<Url, &'static str> {
    let url = Url::parse(value).map_err(|_| "not a URL")?;
    match (url.scheme(), environment) {
        ("https", _) | ("http", Environment::Local) => {}
        (_, Environment::Local) => return Err("neither http nor https"),
        (_, Environment::Dev | Environment::Staging | Environment::Production) => return Err("not an https URL"),
    }
    let bare =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if bare { Ok(url) } else { Err("has more than scheme, host, port and path") }
}

/// What every function needs.
#[derive(Debug, Clone)]
pub struct Core {
    /// Where this runs ([`variables::ENVIRONMENT`]).
    pub environment: Environment,
    /// The least severe level that is logged ([`variables::LOG`]).
    pub log: LevelFilter,
    /// Where the outside world reaches the API ([`variables::PUBLIC_URL`]); `None`: derived from each request.
    pub public_url: Option<Url>,
    /// The State table ([`variables::STATE_TABLE`]).
    pub state_table: String,
}

impl Section for Core {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let environment = reader.required(variables::ENVIRONMENT, str::parse);
        let log = reader.optional(variables::LOG, level);
        // A bad environment is already noted; the strict rule then applies to what depends on it.
        let rule = environment.unwrap_or(Environment::Production);
        let public_url = reader.optional(variables::PUBLIC_URL, |value| base_url(value, rule));
        let state_table = reader.text(variables::STATE_TABLE);
        Some(Self {
            environment: environment?,
            log: log?.unwrap_or(LevelFilter::INFO),
            public_url: public_url?,
            state_table: state_table?,
        })
    }
}

fn level(value: &str) -> Result<LevelFilter, &'static str> {
    match value {
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err("not one of error, warn, info, debug, trace"),
    }
}

/// For how many messages a data key may be good at most.
const LARGEST_DATA_KEY: u64 = 1 << 32;

/// What the vault needs.
#[derive(Debug, Clone)]
pub struct Vault {
    /// The Vault table ([`variables::VAULT_TABLE`]).
    pub table: String,
    /// The ARN of the KMS key ([`variables::TOKEN_KEY`]).
    pub token_key: String,
    /// When a tenant gets a new data key.
    pub data_keys: DataKeyLimits,
}

/// For how long, and for how many messages, a tenant seals with one data key: whatever comes first ends it. It opens what
/// it has sealed for as long as that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataKeyLimits {
    /// Days ([`variables::DATA_KEY_DAYS`]).
    pub days: u16,
    /// Messages ([`variables::DATA_KEY_MESSAGES`]).
    pub messages: u64,
}

impl Default for DataKeyLimits {
    fn default() -> Self {
        Self { days: 30, messages: 1 << 20 }
    }
}

impl Section for Vault {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let table = reader.text(variables::VAULT_TABLE);
        let token_key = reader.text(variables::TOKEN_KEY);
        let default = DataKeyLimits::default();
        let days = reader.optional(variables::DATA_KEY_DAYS, |value| match value.parse() {
            Ok(days @ 1..=365) => Ok(days),
            Ok(_) | Err(_) => Err("not a number of days from 1 to 365"),
        });
        // NIST SP 800-38D allows 2^32 random nonces under one key. Here each message has a key of its own, and still.
        let messages = reader.optional(variables::DATA_KEY_MESSAGES, |value| match value.parse() {
            Ok(messages @ 1..=LARGEST_DATA_KEY) => Ok(messages),
            Ok(_) | Err(_) => Err("not a number from 1 to 2^32"),
        });
        let data_keys =
            DataKeyLimits { days: days?.unwrap_or(default.days), messages: messages?.unwrap_or(default.messages) };
        Some(Self { table: table?, token_key: token_key?, data_keys })
    }
}

macro_rules! text_section {
    ($(#[$documentation:meta])* $name:ident, $variable:ident, $(#[$field_documentation:meta])* $field:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $(#[$field_documentation])*
            pub $field: String,
        }

        impl Section for $name {
            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                Some(Self { $field: reader.text(variables::$variable)? })
            }
        }
    };
}

text_section!(
    /// The queue of publish jobs.
    PublishQueue, PUBLISH_QUEUE_URL,
    /// Its URL ([`variables::PUBLISH_QUEUE_URL`]).
    url
);
text_section!(
    /// The queue of publish jobs that have failed for good.
    DeadLetterQueue, DEAD_LETTER_QUEUE_URL,
    /// Its URL ([`variables::DEAD_LETTER_QUEUE_URL`]).
    url
);
text_section!(
    /// The queue of stored webhook events.
    InboundQueue, INBOUND_QUEUE_URL,
    /// Its URL ([`variables::INBOUND_QUEUE_URL`]).
    url
);
text_section!(
    /// What signs cursors.
    Signing, SIGNING_KEY,
    /// The ARN of the secret ([`variables::SIGNING_KEY`]).
    secret
);

/// Where callers upload files.
#[derive(Debug, Clone)]
pub struct Media {
    /// The bucket ([`variables::MEDIA_BUCKET`]).
    pub bucket: String,
    /// For how many days posts may use a file ([`variables::MEDIA_DAYS`]).
    pub days: u16,
}

impl Section for Media {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let bucket = reader.text(variables::MEDIA_BUCKET);
        let days = reader.optional(variables::MEDIA_DAYS, |value| match value.parse() {
            Ok(days @ 1..=365) => Ok(days),
            Ok(_) | Err(_) => Err("not a number of days from 1 to 365"),
        });
        Some(Self { bucket: bucket?, days: days?.unwrap_or(7) })
    }
}

/// The guard against the same content going out twice.
#[derive(Debug, Clone, Copy)]
pub struct Duplicates {
    /// How far apart two posts with the same content must lie ([`variables::DUPLICATE_WINDOW_HOURS`]); `None`: anything
    /// goes.
    pub window: Option<SignedDuration>,
}

impl Section for Duplicates {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let hours = reader.optional(variables::DUPLICATE_WINDOW_HOURS, |value| match value.parse::<u8>() {
            Ok(hours @ 0..=168) => Ok(hours),
            Ok(_) | Err(_) => Err("not a number of hours from 0 to 168"),
        })?;
        let window = hours.filter(|hours| *hours > 0);
        Some(Self { window: window.map(|hours| SignedDuration::from_hours(i64::from(hours))) })
    }
}

/// How old figures may be.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Older ones are read anew for whoever asks ([`variables::FIGURES_MAX_AGE_MINUTES`]).
    pub max_age: SignedDuration,
}

impl Figures {
    /// Unless something else is said.
    pub const MAX_AGE: SignedDuration = SignedDuration::from_mins(15);
}

impl Section for Figures {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let minutes = reader.optional(variables::FIGURES_MAX_AGE_MINUTES, |value| match value.parse::<u16>() {
            Ok(minutes @ 1..=1440) => Ok(minutes),
            Ok(_) | Err(_) => Err("not a number of minutes from 1 to 1440"),
        })?;
        Some(Self { max_age: minutes.map_or(Self::MAX_AGE, |minutes| SignedDuration::from_mins(minutes.into())) })
    }
}

/// A function that needs nothing more.
impl Section for () {
    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

macro_rules! tuple_section {
    ($($name:ident),+) => {
        impl<$($name: Section),+> Section for ($($name,)+) {
            #[expect(non_snake_case, reason = "the type parameter's name serves for its value")]
            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                // All are read before any is looked at, so that one bad section does not hide the next.
                $(let $name = $name::read(reader);)+
                Some(($($name?,)+))
            }
        }
    };
}

tuple_section!(A, B);
tuple_section!(A, B, C);
tuple_section!(A, B, C, D);
tuple_section!(A, B, C, D, E);
tuple_section!(A, B, C, D, E, F);
tuple_section!(A, B, C, D, E, F, G);

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: [(&str, &str); 2] = [("POSTD_ENVIRONMENT", "production"), ("POSTD_STATE_TABLE", "State")];

    fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        // The first entry of a name counts, so `more` overrides.
        more.iter().chain(&CORE).copied().collect()
    }

    fn problem<S: Section>(variables: &dyn Variables) -> String {
        read::<S>(variables).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn every_bad_variable_is_named_at_once_and_no_value_is_shown() {
        let error = read::<(Core, Vault, PublishQueue)>(&[
            ("POSTD_ENVIRONMENT", "hunter2"),
            ("POSTD_PUBLIC_URL", "hunter2"),
            ("POSTD_LOG", "hunter2"),
            ("POSTD_VAULT_TABLE", ""),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad configuration: POSTD_ENVIRONMENT (not one of local, dev, staging, production), \
             POSTD_LOG (not one of error, warn, info, debug, trace), POSTD_PUBLIC_URL (not a URL), \
             POSTD_STATE_TABLE (missing), POSTD_VAULT_TABLE (missing), POSTD_TOKEN_KEY (missing), \
             POSTD_PUBLISH_QUEUE_URL (missing)"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_absent_or_empty_takes_its_default() {
        let core =
            read::<Core>(&[("POSTD_ENVIRONMENT", "dev"), ("POSTD_STATE_TABLE", "State"), ("POSTD_PUBLIC_URL", "")])
                .unwrap();
        assert_eq!((core.environment, core.log, core.public_url), (Environment::Dev, LevelFilter::INFO, None));
    }

    #[test]
    fn plain_http_is_for_the_local_cloud_only() {
        let url = [("POSTD_PUBLIC_URL", "http://127.0.0.1:8080")];
        assert_eq!(problem::<Core>(&with(&url)), "bad configuration: POSTD_PUBLIC_URL (not an https URL)");
        let local = [("POSTD_ENVIRONMENT", "local"), url[0]];
        assert_eq!(problem::<Core>(&with(&local)), "");
        let unknown = [("POSTD_ENVIRONMENT", "lokal"), url[0]];
        assert!(problem::<Core>(&with(&unknown)).contains("POSTD_PUBLIC_URL (not an https URL)"));
    }

    #[test]
    fn a_public_url_carries_nothing_but_the_way_to_the_api() {
        for wrong in ["https://a.example/?x=1", "https://a.example/#x", "https://user:pass@a.example"] {
            assert!(problem::<Core>(&with(&[("POSTD_PUBLIC_URL", wrong)])).contains("has more than"), "{wrong}");
        }
        assert_eq!(problem::<Core>(&with(&[("POSTD_PUBLIC_URL", "https://a.example/prod")])), "");
    }

    #[test]
    fn the_window_for_duplicates_is_off_unless_it_is_asked_for_and_a_week_at_most() {
        let window = |hours| read::<Duplicates>(&[("POSTD_DUPLICATE_WINDOW_HOURS", hours)]).unwrap().window;
        assert_eq!((window(""), window("0")), (None, None));
        assert_eq!(window("168"), Some(SignedDuration::from_hours(168)));
        for wrong in ["169", "-1", "1.5", "x", "1000"] {
            let text = problem::<Duplicates>(&[("POSTD_DUPLICATE_WINDOW_HOURS", wrong)]);
            assert!(text.contains("not a number of hours from 0 to 168"), "{wrong}: {text}");
        }
    }

    #[test]
    fn figures_serve_for_a_quarter_of_an_hour_unless_something_else_is_said() {
        let age = |minutes| read::<Figures>(&[("POSTD_FIGURES_MAX_AGE_MINUTES", minutes)]).unwrap().max_age;
        assert_eq!((age(""), age("60")), (SignedDuration::from_mins(15), SignedDuration::from_mins(60)));
        for wrong in ["0", "1441", "-1", "x"] {
            let text = problem::<Figures>(&[("POSTD_FIGURES_MAX_AGE_MINUTES", wrong)]);
            assert!(text.contains("not a number of minutes from 1 to 1440"), "{wrong}: {text}");
        }
    }

    #[test]
    fn a_data_key_serves_for_30_days_and_a_million_messages_unless_something_else_is_said() {
        let limits = |days, messages| {
            let limits = [("POSTD_DATA_KEY_DAYS", days), ("POSTD_DATA_KEY_MESSAGES", messages)];
            let names = [("POSTD_VAULT_TABLE", "Vault"), ("POSTD_TOKEN_KEY", "key")];
            read::<Vault>(&[limits, names].concat()).unwrap().data_keys
        };
        assert_eq!(limits("", ""), DataKeyLimits { days: 30, messages: 1_048_576 });
        assert_eq!(limits("1", "4294967296"), DataKeyLimits { days: 1, messages: 1 << 32 });
        for (name, value) in [
            ("POSTD_DATA_KEY_DAYS", "0"),
            ("POSTD_DATA_KEY_DAYS", "366"),
            ("POSTD_DATA_KEY_MESSAGES", "0"),
            ("POSTD_DATA_KEY_MESSAGES", "4294967297"),
        ] {
            assert!(problem::<Vault>(&[(name, value)]).contains(name), "{name}={value}");
        }
    }
}
