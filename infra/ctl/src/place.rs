//! Which table: in an account, by the usual credentials, or in a local cloud.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use jiff::Timestamp;
use shared::{
    aws::Clients,
    aws_clock::AwsClock,
    clock::{Clock, SystemClock},
    store::{Store, StoreError},
};

use crate::{arguments::Place, failure::Failure};

/// What the template calls the table; CloudFormation puts the stack's name before it, and letters behind it.
const LOGICAL_ID: &str = "StateTable";

/// One postd.
pub(crate) struct Postd {
    pub(crate) store: Store,
    /// The time by AWS: whatever the operator's machine shows, keys end when they should.
    clock: Arc<dyn Clock>,
}

impl Postd {
    /// The time, to the millisecond: that is what the store keeps.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    pub(crate) async fn at(place: &Place) -> Result<Self, Failure> {
        if place.state_table.is_none() && place.stack.is_none() && place.emulated().is_none() {
            return Err(Failure::Usage("say which postd: --stack NAME, --state-table TABLE or --local"));
        }
        let clock = Arc::new(AwsClock::over(Arc::new(SystemClock)));
        let clients = match place.emulated() {
            Some(endpoint) => Clients::at(endpoint).await,
            None => Clients::listening(account().await, &clock),
        };
        let table = match (&place.state_table, &place.stack) {
            (Some(table), _) => table.clone(),
            (None, Some(stack)) => the_one(tables(&clients).await?, |table| is_of(stack, table), stack)?,
            (None, None) => the_one(tables(&clients).await?, |table| table.contains(LOGICAL_ID), "this endpoint")?,
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
        Ok(Self { store, clock })
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

fn is_of(stack: &str, table: &str) -> bool {
    let rest = table.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-')?.strip_prefix(LOGICAL_ID));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn the_one(tables: Vec<String>, fits: impl Fn(&str) -> bool, of: &str) -> Result<String, Failure> {
    let mut fitting: Vec<String> = tables.into_iter().filter(|table| fits(table)).collect();
    match (fitting.pop(), fitting.as_slice()) {
        (None, _) => {
            Err(Failure::Refused(format!("{of} has no state table here: is this the right account and region?")))
        }
        (Some(table), []) => Ok(table),
        (Some(table), others) => {
            // A deleted stack leaves its table behind.
            let all = [others, &[table]].concat().join(", ");
            Err(Failure::Refused(format!("{of} has several state tables: choose one with --state-table: {all}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_its_own_table_and_not_one_of_a_stack_with_a_longer_name() {
        assert!(is_of("postd", "postd-StateTable-1ABC"));
        assert!(is_of("postd-local", "postd-local-StateTable"));
        for (stack, table) in [
            ("postd", "postd-dev-StateTable-1ABC"),
            ("postd", "postd-VaultTable-1ABC"),
            ("postd-dev", "postd-StateTable-1ABC"),
            ("postd", "postd-StateTables"),
        ] {
            assert!(!is_of(stack, table), "{stack} {table}");
        }
    }

    #[test]
    fn several_tables_are_told_and_none_is_chosen() {
        let tables = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(the_one(tables(&["a", "b"]), |table| table == "b", "x").unwrap(), "b");
        let told = |names: &[&str]| the_one(tables(names), |_| true, "x").unwrap_err().to_string();
        assert!(told(&["a", "b"]).ends_with("--state-table: a, b"));
        assert!(told(&[]).contains("no state table"));
    }
}
