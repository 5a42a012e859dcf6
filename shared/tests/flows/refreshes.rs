//! Tokens that are renewed: one at a time, ahead of their end, and never at the cost of a token that works.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde_json::json;
use shared::{
    clock::Clock,
    connector::driver::Budget,
    health::HealthCheck,
    platform::{AppOwner, Platform},
    refresh::{Refreshed, Round, Why, Wish},
    store::ConnectionState,
    vault::Expected,
};
use simulator::tokens::{Outcome, Rotation};

use crate::{
    rotating::{ACCOUNT, Fault, Gate, Scene},
    world::TENANT_APPS,
};

mod leases;
mod lost_answers;

const GRACE: Rotation = Rotation::Grace(SignedDuration::from_mins(5));

fn wish(scene: &Scene, came_with: u64) -> Wish {
    Wish {
        tenant: scene.world.caller.tenant,
        connection: scene.connection,
        platform: Platform::Facebook,
        app: AppOwner::Shared,
        came_with,
        why: Why::Ending,
        patience: Duration::from_secs(20),
        budget: Budget::lasting(Duration::from_mins(1)),
    }
}

async fn refresh(scene: &Scene) -> Refreshed {
    let (_, version) = scene.stored().await;
    refresh_by(&scene.world.health_sandbox(), wish(scene, version)).await
}

async fn refresh_by(health: &HealthCheck, wish: Wish) -> Refreshed {
    health.refresher().refresh(&wish).await.unwrap()
}

fn round(scene: &Scene) -> Arc<Round> {
    Arc::new(Round { health: scene.world.health_sandbox() })
}

async fn tick(scene: &Scene) -> shared::refresh::Taken {
    round(scene).run(Duration::from_mins(1)).await.unwrap()
}

fn version_of(outcome: &Refreshed) -> u64 {
    let Refreshed::Renewed { version, .. } = outcome else { panic!("{outcome:?}") };
    *version
}

fn code_of(outcome: &Refreshed) -> &str {
    let (Refreshed::Ended(reason) | Refreshed::Later { reason, .. }) = outcome else { panic!("{outcome:?}") };
    &reason.code
}

fn instead(status: u16) -> Fault {
    Fault::Instead(status, json!({ "error": "server_error" }), &[])
}

/// How often refresh tokens were used, and how often one was used that had been used before.
fn uses(scene: &Scene) -> (usize, usize) {
    let server = scene.stage.server();
    (server.uses().len(), server.count(Outcome::Reused))
}

#[tokio::test]
async fn f47_two_to_ten_refreshers_at_once_use_a_rotating_token_once() {
    for refreshers in 2..=10 {
        let scene = Scene::with(Rotation::Strict).await;
        let mut jobs = tokio::task::JoinSet::new();
        for _ in 0..refreshers {
            let (health, wish) = (scene.world.health_sandbox(), wish(&scene, 1));
            jobs.spawn(async move { refresh_by(&health, wish).await });
        }
        let outcomes = jobs.join_all().await;
        assert_eq!(outcomes.iter().map(version_of).collect::<Vec<_>>(), vec![2; refreshers]);
        assert_eq!(uses(&scene), (1, 0), "{refreshers}");
        let (tokens, _) = scene.stored().await;
        let connected_at = scene.row().await.created_at;
        assert!(scene.stage.server().takes(tokens.refresh.unwrap().expose(), connected_at));
    }
}

#[tokio::test]
async fn f47_a_loser_that_cannot_wait_is_told_when_to_come_back() {
    let scene = Scene::with(Rotation::Strict).await;
    let gate = Arc::new(Gate::default());
    scene.stage.fail([Fault::HeldBack(gate.clone())]);
    let (health, wanted) = (scene.world.health_sandbox(), wish(&scene, 1));
    let winner = tokio::spawn(async move { refresh_by(&health, wanted).await });
    gate.entered().await;
    let loser = refresh_by(&scene.world.health, Wish { patience: Duration::ZERO, ..wish(&scene, 1) }).await;
    assert_eq!(code_of(&loser), "connection.refresh_running");
    gate.open();
    assert_eq!(version_of(&winner.await.unwrap()), 2);
    assert_eq!((version_of(&refresh_by(&scene.world.health, wish(&scene, 1)).await), uses(&scene)), (2, (1, 0)));
}

