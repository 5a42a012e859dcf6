//! A publish that sends a file in pieces: looked at first, gone on with after every interruption, and sent once.

use serde_json::json;

use super::*;
use crate::connector::{
    Body,
    source::{Seen, Source, SourceProblem},
};

const LENGTH: u64 = 25;
const PIECE: u64 = 10;

fn file() -> Source {
    let media = json!([{ "url": "https://cdn.example.com/a.mp4", "kind": "video" }]);
    let content = serde_json::from_value(json!({ "media": media })).unwrap();
    Prepared { content, ..Prepared::at("100") }.media(0).unwrap()
}

fn seen() -> Seen {
    Seen { length: LENGTH, media_type: Some("video/mp4".into()), etag: Some("\"a\"".into()), in_parts: true }
}

fn remember(seen: &Seen, offset: u64) -> Checkpoint {
    Checkpoint(serde_json::from_value(json!({ "seen": seen, "offset": offset })).unwrap())
}

fn call(path: &str, body: Body) -> Request {
    let url = Url::parse(&format!("https://upload.example.com{path}")).unwrap();
    Request { body, ..Request::new(Method::PUT, url) }
}

/// Looks at the file, sends it piece by piece, publishes it.
fn upload(checkpoint: &Checkpoint, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
    let memory = &checkpoint.0;
    if memory.get("published").is_some() {
        return Ok(Next::Done(Published { remote_id: "1".into(), url: None }));
    }
    let (seen, offset) = match (memory.get("seen"), answer) {
        (None, None) => return Ok(Next::Look { source: file(), checkpoint: Checkpoint::default() }),
        (None, Some(answer)) => (Seen::read(answer)?, 0),
        (Some(seen), answer) => {
            let offset = memory["offset"].as_u64().unwrap();
            // An answer is that to the piece at the offset; without one it is not known, and the piece is sent again.
            let sent = if answer.is_some() { PIECE } else { 0 };
            (serde_json::from_value(seen.clone()).unwrap(), offset + sent)
        }
    };
    let checkpoint = remember(&seen, offset.min(LENGTH));
    if offset >= LENGTH {
        let mut checkpoint = checkpoint;
        checkpoint.0.insert("published".into(), json!(true));
        let request = call("/publish", Body::Empty);
        return Ok(Next::Call { request, effect: Effect::Publish, checkpoint });
    }
    let piece = seen.piece(file(), offset, PIECE.min(LENGTH - offset))?;
    Ok(Next::Call { request: call("/piece", Body::Piece(piece)), effect: Effect::Stage, checkpoint })
}

fn answered() -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from_static(b"{}") }
}

fn looking(bench: &Bench, seen: Result<Seen, SourceProblem>) {
    bench.wire.looks.lock().unwrap().push_back(seen);
}

