//! Campaigns, strictly: what Mailchimp refuses is refused, and what is sent cannot be sent again.

use serde_json::{Value, json};
use simulator::{
    Fault, FaultKind,
    mailchimp::seed::{ADA, DATA_CENTRE, GARDENERS, GRACE, NEWSLETTER, NOBODY, REGULARS, VIC},
};

use crate::support::Stage;

fn draft() -> Value {
    json!({
        "type": "regular",
        "recipients": {"list_id": NEWSLETTER},
        "settings": {"subject_line": "Bread", "title": "t", "from_name": "Ada", "reply_to": "ada@bakery.example.com"},
    })
}

fn at(path: &str) -> String {
    format!("/{DATA_CENTRE}/3.0{path}")
}

async fn made(stage: &Stage) -> String {
    let campaign = stage.call("POST", &at("/campaigns"), &draft()).await;
    assert_eq!(campaign.status, 200);
    let id = campaign.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), campaign.json()["status"].as_str().map(str::to_owned)), (10, Some("save".into())));
    id
}

async fn ready(stage: &Stage) -> String {
    let id = made(stage).await;
    let content = json!({"html": "<p>Bread</p>"});
    assert_eq!(stage.call("PUT", &at(&format!("/campaigns/{id}/content")), &content).await.status, 200);
    id
}

#[tokio::test]
async fn what_is_wrong_with_a_campaign_is_named() {
    let stage = Stage::of(ADA);
    for (pointer, value, field) in [
        ("/type", json!("letter"), "type"),
        ("/recipients/list_id", json!("nope"), "recipients.list_id"),
        ("/recipients/list_id", json!(GARDENERS), "recipients.list_id"),
        ("/settings/subject_line", json!("x".repeat(151)), "settings.subject_line"),
        ("/settings/reply_to", json!("ada"), "settings.reply_to"),
        ("/settings/colour", json!("red"), "settings.colour"),
        ("/recipients/segment_opts", json!({"saved_segment_id": 1}), "recipients.segment_opts.saved_segment_id"),
        ("/recipients/segment_opts", json!({"conditions": []}), "recipients.segment_opts"),
    ] {
        let mut body = draft();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        let refused = stage.call("POST", &at("/campaigns"), &body).await.problem();
        assert_eq!(refused, (400, "Invalid Resource".into(), vec![field.to_owned()]), "{pointer}");
    }
}

#[tokio::test]
async fn a_test_of_variants_needs_its_settings_and_others_have_none() {
    let stage = Stage::of(ADA);
    let mut body = draft();
    body["type"] = json!("variate");
    assert_eq!(stage.call("POST", &at("/campaigns"), &body).await.problem().2, ["variate_settings"]);
    body["variate_settings"] = json!({"winner_criteria": "luck", "test_size": 5, "subject_lines": ["A", "B"]});
    let fields = stage.call("POST", &at("/campaigns"), &body).await.problem().2;
    assert_eq!(fields, ["variate_settings.winner_criteria", "variate_settings.test_size"]);
    body["variate_settings"] = json!({"winner_criteria": "opens", "test_size": 10, "subject_lines": ["A", "B"]});
    assert_eq!(stage.call("POST", &at("/campaigns"), &body).await.status, 200);
    body["type"] = json!("regular");
    assert_eq!(stage.call("POST", &at("/campaigns"), &body).await.problem().2, ["variate_settings"]);
}

