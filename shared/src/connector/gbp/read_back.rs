//! Finds a post whose publish nobody saw the end of: by its name, if that was heard; else by the mark in its address; else
//! by its time and what it says.
//!
//! The order of the listing is not documented, so all of it is read. Whatever resembles the post and is not surely it leaves
//! the answer to a person: a wrong "absent" publishes twice, and a wrong "found" loses a post.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    api,
    post::{self, State},
    publish,
};
use crate::connector::{
    Act, Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Refusal, Request, Step, settings::GbpSettings,
};

/// Clocks differ, and Google writes down the time before the answer.
const ALLOWANCE: SignedDuration = SignedDuration::from_mins(2);
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
const MOST_PAGES: usize = 100;

pub(super) struct ReadBackFlow {
    settings: GbpSettings,
    fingerprint: Fingerprint,
    known: Option<String>,
    pages: usize,
    certain: Vec<(Published, State)>,
    resembling: usize,
}

impl ReadBackFlow {
    pub(super) fn new(settings: GbpSettings, fingerprint: Fingerprint) -> Self {
        let known = publish::post_of(&fingerprint.checkpoint);
        Self { settings, fingerprint, known, pages: 0, certain: Vec::new(), resembling: 0 }
    }

    fn page(&self, token: Option<&str>) -> Result<Request, ConnectorError> {
        let mut url = publish::posts(&self.settings, &self.fingerprint.destination)?;
        url.query_pairs_mut().append_pair("pageSize", "100");
        if let Some(token) = token {
            url.query_pairs_mut().append_pair("pageToken", token);
        }
        Ok(Request::new(Method::GET, url))
    }

    fn weigh(&mut self, entry: &Value) -> Result<(), ConnectorError> {
        let found = post::published(entry, &self.fingerprint.destination)?;
        match likeness(&self.fingerprint, self.settings.settle_time, &found.remote_id, entry) {
            Likeness::None => {}
            Likeness::Resembling => self.resembling += 1,
            // A page may repeat what the page before it held.
            Likeness::Certain if self.certain.iter().any(|(known, _)| known.remote_id == found.remote_id) => {}
            Likeness::Certain => self.certain.push((found, post::state(entry))),
        }
        Ok(())
    }

    fn verdict(&mut self) -> Result<ReadBack, ConnectorError> {
        let age = self.fingerprint.now.duration_since(self.fingerprint.not_before);
        match (self.certain.len(), self.resembling) {
            (1, _) => match self.certain.pop() {
                Some((found, state)) => told(found, state),
                None => Ok(ReadBack::Absent),
            },
            (0, 0) if age < self.settings.settle_time => {
                Ok(ReadBack::Undecided { reason: "Google's listing may not show the newest posts yet" })
            }
            (0, 0) => Ok(ReadBack::Absent),
            (0, _) => {
                Ok(ReadBack::Undecided { reason: "a post of the location resembles this one and is not surely it" })
            }
            (_, _) => Ok(ReadBack::Undecided { reason: "several posts of the location say the same" }),
        }
    }
}

/// What a post's own state says. As long as Google looks at it, the question stays open.
fn told(found: Published, state: State) -> Result<ReadBack, ConnectorError> {
    match state {
        State::Out => Ok(ReadBack::Found(found)),
        State::Rejected => Ok(ReadBack::Refused(publish::rejected())),
        State::Processing => {
            let text = "Google has the post and is still looking at it.";
            Err(ConnectorError::Transient(Refusal::ours("gbp.post.processing", Act::Nobody, text)))
        }
    }
}

impl Flow<ReadBack> for ReadBackFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        let Some(answer) = answer else {
            return Ok(Step::Call(match &self.known {
                Some(name) => publish::ask(&self.settings, name)?,
                None => self.page(None)?,
            }));
        };
        let body = api::read(answer)?;
        if let Some(known) = &self.known {
            let found = post::published(&body, &self.fingerprint.destination)?;
            if found.remote_id != *known {
                return Err(ConnectorError::Unreadable { what: "the post that was asked for" });
            }
            return told(found, post::state(&body)).map(Step::Done);
        }
        for entry in api::entries(&body, "localPosts")? {
            self.weigh(entry)?;
        }
        self.pages += 1;
        match api::next_page(&body)? {
            None => self.verdict().map(Step::Done),
            Some(_) if self.pages >= MOST_PAGES => {
                Ok(Step::Done(ReadBack::Undecided { reason: "the location has too many posts to look through" }))
            }
            Some(token) => self.page(Some(&token)).map(Step::Call),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// Surely another post.
    None,
    /// May be the post.
    Resembling,
    /// Surely the post: its mark, or a post of then that says the same.
    Certain,
}

fn likeness(fingerprint: &Fingerprint, settle_time: SignedDuration, name: &str, entry: &Value) -> Likeness {
    if fingerprint.exclude.iter().any(|known| known == name) {
        return Likeness::None;
    }
    let options = post::options(fingerprint.options.as_ref());
    let addresses = [entry.pointer("/callToAction/url"), entry.pointer("/offer/redeemOnlineUrl")];
    let mark = addresses.into_iter().filter_map(api::web_address).find_map(|url| post::mark_of(&url));
    let is_marked = post::is_marked(&fingerprint.content, &options, &fingerprint.marker);
    match mark {
        Some(mark) if is_marked && mark == fingerprint.marker => return Likeness::Certain,
        // Of another post of ours, or of somebody's campaign.
        Some(_) if is_marked => return Likeness::None,
        Some(_) | None => {}
    }
    let text = |pointer: &str| normalized(entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    let title = options.event.as_ref().map(|event| normalized(&event.title)).unwrap_or_default();
    let says_the_same = text("/summary") == normalized(fingerprint.content.text.as_deref().unwrap_or_default())
        && text("/event/title") == title
        && text("/topicType") == post::topic(&options).name();
    if !says_the_same {
        return Likeness::None;
    }
    let created = entry.get("createTime").and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
    let Some(created) = created else { return Likeness::Resembling };
    let earliest = fingerprint.not_before.saturating_sub(ALLOWANCE).unwrap_or(Timestamp::MIN);
    if created < earliest {
        return Likeness::None;
    }
    let latest = fingerprint.not_before.saturating_add(settle_time).and_then(|at| at.saturating_add(MARGIN));
    let is_in_time = latest.is_ok_and(|latest| created <= latest);
    let language = entry.get("languageCode").and_then(Value::as_str);
    let speaks_the_same = options.language.is_none() || options.language.as_deref() == language;
    // A post that should have our mark and has none is a person's, unless Google had dropped the mark.
    if is_in_time && speaks_the_same && !is_marked { Likeness::Certain } else { Likeness::Resembling }
}

/// What is left of a text when the ways in which it may be re-spaced are taken away.
fn normalized(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
