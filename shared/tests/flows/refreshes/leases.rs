//! Renewals by a holder whose lease has passed to another meanwhile.

use std::sync::Arc;

use jiff::SignedDuration;
use shared::{
    clock::Clock,
    connector::{Act, Refusal},
    store::{ConnectionState, Lease, Release, Resting, Sent},
    vault::Expected,
};
use simulator::tokens::{Outcome, Rotation};

use super::{GRACE, code_of, refresh, refresh_by, uses, version_of, wish};
use crate::rotating::{ACCOUNT, Fault, Gate, Scene};

#[tokio::test]
async fn f49_a_holder_that_was_frozen_past_its_lease_cannot_store_over_a_newer_token() {
    let scene = Scene::with(GRACE).await;
    let gate = Arc::new(Gate::default());
    scene.stage.fail([Fault::HeldBack(gate.clone())]);
    let (health, wanted) = (scene.world.health_sandbox(), wish(&scene, 1));
    let frozen = tokio::spawn(async move { refresh_by(&health, wanted).await });
    gate.entered().await;
    scene.advance(120);
    assert_eq!(version_of(&refresh(&scene).await), 2);
    scene.advance(3_600);
    assert_eq!(version_of(&refresh(&scene).await), 3);
    let (newest, _) = scene.stored().await;
    gate.open();
    assert_eq!(version_of(&frozen.await.unwrap()), 3, "it takes what stands there");
    let (stored, version) = scene.stored().await;
    assert_eq!((stored.access.expose(), version), (newest.access.expose(), 3));
    assert_eq!((version_of(&refresh(&scene).await), uses(&scene).1), (4, 0));
}

#[tokio::test]
async fn f49_a_holder_that_was_frozen_past_its_lease_cannot_end_the_connection() {
    let scene = Arc::new(Scene::with(Rotation::Strict).await);
    let other = scene.clone();
    // While the call is on its way, the lease ends and another renews: what is answered then is history.
    scene.stage.fail([Fault::Meanwhile(Box::new(move || {
        Box::pin(async move {
            other.advance(120);
            assert_eq!(version_of(&refresh(&other).await), 2);
        })
    }))]);
    let late = refresh_by(&scene.world.health, wish(&scene, 1)).await;
    assert_eq!(scene.stage.server().count(Outcome::Reused), 1, "the late call is refused");
    assert_eq!(version_of(&late), 2);
    assert_eq!(scene.row().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn f49_the_word_of_a_holder_whose_lease_has_passed_to_another_changes_nothing() {
    let scene = Scene::with(Rotation::Strict).await;
    let (tenant, id, now) = (scene.world.caller.tenant, scene.connection, scene.world.clock.now());
    let store = &scene.world.store;
    let lease = async |owner: &str, seconds: i64| {
        let at = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        let until = at.saturating_add(SignedDuration::from_secs(15)).unwrap();
        store.lease_refresh(tenant, id, (owner, 1), at, until).await.unwrap()
    };
    let Lease::Won(first) = lease("one", 0).await else { panic!("not won") };
    assert!(matches!(lease("other", 20).await, Lease::Held(_)), "clocks may differ");
    let Lease::Won(second) = lease("other", 26).await else { panic!("not won") };
    assert!(second.fence > first.fence);
    let sent = Sent { version: 1, times: 1, at: now };
    assert!(!store.record_refresh(tenant, id, first.fence, sent, now).await.unwrap());
    assert!(!store.release_refresh(tenant, id, first.fence, &Release::Untouched).await.unwrap());
    let over = Resting { version: 1, failures: 0, reason: Refusal::ours("over", Act::EndUser, "Over.") };
    assert!(!store.end_by_refresh(tenant, id, (first.fence, &over), now, now).await.unwrap());
    assert_eq!(scene.row().await.state, ConnectionState::Active);
    assert!(store.end_by_refresh(tenant, id, (second.fence, &over), now, now).await.unwrap());
    assert_eq!(scene.row().await.state, ConnectionState::Reconnect);
}

#[tokio::test]
async fn f49_what_was_learned_with_a_grant_that_has_ended_since_does_not_bring_the_connection_back() {
    let scene = Scene::with(Rotation::Strict).await;
    assert_eq!(version_of(&refresh(&scene).await), 2);
    scene.stage.server().end(ACCOUNT);
    assert_eq!(code_of(&refresh_by(&scene.world.health, wish(&scene, 2)).await), "oauth.invalid_grant");
    // Whoever renewed it to 2, or asked with that token, says only now that all is well, or nearly.
    let (tenant, id, now) = (scene.world.caller.tenant, scene.connection, scene.world.clock.now());
    for state in [ConnectionState::Active, ConnectionState::Degraded] {
        assert!(
            !scene.world.store.set_connection_state(tenant, id, (state, None, now), now).await.unwrap(),
            "{state:?}"
        );
        assert_eq!(scene.row().await.state, ConnectionState::Reconnect);
    }
    scene.advance(60);
    let tokens = scene.stage.login();
    scene.keep(&tokens, Expected::Any).await;
    let now = scene.world.clock.now();
    let learned = (ConnectionState::Active, None, now);
    assert!(
        scene.world.store.set_connection_state(tenant, id, learned, now).await.unwrap(),
        "a login is another grant"
    );
}
