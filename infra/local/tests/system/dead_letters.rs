//! Dead letters on their way back: through the API, and by hand at the queue's console.

use serde_json::{Value, json};
use shared::store::AuditChain;
use simulator::facebook::{Fault, seed};

use crate::support::System;
use crate::tenant::{ADAS, Tenant};

/// A post that the platform refuses for good; with `after` it publishes it all the same.
async fn dead(tenant: &Tenant<'_>, connection: &str, text: &str, after: bool) -> String {
    let fault = Fault { after, ..Fault::error(100, None) };
    tenant.system.facebook().add_fault(fault.on_page(seed::BAKERY).on_edge("POST", "feed").times(1));
    let post = tenant.publish(connection, seed::BAKERY, text).await;
    assert_eq!(tenant.settled(&post).await["state"], "failed");
    post
}

fn arn(system: &System, queue: &str) -> String {
    let url = system.resource(queue);
    format!("arn:aws:sqs:us-east-1:000000000000:{}", url.rsplit('/').next().unwrap())
}

async fn redrive(tenant: &Tenant<'_>, body: &Value) -> Value {
    let answer = tenant.post("/v1/dead-letters/redrive", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn outcomes(view: &Value) -> Vec<&str> {
    view["targets"].as_array().unwrap().iter().map(|target| target["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn f22_dead_letters_come_back_through_the_api_and_the_console_and_each_is_out_once() {
    let system = System::start(&[("FacebookSettleSeconds", "1")]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let texts = ["Refused.", "Refused, and out all the same.", "Refused, and moved back by hand."];
    let mut posts = Vec::new();
    for text in texts {
        posts.push(dead(&tenant, &connection, text, text == texts[1]).await);
    }
    let listed = tenant.read("/v1/dead-letters?platform=facebook&act=caller").await;
    assert_eq!(listed["dead_letters"].as_array().unwrap().len(), 3, "{listed}");

    let named: Vec<Value> = posts[..2].iter().map(|post| json!({"post": post, "target": "t1"})).collect();
    // Until the platform's listing can be trusted, it would have to be asked later.
    let look = async || {
        let view = redrive(&tenant, &json!({"targets": named, "dry_run": true})).await;
        (!outcomes(&view).contains(&"asks_first")).then_some(view)
    };
    let dry = system.eventually("the platform can be asked", look).await;
    assert_eq!(outcomes(&dry), ["posts", "already_live"]);
    assert_eq!(tenant.settled(&posts[0]).await["state"], "failed");
    let view = redrive(&tenant, &json!({"targets": named})).await;
    assert_eq!(outcomes(&view), ["posts", "already_live"]);
    for post in &posts[..2] {
        assert_eq!(tenant.settled(post).await["state"], "published");
    }

    // All three messages still lie in the queue of dead letters; two of them are about targets that are out.
    let sqs = system.aws().sqs();
    let (dead_letters, publish) = (arn(&system, "DeadLetterQueue"), arn(&system, "PublishQueue"));
    sqs.start_message_move_task().source_arn(dead_letters).destination_arn(publish).send().await.unwrap();
    let path = format!("/v1/posts/{}", posts[2]);
    let look = async || (tenant.read(&path).await["state"] == "published").then_some(());
    system.eventually("what was moved back is out", look).await;
    let look = async || {
        let depth = tenant.read("/health/queue").await;
        ["visible", "in_flight", "delayed", "dead_letters"].iter().all(|figure| depth[*figure] == 0).then_some(())
    };
    system.eventually("the queues are empty", look).await;
    for text in texts {
        assert_eq!(system.on_page(seed::BAKERY, text), 1, "{text}");
    }
    assert_eq!(tenant.read("/v1/dead-letters").await["dead_letters"], json!([]));
    let AuditChain::Whole(records) = system.store().audit_chain(tenant.id).await.unwrap() else {
        panic!("the audit is broken");
    };
    let actions: Vec<_> = records.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["tenant.created", "key.created", "connection.connected", "dead_letters.redriven"]);
}
