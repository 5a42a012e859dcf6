//! What a key may do: nothing but what its scopes say, on every route there is.

use serde_json::{Value, json};
use shared::{
    authorize::{NewKey, create_key},
    clock::Clock as _,
    http::routes::{Access, ROUTES},
    scope::{Scope, Scopes},
    store::Actor,
};

use crate::{
    gateway::{Gateway, Sent, parameters},
    world::World,
};

async fn key_with(world: &World, scopes: Scopes) -> String {
    let new = NewKey { scopes, ..NewKey::unlimited("local", "test") };
    let key = create_key(&world.store, world.caller.tenant, &new, Actor::Postd, world.clock.now()).await.unwrap();
    key.expose().to_owned()
}

/// What comes of an unspecific request to every route, with what the authorizer says about a key.
async fn everywhere(gateway: &Gateway<'_>, context: &Value) -> Vec<(&'static str, Access, u64, String)> {
    let mut answers = Vec::new();
    for (route, access) in ROUTES {
        let values = vec!["x".to_owned(); parameters(route)];
        let sent = Sent { body: json!({}), headers: json!({}), query: String::new() };
        let answer = gateway.send(context, route, &values, &sent).await;
        answers.push((route, access, answer.status, answer.body));
    }
    answers
}

#[tokio::test]
async fn f10_a_key_passes_on_the_routes_of_its_scopes_and_on_no_other() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    // Every set of scopes, the empty and the full one among them.
    for set in 0..1_u32 << Scope::ALL.len() {
        let scopes: Scopes =
            Scope::ALL.into_iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, scope)| scope).collect();
        let context = gateway.context(&key_with(&world, scopes).await).await;
        for (route, access, status, body) in everywhere(&gateway, &context).await {
            let refused = body.contains("key.scope_missing");
            assert_eq!(refused, status == 403 && !route.starts_with("GET /webhooks"), "{route}: {body}");
            match access {
                Access::Public => assert!(!refused, "{route} takes no key"),
                Access::Key(scope) => {
                    assert_eq!(refused, !scopes.has(scope), "{scopes:?} on {route}: {status}");
                    assert_ne!(status, 401, "{route}");
                    assert!(!refused || body.contains(&format!("`{scope}`")), "it names the scope: {body}");
                }
            }
        }
    }
}

#[tokio::test]
async fn f10_without_a_good_key_every_route_of_a_tenant_answers_401_and_public_ones_as_ever() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    for (key, code) in [("", "key.unknown"), ("postd_local_x_y", "key.unknown")] {
        let context = gateway.context(key).await;
        for (route, access, status, body) in everywhere(&gateway, &context).await {
            match access {
                Access::Public => assert!(!body.contains(code), "{route}: {body}"),
                Access::Key(_) => assert_eq!((status, body.contains(code)), (401, true), "{route}: {body}"),
            }
        }
    }
}

#[tokio::test]
async fn f10_an_answer_that_was_remembered_before_there_were_scopes_grants_nothing_and_blames_nobody() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    let context = json!({ "tenant": world.caller.tenant.id(), "key": world.caller.key });
    for (route, access, status, body) in everywhere(&gateway, &context).await {
        if access != Access::Public {
            assert_eq!((status, body.contains("service.unavailable")), (503, true), "{route}: {body}");
        }
    }
}

#[tokio::test]
async fn f10_a_route_that_is_in_no_list_is_closed() {
    let world = World::start().await;
    let gateway = Gateway::new(&world);
    let context = gateway.context(&world.key).await;
    let answer = gateway.send(&context, "GET /v1/secrets", &[], &Sent::default()).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "route.unknown"));
}

#[tokio::test]
async fn a_key_of_before_there_were_scopes_may_do_everything_as_it_always_could() {
    let world = World::start().await;
    let update = world.dynamodb().update_item().table_name("State").update_expression("REMOVE scopes");
    let text = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let (tenant, key) = (world.caller.tenant.id(), world.caller.key);
    update.key("pk", text(format!("T#{tenant}"))).key("sk", text(format!("KEY#{key}"))).send().await.unwrap();
    let identity = world.authorizer.identify(&format!("Bearer {}", world.key)).await.unwrap().unwrap();
    assert_eq!(identity.scopes, Scopes::ALL);
}
