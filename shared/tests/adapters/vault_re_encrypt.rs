//! Sealing everything again with another data key: whatever happens meanwhile, nothing is lost and nothing becomes older.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use shared::{
    clock::Clock,
    config,
    secret::AccessToken,
    vault::{Expected, Place, Progress, Purpose, ReEncryption, Scope, Vault, VaultError},
};
use tokio::{runtime::Handle, task::block_in_place};

use crate::{
    Item, World, connection,
    faults::{End, Meanwhile, Twice},
    key_of, logs, put_row, restore, tenant,
    vault::{page_token, put_new, tokens},
    vault_rows, wrapped_in,
};

const CONNECTIONS: [&str; 2] = ["x", "y"];

/// The job for tenant `a` that replaces every data key made before now.
fn of_a(world: &World) -> ReEncryption {
    ReEncryption { scope: Scope::Tenant(tenant("a")), keys_made_since: world.clock.now(), page: 2 }
}

/// Works through the job from `from` on, and keeps in `from` where to go on.
async fn run(vault: &Vault, job: &ReEncryption, from: &mut Option<Place>) -> Result<Progress, VaultError> {
    let mut total = Progress { done: 0, skipped: 0, failed: 0, next: None };
    loop {
        let page = vault.re_encrypt(job, from.as_ref()).await?;
        total.done += page.done;
        total.skipped += page.skipped;
        total.failed += page.failed;
        // As on a command line: printed, and read again.
        *from = page.next.map(|place| place.to_string().parse().unwrap());
        if from.is_none() {
            return Ok(total);
        }
    }
}

/// Six records of tenant `a` under one data key, a minute ago.
async fn six_records(world: &World, resources: &config::Vault) -> Vec<Item> {
    let (vault, _) = world.vault(resources);
    for name in CONNECTIONS {
        put_new(&vault, "a", name, &["1", "2"]).await;
    }
    world.clock.advance(SignedDuration::from_mins(1));
    vault_rows(world).await
}

async fn assert_whole_and_under_the_current_key(world: &World, resources: &config::Vault) {
    let (vault, _) = world.vault(resources);
    for name in CONNECTIONS {
        let (grant, version) = vault.grant(tenant("a"), connection(name), Purpose::Refresh).await.unwrap();
        assert_eq!((grant.access.expose(), version), ("user", 1));
        assert_eq!(grant.refresh.unwrap().expose(), "user-refresh");
        for page in ["1", "2"] {
            assert_eq!(page_token(&vault, "a", name, page).await.unwrap(), format!("token of {page}"));
        }
    }
    assert_under_the_current_key(world, "a").await;
}

async fn assert_under_the_current_key(world: &World, owner: &str) {
    let partition = format!("T#{}", tenant(owner).id());
    let rows: Vec<_> = vault_rows(world).await.into_iter().filter(|row| key_of(row).0 == partition).collect();
    let data_key = rows.iter().find(|row| key_of(row).1 == "DATAKEY").unwrap();
    assert_eq!(data_key["generation"].as_n().unwrap(), "2");
    for row in rows.iter().filter(|row| row.contains_key("sealed")) {
        assert_eq!(wrapped_in(row), data_key["wrapped_key"].as_b().unwrap().as_ref(), "{:?}", key_of(row));
    }
}

#[tokio::test]
async fn f54_a_job_that_ends_at_any_call_is_resumed_and_leaves_everything_readable_all_along() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let before = six_records(&world, &resources).await;
    let job = of_a(&world);
    let mut ends = 0;
    for calls in 0.. {
        let mut was_cut_short = false;
        for takes_effect in [false, true] {
            let place_is_kept = takes_effect == (calls % 2 == 0);
            restore(&world, &before).await;
            let end = End::after(calls, takes_effect);
            let mut place = None;
            let outcome = run(&world.vault_through(&resources, end.clone()), &job, &mut place).await;
            assert_eq!(outcome.is_err(), end.has_come());
            was_cut_short |= end.has_come();
            let (reader, _) = world.vault(&resources);
            for name in CONNECTIONS {
                assert_eq!(page_token(&reader, "a", name, "1").await.unwrap(), "token of 1", "while half is done");
            }
            if end.has_come() {
                let mut place = place.filter(|_| place_is_kept);
                let rest = run(&world.vault(&resources).0, &job, &mut place).await.unwrap();
                assert_eq!(rest.failed, 0);
            }
            assert_whole_and_under_the_current_key(&world, &resources).await;
        }
        if !was_cut_short {
            break;
        }
        ends += 1;
    }
    assert!(ends >= 11, "three pages, six records and a data key are calls of their own: {ends}");
}

