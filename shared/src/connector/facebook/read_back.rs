//! Finds a post whose publish nobody saw the end of, by what only that post can have: our app, its time and what it says.
//!
//! The newest post is never taken for ours. A listing proves absence only when it was read to its end; whatever looks
//! like the post and is not surely it makes the answer [`ReadBack::Undecided`], because a wrong "absent" publishes twice
//! and a wrong "found" loses a post.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::{graph, video};
use crate::{
    connector::{
        Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Request, Step, settings::FacebookSettings,
    },
    defect::Defect,
};

/// The question that fits what is remembered: to the video itself, if its id is known, and else to the Page's listing.
pub(super) fn flow(settings: &FacebookSettings, app_id: &str, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
    let by_id = video::is_video(&fingerprint.content).then(|| video::status_flow(settings, &fingerprint)).flatten();
    by_id.unwrap_or_else(|| Box::new(ReadBackFlow::new(settings.clone(), app_id.into(), fingerprint)))
}

// The listing is asked for more than is needed, so that a clock that is off shows as "too early" and not as "absent".
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
// `created_time` has whole seconds, and both clocks are kept by time servers.
const ALLOWANCE: SignedDuration = SignedDuration::from_secs(2);
// Listings by time are answered for spans up to about half a year.
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(24 * 150);
const MOST_PAGES: usize = 40;
const FIELDS: &str = "id,message,created_time,permalink_url,application{id},is_published,status_type,\
                      attachments{media_type,target,unshimmed_url}";

pub(super) struct ReadBackFlow {
    settings: FacebookSettings,
    app_id: String,
    fingerprint: Fingerprint,
    pages: usize,
    certain: Vec<Published>,
    resembling: usize,
}

impl ReadBackFlow {
    pub(super) fn new(settings: FacebookSettings, app_id: String, fingerprint: Fingerprint) -> Self {
        Self { settings, app_id, fingerprint, pages: 0, certain: Vec::new(), resembling: 0 }
    }

    fn first_page(&self) -> Url {
        let mut url = graph::edge(&self.settings, &[&self.fingerprint.destination, "published_posts"]);
        let since = self.fingerprint.not_before.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN).as_second();
        url.query_pairs_mut()
            .append_pair("fields", FIELDS)
            .append_pair("since", &since.to_string())
            // In whole seconds, rounded up: what was posted within the current one belongs to the span.
            .append_pair("until", &self.fingerprint.now.as_second().saturating_add(1).to_string())
            .append_pair("limit", "25");
        url
    }

    fn verdict(&mut self) -> Result<ReadBack, ConnectorError> {
        Ok(match (self.certain.len(), self.resembling) {
            (1, _) => self.certain.pop().map_or(ReadBack::Absent, ReadBack::Found),
            // A video that Facebook fetches is listed once it has worked on it, and until then nothing is listed.
            (0, _) if self.is_video() && self.age() < self.settings.video_search_time => return Err(video::not_yet()),
            (0, 0) if self.is_video() => {
                ReadBack::Undecided { reason: "Facebook shows no such video, and that proves nothing" }
            }
            (0, 0) if self.age() < self.settings.settle_time && !Defect::BelievesListingsAtOnce.is_present() => {
                ReadBack::Undecided { reason: "Facebook's listing may not show the newest posts yet" }
            }
            (0, 0) => ReadBack::Absent,
            (0, _) => ReadBack::Undecided { reason: "a post on the Page resembles this one and is not surely it" },
            (_, _) => ReadBack::Undecided { reason: "several posts on the Page say the same" },
        })
    }

    fn is_video(&self) -> bool {
        video::is_video(&self.fingerprint.content)
    }

    fn age(&self) -> SignedDuration {
        self.fingerprint.now.duration_since(self.fingerprint.not_before)
    }

    fn weigh(&mut self, entry: &Value) -> Result<(), ConnectorError> {
        let id = graph::id(entry.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a listed post" })?;
        if Defect::TakesTheNewestPost.is_present() && self.certain.is_empty() {
            self.certain.push(Published { remote_id: id, url: None });
            return Ok(());
        }
        match compare((&self.fingerprint, self.settings.settle_time), &self.app_id, &id, entry) {
            Likeness::None => {}
            Likeness::Resembling => self.resembling += 1,
            // A page may repeat what the page before it held.
            Likeness::Certain(id) if self.certain.iter().any(|known| known.remote_id == id) => {}
            Likeness::Certain(id) => {
                self.certain.push(Published { remote_id: id, url: graph::address(entry.get("permalink_url")) });
            }
        }
        Ok(())
    }
}

