//! Renewals whose answer is lost, or stored only after a second try.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_sdk_dynamodb::config::http::HttpRequest;
use rstest::rstest;
use serde_json::json;
use shared::{clock::Clock as _, refresh::Refreshed, store::ConnectionState, vault::Expected};
use simulator::tokens::{Outcome, Rotation};

use super::{GRACE, code_of, instead, refresh, refresh_by, tick, uses, version_of, wish};
use crate::{
    intercept::OnRequest,
    rotating::{Fault, Gate, Scene},
};

#[rstest]
#[case::silence(|| Fault::AnswerLost)]
#[case::a_500_after_the_effect(|| Fault::After(500, json!({})))]
#[case::an_answer_that_cannot_be_read(|| Fault::After(200, json!("<html>")))]
#[tokio::test]
async fn f48_a_server_with_grace_forgives_a_lost_answer(#[case] fault: fn() -> Fault) {
    let scene = Scene::with(GRACE).await;
    scene.stage.fail([fault()]);
    assert_eq!(version_of(&refresh(&scene).await), 2);
    assert_eq!((uses(&scene), scene.stage.server().count(Outcome::Forgiven)), ((2, 0), 1));
    assert_eq!(version_of(&refresh(&scene).await), 3);
}

#[rstest]
#[case::silence(|| Fault::AnswerLost)]
#[case::a_500_after_the_effect(|| Fault::After(500, json!({})))]
#[tokio::test]
async fn f48_at_a_strict_server_a_lost_answer_ends_in_reconnect_with_its_cause_and_never_loops(
    #[case] fault: fn() -> Fault,
) {
    let scene = Scene::with(Rotation::Strict).await;
    scene.stage.fail([fault()]);
    let ended = refresh(&scene).await;
    assert_eq!((code_of(&ended), uses(&scene)), ("connection.refresh_lost", (2, 1)));
    let row = scene.row().await;
    assert_eq!((row.state, row.reason.unwrap().code.as_str()), (ConnectionState::Reconnect, "connection.refresh_lost"));
    for _ in 0..20 {
        assert_eq!(code_of(&refresh(&scene).await), "connection.refresh_lost");
        scene.advance(3_600);
        tick(&scene).await;
    }
    assert_eq!(uses(&scene), (2, 1), "nobody asks again");
    let tokens = scene.stage.login();
    scene.keep(&tokens, Expected::Any).await;
    assert_eq!((version_of(&refresh(&scene).await), uses(&scene)), (3, (3, 1)));
}

#[rstest]
#[case::forgiven(GRACE, true)]
#[case::strict(Rotation::Strict, false)]
#[tokio::test]
async fn f48_a_crash_between_the_answer_and_the_store_counts_as_the_first_try(
    #[case] rotation: Rotation,
    #[case] recovers: bool,
) {
    let scene = Scene::with(rotation).await;
    let gate = Arc::new(Gate::default());
    scene.stage.fail([Fault::HeldBack(gate.clone())]);
    let (health, wanted) = (scene.world.health_sandbox(), wish(&scene, 1));
    let killed = tokio::spawn(async move { refresh_by(&health, wanted).await });
    gate.entered().await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    scene.advance(90);
    let outcome = refresh(&scene).await;
    if recovers {
        assert_eq!((version_of(&outcome), uses(&scene)), (2, (2, 0)));
    } else {
        assert_eq!((code_of(&outcome), uses(&scene)), ("connection.refresh_lost", (2, 1)));
        assert_eq!(scene.row().await.state, ConnectionState::Reconnect);
    }
}

