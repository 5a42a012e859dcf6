//! What a person sees: which post stands at which location.

use super::view::{PostView, StateView};
use crate::html::{self, escape};
use crate::reply::Reply;
use serde_json::Value;
use std::fmt::Write as _;

/// The locations with their posts.
pub(crate) fn front(state: &StateView) -> Reply {
    let mut body = String::from("<h1>Simulated Google Business Profile</h1>");
    for location in &state.locations {
        let _ = write!(body, "<h2>{}</h2><p class=\"note\">{}</p>", escape(&location.title), escape(&location.id));
        location.posts.iter().for_each(|post| article(post, &mut body));
    }
    body.push_str("<p class=\"note\">State: <a href=\"_simulator/state\">_simulator/state</a></p>");
    Reply::html(200, html::page("Simulated Google Business Profile", &body))
}

fn article(post: &PostView, body: &mut String) {
    let text = |pointer: &str| {
        let (name, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
        let value = post.said.get(name).and_then(|value| if rest.is_empty() { Some(value) } else { value.get(rest) });
        value.and_then(Value::as_str).map(escape)
    };
    let _ = write!(body, "<article><p>{}</p>", escape(&post.text));
    if let Some(title) = text("event/title") {
        let _ = write!(body, "<p><b>{title}</b></p>");
    }
    for url in [text("callToAction/url"), text("offer/redeemOnlineUrl")].into_iter().flatten() {
        let _ =
            write!(body, "<p>{} <a href=\"{url}\">{url}</a></p>", text("callToAction/actionType").unwrap_or_default());
    }
    for photo in &post.photos {
        let _ = write!(body, "<p><img alt=\"\" src=\"{}\"></p>", escape(photo));
    }
    let topic = text("topicType").unwrap_or_default();
    let _ = write!(body, "<p class=\"note\">{topic}, {}, {}</p></article>", post.state, escape(&post.name));
}
