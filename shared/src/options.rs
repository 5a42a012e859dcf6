//! What a target says beyond the content that all platforms share: one type per platform, and no more than one of them.

use serde::{Deserialize, Serialize};

use crate::platform::Platform;

mod facebook;
mod gbp;
mod instagram;
mod linkedin;
mod mailchimp;
mod tiktok;

pub use facebook::{FacebookOptions, FacebookPlacement, FacebookSource};
pub use gbp::{GbpAction, GbpCallToAction, GbpEvent, GbpOffer, GbpOptions};
pub use instagram::{InstagramOptions, InstagramPlacement, InstagramTrial, InstagramUserTag};
pub use linkedin::{LinkedinMention, LinkedinOptions, LinkedinPoll, LinkedinPollDuration, LinkedinVisibility};
pub use mailchimp::{
    MailchimpAbTest, MailchimpCondition, MailchimpConditions, MailchimpMatch, MailchimpOptions, MailchimpSegment,
    MailchimpTemplate, MailchimpTracking, MailchimpValue, MailchimpWinner,
};
pub use tiktok::{TiktokMode, TiktokOptions, TiktokPrivacy, TiktokSource};

/// Options for one target, under the name of its platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Options {
    /// For a Facebook Page.
    Facebook(FacebookOptions),
    /// For a Mailchimp audience.
    Mailchimp(Box<MailchimpOptions>),
    /// For a TikTok account.
    Tiktok(TiktokOptions),
    /// For a location of Google Business Profile.
    Gbp(Box<GbpOptions>),
    /// For a LinkedIn member.
    Linkedin(Box<LinkedinOptions>),
    /// For a LinkedIn Page.
    #[serde(rename = "linkedin_page")]
    LinkedinPage(Box<LinkedinOptions>),
    /// For an Instagram account.
    Instagram(InstagramOptions),
}

impl Options {
    /// The platform that they are for.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        match self {
            Self::Facebook(_) => Platform::Facebook,
            Self::Mailchimp(_) => Platform::Mailchimp,
            Self::Tiktok(_) => Platform::Tiktok,
            Self::Gbp(_) => Platform::Gbp,
            Self::Linkedin(_) => Platform::Linkedin,
            Self::LinkedinPage(_) => Platform::LinkedinPage,
            Self::Instagram(_) => Platform::Instagram,
        }
    }

    /// Those for a Facebook Page, if they are.
    #[must_use]
    pub const fn facebook(&self) -> Option<&FacebookOptions> {
        if let Self::Facebook(options) = self { Some(options) } else { None }
    }

    /// Those for a Mailchimp audience, if they are.
    #[must_use]
    pub fn mailchimp(&self) -> Option<&MailchimpOptions> {
        if let Self::Mailchimp(options) = self { Some(options) } else { None }
    }

    /// Those for a TikTok account, if they are.
    #[must_use]
    pub const fn tiktok(&self) -> Option<&TiktokOptions> {
        if let Self::Tiktok(options) = self { Some(options) } else { None }
    }

    /// Those for a location of Google Business Profile, if they are.
    #[must_use]
    pub fn gbp(&self) -> Option<&GbpOptions> {
        if let Self::Gbp(options) = self { Some(options) } else { None }
    }

    /// Those for a LinkedIn member or Page, if they are.
    #[must_use]
    pub fn linkedin(&self) -> Option<&LinkedinOptions> {
        if let Self::Linkedin(options) | Self::LinkedinPage(options) = self { Some(options) } else { None }
    }

    /// Those for an Instagram account, if they are.
    #[must_use]
    pub const fn instagram(&self) -> Option<&InstagramOptions> {
        if let Self::Instagram(options) = self { Some(options) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_of_one_platform_and_say_nothing_that_is_not_known() {
        let read = |text| serde_json::from_str::<Options>(text);
        assert_eq!(read(r#"{"facebook":{"place":"1"}}"#).unwrap().platform(), Platform::Facebook);
        for wrong in ["{}", r#"{"facebook":{"plaice":"1"}}"#, r#"{"myspace":{}}"#, r#"{"facebook":{},"facebook":{}}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_are_stored_under_the_name_of_their_platform() {
        let stored = serde_json::to_value(Options::Facebook(FacebookOptions::default())).unwrap();
        assert_eq!(stored, serde_json::json!({ "facebook": {} }));
    }
}