#[tokio::test]
async fn f47_a_refusal_is_not_believed_when_a_login_has_brought_a_newer_token_meanwhile() {
    let scene = Arc::new(Scene::with(Rotation::Strict).await);
    let other = scene.clone();
    scene.stage.fail([Fault::Meanwhile(Box::new(move || {
        Box::pin(async move {
            // The login ends what came before it: the call that is under way is refused.
            let tokens = other.stage.login();
            other.keep(&tokens, Expected::Any).await;
        })
    }))]);
    assert_eq!(version_of(&refresh(&scene).await), 2);
    assert_eq!(scene.row().await.state, ConnectionState::Active);
    assert_eq!(scene.stage.server().count(Outcome::Over), 1);
    assert_eq!(version_of(&refresh(&scene).await), 3);
}

#[tokio::test]
async fn f47_tokens_are_renewed_ahead_of_their_end_for_days_and_never_twice() {
    let scene = Scene::with(Rotation::Strict).await;
    let mut renewed = 0;
    for _ in 0..2 * 24 * 4 {
        scene.advance(900);
        let (one, other) = (round(&scene), round(&scene));
        let time = Duration::from_mins(1);
        // The schedule may fire twice.
        let (one, other) = tokio::join!(one.run(time), other.run(time));
        renewed += one.unwrap().renewed + other.unwrap().renewed;
        let (tokens, _) = scene.stored().await;
        assert!(scene.stage.server().accepts(tokens.access.expose(), scene.world.clock.now()));
    }
    // Two hours live, two thirds of them are used, and the schedule comes every quarter of an hour.
    assert!((31..=39).contains(&renewed), "{renewed}");
    assert_eq!(uses(&scene), (usize::try_from(renewed).unwrap(), 0));
    let row = scene.row().await;
    assert_eq!((row.state, row.access_expires_at), (ConnectionState::Active, scene.stored().await.0.access_expires_at));
}

#[tokio::test]
async fn what_the_owner_took_back_ends_in_reconnect_with_the_platforms_cause() {
    let scene = Scene::with(Rotation::Strict).await;
    scene.stage.server().end(ACCOUNT);
    assert_eq!((code_of(&refresh(&scene).await), uses(&scene)), ("oauth.invalid_grant", (1, 0)));
    let row = scene.row().await;
    assert_eq!((row.state, row.reason.unwrap().code.as_str()), (ConnectionState::Reconnect, "oauth.invalid_grant"));
}

#[tokio::test]
async fn a_token_that_ends_soon_is_renewed_before_the_post_goes_out() {
    let scene = Scene::with(Rotation::Strict).await;
    scene.advance(2 * 3_600 - 60);
    let id = scene.world.accept(&scene.connection.to_string(), "in the last minute").await;
    scene.world.drain().await;
    assert_eq!((scene.world.state(&id).await.as_str(), uses(&scene)), ("published", (1, 0)));
    assert_eq!(scene.stage.posts(), ["in the last minute"]);
}

