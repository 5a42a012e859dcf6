//! A tenant that is deleted has no tokens, whatever else happens at the same moment.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use shared::{
    config,
    secret::AccessToken,
    vault::{Expected, Purpose, Vault, VaultError},
};
use tokio::{runtime::Handle, task::block_in_place};

use crate::{
    Item, World, connection,
    faults::{End, Meanwhile},
    key_of, restore, tenant,
    vault::{page_token, put_new, tokens},
    vault_rows,
};

/// What the table holds of tenant `a`.
async fn left(world: &World) -> Vec<String> {
    let partition = format!("T#{}", tenant("a").id());
    let keys = vault_rows(world).await.iter().map(key_of).collect::<Vec<_>>();
    keys.into_iter().filter(|(pk, _)| *pk == partition).map(|(_, sk)| sk).collect()
}

async fn seals(vault: &Vault) -> Vec<Result<u64, VaultError>> {
    let page = [("1".to_owned(), AccessToken::new("page"))];
    let mut outcomes = Vec::new();
    for expected in [Expected::Absent, Expected::Version(1), Expected::Any] {
        for name in ["a", "new"] {
            outcomes.push(vault.put_grant(tenant("a"), connection(name), &tokens("t"), &page, expected).await);
        }
    }
    outcomes
}

async fn opens(vault: &Vault) -> Vec<Result<(), VaultError>> {
    let (tenant, connection, purpose) = (tenant("a"), connection("a"), Purpose::Publish);
    vec![
        vault.grant(tenant, connection, purpose).await.map(|_| ()),
        vault.destination_token(tenant, connection, "1", purpose).await.map(|_| ()),
        vault.latest_destination_token(tenant, connection, "1", purpose).await.map(|_| ()),
    ]
}

async fn assert_gone(world: &World, vaults: &[&Vault]) {
    for vault in vaults {
        for error in seals(vault).await.into_iter().map(Result::unwrap_err) {
            assert!(matches!(error, VaultError::TenantDeleted), "{error:?}");
        }
        for error in opens(vault).await.into_iter().map(Result::unwrap_err) {
            assert!(matches!(error, VaultError::TenantDeleted), "{error:?}");
        }
    }
    assert_eq!(left(world).await, ["DELETED"]);
}

#[tokio::test]
async fn f87_a_deleted_tenant_has_no_tokens_and_gets_none_even_where_its_data_key_is_in_memory() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (warm, _) = world.vault(&resources);
    for owner in ["a", "b"] {
        put_new(&warm, owner, "a", &["1", "2"]).await;
    }
    page_token(&warm, "a", "a", "1").await.unwrap();
    let (deleting, _) = world.vault(&resources);
    deleting.delete_tenant(tenant("a")).await.unwrap();
    assert_gone(&world, &[&warm, &deleting, &world.vault(&resources).0]).await;
    deleting.delete_tenant(tenant("a")).await.unwrap();
    assert_gone(&world, &[&warm]).await;
    assert_eq!(page_token(&warm, "b", "a", "1").await.unwrap(), "token of 1", "nobody else's");
    warm.delete_connection(tenant("a"), connection("a")).await.unwrap();
}

#[tokio::test]
async fn f87_a_tenant_that_never_had_a_token_can_be_deleted() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    vault.delete_tenant(tenant("a")).await.unwrap();
    assert_gone(&world, &[&vault]).await;
}

#[tokio::test]
async fn f87_a_deletion_that_ends_after_any_call_is_finished_by_the_next_and_nothing_is_sealed_in_between() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (warm, _) = world.vault(&resources);
    // More than go with the mark in one transaction.
    let names: Vec<_> = (0..130).map(|number| number.to_string()).collect();
    put_new(&warm, "a", "a", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let before = vault_rows(&world).await;
    let mut ends = 0;
    for calls in 0.. {
        let mut was_cut_short = false;
        for takes_effect in [false, true] {
            restore(&world, &before).await;
            let end = End::after(calls, takes_effect);
            let outcome = world.vault_through(&resources, end.clone()).delete_tenant(tenant("a")).await;
            assert_eq!(outcome.is_err(), end.has_come());
            was_cut_short |= end.has_come();
            let rows = left(&world).await;
            let is_marked = rows.iter().any(|row| row == "DELETED");
            assert_eq!(is_marked, rows.len() != before.len(), "the mark comes before or with the first loss");
            assert!(rows.len() <= 2 || rows.iter().any(|row| row == "DATAKEY"), "the data key goes last: {rows:?}");
            if is_marked {
                for error in seals(&warm).await.into_iter().map(Result::unwrap_err) {
                    assert!(matches!(error, VaultError::TenantDeleted), "{error:?}");
                }
                assert_eq!(left(&world).await.len(), rows.len(), "nothing was sealed");
            }
            world.vault(&resources).0.delete_tenant(tenant("a")).await.unwrap();
            assert_gone(&world, &[&warm]).await;
        }
        if !was_cut_short {
            break;
        }
        ends += 1;
    }
    assert!(ends >= 6, "the mark, tokens twice and the data key are calls of their own: {ends}");
}