#[tokio::test]
async fn f54_a_finished_job_says_what_it_did_and_its_repeat_does_nothing() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    six_records(&world, &resources).await;
    let (vault, _) = world.vault(&resources);
    let job = of_a(&world);
    let counts = |progress: Progress| (progress.done, progress.skipped, progress.failed);
    assert_eq!(counts(run(&vault, &job, &mut None).await.unwrap()), (6, 0, 0));
    let rows = vault_rows(&world).await;
    assert_eq!(counts(run(&vault, &job, &mut None).await.unwrap()), (0, 6, 0));
    let any = ReEncryption { keys_made_since: Timestamp::MIN, ..job };
    assert_eq!(counts(run(&vault, &any, &mut None).await.unwrap()), (0, 6, 0));
    for row in vault_rows(&world).await {
        assert!(rows.contains(&row), "{:?}", key_of(&row));
    }
    let log = logs::of_this_test();
    let openings = log.lines().filter(|line| line.contains(r#""purpose":"re_encrypt""#)).count();
    assert_eq!(openings, 6, "every opening is in the log");
    assert!(!log.contains("token of"), "and no token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f54_a_write_whose_answer_was_lost_is_recognised_as_the_jobs_own() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    six_records(&world, &resources).await;
    let twice = Twice::next("resealed_at");
    let progress = run(&world.vault_through(&resources, twice.clone()), &of_a(&world), &mut None).await.unwrap();
    assert_eq!((twice.has_come(), progress.done, progress.skipped), (true, 6, 0));
    assert_whole_and_under_the_current_key(&world, &resources).await;
}

#[tokio::test]
async fn f54_a_record_that_does_not_open_is_left_and_counted_and_stops_nothing() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let before = six_records(&world, &resources).await;
    let sealed: Vec<_> = before.iter().filter(|row| row.contains_key("sealed")).collect();
    let mut moved = sealed[1].clone();
    moved.insert("sealed".into(), sealed[0]["sealed"].clone());
    put_row(&world, &moved).await;
    let progress = run(&world.vault(&resources).0, &of_a(&world), &mut None).await.unwrap();
    assert_eq!((progress.done, progress.skipped, progress.failed), (5, 0, 1));
    assert!(vault_rows(&world).await.contains(&moved));
}

/// What comes between the reading of a record by the job and its writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Refresh,
    Login,
    Disconnect,
}

async fn comes(between: Between, vault: &Vault, name: &str) {
    let (tenant, connection) = (tenant("a"), connection(name));
    let page = [("1".to_owned(), AccessToken::new("newer page"))];
    match between {
        Between::Refresh => {
            let (_, version) = vault.grant(tenant, connection, Purpose::Refresh).await.unwrap();
            let expected = Expected::Version(version);
            vault.put_grant(tenant, connection, &tokens("newer"), &page, expected).await.unwrap();
        }
        Between::Login => {
            vault.put_grant(tenant, connection, &tokens("newer"), &page, Expected::Any).await.unwrap();
        }
        Between::Disconnect => vault.delete_connection(tenant, connection).await.unwrap(),
    }
}

