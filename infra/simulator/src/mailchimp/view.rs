//! What a person may see of the world: no token, no code.

use super::world::{Audience, Campaign, World};
use crate::faults::Fault;
use crate::outbox::SentWebhook;
use serde::Serialize;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateView {
    /// The audiences.
    pub audiences: Vec<AudienceView>,
    /// The faults that are set.
    pub faults: Vec<Fault>,
    /// How many webhooks wait.
    pub pending_webhooks: usize,
    /// The finished ones.
    pub sent_webhooks: Vec<SentWebhook>,
}

/// An audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AudienceView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The account that it belongs to.
    pub account: String,
    /// How many members it has.
    pub members: u64,
    /// Its campaigns, newest first.
    pub campaigns: Vec<CampaignView>,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CampaignView {
    /// Its id.
    pub id: String,
    /// `regular`, `plaintext`, `variate`…
    pub kind: String,
    /// `save`, `schedule`, `sending`, `sent`, `canceled`.
    pub status: &'static str,
    /// Its own name.
    pub title: String,
    /// Its subject.
    pub subject: String,
    /// Who it is from: name and address.
    pub from: (String, String),
    /// Its HTML.
    pub html: Option<String>,
    /// Its plain text.
    pub plain_text: Option<String>,
    /// How many it goes to.
    pub recipients: u64,
    /// How many mails are out.
    pub emails_sent: u64,
    /// To whom test mails went.
    pub tests: Vec<Vec<String>>,
    /// Whether it was made through the API.
    pub by_api: bool,
    /// The variants of an A/B test.
    pub variate_settings: Option<serde_json::Value>,
}

impl StateView {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            audiences: world.audiences.values().map(|audience| AudienceView::of(world, audience)).collect(),
            faults: world.faults.list().to_vec(),
            pending_webhooks: world.outbox.pending(),
            sent_webhooks: world.outbox.sent(),
        }
    }
}

impl AudienceView {
    fn of(world: &World, audience: &Audience) -> Self {
        let mut campaigns: Vec<&Campaign> =
            world.campaigns.values().filter(|campaign| campaign.list.as_deref() == Some(audience.id)).collect();
        campaigns.sort_by_key(|campaign| std::cmp::Reverse((campaign.created, campaign.web_id)));
        let account = world.accounts.get(audience.account).map_or("", |account| account.name);
        Self {
            id: audience.id.to_owned(),
            name: audience.name.to_owned(),
            account: account.to_owned(),
            members: audience.members,
            campaigns: campaigns.into_iter().map(CampaignView::of).collect(),
        }
    }
}

impl CampaignView {
    fn of(campaign: &Campaign) -> Self {
        let text = |name: &str| campaign.setting(name).unwrap_or_default().to_owned();
        let content = campaign.content.clone().unwrap_or_default();
        Self {
            id: campaign.id.clone(),
            kind: campaign.kind.clone(),
            status: campaign.status.name(),
            title: text("title"),
            subject: text("subject_line"),
            from: (text("from_name"), text("reply_to")),
            html: content.html,
            plain_text: content.plain_text,
            recipients: campaign.recipient_count,
            emails_sent: campaign.emails_sent,
            tests: campaign.tests.iter().map(|(emails, _)| emails.clone()).collect(),
            by_api: campaign.by_api,
            variate_settings: campaign.variate_settings.clone(),
        }
    }
}
