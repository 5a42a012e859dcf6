//! Campaigns to an audience at Mailchimp.

use std::time::Instant;

use http::Method;
use serde_json::{Value, json};
use simulator::mailchimp::{
    APP,
    seed::{ADA, GARDENERS, GRACE, NEWSLETTER, REGULARS, TEMPLATE},
};

use super::account::{Account, Connect, Kind, POST};
use super::{Chapter, ours, under};
use crate::demo::steps::{Failure, field, text};

/// How many members the audience has, and the part of it that a segment names.
const MEMBERS: u64 = 120;
const SEGMENT: u64 = 40;

pub(super) async fn tell(chapter: &Chapter<'_>) -> Result<(), Failure> {
    chapter.control("mailchimp", "settings", json!({ "sending_takes_seconds": 1 })).await?;
    let connect = Connect {
        platform: "mailchimp",
        chosen: &[("user", ADA)],
        destination: NEWSLETTER.to_owned(),
        shows,
        ids: &["id"],
        call: "/actions/send",
    };
    let mut audience = Account::connect(chapter, "A person connects an account with its audiences", connect).await?;
    audience.publish("Each kind of campaign is sent", kinds()).await?;
    audience.never_renewed("/oauth2/token").await?;
    audience.lose(("POST", "send"), regular("Did it go out?", MEMBERS)).await?;
    audience.figures("plain text").await?;
    // Its mails stay out.
    audience.take_down("plain text").await?;
    webhook(&audience).await?;
    stop(chapter).await
}

/// Where the plan allows it, what is being sent is stopped.
async fn stop(chapter: &Chapter<'_>) -> Result<(), Failure> {
    let slowly = json!({ "sending_takes_seconds": 600 });
    chapter.control("mailchimp", "settings", slowly).await?;
    let connect = Connect {
        platform: "mailchimp",
        chosen: &[("user", GRACE)],
        destination: GARDENERS.to_owned(),
        shows,
        ids: &["id"],
        call: "/actions/send",
    };
    let title = "Another person connects an account whose plan lets campaigns be stopped";
    let mut gardeners = Account::connect(chapter, title, connect).await?;
    let kind = Kind {
        name: "campaign",
        content: json!({ "text": "Too early" }),
        options: json!({ "subject": "Too early", "html": "<p>Too early</p>" }),
        shown: json!({ "kind": "regular", "status": "sending", "subject": "Too early" }),
    };
    gardeners.publish("A large campaign begins to be sent", vec![kind]).await?;
    gardeners.take_down("campaign").await
}

async fn webhook(audience: &Account<'_>) -> Result<(), Failure> {
    let chapter = audience.chapter;
    let began = Instant::now();
    // The key lets Mailchimp find somebody at the address; what is believed is the signature.
    let address = chapter.steps.client.api_address(&format!("/webhooks/mailchimp?key={}", APP.verify_token));
    let hook = json!({ "list": NEWSLETTER, "url": address });
    if field(&chapter.control("mailchimp", "webhooks", hook).await?, "/answered") != true {
        return Err("nobody answers at the address of the webhook".into());
    }
    let written = json!({ "list": NEWSLETTER, "subject": "Written by hand", "send": true });
    let campaign = chapter.control("mailchimp", "campaigns", written).await?;
    let campaign = text(&campaign, "id")?;
    // It tells when the last mail is out.
    let is_sent = async || {
        let state = chapter.steps.client.control_of("mailchimp", Method::GET, "state", None).await?;
        let campaigns = under(&state, "/audiences", ("id", NEWSLETTER), "/campaigns");
        let is_it = |one: &&Value| field(one, "/id") == campaign && field(one, "/status") == "sent";
        let sent = campaigns.into_iter().find(is_it);
        Ok(sent.map(|_| ()).ok_or_else(|| "the campaign that was written by hand has not been sent".to_owned()))
    };
    chapter.steps.eventually(is_sent).await?;
    let title = "Mailchimp tells by a signed webhook that somebody sent a campaign";
    audience.hears(title, began, ("post.published", Some(campaign))).await
}

fn regular(subject: &str, recipients: u64) -> Kind {
    Kind {
        name: "regular",
        content: json!({ "text": "Fresh bread, as text" }),
        options: json!({
            "subject": subject, "html": format!("<p>{subject}</p>"), "from_name": "The bakery",
            "test_emails": ["ada@bakery.example.com"],
        }),
        shown: json!({
            "kind": "regular", "status": "sent", "subject": subject, "html": format!("…<p>{subject}</p>…"),
            "plain_text": "…Fresh bread, as text…", "recipients": recipients, "emails_sent": recipients,
            "from": ["The bakery", "news@bakery.example.com"], "tests": [["ada@bakery.example.com"]],
            "title": format!("…[postd:{POST}-t1]…"),
        }),
    }
}

fn kinds() -> Vec<Kind> {
    let sent = |kind: &str, subject: &str, recipients: u64| {
        json!({
            "kind": kind, "status": "sent", "subject": subject, "recipients": recipients, "emails_sent": recipients,
        })
    };
    let with = |mut shown: Value, more: Value| {
        if let (Some(members), Value::Object(more)) = (shown.as_object_mut(), more) {
            members.extend(more);
        }
        shown
    };
    vec![
        Kind { name: "regular, test", ..regular("Bread", MEMBERS) },
        Kind {
            name: "plain text",
            content: json!({ "text": "Nothing but words" }),
            options: json!({ "subject": "Plain" }),
            shown: with(
                sent("plaintext", "Plain", MEMBERS),
                json!({ "html": null, "plain_text": "…Nothing but words…", "tests": [] }),
            ),
        },
        Kind {
            name: "template",
            content: json!({}),
            options: json!({
                "subject": "Filled in",
                "template": { "id": TEMPLATE, "sections": { "body": "<p>Rye</p>", "footer": "<p>*|UNSUB|*</p>" } },
            }),
            shown: with(sent("regular", "Filled in", MEMBERS), json!({ "html": "…<p>Rye</p>…" })),
        },
        Kind {
            name: "segment",
            content: json!({ "text": "For regulars" }),
            options: json!({ "subject": "Regulars", "html": "<p>Regulars</p>", "segment": { "saved": REGULARS } }),
            shown: sent("regular", "Regulars", SEGMENT),
        },
        Kind {
            name: "A/B test",
            content: json!({ "text": "Which one?" }),
            options: json!({
                "html": "<p>Which one?</p>",
                "ab_test": {
                    "winner": "opens", "wait_minutes": 60, "test_size": 50, "subjects": ["Bread today", "Rye today"],
                },
            }),
            shown: json!({
                "kind": "variate", "status": "sent", "recipients": MEMBERS,
                "variate_settings": { "winner_criteria": "opens", "subject_lines": ["Bread today", "Rye today"] },
            }),
        },
    ]
}

fn shows(state: &Value, audience: &str) -> Vec<Value> {
    ours(under(state, "/audiences", ("id", audience), "/campaigns"))
}