#[tokio::test]
async fn ten_jobs_with_a_refused_token_renew_it_once_and_go_out_once_each() {
    let scene = Scene::with(Rotation::Strict).await;
    // The platform has ended the access token early: nothing but its refusal tells.
    scene.stage.server().forget_access_tokens();
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(scene.world.accept(&scene.connection.to_string(), &format!("number {number}")).await);
    }
    for _ in 0..20 {
        scene.world.drain().await;
        scene.world.dispatcher.tick().await.unwrap();
        scene.advance(30);
    }
    for id in &ids {
        assert_eq!(scene.world.state(id).await, "published");
    }
    let mut posts = scene.stage.posts();
    posts.sort();
    assert_eq!(posts, (0..10).map(|number| format!("number {number}")).collect::<Vec<_>>());
    assert_eq!(uses(&scene), (1, 0));
    assert_eq!(scene.row().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_as_well_ends_in_reconnect_and_its_targets_are_held() {
    let scene = Scene::with(Rotation::Strict).await;
    scene.stage.refuse_everything();
    let id = scene.world.accept(&scene.connection.to_string(), "never").await;
    for _ in 0..10 {
        scene.world.drain().await;
        scene.world.dispatcher.tick().await.unwrap();
        scene.advance(30);
    }
    assert_eq!((scene.world.state(&id).await.as_str(), uses(&scene)), ("waiting", (1, 0)));
    let row = scene.row().await;
    assert_eq!((row.state, row.reason.unwrap().code.as_str()), (ConnectionState::Reconnect, "rotating.token_invalid"));
}

#[tokio::test]
async fn a_grant_that_is_over_holds_its_targets_until_its_owner_comes() {
    let scene = Scene::with(Rotation::Strict).await;
    scene.stage.server().end(ACCOUNT);
    let id = scene.world.accept(&scene.connection.to_string(), "later").await;
    scene.world.drain().await;
    assert_eq!((scene.world.state(&id).await.as_str(), uses(&scene)), ("waiting", (1, 0)));
    assert_eq!(scene.world.post(&id).await["targets"][0]["reason"]["code"], "oauth.invalid_grant");
    scene.advance(60);
    let tokens = scene.stage.login();
    scene.keep(&tokens, Expected::Any).await;
    let (tenant, now) = (scene.world.caller.tenant, scene.world.clock.now());
    assert_eq!(scene.world.store.release_held(tenant, scene.connection, now).await.unwrap(), 1);
    scene.world.dispatcher.tick().await.unwrap();
    scene.world.drain().await;
    assert_eq!((scene.world.state(&id).await.as_str(), scene.stage.posts().len()), ("published", 1));
}

#[tokio::test]
async fn a_token_that_is_far_from_its_end_costs_no_call_more() {
    let scene = Scene::with(Rotation::Strict).await;
    scene.world.accept(&scene.connection.to_string(), "warm").await;
    scene.world.drain().await;
    scene.world.accept(&scene.connection.to_string(), "counted").await;
    let before = scene.world.emulators.counts();
    scene.world.drain().await;
    let spent = scene.world.emulators.counts().since(&before);
    assert_eq!((spent.write_units(), spent.read_units()), (2.0, 1.5));
    assert!(spent.iter().all(|(name, _)| !name.starts_with("KMS.") && !name.starts_with("SecretsManager.")));
    assert_eq!((scene.stage.posts().len(), uses(&scene)), (2, (0, 0)));
}

#[tokio::test]
async fn a_health_check_with_a_token_that_has_ended_renews_it() {
    let scene = Scene::with(Rotation::Strict).await;
    scene.advance(61 * 24 * 3_600);
    assert_eq!(scene.world.health_sandbox().run(Duration::from_mins(1)).await.unwrap().checked, 1);
    assert_eq!((scene.stored().await.1, uses(&scene)), (2, (1, 0)));
    assert_eq!(scene.row().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn the_owner_is_warned_two_weeks_before_the_refresh_token_ends_and_told_when_it_has() {
    let scene = Scene::with(Rotation::Never).await;
    let mut seen = Vec::new();
    for day in 0..181 {
        scene.advance(86_400);
        tick(&scene).await;
        let row = scene.row().await;
        let code = row.reason.map_or(String::new(), |reason| reason.code);
        if seen.last().is_none_or(|(_, _, last)| *last != code) {
            seen.push((day + 1, row.state, code));
        }
    }
    let expected = [
        (1, ConnectionState::Active, String::new()),
        (166, ConnectionState::Degraded, "connection.ending".to_owned()),
        (180, ConnectionState::Reconnect, "oauth.invalid_grant".to_owned()),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn one_listing_shows_what_needs_a_person_since_when_and_the_way_to_a_new_login() {
    let scene = Scene::with(Rotation::Strict).await;
    let listed = async || {
        let path = "/v1/connections?attention=true";
        scene.world.read("GET /v1/connections", path).await.unwrap()["connections"].clone()
    };
    assert_eq!(listed().await, json!([]));
    scene.stage.fail([instead(503), instead(503)]);
    scene.advance(3 * 3_600);
    tick(&scene).await;
    let degraded = listed().await[0]["attention"].clone();
    assert_eq!((degraded["event"].as_str(), degraded.get("reconnect")), (Some("connection.degraded"), None));
    scene.advance(3_600);
    tick(&scene).await;
    assert_eq!(listed().await, json!([]));
    scene.stage.server().end(ACCOUNT);
    scene.advance(3_600);
    assert_eq!(code_of(&refresh(&scene).await), "oauth.invalid_grant");
    let since = scene.world.clock.now();
    // It is looked at again, and has not changed since.
    scene.advance(61 * 24 * 3_600);
    scene.world.health_sandbox().run(Duration::from_mins(1)).await.unwrap();
    let expected = json!({
        "event": "connection.reconnect",
        "at": since.to_string(),
        "reason": {
            "code": "oauth.invalid_grant",
            "message": "The platform no longer accepts the connection: connect the account again.",
            "act": "end_user",
            "platform_code": "invalid_grant",
        },
        "reconnect": {
            "method": "POST",
            "path": "/v1/connect/sessions",
            "body": { "platform": "facebook", "reconnect": scene.connection.to_string() },
        },
    });
    assert_eq!(listed().await[0]["attention"], expected);
    let path = format!("/v1/connections/{}", scene.connection);
    let shown = scene.world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    let events: Vec<&str> =
        shown["history"].as_array().unwrap().iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["connection.reconnect", "connection.recovered", "connection.degraded"]);
    assert_eq!(shown["history"][0], expected);
}

/// The app of all tenants, or of one, with this secret.
async fn app(scene: &Scene, name: &str, secret: &str) {
    let app = json!({ "client_id": simulator::APP_ID, "client_secret": secret, "webhook_verify_token": "v" });
    scene.world.emulators.create_secret(name, &app.to_string()).await.unwrap();
}

#[tokio::test]
async fn a_token_is_renewed_with_the_app_that_its_connection_was_made_with() {
    let scene = Scene::with(Rotation::Strict).await;
    let (health, own) = (scene.world.health_sandbox(), Wish { app: AppOwner::Tenant, ..wish(&scene, 1) });
    // The shared app would do, and is not this connection's.
    let outcome = refresh_by(&health, own).await;
    assert_eq!((code_of(&outcome), uses(&scene)), ("connection.refresh_unavailable", (0, 0)));
    app(&scene, &format!("{TENANT_APPS}/{}/facebook", scene.world.caller.tenant.id()), simulator::APP_SECRET).await;
    app(&scene, "facebook", "not the right one").await;
    scene.advance(31);
    assert_eq!(version_of(&refresh_by(&health, own).await), 2);
    assert_eq!(code_of(&refresh_by(&health, wish(&scene, 2)).await), "oauth.client_refused");
}

#[tokio::test]
async fn f59_a_renewal_that_is_refused_for_a_rotated_secret_is_tried_again_at_once() {
    for is_rotated in [true, false] {
        let scene = Scene::with(Rotation::Strict).await;
        app(&scene, "facebook", "the one before").await;
        let health = scene.world.health_sandbox();
        health.apps.credentials(Platform::Facebook).await.unwrap();
        if is_rotated {
            app(&scene, "facebook", simulator::APP_SECRET).await;
        }
        scene.advance(11);
        let now = scene.world.clock.now();
        let Refreshed::Later { at, reason } = refresh_by(&health, wish(&scene, 1)).await else { panic!("renewed") };
        assert_eq!(reason.code, "oauth.client_refused");
        let soon = at.duration_since(now) <= SignedDuration::from_secs(30);
        assert_eq!(soon, is_rotated, "{at}");
        assert_eq!(scene.row().await.state, ConnectionState::Active);
        scene.advance(31);
        assert_eq!(matches!(refresh_by(&health, wish(&scene, 1)).await, Refreshed::Renewed { .. }), is_rotated);
    }
}
