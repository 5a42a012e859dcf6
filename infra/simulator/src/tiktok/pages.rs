//! What a person sees.

use super::view::StateView;
use crate::html::{self, escape};
use crate::reply::Reply;
use std::fmt::Write as _;

/// The accounts with their videos, and what is under way.
pub(crate) fn front(state: &StateView) -> Reply {
    let mut body = String::from("<h1>Simulated TikTok</h1>");
    for account in &state.accounts {
        let kind = if account.is_private { "private" } else { "public" };
        let _ =
            write!(body, "<h2>{}</h2><p class=\"note\">{}, {kind}</p>", escape(&account.display_name), account.open_id);
        for task in account.tasks.iter().filter(|task| task.step != "complete") {
            let reason = task.fail_reason.as_deref().unwrap_or_default();
            let _ = write!(body, "<p class=\"note\">{}: {} {}</p>", escape(&task.id), task.step, escape(reason));
        }
        for video in &account.videos {
            let by = if video.publish_id.is_some() { "through an app" } else { "in the app" };
            let seen = if video.is_public { "everyone sees it" } else { "not for everyone, or not yet" };
            let _ = write!(
                body,
                "<article><p>{}</p><p class=\"note\">{} {}, made {by}; {seen}</p></article>",
                escape(&video.text),
                video.id,
                escape(&video.privacy)
            );
        }
    }
    body.push_str("<p class=\"note\">State: <a href=\"_simulator/state\">_simulator/state</a></p>");
    Reply::html(200, html::page("Simulated TikTok", &body))
}
