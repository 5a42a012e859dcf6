//! Answers as no documentation has them: cut short, of another shape, huge.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value};

use super::{
    Instance,
    instance::{Conversation, answer, with_header},
};
use crate::connector::{Answer, Checkpoint, Disposition, Effect, Next};

/// Feeds a conversation with one answer after another until it ends or they do.
fn feed(instance: &Instance, conversation: Conversation, answers: &[Answer]) {
    let Ok(mut talk) = instance.begin(conversation) else { return };
    let mut next = talk.advance(None);
    for answer in answers {
        let Ok(Some(_)) = next else { return };
        next = talk.advance(Some(answer));
    }
}

/// Answers that are no answer of a platform's API.
fn odd_answers() -> Vec<(&'static str, Answer)> {
    let html = "<!doctype html><title>Welcome to our proxy</title>";
    vec![
        ("nothing", answer(200, "")),
        ("no JSON", answer(200, "{")),
        ("HTML", with_header(answer(200, html), "content-type", "text/html")),
        ("HTML that says JSON", with_header(answer(200, html), "content-type", "application/json")),
        ("a list", answer(200, "[]")),
        ("null", answer(200, "null")),
        ("a text", answer(200, "\"ok\"")),
        ("a number", answer(200, "1")),
        ("an empty object", answer(200, "{}")),
        ("another shape", answer(200, r#"{"hello":["world"]}"#)),
        ("an error with 200", answer(200, r#"{"error":"invalid_request"}"#)),
        ("a redirect", with_header(answer(302, ""), "location", "https://evil.example/")),
        ("a permanent redirect", with_header(answer(308, ""), "location", "https://evil.example/")),
        ("depth", answer(200, format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))),
        ("not text", answer(200, vec![0xff, 0xfe, 0x00])),
    ]
}

pub(crate) fn f44_an_answer_that_cannot_be_read_is_no_success(instance: &Instance) {
    for kind in &instance.kinds {
        for (index, step) in instance.walk(kind).iter().enumerate() {
            for (what, odd) in odd_answers() {
                let next = instance.connector.publish(&kind.post, &step.checkpoint, Some(&odd));
                if let Ok(Next::Done(published)) = &next {
                    panic!("{}: step {index} with {what} is taken for {published:?}", kind.name);
                }
                if step.effect == Effect::Publish {
                    let error = next.expect_err(&format!("{}: {what} is taken for an answer", kind.name));
                    let found = error.disposition(Effect::Publish);
                    assert_eq!(found, Disposition::ReadBack, "{}: {what}: {error:?}", kind.name);
                }
            }
        }
    }
    for conversation in Conversation::ALL {
        for (_, odd) in odd_answers() {
            feed(instance, conversation, &vec![odd; 5]);
        }
    }
}

pub(crate) fn f44_half_an_answer_is_no_success(instance: &Instance) {
    for kind in &instance.kinds {
        for step in instance.walk(kind).iter().filter(|step| step.effect == Effect::Publish) {
            for length in 1..step.answer.body.len() {
                let half = Answer { body: step.answer.body.slice(..length), ..step.answer.clone() };
                let error = instance.connector.publish(&kind.post, &step.checkpoint, Some(&half));
                let error = error.expect_err(&format!("{}: {length} bytes are taken for an answer", kind.name));
                assert_eq!(error.disposition(Effect::Publish), Disposition::ReadBack, "{}: {error:?}", kind.name);
            }
        }
    }
}

/// Every answer that can be made of one by another word in the place of a text.
fn with_unknown_words(answer: &Answer) -> Vec<Answer> {
    fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), found));
            }
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                pointers(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let Some(body) = answer.json() else { return Vec::new() };
    let mut found = Vec::new();
    pointers(&body, "", &mut found);
    let changed = |pointer: &String| {
        let mut body = body.clone();
        *body.pointer_mut(pointer).unwrap() = Value::from("NEVER SEEN BEFORE");
        Answer { body: body.to_string().into(), ..answer.clone() }
    };
    found.iter().map(changed).collect()
}

