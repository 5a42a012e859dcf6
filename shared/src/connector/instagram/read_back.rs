//! Finds out what became of a publish that nobody saw the end of. The container says it exactly; the listing only says which
//! post it became, by its time and its caption, and never the newest one for its newness.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    caption::normalized,
    graph,
    plan::{self, Form},
    publish::{State, Status, status},
    requests,
};
use crate::connector::{
    Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Request, Step, settings::InstagramSettings,
};

// Posts' times have whole seconds, and both clocks are kept by time servers.
const ALLOWANCE: SignedDuration = SignedDuration::from_secs(2);
// A publish acts within the settle time or not at all.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
const MOST_PAGES: usize = 40;

/// What is asked at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// The post itself, whose id is known.
    Media,
    Container,
    /// The listing, after this word of the container.
    Listing(Word),
    /// The container again, after the listing.
    ContainerAgain,
}

/// What the container said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Published,
    Finished,
    /// It cannot be read.
    Missing,
    /// There is none: no publish has left.
    NoContainer,
}

pub(super) struct ReadBackFlow {
    settings: InstagramSettings,
    fingerprint: Fingerprint,
    form: Form,
    container: Option<String>,
    media: Option<String>,
    asked: Asked,
    pages: usize,
    alike: Vec<Published>,
}

impl ReadBackFlow {
    pub(super) fn new(settings: InstagramSettings, fingerprint: Fingerprint) -> Self {
        let form = Form::of(&fingerprint.content, plan::options(fingerprint.options.as_ref()));
        // What cannot be read holds no container: the listing is looked at, and nothing is called absent by it.
        let state = State::read(&fingerprint.checkpoint).unwrap_or_default();
        let (container, media) = (state.container, state.media);
        Self { settings, fingerprint, form, container, media, asked: Asked::Nothing, pages: 0, alike: Vec::new() }
    }

    fn begin(&mut self) -> Step<ReadBack> {
        if let Some(media) = &self.media {
            self.asked = Asked::Media;
            return Step::Call(requests::permalink(&self.settings, media));
        }
        if let Some(container) = &self.container {
            self.asked = Asked::Container;
            return Step::Call(requests::status(&self.settings, container));
        }
        self.list(Word::NoContainer)
    }

