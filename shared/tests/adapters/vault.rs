//! What the vault stores, and what it refuses to open.

use std::collections::HashMap;

use jiff::Timestamp;
use shared::{
    connector::TokenSet,
    secret::{AccessToken, RefreshToken},
    vault::{Expected, Purpose, Vault, VaultError},
};

use crate::{World, connection, key_of, logs, tenant, vault_rows};

pub(crate) fn tokens(value: &str) -> TokenSet {
    TokenSet {
        access: AccessToken::new(value),
        access_expires_at: Some(Timestamp::from_second(1_800_000_000).unwrap()),
        data_access_expires_at: None,
        refresh: Some(RefreshToken::new(format!("{value}-refresh"))),
        refresh_expires_at: None,
    }
}

pub(crate) fn pages(names: &[&str]) -> Vec<(String, AccessToken)> {
    names.iter().map(|name| ((*name).to_owned(), AccessToken::new(format!("token of {name}")))).collect()
}

pub(crate) async fn put_new(vault: &Vault, owner: &str, name: &str, names: &[&str]) {
    let (tenant, connection) = (tenant(owner), connection(name));
    vault.put_grant(tenant, connection, &tokens("user"), &pages(names), Expected::Absent).await.unwrap();
}

pub(crate) async fn page_token(vault: &Vault, owner: &str, name: &str, page: &str) -> Result<String, VaultError> {
    let token = vault.destination_token(tenant(owner), connection(name), page, Purpose::Publish).await?;
    Ok(token.expose().to_owned())
}

#[tokio::test]
async fn a_grant_and_its_destinations_come_back_as_they_went_in() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let version = vault
        .put_grant(tenant("a"), connection("a"), &tokens("user"), &pages(&["1", "2"]), Expected::Absent)
        .await
        .unwrap();
    let (grant, stored) = vault.grant(tenant("a"), connection("a"), Purpose::Refresh).await.unwrap();
    assert_eq!((grant.access.expose(), stored, version), ("user", 1, 1));
    assert_eq!(grant.refresh.unwrap().expose(), "user-refresh");
    assert_eq!(grant.access_expires_at, tokens("").access_expires_at);
    assert_eq!(page_token(&vault, "a", "a", "2").await.unwrap(), "token of 2");
}

#[tokio::test]
async fn what_was_never_stored_is_not_found() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    vault.put_grant(tenant("a"), connection("a"), &tokens("user"), &[], Expected::Absent).await.unwrap();
    assert!(matches!(page_token(&vault, "a", "a", "1").await, Err(VaultError::NotFound)));
    assert!(matches!(page_token(&vault, "b", "a", "1").await, Err(VaultError::NotFound)));
    let absent = vault.grant(tenant("a"), connection("b"), Purpose::Refresh).await;
    assert!(matches!(absent, Err(VaultError::NotFound)));
}

#[tokio::test]
async fn of_two_who_renew_the_same_version_one_wins_and_the_other_writes_nothing() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let put = async |value: &str, page: &str, expected| {
        let page = [("1".to_owned(), AccessToken::new(page))];
        vault.put_grant(tenant("a"), connection("a"), &tokens(value), &page, expected).await
    };
    assert_eq!(put("first", "p1", Expected::Absent).await.unwrap(), 1);
    assert!(matches!(put("again", "p0", Expected::Absent).await, Err(VaultError::Conflict)));
    assert_eq!(put("winner", "p2", Expected::Version(1)).await.unwrap(), 2);
    assert!(matches!(put("loser", "p3", Expected::Version(1)).await, Err(VaultError::Conflict)));
    let (grant, version) = vault.grant(tenant("a"), connection("a"), Purpose::Refresh).await.unwrap();
    assert_eq!((grant.access.expose(), version), ("winner", 2));
    assert_eq!(page_token(&vault, "a", "a", "1").await.unwrap(), "p2");
    assert_eq!(put("login", "p4", Expected::Any).await.unwrap(), 3);
}

#[tokio::test]
async fn a_new_login_gets_through_while_others_write_the_same_grant() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    put_new(&vault, "a", "a", &["1"]).await;
    let put = |value: &'static str| {
        let vault = vault.clone();
        tokio::spawn(async move {
            vault.put_grant(tenant("a"), connection("a"), &tokens(value), &pages(&["1"]), Expected::Any).await
        })
    };
    let (one, two, three) = (put("one"), put("two"), put("three"));
    let mut versions = [one.await.unwrap().unwrap(), two.await.unwrap().unwrap(), three.await.unwrap().unwrap()];
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4]);
}

#[tokio::test]
async fn a_grant_may_have_more_destinations_than_one_transaction_holds() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let names: Vec<String> = (0..230).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stored = vault.put_grant(tenant("a"), connection("a"), &tokens("user"), &pages(&names), Expected::Any).await;
    assert_eq!(stored.unwrap(), 1);
    for name in ["0", "98", "99", "199", "229"] {
        assert_eq!(page_token(&vault, "a", "a", name).await.unwrap(), format!("token of {name}"));
    }
}

#[tokio::test]
async fn a_deleted_connection_leaves_nothing_and_takes_nothing_else_along() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let names: Vec<String> = (0..120).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in ["a", "b"] {
        put_new(&vault, "a", name, &names).await;
    }
    vault.delete_connection(tenant("a"), connection("a")).await.unwrap();
    let left: Vec<_> = vault_rows(&world).await.iter().map(|item| key_of(item).1).collect();
    let of_b = format!("CONN#{}", connection("b"));
    assert_eq!(left.iter().filter(|key| key.starts_with(&of_b)).count(), 121);
    assert_eq!(left.len(), 122, "besides, only the data key: {left:?}");
    vault.delete_connection(tenant("a"), connection("a")).await.unwrap();
}

#[tokio::test]
async fn no_token_stands_in_the_table() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let page = [("1".to_owned(), AccessToken::new("canary-page"))];
    vault.put_grant(tenant("a"), connection("a"), &tokens("canary-user"), &page, Expected::Absent).await.unwrap();
    let items = vault_rows(&world).await;
    assert_eq!(items.len(), 3);
    for value in items.iter().flat_map(HashMap::values) {
        let text = value.as_s().or_else(|_| value.as_n()).map(String::as_bytes);
        let bytes = text.or_else(|_| value.as_b().map(AsRef::as_ref)).unwrap();
        assert!(!String::from_utf8_lossy(bytes).contains("canary"));
    }
}

#[tokio::test]
async fn every_opening_is_logged_with_its_purpose_and_never_with_the_token() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let page = [("1".to_owned(), AccessToken::new("canary-page"))];
    vault.put_grant(tenant("a"), connection("a"), &tokens("canary-user"), &page, Expected::Absent).await.unwrap();
    page_token(&vault, "a", "a", "1").await.unwrap();
    vault.grant(tenant("a"), connection("a"), Purpose::Refresh).await.unwrap();
    page_token(&vault, "a", "a", "2").await.unwrap_err();
    let text = logs::of_this_test();
    assert!(!text.contains("canary"), "{text}");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let opened: Vec<_> = lines.iter().filter(|line| line["message"] == "a token was opened").collect();
    let told: Vec<_> = opened.iter().map(|line| (&line["field"], &line["purpose"], &line["function"])).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(*told[0].0, "destination");
    assert_eq!((told[1].0, told[1].1, told[1].2), (&"grant".into(), &"refresh".into(), &"consumer".into()));
    assert_eq!(opened[0]["tenant"], tenant("a").id().to_string());
}
