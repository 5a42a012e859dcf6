//! What a batch of jobs takes: as long as its slowest, because all of them are worked on at once.

use std::time::Duration;

use jiff::SignedDuration;
use shared::clock::{Clock as _, SystemClock};
use simulator::facebook::{Fault, FaultKind, seed};
use simulator::{Clock, ManualClock};

use crate::support::System;
use crate::tenant::{ADAS, Tenant};

#[tokio::test]
async fn all_ten_jobs_of_a_batch_are_at_the_platform_at_once() {
    // The platform's clock stands still: it answers a slow call only when the test lets it.
    let clock = ManualClock::new(SystemClock.now());
    let of_the_platform = clock.clone();
    let system = System::start_with(&[], |options| {
        options.event_sources = false;
        options.simulator.clock = Clock::Manual(of_the_platform);
    });
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let mut posts = Vec::new();
    for number in 0..10 {
        posts.push(tenant.publish(&connection, seed::BAKERY, &format!("One of ten, number {number}")).await);
    }
    let slow = Fault { milliseconds: Some(1_000), ..Fault::new(FaultKind::Slow) };
    system.facebook().add_fault(slow.on_edge("POST", "feed").times(10));

    let batch = system.deliver("consumer");
    let look = async || system.facebook().faults().is_empty().then_some(());
    system.eventually("ten calls have reached the platform", look).await;
    assert!(!batch.is_finished());
    assert_eq!(system.cloud.environments("consumer").iter().filter(|one| one.busy).count(), 1, "by one consumer");
    let answered = (0..10).filter(|number| system.on_page(seed::BAKERY, &format!("One of ten, number {number}")) > 0);
    assert_eq!(answered.count(), 0, "none of them has been answered");

    clock.advance(SignedDuration::from_secs(1));
    let messages = tokio::time::timeout(Duration::from_mins(1), batch).await.unwrap().unwrap();
    assert_eq!(messages, Ok(10));
    for (number, post) in posts.iter().enumerate() {
        assert_eq!(tenant.settled(post).await["state"], "published");
        assert_eq!(system.on_page(seed::BAKERY, &format!("One of ten, number {number}")), 1);
    }
}
