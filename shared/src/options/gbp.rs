//! What only a location of Google Business Profile knows.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use url::Url;

/// Options for a location of Google Business Profile. With an `offer` the post is an offer, with an `event` alone an event,
/// and else an update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GbpOptions {
    /// The language of the text as a tag of BCP 47, such as `en-US`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The button below the text. A link of the content without it becomes "learn more". Offers have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_to_action: Option<GbpCallToAction>,
    /// What happens, and from when until when. An offer needs it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<GbpEvent>,
    /// What is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<GbpOffer>,
    /// Whether the address behind the button, or of the offer, gets `utm_id` with the post's own id, unless it has one: the
    /// post is recognised by it if the answer to its publish is lost. Yes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark_link: Option<bool>,
}

/// A button below the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GbpCallToAction {
    /// What it says.
    pub action: GbpAction,
    /// Where it leads; the link of the content if absent. `call` has none: it calls the location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
}

/// What a button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GbpAction {
    /// Book.
    Book,
    /// Order online.
    Order,
    /// Buy.
    Shop,
    /// Learn more.
    LearnMore,
    /// Sign up.
    SignUp,
    /// Call now.
    Call,
}

/// What happens, by the clock of the location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GbpEvent {
    /// What it is called.
    pub title: String,
    /// When it begins: a local date and time without an offset, such as `2026-12-01T08:00`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub start: DateTime,
    /// When it ends, in the same form.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub end: DateTime,
}

/// What is offered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GbpOffer {
    /// The code to show or enter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon_code: Option<String>,
    /// Where it is redeemed; the link of the content if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_url: Option<Url>,
    /// Its terms and conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
}
