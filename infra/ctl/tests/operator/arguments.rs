//! Mistakes on the command line, and places that are not there.

use crate::scene::{Scene, TABLE, run};

#[tokio::test]
async fn mistakes_on_the_command_line_are_told_before_anything_is_done() {
    let tenant = format!("ten_{}", "1".repeat(32));
    let tenant = tenant.as_str();
    let key = tenant.replace("ten", "key");
    for (arguments, told) in [
        (vec![], "Usage: postctl"),
        (vec!["tenants", "create", " "], "a name has 1 to 200 characters"),
        (vec!["tenants", "drop"], "unrecognized subcommand"),
        (vec!["keys", "list", "ten_1"], "not a valid id"),
        (vec!["keys", "list", key.as_str()], "expected `ten_`"),
        (vec!["keys", "create", tenant, "--name", "x"], "--scope <SCOPE>"),
        (vec!["keys", "create", tenant, "--name", "x", "--scope", "posts"], "posts:read posts:write"),
        (vec!["keys", "create", tenant, "--scope", "all"], "--name <NAME>"),
        (vec!["keys", "create", tenant, "--name", "x", "--scope", "all", "--expires", "soon"], "expected 90d"),
        (vec!["keys", "rotate", tenant, key.as_str(), "--overlap=-1h"], "expected a duration"),
        (vec!["audit", "export", tenant, "--month", "2026"], "expected a month"),
        // Without a place, and without an environment.
        (vec!["tenants", "list"], "say which postd"),
        (vec!["--stack", "postd", "keys", "create", tenant, "--name", "x", "--scope", "all"], "say --environment"),
    ] {
        let ended = run(&arguments).await;
        let (code, said) = ended.failure();
        assert!(code == 2 && said.contains(told), "{arguments:?}: {code} {said}");
    }
}

#[tokio::test]
async fn the_help_has_examples_and_exit_codes() {
    let help = run(&["--help"]).await;
    for text in ["Examples:", "Exit codes:", "--stack", "audit"] {
        assert!(help.answer().contains(text), "{text}");
    }
    assert!(run(&["keys", "create", "--help"]).await.answer().contains("--expires"));
}

#[tokio::test]
async fn the_table_is_found_by_the_stack_by_its_own_name_or_as_the_only_one() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    for place in [vec!["--stack", "postd"], vec!["--state-table", TABLE], vec![]] {
        let list = scene.run(&[place.as_slice(), &["tenants", "list"]].concat()).await;
        assert!(list.answer().contains(&tenant), "{place:?}");
    }
    scene.table("postd-dev-StateTable-2");
    let none = scene.run(&["--stack", "other", "tenants", "list"]).await;
    assert!(none.failure().1.contains("other has no state table"), "{none:?}");
    let none = scene.run(&["--state-table", "nowhere", "tenants", "list"]).await;
    assert_eq!((none.code, none.failure().1.contains("no table nowhere")), (3, true), "{none:?}");
    let several = scene.run(&["tenants", "list"]).await;
    assert_eq!((several.code, several.failure().1.contains("choose one with --state-table")), (3, true), "{several:?}");
    assert!(scene.run(&["--stack", "postd", "tenants", "list"]).await.answer().contains(&tenant));
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_is_told_as_such() {
    // Port 9 is never listened on here.
    let ended = run(&["--endpoint", "http://127.0.0.1:9", "--state-table", "x", "tenants", "list"]).await;
    let (code, told) = ended.failure();
    assert!(code == 1 && told.starts_with("error: the state table did not do what it was asked"), "{ended:?}");
}
