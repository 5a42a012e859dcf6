//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil::Date};
use shared::{
    connect::check_listed,
    ids::{KeyId, TenantId},
    platform::Platform,
    scope::{Scope, Scopes},
};
use url::Url;

/// Where `cargo run -p local` has AWS unless it is told otherwise.
const LOCAL: &str = "http://127.0.0.1:8082";

const EXAMPLES: &str = "\
Examples:
  postctl --stack postd tenants create 'Blue Bakery' --return-url https://app.example.com/connected
  postctl --stack postd tenants return-urls ten_… --set https://app.example.com/connected
  postctl --stack postd keys create ten_… --environment production --name backend --scope all
  postctl --stack postd keys create ten_… --environment production --name board \\
      --scope posts:read --scope connections:read --expires 90d
  postctl --stack postd keys rotate ten_… key_… --overlap 24h > new-key
  postctl --stack postd keys revoke ten_… key_…
  postctl --stack postd audit export ten_… --month 2026-11 > november.jsonl
  postctl --local tenants list
  postctl --stack postd tenants delete ten_… --wait
  postctl --stack postd vault re-encrypt --keys-made-since now

What was asked for is on standard output, and nothing else; what there is to say about it is on standard error. A key is
shown once, when it is made.

Exit codes:
  0  done
  1  AWS did not answer, or refused; after a change, look whether it was made
  2  the command line is wrong
  3  there is no such tenant, key or table, or it is not in a state for this
  4  the audit's chain is broken
  5  some tokens could not be sealed again
  130  interrupted

Credentials and region come from where the AWS CLI has them: environment, profiles (AWS_PROFILE), single sign-on, container,
instance. They need, on the state table: dynamodb:GetItem, Query, PutItem and UpdateItem; Scan for `tenants list`; and
dynamodb:ListTables for --stack. `tenants delete` takes Scan and BatchWriteItem besides, and on the vault table GetItem,
Query, PutItem and DeleteItem. `vault re-encrypt` takes, on the vault table, Scan (or Query, with --tenant), GetItem, PutItem,
UpdateItem and ConditionCheckItem, and kms:GenerateDataKey and kms:Decrypt with the key.";

/// Tenants, API keys, the audit and the vault of postd, for those who run it.
#[derive(Debug, Parser)]
#[command(name = "postctl", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Who you are, for the audit; told, not proved: the log of AWS itself knows whose credentials these are
    #[arg(long, global = true, value_name = "NAME", env = "USER", default_value = "unknown", hide_env_values = true)]
    pub(crate) operator: String,

    /// Answer as one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which postd.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The CloudFormation stack whose state table to use
    #[arg(long, global = true, value_name = "NAME", env = "POSTD_STACK")]
    pub(crate) stack: Option<String>,

    /// The state table itself (the stack's output `StateTableName`); counts before --stack
    #[arg(long, global = true, value_name = "TABLE", env = "POSTD_STATE_TABLE")]
    pub(crate) state_table: Option<String>,

    /// The vault table (the stack's output `VaultTableName`), where it is not the one beside the state table
    #[arg(long, global = true, value_name = "TABLE", env = "POSTD_VAULT_TABLE")]
    pub(crate) vault_table: Option<String>,

    /// The KMS key of the vault (the stack's output `TokenKeyArn`), where it is not the stack's alias
    #[arg(long, global = true, value_name = "KEY", env = "POSTD_TOKEN_KEY")]
    pub(crate) token_key: Option<String>,

    /// Use the local cloud on its usual port (`cargo run -p local`)
    #[arg(long, global = true)]
    pub(crate) local: bool,

    /// Use a local cloud at this address, which `cargo run -p local` prints as AWS; counts before --local
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

impl Place {
    /// Where the emulated AWS is, if it is one.
    pub(crate) fn emulated(&self) -> Option<&str> {
        self.endpoint.as_deref().or(self.local.then_some(LOCAL))
    }
}

/// What about.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Customers: each has its own posts, connections and keys
    #[command(subcommand)]
    Tenants(Tenants),
    /// API keys of a tenant
    #[command(subcommand)]
    Keys(Keys),
    /// Who decided what
    #[command(subcommand)]
    Audit(Audit),
    /// Tokens under seal
    #[command(subcommand)]
    Vault(VaultCommand),
}

