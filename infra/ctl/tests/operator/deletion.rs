//! A tenant is deleted by the operator, and tokens are sealed again.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use shared::{
    connector::TokenSet,
    ids::ConnectionId,
    problem::Code,
    secret::AccessToken,
    vault::{Expected, Vault},
};

use crate::scene::{Scene, id_of};

const NOW: SignedDuration = SignedDuration::ZERO;

/// The mark was made so long ago that nothing can be under way any more.
async fn long_ago(scene: &Scene, tenant: &str) {
    let update = scene.dynamodb.update_item().table_name(crate::scene::TABLE);
    let update =
        update.key("pk", AttributeValue::S(format!("T#{tenant}"))).key("sk", AttributeValue::S("TENANT".into()));
    let update = update.update_expression("SET deletion.requested_at = deletion.requested_at - :hour");
    update.expression_attribute_values(":hour", AttributeValue::N("3600000".into())).send().await.unwrap();
}

async fn seal(scene: &Scene, vault: &Vault, tenant: &str) {
    let key = scene.key(tenant).await;
    let identity = scene.identify(&key, NOW).await.unwrap();
    let tokens = TokenSet {
        access: AccessToken::new("secret"),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    };
    let page = [("1".to_owned(), AccessToken::new("page"))];
    vault.put_grant(identity.tenant, ConnectionId::new(), &tokens, &page, Expected::Absent).await.unwrap();
}

#[tokio::test]
async fn a_tenant_is_deleted_once_its_id_is_typed_and_not_before() {
    let scene = Scene::new().await;
    scene.vault().await;
    let (tenant, other) = (scene.tenant().await, scene.tenant().await);
    let key = scene.key(&tenant).await;
    for input in ["", "yes\n", &format!("{other}\n")] {
        let asked = scene.run_with(&["tenants", "delete", &tenant], input).await;
        let (code, told) = asked.failure();
        assert!(code == 3 && told.contains(&tenant) && told.ends_with("nothing was deleted"), "{input}: {told}");
    }
    assert!(scene.identify(&key, NOW).await.is_ok());
    let deleted = scene.run_with(&["tenants", "delete", &tenant], &format!("{tenant}\n")).await;
    assert!(deleted.answer().starts_with("del_") && deleted.output.lines().count() == 1, "{deleted:?}");
    assert!(deleted.told.contains("--wait"), "{}", deleted.told);
    assert_eq!(scene.identify(&key, NOW).await, Err(Code::TenantDeleted));
    let again = scene.run(&["tenants", "delete", &tenant, "--yes"]).await;
    assert_eq!(again.answer(), deleted.answer(), "one deletion has one code");
    let refused = scene.run(&["keys", "revoke", &tenant, &id_of(&key)]).await;
    assert_eq!(refused.failure().0, 3);
    let list = scene.run(&["tenants", "list", "--json"]).await.json()["tenants"].clone();
    let state = |id: &str| list.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()["state"].clone();
    assert_eq!((state(&tenant), state(&other)), ("deleting".into(), "active".into()));
}

#[tokio::test]
async fn f87_run_again_the_command_goes_on_until_nothing_but_the_mark_is_left() {
    let scene = Scene::new().await;
    let vault = scene.vault().await;
    let tenant = scene.tenant().await;
    seal(&scene, &vault, &tenant).await;
    let code = scene.run(&["tenants", "delete", &tenant, "--yes"]).await.answer().to_owned();
    assert!(scene.naming(&tenant).await.len() > 5, "nothing is removed yet");
    long_ago(&scene, &tenant).await;
    let ended = scene.run(&["tenants", "delete", &tenant, "--yes", "--wait", "--json"]).await;
    assert!(ended.told.contains("Nothing is left"), "{}", ended.told);
    let ended = ended.json();
    assert_eq!((&ended["state"], &ended["confirmation_code"]), (&"deleted".into(), &code.into()));
    assert!(ended["rows"].as_u64().unwrap() >= 3 && ended["audit_entries"].as_u64() == Some(3), "{ended}");
    assert_eq!(scene.naming(&tenant).await, ["DELETED", "TENANT"]);
    let list = scene.run(&["tenants", "list"]).await;
    assert!(list.answer().contains("deleted") && !list.answer().contains("Blue Bakery"), "{}", list.answer());
    let nobody = format!("ten_{}", "1".repeat(32));
    assert_eq!(scene.run(&["tenants", "delete", &nobody, "--yes"]).await.failure().0, 3);
}

#[tokio::test]
async fn tokens_are_sealed_again_and_those_that_are_so_already_are_skipped() {
    let scene = Scene::new().await;
    let vault = scene.vault().await;
    let (one, other) = (scene.tenant().await, scene.tenant().await);
    for tenant in [&one, &other] {
        seal(&scene, &vault, tenant).await;
    }
    let run = async |arguments: &[&str]| scene.run(&[&["vault", "re-encrypt"], arguments].concat()).await;
    assert_eq!(run(&[]).await.answer(), "0 sealed again, 4 skipped, 0 failed");
    let only = run(&["--tenant", &one, "--keys-made-since", "now", "--json"]).await.json();
    assert_eq!((only["done"].as_u64(), only["skipped"].as_u64()), (Some(2), Some(0)));
    assert_eq!(run(&["--tenant", &format!("ten_{}", "1".repeat(32))]).await.failure().0, 3);
    for wrong in [["--from", "nowhere!"], ["--keys-made-since", "soon"], ["--keys-made-since", "2100-01-01T00:00:00Z"]]
    {
        assert_eq!(run(&wrong).await.failure().0, 2, "{wrong:?}");
    }
}
