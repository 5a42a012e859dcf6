//! What platforms say unasked.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{Instance, Signed};
use crate::{connector::WebhookDelivery, secret::AppSecret};

fn headers(signed: &Signed) -> HeaderMap {
    let header =
        |(name, value): &(&'static str, String)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    signed.headers.iter().map(header).collect()
}

fn is_taken(instance: &Instance, signed: &Signed, body: &[u8]) -> bool {
    let headers = headers(signed);
    let delivery = WebhookDelivery { headers: &headers, query: &signed.query, body, now: signed.at };
    instance.connector.validate_webhook_signature(&instance.app, delivery)
}

pub(crate) fn f74_a_repeat_has_the_key_of_the_first(instance: &Instance) {
    let keys = |body: &[u8]| -> Vec<String> {
        let events = instance.connector.parse_webhook_event(body).unwrap();
        assert!(!events.is_empty());
        events.into_iter().map(|event| event.dedupe_key).collect()
    };
    let mut seen = BTreeSet::new();
    for signed in &instance.signed {
        let found = keys(&signed.body);
        assert_eq!(found, keys(&signed.body));
        for key in found {
            assert!((1..=200).contains(&key.len()) && !key.contains(char::is_whitespace), "{key:?}");
            assert!(seen.insert(key), "two events have one key");
        }
    }
    for respelled in &instance.respelled {
        assert_eq!(keys(respelled.0.as_bytes()), keys(respelled.1.as_bytes()));
    }
}

pub(crate) fn f76_only_what_the_platform_signed_is_taken(instance: &Instance) {
    for signed in &instance.signed {
        assert!(is_taken(instance, signed, &signed.body));
        for position in [0, signed.body.len() / 2, signed.body.len() - 1] {
            let mut forged = signed.body.clone();
            forged[position] ^= 1;
            assert!(!is_taken(instance, signed, &forged), "a byte was changed at {position}");
        }
        let unsigned = Signed { headers: Vec::new(), query: Vec::new(), body: signed.body.clone(), at: signed.at };
        assert!(!is_taken(instance, &unsigned, &unsigned.body), "an unsigned delivery is taken");
        let mut app = instance.app.clone();
        app.client_secret = AppSecret::new("another secret");
        app.previous_client_secret = Some(AppSecret::new(""));
        app.webhook_secrets = vec![AppSecret::new(""), AppSecret::new("yet another secret")];
        app.webhook_verify_token = crate::secret::VerifyToken::new("another token");
        let headers = headers(signed);
        let delivery = WebhookDelivery { headers: &headers, query: &signed.query, body: &signed.body, now: signed.at };
        assert!(!instance.connector.validate_webhook_signature(&app, delivery), "by another secret");
    }
}

pub(crate) fn f76_no_delivery_panics_the_webhook(instance: &Instance) {
    let mut runner = TestRunner::new(Config { cases: 256, ..Config::default() });
    let names: Vec<&'static str> =
        instance.signed.iter().flat_map(|signed| signed.headers.iter().map(|(name, _)| *name)).collect();
    let names = if names.is_empty() { vec!["x-signature"] } else { names };
    let inputs = (prop::collection::vec(any::<u8>(), 0..200), prop::sample::select(names), "[ -~]{0,100}");
    let outcome = runner.run(&inputs, |(body, name, value)| {
        drop(instance.connector.parse_webhook_event(&body));
        let signed = Signed {
            headers: vec![(name, value.trim().to_owned())],
            query: vec![(value, String::new())],
            body,
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
        };
        prop_assert!(!is_taken(instance, &signed, &signed.body));
        Ok(())
    });
    outcome.unwrap();
    // Pieces of real ones are nearer to what is read.
    for signed in &instance.signed {
        for length in 0..signed.body.len() {
            drop(instance.connector.parse_webhook_event(&signed.body[..length]));
        }
    }
}

pub(crate) fn f80_a_handshake_reflects_nothing_that_acts(instance: &Instance) {
    let token = instance.app.webhook_verify_token.expose();
    for challenge in ["<script>alert(1)</script>", "\"onload=alert(1)", "'", "&lt;", "a\r\nb", &"1".repeat(10_000)] {
        let query = [
            ("hub.mode", "subscribe"),
            ("hub.verify_token", token),
            ("hub.challenge", challenge),
            ("challenge", challenge),
            ("challengeCode", challenge),
            ("key", token),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        if let Some(reflected) = instance.connector.webhook_handshake(&instance.app, &query) {
            assert!(!reflected.contains(['<', '>', '"', '\'', '&', '\r', '\n']), "{reflected}");
            assert!(reflected.len() <= 1_000);
        }
    }
    assert_eq!(instance.connector.webhook_handshake(&instance.app, &[]), None);
}