/// What to do with the vault.
#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Seal tokens again that lie under another data key than their tenant's current one
    ///
    /// Goes page by page while everything goes on, and tells on Ctrl-C how to go on from there. Functions that are warm may
    /// use the old key for five minutes more: run it again after that.
    ReEncrypt(ReEncrypt),
}

/// What to seal again.
#[derive(Debug, Args)]
pub(crate) struct ReEncrypt {
    /// Only the tokens of this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,

    /// Where to go on, as the interrupted command told
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<shared::vault::Place>,

    /// Tenants whose data key was made before this get a new one first: `now`, or a time such as 2026-11-21T10:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) keys_made_since: Option<Since>,
}

/// Since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// The moment of the command.
    Now,
    /// This time.
    At(Timestamp),
}

impl Since {
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Now => now,
            Self::At(at) => at,
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    if text == "now" {
        return Ok(Since::Now);
    }
    text.parse().map(Since::At).map_err(|_| "expected `now` or a time, such as 2026-11-21T10:00:00Z".to_owned())
}

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// Create a tenant and print its id
    Create {
        /// A name for people
        #[arg(value_parser = name)]
        name: String,

        /// Where browsers may be sent after a login, to the letter but for the query; may be repeated. Nobody can connect an
        /// account before there is one
        #[arg(long = "return-url", value_name = "URL", value_parser = return_url)]
        return_urls: Vec<Url>,
    },
    /// Show where browsers may be sent after a login, or say so anew
    ReturnUrls {
        /// The tenant
        tenant: TenantId,

        /// The address; may be repeated. What was listed before and is not repeated is listed no more
        #[arg(long, value_name = "URL", value_parser = return_url)]
        set: Vec<Url>,

        /// List none: nobody can connect an account then
        #[arg(long, conflicts_with = "set")]
        clear: bool,
    },
    /// Show at which platforms a tenant has an app of its own, or say so anew
    ///
    /// Connections keep the app that they were made with. The app's secret must be there first, under the name
    /// `postd/STACK/tenants/TENANT/PLATFORM`.
    OwnApps {
        /// The tenant
        tenant: TenantId,

        /// The platform; may be repeated. What was said before and is not repeated holds no more
        #[arg(long, value_name = "PLATFORM")]
        set: Vec<Platform>,

        /// None: new connections are made with the app that all tenants share
        #[arg(long, conflicts_with = "set")]
        clear: bool,
    },
    /// List all tenants, those that are deleted among them; looks through the whole table, so it takes its time and costs reads
    List,
    /// Delete a tenant with everything that it has, and print the confirmation code
    ///
    /// From then on nothing is accepted from it. Its rows go after a quarter of an hour, when whatever was under way has come
    /// to its end; its data key goes last. To run it again does no harm, and goes on where it stopped.
    Delete(DeleteTenant),
}

/// The tenant to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteTenant {
    /// The tenant
    pub(crate) tenant: TenantId,

    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,

    /// Wait until nothing is left
    #[arg(long)]
    pub(crate) wait: bool,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key and print it: this is the only time that it can be seen
    Create(CreateKey),
    /// List the keys of a tenant, those that have ended among them
    List {
        /// The tenant
        tenant: TenantId,
    },
    /// Make another key with the same name and scopes and print it; the old one ends after the overlap
    ///
    /// If the old key had an end, the new one lives as long as the old one was made to.
    Rotate {
        /// The tenant
        tenant: TenantId,
        /// The old key
        key: KeyId,
        /// How long the old key goes on
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
        overlap: SignedDuration,
    },
    /// Take a key back; within a minute nobody can use it
    Revoke {
        /// The tenant
        tenant: TenantId,
        /// The key
        key: KeyId,
    },
}

/// The key to make.
#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// The tenant
    pub(crate) tenant: TenantId,

    /// A name for people
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: String,

    /// What the key may do; may be repeated. `all` for everything that there is today
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
    scopes: Vec<Scopes>,

    /// When the key ends: after a duration (90d, 12h), or at a date or time (2027-01-01, 2027-01-01T12:00:00Z); never without this
    #[arg(long, value_name = "WHEN", value_parser = end)]
    pub(crate) expires: Option<End>,

    /// What the key says about itself; needed outside the local cloud
    #[arg(long, value_name = "ENVIRONMENT", env = "POSTD_ENVIRONMENT")]
    environment: Option<Environment>,
}