#[tokio::test]
async fn a_file_is_looked_at_once_and_sent_piece_by_piece() {
    let mut bench = bench((0..4).map(|_| Ok(answered())).collect());
    looking(&bench, Ok(seen()));
    let ended = bench.publish(&Scripted::new(upload), FirstRecord::NotStored).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
    let at = |offset: u64| serde_json::to_string(&remember(&seen(), offset)).unwrap();
    let events = bench.events();
    assert_eq!(events[0], "look video at cdn.example.com");
    let steps: Vec<_> = events[1..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let piece = |range: &str| format!("call /piece {range}");
    assert_eq!(steps[0], (format!("store checkpoint {}", at(0)), piece("bytes 0-9/25")));
    assert_eq!(steps[1], (format!("store checkpoint {}", at(10)), piece("bytes 10-19/25")));
    assert_eq!(steps[2], (format!("store checkpoint {}", at(20)), piece("bytes 20-24/25")));
    assert!(steps[3].0.starts_with("store intent 5 "), "{}", steps[3].0);
    assert_eq!(steps[3].1, "call /publish");
}

#[tokio::test]
async fn f38_an_upload_goes_on_at_its_offset_and_does_not_begin_anew() {
    let mut bench = bench(vec![Ok(answered()), Ok(answered())]);
    let connector = Scripted::new(upload);
    let first = FirstStep::plan(&connector, &post(), &remember(&seen(), 20)).unwrap();
    let ended = bench.publish_from(&connector, first, FirstRecord::NotStored).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
    let calls: Vec<_> = bench.events().into_iter().filter(|event| !event.starts_with("store")).collect();
    assert_eq!(calls, ["call /piece bytes 20-24/25", "call /publish"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_had_fails_the_post_and_says_why() {
    for (problem, code, expected) in [
        (SourceProblem::Refused, "media.refused", Disposition::Fail),
        (SourceProblem::Redirected, "media.redirected", Disposition::Fail),
        (SourceProblem::WrongType, "media.wrong_type", Disposition::Fail),
        (SourceProblem::Unreachable, "media.unreachable", Disposition::Retry(None)),
    ] {
        let mut bench = bench(Vec::new());
        looking(&bench, Err(problem));
        let ended = bench.publish(&Scripted::new(upload), FirstRecord::NotStored).await;
        let Ended::Failed { error, disposition, .. } = ended else { panic!("{ended:?}") };
        assert_eq!((error.refusal().code.as_str(), disposition), (code, expected));
        assert_eq!(bench.events(), ["look video at cdn.example.com"], "the platform was not called");
    }
}

#[tokio::test]
async fn a_file_that_changes_half_way_ends_the_publish() {
    let mut bench = bench(vec![Ok(answered()), Err(TransportError::Source(SourceProblem::Changed))]);
    looking(&bench, Ok(seen()));
    let ended = bench.publish(&Scripted::new(upload), FirstRecord::NotStored).await;
    let Ended::Failed { error, effect: Effect::Stage, disposition: Disposition::Fail } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(error.refusal().code, "media.changed");
}

/// As on platforms where the last byte publishes.
fn last_piece_publishes(checkpoint: &Checkpoint, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
    if answer.is_some() {
        return Ok(Next::Done(Published { remote_id: "1".into(), url: None }));
    }
    let request = call("/piece", Body::Piece(seen().piece(file(), 0, LENGTH)?));
    Ok(Next::Call { request, effect: Effect::Publish, checkpoint: checkpoint.clone() })
}

#[tokio::test]
async fn f34_a_file_that_breaks_off_in_a_publish_was_not_published() {
    let mut bench = bench(vec![Err(TransportError::Source(SourceProblem::BrokenOff))]);
    let ended = bench.publish(&Scripted::new(last_piece_publishes), FirstRecord::NotStored).await;
    let Ended::Failed { disposition: Disposition::Retry(None), .. } = ended else { panic!("{ended:?}") };
}

#[tokio::test]
async fn a_large_file_may_have_many_pieces() {
    fn endless(checkpoint: &Checkpoint, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
        let sent = checkpoint.0.get("sent").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if answer.is_some() && sent == 200 {
            return Ok(Next::Done(Published { remote_id: "1".into(), url: None }));
        }
        let checkpoint = Checkpoint(serde_json::from_value(json!({ "sent": sent + 1 })).unwrap());
        let request = call("/piece", Body::Piece(seen().piece(file(), 0, 1)?));
        Ok(Next::Call { request, effect: Effect::Stage, checkpoint })
    }
    let mut bench = bench((0..200).map(|_| Ok(answered())).collect());
    bench.disk.records_left = 1_000;
    let ended = bench.publish(&Scripted::new(endless), FirstRecord::NotStored).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
}

/// A world in which calls take their time, in seconds, and are answered unless their deadline comes first.
struct Clocked {
    wire: Wire,
    takes: Mutex<VecDeque<u64>>,
    cut_off: TransportError,
}

impl Transport for Clocked {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let takes = Duration::from_secs(self.takes.lock().unwrap().pop_front().unwrap_or(0));
            let answer = self.wire.send(request, deadline).await;
            tokio::time::advance(takes.min(deadline)).await;
            if takes > deadline { Err(self.cut_off) } else { answer }
        })
    }
}

/// How an upload of three pieces ends that has ten seconds, after how many calls, and what it says of the platform.
async fn in_ten_seconds(takes: &[u64], cut_off: TransportError) -> (Ended<&'static str>, usize, Option<Contact>) {
    let Bench { wire, mut disk, app, token, events, .. } = bench((0..4).map(|_| Ok(answered())).collect());
    let transport = Clocked { wire, takes: Mutex::new(takes.iter().copied().collect()), cut_off };
    let connector = Scripted::new(upload);
    let mut calls = Calls::new(&transport, &connector, &app, Some(&token), Budget::lasting(Duration::from_secs(10)));
    let first = FirstStep::plan(&connector, &post(), &remember(&seen(), 0)).unwrap();
    let ended = run_publish(&mut calls, &post(), first, FirstRecord::NotStored, &mut disk).await;
    let made = events.lock().unwrap().iter().filter(|event| event.starts_with("call")).count();
    (ended, made, calls.contact)
}

const CUT_OFF: TransportError = TransportError::NotSent(Cause::Timeout);

#[tokio::test(start_paused = true)]
async fn f30_a_piece_that_the_time_may_not_suffice_for_is_left_to_the_next_run() {
    // Four seconds are less than twice the three that a piece has taken.
    let (ended, calls, contact) = in_ten_seconds(&[3, 3, 3], CUT_OFF).await;
    assert_eq!(ended, Ended::OutOfTime { checkpoint: remember(&seen(), 20) });
    assert_eq!((calls, contact), (2, Some(Contact::Answered)));
    let (ended, calls, _) = in_ten_seconds(&[2, 2, 2], CUT_OFF).await;
    assert_eq!((matches!(ended, Ended::Published(_)), calls), (true, 4), "{ended:?}");
}

#[rstest]
#[case::in_the_middle(TransportError::NotSent(Cause::Timeout), true)]
#[case::before_the_answer(TransportError::NoAnswer(Cause::Timeout), true)]
#[case::by_a_broken_connection(TransportError::NotSent(Cause::Broken), false)]
#[tokio::test(start_paused = true)]
async fn f30_a_piece_that_the_end_of_the_time_cuts_off_is_no_failure_of_an_upload_that_gets_on(
    #[case] cut_off: TransportError,
    #[case] goes_on: bool,
) {
    let (ended, calls, contact) = in_ten_seconds(&[2, 99], cut_off).await;
    assert_eq!(calls, 2);
    assert_eq!(ended == Ended::OutOfTime { checkpoint: remember(&seen(), 10) }, goes_on, "{ended:?}");
    assert_eq!(contact == Some(Contact::Answered), goes_on, "{contact:?}");
}

#[tokio::test(start_paused = true)]
async fn f30_a_first_piece_that_takes_all_of_the_time_is_no_progress() {
    let (ended, calls, contact) = in_ten_seconds(&[99], CUT_OFF).await;
    assert!(matches!(ended, Ended::NotSent { .. }), "{ended:?}");
    assert_eq!((calls, contact), (1, Some(Contact::NotReached)));
}
