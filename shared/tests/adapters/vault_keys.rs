//! How the vault deals with KMS: how often it asks, and what happens when KMS does not answer or refuses.

use jiff::SignedDuration;
use shared::{
    secret::AccessToken,
    telemetry::Chain,
    vault::{Expected, Purpose, Vault, VaultError},
};

use crate::{Item, World, connection, faults::Canned, logs, tenant, vault::tokens, vault_rows};

async fn store(vault: &Vault, owner: &str) {
    let page = [("1".to_owned(), AccessToken::new("page"))];
    vault.put_grant(tenant(owner), connection("c"), &tokens("user"), &page, Expected::Any).await.unwrap();
}

async fn open(vault: &Vault, owner: &str) -> Result<(), VaultError> {
    vault.destination_token(tenant(owner), connection("c"), "1", Purpose::Publish).await.map(|_| ())
}

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

#[tokio::test]
async fn a_warm_opening_costs_one_read_and_no_call_to_kms() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    store(&world.vault(&resources).0, "a").await;
    let (vault, _) = world.vault(&resources);
    open(&vault, "a").await.unwrap();
    let before = world.emulators.counts();
    open(&vault, "a").await.unwrap();
    let calls = world.emulators.counts().since(&before);
    let made: Vec<_> = calls.iter().filter(|(_, count)| count.calls > 0).map(|(name, _)| name).collect();
    assert_eq!(made, ["DynamoDB.GetItem"]);
    assert!((calls.read_units() - 0.5).abs() < f64::EPSILON, "one eventually consistent read");
}

#[tokio::test]
async fn a_tenant_has_one_data_key_however_many_functions_seal() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let vaults: Vec<_> = (0..8).map(|_| world.vault(&resources).0).collect();
    let sealing: Vec<_> = vaults
        .iter()
        .enumerate()
        .map(|(number, vault)| {
            let vault = vault.clone();
            tokio::spawn(async move {
                let name = connection(&number.to_string());
                vault.put_grant(tenant("a"), name, &tokens("t"), &[], Expected::Absent).await.unwrap();
            })
        })
        .collect();
    for task in sealing {
        task.await.unwrap();
    }
    let rows = world.dynamodb().scan().table_name("Vault").send().await.unwrap().items.unwrap();
    let keys = rows.iter().filter(|row| row["sk"].as_s().unwrap().starts_with("DATAKEY"));
    assert_eq!(keys.map(|row| row["sk"].as_s().unwrap().as_str()).collect::<Vec<_>>(), ["DATAKEY"]);
    let (fresh, _) = world.vault(&resources);
    let before = world.emulators.counts();
    for number in 0..8 {
        fresh.grant(tenant("a"), connection(&number.to_string()), Purpose::Refresh).await.unwrap();
    }
    assert_eq!(world.emulators.counts().since(&before).calls("KMS.Decrypt"), 1, "all are sealed with the same key");
}

#[tokio::test]
async fn f51_kms_unwraps_a_data_key_for_its_own_tenant_and_purpose_only() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    store(&world.vault(&resources).0, "a").await;
    let rows = world.dynamodb().scan().table_name("Vault").send().await.unwrap().items.unwrap();
    let wrapped = rows.iter().find_map(|row| row.get("wrapped_key")).unwrap().as_b().unwrap().clone();
    let kms = aws_sdk_kms::Client::new(&world.config);
    let unwraps = async |owner: &str, purpose: &str, version: &str| {
        let call = kms.decrypt().key_id(&resources.token_key).ciphertext_blob(wrapped.clone());
        let call = call.encryption_context("tenant", tenant(owner).id().to_string());
        call.encryption_context("purpose", purpose).encryption_context("version", version).send().await.is_ok()
    };
    assert!(unwraps("a", "postd-tokens", "1").await);
    assert!(!unwraps("b", "postd-tokens", "1").await);
    assert!(!unwraps("a", "other", "1").await);
    assert!(!unwraps("a", "postd-tokens", "2").await);
    assert!(kms.decrypt().key_id(&resources.token_key).ciphertext_blob(wrapped).send().await.is_err());
}

#[tokio::test]
async fn a_crowd_that_needs_one_key_asks_kms_once() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    store(&world.vault(&resources).0, "a").await;
    let (vault, _) = world.vault(&resources);
    let before = world.emulators.counts();
    let crowd: Vec<_> = (0..50)
        .map(|_| {
            let vault = vault.clone();
            tokio::spawn(async move { open(&vault, "a").await })
        })
        .collect();
    for member in crowd {
        member.await.unwrap().unwrap();
    }
    assert_eq!(world.emulators.counts().since(&before).calls("KMS.Decrypt"), 1);
}

#[tokio::test]
async fn f50_while_kms_is_down_known_tenants_publish_and_the_others_wait() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (setup, _) = world.vault(&resources);
    store(&setup, "known").await;
    store(&setup, "other").await;
    let (vault, kms) = world.vault(&resources);
    open(&vault, "known").await.unwrap();
    kms.to_nowhere();
    for _ in 0..4 {
        world.clock.advance(minutes(4));
        open(&vault, "known").await.unwrap();
        assert!(matches!(open(&vault, "other").await, Err(VaultError::Unavailable { .. })));
    }
    world.clock.advance(minutes(4));
    let after_the_grace = open(&vault, "known").await;
    assert!(matches!(after_the_grace, Err(VaultError::Unavailable { .. })), "20 minutes after KMS was last heard");
    kms.end();
    world.clock.advance(SignedDuration::from_secs(2));
    open(&vault, "known").await.unwrap();
    open(&vault, "other").await.unwrap();
}

