//! What a person sees: which campaign went to whom, and each campaign as it looks in the archive.

use super::view::{CampaignView, StateView};
use crate::html::{self, escape};
use crate::reply::Reply;
use std::fmt::Write as _;

/// The audiences with their campaigns.
pub(crate) fn front(state: &StateView) -> Reply {
    let mut body = String::from("<h1>Simulated Mailchimp</h1>");
    for audience in &state.audiences {
        let _ = write!(
            body,
            "<h2>{}</h2><p class=\"note\">{}, {} members, {}</p>",
            escape(&audience.name),
            escape(&audience.account),
            audience.members,
            audience.id
        );
        audience.campaigns.iter().for_each(|campaign| line(campaign, &mut body));
    }
    body.push_str("<p class=\"note\">State: <a href=\"_simulator/state\">_simulator/state</a></p>");
    Reply::html(200, html::page("Simulated Mailchimp", &body))
}

fn line(campaign: &CampaignView, body: &mut String) {
    let by = if campaign.by_api { "through the API" } else { "by a person" };
    let _ = write!(
        body,
        "<article><p><a href=\"archive/{}\">{}</a></p><p class=\"note\">{} ({}), {} of {} mails out, made {by}</p></article>",
        campaign.id,
        escape(if campaign.subject.is_empty() { &campaign.title } else { &campaign.subject }),
        campaign.status,
        escape(&campaign.kind),
        campaign.emails_sent,
        campaign.recipients
    );
}

/// One campaign. Its HTML is shown in a frame that may do nothing.
pub(crate) fn archive(state: &StateView, id: &str) -> Reply {
    let campaign = state.audiences.iter().flat_map(|audience| &audience.campaigns).find(|campaign| campaign.id == id);
    let Some(campaign) = campaign else {
        return Reply::html(404, html::page("Nothing here", "<p>There is no such campaign.</p>"));
    };
    let (name, address) = &campaign.from;
    let mut body = format!(
        "<h1>{}</h1><p class=\"note\">from {} &lt;{}&gt;, {}</p>",
        escape(&campaign.subject),
        escape(name),
        escape(address),
        campaign.status
    );
    if let Some(html) = &campaign.html {
        let _ = write!(body, "<iframe sandbox width=\"100%\" height=\"400\" srcdoc=\"{}\"></iframe>", escape(html));
    }
    if let Some(text) = &campaign.plain_text {
        let _ = write!(body, "<article><p>{}</p></article>", escape(text));
    }
    Reply::html(200, html::page(&campaign.subject, &body))
}
