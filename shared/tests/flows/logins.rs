//! A login that stops anywhere: no half connection, no token that belongs to none, and a clean way to begin again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
    types::AttributeValue,
};
use serde_json::json;
use shared::{
    connector::{
        Request as Call, TokenSet,
        transport::{Cause, Sending, Transport, TransportError},
    },
    ids::ConnectionId,
    secret::AccessToken,
    store::{Actor, AuditAction, AuditChain, AuditEntry, Connected, Connection, Login, SavedDestination},
    vault::{Expected, Purpose},
};
use simulator::facebook::seed;

use crate::world::World;

/// When a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    /// Before the effect of this number.
    Before(usize),
    /// After it, before its answer is seen.
    After(usize),
}

/// A process that ends: what it would have done after that, it does not do.
#[derive(Debug, Clone)]
struct Process {
    stop: Stop,
    effects: Arc<AtomicUsize>,
}

impl Process {
    fn new(stop: Stop) -> Self {
        Self { stop, effects: Arc::default() }
    }

    /// Whether the next effect happens.
    fn begins(&self) -> bool {
        let number = self.effects.fetch_add(1, Ordering::SeqCst);
        match self.stop {
            Stop::Never => true,
            Stop::Before(last) => number < last,
            Stop::After(last) => number <= last,
        }
    }

    /// Whether the answer to the last effect is seen.
    fn goes_on(&self) -> bool {
        let number = self.effects.load(Ordering::SeqCst) - 1;
        match self.stop {
            Stop::Never => true,
            Stop::Before(last) | Stop::After(last) => number < last,
        }
    }
}

impl Intercept for Process {
    fn name(&self) -> &'static str {
        "Process"
    }

    fn modify_before_transmit(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.begins() { Ok(()) } else { Err("the process has ended".into()) }
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.goes_on() { Ok(()) } else { Err("the process has ended".into()) }
    }
}

/// The way to the platform of such a process.
struct Mortal {
    process: Process,
    inner: Arc<dyn Transport>,
}

impl Transport for Mortal {
    fn send(&self, request: Call, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let ended = Err(TransportError::NoAnswer(Cause::Broken));
            if !self.process.begins() {
                return ended;
            }
            let answer = self.inner.send(request, deadline).await;
            if self.process.goes_on() { answer } else { ended }
        })
    }
}

/// The sealed rows of a tenant's connections.
async fn sealed(world: &World) -> Vec<String> {
    let query = world.dynamodb().query().table_name("Vault").consistent_read(true);
    let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :prefix)");
    let query = query.expression_attribute_values(":pk", AttributeValue::S(format!("T#{}", world.caller.tenant.id())));
    let query = query.expression_attribute_values(":prefix", AttributeValue::S("CONN#".into()));
    let mut rows = query.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(row) = rows.next().await {
        found.push(row.unwrap()["sk"].as_s().unwrap().clone());
    }
    found
}

async fn connections(world: &World) -> Vec<serde_json::Value> {
    let view = world.read("GET /v1/connections", "/v1/connections").await.unwrap();
    view["connections"].as_array().unwrap().clone()
}

async fn sealed_rows(world: &World) -> usize {
    sealed(world).await.len()
}

fn many(count: usize) -> (Vec<SavedDestination>, Vec<(String, AccessToken)>) {
    let place = |number| format!("10{number}");
    let saved = |number| SavedDestination { id: place(number), name: place(number), refusal: None };
    let token = |number| (place(number), AccessToken::new(format!("token {number}")));
    ((0..count).map(saved).collect(), (0..count).map(token).collect())
}

fn grant() -> TokenSet {
    TokenSet {
        access: AccessToken::new("grant"),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    }
}

fn connection(destinations: &[SavedDestination]) -> Connection {
    let now = 1_795_255_200_000_i64;
    serde_json::from_value(json!({
        "id": ConnectionId::new(), "platform": "facebook", "account": "42", "account_name": "Ada", "state": "active",
        "scopes": [], "destinations": destinations, "created_at": now, "connected_at": now, "updated_at": now,
    }))
    .unwrap()
}

