//! Looks for a post whose id was lost with the answer, among the account's public videos: by its time and what it says.
//!
//! That nothing is shown proves nothing: private posts are never listed, and others late.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{accounts, api};
use crate::connector::{
    Act, Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Refusal, Request, Step,
    settings::TiktokSettings,
};

const FIELDS: &str = "id,create_time,title,video_description,share_url";
const MOST_PAGES: usize = 20;
const PAGE: u64 = 20;
// Both clocks are kept by time servers, and `create_time` has whole seconds.
const ALLOWANCE: SignedDuration = SignedDuration::from_secs(60);
// Texts of listed videos are cut after 150 characters.
const CUT: usize = 150;

pub(super) struct ListingFlow {
    settings: TiktokSettings,
    fingerprint: Fingerprint,
    pages: usize,
    is_asked: bool,
    found: Vec<Published>,
}

impl ListingFlow {
    pub(super) fn new(settings: TiktokSettings, fingerprint: Fingerprint) -> Self {
        Self { settings, fingerprint, pages: 0, is_asked: false, found: Vec::new() }
    }

    fn page(&self, cursor: Option<i64>) -> Request {
        let mut url = api::url(&self.settings.api_url, &["v2", "video", "list"]);
        url.query_pairs_mut().append_pair("fields", FIELDS);
        let mut body = json!({ "max_count": PAGE });
        if let (Some(cursor), Some(members)) = (cursor, body.as_object_mut()) {
            members.insert("cursor".into(), cursor.into());
        }
        Request { body: crate::connector::Body::Json(body), ..Request::new(Method::POST, url) }
    }

    fn earliest(&self) -> Timestamp {
        self.fingerprint.not_before.saturating_sub(ALLOWANCE).unwrap_or(Timestamp::MIN)
    }

    fn weigh(&mut self, entry: &Value) -> Result<(), ConnectorError> {
        let id = entry.get("id").and_then(api::video_id);
        let id = id.ok_or(ConnectorError::Unreadable { what: "the id of a listed video" })?;
        let created = api::seconds(entry.get("create_time"));
        let latest = self.fingerprint.not_before.saturating_add(self.settings.search_time).unwrap_or(Timestamp::MAX);
        let is_in_time = created.is_some_and(|created| created >= self.earliest() && created <= latest);
        let is_known = self.fingerprint.exclude.contains(&id) || self.found.iter().any(|known| known.remote_id == id);
        if is_in_time && !is_known && says_the_same(&self.fingerprint, entry) {
            self.found.push(Published { remote_id: id, url: api::address(entry.get("share_url")) });
        }
        Ok(())
    }

    fn verdict(&mut self) -> Result<Step<ReadBack>, ConnectorError> {
        let age = self.fingerprint.now.duration_since(self.fingerprint.not_before);
        let undecided = |reason| Ok(Step::Done(ReadBack::Undecided { reason }));
        match self.found.len() {
            1 => self.found.pop().map_or_else(
                || undecided("TikTok does not tell"),
                |published| Ok(Step::Done(ReadBack::Found(published))),
            ),
            0 if age < self.settings.search_time => Err(not_yet()),
            0 => undecided("TikTok lists public videos only, and this one is not among them"),
            _ => undecided("several videos of the account say the same"),
        }
    }
}

impl Flow<ReadBack> for ListingFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        if !std::mem::replace(&mut self.is_asked, true) {
            return Ok(Step::Call(self.page(None)));
        }
        let data = match api::read(api::expect(answer)?) {
            Ok(data) => data,
            Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "tiktok.permission.missing" => {
                let reason = "the connection has no permission to list videos";
                return Ok(Step::Done(ReadBack::Undecided { reason }));
            }
            Err(error) => return Err(error),
        };
        let entries = accounts::videos(&data)?;
        for entry in entries {
            self.weigh(entry)?;
        }
        self.pages += 1;
        // The newest come first.
        let oldest = entries.iter().filter_map(|entry| api::seconds(entry.get("create_time"))).min();
        let is_past = oldest.is_some_and(|oldest| oldest < self.earliest());
        let has_more = data.get("has_more").and_then(Value::as_bool);
        let has_more = has_more.ok_or(ConnectorError::Unreadable { what: "`has_more`" })?;
        if is_past || !has_more {
            return self.verdict();
        }
        if self.pages >= MOST_PAGES {
            return Ok(Step::Done(ReadBack::Undecided { reason: "the account has too many videos to look through" }));
        }
        let cursor = data.get("cursor").and_then(Value::as_i64);
        let cursor = cursor.ok_or(ConnectorError::Unreadable { what: "the cursor of a listing" })?;
        Ok(Step::Call(self.page(Some(cursor))))
    }
}

