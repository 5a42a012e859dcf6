//! Says what became of a campaign whose sending nobody saw the end of: its own status tells, and exactly.

use http::Method;
use jiff::SignedDuration;
use url::Url;

use super::{api, campaign, campaign::Status, publish};
use crate::connector::{
    Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Request, Step, settings::MailchimpSettings,
};

const LISTED: &str = "campaigns.id,campaigns.status,campaigns.settings.title,campaigns.long_archive_url,total_items";
const NEWEST: u64 = 100;

pub(super) struct ReadBackFlow {
    settings: MailchimpSettings,
    fingerprint: Fingerprint,
    campaign: Option<String>,
}

impl ReadBackFlow {
    pub(super) fn new(settings: MailchimpSettings, fingerprint: Fingerprint) -> Self {
        let campaign = publish::campaign_of(&fingerprint.checkpoint);
        Self { settings, fingerprint, campaign }
    }

    fn first_call(&self) -> Url {
        if let Some(campaign) = &self.campaign {
            let mut url = api::address(&self.settings, &["campaigns", campaign]);
            url.query_pairs_mut().append_pair("fields", "id,status,emails_sent,long_archive_url");
            return url;
        }
        let mut url = api::address(&self.settings, &["campaigns"]);
        url.query_pairs_mut()
            .append_pair("list_id", &self.fingerprint.destination)
            .append_pair("sort_field", "create_time")
            .append_pair("sort_dir", "DESC")
            .append_pair("count", &NEWEST.to_string())
            .append_pair("fields", LISTED);
        url
    }

    fn age(&self) -> SignedDuration {
        self.fingerprint.now.duration_since(self.fingerprint.not_before)
    }

    fn verdict(&self, body: &serde_json::Value) -> Result<ReadBack, ConnectorError> {
        let remote_id = api::id(body.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a campaign" })?;
        Ok(match campaign::status(body)? {
            Status::Sent => ReadBack::Found(Published { remote_id, url: campaign::archive(body) }),
            // A draft of which mails were sent is none.
            Status::Draft
                if body.get("emails_sent").and_then(serde_json::Value::as_u64).is_some_and(|sent| sent > 0) =>
            {
                ReadBack::Undecided { reason: "the campaign is a draft, and mails of it were sent" }
            }
            Status::Draft if self.age() < self.settings.settle_time => {
                ReadBack::Undecided { reason: "Mailchimp may still be at work on sending the campaign" }
            }
            Status::Draft => ReadBack::Absent,
            Status::Scheduled => ReadBack::Undecided { reason: "the campaign was given a time at Mailchimp" },
            Status::Paused => ReadBack::Undecided { reason: "the campaign was paused at Mailchimp" },
        })
    }

    fn looked_for(&self, body: &serde_json::Value) -> Result<ReadBack, ConnectorError> {
        if let Some(known) = publish::newest_tagged(body, &self.fingerprint.marker)? {
            return self.verdict(known);
        }
        let total = body.get("total_items").and_then(serde_json::Value::as_u64);
        let total = total.ok_or(ConnectorError::Unreadable { what: "`total_items`" })?;
        if total > NEWEST {
            return Ok(ReadBack::Undecided { reason: "the audience has too many campaigns to look through" });
        }
        Ok(if self.age() < self.settings.settle_time {
            ReadBack::Undecided { reason: "Mailchimp may not show the newest campaigns yet" }
        } else {
            ReadBack::Absent
        })
    }
}

impl Flow<ReadBack> for ReadBackFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        let Some(answer) = answer else { return Ok(Step::Call(Request::new(Method::GET, self.first_call()))) };
        let body = match (api::read(answer), &self.campaign) {
            (Err(ConnectorError::Rejected(refusal)), Some(_)) if refusal.code == "mailchimp.object.missing" => {
                let reason = "the campaign was deleted at Mailchimp; whether it was sent before, only its owner knows";
                return Ok(Step::Done(ReadBack::Undecided { reason }));
            }
            (body, _) => body?,
        };
        let verdict = if self.campaign.is_some() { self.verdict(&body) } else { self.looked_for(&body) };
        verdict.map(Step::Done)
    }
}
