//! Whoever may write the Vault table cannot make it open what was sealed elsewhere, or anything else than was sealed.

use shared::{
    connector::TokenSet,
    secret::AccessToken,
    telemetry,
    vault::{Expected, Purpose, Vault, VaultError},
};

use crate::{
    Item, World, connection, key_of, put_row, restore, tenant,
    vault::{page_token, put_new, tokens},
    vault_rows, wrapped_in,
};

/// Opens the row with this key, as its own tenant and connection would.
async fn open_row(vault: &Vault, (partition, sort): &(String, String)) -> Result<(), VaultError> {
    let tenant = crate::verified(partition.strip_prefix("T#").unwrap().parse().unwrap());
    let (connection, destination) = match sort.strip_prefix("CONN#").unwrap().split_once("#DEST#") {
        Some((connection, destination)) => (connection, Some(destination)),
        None => (sort.strip_prefix("CONN#").unwrap(), None),
    };
    let connection = connection.parse().unwrap();
    match destination {
        Some(id) => vault.destination_token(tenant, connection, id, Purpose::Publish).await.map(|_| ()),
        None => vault.grant(tenant, connection, Purpose::Refresh).await.map(|_| ()),
    }
}

fn with(row: &Item, attribute: &str, from: &Item) -> Item {
    let mut changed = row.clone();
    changed.insert(attribute.into(), from[attribute].clone());
    changed
}

/// Two connections of one tenant and one of another, each with its grant and two destinations: nine rows.
async fn nine_rows(world: &World, vault: &Vault) -> Vec<Item> {
    for (owner, name) in [("a", "x"), ("a", "y"), ("b", "x")] {
        put_new(vault, owner, name, &["1", "2"]).await;
    }
    let rows: Vec<_> = vault_rows(world).await.into_iter().filter(|item| item.contains_key("sealed")).collect();
    assert_eq!(rows.len(), 9);
    rows
}

#[tokio::test]
async fn f51_a_sealed_value_opens_in_no_other_row() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let rows = nine_rows(&world, &vault).await;
    for from in &rows {
        for to in &rows {
            put_row(&world, &with(to, "sealed", from)).await;
            let opened = open_row(&vault, &key_of(to)).await;
            if key_of(from) == key_of(to) {
                opened.unwrap();
            } else {
                assert!(matches!(opened, Err(VaultError::Corrupt)), "{:?} in {:?}", key_of(from), key_of(to));
            }
            put_row(&world, to).await;
        }
    }
}

#[tokio::test]
async fn f51_a_vault_that_knows_no_key_yet_opens_a_moved_row_no_more_than_one_that_does() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let rows = nine_rows(&world, &world.vault(&resources).0).await;
    for from in &rows {
        for to in rows.iter().filter(|to| key_of(to) != key_of(from)) {
            put_row(&world, &with(to, "sealed", from)).await;
            let (fresh, _) = world.vault(&resources);
            assert!(matches!(open_row(&fresh, &key_of(to)).await, Err(VaultError::Corrupt)));
            put_row(&world, to).await;
        }
    }
}

#[tokio::test]
async fn f51_a_data_key_of_another_tenant_neither_seals_nor_opens() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    for owner in ["a", "b"] {
        put_new(&world.vault(&resources).0, owner, "x", &["1"]).await;
    }
    let rows = vault_rows(&world).await;
    let key_row = |owner: &str| {
        let partition = format!("T#{}", tenant(owner).id());
        rows.iter().find(|row| row.contains_key("wrapped_key") && key_of(row).0 == partition).unwrap()
    };
    put_row(&world, &with(key_row("a"), "wrapped_key", key_row("b"))).await;
    let (vault, _) = world.vault(&resources);
    let sealed = vault.put_grant(tenant("a"), connection("new"), &tokens("t"), &[], Expected::Absent).await;
    assert!(matches!(sealed, Err(VaultError::Corrupt)), "{sealed:?}");
    assert_eq!(page_token(&vault, "a", "x", "1").await.unwrap(), "token of 1", "what is stored carries its own key");
}

/// Damages one row in every way that `damage` knows, and demands one and the same refusal.
async fn refuses(damage: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> usize {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let page = [("1".to_owned(), AccessToken::new("t"))];
    let grant = TokenSet { refresh: None, ..tokens("t") };
    vault.put_grant(tenant("a"), connection("a"), &grant, &page, Expected::Absent).await.unwrap();
    let before = vault_rows(&world).await;
    let row = before.iter().find(|item| key_of(item).1.ends_with("#DEST#1")).unwrap();
    let sealed = row["sealed"].as_b().unwrap().as_ref().to_vec();
    assert!(sealed.len() > 3 + wrapped_in(row).len() + 32 + 32 + 12 + 16, "every part is there");
    let damaged = damage(&sealed);
    for (number, bytes) in damaged.iter().enumerate() {
        let mut item = row.clone();
        item.insert("sealed".into(), aws_sdk_dynamodb::types::AttributeValue::B(bytes.clone().into()));
        put_row(&world, &item).await;
        let error = page_token(&vault, "a", "a", "1").await.unwrap_err();
        assert_eq!(telemetry::Chain(&error).to_string(), "the stored token does not open", "damage {number}");
        assert_eq!(error.code(), "vault.corrupt", "damage {number}");
    }
    restore(&world, &before).await;
    assert_eq!(page_token(&vault, "a", "a", "1").await.unwrap(), "t", "the damage was all that was wrong");
    damaged.len()
}

#[tokio::test]
async fn f55_whatever_bit_is_flipped_in_the_table_the_refusal_reads_the_same() {
    let flips = |sealed: &[u8]| {
        let flip = |bit: usize| {
            let mut damaged = sealed.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            damaged
        };
        (0..sealed.len() * 8).map(flip).collect()
    };
    assert!(refuses(flips).await > 1_000);
}

#[tokio::test]
async fn f55_wherever_a_row_is_cut_or_lengthened_the_refusal_reads_the_same() {
    let cuts_and_more = |sealed: &[u8]| {
        let ends = (1..sealed.len()).map(|length| sealed[..length].to_vec());
        let beginnings = (1..sealed.len()).map(|from| sealed[from..].to_vec());
        let longer = [0, 1, 0x7f, 0xff].into_iter().map(|byte| [sealed, &[byte]].concat());
        ends.chain(beginnings).chain(longer).collect()
    };
    assert!(refuses(cuts_and_more).await > 100);
}

#[tokio::test]
async fn f51_rows_that_change_places_open_in_neither() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    put_new(&vault, "a", "a", &["1"]).await;
    let rows = vault_rows(&world).await;
    let named = |end: &str| rows.iter().find(|row| key_of(row).1.ends_with(end)).unwrap();
    let (grant, page) = (named(&connection("a").to_string()), named("#DEST#1"));
    for (row, from) in [(grant, page), (page, grant)] {
        put_row(&world, &with(row, "sealed", from)).await;
    }
    for row in [grant, page] {
        assert!(matches!(open_row(&vault, &key_of(row)).await, Err(VaultError::Corrupt)));
    }
}
