//! What a person sees: which account shows what, and each post by its address.

use super::view::{MediaView, StateView};
use crate::html::{self, escape};
use crate::reply::Reply;
use std::fmt::Write as _;

/// The accounts with their posts.
pub(crate) fn front(state: &StateView) -> Reply {
    let mut body = String::from("<h1>Simulated Instagram</h1>");
    for account in &state.accounts {
        let _ = write!(
            body,
            "<h2>@{}</h2><p class=\"note\">{}, {}</p>",
            escape(&account.username),
            escape(&account.kind),
            account.id
        );
        account.media.iter().for_each(|media| show(media, &mut body));
    }
    body.push_str("<p class=\"note\">State: <a href=\"_simulator/state\">_simulator/state</a></p>");
    Reply::html(200, html::page("Simulated Instagram", &body))
}

fn show(media: &MediaView, body: &mut String) {
    let by = if media.by_app { "through the API" } else { "by a person" };
    let _ = write!(
        body,
        "<article><p><a href=\"{}\">{}</a></p><p>{}</p>",
        escape(&media.permalink),
        escape(&media.kind),
        escape(media.caption.as_deref().unwrap_or_default())
    );
    for file in &media.files {
        let _ = write!(body, "<p class=\"note\">{}</p>", escape(file));
    }
    let _ = write!(body, "<p class=\"note\">{} {}, made {by}</p></article>", escape(&media.product), escape(&media.at));
}

/// One post.
pub(crate) fn post(state: &StateView, shortcode: &str) -> Reply {
    let ending = format!("/{shortcode}/");
    let mut all = state.accounts.iter().flat_map(|account| &account.media);
    match all.find(|media| media.permalink.ends_with(&ending)) {
        Some(media) => {
            let mut body = String::new();
            show(media, &mut body);
            Reply::html(200, html::page("Simulated Instagram", &body))
        }
        None => Reply::html(404, html::page("Nothing here", "<p>Sorry, this page isn't available.</p>")),
    }
}
