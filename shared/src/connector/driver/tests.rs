use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rstest::rstest;
use url::Url;

use super::*;
use crate::{
    connector::{
        facebook::Facebook,
        settings::FacebookSettings,
        source::{Seen, SourceProblem},
        transport::{Looking, Sending},
    },
    content::Content,
    secret::{AppSecret, VerifyToken},
};

mod files;
mod killed;
mod scripted;

use scripted::Scripted;

type Events = Arc<Mutex<Vec<String>>>;

/// Notes every call and answers from a script; when the script is over, nobody answers.
struct Wire {
    events: Events,
    script: Mutex<VecDeque<Result<Answer, TransportError>>>,
    looks: Mutex<VecDeque<Result<Seen, SourceProblem>>>,
    deadlines: Mutex<Vec<Duration>>,
}

impl Transport for Wire {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let range = match &request.body {
                Body::Piece(piece) => format!(" {}", piece.content_range()),
                Body::Empty | Body::Form(_) | Body::Json(_) | Body::Bytes(_) => String::new(),
            };
            self.events.lock().unwrap().push(format!("call {}{range}", request.url.path()));
            self.deadlines.lock().unwrap().push(deadline);
            let next = self.script.lock().unwrap().pop_front();
            next.unwrap_or(Err(TransportError::NoAnswer(Cause::Timeout)))
        })
    }

    fn look(&self, source: Source, _: Duration) -> Looking<'_> {
        let what = format!("look {} at {}", source.kind().name(), source.url().host_str().unwrap());
        self.events.lock().unwrap().push(what);
        let seen = self.looks.lock().unwrap().pop_front().unwrap_or(Err(SourceProblem::Unreachable));
        Box::pin(std::future::ready(seen))
    }
}

/// Notes what is stored, and fails from a certain record on.
struct Disk {
    events: Events,
    records_left: usize,
    too_late: bool,
}

impl Journal for Disk {
    type Error = &'static str;

    async fn before_step(&mut self, intent: Option<&Intent>, checkpoint: &Checkpoint) -> Result<(), &'static str> {
        let what = intent.map_or_else(|| "checkpoint".to_owned(), |intent| format!("intent {}", intent.step));
        self.records_left = self.records_left.checked_sub(1).ok_or("fenced off")?;
        self.events.lock().unwrap().push(format!("store {what} {}", serde_json::to_string(checkpoint).unwrap()));
        Ok(())
    }

    fn before_publish(&mut self) -> Result<(), &'static str> {
        if self.too_late { Err("too late") } else { Ok(()) }
    }
}

struct Bench {
    events: Events,
    wire: Wire,
    disk: Disk,
    app: AppCredentials,
    token: AccessToken,
    budget: Budget,
}

fn bench(script: Vec<Result<Answer, TransportError>>) -> Bench {
    let events = Events::default();
    Bench {
        wire: Wire {
            events: Arc::clone(&events),
            script: Mutex::new(script.into()),
            looks: Mutex::default(),
            deadlines: Mutex::default(),
        },
        disk: Disk { events: Arc::clone(&events), records_left: 100, too_late: false },
        events,
        app: AppCredentials {
            client_id: "123".into(),
            client_secret: AppSecret::new("app-secret"),
            previous_client_secret: None,
            webhook_verify_token: VerifyToken::new("verify-me"),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        },
        token: AccessToken::new("EAAP"),
        budget: Budget::lasting(Duration::from_mins(1)),
    }
}

impl Bench {
    async fn publish(&mut self, connector: &dyn Connector, record: FirstRecord) -> Ended<&'static str> {
        let first = FirstStep::plan(connector, &post(), &Checkpoint::default()).unwrap();
        self.publish_from(connector, first, record).await
    }

    async fn publish_from(
        &mut self,
        connector: &dyn Connector,
        first: FirstStep,
        record: FirstRecord,
    ) -> Ended<&'static str> {
        let mut calls = Calls::new(&self.wire, connector, &self.app, Some(&self.token), self.budget);
        run_publish(&mut calls, &post(), first, record, &mut self.disk).await
    }

    fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

fn facebook() -> Facebook {
    Facebook::new(FacebookSettings::default())
}

fn post() -> Prepared {
    Prepared { content: Content { text: Some("Hello".into()), ..Content::default() }, ..Prepared::at("100") }
}

#[expect(clippy::unnecessary_wraps, reason = "a line of a script")]
fn answer(status: u16, body: &'static str) -> Result<Answer, TransportError> {
    let status = StatusCode::from_u16(status).unwrap();
    Ok(Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) })
}

fn call(effect: Effect, path: &str, checkpoint: &Checkpoint) -> Next {
    let url = Url::parse("https://graph.facebook.com").unwrap().join(path).unwrap();
    Next::Call { request: Request::new(Method::POST, url), effect, checkpoint: checkpoint.clone() }
}

