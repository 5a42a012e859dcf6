//! Another tenant's things do not exist: on every route that takes a key, whatever a request names.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{
    authorize::{NewKey, create_key},
    clock::Clock as _,
    http::{
        Caller,
        routes::{Access, ROUTES},
    },
    ids::{ConnectionId, MediaId, PostId},
    store::Actor,
};

use crate::{
    gateway::{Answer, Gateway, Sent, parameters},
    graveyard,
    world::World,
};

/// The route whose requests are about nothing that there is, and which makes something new each time.
const NAMES_NOTHING: &str = "POST /v1/media";

/// What a request can name.
#[derive(Debug, Clone)]
struct Names {
    post: String,
    connection: String,
    media: String,
}

impl Names {
    /// Of things that never were.
    fn of_nothing() -> Self {
        Self {
            post: PostId::new().to_string(),
            connection: ConnectionId::new().to_string(),
            media: MediaId::new().to_string(),
        }
    }

    /// What stands for `{name}` in a path.
    fn fill(&self, name: &str) -> String {
        match name {
            "post" => self.post.clone(),
            "connection" => self.connection.clone(),
            "media" => self.media.clone(),
            "target" => "t1".to_owned(),
            other => panic!("say here what {{{other}}} is, so that this is tested"),
        }
    }

    /// A good request to `route` about these things. A new route does not pass without a line here.
    fn sent(&self, route: &str) -> Sent {
        let Self { post, connection, media: _ } = self;
        let written = json!({ "content": { "text": "Whose?" }, "targets": [{ "connection": connection }] });
        let (body, headers, query) = match route {
            "POST /v1/posts" | "POST /v1/posts/validate" => (written, json!({ "idempotency-key": "k" }), String::new()),
            "POST /v1/posts/bulk" => {
                let mut one = written;
                one["idempotency_key"] = json!("b");
                (json!({ "posts": [one] }), json!({}), String::new())
            }
            "PATCH /v1/posts/{post}" => {
                (json!({ "content": { "text": "Mine now" } }), json!({ "if-match": "\"1\"" }), String::new())
            }
            "POST /v1/posts/{post}/targets/{target}/resolve" => {
                (json!({ "as": "published" }), json!({}), String::new())
            }
            "POST /v1/dead-letters/redrive" => {
                (json!({ "targets": [{ "post": post, "target": "t1" }] }), json!({}), String::new())
            }
            "POST /v1/connect/sessions" => {
                let body =
                    json!({ "platform": "facebook", "return_url": "https://example.com/", "reconnect": connection });
                (body, json!({}), String::new())
            }
            "DELETE /v1/posts/{post}" => (Value::Null, json!({}), "unpublish=true".to_owned()),
            NAMES_NOTHING => (json!({ "content_type": "image/png", "size": 33 }), json!({}), String::new()),
            "GET /v1/dead-letters" => (Value::Null, json!({}), format!("connection={connection}")),
            "GET /v1/posts"
            | "GET /v1/posts/{post}"
            | "GET /v1/posts/{post}/timeline"
            | "GET /v1/posts/{post}/analytics"
            | "GET /v1/media/{media}"
            | "GET /v1/connections"
            | "GET /v1/connections/{connection}" => (Value::Null, json!({}), String::new()),
            other => panic!("say here what a good request to {other} is, so that it is tested"),
        };
        Sent { body, headers, query }
    }

    async fn send(&self, gateway: &Gateway<'_>, context: &Value, route: &str) -> Answer {
        let filled: Vec<String> = named(route).map(|name| self.fill(name)).collect();
        gateway.send(context, route, &filled, &self.sent(route)).await
    }

    /// The answer without the names that the request itself told.
    fn forget(&self, answer: &Answer) -> Answer {
        Answer {
            body: answer
                .body
                .replace(&self.post, "POST")
                .replace(&self.connection, "CONNECTION")
                .replace(&self.media, "MEDIA"),
            ..answer.clone()
        }
    }
}

/// What stands in the braces of a route.
fn named(route: &str) -> impl Iterator<Item = &str> {
    route.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// The routes that take a key: none other knows a tenant by it.
fn routes() -> impl Iterator<Item = &'static str> {
    ROUTES.into_iter().filter(|(_, access)| matches!(access, Access::Key(_))).map(|(route, _)| route)
}

/// A tenant with a key, beside the world's own.
async fn stranger(world: &World) -> (Caller, String) {
    let caller = world.other_tenant().await;
    let new = NewKey::unlimited("local", "stranger");
    let key = create_key(&world.store, caller.tenant, &new, Actor::Postd, world.clock.now()).await.unwrap();
    (caller, key.expose().to_owned())
}

/// A post that has failed for good and one that waits for its time: whatever a request does to them would be seen.
async fn belongings(world: &World) -> Names {
    let connection = world.connected().await;
    let post = graveyard::never_sent(world, &connection, "A secret of ours").await;
    let announced = world.request(NAMES_NOTHING, "/v1/media", &json!({ "content_type": "image/png", "size": 33 }));
    let announced = world.publisher.handle(announced).await.unwrap();
    let media = serde_json::from_str::<Value>(&announced.body).unwrap()["id"].as_str().unwrap().to_owned();
    Names { post, connection, media }
}