#[tokio::test]
async fn a_campaign_is_sent_once_and_only_when_it_is_ready() {
    let stage = Stage::of(ADA);
    let id = made(&stage).await;
    let path = |rest: &str| at(&format!("/campaigns/{id}{rest}"));
    let list = stage.get(&path("/send-checklist")).await.json();
    assert_eq!((list["is_ready"].as_bool(), list["items"][0]["id"].as_u64()), (Some(false), Some(401)));
    assert_eq!(stage.call("POST", &path("/actions/send"), &json!({})).await.problem().1, "Bad Request");
    let both = json!({"html": "a", "template": {"id": 17}});
    assert_eq!(stage.call("PUT", &path("/content"), &both).await.problem().0, 400);
    assert_eq!(stage.call("PUT", &path("/content"), &json!({"html": "<p>Bread</p>"})).await.status, 200);
    assert_eq!(stage.get(&path("/send-checklist")).await.json()["is_ready"], true);
    assert_eq!(stage.send("POST", &path("/actions/send"), Some(&stage.token), "").await.status, 204);
    assert_eq!(stage.call("POST", &path("/actions/send"), &json!({})).await.problem().1, "Invalid Action");
    stage.pass(15);
    let halfway = stage.get(&path("")).await.json();
    assert_eq!((halfway["status"].as_str(), halfway["emails_sent"].as_u64()), (Some("sending"), Some(60)));
    assert_eq!(stage.call("DELETE", &path(""), &json!({})).await.problem().0, 405);
    stage.pass(15);
    let sent = stage.get(&path("")).await.json();
    assert_eq!((sent["status"].as_str(), sent["emails_sent"].as_u64()), (Some("sent"), Some(120)));
    assert_eq!(stage.call("POST", &path("/actions/send"), &json!({})).await.problem().1, "Invalid Action");
    assert_eq!(stage.call("PUT", &path("/content"), &json!({"html": "x"})).await.problem().0, 400);
    assert_eq!(stage.call("DELETE", &path(""), &json!({})).await.status, 204);
    assert_eq!(stage.get(&path("")).await.problem().0, 404);
}

#[tokio::test]
async fn roles_decide_who_may_do_what() {
    let stage = Stage::of(VIC);
    assert_eq!(stage.get(&at("/lists")).await.status, 200);
    assert_eq!(stage.call("POST", &at("/campaigns"), &draft()).await.problem().1, "Forbidden");
    let stage = Stage::of(ADA);
    let id = ready(&stage).await;
    stage.mailchimp().set_role(ADA, "author");
    let send = at(&format!("/campaigns/{id}/actions/send"));
    assert_eq!(stage.call("POST", &send, &json!({})).await.problem().1, "Forbidden");
    stage.mailchimp().disable(ADA);
    assert_eq!(stage.get(&at("/lists")).await.problem().1, "User Disabled");
}

#[tokio::test]
async fn campaigns_are_scheduled_for_quarters_of_an_hour_only() {
    let stage = Stage::of(ADA);
    let id = ready(&stage).await;
    let path = |action: &str| at(&format!("/campaigns/{id}/actions/{action}"));
    for wrong in ["2026-11-21T12:01:00Z", "2026-11-21T12:15:01Z", "2026-11-21T09:00:00Z"] {
        let refused = stage.call("POST", &path("schedule"), &json!({"schedule_time": wrong})).await.problem();
        assert_eq!(refused.0, 400, "{wrong}");
    }
    let at_noon = json!({"schedule_time": "2026-11-21T12:15:00Z"});
    assert_eq!(stage.call("POST", &path("schedule"), &at_noon).await.status, 204);
    assert_eq!(stage.call("POST", &path("send"), &json!({})).await.problem().1, "Invalid Action");
    assert_eq!(stage.call("POST", &path("unschedule"), &json!({})).await.status, 204);
    assert_eq!(stage.call("POST", &path("schedule"), &at_noon).await.status, 204);
    stage.pass(2 * 3_600 + 15 * 60 + 30);
    assert_eq!(stage.get(&at(&format!("/campaigns/{id}"))).await.json()["status"], "sent");
}

#[tokio::test]
async fn only_some_plans_stop_what_is_being_sent() {
    let bakery = Stage::of(ADA);
    let id = ready(&bakery).await;
    bakery.call("POST", &at(&format!("/campaigns/{id}/actions/send")), &json!({})).await;
    let refused = bakery.call("POST", &at(&format!("/campaigns/{id}/actions/cancel-send")), &json!({})).await.problem();
    assert_eq!(refused.0, 403);
    let garden = Stage::of(GRACE);
    let mut body = draft();
    body["recipients"]["list_id"] = json!(GARDENERS);
    body["settings"]["reply_to"] = json!("grace@garden.example.com");
    let id = garden.call("POST", "/us21/3.0/campaigns", &body).await.json()["id"].as_str().unwrap().to_owned();
    garden.call("PUT", &format!("/us21/3.0/campaigns/{id}/content"), &json!({"plain_text": "Seeds"})).await;
    let act = async |action: &str| {
        garden.call("POST", &format!("/us21/3.0/campaigns/{id}/actions/{action}"), &json!({})).await
    };
    assert_eq!(act("send").await.status, 204);
    assert_eq!(act("cancel-send").await.status, 204);
    assert_eq!(garden.get(&format!("/us21/3.0/campaigns/{id}")).await.json()["status"], "canceled");
}

