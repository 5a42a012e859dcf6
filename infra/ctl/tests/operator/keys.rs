//! The life of a key, as an operator leads it.

use jiff::SignedDuration;
use shared::{
    problem::Code,
    scope::{Scope, Scopes},
};

use crate::scene::{Scene, id_of};

const NOW: SignedDuration = SignedDuration::ZERO;
const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test]
async fn a_key_lives_from_its_making_over_its_rotation_to_its_end() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    let made = scene.run(&["keys", "create", &tenant, "--name", "board", "--scope", "posts:read"]).await;
    let old = made.answer();
    assert_eq!(made.output.lines().count(), 1, "the key and nothing else");
    assert!(old.starts_with("postd_local_"), "the endpoint is no deployed postd");
    assert!(!made.told.contains(old) && made.told.contains("shown this once"), "{}", made.told);
    let identity = scene.identify(old, NOW).await.unwrap();
    assert_eq!(
        (identity.tenant.id().to_string(), identity.scopes),
        (tenant.clone(), Scopes::from_iter([Scope::PostsRead]))
    );

    let rotated = scene.run(&["keys", "rotate", &tenant, &id_of(old), "--overlap", "36h"]).await;
    let new = rotated.answer();
    assert_eq!(scene.identify(new, NOW).await.unwrap().scopes, identity.scopes);
    assert!(scene.identify(old, NOW).await.is_ok() && scene.identify(old, DAY).await.is_ok(), "both work");
    assert_eq!(scene.identify(old, DAY * 2).await, Err(Code::KeyExpired));
    assert!(scene.identify(new, DAY * 1_000).await.is_ok());
    let again = scene.run(&["keys", "rotate", &tenant, &id_of(old)]).await;
    assert_eq!((again.code, again.failure().1.contains(&id_of(new))), (3, true), "{again:?}");

    assert_eq!(scene.run(&["keys", "revoke", &tenant, &id_of(new)]).await.answer(), "");
    assert_eq!(scene.identify(new, NOW).await, Err(Code::KeyRevoked));
    let again = scene.run(&["keys", "revoke", &tenant, &id_of(new)]).await;
    assert_eq!((again.answer(), again.told.contains("before")), ("", true));
    let dead = scene.run(&["keys", "rotate", &tenant, &id_of(new)]).await;
    assert_eq!((dead.code, dead.failure().1.contains("create another")), (3, true), "{dead:?}");
}

#[tokio::test]
async fn a_key_ends_when_it_was_told_to() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    let create = ["keys", "create", &tenant, "--name", "x", "--scope", "all", "--expires"];
    let made = scene.run(&[create.as_slice(), &["90d"]].concat()).await;
    assert!(scene.identify(made.answer(), DAY * 89).await.is_ok());
    assert_eq!(scene.identify(made.answer(), DAY * 91).await, Err(Code::KeyExpired));
    let past = scene.run(&[create.as_slice(), &["2020-01-01"]].concat()).await;
    assert_eq!((past.code, past.failure().1), (2, "error: --expires lies in the past"));
}

#[tokio::test]
async fn the_list_tells_everything_but_the_keys() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    let used = scene.key(&tenant).await;
    scene.identify(&used, NOW).await.unwrap();
    let revoked = scene.key(&tenant).await;
    scene.run(&["keys", "revoke", &tenant, &id_of(&revoked)]).await;
    let list = scene.run(&["keys", "list", &tenant]).await;
    let lines: Vec<&str> = list.answer().lines().collect();
    assert!(lines[0].starts_with("KEY") && lines.len() == 3, "{lines:?}");
    assert!(
        lines[1].starts_with(&id_of(&used)) && lines[1].contains("good") && !lines[1].contains("never"),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with(&id_of(&revoked)) && lines[2].contains("revoked") && lines[2].contains("never"),
        "{lines:?}"
    );

    let json = scene.run(&["keys", "list", &tenant, "--json"]).await;
    let keys = json.json()["keys"].clone();
    assert_eq!(
        (&keys[0]["id"], &keys[0]["state"], &keys[1]["state"]),
        (&id_of(&used).into(), &"good".into(), &"revoked".into())
    );
    assert_eq!(keys[0]["scopes"], serde_json::json!(Scopes::ALL));
    for text in [&list.output, &json.output] {
        for key in [&used, &revoked] {
            assert!(!text.contains(key.rsplit('_').next().unwrap()), "a secret was listed");
        }
        assert!(!text.contains("secret"), "not even its hash: {text}");
    }
    let made = scene.run(&["--json", "keys", "create", &tenant, "--name", "x", "--scope", "all"]).await.json();
    assert_eq!(id_of(made["key"].as_str().unwrap()), made["id"].as_str().unwrap());
}

#[tokio::test]
async fn what_is_not_there_is_told_and_nothing_is_made() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    let (nobody, nothing) = (format!("ten_{}", "1".repeat(32)), format!("key_{}", "1".repeat(32)));
    let before = scene.store.tenants().await.unwrap();
    for arguments in [
        vec!["keys", "create", &nobody, "--name", "x", "--scope", "all"],
        vec!["keys", "list", &nobody],
        vec!["keys", "rotate", &nobody, &nothing],
        vec!["keys", "revoke", &tenant, &nothing],
        vec!["keys", "rotate", &tenant, &nothing],
        vec!["audit", "verify", &nobody],
        vec!["audit", "export", &nobody],
    ] {
        let ended = scene.run(&arguments).await;
        let (code, told) = ended.failure();
        assert!(code == 3 && told.starts_with("error: "), "{arguments:?}: {code} {told}");
    }
    assert_eq!(scene.store.tenants().await.unwrap(), before);
}

#[tokio::test]
async fn tenants_are_listed_the_oldest_first() {
    let scene = Scene::new().await;
    let first = scene.tenant().await;
    let second = scene.run(&["--json", "tenants", "create", "Café ☕"]).await.json();
    assert_eq!(second["name"], "Café ☕");
    scene.key(&first).await;
    let tenants = scene.run(&["tenants", "list", "--json"]).await.json()["tenants"].clone();
    let ids: Vec<&str> = tenants.as_array().unwrap().iter().map(|tenant| tenant["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [first.as_str(), second["id"].as_str().unwrap()]);
    assert_eq!(scene.run(&["tenants", "list"]).await.answer().lines().count(), 3);
}
