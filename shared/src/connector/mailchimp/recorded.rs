//! What is recorded of Mailchimp, for the suite that holds for every connector. No line of it comes from a real account: the
//! shapes are those of the official Swagger and of the documentation of errors and webhooks.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{webhook, *};
use crate::{
    connector::{
        Disposition,
        compliance::{
            Conversation, Draft, Instance, Kind, Limit, Refused, Respelled, Signed, compliance,
            instance::{Times, answer, json_answer, tokens},
        },
    },
    hmac,
    secret::{AppSecret, VerifyToken},
};

compliance!(super::instance);

const RETRY: Disposition = Disposition::Retry(None);
const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;
const OPERATOR: Disposition = Disposition::Operator;

const LIST: &str = "a6b5da1054";
const CAMPAIGN: &str = "42694e9e57";
pub(super) const SIGNING_SECRET: &str = "whsec_compliance";

pub(super) fn app() -> AppCredentials {
    AppCredentials {
        client_id: "700000000001".into(),
        client_secret: AppSecret::new("app-secret"),
        previous_client_secret: None,
        webhook_verify_token: VerifyToken::new("hook-key"),
        previous_webhook_verify_token: None,
        webhook_secrets: vec![AppSecret::new("whsec_other"), AppSecret::new(SIGNING_SECRET)],
    }
}

pub(super) fn ok(body: &Value) -> Answer {
    json_answer(200, body)
}

pub(super) fn problem(status: u16, title: &str) -> Answer {
    json_answer(
        status,
        &json!({
            "type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status,
            "detail": "prose", "instance": "995c5cb0-3280-4a6e-808b-3b096d0bb219",
            "errors": [{"field": "settings.reply_to", "message": "more prose"}],
        }),
    )
}

/// The answers of 403 and 429 that come from in front of Mailchimp have no body of its own.
fn refusals() -> Vec<Refused> {
    let line = |answer: Answer, code: &'static str, after_publish: Disposition, otherwise: Disposition| Refused {
        name: format!("{code} with {}", answer.status.as_u16()),
        answer,
        code,
        after_publish,
        otherwise,
    };
    let refused = "mailchimp.request.refused";
    let mut lines: Vec<Refused> = ["Bad Request", "Invalid Resource", "Invalid Action", "JSON Parse Exception", "New"]
        .into_iter()
        .map(|title| line(problem(400, title), refused, FAIL, FAIL))
        .collect();
    // A problem that comes with 200 is a problem.
    let hidden = Answer { status: http::StatusCode::OK, ..problem(400, "Invalid Resource") };
    let html = |status| answer(status, "<html>Access Denied</html>");
    lines.extend([
        line(hidden, refused, FAIL, FAIL),
        line(problem(401, "API Key Missing"), "mailchimp.token.invalid", RECONNECT, RECONNECT),
        line(problem(401, "API Key Invalid"), "mailchimp.token.invalid", RECONNECT, RECONNECT),
        line(problem(403, "User Disabled"), "mailchimp.user.disabled", RECONNECT, RECONNECT),
        line(problem(403, "Forbidden"), "mailchimp.permission.missing", FAIL, FAIL),
        line(html(403), "mailchimp.rate.edge", RETRY, RETRY),
        line(answer(403, ""), "mailchimp.rate.edge", RETRY, RETRY),
        line(problem(404, "Resource Not Found"), "mailchimp.object.missing", FAIL, FAIL),
        line(problem(405, "Method Not Allowed"), "mailchimp.campaign.wrong_state", READ_BACK, FAIL),
        line(problem(414, "Resource Nested Too Deeply"), "mailchimp.request.malformed", FAIL, FAIL),
        line(problem(422, "Invalid Method Override"), "mailchimp.request.malformed", FAIL, FAIL),
        line(problem(426, "HTTPS Required"), "mailchimp.request.not_encrypted", OPERATOR, OPERATOR),
        line(problem(429, "Too Many Requests"), "mailchimp.rate.account", RETRY, RETRY),
        line(answer(429, "Too many requests"), "mailchimp.rate.account", RETRY, RETRY),
        line(problem(500, "Internal Server Error"), "mailchimp.service.unavailable", READ_BACK, RETRY),
        line(html(502), "mailchimp.service.unavailable", READ_BACK, RETRY),
        line(html(503), "mailchimp.service.unavailable", READ_BACK, RETRY),
        line(html(504), "mailchimp.service.unavailable", READ_BACK, RETRY),
        line(answer(408, ""), "mailchimp.service.unavailable", READ_BACK, RETRY),
        line(problem(451, "Unavailable For Legal Reasons"), "mailchimp.error.unknown", READ_BACK, FAIL),
        line(html(404), "platform.answer_unreadable", READ_BACK, RETRY),
        line(html(401), "platform.answer_unreadable", READ_BACK, RETRY),
    ]);
    lines
}

