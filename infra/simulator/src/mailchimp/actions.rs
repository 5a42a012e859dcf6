//! What is done with a campaign: test, send, schedule, stop.

use super::campaigns::{is_email, object, text};
use super::checklist::missing;
use super::error::ApiError;
use super::world::{Caller, Status, World};
use crate::call::Call;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

impl World {
    /// `POST /3.0/campaigns/{id}/actions/{action}`.
    pub(crate) fn act_on_campaign(
        &mut self,
        caller: &Caller,
        (id, action): (&str, &str),
        call: &Call,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        caller.may_send()?;
        self.campaign(caller, id)?;
        match action {
            "send" => self.send(caller, id, now),
            "test" => self.test(id, call),
            "schedule" => self.schedule(caller, id, call, now),
            "unschedule" => self.unschedule(id),
            "cancel-send" => self.cancel(caller, id, now),
            _ => Err(ApiError::missing()),
        }
    }

    fn set(&mut self, id: &str, status: Status) {
        if let Some(campaign) = self.campaigns.get_mut(id) {
            campaign.status = status;
        }
    }

    fn send(&mut self, caller: &Caller, id: &str, now: Timestamp) -> Result<(), ApiError> {
        let campaign = self.campaign(caller, id)?;
        if campaign.status != Status::Save {
            return Err(ApiError::new(400, "Invalid Action", "This campaign has already been sent or is being sent."));
        }
        if !missing(caller, campaign).is_empty() {
            let detail = "Your Campaign is not ready to send. Please review your campaign content, settings, and list.";
            return Err(ApiError::bad(detail));
        }
        self.set(id, Status::Sending(now));
        Ok(())
    }

    fn test(&mut self, id: &str, call: &Call) -> Result<(), ApiError> {
        let body = object(call)?;
        let emails = body.get("test_emails").and_then(Value::as_array);
        let emails: Option<Vec<String>> =
            emails.map(|emails| emails.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let emails = emails.filter(|emails| !emails.is_empty() && emails.iter().all(|email| is_email(email)));
        let emails = emails.ok_or_else(|| ApiError::field("test_emails", "This value is not valid."))?;
        let kind = text(&body, "send_type").filter(|kind| matches!(*kind, "html" | "plaintext"));
        let kind = kind.ok_or_else(|| ApiError::field("send_type", "This value should be html or plaintext."))?;
        if let Some(campaign) = self.campaigns.get_mut(id) {
            if campaign.content.is_none() {
                return Err(ApiError::bad("The campaign has no content."));
            }
            campaign.tests.push((emails, kind.to_owned()));
        }
        Ok(())
    }

    fn schedule(&mut self, caller: &Caller, id: &str, call: &Call, now: Timestamp) -> Result<(), ApiError> {
        let body = object(call)?;
        let at: Option<Timestamp> = text(&body, "schedule_time").and_then(|text| text.parse().ok());
        let at = at.ok_or_else(|| ApiError::field("schedule_time", "This value is not a valid datetime."))?;
        let zoned = at.to_zoned(TimeZone::UTC);
        let is_quarter = zoned.minute() % 15 == 0 && zoned.second() == 0;
        let campaign = self.campaign(caller, id)?;
        if !is_quarter || at <= now || campaign.status != Status::Save || !missing(caller, campaign).is_empty() {
            return Err(ApiError::bad("This campaign cannot be scheduled: ."));
        }
        self.set(id, Status::Schedule(at));
        Ok(())
    }

    fn unschedule(&mut self, id: &str) -> Result<(), ApiError> {
        match self.campaigns.get(id).map(|campaign| campaign.status) {
            Some(Status::Schedule(_)) => {
                self.set(id, Status::Save);
                Ok(())
            }
            _ => Err(ApiError::bad("This campaign is not scheduled.")),
        }
    }

    fn cancel(&mut self, caller: &Caller, id: &str, now: Timestamp) -> Result<(), ApiError> {
        if !caller.account.is_premium {
            return Err(ApiError::forbidden("Your plan does not include this feature."));
        }
        let campaign = self.campaign(caller, id)?;
        let can_stop = matches!(campaign.kind.as_str(), "regular" | "plaintext");
        match campaign.status {
            Status::Sending(_) if can_stop => {
                self.set(id, Status::Canceled(now));
                Ok(())
            }
            Status::Save | Status::Schedule(_) | Status::Sending(_) | Status::Sent(_) | Status::Canceled(_) => {
                Err(ApiError::bad("This campaign cannot be canceled."))
            }
        }
    }
}
