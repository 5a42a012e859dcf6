//! Secrets through Secrets Manager: cached, replaced, and missing.

use std::sync::Arc;

use jiff::SignedDuration;
use shared::{
    apps::{Apps, Refreshed, SecretError, SigningKeys},
    platform::Platform,
    telemetry::Chain,
};

use crate::{
    World,
    faults::{Canned, Detour},
    logs,
};

const OPERATION: &str = "SecretsManager.GetSecretValue";

fn stored(secret: &str) -> String {
    format!(r#"{{"client_id":"1","client_secret":"{secret}","webhook_verify_token":"verify"}}"#)
}

async fn apps(world: &World, secret: &str) -> (Arc<Apps>, Detour) {
    let arn = world.emulators.create_secret("facebook", secret).await.unwrap();
    let detour = Detour::default();
    let client = client(world, &detour);
    (Arc::new(Apps::new(client, world.clock()).with(Platform::Facebook, arn)), detour)
}

fn client(world: &World, detour: &Detour) -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::config::Builder::from(&world.config).interceptor(detour.clone()).build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}

async fn secret(apps: &Apps) -> Result<String, SecretError> {
    Ok(apps.credentials(Platform::Facebook).await?.client_secret.expose().to_owned())
}

#[tokio::test]
async fn a_secret_is_fetched_when_needed_and_kept_for_five_minutes() {
    let world = World::start().await;
    let (apps, _) = apps(&world, &stored("one")).await;
    assert_eq!(world.emulators.counts().calls(OPERATION), 0);
    assert_eq!(secret(&apps).await.unwrap(), "one");
    world.emulators.create_secret("facebook", &stored("two")).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(299));
    assert_eq!(secret(&apps).await.unwrap(), "one");
    assert_eq!(world.emulators.counts().calls(OPERATION), 1);
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(secret(&apps).await.unwrap(), "two");
}

#[tokio::test]
async fn a_crowd_fetches_a_secret_once() {
    let world = World::start().await;
    let (apps, _) = apps(&world, &stored("one")).await;
    let crowd: Vec<_> = (0..50)
        .map(|_| {
            let apps = apps.clone();
            tokio::spawn(async move { secret(&apps).await })
        })
        .collect();
    for member in crowd {
        member.await.unwrap().unwrap();
    }
    assert_eq!(world.emulators.counts().calls(OPERATION), 1);
}

#[tokio::test]
async fn while_secrets_manager_is_down_the_old_secret_serves() {
    let world = World::start().await;
    let (apps, detour) = apps(&world, &stored("one")).await;
    secret(&apps).await.unwrap();
    detour.to_nowhere();
    for _ in 0..10 {
        world.clock.advance(SignedDuration::from_mins(5));
        assert_eq!(secret(&apps).await.unwrap(), "one");
    }
    world.emulators.create_secret("facebook", &stored("two")).await.unwrap();
    detour.end();
    world.clock.advance(SignedDuration::from_secs(10));
    assert_eq!(secret(&apps).await.unwrap(), "two");
}

#[tokio::test]
async fn without_an_old_secret_a_failure_is_remembered_for_ten_seconds_only() {
    let world = World::start().await;
    let (apps, detour) = apps(&world, &stored("one")).await;
    detour.to_nowhere();
    assert!(matches!(secret(&apps).await, Err(SecretError::Unavailable(_))));
    detour.end();
    assert!(matches!(secret(&apps).await, Err(SecretError::Unavailable(_))));
    assert_eq!(world.emulators.counts().calls(OPERATION), 0);
    world.clock.advance(SignedDuration::from_secs(10));
    assert_eq!(secret(&apps).await.unwrap(), "one");
}

#[tokio::test]
async fn after_a_refusal_by_the_platform_a_rotated_secret_is_found_at_once() {
    let world = World::start().await;
    let (apps, _) = apps(&world, &stored("one")).await;
    let refused = apps.credentials(Platform::Facebook).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(10));
    let same = apps.refresh_after_auth_failure(Platform::Facebook, &refused).await.unwrap();
    assert!(matches!(same, Refreshed::Same));
    world.emulators.create_secret("facebook", &stored("two")).await.unwrap();
    let too_soon = apps.refresh_after_auth_failure(Platform::Facebook, &refused).await.unwrap();
    assert!(matches!(too_soon, Refreshed::Same));
    world.clock.advance(SignedDuration::from_secs(10));
    let Refreshed::Changed(fresh) = apps.refresh_after_auth_failure(Platform::Facebook, &refused).await.unwrap() else {
        panic!("the new secret was not found");
    };
    assert_eq!(fresh.client_secret.expose(), "two");
    assert_eq!(world.emulators.counts().calls(OPERATION), 3);
}

#[tokio::test]
async fn an_unusable_secret_is_named_with_what_it_lacks_and_never_shown() {
    let world = World::start().await;
    let (apps, _) = apps(&world, r#"{"client_id":"canary","client_secret":"canary"}"#).await;
    let error = secret(&apps).await.unwrap_err();
    assert_eq!(error.to_string(), "the secret facebook is unusable: `webhook_verify_token` is missing");
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_repeated_in_the_error() {
    let world = World::start().await;
    let (apps, detour) = apps(&world, &stored("one")).await;
    let broken = Canned::start(&[(200, r#"{"SecretString":"canary","ARN":"#)]).await;
    detour.to(&broken.endpoint);
    let error = secret(&apps).await.unwrap_err();
    assert!(matches!(error, SecretError::Unavailable(_)));
    assert!(!format!("{error:?} {}", Chain(&error)).contains("canary"), "{error:?}");
    assert!(!logs::of_this_test().contains("canary"));
}

#[tokio::test]
async fn a_secret_that_is_not_there_needs_an_operator() {
    let world = World::start().await;
    let apps = Apps::new(client(&world, &Detour::default()), world.clock()).with(Platform::Facebook, "nothing");
    let error = secret(&apps).await.unwrap_err();
    assert!(matches!(&error, SecretError::Refused { code, .. } if code == "ResourceNotFoundException"), "{error:?}");
    let none = Apps::new(client(&world, &Detour::default()), world.clock());
    assert!(matches!(secret(&none).await, Err(SecretError::NotConfigured(Platform::Facebook))));
}

#[tokio::test]
async fn a_signature_outlives_the_instance_that_made_it() {
    let world = World::start().await;
    let arn = world.emulators.create_secret("signing", &"s".repeat(64)).await.unwrap();
    let keys = || SigningKeys::new(client(&world, &Detour::default()), arn.clone(), world.clock());
    let signature = keys().current().await.unwrap().sign("cursor", b"page 2");
    keys().current().await.unwrap().verify("cursor", b"page 2", &signature).unwrap();
    let short = world.emulators.create_secret("short", "too short").await.unwrap();
    let refused = SigningKeys::new(client(&world, &Detour::default()), short, world.clock()).current().await;
    assert_eq!(refused.unwrap_err().to_string(), "the secret signing key is unusable: it is shorter than 32 bytes");
}
