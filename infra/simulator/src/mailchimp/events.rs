//! What Mailchimp tells by webhooks: forms with brackets in their names, signed where the webhook was made with that.

use super::world::World;
use crate::faults::FaultKind;
use crate::outbox::{Custom, Delivery};
use crate::signature;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Waits before each further try: about 75 minutes in all.
const RETRIES: [SignedDuration; 5] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(4),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(20),
    SignedDuration::from_mins(40),
];

/// Anything between 200 and 299 counts.
pub(crate) const CUSTOM: Custom = Custom { retries: &RETRIES, accepts: |status| matches!(status, 200..=299) };

impl World {
    /// Tells the webhooks of a campaign's audience what became of it.
    pub(crate) fn announce_campaign(&mut self, id: &str, status: &str, now: Timestamp) {
        let Some(campaign) = self.campaigns.get(id) else { return };
        let Some(list) = campaign.list.clone() else { return };
        let source = if campaign.by_api { "api" } else { "user" };
        let subject = campaign.setting("subject_line").unwrap_or_default().to_owned();
        let data = [
            ("id", id.to_owned()),
            ("subject", subject),
            ("status", status.to_owned()),
            ("reason", String::new()),
            ("list_id", list.clone()),
        ];
        self.announce((&list, "campaign", source), &data, now);
    }

    /// Queues an event for every webhook of an audience that wants it.
    pub(crate) fn announce(
        &mut self,
        (list, event, source): (&str, &str, &str),
        data: &[(&str, String)],
        now: Timestamp,
    ) -> usize {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("type", event);
        form.append_pair("fired_at", &now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string());
        for (name, value) in data {
            form.append_pair(&format!("data[{}]", name.replace('.', "][")), value);
        }
        let body = form.finish();
        let wants =
            |map: &std::collections::BTreeMap<String, bool>, name: &str| map.get(name).copied().unwrap_or(false);
        let hooks: Vec<(String, Option<String>)> = self
            .webhooks
            .values()
            .filter(|hook| {
                hook.list == list && !hook.is_disabled && wants(&hook.events, event) && wants(&hook.sources, source)
            })
            .map(|hook| (hook.url.clone(), hook.signing_secret.clone()))
            .collect();
        let count = hooks.len();
        for (url, secret) in hooks {
            let fault = self.faults.strike_webhook(list, &mut self.ids).map(|fault| fault.kind);
            let mut headers = vec![
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ("user-agent", "MailChimp".to_owned()),
            ];
            if let Some(secret) = secret {
                let key =
                    if fault == Some(FaultKind::WebhookBadSignature) { "not-the-secret" } else { secret.as_str() };
                headers.push(("x-mailchimp-signature", signed(key, &body, now)));
            }
            self.outbox.queue(Delivery { url, body: body.clone(), headers, due: now, tries: 0 }, fault, false);
        }
        count
    }
}

/// `t=…,v1=…`.
fn signed(key: &str, body: &str, now: Timestamp) -> String {
    let time = now.as_second();
    format!("t={time},v1={}", signature::hexadecimal(key, format!("{time}.{body}").as_bytes()))
}