    fn list(&mut self, word: Word) -> Step<ReadBack> {
        self.asked = Asked::Listing(word);
        let edge = [self.fingerprint.destination.as_str(), requests::listing(self.form)];
        let mut url = graph::fields(&self.settings, &edge, requests::LISTED);
        let since = self.fingerprint.not_before.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN).as_second();
        if self.form != Form::Story {
            url.query_pairs_mut()
                .append_pair("since", &since.to_string())
                .append_pair("until", &self.fingerprint.now.as_second().saturating_add(1).to_string());
        }
        url.query_pairs_mut().append_pair("limit", "50");
        Step::Call(Request::new(Method::GET, url))
    }

    fn weigh(&mut self, word: Result<Status, ConnectorError>) -> Result<Step<ReadBack>, ConnectorError> {
        let is_early = self.fingerprint.now.duration_since(self.fingerprint.not_before) < self.settings.settle_time;
        Ok(match word {
            Ok(Status::Published) => self.list(Word::Published),
            Ok(Status::Finished) if is_early => undecided("Instagram may still be publishing it"),
            Ok(Status::Finished) => self.list(Word::Finished),
            Ok(Status::Expired | Status::Failed) => Step::Done(ReadBack::Absent),
            Ok(Status::InProgress) => undecided("Instagram is still at work on it"),
            Err(error) if graph::is_missing(&error) => self.list(Word::Missing),
            Err(error) => return Err(error),
        })
    }

    fn verdict(&mut self, word: Word) -> Step<ReadBack> {
        match (word, self.alike.len()) {
            (Word::Published, 1) => {
                self.alike.pop().map_or_else(|| undecided(LATE), |post| Step::Done(ReadBack::Found(post)))
            }
            (Word::Published, 0) => undecided(LATE),
            (Word::Published, _) => undecided("it is out, and several posts of the account say the same"),
            // Whoever wrote what resembles it: this container is not published. Two reads of it say so.
            (Word::Finished, _) => match &self.container {
                Some(container) => {
                    self.asked = Asked::ContainerAgain;
                    Step::Call(requests::status(&self.settings, container))
                }
                None => undecided(LATE),
            },
            (Word::Missing, _) => undecided("Instagram no longer shows what was prepared for it"),
            (Word::NoContainer, 0) if self.fingerprint.checkpoint.0.is_empty() => Step::Done(ReadBack::Absent),
            (Word::NoContainer, _) => undecided("a post of the account resembles this one and is not surely it"),
        }
    }

    fn take(&mut self, word: Word, body: &Value) -> Result<Step<ReadBack>, ConnectorError> {
        for entry in graph::entries(body)? {
            let id =
                graph::id(entry.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a listed post" })?;
            if self.resembles(&id, entry) && self.alike.iter().all(|known| known.remote_id != id) {
                self.alike.push(Published { remote_id: id, url: graph::address(entry.get("permalink")) });
            }
        }
        self.pages += 1;
        Ok(match graph::next_page(body, &self.settings)? {
            None => self.verdict(word),
            Some(_) if self.pages >= MOST_PAGES => undecided("the account has too many posts to look through"),
            Some(url) => Step::Call(Request::new(Method::GET, url)),
        })
    }

    fn resembles(&self, id: &str, entry: &Value) -> bool {
        let fingerprint = &self.fingerprint;
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let expected = normalized(fingerprint.content.text.as_deref().unwrap_or_default());
        let says_the_same = self.form == Form::Story || normalized(text("caption").unwrap_or_default()) == expected;
        let is_of_its_form = text("media_product_type").is_none_or(|product| product == self.form.product());
        let earliest = fingerprint.not_before.saturating_sub(ALLOWANCE).unwrap_or(Timestamp::MIN);
        let latest =
            fingerprint.not_before.saturating_add(self.settings.settle_time).and_then(|at| at.saturating_add(MARGIN));
        let is_in_time = text("timestamp")
            .and_then(graph::time)
            .is_some_and(|at| at >= earliest && latest.as_ref().is_ok_and(|latest| at <= *latest));
        says_the_same && is_of_its_form && is_in_time && fingerprint.exclude.iter().all(|known| known != id)
    }
}

const LATE: &str = "it is out, and Instagram does not list it yet";

fn undecided(reason: &'static str) -> Step<ReadBack> {
    Step::Done(ReadBack::Undecided { reason })
}

impl Flow<ReadBack> for ReadBackFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        if self.asked == Asked::Nothing {
            return Ok(self.begin());
        }
        let read = graph::read(graph::expect(answer)?);
        match self.asked {
            Asked::Nothing => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
            Asked::Media => match (read, self.media.take()) {
                (Ok(body), Some(media)) if graph::id(body.get("id")).as_ref() == Some(&media) => {
                    let url = graph::address(body.get("permalink"));
                    Ok(Step::Done(ReadBack::Found(Published { remote_id: media, url })))
                }
                (Err(error), _) if !graph::is_missing(&error) => Err(error),
                (Ok(_) | Err(_), _) => Ok(undecided("Instagram published it, and no longer shows it")),
            },
            Asked::Container => self.weigh(read.and_then(|body| status(&body))),
            Asked::Listing(word) => self.take(word, &read?),
            Asked::ContainerAgain => Ok(match status(&read?)? {
                Status::Finished | Status::Expired | Status::Failed => Step::Done(ReadBack::Absent),
                Status::Published | Status::InProgress => undecided("Instagram was publishing it at this moment"),
            }),
        }
    }
}
