//! Posts that are edited, and targets that a person resolves, with the rights that the template gives.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::clock::{Clock as _, SystemClock};
use shared::connector::{Act, Refusal};
use shared::ids::PostId;
use shared::store::{Claim, ClaimRequest, Settled};
use shared::target::Settlement;
use simulator::facebook::seed;

use crate::events::event;
use crate::support::System;
use crate::tenant::{ADAS, Answer, Tenant, to_page};

/// Schedules a post of a text for tomorrow: its id.
async fn tomorrow(tenant: &Tenant<'_>, connection: &str, text: &str) -> String {
    let mut body = to_page(connection, seed::BAKERY, text);
    body["schedule"] = json!({"at": (SystemClock.now() + SignedDuration::from_hours(24)).to_string()});
    let answer = tenant.post("/v1/posts", &body).await;
    assert_eq!((answer.status, answer.header("etag")), (202, "\"1\""), "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn edit(tenant: &Tenant<'_>, post: &str, if_match: Option<&str>, changes: &Value) -> Answer {
    let headers: Vec<(&str, &str)> = if_match.map(|tag| ("if-match", tag)).into_iter().collect();
    tenant.send(Method::PATCH, &format!("/v1/posts/{post}"), &headers, changes.to_string()).await
}

/// Lets a consumer of tomorrow leave the target to a person.
async fn leave_to_a_person(tenant: &Tenant<'_>, post: &str) {
    let store = tenant.system.store();
    let post: PostId = post.parse().unwrap();
    let post = store.post(tenant.id, post, true).await.unwrap().unwrap();
    let (target, spec) = post.targets().next().unwrap();
    let now = SystemClock.now() + SignedDuration::from_hours(25);
    let request = ClaimRequest { post: &post, target, spec, owner: "tomorrow", now, lease_until: now, intent: None };
    let Claim::Won(target) = store.claim(tenant.id, &request).await.unwrap() else { panic!("not claimed") };
    let reason = Refusal::ours("read_back.undecided", Act::EndUser, "Look at the account.");
    let settled = store.settle(tenant.id, &target, (&Settlement::NeedsReview(reason), None), now).await.unwrap();
    assert_eq!(settled, Settled::Done);
}

#[tokio::test]
async fn a_post_is_edited_called_off_and_resolved_by_its_tenant() {
    let system = System::shared();
    let tenant = Tenant::new(system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;

    let off = tomorrow(&tenant, &connection, "to be called off").await;
    let path = format!("/v1/posts/{off}");
    let stale = tenant.send(Method::DELETE, &path, &[("if-match", "\"7\"")], "").await;
    assert_eq!(stale.problem(), (412, "precondition.failed".to_owned()));
    let cancelled = tenant.send(Method::DELETE, &path, &[("if-match", "\"1\"")], "").await;
    assert_eq!((cancelled.status, cancelled.json()["state"].as_str()), (200, Some("cancelled")));

    let post = tomorrow(&tenant, &connection, "as it was first written").await;
    let words = json!({"content": {"text": "as it was edited, in the system"}});
    assert_eq!(edit(&tenant, &post, None, &words).await.problem(), (428, "precondition.required".to_owned()));
    let edited = edit(&tenant, &post, Some("\"1\""), &words).await;
    assert_eq!((edited.status, edited.header("etag")), (200, "\"2\""), "{}", edited.text());
    assert_eq!(edit(&tenant, &post, Some("\"1\""), &words).await.problem(), (412, "precondition.failed".to_owned()));
    let read = tenant.get(&format!("/v1/posts/{post}")).await;
    assert_eq!((read.header("etag"), read.json()), ("\"2\"", edited.json()));

    leave_to_a_person(&tenant, &post).await;
    assert_eq!(edit(&tenant, &post, Some("\"2\""), &words).await.problem(), (409, "post.not_editable".to_owned()));
    let resolve = format!("/v1/posts/{post}/targets/t1/resolve");
    let resolved = tenant.post(&resolve, &json!({"as": "not_published"})).await;
    assert_eq!((resolved.status, resolved.json()["state"].as_str()), (200, Some("queued")), "{}", resolved.text());
    let opposite = tenant.post(&resolve, &json!({"as": "published"})).await;
    assert_eq!(opposite.problem(), (409, "target.not_in_review".to_owned()));
    system.invoke("dispatch", &event("schedule-dispatch.json")).await.unwrap();
    assert_eq!(tenant.settled(&post).await["state"], "published");
    assert_eq!(system.on_page(seed::BAKERY, "as it was edited, in the system"), 1);
    assert_eq!(system.on_page(seed::BAKERY, "as it was first written"), 0);
    let history = tenant.history(&post).await;
    for event in ["accepted", "edited", "queued", "published"] {
        assert!(history.contains(&event.to_owned()), "{history:?}");
    }
}