/// A post to the audience.
pub(super) fn post(content: Value, options: Value) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: Some(serde_json::from_value(Value::from_iter([("mailchimp", options)])).unwrap()),
        marker: "post_1-t1".into(),
        ..Prepared::at(LIST)
    }
}

fn campaign(status: &str) -> Value {
    json!({
        "id": CAMPAIGN, "web_id": 17, "type": "regular", "status": status, "emails_sent": 0, "send_time": "",
        "create_time": "2026-11-21T10:00:00+00:00", "long_archive_url": "https://mailchi.mp/example/a",
        "recipients": {"list_id": LIST, "recipient_count": 120}, "settings": {"title": "Bread [postd:post_1-t1]"},
    })
}

fn kinds() -> Vec<Kind> {
    let none = ok(
        &json!({"campaigns": [{"id": "0000000000", "status": "sent", "settings": {"title": "x"}}], "total_items": 1}),
    );
    let defaults =
        ok(&json!({"id": LIST, "campaign_defaults": {"from_name": "Bakery", "from_email": "a@example.com"}}));
    let created = ok(&campaign("save"));
    let filled = ok(&json!({"plain_text": "a", "html": "<p>a</p>", "archive_html": "<p>a</p>"}));
    let ready = ok(&json!({"is_ready": true, "items": [{"type": "success", "id": 101}]}));
    let not_yet = ok(&json!({"is_ready": false, "items": [{"type": "error", "id": 401}]}));
    let done = answer(204, "");
    let sender = json!({"subject": "Bread", "from_name": "Bakery", "reply_to": "a@example.com"});
    let with = |more: Value| {
        let mut options = sender.clone();
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options
    };
    let usual = || vec![none.clone(), created.clone(), filled.clone(), ready.clone(), done.clone()];
    let kind = |name, post, answers| Kind { name, post, answers, remote_id: CAMPAIGN };
    let text = json!({"text": "Fresh bread"});
    vec![
        kind("plain text", post(text.clone(), sender.clone()), usual()),
        kind(
            "HTML, with the audience's own sender",
            post(text.clone(), json!({"subject": "Bread", "html": "<p>Bread</p>"})),
            vec![none.clone(), defaults, created.clone(), filled.clone(), not_yet, ready.clone(), done.clone()],
        ),
        kind(
            "a template to a segment",
            post(
                json!({}),
                with(json!({"template": {"id": 17, "sections": {"body": "<p>"}}, "segment": {"saved": 501}})),
            ),
            usual(),
        ),
        kind(
            "an A/B test with a test mail",
            post(
                text.clone(),
                with(json!({
                    "html": "<p>*|UNSUB|*</p>", "test_emails": ["b@example.com"],
                    "ab_test": {"winner": "opens", "wait_minutes": 60, "test_size": 20, "subjects": ["A", "B"]},
                    "segment": {"matching": {"match": "any", "conditions": [
                        {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Ada"},
                    ]}},
                })),
            ),
            vec![none.clone(), created.clone(), filled.clone(), ready.clone(), done.clone(), done.clone()],
        ),
        kind(
            "plain text with every option",
            post(
                text.clone(),
                with(json!({
                    "preview_text": "From six", "to_name": "*|FNAME|*", "folder_id": "a1", "auto_footer": true, "inline_css": true,
                    "tracking": {"opens": true, "html_clicks": true, "text_clicks": true, "google_analytics": "bread"},
                })),
            ),
            usual(),
        ),
        kind(
            "an A/B test of senders",
            post(
                text.clone(),
                json!({"subject": "Bread", "from_name": "Bakery", "html": "<p>*|UNSUB|*</p>", "ab_test": {
                    "winner": "total_revenue", "wait_minutes": 120, "test_size": 100,
                    "reply_to_addresses": ["a@example.com", "b@example.com"],
                }}),
            ),
            usual(),
        ),
        kind(
            "a draft that an earlier run has made",
            post(text, sender.clone()),
            vec![ok(&json!({"campaigns": [campaign("save")], "total_items": 1})), filled, ready, done],
        ),
    ]
}

fn limits() -> Vec<Limit> {
    let draft = |content: Value, options: Value| Draft::new(content, Some(json!({ "mailchimp": options })));
    let text = || json!({"text": "Bread"});
    let with = |options: Value| {
        let mut all = json!({"subject": "Bread"});
        all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        draft(text(), all)
    };
    let usual = || with(json!({}));
    let long = |length: usize| "é".repeat(length);
    let limit = |rule, within: Draft, beyond: Draft| Limit { rule, within, beyond };
    let lines = [
        ("mailchimp.subject.too_long", "subject"),
        ("mailchimp.preview_text.too_long", "preview_text"),
        ("mailchimp.from_name.too_long", "from_name"),
        ("mailchimp.to_name.too_long", "to_name"),
    ];
    let lines = lines.map(|(rule, name)| limit(rule, with(json!({name: long(150)})), with(json!({name: long(151)}))));
    let compared = |changes: Value| {
        let mut comparison = json!({"winner": "opens", "wait_minutes": 60, "test_size": 20, "subjects": ["A", "B"]});
        comparison.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        with(json!({"ab_test": comparison}))
    };
    let emails = |count: usize| with(json!({"test_emails": vec!["a@example.com"; count]}));
    let conditions = |count: usize| {
        let condition = json!({"condition_type": "TextMerge", "field": "FNAME", "op": "is"});
        with(json!({"segment": {"matching": {"match": "all", "conditions": vec![condition; count]}}}))
    };
    let analytics = |length: usize| with(json!({"tracking": {"google_analytics": "a".repeat(length)}}));
    let mut limits = Vec::from(lines);
    limits.extend([
        limit("mailchimp.post.empty", usual(), draft(json!({"text": " "}), json!({"subject": "a", "html": " "}))),
        limit("mailchimp.subject.missing", usual(), draft(text(), json!({}))),
        limit("mailchimp.subject.missing", compared(json!({})), draft(text(), json!({"subject": " "}))),
        limit(
            "mailchimp.link.unsupported",
            usual(),
            draft(json!({"text": "a", "link": "https://e.com"}), json!({"subject": "a"})),
        ),
        limit(
            "mailchimp.media.unsupported",
            usual(),
            draft(
                json!({"text": "a", "media": [{"url": "https://e.com/a", "kind": "image"}]}),
                json!({"subject": "a"}),
            ),
        ),
        limit(
            "mailchimp.template.with_html",
            with(json!({"template": {"id": 1}})),
            with(json!({"template": {"id": 1}, "html": "<p>"})),
        ),
        limit(
            "mailchimp.template.not_an_id",
            with(json!({"template": {"id": 1}})),
            with(json!({"template": {"id": 0}})),
        ),
        limit(
            "mailchimp.reply_to.not_an_address",
            with(json!({"reply_to": "a@b.cd"})),
            with(json!({"reply_to": "a@b"})),
        ),
        limit("mailchimp.test_emails.too_many", emails(10), emails(11)),
        limit("mailchimp.test_emails.not_an_address", emails(1), with(json!({"test_emails": ["a"]}))),
        limit("mailchimp.tracking.too_long", analytics(50), analytics(51)),
        limit("mailchimp.folder.not_an_id", with(json!({"folder_id": "a1"})), with(json!({"folder_id": "../a"}))),
        limit(
            "mailchimp.segment.not_an_id",
            with(json!({"segment": {"saved": 1}})),
            with(json!({"segment": {"saved": 0}})),
        ),
        limit("mailchimp.segment.conditions", conditions(5), conditions(6)),
        limit("mailchimp.segment.conditions", conditions(1), conditions(0)),
        limit("mailchimp.ab_test.kind", compared(json!({})), compared(json!({"from_names": ["A", "B"]}))),
        limit("mailchimp.ab_test.kind", compared(json!({})), compared(json!({"subjects": []}))),
        limit(
            "mailchimp.ab_test.variants",
            compared(json!({"subjects": ["A", "B", "C"]})),
            compared(json!({"subjects": ["A", "B", "C", "D"]})),
        ),
        limit("mailchimp.ab_test.variants", compared(json!({})), compared(json!({"subjects": ["A"]}))),
        limit("mailchimp.ab_test.size", compared(json!({"test_size": 10})), compared(json!({"test_size": 9}))),
        limit("mailchimp.ab_test.size", compared(json!({"test_size": 100})), compared(json!({"test_size": 101}))),
        limit(
            "mailchimp.ab_test.wait",
            compared(json!({"wait_minutes": 44_640})),
            compared(json!({"wait_minutes": 44_641})),
        ),
        limit(
            "mailchimp.ab_test.wait",
            compared(json!({"wait_minutes": null, "winner": "manual"})),
            compared(json!({"wait_minutes": null})),
        ),
    ]);
    limits
}

fn conversations() -> Vec<(Conversation, Vec<Answer>)> {
    let about = ok(
        &json!({"account_id": "8d3a3db4d97663a9074efcc16", "login_id": "10000001", "account_name": "Bakery", "role": "owner"}),
    );
    let lists = |total: u64| ok(&json!({"lists": [{"id": LIST, "name": "Newsletter"}], "total_items": total}));
    let report = json!({
        "emails_sent": 120, "abuse_reports": 0, "unsubscribed": 1,
        "bounces": {"hard_bounces": 2, "soft_bounces": 1, "syntax_errors": 0},
        "opens": {"opens_total": 60, "unique_opens": 50, "open_rate": 0.42},
        "clicks": {"clicks_total": 9, "unique_clicks": 7, "click_rate": 0.06},
        "list_stats": {"open_rate": 42.0, "click_rate": 6.0},
    });
    let listed = ok(&json!({"campaigns": [campaign("sent")], "total_items": 1}));
    let located = ok(&json!({"dc": "us6", "api_endpoint": "https://us6.api.mailchimp.com", "accountname": "Bakery"}));
    let token = ok(&json!({"access_token": "0123456789abcdef", "expires_in": 0, "scope": null}));
    vec![
        (Conversation::Authenticate, vec![token, located, about.clone(), lists(150), lists(150)]),
        (Conversation::FetchAccounts, vec![lists(1)]),
        (Conversation::ReadBack, vec![listed]),
        (Conversation::Delete, vec![ok(&campaign("sent")), answer(204, "")]),
        (Conversation::Analytics, vec![ok(&report)]),
        (Conversation::Health, vec![about]),
    ]
}

/// Signed as Mailchimp does it.
pub(super) fn signed(body: &str) -> Signed {
    let time = 1_763_689_200_i64;
    let signature = hmac::Key::new(SIGNING_SECRET.as_bytes()).sign(format!("{time}.{body}").as_bytes());
    Signed {
        headers: vec![("x-mailchimp-signature", format!("t={time},v1={}", HEXLOWER.encode(&signature)))],
        query: vec![("key".into(), "hook-key".into())],
        body: body.into(),
        at: jiff::Timestamp::from_second(time + 200).unwrap(),
    }
}

pub(super) const SENT: &str = "type=campaign&fired_at=2026-11-21+01%3A45%3A09&data%5Bid%5D=42694e9e57&\
    data%5Bsubject%5D=Black+Friday+preview&data%5Bstatus%5D=sent&data%5Breason%5D=&data%5Blist_id%5D=a6b5da1054";
const UNSUBSCRIBE: &str = "type=unsubscribe&fired_at=2026-11-21+01%3A47%3A30&data%5Baction%5D=unsub&\
    data%5Breason%5D=manual&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054&data%5Bemail%5D=pat%40example.com&\
    data%5Bmerges%5D%5BEMAIL%5D=pat%40example.com&data%5Bmerges%5D%5BFNAME%5D=Pat";
const CLEANED: &str = "type=cleaned&fired_at=2026-11-21+01%3A50%3A02&data%5Blist_id%5D=a6b5da1054&\
    data%5Bcampaign_id%5D=42694e9e57&data%5Breason%5D=hard&data%5Bemail%5D=gone%40example.com";
const MOVED: &str = "type=upemail&fired_at=2026-11-21+01%3A52%3A44&data%5Blist_id%5D=a6b5da1054&\
    data%5Bnew_id%5D=51da8c3259&data%5Bnew_email%5D=new%40example.com&data%5Bold_email%5D=old%40example.com";

pub(super) fn instance() -> Instance {
    Instance {
        connector: Box::new(Mailchimp::new(MailchimpSettings::default())),
        app: app(),
        tokens: tokens("compliance0123456789-us6"),
        hosts: &["us6.api.mailchimp.com", "login.mailchimp.com"],
        kinds: kinds(),
        refusals: refusals(),
        unknown_refusal: problem(418, "Teapot"),
        limits: limits(),
        conversations: conversations(),
        endless: Some(ok(&json!({"lists": [], "total_items": 1_000_000}))),
        account: "8d3a3db4d97663a9074efcc16.10000001",
        remote_id: CAMPAIGN,
        looked_for: 0,
        has_numeric_ids: false,
        times: Some(Times {
            read: webhook::time,
            examples: &[
                ("2026-11-21 01:45:09", Some("2026-11-21T01:45:09Z")),
                ("2026-11-21T01:45:09+0000", None),
                ("2026-11-21 25:45:09", None),
                ("yesterday", None),
            ],
        }),
        signed: [SENT, UNSUBSCRIBE, CLEANED, MOVED].map(signed).into(),
        respelled: vec![Respelled(
            SENT,
            "data[list_id]=a6b5da1054&data[status]=sent&data[id]=42694e9e57&fired_at=2026-11-21%2001:45:09&type=campaign",
        )],
        token_in_address: &[],
        words: &[
            "",
            "a6b5da1054",
            "42694e9e57",
            "save",
            "schedule",
            "sending",
            "sent",
            "canceling",
            "archived",
            "paused",
            "us6",
            "https://us6.api.mailchimp.com",
            "https://evil.example",
            "Bread [postd:post_1-t1]",
            "owner",
            "viewer",
            "error",
            "User Disabled",
            "http://[",
            "2026-11-21T10:00:01+0000",
        ],
        names: &[
            "id",
            "campaigns",
            "lists",
            "status",
            "settings",
            "title",
            "total_items",
            "is_ready",
            "items",
            "type",
            "dc",
            "api_endpoint",
            "access_token",
            "account_id",
            "login_id",
            "role",
            "name",
            "campaign_defaults",
            "from_name",
            "from_email",
            "emails_sent",
            "opens",
            "open_rate",
            "clicks",
            "bounces",
            "hard_bounces",
            "long_archive_url",
            "errors",
            "field",
            "instance",
            "error",
        ],
    }
}
