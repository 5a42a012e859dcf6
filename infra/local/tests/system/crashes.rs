//! The central fault (F33): the consumer dies at the worst moment.

use std::time::Duration;

use serde_json::Value;
use simulator::facebook::seed;
use simulator::facebook::{Fault, FaultKind};

use crate::support::System;
use crate::tenant::{ADAS, Tenant};

/// Kills the consumers that are at work, as the end of their machine would.
fn kill_busy_consumers(system: &System) {
    let busy: Vec<i32> =
        system.cloud.environments("consumer").iter().filter(|one| one.busy).map(|one| one.pid).collect();
    assert_eq!(busy.len(), 1, "one consumer is at work");
    for pid in busy {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

async fn no_consumer_at_work(system: &System) {
    let look = async || system.cloud.environments("consumer").iter().all(|one| !one.busy).then_some(());
    system.eventually("no consumer is at work", look).await;
}

/// The state and the attempts of a post's only target.
fn outcome(post: &Value) -> (&str, u64) {
    let target = &post["targets"][0];
    (target["state"].as_str().unwrap(), target["attempts"].as_u64().unwrap())
}

/// Both kills in one cloud: after them, everybody waits for the dead consumers' leases to run out.
#[tokio::test]
async fn f33_a_consumer_killed_before_or_after_the_platform_accepted_leaves_exactly_one_post() {
    // A claim is taken over when its consumer could not be at work any more, 5 s more have passed, and 10 s for clocks that
    // differ: after 25 s. A read-back is trusted 40 s after the intent, so the target is seen as `unknown` in between, on a busy machine
    // as well.
    let system = System::start(&[
        ("ConsumerTimeout", "10"),
        ("PublishVisibilityTimeout", "60"),
        ("FacebookSettleSeconds", "40"),
    ]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let on_feed = |kind| Fault::new(kind).on_page(seed::BAKERY).on_edge("POST", "feed").times(1);

    let accepted = "The platform took it, then the worker died.";
    system.facebook().add_fault(Fault { hold_seconds: Some(600), ..on_feed(FaultKind::AcceptedThenTimeout) });
    let after = tenant.publish(&connection, seed::BAKERY, accepted).await;
    let look = async || (system.on_page(seed::BAKERY, accepted) == 1).then_some(());
    system.eventually("the platform has accepted the post", look).await;
    kill_busy_consumers(&system);
    no_consumer_at_work(&system).await;

    let lost = "The worker died before the platform took it.";
    system.facebook().add_fault(Fault { milliseconds: Some(600_000), ..on_feed(FaultKind::Slow) });
    let before = tenant.publish(&connection, seed::BAKERY, lost).await;
    let look = async || system.facebook().faults().is_empty().then_some(());
    system.eventually("the call has reached the platform", look).await;
    kill_busy_consumers(&system);
    no_consumer_at_work(&system).await;
    assert_eq!(system.on_page(seed::BAKERY, lost), 0);

    // The visibility timeout passes: both messages come back, and have to wait for the leases.
    system.turn_the_queues_clock(Duration::from_secs(61));
    let (after_ended, before_ended) = tokio::join!(tenant.settled(&after), tenant.settled(&before));
    assert_eq!(outcome(&after_ended), ("published", 1), "{after_ended}");
    assert_eq!(tenant.history(&after).await, ["accepted", "started", "unknown", "published"]);
    assert_eq!(system.on_page(seed::BAKERY, accepted), 1);

    // Asked and answered: nothing went out the first time.
    assert_eq!(outcome(&before_ended), ("published", 2), "{before_ended}");
    let history = tenant.history(&before).await;
    assert_eq!(history, ["accepted", "started", "unknown", "queued", "published"]);
    assert_eq!(system.on_page(seed::BAKERY, lost), 1);
}