fn entry(connection: &Connection) -> AuditEntry {
    AuditEntry::new(connection.created_at, Actor::Postd, AuditAction::Connected, connection.id)
}

/// How many logins of the tenant the audit tells of; its chain is whole.
async fn told(world: &World) -> usize {
    let AuditChain::Whole(records) = world.store.audit_chain(world.caller.tenant).await.unwrap() else {
        panic!("the chain is broken")
    };
    let logins = ["connection.connected", "connection.reconnected"];
    records.iter().filter(|record| logins.contains(&record.action.as_str())).count()
}

/// The version of the grant that the connection speaks of, and the one under the seal.
async fn versions(world: &World, id: &str) -> (Option<u64>, u64) {
    let (tenant, id) = (world.caller.tenant, id.parse().unwrap());
    let connection = world.store.connection(tenant, id).await.unwrap().unwrap();
    let (_, sealed) = world.connect.vault.grant(tenant, id, Purpose::HealthCheck).await.unwrap();
    (connection.token_version, sealed)
}

/// A connection that there is has what it names; where there is none, there is nothing of one.
async fn is_whole_or_nothing(world: &World, stop: Stop) {
    let (connections, mut sealed) = (connections(world).await, sealed(world).await);
    sealed.sort();
    let Some(connection) = connections.first() else {
        assert_eq!(sealed, Vec::<String>::new(), "{stop:?}: tokens that belong to no connection");
        return;
    };
    assert_eq!(connections.len(), 1, "{stop:?}");
    let id = connection["id"].as_str().unwrap();
    assert_eq!(sealed, [format!("CONN#{id}"), format!("CONN#{id}#DEST#{}", seed::BAKERY)], "{stop:?}");
    let (known, sealed) = versions(world, id).await;
    assert_eq!(known, Some(sealed), "{stop:?}");
    // Facebook does not take the same words twice.
    let post = world.accept(id, &format!("{stop:?}, number {}", world.page().len())).await;
    world.drain().await;
    assert_eq!(world.state(&post).await, "published", "{stop:?}");
}

/// A login whose callback ends at `stop`; how many effects it began.
async fn login(world: &mut World, stop: Stop, reconnect: Option<&str>) -> usize {
    let mut session = json!({ "platform": "facebook", "return_url": "https://example.com/" });
    if let Some(id) = reconnect {
        session["reconnect"] = json!(id);
    }
    let (dialog, cookie) = world.open(&session).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let process = Process::new(stop);
    let mut mortal = world.connect_through(process.clone());
    mortal.transport = Arc::new(Mortal { process: process.clone(), inner: mortal.transport.clone() });
    let healthy = std::mem::replace(&mut world.connect, mortal);
    // Nobody is left to see what it answers.
    let answer = world.call_back(&callback, &cookie).await;
    world.connect = healthy;
    if stop == Stop::Never {
        assert!(answer.status == 303, "{answer:?}");
    } else {
        let before = world.simulator.facebook().requests().len();
        let again = world.call_back(&callback, &cookie).await;
        // Either the session is used up, and nobody asks for a token again; or nothing had begun.
        let asked = world.simulator.facebook().requests().len() > before;
        assert!(if again.status == 303 { asked } else { again.status == 404 && !asked }, "{stop:?}: {again:?}");
    }
    process.effects.load(Ordering::SeqCst)
}

fn every_stop(effects: usize) -> impl Iterator<Item = Stop> {
    (0..effects).flat_map(|number| [Stop::Before(number), Stop::After(number)])
}

#[tokio::test]
async fn f73_a_login_that_stops_anywhere_leaves_a_whole_connection_or_nothing() {
    let mut world = Box::pin(World::start()).await;
    let effects = Box::pin(login(&mut world, Stop::Never, None)).await;
    assert!(effects >= 6, "{effects}");
    let mut whole = 0;
    for stop in every_stop(effects) {
        world.caller = world.other_tenant().await;
        Box::pin(login(&mut world, stop, None)).await;
        Box::pin(is_whole_or_nothing(&world, stop)).await;
        let stored = connections(&world).await.len();
        assert_eq!(told(&world).await, stored, "{stop:?}: the audit tells of what is stored and of nothing else");
        whole += stored;
        // Beginning again is all that it takes.
        Box::pin(login(&mut world, Stop::Never, None)).await;
        Box::pin(is_whole_or_nothing(&world, stop)).await;
        assert_eq!((connections(&world).await.len(), told(&world).await), (1, stored + 1), "{stop:?}");
    }
    assert!((1..2 * effects).contains(&whole), "some stops come before and some after the one write: {whole}");
}