#[rstest]
#[case::not_reached(|| vec![Fault::NotSent], "platform.not_reached", 30)]
#[case::failing(|| vec![instead(500), instead(503)], "oauth.failed", 30)]
#[case::full(|| vec![Fault::Instead(429, json!({}), &[("retry-after", "600")])], "oauth.rate.app", 600)]
#[case::our_app(|| vec![Fault::Instead(401, json!({ "error": "invalid_client" }), &[])], "oauth.client_refused", 1_800)]
#[case::our_request(|| vec![Fault::Instead(400, json!({ "error": "invalid_scope" }), &[])], "oauth.refused", 1_800)]
#[tokio::test]
async fn f48_what_does_not_end_the_grant_is_waited_out_with_the_old_token(
    #[case] faults: fn() -> Vec<Fault>,
    #[case] code: &str,
    #[case] wait: i64,
) {
    let scene = Scene::with(Rotation::Strict).await;
    scene.stage.fail(faults());
    let before = scene.world.clock.now();
    let outcome = refresh(&scene).await;
    assert_eq!(code_of(&outcome), code);
    let Refreshed::Later { at, .. } = outcome else { panic!("{outcome:?}") };
    let seconds = at.duration_since(before).as_secs();
    assert!((wait / 2..=wait).contains(&seconds), "{seconds}");
    assert!(scene.row().await.state != ConnectionState::Reconnect);
    // Nobody asks before that.
    assert_eq!((code_of(&refresh(&scene).await), uses(&scene)), (code, (0, 0)));
    scene.advance(wait);
    assert_eq!((version_of(&refresh(&scene).await), uses(&scene)), (2, (1, 0)));
    assert_eq!(scene.row().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn f48_an_outage_of_hours_degrades_the_connection_when_the_old_token_ends_and_passes_without_its_owner() {
    let scene = Scene::with(Rotation::Strict).await;
    let mut states = vec![scene.row().await.state];
    for _ in 0..16 {
        scene.advance(900);
        scene.stage.fail([instead(503), instead(503), instead(503), instead(503)]);
        tick(&scene).await;
        states.push(scene.row().await.state);
    }
    states.dedup();
    assert_eq!(states, [ConnectionState::Active, ConnectionState::Degraded]);
    assert_eq!(scene.row().await.reason.unwrap().code, "connection.refresh_failing");
    scene.stage.fail_no_more();
    scene.advance(3_600);
    assert_eq!(tick(&scene).await.renewed, 1);
    let row = scene.row().await;
    assert_eq!((row.state, row.reason, uses(&scene)), (ConnectionState::Active, None, (1, 0)));
}

#[tokio::test]
async fn f48_while_kms_is_down_no_token_is_used_and_none_is_lost() {
    let scene = Scene::with(Rotation::Strict).await;
    let down = OnRequest(|request: &mut HttpRequest| {
        if request.headers().get("x-amz-target").is_some_and(|target| target.starts_with("TrentService")) {
            request.set_uri("http://127.0.0.1:1/").unwrap();
        }
    });
    let health = scene.world.health_sandbox_through(down);
    let outcome = refresh_by(&health, wish(&scene, 1)).await;
    assert_eq!((code_of(&outcome), uses(&scene)), ("connection.refresh_unavailable", (0, 0)));
    assert_eq!(version_of(&refresh(&scene).await), 2);
}

#[tokio::test]
async fn f48_a_new_token_is_stored_though_the_first_writes_fail() {
    let scene = Scene::with(Rotation::Strict).await;
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    let failing = OnRequest(move |request: &mut HttpRequest| {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let is_vault = request.body().bytes().is_some_and(|body| String::from_utf8_lossy(body).contains("\"Vault\""));
        if target.ends_with("TransactWriteItems") && is_vault && count.fetch_add(1, Ordering::Relaxed) < 4 {
            request.set_uri("http://127.0.0.1:1/").unwrap();
        }
    });
    let health = scene.world.health_sandbox_through(failing);
    let outcome = refresh_by(&health, wish(&scene, 1)).await;
    assert!(failed.load(Ordering::Relaxed) > 4);
    assert_eq!((version_of(&outcome), uses(&scene)), (2, (1, 0)));
}

#[tokio::test]
async fn what_an_answer_leaves_out_stays_as_it_was_and_an_empty_token_is_no_answer() {
    let scene = Scene::with(Rotation::Never).await;
    let (before, _) = scene.stored().await;
    assert_eq!(version_of(&refresh(&scene).await), 2);
    let (after, _) = scene.stored().await;
    assert_eq!(before.refresh.unwrap().expose(), after.refresh.unwrap().expose());
    assert_eq!(before.refresh_expires_at, after.refresh_expires_at);
    assert_ne!(before.access.expose(), after.access.expose());
    let empty = || Fault::Instead(200, json!({ "access_token": "", "refresh_token": "" }), &[]);
    scene.stage.fail([empty(), empty()]);
    assert_eq!(code_of(&refresh(&scene).await), "platform.answer_unreadable");
    let (kept, version) = scene.stored().await;
    assert_eq!((kept.access.expose(), version), (after.access.expose(), 2));
}