/// TikTok may still be fetching the files.
pub(super) fn not_yet() -> ConnectorError {
    let text = "TikTok is still working on the post, or does not show it yet.";
    ConnectorError::Transient(Refusal::ours("tiktok.publish.processing", Act::Nobody, text))
}

/// What is listed is the beginning of what was posted, or all of it. A post without a text resembles every other.
fn says_the_same(fingerprint: &Fingerprint, entry: &Value) -> bool {
    let ours = normalized(fingerprint.content.text.as_deref().unwrap_or_default());
    let texts = ["title", "video_description"].map(|name| entry.get(name).and_then(Value::as_str).unwrap_or_default());
    texts.into_iter().map(normalized).any(|theirs| {
        !theirs.is_empty() && (theirs == ours || (theirs.chars().count() + 10 >= CUT && ours.starts_with(&theirs)))
    })
}

fn normalized(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::connector::{Disposition, Effect, Prepared};

    fn fingerprint(text: &str, age: i64) -> Fingerprint {
        let content = serde_json::from_value(json!({ "text": text })).unwrap();
        let post = Prepared { content, ..Prepared::at("-1") };
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        Fingerprint::of(&post, at, at.saturating_add(SignedDuration::from_mins(age)).unwrap())
    }

    fn verdict(fingerprint: Fingerprint, videos: &Value) -> Result<ReadBack, ConnectorError> {
        let mut flow = ListingFlow::new(TiktokSettings::default(), fingerprint);
        called(flow.advance(None));
        match flow.advance(Some(&ok(&json!({"videos": videos, "has_more": false, "cursor": 1}))))? {
            Step::Done(verdict) => Ok(verdict),
            Step::Call(request) => panic!("{request:?}"),
        }
    }

    fn listed(id: &str, seconds: i64, text: &str) -> Value {
        json!({"id": id, "create_time": 1_800_000_000 + seconds, "video_description": text})
    }

    #[test]
    fn f34_one_that_says_the_same_since_then_is_it() {
        let found = verdict(
            fingerprint("Fresh  bread", 1),
            &json!([listed("8", 20, "Fresh bread"), listed("7", -90, "Fresh bread")]),
        );
        assert_eq!(found, Ok(ReadBack::Found(Published { remote_id: "8".into(), url: None })));
        let long = "a".repeat(400);
        let found = verdict(fingerprint(&long, 1), &json!([listed("8", 20, &long[..150])]));
        assert!(matches!(found, Ok(ReadBack::Found(_))));
    }

    #[test]
    fn f46_twins_and_posts_without_words_are_for_a_person() {
        let twins = json!([listed("8", 20, "Fresh bread"), listed("9", 30, "Fresh bread")]);
        assert!(matches!(verdict(fingerprint("Fresh bread", 70), &twins), Ok(ReadBack::Undecided { .. })));
        let mut known = fingerprint("Fresh bread", 70);
        known.exclude = vec!["9".into()];
        assert!(matches!(verdict(known, &twins), Ok(ReadBack::Found(_))));
        assert!(matches!(verdict(fingerprint("", 70), &json!([listed("8", 20, "")])), Ok(ReadBack::Undecided { .. })));
    }

    #[test]
    fn what_is_not_listed_is_never_taken_for_absent() {
        let early = verdict(fingerprint("Fresh bread", 5), &json!([])).unwrap_err();
        assert_eq!(early.disposition(Effect::Read), Disposition::Retry(None));
        assert!(matches!(verdict(fingerprint("Fresh bread", 70), &json!([])), Ok(ReadBack::Undecided { .. })));
    }
}
