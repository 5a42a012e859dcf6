//! A campaign as Mailchimp writes it: what is sent to make one, and where one stands.

use serde_json::{Map, Value, json};
use url::Url;

use super::api;
use crate::{
    connector::{ConnectorError, Prepared},
    options::{MailchimpAbTest, MailchimpMatch, MailchimpOptions, MailchimpSegment, MailchimpWinner, Options},
};

/// How much of a subject stands in front of the marker in a campaign's own name.
const NAME_LIMIT: usize = 60;

/// Where a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// A draft: nothing of it went out.
    Draft,
    /// Its time was set, by somebody at Mailchimp.
    Scheduled,
    /// It is being sent, or has been, or was stopped while it was.
    Sent,
    /// It waits for a decision of its owner.
    Paused,
}

/// Reads where a campaign stands.
///
/// # Errors
/// It stands where no document says that one can.
pub(super) fn status(campaign: &Value) -> Result<Status, ConnectorError> {
    match campaign.get("status").and_then(Value::as_str) {
        Some("save") => Ok(Status::Draft),
        Some("schedule") => Ok(Status::Scheduled),
        Some("sending" | "sent" | "canceling" | "canceled" | "archived") => Ok(Status::Sent),
        Some("paused") => Ok(Status::Paused),
        Some(_) | None => Err(ConnectorError::Unreadable { what: "the status of a campaign" }),
    }
}

/// Where people read a campaign that was sent.
pub(super) fn archive(campaign: &Value) -> Option<Url> {
    api::web_address(campaign.get("long_archive_url")).or_else(|| api::web_address(campaign.get("archive_url")))
}

/// The end of the name that a campaign of this target has, and no other.
pub(super) fn tag(marker: &str) -> String {
    format!("[postd:{marker}]")
}

/// Whether a listed campaign is the one of this target.
pub(super) fn is_tagged(campaign: &Value, marker: &str) -> bool {
    let title = campaign.pointer("/settings/title").and_then(Value::as_str);
    !marker.is_empty() && title.is_some_and(|title| title.ends_with(&tag(marker)))
}

/// What the audience says of its mails, for what a target leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
}

/// The options of a post; none are like empty ones.
pub(super) fn options(post: &Prepared) -> MailchimpOptions {
    post.options.as_ref().and_then(Options::mailchimp).cloned().unwrap_or_default()
}

/// Whether the audience must be asked who sends its mails.
pub(super) fn lacks_sender(options: &MailchimpOptions) -> bool {
    let tests = |variants: fn(&MailchimpAbTest) -> &Vec<String>| {
        options.ab_test.as_ref().is_some_and(|test| !variants(test).is_empty())
    };
    (options.from_name.is_none() && !tests(|test| &test.from_names))
        || (options.reply_to.is_none() && !tests(|test| &test.reply_to_addresses))
}

/// The body of the call that creates a campaign.
pub(super) fn draft(post: &Prepared, options: &MailchimpOptions, sender: &Sender) -> Value {
    let kind = if options.ab_test.is_some() {
        "variate"
    } else if has_html(options) {
        "regular"
    } else {
        "plaintext"
    };
    let mut recipients = Map::from_iter([("list_id".to_owned(), json!(post.destination))]);
    recipients.extend(options.segment.as_ref().map(|segment| ("segment_opts".to_owned(), segment_opts(segment))));
    let mut body = json!({ "type": kind, "recipients": recipients, "settings": settings(post, options, sender) });
    let tracking = options.tracking.as_ref().map(|tracking| {
        without_nulls(json!({
            "opens": tracking.opens,
            "html_clicks": tracking.html_clicks,
            "text_clicks": tracking.text_clicks,
            "google_analytics": tracking.google_analytics,
        }))
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(tracking.map(|tracking| ("tracking".to_owned(), tracking)));
        members.extend(options.ab_test.as_ref().map(|test| ("variate_settings".to_owned(), variate_settings(test))));
    }
    body
}

fn settings(post: &Prepared, options: &MailchimpOptions, sender: &Sender) -> Value {
    let front: String = options.subject.as_deref().unwrap_or_default().chars().take(NAME_LIMIT).collect();
    let title = format!("{front} {}", tag(&post.marker));
    let footer = options.auto_footer.or_else(|| options.html.as_ref().map(|html| !html.contains("*|UNSUB|*")));
    without_nulls(json!({
        "subject_line": options.subject,
        "preview_text": options.preview_text,
        "title": title.trim_start(),
        "from_name": options.from_name.as_ref().or(sender.name.as_ref()),
        "reply_to": options.reply_to.as_ref().or(sender.address.as_ref()),
        "to_name": options.to_name,
        "folder_id": options.folder_id,
        "auto_footer": footer,
        "inline_css": options.inline_css,
    }))
}

fn segment_opts(segment: &MailchimpSegment) -> Value {
    match segment {
        MailchimpSegment::Saved(id) => json!({ "saved_segment_id": id }),
        MailchimpSegment::Matching(conditions) => json!({
            "match": match conditions.matching {
                MailchimpMatch::Any => "any",
                MailchimpMatch::All => "all",
            },
            "conditions": conditions.conditions,
        }),
    }
}

fn variate_settings(test: &MailchimpAbTest) -> Value {
    let some = |variants: &Vec<String>| (!variants.is_empty()).then(|| variants.clone());
    without_nulls(json!({
        "winner_criteria": match test.winner {
            MailchimpWinner::Opens => "opens",
            MailchimpWinner::Clicks => "clicks",
            MailchimpWinner::TotalRevenue => "total_revenue",
            MailchimpWinner::Manual => "manual",
        },
        "wait_time": test.wait_minutes,
        "test_size": test.test_size,
        "subject_lines": some(&test.subjects),
        "from_names": some(&test.from_names),
        "reply_to_addresses": some(&test.reply_to_addresses),
    }))
}

fn has_html(options: &MailchimpOptions) -> bool {
    options.html.is_some() || options.template.is_some()
}

/// The body of the call that fills a campaign.
pub(super) fn content(post: &Prepared, options: &MailchimpOptions) -> Value {
    let text = post.content.text.as_deref().filter(|text| !text.trim().is_empty());
    let template =
        options.template.as_ref().map(|template| json!({ "id": template.id, "sections": template.sections }));
    without_nulls(json!({ "html": options.html, "template": template, "plain_text": text }))
}

/// The body of the call that sends a test.
pub(super) fn test(options: &MailchimpOptions) -> Value {
    let kind = if has_html(options) { "html" } else { "plaintext" };
    json!({ "test_emails": options.test_emails, "send_type": kind })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => other,
    }
}