#[tokio::test]
async fn f50_while_kms_throttles_it_is_left_in_peace() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    store(&world.vault(&resources).0, "a").await;
    let (vault, kms) = world.vault(&resources);
    open(&vault, "a").await.unwrap();
    let throttling = Canned::throttling().await;
    kms.to(&throttling.endpoint);
    world.clock.advance(minutes(5));
    for _ in 0..100 {
        open(&vault, "a").await.unwrap();
    }
    assert_eq!(throttling.bodies().len(), 1);
}

#[tokio::test]
async fn f53_a_disabled_key_closes_the_vault_within_five_minutes_and_nothing_is_lost() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (vault, _) = world.vault(&resources);
    store(&vault, "a").await;
    let kms = aws_sdk_kms::Client::new(&world.config);
    kms.disable_key().key_id(&resources.token_key).send().await.unwrap();
    open(&vault, "a").await.unwrap();
    world.clock.advance(minutes(5));
    let error = open(&vault, "a").await.unwrap_err();
    assert!(matches!(error, VaultError::Refused { .. }), "{error:?}");
    assert_eq!(error.code(), "vault.refused");
    kms.enable_key().key_id(&resources.token_key).send().await.unwrap();
    open(&vault, "a").await.unwrap();
}

#[tokio::test]
async fn f50_four_minutes_of_throttling_stop_no_known_tenant_and_lose_nothing_of_the_others() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (setup, _) = world.vault(&resources);
    for owner in ["known", "other"] {
        store(&setup, owner).await;
    }
    let (vault, kms) = world.vault(&resources);
    open(&vault, "known").await.unwrap();
    store(&vault, "known").await;
    // So that the five minutes of the key in memory end in the middle.
    world.clock.advance(minutes(3));
    let throttling = Canned::throttling().await;
    kms.to(&throttling.endpoint);
    for _ in 0..24 {
        open(&vault, "known").await.unwrap();
        store(&vault, "known").await;
        assert!(matches!(open(&vault, "other").await, Err(VaultError::Unavailable { .. })));
        let page = [("1".to_owned(), AccessToken::new("newer"))];
        let sealed = vault.put_grant(tenant("other"), connection("c"), &tokens("newer"), &page, Expected::Any).await;
        assert!(matches!(sealed, Err(VaultError::Unavailable { .. })), "{sealed:?}");
        world.clock.advance(SignedDuration::from_secs(10));
    }
    let asked = throttling.bodies().len();
    assert!((24..=40).contains(&asked), "once for each key and round at most, and not for each call: {asked}");
    kms.end();
    open(&vault, "other").await.unwrap();
    let (grant, _) = vault.grant(tenant("other"), connection("c"), Purpose::Refresh).await.unwrap();
    assert_eq!(grant.access.expose(), "user", "what was refused has left no trace");
    store(&vault, "other").await;
}

#[tokio::test]
async fn f53_a_key_that_awaits_deletion_closes_the_vault_and_one_that_is_called_back_opens_it() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (vault, _) = world.vault(&resources);
    store(&vault, "a").await;
    let kms = aws_sdk_kms::Client::new(&world.config);
    kms.schedule_key_deletion().key_id(&resources.token_key).pending_window_in_days(30).send().await.unwrap();
    world.clock.advance(minutes(5));
    let rows = vault_rows(&world).await;
    for vault in [&vault, &world.vault(&resources).0] {
        assert_eq!(open(vault, "a").await.unwrap_err().code(), "vault.refused");
        for owner in ["a", "new"] {
            let sealed = vault.put_grant(tenant(owner), connection("d"), &tokens("t"), &[], Expected::Any).await;
            assert_eq!(sealed.unwrap_err().code(), "vault.refused");
        }
    }
    let sealed = |rows: Vec<Item>| rows.into_iter().filter(|row| row.contains_key("sealed")).collect::<Vec<_>>();
    assert_eq!(sealed(vault_rows(&world).await), sealed(rows), "nothing is lost and nothing is added");
    kms.cancel_key_deletion().key_id(&resources.token_key).send().await.unwrap();
    kms.enable_key().key_id(&resources.token_key).send().await.unwrap();
    open(&vault, "a").await.unwrap();
    store(&vault, "new").await;
}

#[tokio::test]
async fn f53_what_was_sealed_before_kms_rotated_its_key_opens_after_it() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    store(&world.vault(&resources).0, "a").await;
    let kms = aws_sdk_kms::Client::new(&world.config);
    kms.rotate_key_on_demand().key_id(&resources.token_key).send().await.unwrap();
    let (vault, _) = world.vault(&resources);
    open(&vault, "a").await.unwrap();
    for owner in ["a", "new"] {
        store(&vault, owner).await;
        open(&vault, owner).await.unwrap();
    }
}

#[tokio::test]
async fn without_its_table_the_vault_is_closed_and_says_so() {
    let world = World::start().await;
    let mut resources = world.vault_resources().await;
    resources.table = "Elsewhere".into();
    let (vault, _) = world.vault(&resources);
    assert!(matches!(open(&vault, "a").await, Err(VaultError::Refused { .. })));
}

#[tokio::test]
async fn an_answer_of_kms_that_cannot_be_read_is_not_repeated_in_the_error() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    store(&world.vault(&resources).0, "a").await;
    let (vault, kms) = world.vault(&resources);
    let broken = Canned::start(&[(200, r#"{"KeyId":"k","Plaintext":"canary!!","#)]).await;
    kms.to(&broken.endpoint);
    let error = open(&vault, "a").await.unwrap_err();
    assert!(matches!(error, VaultError::Unavailable { .. }));
    assert!(!format!("{error:?} {}", Chain(&error)).contains("canary"), "{error:?}");
    assert!(!logs::of_this_test().contains("canary"));
}
