//! Which table: in an account, by the usual credentials, or in a local cloud.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use jiff::Timestamp;
use shared::{
    aws::Clients,
    aws_clock::AwsClock,
    clock::{Clock, SystemClock},
    config,
    store::{Store, StoreError},
    telemetry::Function,
    vault::Vault,
};

use crate::{arguments::Place, failure::Failure};

/// What the template calls the table; CloudFormation puts the stack's name before it, and letters behind it.
const LOGICAL_ID: &str = "StateTable";
/// The same of the other table.
const VAULT_ID: &str = "VaultTable";

/// One postd.
pub(crate) struct Postd {
    pub(crate) store: Store,
    /// The time by AWS: whatever the operator's machine shows, keys end when they should.
    clock: Arc<dyn Clock>,
    clients: Clients,
    state_table: String,
}

impl Postd {
    /// The time, to the millisecond: that is what the store keeps.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The same with its vault.
    pub(crate) async fn with_vault(place: &Place) -> Result<(Self, Vault), Failure> {
        let postd = Self::at(place).await?;
        let stack = place.stack.as_deref().or_else(|| stack_of(&postd.state_table));
        let table = match (&place.vault_table, stack) {
            (Some(table), _) => table.clone(),
            (None, Some(stack)) => {
                let tables = tables(&postd.clients).await?;
                the_one(tables, |table| is_of(stack, VAULT_ID, table), (stack, "vault table", "--vault-table"))?
            }
            (None, None) => return Err(Failure::Usage("say which vault: --vault-table TABLE")),
        };
        let token_key = match (&place.token_key, stack) {
            (Some(key), _) => key.clone(),
            (None, Some(stack)) => format!("alias/{stack}-tokens"),
            (None, None) => return Err(Failure::Usage("say which key the vault has: --token-key KEY")),
        };
        let config = config::Vault { table, token_key, data_keys: config::DataKeyLimits::default() };
        let (kms, dynamodb) = (postd.clients.kms(), postd.clients.dynamodb());
        let vault = Vault::new(kms, dynamodb, &config, Function::Operator, postd.clock.clone());
        Ok((postd, vault))
    }

    pub(crate) async fn at(place: &Place) -> Result<Self, Failure> {
        if place.state_table.is_none() && place.stack.is_none() && place.emulated().is_none() {
            return Err(Failure::Usage("say which postd: --stack NAME, --state-table TABLE or --local"));
        }
        let clock = Arc::new(AwsClock::over(Arc::new(SystemClock)));
        let clients = match place.emulated() {
            Some(endpoint) => Clients::at(endpoint),
            None => Clients::listening(account().await, &clock),
        };
        let table = match (&place.state_table, &place.stack) {
            (Some(table), _) => table.clone(),
            (None, Some(stack)) => {
                let of = (stack.as_str(), "state table", "--state-table");
                the_one(tables(&clients).await?, |table| is_of(stack, LOGICAL_ID, table), of)?
            }
            (None, None) => {
                let of = ("this endpoint", "state table", "--state-table");
                the_one(tables(&clients).await?, |table| table.contains(LOGICAL_ID), of)?
            }
        };
        let store = Store::new(clients.dynamodb(), &table);
        // The answer also puts the clock right, before anything is dated by it.
        let answer = store.ping().await;
        if let Err(StoreError::Unavailable { code, .. }) = &answer
            && code == "ResourceNotFoundException"
        {
            let text = format!("there is no table {table} here: is this the right account and region?");
            return Err(Failure::Refused(text));
        }
        answer?;
        Ok(Self { store, clock, clients, state_table: table })
    }
}

/// Credentials and region from where people have them. A function is configured otherwise, see [`Clients`].
async fn account() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).load().await
}

async fn tables(clients: &Clients) -> Result<Vec<String>, Failure> {
    let pages = clients.dynamodb().list_tables().into_paginator().items().send();
    pages.try_collect().await.map_err(|error| Failure::Tables(Box::new(error)))
}

/// The stack whose state table this is.
fn stack_of(table: &str) -> Option<&str> {
    let (stack, rest) = table.rsplit_once(LOGICAL_ID)?;
    stack.strip_suffix('-').filter(|_| rest.is_empty() || rest.starts_with('-'))
}

fn is_of(stack: &str, id: &str, table: &str) -> bool {
    let rest = table.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-')?.strip_prefix(id));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn the_one(
    tables: Vec<String>,
    fits: impl Fn(&str) -> bool,
    (of, what, option): (&str, &str, &str),
) -> Result<String, Failure> {
    let mut fitting: Vec<String> = tables.into_iter().filter(|table| fits(table)).collect();
    match (fitting.pop(), fitting.as_slice()) {
        (None, _) => Err(Failure::Refused(format!("{of} has no {what} here: is this the right account and region?"))),
        (Some(table), []) => Ok(table),
        (Some(table), others) => {
            // A deleted stack leaves its table behind.
            let all = [others, &[table]].concat().join(", ");
            Err(Failure::Refused(format!("{of} has several {what}s: choose one with {option}: {all}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (&str, &str, &str) = ("x", "state table", "--state-table");

    #[test]
    fn a_stack_has_its_own_table_and_not_one_of_a_stack_with_a_longer_name() {
        assert!(is_of("postd", LOGICAL_ID, "postd-StateTable-1ABC"));
        assert!(is_of("postd-local", LOGICAL_ID, "postd-local-StateTable"));
        assert!(is_of("postd", VAULT_ID, "postd-VaultTable-1ABC"));
        assert_eq!(stack_of("postd-dev-StateTable-1ABC"), Some("postd-dev"));
        assert_eq!(stack_of("postd-local-StateTable"), Some("postd-local"));
        for table in ["StateTable", "postd-StateTables", "State"] {
            assert_eq!(stack_of(table), None, "{table}");
        }
        for (stack, table) in [
            ("postd", "postd-dev-StateTable-1ABC"),
            ("postd", "postd-VaultTable-1ABC"),
            ("postd-dev", "postd-StateTable-1ABC"),
            ("postd", "postd-StateTables"),
        ] {
            assert!(!is_of(stack, LOGICAL_ID, table), "{stack} {table}");
        }
    }

    #[test]
    fn several_tables_are_told_and_none_is_chosen() {
        let tables = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(the_one(tables(&["a", "b"]), |table| table == "b", OF).unwrap(), "b");
        let told = |names: &[&str]| the_one(tables(names), |_| true, OF).unwrap_err().to_string();
        assert!(told(&["a", "b"]).ends_with("--state-table: a, b"));
        assert!(told(&[]).contains("no state table"));
    }
}