/// A post of the owner's that a request can edit, call off and read.
async fn planned(world: &World, connection: &str) -> String {
    let body = json!({
        "content": { "text": "A plan of ours" }, "targets": [{ "connection": connection }],
        "schedule": { "at": "2026-12-24T18:00:00Z" },
    });
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// A value as text, the same every time: maps have no order.
fn spelled(value: &AttributeValue) -> String {
    if let Ok(members) = value.as_m() {
        let members: BTreeMap<_, _> = members.iter().map(|(name, value)| (name, spelled(value))).collect();
        return format!("{members:?}");
    }
    if let Ok(items) = value.as_l() {
        return format!("{:?}", items.iter().map(spelled).collect::<Vec<_>>());
    }
    format!("{value:?}")
}

/// Fails if anything was added, changed or taken away.
fn assert_unchanged(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

/// Every row of both tables and every message.
async fn everything(world: &World) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for table in ["State", "Vault"] {
        let mut pages = world.dynamodb().scan().table_name(table).into_paginator().items().send();
        while let Some(row) = pages.next().await {
            let row: BTreeMap<_, _> = row.unwrap().into_iter().collect();
            let key = format!("{table} {:?} {:?}", row["pk"], row["sk"]);
            // Requests are counted, whatever they ask.
            if !key.contains("RATE#") {
                let row = AttributeValue::M(row.into_iter().collect());
                all.insert(key, spelled(&row));
            }
        }
    }
    for queue in [&world.publish_queue, &world.inbound_queue, &world.dead_letter_queue] {
        for (number, body) in world.emulators.message_bodies(queue).into_iter().enumerate() {
            all.insert(format!("{queue} {number}"), body);
        }
    }
    all
}

#[tokio::test]
async fn f09_anothers_things_are_answered_exactly_like_things_that_never_were_and_stay_as_they_are() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    let dead = belongings(&world).await;
    let waiting = Names { post: planned(&world, &dead.connection).await, ..dead.clone() };
    let (stranger, key) = stranger(&world).await;
    let theirs = gateway.context(&key).await;
    // What their requests leave in their own partitions is theirs: a redrive of nothing is told in their audit.
    let others = |mut rows: BTreeMap<String, String>| {
        rows.retain(|key, _| !key.contains(&stranger.tenant.id().to_string()));
        rows
    };
    let before = others(everything(&world).await);
    for names in [&dead, &waiting] {
        for route in routes().filter(|route| *route != NAMES_NOTHING) {
            let nothing = Names::of_nothing();
            let unknown = nothing.forget(&nothing.send(&gateway, &theirs, route).await);
            let answer = names.forget(&names.send(&gateway, &theirs, route).await);
            assert_eq!(answer, unknown, "{route}");
            if parameters(route) > 0 {
                assert_eq!(answer.status, 404, "{route}: {}", answer.body);
            }
            for secret in ["of ours", "Bakery", "Ada"] {
                assert!(!answer.body.contains(secret), "{route}: {}", answer.body);
            }
        }
    }
    assert_unchanged(&before, &others(everything(&world).await));
}

#[tokio::test]
async fn f09_the_same_requests_by_the_owner_are_about_something() {
    // Or the answers above would be alike because the requests are bad.
    for route in routes() {
        let world = World::start().await;
        let gateway = Gateway::new(&world);
        let ours = gateway.context(&world.key).await;
        let dead = belongings(&world).await;
        let waiting = Names { post: planned(&world, &dead.connection).await, ..dead.clone() };
        for names in [&dead, &waiting] {
            let answer = names.send(&gateway, &ours, route).await;
            let unknown =
                ["post.unknown", "connection.unknown", "media.unknown", "target.unknown", "\"outcome\":\"not_found\""];
            assert!(!unknown.iter().any(|code| answer.body.contains(code)), "{route}: {}", answer.body);
            assert!(matches!(answer.status, 200..=202 | 409), "{route}: {} {}", answer.status, answer.body);
        }
    }
}

#[tokio::test]
async fn f09_nobody_gets_401_whatever_the_request_names() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    let names = belongings(&world).await;
    let before = everything(&world).await;
    for context in [Value::Null, json!({}), gateway.context("postd_local_nobody_nothing").await] {
        for route in routes() {
            let answer = names.send(&gateway, &context, route).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "key.unknown"), "{route}");
        }
    }
    assert_unchanged(&before, &everything(&world).await);
}

#[tokio::test]
async fn f09_ids_that_are_none_are_unknown_and_never_more() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    let ours = gateway.context(&world.key).await;
    let names = belongings(&world).await;
    let id = names.post.split_once('_').unwrap().1.to_owned();
    let odd = [
        String::new(),
        " ".into(),
        "post_".into(),
        "x".repeat(100_000),
        names.post.to_uppercase(),
        format!("{} ", names.post),
        format!("{}0", names.post),
        format!("con_{id}"),
        format!("post_{}", names.connection.split_once('_').unwrap().1),
        world.caller.tenant.id().to_string(),
        world.caller.key.to_string(),
        names.post.replace("post_", "post_#"),
        "post_00000000000000000000000000000000".into(),
        "../../health".into(),
        "T#ten_1#POST#post_1".into(),
        "%2e%2e%2f".into(),
        "0' OR '1'='1".into(),
        "\u{0}".into(),
        "ё".repeat(36),
        "t1".into(),
        "t0".into(),
        "t256".into(),
        "-1".into(),
        "null".into(),
    ];
    let before = everything(&world).await;
    for route in routes().filter(|route| parameters(route) > 0) {
        for (place, _) in named(route).enumerate() {
            for odd in &odd {
                let mut filled: Vec<String> = named(route).map(|name| names.fill(name)).collect();
                if filled[place] == *odd {
                    continue;
                }
                filled[place].clone_from(odd);
                let answer = gateway.send(&ours, route, &filled, &names.sent(route)).await;
                let shown: String = odd.chars().take(40).collect();
                assert_eq!(answer.status, 404, "{route} with {shown:?}: {}", answer.body);
                assert!(answer.body.len() < 1_000, "{route} repeats what it was told");
            }
        }
    }
    assert_unchanged(&before, &everything(&world).await);
}