#[tokio::test]
async fn f73_a_login_with_more_places_than_a_transaction_takes_is_whole_after_each() {
    let mut world = Box::pin(World::start()).await;
    for count in [49, 150] {
        let (places, tokens) = many(count);
        let connection = connection(&places);
        let mut seen = Vec::new();
        for stop in every_stop(4).chain([Stop::Never]) {
            world.caller = world.other_tenant().await;
            let process = Process::new(stop);
            let parts = world.connect_through(process.clone());
            // Sealing comes before: only the transactions are of interest here.
            let (tenant, vault) = (world.caller.tenant, &world.connect.vault);
            let sealed = vault.seal_login(tenant, connection.id, &grant(), &tokens, Expected::Absent).await;
            let login = Login {
                connection: &connection,
                next_check: connection.created_at,
                token_check: Some(connection.created_at),
                changes_health: true,
                sealed: sealed.unwrap(),
                entry: &entry(&connection),
            };
            let outcome = parts.store.put_login(world.caller.tenant, login).await;
            assert!(stop != Stop::Never || matches!(outcome, Ok(Connected::Stored)), "{outcome:?}");
            let found = world.store.connection(world.caller.tenant, connection.id).await.unwrap();
            let named = found.map_or(0, |found| found.destinations.len());
            let of_a_grant = usize::from(named > 0);
            assert_eq!(sealed_rows(&world).await, named + of_a_grant, "{count} places, {stop:?}");
            seen.push(named);
        }
        assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&count)), "{seen:?}");
    }
}

#[tokio::test]
async fn f87_a_login_of_a_tenant_that_is_deleted_meanwhile_stores_nothing() {
    let world = Box::pin(World::start()).await;
    let session = json!({ "platform": "facebook", "return_url": "https://example.com/" });
    let (dialog, cookie) = world.open(&session).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let (tenant, vault) = (world.caller.tenant, &world.connect.vault);
    let (places, tokens) = many(3);
    let connection = connection(&places);
    let sealed = vault.seal_login(tenant, connection.id, &grant(), &tokens, Expected::Absent).await.unwrap();
    vault.delete_tenant(tenant).await.unwrap();
    let (next_check, entry) = (connection.created_at, &entry(&connection));
    let login = Login { connection: &connection, next_check, token_check: None, changes_health: false, sealed, entry };
    assert_eq!(world.store.put_login(tenant, login).await.unwrap(), Connected::Overtaken);
    let back = world.finish(&callback, &cookie).await;
    assert!(back.as_str().ends_with("error=unavailable"), "{back}");
    assert_eq!((connections(&world).await.len(), sealed_rows(&world).await), (0, 0));
}

#[tokio::test]
async fn f73_a_reconnect_that_stops_anywhere_leaves_the_connection_as_it_was_or_renewed() {
    let mut world = Box::pin(World::start()).await;
    Box::pin(login(&mut world, Stop::Never, None)).await;
    let id = connections(&world).await[0]["id"].as_str().unwrap().to_owned();
    let effects = Box::pin(login(&mut world, Stop::Never, Some(&id))).await;
    let mut renewed = 2;
    for stop in every_stop(effects) {
        world.advance(60);
        Box::pin(login(&mut world, stop, Some(&id))).await;
        Box::pin(is_whole_or_nothing(&world, stop)).await;
        assert_eq!(connections(&world).await[0]["id"], json!(id), "{stop:?}");
        // Each login that was stored is a version and an entry.
        let (_, version) = versions(&world, &id).await;
        assert!(version == renewed || version == renewed + 1, "{stop:?}: {version} after {renewed}");
        renewed = version;
        assert_eq!(told(&world).await as u64, version, "{stop:?}");
    }
}
