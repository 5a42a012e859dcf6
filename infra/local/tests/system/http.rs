//! What callers see over HTTP, behind the real authorizer.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use shared::authorize::{NewKey, create_key};
use shared::clock::{Clock as _, SystemClock};
use shared::store::Actor;
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{ADAS, Answer, GRACES, Tenant, call, to_page};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn with_authorization(tenant: &Tenant<'_>, value: &str) -> Answer {
    call(Method::GET, &tenant.url("/v1/posts"), &[("authorization", value)], "").await
}

/// Where a body is wrong, and which rule it breaks.
fn faults(answer: &Answer) -> Vec<(String, String)> {
    let problem = answer.json();
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap().to_owned();
    problem["errors"].as_array().unwrap().iter().map(|fault| (text(fault, "pointer"), text(fault, "code"))).collect()
}

fn problem(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn only_a_good_key_opens_the_api_and_every_other_is_told_why() {
    let tenant = Tenant::new(System::shared()).await;
    assert_eq!(tenant.get("/v1/posts").await.status, 200);

    // API Gateway's own answer: it asks nobody where there is nothing to ask about.
    let missing = call(Method::GET, &tenant.url("/v1/posts"), &[], "").await;
    assert_eq!((missing.status, missing.json()), (401, json!({"message": "Unauthorized"})));

    let swapped = tenant.key.replace(&tenant.key[tenant.key.len() - 64..], &"0".repeat(64));
    for wrong in [format!("Basic {}", tenant.key), format!("Bearer {swapped}"), "Bearer garbage".into(), "é".into()] {
        let refused = with_authorization(&tenant, &wrong).await;
        assert_eq!(refused.problem(), problem(401, "key.unknown"));
        assert_eq!(refused.header("www-authenticate"), "Bearer");
    }

    let now = SystemClock.now();
    let store = tenant.system.store();
    let (born, died) = (now - Duration::from_hours(1), now - Duration::from_secs(1));
    let old = NewKey { ends_at: Some(died), ..NewKey::unlimited("local", "old") };
    let expired = create_key(&store, tenant.id, &old, Actor::Postd, born).await.unwrap();
    tenant.system.keep_key(expired.expose());
    let refused = with_authorization(&tenant, &format!("Bearer {}", expired.expose())).await;
    assert_eq!(refused.problem(), problem(401, "key.expired"));
    assert_eq!(refused.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_like_any_other() {
    let tenant = Tenant::new(System::shared()).await;
    assert_eq!(tenant.get("/v1/nowhere").await.problem(), problem(404, "route.unknown"));
    let keyless = call(Method::GET, &tenant.url("/nowhere"), &[], "").await;
    assert_eq!(keyless.problem(), problem(404, "route.unknown"));
    let put = tenant.send(Method::PUT, "/v1/posts", &[JSON], "{}").await;
    assert_eq!(put.problem(), problem(405, "route.method_not_allowed"));
    assert_eq!(tenant.get("/v1/posts/post_nonsense").await.problem(), problem(404, "post.unknown"));
}

#[tokio::test]
async fn f9_another_tenants_things_do_not_exist() {
    let system = System::shared();
    let (owner, other) = (Tenant::new(system).await, Tenant::new(system).await);
    let connection = owner.connect(seed::GRACE, &GRACES).await;
    let post = owner.publish(&connection, seed::HARDWARE, "Whose post is this?").await;
    assert_eq!(owner.get(&format!("/v1/posts/{post}")).await.status, 200);

    for path in [format!("/v1/posts/{post}"), format!("/v1/posts/{post}/timeline")] {
        assert_eq!(other.get(&path).await.problem(), problem(404, "post.unknown"));
    }
    let deleted = other.send(Method::DELETE, &format!("/v1/posts/{post}"), &[], "").await;
    assert_eq!(deleted.problem(), problem(404, "post.unknown"));
    let read = other.get(&format!("/v1/connections/{connection}")).await;
    assert_eq!(read.problem(), problem(404, "connection.unknown"));
    let used = other.post("/v1/posts", &to_page(&connection, seed::HARDWARE, "Not mine")).await;
    assert_eq!(used.problem(), problem(422, "body.invalid"));
    assert_eq!(faults(&used), [("/targets/0/connection".into(), "connection.unknown".into())]);
    let renewed = json!({"platform": "facebook", "return_url": crate::tenant::RETURN_URL, "reconnect": connection});
    assert_eq!(other.post("/v1/connect/sessions", &renewed).await.problem(), problem(422, "body.invalid"));
    assert_eq!(other.read("/v1/posts").await["posts"], json!([]));
    assert_eq!(other.read("/v1/connections").await["connections"], json!([]));
    assert_eq!(owner.settled(&post).await["state"], "published");
}

#[tokio::test]
async fn f7_a_body_that_is_too_large_is_refused_whatever_is_in_it() {
    let tenant = Tenant::new(System::shared()).await;
    let refused = tenant.send(Method::POST, "/v1/posts", &[JSON], vec![b' '; 256 * 1024 + 1]).await;
    assert_eq!(refused.problem(), problem(413, "body.too_large"));
    let largest = tenant.send(Method::POST, "/v1/posts", &[JSON], vec![b' '; 256 * 1024]).await;
    assert_eq!(largest.problem(), problem(400, "body.not_json"));
    // Past 10 MB API Gateway answers by itself.
    let refused = tenant.send(Method::POST, "/v1/posts", &[JSON], vec![b' '; 10 * 1024 * 1024 + 1]).await;
    assert_eq!((refused.status, refused.json()), (413, json!({"message": "Request Entity Too Large"})));
}

#[tokio::test]
async fn a_body_that_cannot_be_understood_is_refused_with_the_place() {
    let tenant = Tenant::new(System::shared()).await;
    for broken in ["", "not json", "{", r#"{"content":{"text":"a"},"targets":[]} more"#] {
        let refused = tenant.send(Method::POST, "/v1/posts", &[JSON], broken).await;
        assert_eq!(refused.problem(), problem(400, "body.not_json"), "{broken}");
    }
    let connection = "con_0193f0a1b2c37d4e8f90a1b2c3d4e5f6";
    let with = |place: &str, name: &str| {
        let mut body = to_page(connection, seed::BAKERY, "text");
        body.pointer_mut(place).unwrap()[name] = json!("x");
        body
    };
    for (place, name, pointer) in
        [("", "shedule", "/shedule"), ("/content", "txt", "/content/txt"), ("/targets/0", "conn", "/targets/0/conn")]
    {
        let refused = tenant.post("/v1/posts", &with(place, name)).await;
        assert_eq!(refused.problem(), problem(422, "body.invalid"));
        assert_eq!(faults(&refused), [(pointer.into(), "body.shape".into())]);
    }
    let refused = tenant.post("/v1/posts", &json!({"content": {"text": 5}, "targets": []})).await;
    assert_eq!(faults(&refused), [("/content/text".into(), "body.shape".into())]);
}

#[tokio::test]
async fn one_post_goes_to_many_targets_of_two_connections_and_fifty_is_the_most() {
    let tenant = Tenant::new(System::shared()).await;
    let (ada, grace) = (tenant.connect(seed::ADA, &ADAS).await, tenant.connect(seed::GRACE, &GRACES).await);
    let places = [
        (&ada, seed::BAKERY),
        (&ada, seed::ODDITIES),
        (&ada, seed::BOOKSHOP),
        (&grace, seed::GARDEN),
        (&grace, seed::HARDWARE),
    ];
    let target = |(connection, page): &(&String, &str)| json!({"connection": connection, "destination": page});
    let text = "The same news everywhere.";
    let targets: Vec<Value> = places.iter().map(target).collect();
    let accepted = tenant.post("/v1/posts", &json!({"content": {"text": text}, "targets": targets})).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let ended = tenant.settled(accepted.json()["id"].as_str().unwrap()).await;
    assert_eq!(ended["targets"].as_array().unwrap().len(), places.len());
    for ((_, page), target) in places.iter().zip(ended["targets"].as_array().unwrap()) {
        assert_eq!((&target["state"], &target["destination"]), (&json!("published"), &json!(page)), "{target}");
        assert_eq!(tenant.system.on_page(page, text), 1);
    }

    let many = |count: usize| json!({"content": {"text": text}, "targets": vec![target(&places[0]); count]});
    let refused = tenant.post("/v1/posts", &many(51)).await;
    assert_eq!(faults(&refused), [("/targets".into(), "targets.count".into())]);
    // Fifty are counted as fifty, and each repeat is named.
    let refused = tenant.post("/v1/posts", &many(50)).await;
    assert_eq!(refused.problem(), problem(422, "body.invalid"));
    assert_eq!(faults(&refused).len(), 49);
    assert!(faults(&refused).contains(&("/targets/49".into(), "target.repeated".into())));
    assert_eq!(tenant.system.on_page(seed::BAKERY, text), 1);
}

#[tokio::test]
async fn f1_f3_a_repeated_request_is_answered_alike_and_another_body_under_its_key_is_refused() {
    let tenant = Tenant::new(System::shared()).await;
    let connection = tenant.connect(seed::GRACE, &GRACES).await;
    let text = "Asked for five times at once.";
    let body = to_page(&connection, seed::GARDEN, text).to_string();
    let headers = [JSON, ("idempotency-key", "order-4711")];
    let send = || tenant.send(Method::POST, "/v1/posts", &headers, body.clone());
    let (one, two, three, four, five) = tokio::join!(send(), send(), send(), send(), send());
    let late = send().await;
    assert_eq!(late.header("idempotency-replayed"), "true");
    for answer in [&one, &two, &three, &four, &five] {
        assert_eq!((answer.status, answer.text()), (202, late.text()));
    }
    let other = to_page(&connection, seed::GARDEN, "Something else").to_string();
    let refused = tenant.send(Method::POST, "/v1/posts", &headers, other).await;
    assert_eq!(refused.problem(), problem(422, "idempotency.mismatch"));

    let post = late.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(tenant.settled(&post).await["state"], "published");
    assert_eq!(tenant.system.on_page(seed::GARDEN, text), 1);
}

#[tokio::test]
async fn no_answer_may_be_kept_guessed_at_or_told_on() {
    let tenant = Tenant::new(System::shared()).await;
    for answer in [
        tenant.get("/v1/posts").await,
        tenant.get("/v1/nowhere").await,
        tenant.post("/v1/posts", &json!({})).await,
        with_authorization(&tenant, "Bearer garbage").await,
        call(Method::GET, &tenant.url("/health"), &[], "").await,
        call(Method::GET, &tenant.url("/webhooks/facebook"), &[], "").await,
        call(Method::GET, tenant.session().await.as_str(), &[], "").await,
        call(Method::GET, &tenant.url("/v1/connect/unknown"), &[], "").await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}