pub(crate) fn f44_a_word_that_nobody_knows_is_no_success(instance: &Instance) {
    for kind in &instance.kinds {
        for step in instance.walk(kind) {
            for changed in with_unknown_words(&step.answer) {
                let next = instance.connector.publish(&kind.post, &step.checkpoint, Some(&changed));
                if let Ok(Next::Done(published)) = next {
                    assert!(!published.remote_id.contains("NEVER"), "{}: {published:?}", kind.name);
                    assert!(published.url.is_none_or(|url| matches!(url.scheme(), "http" | "https")));
                }
            }
        }
    }
    for (conversation, answers) in &instance.conversations {
        for (index, answer) in answers.iter().enumerate() {
            for changed in with_unknown_words(answer) {
                let mut answers = answers.clone();
                answers[index] = changed;
                feed(instance, *conversation, &answers);
            }
        }
    }
}

fn json_value(instance: &Instance) -> impl Strategy<Value = Value> + use<> {
    let words = prop::sample::select(instance.words.to_vec());
    let names = prop::sample::select(instance.names.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let object = prop::collection::vec((names.clone(), inner.clone()), 0..6).prop_map(|members| {
            Value::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect::<Map<_, _>>())
        });
        prop_oneof![3 => object, 1 => prop::collection::vec(inner, 0..4).prop_map(Value::from)]
    })
}

fn any_answer(instance: &Instance) -> impl Strategy<Value = Answer> + use<> {
    let body = prop_oneof![
        6 => json_value(instance).prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ];
    let headers =
        ["x-business-use-case-usage", "x-app-usage", "retry-after", "location", "x-restli-id", "content-range"];
    let header = (prop::sample::select(headers.to_vec()), "[ -~]{0,40}");
    let status = prop_oneof![4 => Just(200_u16), 1 => 100..600_u16];
    (status, header, body)
        .prop_map(|(status, (name, value), body)| with_header(answer(status, body), name, value.trim()))
}

pub(crate) fn f44_no_answer_panics_a_parser(instance: &Instance) {
    let mut runner = TestRunner::new(Config { cases: 128, ..Config::default() });
    let answers = prop::collection::vec(any_answer(instance), 1..8);
    let checkpoints: Vec<Vec<Checkpoint>> = instance
        .kinds
        .iter()
        .map(|kind| instance.walk(kind).into_iter().map(|step| step.checkpoint).collect())
        .collect();
    let outcome = runner.run(&answers, |answers| {
        for answer in &answers {
            for (kind, checkpoints) in instance.kinds.iter().zip(&checkpoints) {
                for checkpoint in checkpoints {
                    drop(instance.connector.publish(&kind.post, checkpoint, Some(answer)));
                }
            }
            instance.connector.usage_wait(answer);
            drop(instance.connector.parse_webhook_event(&answer.body));
        }
        for conversation in Conversation::ALL {
            feed(instance, conversation, &answers);
        }
        Ok(())
    });
    outcome.unwrap();
}

pub(crate) fn f44_a_huge_answer_is_survived(instance: &Instance) {
    let mut huge = vec![answer(200, "[".repeat(1 << 20)), answer(200, " ".repeat(1 << 20))];
    for (_, answers) in &instance.conversations {
        let bodies = answers.iter().filter_map(Answer::json).filter(Value::is_object);
        huge.extend(bodies.map(|mut body| {
            body["padding"] = Value::from("x".repeat(900_000));
            answer(200, body.to_string())
        }));
    }
    for answer in huge {
        for kind in &instance.kinds {
            drop(instance.connector.publish(&kind.post, &Checkpoint::default(), Some(&answer)));
        }
        for conversation in Conversation::ALL {
            feed(instance, conversation, std::slice::from_ref(&answer));
        }
    }
}

pub(crate) fn f44_ids_beyond_53_bits_stay_what_they_are(instance: &Instance) {
    let is_beyond = |id: &str| {
        let groups = id.split(|character: char| !character.is_ascii_digit());
        groups.filter_map(|group| group.parse::<u64>().ok()).any(|group| group > 1 << 53)
    };
    let has_one = instance.kinds.iter().any(|kind| is_beyond(kind.remote_id));
    // That they come out as they went in, is proved with every kind.
    assert!(has_one || !instance.has_numeric_ids, "no recorded id is beyond 53 bits");
}

pub(crate) fn times_are_read_in_every_documented_form(instance: &Instance) {
    let Some(times) = &instance.times else { return };
    assert!(times.examples.iter().any(|(_, expected)| expected.is_none()), "no example of what is no time");
    for (text, expected) in times.examples {
        assert_eq!((times.read)(text), expected.map(|expected| expected.parse().unwrap()), "{text}");
    }
}
