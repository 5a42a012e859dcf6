//! What a target says beyond the content that all platforms share.

use serde_json::{Value, json};

use crate::{edits::edit, world::World};

fn post(connection: &str, options: &Value) -> Value {
    json!({ "content": { "text": "Here" }, "targets": [{ "connection": connection, "options": options }] })
}

#[tokio::test]
async fn options_reach_the_platform_that_they_are_for() {
    let world = World::start().await;
    let connection = world.connected().await;
    world.create(&post(&connection, &json!({ "facebook": { "place": "110" } }))).await.unwrap();
    world.drain().await;
    let page = world.page();
    assert_eq!((page.len(), page[0].place.as_deref()), (1, Some("110")));
}

#[tokio::test]
async fn f12_what_is_wrong_with_options_is_told_with_pointers_into_them() {
    let world = World::start().await;
    let connection = world.connected().await;
    for (options, pointer, code) in [
        (json!({ "facebook": { "place": "../me" } }), "/targets/0/options/facebook/place", "facebook.place.not_an_id"),
        (json!({ "facebook": { "plaice": "110" } }), "/targets/0/options/facebook", "body.shape"),
        (json!({ "myspace": {} }), "/targets/0/options", "body.shape"),
        (json!({}), "/targets/0/options", "body.shape"),
    ] {
        let problem = world.create(&post(&connection, &options)).await.unwrap_err();
        assert_eq!(problem.errors.len(), 1, "{options}: {problem:?}");
        let told = &problem.errors[0];
        assert!(told.pointer.starts_with(pointer), "{options}: {}", told.pointer);
        assert_eq!((problem.errors.len(), told.code.as_str()), (1, code), "{options}");
    }
    world.drain().await;
    assert_eq!(world.page().len(), 0);
}

#[tokio::test]
async fn an_edit_changes_options_and_leaves_the_content_alone() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut planned = post(&connection, &json!({ "facebook": { "place": "110" } }));
    planned["targets"][0]["content"] = json!({ "text": "There" });
    planned["schedule"] = json!({ "at": "2026-11-21T12:00:00Z" });
    let id = world.create(&planned).await.unwrap()["id"].as_str().unwrap().to_owned();
    let changes = json!({ "targets": [{ "target": "t1", "options": { "facebook": { "place": "120" } } }] });
    edit(&world, &id, "1", &changes).await.unwrap();
    let wrong = json!({ "targets": [{ "target": "t1", "options": { "facebook": { "place": "x" } } }] });
    let problem = edit(&world, &id, "2", &wrong).await.unwrap_err();
    assert_eq!(problem.errors[0].pointer, "/targets/0/options/facebook/place");
    let nothing = json!({ "content": { "text": "x" }, "targets": [{ "target": "t1" }] });
    let problem = edit(&world, &id, "2", &nothing).await.unwrap_err();
    assert_eq!(
        (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str()),
        ("/targets/0", "target.unchanged")
    );
    world.advance(2 * 3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    let page = world.page();
    assert_eq!((page[0].message.as_deref(), page[0].place.as_deref()), (Some("There"), Some("120")));
}
