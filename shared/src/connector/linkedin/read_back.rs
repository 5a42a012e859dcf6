//! Finds a Page's post whose publish nobody saw the end of: by its time, what it says and what hangs on it. A member's posts
//! nobody may list.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Profile, api, memory, post, text};
use crate::connector::{
    Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Request, Step, settings::LinkedinSettings,
};

const PAGE_SIZE: usize = 20;
const MOST_PAGES: usize = 20;
/// Both clocks are kept by time servers.
const ALLOWANCE: SignedDuration = SignedDuration::from_secs(2);
/// How far back a listing is read beyond the intent, so that a clock that is off shows as "too early" and not as "absent".
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct ReadBackFlow {
    settings: LinkedinSettings,
    profile: Profile,
    fingerprint: Fingerprint,
    assets: Vec<String>,
    start: usize,
    pages: usize,
    certain: Vec<String>,
    resembling: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    None,
    Resembling,
    Certain,
}

impl ReadBackFlow {
    pub(super) fn new(settings: LinkedinSettings, profile: Profile, fingerprint: Fingerprint) -> Self {
        let assets = memory::assets_of(&fingerprint.checkpoint);
        let (certain, resembling) = (Vec::new(), 0);
        Self { settings, profile, fingerprint, assets, start: 0, pages: 0, certain, resembling }
    }

    fn page(&self) -> Request {
        let author = api::encoded(&self.fingerprint.destination);
        let query = format!("q=author&author={author}&start={}&count={PAGE_SIZE}&sortBy=CREATED", self.start);
        api::restli(api::call(&self.settings, Method::GET, "posts", Some(&query)), "FINDER")
    }

    fn verdict(&self) -> ReadBack {
        let age = self.fingerprint.now.duration_since(self.fingerprint.not_before);
        match (self.certain.as_slice(), self.resembling) {
            ([found], _) => ReadBack::Found(Published { remote_id: found.clone(), url: api::permalink(found) }),
            ([], 0) if age < self.settings.settle_time => {
                ReadBack::Undecided { reason: "LinkedIn's listing may not show the newest posts yet" }
            }
            ([], 0) => ReadBack::Absent,
            ([], _) => ReadBack::Undecided { reason: "a post of the Page resembles this one and is not surely it" },
            (_, _) => ReadBack::Undecided { reason: "several posts of the Page say the same" },
        }
    }

    /// Weighs a listed post, and says whether it is older than anything that is looked for.
    fn weigh(&mut self, entry: &Value) -> Result<bool, ConnectorError> {
        let id = api::urn(entry.get("id"), &api::POSTS);
        let id = id.ok_or(ConnectorError::Unreadable { what: "the id of a listed post" })?;
        let created = api::time(entry.get("createdAt")).or_else(|| api::time(entry.get("publishedAt")));
        let created = created.ok_or(ConnectorError::Unreadable { what: "the time of a listed post" })?;
        match self.compare(&id, entry, created) {
            Likeness::None => {}
            Likeness::Resembling => self.resembling += 1,
            // A page may repeat what the page before it held.
            Likeness::Certain if self.certain.contains(&id) => {}
            Likeness::Certain => self.certain.push(id),
        }
        let earliest = self.fingerprint.not_before.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN);
        Ok(created < earliest)
    }

    fn compare(&self, id: &str, entry: &Value, created: Timestamp) -> Likeness {
        let state = entry.get("lifecycleState").and_then(Value::as_str).unwrap_or("PUBLISHED");
        let listed = text::normalized(entry.get("commentary").and_then(Value::as_str).unwrap_or_default());
        let options = post::options(self.fingerprint.options.as_ref());
        let expected = text::normalized(&post::commentary(&self.fingerprint.content, &options));
        let oldest = self.fingerprint.not_before.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN);
        if created < oldest {
            return Likeness::None;
        }
        if self.fingerprint.exclude.iter().any(|known| known == id) || state == "PUBLISH_FAILED" {
            return Likeness::None;
        }
        let files = files(entry);
        // No other post has a file that was made for this one.
        if !self.assets.is_empty() && files == self.assets {
            return if state == "PUBLISHED" { Likeness::Certain } else { Likeness::Resembling };
        }
        if listed != expected {
            return Likeness::None;
        }
        let earliest = self.fingerprint.not_before.saturating_sub(ALLOWANCE).unwrap_or(Timestamp::MIN);
        // A publish acts within the settle time or not at all: what appeared later is another post, or a clock is off.
        let latest = self.fingerprint.not_before.saturating_add(self.settings.settle_time);
        let latest = latest.and_then(|at| at.saturating_add(MARGIN)).unwrap_or(Timestamp::MAX);
        let is_in_time = created >= earliest && created <= latest;
        let is_alike = self.assets.is_empty() && kind(entry) == self.expected_kind();
        if state == "PUBLISHED" && is_in_time && is_alike { Likeness::Certain } else { Likeness::Resembling }
    }

    fn expected_kind(&self) -> &'static str {
        let content = &self.fingerprint.content;
        let has_poll = post::options(self.fingerprint.options.as_ref()).poll.is_some();
        match (has_poll, content.link.is_some(), content.media.len()) {
            (true, _, _) => "poll",
            (false, true, _) => "article",
            (false, false, 0) => "",
            (false, false, 1) => "media",
            (false, false, _) => "multiImage",
        }
    }
}

/// The shape of a listed post; a text is without one.
fn kind(entry: &Value) -> &'static str {
    let content = entry.get("content");
    ["media", "multiImage", "article", "poll"]
        .into_iter()
        .find(|name| content.is_some_and(|content| content.get(name).is_some_and(Value::is_object)))
        .unwrap_or_default()
}

fn files(entry: &Value) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let one = text(entry.pointer("/content/media/id")).or_else(|| text(entry.pointer("/content/article/thumbnail")));
    let several = entry.pointer("/content/multiImage/images").and_then(Value::as_array);
    let several = several.into_iter().flatten().filter_map(|image| text(image.get("id")));
    one.into_iter().chain(several).collect()
}

impl Flow<ReadBack> for ReadBackFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        if self.profile == Profile::Member {
            let reason = "LinkedIn shows nobody a member's posts: look at the profile whether it is there";
            return Ok(Step::Done(ReadBack::Undecided { reason }));
        }
        let Some(answer) = answer else {
            let author = api::id_of(&self.fingerprint.destination, &["organization", "organizationBrand"]);
            author.ok_or(ConnectorError::Unreadable { what: "the URN of an author" })?;
            return Ok(Step::Call(self.page()));
        };
        let body = api::read(answer)?;
        let entries = api::elements(&body)?;
        let mut is_at_end = false;
        for entry in entries {
            is_at_end |= self.weigh(entry)?;
        }
        self.pages += 1;
        let has_more = api::has_next(&body) || (body.pointer("/paging/links").is_none() && entries.len() >= PAGE_SIZE);
        if is_at_end || !has_more {
            return Ok(Step::Done(self.verdict()));
        }
        if self.pages >= MOST_PAGES {
            return Ok(Step::Done(ReadBack::Undecided { reason: "the Page has too many posts to look through" }));
        }
        self.start = self.start.saturating_add(entries.len().max(1));
        Ok(Step::Call(self.page()))
    }
}