fn remembering(name: &str) -> Checkpoint {
    Checkpoint([(name.to_owned(), true.into())].into_iter().collect())
}

fn is_out() -> Published {
    Published { remote_id: "100_5".into(), url: None }
}

#[tokio::test]
async fn f33_the_intent_is_stored_before_a_publish_leaves() {
    let mut bench = bench(vec![answer(200, r#"{"id":"100_5"}"#)]);
    let ended = bench.publish(&facebook(), FirstRecord::NotStored).await;
    assert_eq!(ended, Ended::Published(is_out()));
    assert_eq!(bench.events(), ["store intent 1 {}", "call /v26.0/100/feed"]);
}

#[tokio::test]
async fn f33_an_intent_that_the_claim_has_stored_is_not_stored_twice() {
    let mut bench = bench(vec![answer(200, r#"{"id":"100_5"}"#)]);
    let connector = facebook();
    let first = FirstStep::plan(&connector, &post(), &Checkpoint::default()).unwrap();
    let intent = first.intent().unwrap();
    assert_eq!(intent, Intent { step: 1, fingerprint: content_fingerprint(&connector, &post()) });
    assert_eq!(first.checkpoint(), &Checkpoint::default());
    bench.publish_from(&connector, first, FirstRecord::Stored).await;
    assert_eq!(bench.events(), ["call /v26.0/100/feed"]);
}

#[tokio::test]
async fn f33_a_publish_whose_intent_cannot_be_stored_never_leaves() {
    let mut bench = bench(vec![]);
    bench.disk.records_left = 0;
    let ended = bench.publish(&facebook(), FirstRecord::NotStored).await;
    assert_eq!(ended, Ended::JournalLost("fenced off"));
    assert_eq!(bench.events(), [""; 0]);
}

#[rstest]
#[case::timeout(Err(TransportError::NoAnswer(Cause::Timeout)), "platform.no_answer", Some("timeout"))]
#[case::reset(Err(TransportError::NoAnswer(Cause::Broken)), "platform.no_answer", Some("broken"))]
#[case::too_large(Err(TransportError::NoAnswer(Cause::TooLarge)), "platform.no_answer", Some("too_large"))]
#[case::f35_bad_gateway(answer(502, "<html>"), "facebook.service.unavailable", Some("http 502"))]
#[case::f35_code_1(answer(500, r#"{"error":{"code":1}}"#), "facebook.service.unavailable", Some("1"))]
#[case::f35_code_2(answer(200, r#"{"error":{"code":2}}"#), "facebook.service.unavailable", Some("2"))]
#[case::ok_without_an_id(answer(200, "{}"), "platform.answer_unreadable", None)]
#[case::redirected(answer(308, ""), "platform.answer_unreadable", None)]
#[case::f43_never_seen(answer(400, r#"{"error":{"code":777}}"#), "facebook.error.unknown", Some("777"))]
#[case::identical(answer(400, r#"{"error":{"code":506}}"#), "facebook.post.duplicate", Some("506"))]
#[tokio::test]
async fn f34_after_a_publish_left_silence_and_failure_are_unknown(
    #[case] outcome: Result<Answer, TransportError>,
    #[case] code: &str,
    #[case] platform_code: Option<&str>,
) {
    let mut bench = bench(vec![outcome]);
    let ended = bench.publish(&facebook(), FirstRecord::NotStored).await;
    let Ended::Unknown { cause } = ended else { panic!("{ended:?}") };
    assert_eq!((cause.code.as_str(), cause.platform_code.as_deref()), (code, platform_code));
    assert_eq!(bench.events().len(), 2, "sent once");
}

#[rstest]
#[case::f34_never_callable(Err(TransportError::NotSent(Cause::Address)), Disposition::Retry(None))]
#[case::f43_refused_for_good(answer(200, r#"{"error":{"code":100}}"#), Disposition::Fail)]
#[case::f43_token_dead(answer(400, r#"{"error":{"code":190,"error_subcode":463}}"#), Disposition::Reconnect)]
#[case::f43_throttled(answer(400, r#"{"error":{"code":32}}"#), Disposition::Retry(None))]
#[tokio::test]
async fn a_publish_that_surely_did_not_happen_is_failed_and_not_unknown(
    #[case] outcome: Result<Answer, TransportError>,
    #[case] expected: Disposition,
) {
    let mut bench = bench(vec![outcome]);
    let ended = bench.publish(&facebook(), FirstRecord::NotStored).await;
    let Ended::Failed { effect: Effect::Publish, disposition, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(disposition, expected);
}

#[tokio::test]
async fn f34_not_sent_is_told_apart_from_every_failure() {
    for cause in [Cause::Connect, Cause::Timeout, Cause::Broken] {
        let mut bench = bench(vec![Err(TransportError::NotSent(cause))]);
        let ended = bench.publish(&facebook(), FirstRecord::NotStored).await;
        let Ended::NotSent { cause: refusal, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(refusal.platform_code.as_deref(), Some(cause.name()));
    }
}

#[tokio::test]
async fn f37_a_publish_that_has_become_too_late_is_withheld_and_staging_is_not() {
    let mut bench = bench(vec![answer(200, "{}"), answer(200, "{}")]);
    bench.disk.too_late = true;
    let ended = bench.publish(&three_steps(), FirstRecord::NotStored).await;
    assert!(matches!(ended, Ended::Withheld { error: "too late", .. }), "{ended:?}");
    assert_eq!(bench.events().iter().filter(|event| event.starts_with("call")).count(), 1, "{:?}", bench.events());
}

#[tokio::test]
async fn a_call_that_has_too_little_time_is_not_started() {
    let mut bench = bench(vec![]);
    bench.budget = Budget::lasting(Duration::from_millis(1900));
    let ended = bench.publish(&facebook(), FirstRecord::NotStored).await;
    assert_eq!(ended, Ended::OutOfTime { checkpoint: Checkpoint::default() });
    assert_eq!(bench.events(), [""; 0], "neither an intent nor a call");
}

#[tokio::test]
async fn a_call_gets_what_is_left_of_the_budget_up_to_a_limit() {
    let budget = Budget::lasting(Duration::from_mins(1));
    assert_eq!(budget.next_call(), Some(Budget::LONGEST_CALL));
    let left = Budget::lasting(Duration::from_secs(10)).next_call().unwrap();
    assert!(left <= Duration::from_secs(10) && left > Duration::from_secs(5), "{left:?}");
    let mut bench = bench(vec![answer(200, r#"{"id":"100_5"}"#)]);
    bench.budget = budget.with_calls(Duration::from_secs(1), Duration::from_secs(3));
    bench.publish(&facebook(), FirstRecord::NotStored).await;
    assert_eq!(*bench.wire.deadlines.lock().unwrap(), [Duration::from_secs(3)]);
}

#[rstest]
#[case::usage("x-business-use-case-usage", r#"{"1":[{"estimated_time_to_regain_access":7}]}"#)]
#[case::the_header_that_is_the_same_everywhere("retry-after", "420")]
#[tokio::test]
async fn f40_a_wait_that_any_answer_asks_for_is_fed_out(#[case] name: &'static str, #[case] value: &'static str) {
    let mut answered = answer(200, r#"{"id":"100_5"}"#).unwrap();
    answered.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut bench = bench(vec![Ok(answered)]);
    let connector = facebook();
    let first = FirstStep::plan(&connector, &post(), &Checkpoint::default()).unwrap();
    let mut calls = Calls::new(&bench.wire, &connector, &bench.app, Some(&bench.token), bench.budget);
    run_publish(&mut calls, &post(), first, FirstRecord::NotStored, &mut bench.disk).await;
    assert_eq!(calls.hold_back(), Some(SignedDuration::from_mins(7)));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let mut bench = bench(vec![]);
    let connector = facebook();
    let first = FirstStep::plan(&connector, &post(), &Checkpoint::default()).unwrap();
    let mut calls = Calls::new(&bench.wire, &connector, &bench.app, None, bench.budget);
    let ended = run_publish(&mut calls, &post(), first, FirstRecord::Stored, &mut bench.disk).await;
    assert!(matches!(ended, Ended::Failed { disposition: Disposition::Operator, .. }), "{ended:?}");
    assert_eq!(bench.events(), [""; 0]);
}

/// Stages a container, publishes it, and reads where it is.
fn three_steps() -> Scripted {
    Scripted::new(|checkpoint, answer| {
        Ok(match (checkpoint.0.keys().next().map(String::as_str), answer) {
            (None, None) => call(Effect::Stage, "/stage", checkpoint),
            (None, Some(_)) | (Some("staged"), None) => call(Effect::Publish, "/publish", &remembering("staged")),
            (Some("staged"), Some(_)) => call(Effect::Read, "/read", &remembering("published")),
            _ => Next::Done(is_out()),
        })
    })
}

#[tokio::test]
async fn f38_what_a_stage_brought_is_stored_before_it_is_used() {
    let mut bench = bench(vec![answer(200, "{}"), answer(200, "{}"), answer(200, "{}")]);
    let ended = bench.publish(&three_steps(), FirstRecord::NotStored).await;
    assert_eq!(ended, Ended::Published(is_out()));
    let expected = [
        "call /stage",
        r#"store intent 2 {"staged":true}"#,
        "call /publish",
        r#"store checkpoint {"published":true}"#,
        "call /read",
    ];
    assert_eq!(bench.events(), expected);
}

#[tokio::test]
async fn f38_a_publish_goes_on_from_its_checkpoint() {
    let mut bench = bench(vec![answer(200, "{}"), answer(200, "{}")]);
    let connector = three_steps();
    let first = FirstStep::plan(&connector, &post(), &remembering("staged")).unwrap();
    assert_eq!(first.intent().unwrap().step, 1);
    bench.publish_from(&connector, first, FirstRecord::Stored).await;
    assert_eq!(bench.events()[..1], ["call /publish"]);
}

#[tokio::test]
async fn a_stage_that_nobody_answered_may_be_repeated() {
    let mut bench = bench(vec![Err(TransportError::NoAnswer(Cause::Timeout))]);
    let ended = bench.publish(&three_steps(), FirstRecord::NotStored).await;
    let Ended::Failed { effect: Effect::Stage, disposition, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(disposition, Disposition::Retry(None));
}

#[rstest]
#[case::not_answered(Err(TransportError::NoAnswer(Cause::Timeout)))]
#[case::not_sent(Err(TransportError::NotSent(Cause::Connect)))]
#[tokio::test]
async fn f34_a_read_that_fails_after_a_publish_does_not_undo_it(#[case] outcome: Result<Answer, TransportError>) {
    let mut bench = bench(vec![answer(200, "{}"), answer(200, "{}"), outcome]);
    let ended = bench.publish(&three_steps(), FirstRecord::NotStored).await;
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
}

#[tokio::test]
async fn a_platform_that_is_working_is_come_back_to() {
    let mut bench = bench(vec![answer(200, "{}")]);
    let connector = Scripted::new(|checkpoint, answer| {
        Ok(match answer {
            None => call(Effect::Stage, "/stage", checkpoint),
            Some(_) => Next::Wait { delay: SignedDuration::from_secs(5), checkpoint: remembering("staged") },
        })
    });
    let ended = bench.publish(&connector, FirstRecord::NotStored).await;
    let checkpoint = remembering("staged");
    let expected = Ended::Waiting { delay: SignedDuration::from_secs(5), checkpoint, publish_answered: false };
    assert_eq!(ended, expected);
}

#[tokio::test]
async fn f44_a_publish_without_end_is_given_up() {
    let mut bench = bench((0..1000).map(|_| answer(200, "{}")).collect());
    let connector = Scripted::new(|checkpoint, _| Ok(call(Effect::Read, "/again", checkpoint)));
    let ended = bench.publish(&connector, FirstRecord::NotStored).await;
    assert!(matches!(ended, Ended::Failed { .. }), "{ended:?}");
    assert_eq!(bench.events().len(), MOST_PUBLISH_STEPS as usize);
}

struct Endless;

impl Flow<()> for Endless {
    fn advance(&mut self, _: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        let url = Url::parse("https://graph.facebook.com/again").unwrap();
        Ok(Step::Call(Request::new(Method::GET, url)))
    }
}

async fn flow_ends(bench: &Bench) -> CallFailed {
    let connector = facebook();
    let mut calls = Calls::new(&bench.wire, &connector, &bench.app, Some(&bench.token), bench.budget);
    run_flow(Box::new(Endless), &mut calls).await.unwrap_err()
}

#[tokio::test]
async fn f44_a_flow_without_end_is_given_up() {
    let bench = bench((0..1000).map(|_| answer(200, "{}")).collect());
    assert_eq!(flow_ends(&bench).await, CallFailed::TooManyCalls);
    assert!(bench.events().len() <= MOST_FLOW_CALLS + 1);
}

#[tokio::test]
async fn a_flow_ends_with_silence_or_with_its_time() {
    let mut bench = bench(vec![answer(200, "{}")]);
    let silence = flow_ends(&bench).await;
    assert_eq!(silence, CallFailed::Transport(TransportError::NoAnswer(Cause::Timeout)));
    assert_eq!(silence.disposition(), Disposition::Retry(None));
    bench.budget = Budget::lasting(Duration::ZERO);
    assert_eq!(flow_ends(&bench).await, CallFailed::OutOfTime);
}

#[test]
fn a_fingerprint_tells_contents_and_destinations_apart() {
    let connector = facebook();
    let of = |destination: &str, text: &str| {
        let content = Content { text: Some(text.into()), ..Content::default() };
        content_fingerprint(&connector, &Prepared { content, ..Prepared::at(destination) })
    };
    assert_eq!(of("100", "Hello"), of("100", "Hello"));
    assert_ne!(of("100", "Hello"), of("100", "Hello "));
    assert_ne!(of("100", "Hello"), of("200", "Hello"));
    assert_eq!(of("100", "Hello").len(), 64);
}
