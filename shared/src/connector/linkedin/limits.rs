//! Every limit that a preflight knows, at its boundary and one beyond.

use serde_json::{Value, json};

use super::recorded::{MEMBER, PAGE};
use crate::connector::compliance::{Draft, Limit};

pub(super) fn limits(destination: &str) -> Vec<Limit> {
    let name = if destination == MEMBER { "linkedin" } else { "linkedin_page" };
    let draft = |content: Value| Draft::new(content, None);
    let with = |content: Value, options: Value| Draft::new(content, Some(json!({ name: options })));
    let limit = |rule, within: Draft, beyond: Draft| Limit { rule, within, beyond };
    let image = || json!({"url": "https://e.com/a.jpg", "kind": "image"});
    let images = |count: usize| draft(json!({ "media": vec![image(); count] }));
    let video = || json!({"url": "https://e.com/a.mp4", "kind": "video"});
    let document =
        |title: Value| draft(json!({"media": [{"url": "https://e.com/a", "kind": "document", "title": title}]}));
    let alt = |length: usize| {
        draft(json!({"media": [{"url": "https://e.com/a", "kind": "image", "alt_text": "a".repeat(length)}]}))
    };
    let poll = |question: String, options: Vec<String>| {
        with(json!({"text": "a"}), json!({"poll": {"question": question, "options": options, "duration": "one_day"}}))
    };
    let choices = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    let mention =
        |name: &str, urn: &str| with(json!({"text": "Hi @Acme"}), json!({"mentions": [{"name": name, "urn": urn}]}));
    let urn = "urn:li:organization:1";
    let mut limits = vec![
        limit("linkedin.post.empty", draft(json!({"text": "a"})), draft(json!({"text": " "}))),
        limit(
            "linkedin.text.too_long",
            draft(json!({"text": "é".repeat(3_000)})),
            draft(json!({"text": "é".repeat(3_001)})),
        ),
        limit(
            "linkedin.text.too_long",
            draft(json!({"text": "(".repeat(1_500)})),
            draft(json!({"text": "(".repeat(1_501)})),
        ),
        limit("linkedin.media.too_many", images(20), images(21)),
        limit("linkedin.media.mixed", images(2), draft(json!({"media": [image(), video()]}))),
        limit(
            "linkedin.link.with_media",
            draft(json!({"link": "https://e.com", "media": [image()]})),
            draft(json!({"link": "https://e.com", "media": [video()]})),
        ),
        limit("linkedin.link.scheme", draft(json!({"link": "http://e.com"})), draft(json!({"link": "ftp://e.com"}))),
        limit("linkedin.alt_text.too_long", alt(4_086), alt(4_087)),
        limit("linkedin.document.title_missing", document(json!("a")), document(json!(" "))),
        limit("linkedin.mention.not_a_urn", mention("Acme", urn), mention("Acme", "urn:li:share:1")),
        limit("linkedin.mention.not_in_text", mention("Acme", urn), mention("Acme Inc", urn)),
        limit("linkedin.poll.question", poll("a".repeat(140), choices(2)), poll("a".repeat(141), choices(2))),
        limit("linkedin.poll.options", poll("a".into(), choices(4)), poll("a".into(), choices(5))),
        limit("linkedin.poll.options", poll("a".into(), choices(2)), poll("a".into(), choices(1))),
        limit(
            "linkedin.poll.option_length",
            poll("a".into(), vec!["a".repeat(30), "b".into()]),
            poll("a".into(), vec!["a".repeat(31), "b".into()]),
        ),
        limit(
            "linkedin.poll.with_media",
            poll("a".into(), choices(2)),
            with(
                json!({"link": "https://e.com"}),
                json!({"poll": {"question": "a", "options": ["a", "b"], "duration": "one_day"}}),
            ),
        ),
    ];
    if destination == PAGE {
        let seen_by = |visibility: &str| with(json!({"text": "a"}), json!({ "visibility": visibility }));
        limits.push(limit("linkedin.visibility.members_only", seen_by("logged_in"), seen_by("connections")));
    }
    limits
}
