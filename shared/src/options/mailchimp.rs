//! What only Mailchimp knows: a target is an e-mail campaign to an audience.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Options for a campaign. Its plain text is the content's `text`; with `html` or `template` it is a regular campaign, and
/// without them one of plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailchimpOptions {
    /// The subject. Needed, unless an A/B test brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What many mailboxes show behind the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_text: Option<String>,
    /// Who the mail is from; the audience's own sender if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// The address that the mail comes from, and that answers go to; the audience's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// How the recipient is named, such as `*|FNAME|*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_name: Option<String>,
    /// The mail as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// A template of the account instead of `html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<MailchimpTemplate>,
    /// Which part of the audience; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<MailchimpSegment>,
    /// Several variants to a part of the audience, and the best one to the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ab_test: Option<MailchimpAbTest>,
    /// What Mailchimp follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<MailchimpTracking>,
    /// Who gets a test mail just before the campaign is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_emails: Vec<String>,
    /// The folder that the campaign lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder_id: Option<String>,
    /// Whether Mailchimp adds its footer. If absent, it does where the HTML has no `*|UNSUB|*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_footer: Option<bool>,
    /// Whether Mailchimp moves style sheets into the elements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_css: Option<bool>,
}

/// A template with what is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailchimpTemplate {
    /// Its id.
    pub id: u64,
    /// HTML by the name of the template's editable area (`mc:edit`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, String>,
}

/// A part of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MailchimpSegment {
    /// A segment or tag that the audience has, by its id.
    Saved(u64),
    /// Whoever meets conditions.
    Matching(MailchimpConditions),
}

/// Conditions on the members of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailchimpConditions {
    /// How many of them a member must meet.
    #[serde(rename = "match")]
    pub matching: MailchimpMatch,
    /// The conditions.
    pub conditions: Vec<MailchimpCondition>,
}

/// How many conditions a member must meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MailchimpMatch {
    /// One of them.
    Any,
    /// All of them.
    All,
}

/// A condition in Mailchimp's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailchimpCondition {
    /// The kind of condition, such as `TextMerge` or `Date`.
    pub condition_type: String,
    /// What is compared, such as `FNAME` or `timestamp_opt`.
    pub field: String,
    /// How, such as `is`, `contains` or `greater`.
    pub op: String,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<MailchimpValue>,
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum MailchimpValue {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// An A/B test: of subjects, or of senders' names, or of senders' addresses; two or three of one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailchimpAbTest {
    /// What decides.
    pub winner: MailchimpWinner,
    /// After how many minutes it is decided; not with `manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_minutes: Option<u32>,
    /// How many percent of the recipients are in the test.
    pub test_size: u8,
    /// The subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The senders' names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_names: Vec<String>,
    /// The senders' addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_to_addresses: Vec<String>,
}

/// What decides an A/B test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailchimpWinner {
    /// Most opened.
    Opens,
    /// Most clicked.
    Clicks,
    /// Most sold.
    TotalRevenue,
    /// A person, at Mailchimp.
    Manual,
}

/// What Mailchimp follows; what is absent is as Mailchimp has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailchimpTracking {
    /// Opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<bool>,
    /// Clicks in HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html_clicks: Option<bool>,
    /// Clicks in plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_clicks: Option<bool>,
    /// The name of the campaign at Google Analytics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub google_analytics: Option<String>,
}