impl Flow<ReadBack> for ReadBackFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        let Some(answer) = answer else {
            if self.age() > LONGEST_SPAN {
                let reason = "the publish is too long ago for Facebook's listing";
                return Ok(Step::Done(ReadBack::Undecided { reason }));
            }
            return Ok(Step::Call(Request::new(Method::GET, self.first_page())));
        };
        let body = graph::read(answer)?;
        for entry in graph::entries(&body)? {
            self.weigh(entry)?;
        }
        self.pages += 1;
        match graph::next_page(&body, &self.settings)? {
            None => self.verdict().map(Step::Done),
            Some(_) if self.pages >= MOST_PAGES => {
                Ok(Step::Done(ReadBack::Undecided { reason: "the Page has too many posts to look through" }))
            }
            Some(url) => Ok(Step::Call(Request::new(Method::GET, url))),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Likeness {
    /// Surely another post.
    None,
    /// May be the post.
    Resembling,
    /// Surely a post that this app made with this content since then; by its id, or a video by its own.
    Certain(String),
}

fn compare(
    (fingerprint, settle_time): (&Fingerprint, SignedDuration),
    app_id: &str,
    id: &str,
    entry: &Value,
) -> Likeness {
    let videos: Vec<String> = attachments(entry).iter().filter_map(video_of).collect();
    // A video of ours is known by its own id, and listed by that of its post.
    let is_excluded = fingerprint.exclude.iter().any(|known| known == id || videos.contains(known));
    let is_ours = graph::id(entry.pointer("/application/id")).as_deref() == Some(app_id);
    let is_published = entry.get("is_published").and_then(Value::as_bool) != Some(false);
    let message = normalized(entry.get("message").and_then(Value::as_str).unwrap_or_default());
    let expected = normalized(fingerprint.content.text.as_deref().unwrap_or_default());
    if is_excluded || !is_ours || !is_published || message != expected {
        return Likeness::None;
    }
    let created = entry.get("created_time").and_then(Value::as_str).and_then(graph::time);
    let earliest = fingerprint.not_before.saturating_sub(ALLOWANCE).unwrap_or(Timestamp::MIN);
    let is_video = video::is_video(&fingerprint.content);
    // A publish acts within the settle time or not at all: what appeared later is another post, or a clock is off. A video
    // appears when Facebook has worked on it.
    let acts_by = if is_video { fingerprint.now } else { fingerprint.not_before };
    let latest = acts_by.saturating_add(settle_time).and_then(|at| at.saturating_add(MARGIN));
    let is_in_time =
        created.is_some_and(|created| created >= earliest && latest.as_ref().is_ok_and(|at| created <= *at));
    let certain = match videos.first() {
        Some(video) if is_video => Some(video.clone()),
        Some(_) | None => (!is_video && attachment_agrees(fingerprint, entry)).then(|| id.to_owned()),
    };
    certain.filter(|_| is_in_time).map_or(Likeness::Resembling, Likeness::Certain)
}

fn attachments(entry: &Value) -> &[Value] {
    let attachments = entry.pointer("/attachments/data").and_then(Value::as_array);
    attachments.map(Vec::as_slice).unwrap_or_default()
}

fn media_type(attachment: &Value) -> &str {
    attachment.get("media_type").and_then(Value::as_str).unwrap_or_default()
}

/// The id of the video that an attachment is.
fn video_of(attachment: &Value) -> Option<String> {
    graph::id(attachment.pointer("/target/id")).filter(|_| media_type(attachment) == "video")
}

fn attachment_agrees(fingerprint: &Fingerprint, entry: &Value) -> bool {
    let attachments = attachments(entry);
    let is_photo = |attachment: &Value| matches!(media_type(attachment), "photo" | "album");
    let is_shown = |attachment: &Value| is_photo(attachment) || media_type(attachment) == "video";
    if !fingerprint.content.media.is_empty() {
        return attachments.iter().any(is_photo);
    }
    match &fingerprint.content.link {
        Some(link) => attachments.iter().any(|attachment| points_to(attachment, link)),
        None => !attachments.iter().any(is_shown),
    }
}

fn points_to(attachment: &Value, link: &Url) -> bool {
    let addresses = [attachment.get("unshimmed_url"), attachment.pointer("/target/url")];
    addresses.into_iter().filter_map(graph::address).any(|address| address == *link)
}

/// What is left of a text when the ways in which Facebook re-spaces it are taken away.
fn normalized(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