#[tokio::test]
async fn who_gets_a_campaign_depends_on_its_segment() {
    let stage = Stage::of(ADA);
    for (recipients, count) in [
        (json!({"list_id": NEWSLETTER}), 120),
        (json!({"list_id": NEWSLETTER, "segment_opts": {"saved_segment_id": REGULARS}}), 40),
        (json!({"list_id": NOBODY}), 0),
    ] {
        let mut body = draft();
        body["recipients"] = recipients;
        let campaign = stage.call("POST", &at("/campaigns"), &body).await.json();
        assert_eq!(campaign["recipients"]["recipient_count"], count);
    }
    let listed = stage
        .get(&at(&format!("/campaigns?list_id={NEWSLETTER}&status=save&sort_field=create_time&sort_dir=DESC")))
        .await;
    assert_eq!(listed.json()["total_items"], 2);
    assert_eq!(stage.get(&at("/campaigns?sort_field=colour")).await.problem().2, ["sort_field"]);
    assert_eq!(stage.get(&at("/campaigns?colour=red")).await.problem().2, ["colour"]);
}

#[tokio::test]
async fn a_report_comes_with_the_sending_and_its_figures_move() {
    let stage = Stage::of(ADA);
    let id = ready(&stage).await;
    let report = at(&format!("/reports/{id}"));
    assert_eq!(stage.get(&report).await.problem().0, 404);
    stage.call("POST", &at(&format!("/campaigns/{id}/actions/send")), &json!({})).await;
    stage.pass(60);
    assert_eq!(stage.get(&report).await.json()["emails_sent"], 120);
    let before = stage.get(&report).await.json()["opens"]["unique_opens"].as_u64().unwrap();
    stage.pass(30 * 3_600);
    let after = stage.get(&report).await.json();
    assert!(after["opens"]["unique_opens"].as_u64().unwrap() > before);
    assert!(
        after["opens"]["open_rate"].as_f64().unwrap() <= 1.0
            && after["list_stats"]["open_rate"].as_f64().unwrap() > 1.0
    );
}

#[tokio::test]
async fn faults_strike_where_they_are_set_and_the_log_tells() {
    let stage = Stage::of(ADA);
    let id = ready(&stage).await;
    let send = at(&format!("/campaigns/{id}/actions/send"));
    let on_send = |fault: Fault| stage.mailchimp().add_fault(fault.on_edge("POST", "send").times(1));
    on_send(Fault::new(FaultKind::Status500Before));
    assert_eq!(stage.call("POST", &send, &json!({})).await.problem().1, "Internal Server Error");
    on_send(Fault::refusal(403, "Edge"));
    let edge = stage.call("POST", &send, &json!({})).await;
    assert_eq!((edge.status, edge.body.starts_with(b"<html>")), (403, true));
    on_send(Fault { status: Some(502), ..Fault::new(FaultKind::Status500After) });
    assert_eq!(stage.call("POST", &send, &json!({})).await.status, 502);
    let calls: Vec<_> = stage.mailchimp().requests().into_iter().filter(|call| call.path.ends_with("/send")).collect();
    assert_eq!(calls.iter().map(|call| call.took_effect).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(stage.get(&at(&format!("/campaigns/{id}"))).await.json()["status"], "sending");
}

#[tokio::test]
async fn a_person_sees_what_was_sent_and_scripts_in_it_do_nothing() {
    let stage = Stage::of(ADA);
    let id = made(&stage).await;
    let html = json!({"html": "<script>alert(1)</script>"});
    stage.call("PUT", &at(&format!("/campaigns/{id}/content")), &html).await;
    let front = String::from_utf8(stage.send("GET", "/", None, "").await.body.to_vec()).unwrap();
    assert!(front.contains("Bakery newsletter") && front.contains(&id));
    let page = String::from_utf8(stage.send("GET", &format!("/archive/{id}"), None, "").await.body.to_vec()).unwrap();
    assert!(page.contains("sandbox") && !page.contains("<script>"));
}
