//! Faults on demand.

use crate::support::Stage;
use jiff::SignedDuration;
use simulator::Options;
use simulator::facebook::seed::{BAKERY, CAFE};
use simulator::facebook::{Fault, FaultKind};
use std::error::Error as _;
use std::time::Duration;

const FEED: &str = "/v26.0/100000000000101/feed";

async fn strike(stage: &Stage, fault: Fault) -> Result<crate::support::Answer, hyper::Error> {
    stage.simulator.facebook().add_fault(fault.on_edge("POST", "feed").times(1));
    stage.try_post(FEED, &stage.page, &[("message", "Hi")]).await
}

fn last(stage: &Stage) -> (Option<u16>, bool, Option<FaultKind>) {
    let call = stage.simulator.facebook().requests().pop().unwrap();
    (call.status, call.took_effect, call.fault)
}

#[tokio::test]
async fn a_lost_answer_leaves_the_post_behind() {
    let stage = Stage::new().await;
    let error = strike(&stage, Fault::new(FaultKind::LostAnswer)).await.unwrap_err();
    assert!(error.is_incomplete_message(), "{error}");
    assert_eq!(stage.shown(), ["Hi"]);
    assert_eq!(last(&stage), (None, true, Some(FaultKind::LostAnswer)));
}

#[tokio::test]
async fn an_accepted_call_may_be_followed_by_silence_and_then_a_closed_connection() {
    let stage = Stage::new().await;
    let fault = Fault { hold_seconds: Some(30), ..Fault::new(FaultKind::AcceptedThenTimeout) };
    stage.simulator.facebook().add_fault(fault.on_edge("POST", "feed").times(1));
    let waiting = stage.try_post(FEED, &stage.page, &[("message", "Hi")]);
    let moving = async {
        while stage.shown().is_empty() {
            tokio::task::yield_now().await;
        }
        stage.advance(SignedDuration::from_secs(30));
    };
    let (answer, ()) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(waiting, moving) }).await.unwrap();
    assert!(answer.is_err());
    assert_eq!(stage.shown(), ["Hi"]);
    assert_eq!(last(&stage), (None, true, Some(FaultKind::AcceptedThenTimeout)));
}

#[tokio::test]
async fn a_refused_connection_leaves_nothing_behind() {
    let stage = Stage::new().await;
    assert!(strike(&stage, Fault::new(FaultKind::RefusedBefore)).await.is_err());
    assert!(stage.shown().is_empty());
    assert_eq!(last(&stage), (None, false, Some(FaultKind::RefusedBefore)));
}

#[tokio::test]
async fn an_answer_may_break_off_half_way() {
    let stage = Stage::new().await;
    let error = strike(&stage, Fault::new(FaultKind::TruncatedAnswer)).await.unwrap_err();
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    assert_eq!(cause, Some(std::io::ErrorKind::UnexpectedEof), "the head arrived, the body did not");
    assert_eq!(stage.shown(), ["Hi"]);
}

#[tokio::test]
async fn a_server_error_comes_before_or_after_the_effect() {
    let stage = Stage::new().await;
    let before = strike(&stage, Fault { status: Some(503), code: Some(2), ..Fault::new(FaultKind::Status500Before) })
        .await
        .unwrap();
    assert_eq!((before.status, before.refusal()), (503, (2, None)));
    assert_eq!(before.json()["error"]["is_transient"], true);
    assert!(stage.shown().is_empty());
    let after = strike(&stage, Fault::new(FaultKind::Status500After)).await.unwrap();
    assert_eq!((after.status, after.refusal()), (500, (1, None)));
    assert_eq!(stage.shown(), ["Hi"]);
}

#[tokio::test]
async fn any_error_can_be_made_even_with_status_200_or_after_the_effect() {
    let stage = Stage::new().await;
    let blocked = strike(&stage, Fault::error(368, Some(1_390_008))).await.unwrap();
    assert_eq!((blocked.status, blocked.refusal()), (400, (368, Some(1_390_008))));
    let quiet = strike(&stage, Fault { status: Some(200), ..Fault::error(100, Some(33)) }).await.unwrap();
    assert_eq!((quiet.status, quiet.refusal()), (200, (100, Some(33))));
    assert!(stage.shown().is_empty());
    let live = strike(&stage, Fault { after: true, ..Fault::error(4, Some(2_207_051)) }).await.unwrap();
    assert_eq!(live.refusal(), (4, Some(2_207_051)));
    assert_eq!(stage.shown(), ["Hi"]);
    assert_eq!(last(&stage), (Some(400), true, Some(FaultKind::Error)));
}

