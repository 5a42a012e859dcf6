//! The audit from outside: whole, exported, and found out when somebody has meddled.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::scene::{Scene, TABLE, id_of};

#[tokio::test]
async fn what_operators_do_is_in_the_audit_and_a_row_that_is_changed_is_found() {
    let scene = Scene::new().await;
    let tenant = scene.tenant().await;
    let key = scene.key(&tenant).await;
    let rotated = scene.run(&["keys", "rotate", &tenant, &id_of(&key)]).await;
    scene.run(&["keys", "revoke", &tenant, &id_of(rotated.answer())]).await;

    let verified = scene.run(&["audit", "verify", &tenant]).await;
    assert_eq!(verified.answer(), "whole: 4 entries");
    let export = scene.run(&["audit", "export", &tenant]).await;
    let records: Vec<Value> = export.answer().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&str> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["tenant.created", "key.created", "key.rotated", "key.revoked"]);
    assert!(records.iter().all(|record| record["actor"] == "operator grace"), "{records:?}");
    assert!(!export.output.contains(key.rsplit('_').next().unwrap()), "no secret is told");
    let json = scene.run(&["--json", "audit", "verify", &tenant]).await.json();
    assert_eq!((&json["whole"], &json["last_hash"]), (&true.into(), &records[3]["hash"]));

    let month = records[0]["at"].as_i64().map(|at| jiff::Timestamp::from_millisecond(at).unwrap()).unwrap();
    let month = month.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m").to_string();
    let some = scene.run(&["audit", "export", &tenant, "--month", &month]).await;
    assert!(!some.answer().is_empty());
    assert_eq!(scene.run(&["audit", "export", &tenant, "--month", "2020-01"]).await.answer(), "");

    // Somebody makes the second entry tell of another key.
    let id = records[1]["id"].as_str().unwrap().replace('-', "");
    let update = scene.dynamodb.update_item().table_name(TABLE).update_expression("SET subject = :subject");
    update
        .key("pk", AttributeValue::S(format!("T#{tenant}#AUDIT#{month}")))
        .key("sk", AttributeValue::S(id))
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":subject", AttributeValue::S("key_of_nobody".into()))
        .send()
        .await
        .unwrap();
    let broken = scene.run(&["audit", "verify", &tenant]).await;
    assert_eq!((broken.code, broken.failure().1.contains("broken at entry 2")), (4, true), "{broken:?}");
    let told = scene.run(&["audit", "verify", &tenant, "--json"]).await;
    let verdict: Value = serde_json::from_str(&told.output).unwrap();
    assert_eq!((told.code, verdict), (4, serde_json::json!({ "whole": false, "broken_at": 2 })));
    assert_eq!(scene.run(&["audit", "export", &tenant]).await.answer().lines().count(), 4, "as they stand there");
}
