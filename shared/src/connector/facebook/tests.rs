//! What holds for the connector as a whole: no answer panics it, and it sends nothing that the contract does not know.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::{Map, json};

use super::{testing::*, *};
use crate::{
    connector::{Body, Step},
    secret::AuthorizationCode,
};

fn connector() -> Facebook {
    Facebook::new(FacebookSettings::default())
}

fn prepared(content: Value) -> Prepared {
    Prepared { destination: "100".into(), content: serde_json::from_value(content).unwrap() }
}

fn fingerprint() -> Fingerprint {
    Fingerprint {
        destination: "100".into(),
        content: prepared(json!({"text": "Hello", "link": "https://example.com/"})).content,
        not_before: "2026-11-21T10:00:00Z".parse().unwrap(),
        now: "2026-11-21T11:00:00Z".parse().unwrap(),
        exclude: Vec::new(),
        checkpoint: Checkpoint::default(),
    }
}

fn tokens() -> TokenSet {
    TokenSet {
        access: AccessToken::new("EAAP"),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    }
}

fn code() -> CodeGrant {
    let redirect_uri = Url::parse("https://postd.example/callback").unwrap();
    CodeGrant { code: AuthorizationCode::new("code"), redirect_uri, verifier: None }
}

/// Runs a flow on one answer after another until it ends or the answers do.
fn feed<T>(mut flow: Box<dyn Flow<T>>, answers: &[Answer]) {
    let mut step = flow.advance(None);
    for answer in answers {
        match step {
            Ok(Step::Call(_)) => step = flow.advance(Some(answer)),
            Ok(Step::Done(_)) | Err(_) => return,
        }
    }
}

fn feed_everything(answers: &[Answer]) {
    let connector = connector();
    for answer in answers {
        drop(connector.publish(&prepared(json!({"text": "a"})), &Checkpoint::default(), Some(answer)));
        connector.usage_wait(answer);
        drop(connector.parse_webhook_event(&answer.body));
    }
    feed(connector.authenticate(&app(), code()), answers);
    feed(connector.fetch_accounts(), answers);
    feed(connector.revoke("1").unwrap(), answers);
    feed(connector.read_back(&app(), fingerprint()), answers);
    feed(connector.delete_post("100_5").unwrap(), answers);
    feed(connector.post_analytics("100_5").unwrap(), answers);
    feed(connector.health_check(&app(), &tokens(), &[]), answers);
}

/// JSON made of the words that the parsers look for, in places where they do and do not belong.
fn json_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        "100",
        "100_5",
        "123",
        "add",
        "page",
        "feed",
        "USER",
        "token",
        "https://graph.facebook.com/v26.0/me",
        "http://[",
        "2026-11-21T10:00:01+0000",
        "9999-99-99T99:99:99+9999",
        "CREATE_CONTENT",
        "lifetime",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "id",
        "post_id",
        "data",
        "error",
        "code",
        "error_subcode",
        "is_transient",
        "paging",
        "next",
        "access_token",
        "is_valid",
        "app_id",
        "user_id",
        "scopes",
        "granular_scopes",
        "expires_at",
        "tasks",
        "name",
        "message",
        "created_time",
        "application",
        "attachments",
        "values",
        "value",
        "total_value",
        "period",
        "object",
        "entry",
        "changes",
        "field",
        "item",
        "verb",
        "time",
        "permalink_url",
        "success",
    ]);
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let object = prop::collection::vec((keys.clone(), inner.clone()), 0..6).prop_map(|members| {
            Value::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect::<Map<_, _>>())
        });
        prop_oneof![3 => object, 1 => prop::collection::vec(inner, 0..4).prop_map(Value::from)]
    })
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let body = prop_oneof![
        6 => json_value().prop_map(|value| Bytes::from(value.to_string())),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from),
    ];
    let header = prop_oneof![
        json_value().prop_map(|value| value.to_string()),
        Just(r#"{"1":[{"estimated_time_to_regain_access":-9223372036854775808}]}"#.to_owned()),
    ];
    let status = prop_oneof![4 => Just(200_u16), 1 => 100..600_u16];
    (status, header, body).prop_map(|(status, header, body)| {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::try_from(header) {
            headers.insert("x-business-use-case-usage", value.clone());
            headers.insert("x-app-usage", value);
        }
        Answer { headers, ..answer(status, body) }
    })
}

