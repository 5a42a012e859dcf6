//! What holds for the connector as a whole: it sends nothing that the contract does not know.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::connector::Body;

fn connector() -> Facebook {
    Facebook::new(FacebookSettings::default())
}

fn prepared(content: Value) -> Prepared {
    Prepared { content: serde_json::from_value(content).unwrap(), ..Prepared::at("100") }
}

fn fingerprint() -> Fingerprint {
    let post = prepared(json!({"text": "Hello", "link": "https://example.com/"}));
    Fingerprint::of(&post, "2026-11-21T10:00:00Z".parse().unwrap(), "2026-11-21T11:00:00Z".parse().unwrap())
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
        other @ (Next::Look { .. } | Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
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
