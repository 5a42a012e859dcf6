//! What v4 takes for a post: strict, with its numbers and its fields.

use super::error::ApiError;
use crate::call::Call;
use serde_json::{Map, Value};
use url::Url;

const TOPICS: [&str; 3] = ["STANDARD", "EVENT", "OFFER"];
const ACTIONS: [&str; 6] = ["BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "CALL"];
const FIELDS: [&str; 7] = ["topicType", "languageCode", "summary", "callToAction", "event", "offer", "media"];

/// The post of a call, and the addresses of its photos.
pub(crate) fn post(call: &Call) -> Result<(Map<String, Value>, Vec<Url>), ApiError> {
    let Some(Value::Object(mut said)) = call.json() else { return Err(ApiError::invalid("Invalid JSON payload.")) };
    if let Some(unknown) = said.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(ApiError::invalid(&format!("Invalid JSON payload received. Unknown name \"{unknown}\".")));
    }
    let topic = said.get("topicType").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !TOPICS.contains(&topic.as_str()) {
        return Err(ApiError::validation(2, "topic_type", "Topic type is required for post creation."));
    }
    summary(&said)?;
    call_to_action(&said)?;
    event(&said, &topic)?;
    offer(&said, &topic)?;
    let photos = photos(&said)?;
    said.remove("media");
    if topic == "OFFER" {
        // Ignored for offers, without a word.
        said.remove("callToAction");
    }
    Ok((said, photos))
}

fn summary(said: &Map<String, Value>) -> Result<(), ApiError> {
    match said.get("summary") {
        None => Ok(()),
        Some(Value::String(text)) if text.chars().count() <= 1_500 => Ok(()),
        Some(_) => Err(ApiError::validation(3, "summary", "The summary is too long.")),
    }
}

fn call_to_action(said: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(button) = said.get("callToAction") else { return Ok(()) };
    let wrong = |message: &str| Err(ApiError::validation(4, "call_to_action", message));
    let action = button.get("actionType").and_then(Value::as_str).unwrap_or_default();
    let url = button.get("url").and_then(Value::as_str);
    if !ACTIONS.contains(&action) {
        return wrong("The action type is invalid.");
    }
    match (action, url) {
        ("CALL", None) => Ok(()),
        ("CALL", Some(_)) => wrong("The URL must be unset for CALL."),
        (_, Some(url)) if is_web(url) => Ok(()),
        (_, _) => wrong("The URL is required."),
    }
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn event(said: &Map<String, Value>, topic: &str) -> Result<(), ApiError> {
    let wrong = |field: &str, message: &str| Err(ApiError::validation(6, field, message));
    let Some(event) = said.get("event") else {
        return if topic == "STANDARD" { Ok(()) } else { wrong("event", "The event is required.") };
    };
    if topic == "STANDARD" {
        return wrong("event", "A standard post has no event.");
    }
    if event.get("title").and_then(Value::as_str).is_none_or(|title| title.trim().is_empty()) {
        return wrong("event.title", "The title is required.");
    }
    let number = |pointer: &str| event.pointer(&format!("/schedule{pointer}")).and_then(Value::as_u64);
    let moment = |when: &str| {
        let date = ["year", "month", "day"].map(|part| number(&format!("/{when}Date/{part}")));
        // A time of midnight has no members, but it has to be there.
        let has_time = event.pointer(&format!("/schedule/{when}Time")).is_some_and(Value::is_object);
        let time = ["hours", "minutes"].map(|part| number(&format!("/{when}Time/{part}")).unwrap_or_default());
        let date: Option<Vec<u64>> = date.into_iter().collect();
        date.filter(|_| has_time).map(|date| (date, time))
    };
    match (moment("start"), moment("end")) {
        (Some(start), Some(end)) if start < end => Ok(()),
        (Some(_), Some(_)) => wrong("event.schedule", "The event ends before it begins."),
        _ => wrong("event.schedule", "Date and time of start and end are required."),
    }
}

fn offer(said: &Map<String, Value>, topic: &str) -> Result<(), ApiError> {
    match said.get("offer") {
        Some(_) if topic != "OFFER" => Err(ApiError::validation(7, "offer", "Only offers have an offer.")),
        Some(offer) if offer.get("redeemOnlineUrl").is_some_and(|url| !url.as_str().is_some_and(is_web)) => {
            Err(ApiError::validation(7, "offer.redeem_online_url", "The URL is invalid."))
        }
        Some(_) | None => Ok(()),
    }
}

fn photos(said: &Map<String, Value>) -> Result<Vec<Url>, ApiError> {
    let wrong = |message: &str| ApiError::validation(5, "media", message);
    let media = said.get("media").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if media.len() > 1 {
        return Err(wrong("Only one media item is allowed."));
    }
    media
        .iter()
        .map(|item| {
            let format = item.get("mediaFormat").and_then(Value::as_str);
            if format != Some("PHOTO") || item.get("dataRef").is_some() {
                return Err(wrong("Only photos by their source URL are allowed."));
            }
            let url = item.get("sourceUrl").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
            url.ok_or_else(|| wrong("The source URL is required."))
        })
        .collect()
}