proptest! {
    #[test]
    fn f44_no_answer_panics_a_parser(answers in prop::collection::vec(any_answer(), 1..8)) {
        feed_everything(&answers);
    }

    #[test]
    fn f76_no_delivery_panics_the_webhook(
        body in prop::collection::vec(any::<u8>(), 0..64),
        signature in "(sha256=)?[0-9a-fA-F]{0,70}",
        challenge in ".{0,140}",
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature-256", HeaderValue::try_from(signature).unwrap());
        let delivery = WebhookDelivery { headers: &headers, body: &body };
        let is_signed = connector().validate_webhook_signature(&app(), delivery);
        prop_assert!(!is_signed);
        let query = [("hub.mode", "subscribe"), ("hub.verify_token", "verify-me"), ("hub.challenge", &challenge)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        if let Some(reflected) = connector().webhook_handshake(&app(), &query) {
            prop_assert!(!reflected.contains(['<', '>', '"', '\'', '&']));
        }
    }
}

#[test]
fn f44_depth_does_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    feed_everything(&[answer(200, deep)]);
}

#[test]
fn a_login_is_renewed_by_a_new_login_only() {
    let error = connector().refresh_token(&app(), tokens()).err().unwrap();
    assert_eq!(error.refusal().code, "platform.unsupported");
}

/// Every call that the connector makes, with the node and edge of the contract that it is for.
fn every_call() -> Vec<(Request, &'static str, Option<&'static str>)> {
    let connector = connector();
    let published = |content| match connector.publish(&prepared(content), &Checkpoint::default(), None).unwrap() {
        Next::Call { request, .. } => request,
        other @ (Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
    };
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A cat"});
    let mut calls = vec![
        (published(json!({"text": "a", "link": "https://example.com"})), "Page", Some("feed")),
        (published(json!({"text": "a", "media": [photo]})), "Page", Some("photos")),
        (called(connector.fetch_accounts().advance(None)), "User", Some("accounts")),
        (called(connector.revoke("1").unwrap().advance(None)), "User", Some("permissions")),
        (called(connector.delete_post("100_5").unwrap().advance(None)), "PagePost", None),
        (called(connector.post_analytics("100_5").unwrap().advance(None)), "PagePost", Some("insights")),
        (called(connector.read_back(&app(), fingerprint()).advance(None)), "Page", Some("published_posts")),
    ];
    for (request, _, _) in &mut calls {
        connector.sign(request, &AccessToken::new("EAAP"), &app());
    }
    calls
}

// Which fields are wanted, how a listing is cut, and the proof belong to the protocol and not to an edge.
const PROTOCOL: [&str; 5] = ["fields", "limit", "since", "until", "appsecret_proof"];

#[test]
fn every_parameter_is_in_the_contract_of_its_edge() {
    // The specifications lie beside the repository, not in it.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs/meta/graph-v25-codegen.trimmed.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: Meta's contract is not beside the repository");
        return;
    };
    let contract: Value = serde_json::from_str(&text).unwrap();
    for (request, node, edge) in every_call() {
        let of_call = |api: &&Value| {
            let is_edge = match edge {
                Some(edge) => api["endpoint"] == edge,
                None => api["name"].as_str().is_some_and(|name| name.starts_with('#')),
            };
            is_edge && api["method"] == request.method.as_str()
        };
        let apis = contract[node]["apis"].as_array().unwrap();
        let api = apis.iter().find(of_call).unwrap_or_else(|| panic!("{node} has no {edge:?}"));
        let known: BTreeSet<_> =
            api["params"].as_array().unwrap().iter().filter_map(|known| known["name"].as_str()).collect();
        let mut sent: Vec<String> = request.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        if let Body::Form(fields) = &request.body {
            sent.extend(fields.iter().map(|(name, _)| name.clone()));
        }
        for name in sent {
            assert!(
                PROTOCOL.contains(&name.as_str()) || known.contains(name.as_str()),
                "{node}/{edge:?} has no {name}"
            );
        }
        if request.method == Method::GET {
            assert!(request.body == Body::Empty);
        }
    }
}
