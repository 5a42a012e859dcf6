//! When a tenant gets a new data key, and that nothing stops meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use shared::{
    config::{self, DataKeyLimits},
    vault::{Expected, Purpose, Vault, VaultError},
};

use crate::{
    World, connection, key_of, tenant,
    vault::{pages, tokens},
    vault_rows, wrapped_in,
};

async fn resources(world: &World, messages: u64) -> config::Vault {
    let limits = DataKeyLimits { messages, ..DataKeyLimits::default() };
    config::Vault { data_keys: limits, ..world.vault_resources().await }
}

async fn seal(vault: &Vault, name: &str) -> Result<u64, VaultError> {
    vault.put_grant(tenant("a"), connection(name), &tokens(name), &[], Expected::Any).await
}

async fn opened(vault: &Vault, name: &str) -> String {
    let (grant, _) = vault.grant(tenant("a"), connection(name), Purpose::Refresh).await.unwrap();
    grant.access.expose().to_owned()
}

/// How many records each data key has sealed of what is in the table.
async fn sealed_by(world: &World) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for row in vault_rows(world).await.iter().filter(|row| row.contains_key("sealed")) {
        *counts.entry(wrapped_in(row)).or_default() += 1;
    }
    counts
}

/// Seals one record under each name, by all of these vaults at the same moment.
async fn all_at_once(vaults: &[Arc<Vault>], names: &[String]) {
    let tasks: Vec<_> = names
        .iter()
        .zip(vaults.iter().cycle())
        .map(|(name, vault)| {
            let (vault, name) = (Arc::clone(vault), name.clone());
            tokio::spawn(async move { seal(&vault, &name).await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

fn names(prefix: &str, number: usize) -> Vec<String> {
    (0..number).map(|index| format!("{prefix}{index}")).collect()
}

const PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

#[tokio::test]
async fn a_data_key_seals_for_thirty_days_and_opens_for_ever() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    seal(&vault, "first").await.unwrap();
    world.clock.advance(PERIOD - SignedDuration::from_secs(1));
    seal(&vault, "last").await.unwrap();
    assert_eq!(sealed_by(&world).await.len(), 1);
    world.clock.advance(SignedDuration::from_secs(1));
    let before = world.emulators.counts();
    seal(&vault, "next").await.unwrap();
    assert_eq!(world.emulators.counts().since(&before).calls("KMS.GenerateDataKey"), 1);
    assert_eq!(sealed_by(&world).await.len(), 2);
    world.clock.advance(PERIOD * 12);
    for name in ["first", "last", "next"] {
        assert_eq!(opened(&vault, name).await, name);
    }
}

#[tokio::test]
async fn f52_no_data_key_seals_more_messages_than_it_may_however_many_functions_seal() {
    let world = World::start().await;
    let resources = resources(&world, 10).await;
    let vaults: Vec<_> = (0..4).map(|_| world.vault(&resources).0).collect();
    let names = names("r", 60);
    for names in names.chunks(12) {
        all_at_once(&vaults, names).await;
    }
    let counts = sealed_by(&world).await;
    assert_eq!(counts.values().sum::<usize>(), 60);
    assert!(counts.values().all(|count| *count <= 10), "{counts:?}");
    assert!(counts.len() <= 12, "keys are not wasted: {}", counts.len());
    let (fresh, _) = world.vault(&resources);
    for name in &names {
        assert_eq!(opened(&fresh, name).await, *name);
    }
}

#[tokio::test]
async fn functions_that_seal_at_the_moment_of_the_change_agree_on_the_new_key() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let vaults: Vec<_> = (0..6).map(|_| world.vault(&resources).0).collect();
    all_at_once(&vaults, &names("old", 6)).await;
    assert_eq!(sealed_by(&world).await.into_values().collect::<Vec<_>>(), [6]);
    world.clock.advance(PERIOD);
    all_at_once(&vaults, &names("new", 6)).await;
    assert_eq!(sealed_by(&world).await.into_values().collect::<Vec<_>>(), [6, 6]);
    for (name, vault) in names("old", 6).iter().chain(&names("new", 6)).zip(vaults.iter().cycle()) {
        assert_eq!(opened(vault, name).await, *name);
    }
}

#[tokio::test]
async fn messages_are_counted_in_blocks_of_sixty_four() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let updates = async |name: &str, destinations: usize| {
        let names = names("p", destinations);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let before = world.emulators.counts();
        let (tenant, connection) = (tenant("a"), connection(name));
        vault.put_grant(tenant, connection, &tokens("t"), &pages(&names), Expected::Absent).await.unwrap();
        world.emulators.counts().since(&before).calls("DynamoDB.UpdateItem")
    };
    assert_eq!(updates("0", 0).await, 1, "the first call finds no key, and makes one with its first block");
    assert_eq!(updates("1", 62).await, 0);
    assert_eq!(updates("2", 63).await, 1);
    assert_eq!(updates("3", 64).await, 2);
}

#[tokio::test]
async fn a_key_that_another_function_replaced_seals_for_five_minutes_more_at_most() {
    let world = World::start().await;
    let resources = resources(&world, 1 << 16).await;
    let (one, other) = (world.vault(&resources).0, world.vault(&resources).0);
    seal(&one, "by one").await.unwrap();
    let row = vault_rows(&world).await.into_iter().find(|row| key_of(row).1 == "DATAKEY").unwrap();
    let mut used_up = row.clone();
    used_up.insert("seals".into(), aws_sdk_dynamodb::types::AttributeValue::N((1 << 16).to_string()));
    crate::put_row(&world, &used_up).await;
    seal(&other, "by other").await.unwrap();
    assert_eq!(sealed_by(&world).await.len(), 2);
    world.clock.advance(SignedDuration::from_mins(5) - SignedDuration::from_secs(1));
    seal(&one, "late").await.unwrap();
    assert_eq!(sealed_by(&world).await[&row["wrapped_key"].as_b().unwrap().as_ref().to_vec()], 2);
    world.clock.advance(SignedDuration::from_secs(1));
    seal(&one, "later").await.unwrap();
    let counts = sealed_by(&world).await;
    assert_eq!((counts.len(), counts[row["wrapped_key"].as_b().unwrap().as_ref()]), (2, 2));
}

#[tokio::test]
async fn what_was_sealed_with_a_key_of_an_earlier_release_opens() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    seal(&world.vault(&resources).0, "old").await.unwrap();
    // Earlier releases kept a row for each month, without a count.
    let rows: Vec<_> = vault_rows(&world)
        .await
        .into_iter()
        .map(|mut row| {
            if key_of(&row).1 == "DATAKEY" {
                row.insert("sk".into(), aws_sdk_dynamodb::types::AttributeValue::S("DATAKEY#2026-11".into()));
                row.retain(|name, _| !["generation", "seals"].contains(&name.as_str()));
            }
            row
        })
        .collect();
    crate::restore(&world, &rows).await;
    let (vault, _) = world.vault(&resources);
    assert_eq!(opened(&vault, "old").await, "old");
    seal(&vault, "new").await.unwrap();
    assert_eq!(sealed_by(&world).await.len(), 2);
    assert_eq!((opened(&vault, "old").await.as_str(), opened(&vault, "new").await.as_str()), ("old", "new"));
}