impl CreateKey {
    pub(crate) fn scopes(&self) -> Scopes {
        self.scopes.iter().flat_map(|scopes| scopes.iter()).collect()
    }

    /// `None` if it was not told and cannot be known.
    pub(crate) fn environment(&self, place: &Place) -> Option<&'static str> {
        match self.environment {
            Some(Environment::Dev) => Some("dev"),
            Some(Environment::Staging) => Some("staging"),
            Some(Environment::Production) => Some("production"),
            Some(Environment::Local) => Some("local"),
            None => place.emulated().map(|_| "local"),
        }
    }
}

/// The stages of the template.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Environment {
    Dev,
    Staging,
    Production,
    Local,
}

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check a tenant's chain from its first entry to its last
    Verify {
        /// The tenant
        tenant: TenantId,
    },
    /// Print a tenant's entries as JSON lines, the oldest first, as they stand there
    Export {
        /// The tenant
        tenant: TenantId,
        /// Only those of one month (UTC), as 2026-11
        #[arg(long, value_name = "MONTH", value_parser = month)]
        month: Option<Date>,
    },
}

/// When a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// So long after it was made.
    After(SignedDuration),
    /// At this time.
    At(Timestamp),
}

impl End {
    /// The time, for a key that is made at `now`; `None` if it lies beyond all times.
    pub(crate) fn at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::After(duration) => now.checked_add(duration).ok(),
            Self::At(at) => Some(at),
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err("a name has 1 to 200 characters, none of them a control character".to_owned());
    }
    Ok(text.to_owned())
}

fn return_url(text: &str) -> Result<Url, String> {
    let url: Url =
        text.parse().map_err(|_| "expected an address, such as https://app.example.com/connected".to_owned())?;
    check_listed(&url).map_err(|error| error.to_string())?;
    Ok(url)
}

fn scope(text: &str) -> Result<Scopes, String> {
    if text == "all" {
        return Ok(Scopes::ALL);
    }
    let scope: Result<Scope, _> = text.parse();
    scope.map(|scope| Scopes::from_iter([scope])).map_err(|error| format!("{error}, or `all`"))
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let expected = || "expected a duration, such as 24h, 90m or 30d".to_owned();
    let span: Span = text.parse().map_err(|_| expected())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| expected())?;
    if duration.is_negative() { Err(expected()) } else { Ok(duration) }
}

fn end(text: &str) -> Result<End, String> {
    if let Ok(duration) = duration(text) {
        return Ok(End::After(duration));
    }
    // A time without an offset would also do for a date, and must not pass for one.
    let date = || Some(text).filter(|text| text.len() == 10)?.parse::<Date>().ok();
    let midnight = || date()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let at = text.parse().ok().or_else(midnight);
    at.map(End::At).ok_or_else(|| "expected 90d, 2027-01-01 (UTC) or 2027-01-01T12:00:00Z".to_owned())
}

fn month(text: &str) -> Result<Date, String> {
    let whole = || format!("{text}-01").parse::<Date>().ok();
    // `2026-11`, and not what else a date parser takes.
    Some(text)
        .filter(|text| text.len() == 7)
        .and_then(|_| whole())
        .ok_or_else(|| "expected a month, such as 2026-11".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_end_is_a_duration_a_date_or_a_time() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let at = |text: &str| end(text).unwrap().at(now).unwrap().to_string();
        assert_eq!(at("90d"), "2027-02-19T10:00:00Z");
        assert_eq!(at("36h"), "2026-11-22T22:00:00Z");
        assert_eq!(at("2027-01-01"), "2027-01-01T00:00:00Z");
        assert_eq!(at("2027-01-01T12:00:00+02:00"), "2027-01-01T10:00:00Z");
        for wrong in ["", "soon", "-3h", "1 month", "2027-13-01", "2027-01-01T12:00:00"] {
            assert!(end(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_return_address_is_https_and_ends_with_its_path() {
        assert_eq!(return_url("https://APP.example.com").unwrap().as_str(), "https://app.example.com/");
        for wrong in
            ["", "app.example.com", "http://app.example.com/", "https://app.example.com/?x", "https://u@a.example/"]
        {
            assert!(return_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_month_is_a_year_and_a_month() {
        assert_eq!(month("2026-11").unwrap().to_string(), "2026-11-01");
        for wrong in ["", "2026", "2026-13", "2026-11-21", "202611", "November"] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
    }
}
