//! Bad input: a clear answer, and nothing is lost or done.

use serde_json::{Value, json};
use shared::{
    authorize::{NewKey, create_key},
    http::MAX_BODY,
    problem::Code,
    store::Actor,
};

use crate::world::World;

#[tokio::test]
async fn f12_everything_wrong_with_a_post_is_told_at_once_with_pointers() {
    let world = World::start().await;
    let connection = world.connected().await;
    let unknown = "con_0193f0a1b2c37d4e8f90a1b2c3d4e5f6";
    let good = json!({ "connection": connection });
    let cases: Vec<(Value, Vec<(&str, &str)>)> = vec![
        (json!({ "content": {}, "targets": [good] }), vec![("/content", "facebook.post.empty")]),
        (json!({ "content": { "text": "x" }, "targets": [] }), vec![("/targets", "targets.count")]),
        (json!({ "content": { "text": "x" }, "targets": vec![good.clone(); 51] }), vec![("/targets", "targets.count")]),
        (
            json!({ "content": { "text": "x".repeat(63_207) }, "targets": [{ "connection": unknown }, good, good] }),
            vec![
                ("/targets/0/connection", "connection.unknown"),
                ("/content/text", "facebook.text.too_long"),
                ("/targets/2", "target.repeated"),
            ],
        ),
        (
            json!({ "content": { "text": "x" }, "targets": [{ "connection": connection, "destination": "1" }] }),
            vec![("/targets/0/destination", "destination.unknown")],
        ),
        (
            json!({ "content": { "text": "x" }, "targets": [good], "schedule": { "local": "2026-12-01T10:00:00", "zone": "Mars/Olympus" } }),
            vec![("/schedule/zone", "schedule.unknown_zone")],
        ),
        (
            json!({ "content": { "text": "x" }, "targets": [good], "schedule": { "at": "2026-11-21T09:54:59Z" } }),
            vec![("/schedule/at", "schedule.in_the_past")],
        ),
        (
            json!({ "content": { "text": "x" }, "targets": [good], "not_after": "2026-11-21T09:00:00Z" }),
            vec![("/not_after", "not_after.too_early")],
        ),
    ];
    for (body, expected) in cases {
        let problem = world.create(&body).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (422, "body.invalid"));
        let told: Vec<_> = problem.errors.iter().map(|fault| (fault.pointer.as_str(), fault.code.as_str())).collect();
        assert_eq!(told, expected);
        let request = world.request("POST /v1/posts/validate", "/v1/posts/validate", &body);
        let findings = world.publisher.handle(request).await.unwrap();
        assert!(findings.body.starts_with(r#"{"valid":false"#), "{}", findings.body);
    }
    world.drain().await;
    assert_eq!(world.page().len(), 0);
}

#[tokio::test]
async fn bodies_that_are_no_posts_are_told_apart() {
    let world = World::start().await;
    let connection = world.connected().await;
    let post =
        |more: &str| format!(r#"{{"content":{{"text":"x"}},"targets":[{{"connection":"{connection}"}}]{more}}}"#);
    let cases = [
        ("", 400, "body.not_json", ""),
        ("{", 400, "body.not_json", ""),
        ("hello", 400, "body.not_json", ""),
        (&post("} {"), 400, "body.not_json", ""),
        ("[]", 422, "body.invalid", ""),
        (&post(r#","shedule":{}"#), 422, "body.invalid", "/shedule"),
        (&post(r#","schedule":{"when":"now"}"#), 422, "body.invalid", "/schedule"),
        (&post(r#","not_after":17"#), 422, "body.invalid", "/not_after"),
        (r#"{"content":{"text":17},"targets":[]}"#, 422, "body.invalid", "/content/text"),
        (r#"{"content":{"link":"not a url"},"targets":[]}"#, 422, "body.invalid", "/content/link"),
        (r#"{"content":{},"targets":[{"connection":"con_1"}]}"#, 422, "body.invalid", "/targets/0/connection"),
    ];
    for (body, status, code, pointer) in cases {
        let mut request = world.request("POST /v1/posts", "/v1/posts", &Value::Null);
        request.body = body.to_owned().into();
        let problem = world.publisher.handle(request).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (status, code), "{body}");
        assert_eq!(problem.errors.first().map_or("", |fault| fault.pointer.as_str()), pointer, "{body}: {problem:?}");
    }
}

#[tokio::test]
async fn f07_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let world = World::start().await;
    for (size, expected) in [(MAX_BODY, "body.not_json"), (MAX_BODY + 1, "body.too_large")] {
        let mut request = world.request("POST /v1/posts", "/v1/posts", &Value::Null);
        request.body = vec![b'x'; size].into();
        assert_eq!(world.publisher.handle(request).await.unwrap_err().code, expected, "{size}");
    }
}

#[tokio::test]
async fn f09_what_belongs_to_another_tenant_does_not_exist() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "x" }, "targets": [{ "connection": connection }] });
    let post = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    world.caller = world.other_tenant().await;
    for (route, path, code) in [
        ("GET /v1/posts/{post}", format!("/v1/posts/{post}"), "post.unknown"),
        ("DELETE /v1/posts/{post}", format!("/v1/posts/{post}"), "post.unknown"),
        ("GET /v1/posts/{post}/timeline", format!("/v1/posts/{post}/timeline"), "post.unknown"),
        (
            "POST /v1/posts/{post}/targets/{target}/resolve",
            format!("/v1/posts/{post}/targets/t1/resolve"),
            "post.unknown",
        ),
        ("GET /v1/connections/{connection}", format!("/v1/connections/{connection}"), "connection.unknown"),
    ] {
        let problem = world.read(route, &path).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (404, code), "{route}");
    }
    let problem = crate::edits::edit(&world, &post, "1", &json!({ "schedule": null })).await.unwrap_err();
    assert_eq!((problem.status, problem.code), (404, "post.unknown"));
    for (route, field) in
        [("GET /v1/posts", "posts"), ("GET /v1/connections", "connections"), ("GET /v1/dead-letters", "dead_letters")]
    {
        let view = world.read(route, route.split_once(' ').unwrap().1).await.unwrap();
        assert_eq!(view[field], json!([]), "{route}");
    }
    assert_eq!(world.create(&body).await.unwrap_err().errors[0].code, "connection.unknown");
    let session = json!({ "platform": "facebook", "return_url": "https://example.com/", "reconnect": connection });
    let request = world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &session);
    assert_eq!(world.connect.handle(request).await.unwrap_err().errors[0].code, "connection.unknown");
}

#[tokio::test]
async fn nobody_gets_401_on_every_route_that_belongs_to_a_tenant() {
    let world = World::start().await;
    for refusal in [Code::KeyUnknown, Code::KeyExpired, Code::KeyRevoked] {
        for route in [
            "GET /v1/posts",
            "GET /v1/posts/{post}",
            "DELETE /v1/posts/{post}",
            "GET /v1/posts/{post}/timeline",
            "POST /v1/posts/{post}/targets/{target}/resolve",
            "GET /v1/connections",
            "GET /v1/connections/{connection}",
            "GET /v1/dead-letters",
        ] {
            let mut request = world.request(route, "/x", &Value::Null);
            request.caller = Err(refusal);
            let problem = world.reader.handle(request).await.unwrap_err();
            assert_eq!((problem.status, problem.code), (401, refusal.name()), "{route}");
        }
        for route in ["POST /v1/posts", "POST /v1/posts/validate", "PATCH /v1/posts/{post}"] {
            let mut request = world.request(route, "/x", &json!({}));
            request.caller = Err(refusal);
            assert_eq!(world.publisher.handle(request).await.unwrap_err().status, 401, "{route}");
        }
        let mut request = world.request("POST /v1/connect/sessions", "/x", &json!({}));
        request.caller = Err(refusal);
        assert_eq!(world.connect.handle(request).await.unwrap_err().status, 401);
    }
}

#[tokio::test]
async fn keys_are_checked_to_the_letter_and_to_their_end() {
    let world = World::start().await;
    let identify = async |key: &str| {
        world.authorizer.identify(&format!("Bearer {key}")).await.unwrap().map_or_else(Code::name, |_| "known")
    };
    assert_eq!(identify(&world.key).await, "known");
    let last = if world.key.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", world.key.split_at(world.key.len() - 1).0);
    for key in [wrong.as_str(), "", "postd", "x"] {
        assert_eq!(identify(key).await, "key.unknown", "{key}");
    }
    let now = shared::clock::Clock::now(&world.clock);
    let ends = now.saturating_add(jiff::SignedDuration::from_secs(60)).unwrap();
    let short = NewKey { ends_at: Some(ends), ..NewKey::unlimited("local", "short") };
    let short = create_key(&world.store, world.caller.tenant, &short, Actor::Postd, now).await.unwrap();
    assert_eq!(identify(short.expose()).await, "known");
    world.advance(60);
    assert_eq!(identify(short.expose()).await, "key.expired");
}

#[tokio::test]
async fn wrong_routes_and_queries_are_told() {
    let world = World::start().await;
    let cases = [
        ("$default", "/v1/nothing", 404, "route.unknown"),
        ("$default", "/v1/posts/x/timeline", 405, "route.method_not_allowed"),
        ("GET /v1/posts", "/v1/posts?limit=0", 400, "query.invalid"),
        ("GET /v1/posts", "/v1/posts?limit=101", 400, "query.invalid"),
        ("GET /v1/posts", "/v1/posts?cursor=zzz", 400, "query.invalid"),
        ("GET /v1/posts", "/v1/posts?sate=failed", 400, "query.invalid"),
        ("GET /v1/posts/{post}", "/v1/posts/nonsense", 404, "post.unknown"),
    ];
    for (route, path, status, code) in cases {
        let mut request = world.request(if route == "$default" { "GET /" } else { route }, path, &Value::Null);
        request.route = route.into();
        let problem = world.reader.handle(request).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (status, code), "{path}");
    }
    let body = json!({ "content": { "text": "x" }, "targets": [{ "connection": world.connected().await }] });
    let mut request = world.request("POST /v1/posts", "/v1/posts", &body);
    request.headers.insert("idempotency-key", "with space".parse().unwrap());
    assert_eq!(world.publisher.handle(request).await.unwrap_err().code, "header.invalid");
}

#[tokio::test]
async fn no_request_takes_a_query_that_it_does_not_know() {
    let world = World::start().await;
    let connection = world.connected().await;
    let post = world.accept(&connection, "here to stay").await;
    let new = json!({ "content": { "text": "x" }, "targets": [{ "connection": connection }] });
    for (route, path) in [
        ("POST /v1/posts", "/v1/posts?dry_run=true".to_owned()),
        ("POST /v1/posts/bulk", "/v1/posts/bulk?dry_run=true".to_owned()),
        ("POST /v1/posts/validate", "/v1/posts/validate?dry_run=true".to_owned()),
        ("PATCH /v1/posts/{post}", format!("/v1/posts/{post}?dry_run=true")),
        ("DELETE /v1/posts/{post}", format!("/v1/posts/{post}?target=t2")),
        ("POST /v1/posts/{post}/targets/{target}/resolve", format!("/v1/posts/{post}/targets/t1/resolve?dry_run=true")),
    ] {
        let request = world.request(route, &path, &new);
        let publishes = route.starts_with("PATCH") || (route.starts_with("POST") && !route.ends_with("resolve"));
        let answer = if publishes { world.publisher.handle(request).await } else { world.reader.handle(request).await };
        let problem = answer.unwrap_err();
        assert_eq!((problem.status, problem.code), (400, "query.invalid"), "{route}");
    }
    world.drain().await;
    assert_eq!(world.page().len(), 1, "nothing was published, and nothing called off");
    assert_eq!(world.state(&post).await, "published");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    for (path, methods) in [
        ("/v1/posts", "GET, POST"),
        ("/v1/posts/bulk", "POST"),
        ("/v1/posts/validate", "POST"),
        ("/v1/posts/post_1", "GET, PATCH, DELETE"),
        ("/v1/connect/sessions", "POST"),
        ("/v1/connect/ses_1", "GET"),
        ("/v1/connections/con_1", "GET"),
    ] {
        let mut request = world.request("PUT /", path, &Value::Null);
        request.route = "$default".into();
        let response = shared::http::Response::from(world.reader.handle(request).await.unwrap_err());
        assert_eq!(response.status, 405, "{path}");
        assert!(response.headers.contains(&("allow", methods.to_owned())), "{path}: {:?}", response.headers);
        assert!(!response.body.contains("\"allow\""), "{}", response.body);
    }
}

#[tokio::test]
async fn twenty_targets_go_out_at_once() {
    use simulator::facebook::seed;
    let world = World::start().await;
    let connection = world.connected().await;
    let body = |texts: usize| {
        let target = |number| json!({ "connection": connection, "destination": seed::BAKERY, "content": { "text": format!("number {number}") } });
        json!({ "content": { "text": "all" }, "targets": (0..texts).map(target).collect::<Vec<_>>() })
    };
    // One destination twice in a post is a mistake, so twenty targets are twenty posts of one each here.
    assert_eq!(world.create(&body(20)).await.unwrap_err().errors.len(), 19);
    for number in 0..20 {
        let body =
            json!({ "content": { "text": format!("number {number}") }, "targets": [{ "connection": connection }] });
        world.create(&body).await.unwrap();
    }
    world.drain().await;
    assert_eq!(world.page().len(), 20);
}