#[tokio::test]
async fn a_rate_limit_on_demand_names_the_minutes() {
    let stage = Stage::new().await;
    let answer = strike(&stage, Fault { minutes: Some(19), ..Fault::new(FaultKind::RateLimited) }).await.unwrap();
    assert_eq!(answer.refusal().0, 80001);
    let usage: serde_json::Value =
        serde_json::from_str(answer.headers["x-business-use-case-usage"].to_str().unwrap()).unwrap();
    assert_eq!(usage[BAKERY][0]["estimated_time_to_regain_access"], 19);
    assert_eq!(usage[BAKERY][0]["call_count"], 100);
    assert!(!answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_slow_call_waits_on_the_clock() {
    let stage = Stage::new().await;
    let fault = Fault { milliseconds: Some(5000), ..Fault::new(FaultKind::Slow) };
    stage.simulator.facebook().add_fault(fault.on_edge("POST", "feed").times(1));
    let calling = stage.publish("Slow");
    let moving = async {
        while !stage.simulator.facebook().faults().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(stage.shown().is_empty());
        stage.advance(SignedDuration::from_secs(5));
    };
    let (answer, ()) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(calling, moving) }).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_slow_call_takes_effect_although_its_caller_has_gone() {
    let stage = Stage::new().await;
    let facebook = stage.simulator.facebook();
    let fault = Fault { milliseconds: Some(5000), ..Fault::new(FaultKind::Slow) };
    facebook.add_fault(fault.on_edge("POST", "feed").times(1));
    let read = async {
        while !facebook.faults().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = stage.publish("Slow") => panic!("{answer:?}"),
        () = read => {}
    }
    // The connection is gone with the call; another one shows that the simulator has seen that.
    assert_eq!(stage.get(FEED, &stage.page).await.status, 200);
    assert!(stage.shown().is_empty());
    stage.advance(SignedDuration::from_secs(5));
    let shown = async {
        while stage.shown().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), shown).await.unwrap();
    assert_eq!(stage.shown(), ["Slow"]);
}

#[tokio::test]
async fn a_late_answer_comes_long_after_the_effect() {
    let stage = Stage::new().await;
    let fault = Fault { milliseconds: Some(5000), ..Fault::new(FaultKind::LateAnswer) };
    stage.simulator.facebook().add_fault(fault.on_edge("POST", "feed").times(1));
    let calling = stage.publish("Late");
    let moving = async {
        while stage.shown().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(last(&stage), (Some(200), true, Some(FaultKind::LateAnswer)));
        stage.advance(SignedDuration::from_secs(5));
    };
    let (answer, ()) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(calling, moving) }).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_fault_strikes_only_within_its_scope() {
    let stage = Stage::new().await;
    let facebook = stage.simulator.facebook();
    facebook.add_fault(Fault::error(368, None).on_page(BAKERY).on_edge("POST", "feed").times(2));
    assert_eq!(stage.get(FEED, &stage.page).await.status, 200);
    assert_eq!(stage.get(&format!("/v26.0/{CAFE}"), &stage.token_of(CAFE)).await.status, 200);
    assert_eq!(stage.post("/v26.0/me/feed", &stage.page, &[("message", "Hi")]).await.refusal(), (368, None));
    assert_eq!(stage.publish("Hi").await.refusal(), (368, None));
    assert_eq!(stage.publish("Hi").await.status, 200);
    facebook.add_fault(Fault::error(1, None));
    facebook.clear_faults();
    assert_eq!(stage.publish("Ho").await.status, 200);
}

#[tokio::test]
async fn the_seed_decides_which_calls_a_likely_fault_strikes() {
    let struck = async |seed| {
        let stage = Stage::with(Options { seed, ..Options::default() }).await;
        stage.simulator.facebook().add_fault(Fault::error(2, None).with_probability(0.5));
        let mut struck = Vec::new();
        for _ in 0..32 {
            struck.push(stage.get("/v26.0/me", &stage.user).await.status);
        }
        struck
    };
    let first = struck(3).await;
    assert!(first.contains(&200) && first.contains(&400), "{first:?}");
    assert_eq!(first, struck(3).await);
    assert_ne!(first, struck(4).await);
}

#[tokio::test]
async fn a_refused_call_cannot_lose_its_answer() {
    let stage = Stage::new().await;
    stage.simulator.facebook().add_fault(Fault::new(FaultKind::LostAnswer));
    assert_eq!(stage.publish("").await.refusal(), (100, None));
}
