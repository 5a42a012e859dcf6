//! At the limits and beyond, and texts of characters that nobody types.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::{
    connector::Act,
    ids::{ConnectionId, PostId, TargetId, TenantId},
    platform::Platform,
    queue::{DeadLetters, Delay, Job, Reason},
};

use crate::world::World;

fn saying(connection: &str, text: &str) -> Value {
    json!({ "content": { "text": text }, "targets": [{ "connection": connection }] })
}

#[tokio::test]
async fn f07_a_text_of_the_longest_length_goes_out_whole_and_one_more_is_refused() {
    let world = World::start().await;
    let connection = world.connected().await;
    // Two bytes, and four, for each character: it is characters that count.
    for letter in ["é", "🥖"] {
        let longest = letter.repeat(63_206);
        world.create(&saying(&connection, &longest)).await.unwrap();
        world.drain().await;
        assert_eq!(world.page()[0].message.as_deref(), Some(longest.as_str()));
        let problem = world.create(&saying(&connection, &letter.repeat(63_207))).await.unwrap_err();
        assert_eq!(problem.errors[0].code, "facebook.text.too_long");
    }
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn f07_fifty_targets_are_counted_as_fifty_and_one_more_is_too_many() {
    let world = World::start().await;
    let target = |number: usize| json!({ "connection": format!("con_{number:032x}") });
    for (count, expected) in
        [(1, "connection.unknown"), (50, "connection.unknown"), (51, "targets.count"), (0, "targets.count")]
    {
        let targets: Vec<Value> = (0..count).map(target).collect();
        let body = json!({ "content": { "text": "x" }, "targets": targets });
        let problem = world.create(&body).await.unwrap_err();
        assert_eq!(problem.errors[0].code, expected, "{count}");
        assert_eq!(problem.errors.len(), if expected == "connection.unknown" { count } else { 1 });
    }
}

#[tokio::test]
async fn f07_a_key_has_1_to_255_characters() {
    let world = World::start().await;
    let connection = world.connected().await;
    for (length, fits) in [(0, false), (1, true), (255, true), (256, false)] {
        let answer = world.create_keyed(&"k".repeat(length), &saying(&connection, &format!("{length}"))).await;
        match answer {
            Ok(answer) => assert_eq!((fits, answer.status), (true, 202), "{length}"),
            Err(problem) => assert_eq!((fits, problem.code), (false, "header.invalid"), "{length}"),
        }
    }
}

#[tokio::test]
async fn f07_no_job_has_more_than_300_bytes() {
    let world = World::start().await;
    let job =
        Job { tenant: TenantId::new(), post: PostId::new(), target: TargetId::at(254).unwrap(), version: u64::MAX };
    world.publisher.queue.send(&job, Delay::NONE).await.unwrap();
    let messages = world.receive(&world.publish_queue, 60).await;
    assert!(messages[0].body.len() < 300, "{}", messages[0].body);
    assert_eq!(Job::decode(&messages[0].body), Ok(job));
}

/// Every control character, both kinds of line separators, what is no character at all, marks that change direction, and
/// letters that have two spellings.
fn unusual() -> Vec<char> {
    let controls = (0_u32..0x20).chain(0x7f..0xa0).filter_map(char::from_u32);
    let others = [
        '\u{ad}',
        '\u{2028}',
        '\u{2029}',
        '\u{feff}',
        '\u{fffd}',
        '\u{fffe}',
        '\u{ffff}',
        '\u{1fffe}',
        '\u{10ffff}',
        '\u{fdd0}',
        '\u{202e}',
        '\u{200b}',
        '\u{e000}',
        '\u{d7ff}',
        '\u{e9}',
        '\u{301}',
        '"',
        '\\',
        '&',
        '%',
        '+',
        '=',
    ];
    controls.chain(others).collect()
}

#[tokio::test]
async fn f08_unusual_characters_reach_the_page_as_they_were_sent() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut texts: Vec<String> = unusual().into_iter().map(|letter| format!("a{letter}b")).collect();
    texts.push(unusual().into_iter().collect());
    texts.push(format!("{}{}", "e\u{301}", "\r\n\t  two  spaces \n"));
    for text in &texts {
        let accepted = world.create(&saying(&connection, text)).await.unwrap();
        assert_eq!(accepted["content"]["text"].as_str(), Some(text.as_str()), "{text:?}");
        let id = accepted["id"].as_str().unwrap();
        assert_eq!(world.post(id).await["content"]["text"].as_str(), Some(text.as_str()), "{text:?}");
    }
    world.drain().await;
    let shown: BTreeSet<String> = world.page().into_iter().filter_map(|post| post.message).collect();
    assert_eq!(shown, texts.into_iter().collect());
}

#[tokio::test]
async fn f08_half_a_character_is_refused_and_an_escaped_whole_one_is_not() {
    let world = World::start().await;
    let connection = world.connected().await;
    let send = async |text: &[u8]| {
        let body = saying(&connection, "TEXT").to_string();
        let (before, after) = body.split_once("TEXT").unwrap();
        let mut request = world.request("POST /v1/posts", "/v1/posts", &Value::Null);
        request.body = [before.as_bytes(), text, after.as_bytes()].concat().into();
        world.publisher.handle(request).await
    };
    let cases: [&[u8]; 8] =
        [br"\ud800", br"\udc00", br"\ud83e", br"\ud83ex", br"\ud83e\u0041", b"\xff", b"\xed\xa0\x80", b"a\x00b"];
    for text in cases {
        let problem = send(text).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (400, "body.not_json"), "{text:?}");
        assert!(problem.detail.contains("line 1 column"), "{}", problem.detail);
    }
    for (text, expected) in [(&br"\ud83e\udd56"[..], "🥖"), (br"\u0000", "\0"), (br"\uFFFF", "\u{ffff}")] {
        let accepted: Value = serde_json::from_str(&send(text).await.unwrap().body).unwrap();
        assert_eq!(accepted["content"]["text"], expected);
    }
}

#[tokio::test]
async fn f88_what_a_stranger_writes_never_becomes_an_attribute_of_a_dead_letter() {
    let world = World::start().await;
    let letters = DeadLetters::new(world.sqs.clone(), &world.dead_letter_queue);
    let job = |version| Job { tenant: TenantId::new(), post: PostId::new(), target: TargetId::at(0).unwrap(), version };
    let hostile: Vec<String> = unusual()
        .into_iter()
        .map(|letter| format!("code{letter}"))
        .chain(["x".repeat(65), String::new(), "a b".into(), "{\"_aws\":{}}".into(), "naïve".into()])
        .filter(|code| !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) || code.is_empty() || code.len() > 64)
        .collect();
    for (version, code) in hostile.iter().enumerate() {
        let reason = Reason { code, act: Act::Nobody, platform: Platform::Facebook, connection: ConnectionId::new() };
        letters.send(&job(version as u64), u64::MAX, &reason).await.unwrap();
    }
    let mut codes = BTreeSet::new();
    let mut seen = 0;
    loop {
        let receive = world.sqs.receive_message().queue_url(&world.dead_letter_queue).max_number_of_messages(10);
        let received = receive.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default();
        if received.is_empty() {
            break;
        }
        seen += received.len();
        let code = |message: &aws_sdk_sqs::types::Message| {
            message.message_attributes().unwrap()["code"].string_value().unwrap().to_owned()
        };
        codes.extend(received.iter().map(code));
    }
    assert_eq!((seen, codes), (hostile.len(), BTreeSet::from(["other".to_owned()])));
}
