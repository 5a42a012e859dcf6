//! A post as Google has it: what kind it is, what it says, where it leads, and how far it has come.

use jiff::civil::DateTime;
use serde_json::{Map, Value, json};
use url::Url;

use super::api;
use crate::{
    connector::{ConnectorError, Prepared, Published},
    content::Content,
    options::{GbpAction, GbpEvent, GbpOptions, Options},
};

/// What the marker of a post is called in an address.
const MARK: &str = "utm_id";

/// What kind of post it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Standard,
    Event,
    Offer,
}

impl Topic {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Event => "EVENT",
            Self::Offer => "OFFER",
        }
    }
}

/// How far a post has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// People see it, or will by Google's own schedule.
    Out,
    /// Google is looking at it, or says something that nobody knows.
    Processing,
    /// Google does not show it, and never says why.
    Rejected,
}

pub(super) fn state(post: &Value) -> State {
    match post.get("state").and_then(Value::as_str) {
        Some("LIVE" | "SCHEDULED" | "RECURRING") => State::Out,
        Some("REJECTED") => State::Rejected,
        Some(_) | None => State::Processing,
    }
}

/// What the target says beyond the content.
pub(super) fn options(options: Option<&Options>) -> GbpOptions {
    options.and_then(Options::gbp).cloned().unwrap_or_default()
}

pub(super) fn topic(options: &GbpOptions) -> Topic {
    if options.offer.is_some() {
        Topic::Offer
    } else if options.event.is_some() {
        Topic::Event
    } else {
        Topic::Standard
    }
}

/// What the button says, and where it leads.
pub(super) fn button(content: &Content, options: &GbpOptions) -> Option<(GbpAction, Option<Url>)> {
    if options.offer.is_some() {
        return None;
    }
    match &options.call_to_action {
        Some(wanted) => Some((wanted.action, wanted.url.clone().or_else(|| content.link.clone()))),
        None => content.link.clone().map(|link| (GbpAction::LearnMore, Some(link))),
    }
}

/// Where an offer is redeemed.
pub(super) fn redeem_url(content: &Content, options: &GbpOptions) -> Option<Url> {
    options.offer.as_ref()?.redeem_url.clone().or_else(|| content.link.clone())
}

const fn action(action: GbpAction) -> &'static str {
    match action {
        GbpAction::Book => "BOOK",
        GbpAction::Order => "ORDER",
        GbpAction::Shop => "SHOP",
        GbpAction::LearnMore => "LEARN_MORE",
        GbpAction::SignUp => "SIGN_UP",
        GbpAction::Call => "CALL",
    }
}

/// Whether the post's own address leads anywhere and carries our mark: then that alone tells it from every other post.
pub(super) fn is_marked(content: &Content, options: &GbpOptions, marker: &str) -> bool {
    let url = button(content, options).and_then(|(_, url)| url).or_else(|| redeem_url(content, options));
    url.is_some_and(|url| mark_of(&marked(&url, options, marker)).as_deref() == Some(marker)) && !marker.is_empty()
}

/// The mark in an address.
pub(super) fn mark_of(url: &Url) -> Option<String> {
    url.query_pairs().find(|(name, _)| name == MARK).map(|(_, value)| value.into_owned())
}

fn marked(url: &Url, options: &GbpOptions, marker: &str) -> Url {
    let mut url = url.clone();
    if options.mark_link != Some(false) && !marker.is_empty() && mark_of(&url).is_none() {
        url.query_pairs_mut().append_pair(MARK, marker);
    }
    url
}

/// The body of the call that makes a post.
pub(super) fn body(post: &Prepared) -> Value {
    let options = options(post.options.as_ref());
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("topicType", topic(&options).name().into());
    if let Some(language) = &options.language {
        set("languageCode", language.as_str().into());
    }
    if let Some(text) = &post.content.text {
        set("summary", text.as_str().into());
    }
    if let Some((wanted, url)) = button(&post.content, &options) {
        let url = url.map(|url| marked(&url, &options, &post.marker));
        set("callToAction", without_nulls(json!({"actionType": action(wanted), "url": url.as_ref().map(Url::as_str)})));
    }
    if let Some(event) = &options.event {
        set("event", event_of(event));
    }
    if let Some(offer) = &options.offer {
        let url = redeem_url(&post.content, &options).map(|url| marked(&url, &options, &post.marker));
        let offer = json!({
            "couponCode": offer.coupon_code,
            "redeemOnlineUrl": url.as_ref().map(Url::as_str),
            "termsConditions": offer.terms,
        });
        set("offer", without_nulls(offer));
    }
    if let Some(photo) = post.content.media.first() {
        set("media", json!([{"mediaFormat": "PHOTO", "sourceUrl": photo.address().as_str()}]));
    }
    Value::Object(body)
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

/// All four of date and time are needed, or Google does not take the schedule.
fn event_of(event: &GbpEvent) -> Value {
    let date = |at: DateTime| json!({"year": at.year(), "month": at.month(), "day": at.day()});
    let time = |at: DateTime| json!({"hours": at.hour(), "minutes": at.minute(), "seconds": at.second(), "nanos": 0});
    json!({
        "title": event.title,
        "schedule": {
            "startDate": date(event.start),
            "startTime": time(event.start),
            "endDate": date(event.end),
            "endTime": time(event.end),
        },
    })
}

/// A post that is out, from what Google says of it.
///
/// # Errors
/// It has no name at this location.
pub(super) fn published(post: &Value, destination: &str) -> Result<Published, ConnectorError> {
    let name = post.get("name").and_then(Value::as_str).filter(|name| is_at(name, destination));
    let name = name.ok_or(ConnectorError::Unreadable { what: "the name of the post" })?;
    Ok(Published { remote_id: name.to_owned(), url: api::web_address(post.get("searchUrl")) })
}

/// Whether a name is one of a post at this location. Google may name the location by another of its accounts.
pub(super) fn is_at(name: &str, destination: &str) -> bool {
    let location = api::place(destination).map(|(_, location)| location);
    location.is_some() && api::post(name).map(|(_, location, _)| location) == location
}