/// Lets `happens` happen before the call of that number, and counts the calls.
fn before_call(number: usize, happens: impl Fn() + Send + Sync + 'static) -> (Meanwhile, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let meanwhile = Meanwhile::new(move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == number {
            happens();
        }
    });
    (meanwhile, calls)
}

async fn logs_in(vault: &Vault) -> Result<u64, VaultError> {
    let page = [("1".to_owned(), AccessToken::new("of the login"))];
    vault.put_grant(tenant("a"), connection("a"), &tokens("login"), &page, Expected::Any).await
}

/// Two starting points: a tenant that has tokens, and one that is new.
async fn beginnings(world: &World, resources: &config::Vault) -> [Vec<Item>; 2] {
    put_new(&world.vault(resources).0, "a", "a", &["1", "2"]).await;
    [vault_rows(world).await, Vec::new()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f87_a_login_during_which_the_tenant_is_deleted_leaves_nothing_behind() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    for beginning in beginnings(&world, &resources).await {
        for number in 0.. {
            restore(&world, &beginning).await;
            let deleting = world.vault(&resources).0;
            let (meanwhile, calls) = before_call(number, move || {
                block_in_place(|| Handle::current().block_on(deleting.delete_tenant(tenant("a")))).unwrap();
            });
            let outcome = logs_in(&world.vault_through(&resources, meanwhile)).await;
            if calls.load(Ordering::Relaxed) <= number {
                outcome.unwrap();
                assert!(number >= 3, "a login makes several calls");
                break;
            }
            assert!(matches!(outcome, Err(VaultError::TenantDeleted)), "before call {number}: {outcome:?}");
            assert_gone(&world, &[&world.vault(&resources).0]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f87_a_deletion_during_which_somebody_logs_in_leaves_nothing_behind() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    for beginning in beginnings(&world, &resources).await {
        for number in 0.. {
            restore(&world, &beginning).await;
            let entering = world.vault(&resources).0;
            let (meanwhile, calls) = before_call(number, move || {
                let outcome = block_in_place(|| Handle::current().block_on(logs_in(&entering)));
                assert!(matches!(outcome, Ok(_) | Err(VaultError::TenantDeleted)), "{outcome:?}");
            });
            world.vault_through(&resources, meanwhile).delete_tenant(tenant("a")).await.unwrap();
            assert_gone(&world, &[&world.vault(&resources).0]).await;
            if calls.load(Ordering::Relaxed) <= number {
                assert!(number >= 3, "a deletion makes several calls");
                break;
            }
        }
    }
}

#[tokio::test]
async fn f87_a_closed_tenant_seals_nothing_and_opens_what_there_is_until_its_tokens_go_and_its_key_last() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (vault, _) = world.vault(&resources);
    put_new(&vault, "a", "a", &["1", "2"]).await;
    for _ in 0..2 {
        vault.close_tenant(tenant("a")).await.unwrap();
    }
    assert!(seals(&vault).await.iter().all(|outcome| matches!(outcome, Err(VaultError::TenantDeleted))));
    assert!(opens(&vault).await.iter().all(Result::is_ok), "grants can still be given back");
    for _ in 0..2 {
        vault.delete_tokens(tenant("a")).await.unwrap();
        assert_eq!(left(&world).await, ["DATAKEY", "DELETED"]);
    }
    vault.delete_tenant(tenant("a")).await.unwrap();
    assert_gone(&world, &[&vault]).await;
}

#[tokio::test]
async fn a_grant_goes_at_the_version_that_was_meant_and_at_no_other() {
    let world = World::start().await;
    let (vault, _) = world.vault(&world.vault_resources().await);
    let names: Vec<_> = (0..130).map(|number| number.to_string()).collect();
    put_new(&vault, "a", "a", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    put_new(&vault, "a", "b", &["1"]).await;
    let all = left(&world).await.len();
    let delete = async |version| vault.delete_grant(tenant("a"), connection("a"), version).await.unwrap();
    assert!(!delete(2).await);
    assert_eq!(left(&world).await.len(), all, "a newer login would keep all that it has");
    assert!(delete(1).await);
    assert_eq!(left(&world).await.len(), 3, "another connection, and the data key");
    assert!(!delete(1).await);
    assert_eq!(vault.version_of(tenant("a"), connection("a")).await.unwrap(), None);
    assert_eq!(vault.version_of(tenant("a"), connection("b")).await.unwrap(), Some(1));
}