/// Lets something come before the job's write of that number; `knows_the_old_key`: from a function that goes on sealing
/// with the replaced key, because it has it in memory. Says whether the job made so many writes.
async fn race(
    world: &World,
    resources: &config::Vault,
    (between, knows_the_old_key): (Between, bool),
    number: usize,
) -> bool {
    let (rival, _) = world.vault(resources);
    if knows_the_old_key {
        rival.put_grant(tenant("a"), connection("z"), &tokens("t"), &[], Expected::Any).await.unwrap();
    }
    let writes = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&writes);
    let meanwhile = Meanwhile::new(move |operation| {
        if operation == "UpdateItem" && seen.fetch_add(1, Ordering::Relaxed) == number {
            block_in_place(|| Handle::current().block_on(comes(between, &rival, "x")));
        }
    });
    let vault = world.vault_through(resources, meanwhile);
    let progress = run(&vault, &of_a(world), &mut None).await.unwrap();
    assert_eq!(progress.failed, 0);
    writes.load(Ordering::Relaxed) > number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f54_what_is_stored_while_the_job_is_at_a_record_stands() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let before = six_records(&world, &resources).await;
    for between in [Between::Refresh, Between::Login, Between::Disconnect] {
        for knows_the_old_key in if between == Between::Disconnect { &[false][..] } else { &[false, true] } {
            for number in 0.. {
                restore(&world, &before).await;
                let came = race(&world, &resources, (between, *knows_the_old_key), number).await;
                let (reader, _) = world.vault(&resources);
                let grant = reader.grant(tenant("a"), connection("x"), Purpose::Refresh).await;
                let page = page_token(&reader, "a", "x", "1").await;
                match (came, between) {
                    (false, _) => assert_eq!(page.unwrap(), "token of 1"),
                    (true, Between::Disconnect) => {
                        assert!(matches!(grant, Err(VaultError::NotFound)), "{number}: {grant:?}");
                        assert!(matches!(page, Err(VaultError::NotFound)), "{number}: {page:?}");
                    }
                    (true, Between::Refresh | Between::Login) => {
                        let (grant, version) = grant.unwrap();
                        assert_eq!((grant.access.expose(), version), ("newer", 2), "{between:?} before write {number}");
                        assert_eq!(page.unwrap(), "newer page", "{between:?} before write {number}");
                    }
                }
                // What a late writer sealed with the old key behind the job's back is found by the next run.
                run(&world.vault(&resources).0, &of_a(&world), &mut None).await.unwrap();
                assert_under_the_current_key(&world, "a").await;
                if !came {
                    assert!(number >= 6, "one write for each record");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn f54_a_refresh_that_read_before_the_job_and_writes_after_it_gets_through() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    six_records(&world, &resources).await;
    let (vault, _) = world.vault(&resources);
    let (_, version) = vault.grant(tenant("a"), connection("x"), Purpose::Refresh).await.unwrap();
    run(&world.vault(&resources).0, &of_a(&world), &mut None).await.unwrap();
    let put = vault.put_grant(tenant("a"), connection("x"), &tokens("newer"), &[], Expected::Version(version)).await;
    assert_eq!(put.unwrap(), 2);
}

#[tokio::test]
async fn f54_all_tenants_are_done_in_segments_and_nobody_twice() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let (vault, _) = world.vault(&resources);
    let owners: Vec<_> = (0..7).map(|number| format!("tenant {number}")).collect();
    for owner in &owners {
        put_new(&vault, owner, "x", &["1", "2", "3"]).await;
    }
    vault.delete_tenant(tenant(&owners[0])).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(1));
    let keys_made_since = world.clock.now();
    let before = world.emulators.counts();
    let (mut done, mut skipped) = (0, 0);
    for segment in 0..3 {
        let job = ReEncryption { scope: Scope::Everyone { segment, segments: 3 }, keys_made_since, page: 5 };
        // Each page by another process.
        let mut place = None;
        loop {
            let page = world.vault(&resources).0.re_encrypt(&job, place.as_ref()).await.unwrap();
            assert_eq!(page.failed, 0);
            (done, skipped) = (done + page.done, skipped + page.skipped);
            place = page.next;
            if place.is_none() {
                break;
            }
        }
    }
    assert_eq!((done, skipped), (6 * 4, 0));
    assert_eq!(world.emulators.counts().since(&before).calls("KMS.GenerateDataKey"), 6, "one new key for each");
    for owner in &owners[1..] {
        assert_under_the_current_key(&world, owner).await;
        assert_eq!(page_token(&vault, owner, "x", "3").await.unwrap(), "token of 3");
    }
}

#[tokio::test]
async fn f54_without_kms_the_job_stops_where_it_is_and_loses_nothing() {
    let world = World::start().await;
    let resources = world.vault_resources().await;
    let before = six_records(&world, &resources).await;
    let (vault, kms) = world.vault(&resources);
    kms.to_nowhere();
    let stopped = run(&vault, &of_a(&world), &mut None).await;
    assert!(matches!(stopped, Err(VaultError::Unavailable { .. })), "{stopped:?}");
    assert_eq!(vault_rows(&world).await.len(), before.len());
    kms.end();
    world.clock.advance(SignedDuration::from_secs(2));
    run(&vault, &of_a(&world), &mut None).await.unwrap();
    assert_whole_and_under_the_current_key(&world, &resources).await;
}
