//! What an operator says about a tenant: where its browsers may be sent, and whose apps it uses.

use serde_json::{Value, json};
use shared::{platform::Platform, store::TenantRow};

use crate::scene::Scene;

const HOME: &str = "https://app.example.com/connected";
const SETTINGS: &str = "https://app.example.com/settings";

async fn row(scene: &Scene) -> TenantRow {
    scene.store.tenants().await.unwrap().remove(0)
}

/// The last entry of the tenant's audit, after a look at the chain.
async fn last_entry(scene: &Scene, tenant: &str) -> Value {
    scene.run(&["audit", "verify", tenant]).await.answer();
    let export = scene.run(&["audit", "export", tenant]).await;
    serde_json::from_str(export.answer().lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn return_addresses_are_listed_with_the_tenant_and_anew_afterwards() {
    let scene = Scene::new().await;
    let create = ["tenants", "create", "Blue Bakery", "--return-url", HOME, "--return-url", HOME];
    let tenant = scene.run(&create).await.answer().to_owned();
    let listed = |row: TenantRow| row.return_urls.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(listed(row(&scene).await), [HOME]);
    let entry = last_entry(&scene, &tenant).await;
    assert_eq!((&entry["action"], &entry["details"]["return_urls"]), (&json!("tenant.created"), &json!(HOME)));

    let shown = scene.run(&["tenants", "return-urls", &tenant]).await;
    assert_eq!(shown.answer(), HOME);
    assert_eq!(last_entry(&scene, &tenant).await["sequence"], 1, "looking is no decision");
    let set = scene.run(&["tenants", "return-urls", &tenant, "--set", SETTINGS, "--set", HOME]).await;
    assert_eq!(set.answer().lines().collect::<Vec<_>>(), [SETTINGS, HOME]);
    let set = scene.run(&["--json", "tenants", "return-urls", &tenant, "--set", SETTINGS]).await.json();
    assert_eq!(set["return_urls"], json!([SETTINGS]));
    assert_eq!(listed(row(&scene).await), [SETTINGS], "what is not repeated is listed no more");
    let entry = last_entry(&scene, &tenant).await;
    let told = [&entry["action"], &entry["actor"], &entry["details"]["return_urls"], &entry["details"]["count"]];
    assert_eq!(told, ["tenant.return_urls_set", "operator grace", SETTINGS, "1"]);

    let cleared = scene.run(&["tenants", "return-urls", &tenant, "--clear"]).await;
    assert_eq!((cleared.answer(), cleared.told.contains("nobody can connect")), ("", true));
    assert!(row(&scene).await.return_urls.is_empty());
}

#[tokio::test]
async fn what_may_not_be_listed_is_refused_before_anything_is_done() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    for wrong in ["http://app.example.com/", "https://app.example.com/?x=1", "https://u@app.example.com/", "nonsense"] {
        for arguments in [
            vec!["tenants", "create", "x", "--return-url", wrong],
            vec!["tenants", "return-urls", &tenant, "--set", wrong],
        ] {
            let ended = scene.run(&arguments).await;
            assert_eq!(ended.failure().0, 2, "{arguments:?}: {}", ended.told);
        }
    }
    let many: Vec<String> = (0..51).map(|number| format!("--set=https://app.example.com/{number}")).collect();
    let many: Vec<&str> =
        ["tenants", "return-urls", &tenant].into_iter().chain(many.iter().map(String::as_str)).collect();
    let ended = scene.run(&many).await;
    assert_eq!((ended.failure().0, ended.told.contains("at most 50")), (2, true), "{ended:?}");
    let nobody = format!("ten_{}", "1".repeat(32));
    assert_eq!(scene.run(&["tenants", "return-urls", &nobody, "--set", HOME]).await.failure().0, 3);
    let rows = scene.store.tenants().await.unwrap();
    assert!(rows.len() == 1 && rows[0].return_urls.is_empty(), "{rows:?}");
}

#[tokio::test]
async fn a_tenant_has_an_app_of_its_own_once_it_is_said() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    assert_eq!(scene.run(&["tenants", "own-apps", &tenant]).await.answer(), "");
    assert_eq!(scene.run(&["tenants", "own-apps", &tenant, "--set", "facebook"]).await.answer(), "facebook");
    assert_eq!(row(&scene).await.own_apps, [Platform::Facebook]);
    let entry = last_entry(&scene, &tenant).await;
    assert_eq!([&entry["action"], &entry["details"]["platforms"]], ["tenant.own_apps_set", "facebook"]);
    assert_eq!(scene.run(&["tenants", "own-apps", &tenant, "--set", "myspace"]).await.failure().0, 2);
    assert_eq!(scene.run(&["tenants", "own-apps", &tenant, "--clear"]).await.answer(), "");
    assert!(row(&scene).await.own_apps.is_empty());
}
