//! What Instagram tells unasked. That a post is out, or a container finished, it never tells.

use super::APP;
use super::world::{Holder, World};
use crate::faults::FaultKind;
use crate::outbox::{Custom, Delivery};
use crate::signature;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Waits before each further try: at once, then ever more rarely; about 36 hours in all.
const RETRIES: [SignedDuration; 7] = [
    SignedDuration::ZERO,
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(55),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(20),
];

/// Only a 200 counts.
pub(crate) const CUSTOM: Custom = Custom { retries: &RETRIES, accepts: |status| status == 200 };

impl World {
    /// Tells of one change of an account; `false` when nobody listens. `is_flat` is the shape of Instagram Login.
    pub(crate) fn announce(
        &mut self,
        (account, field): (&str, &str),
        value: &Value,
        is_flat: bool,
        now: Timestamp,
    ) -> bool {
        let mut entry = json!({"id": account, "time": now.as_second()});
        if let Some(members) = entry.as_object_mut() {
            if is_flat {
                members.insert("field".to_owned(), field.into());
                members.insert("value".to_owned(), value.clone());
            } else {
                members.insert("changes".to_owned(), json!([{"field": field, "value": value}]));
            }
        }
        self.send(&json!({"object": "instagram", "entry": [entry]}), account, now)
    }

    /// Signs and queues an envelope.
    pub(crate) fn send(&mut self, envelope: &Value, account: &str, now: Timestamp) -> bool {
        let Some(url) = self.callback.clone() else { return false };
        let body = signature::escaped(envelope);
        let fault = self.faults.strike_webhook(account, &mut self.ids).map(|fault| fault.kind);
        let key = if fault == Some(FaultKind::WebhookBadSignature) { "not-the-secret" } else { APP.secret };
        let signature = format!("sha256={}", signature::hexadecimal(key, body.as_bytes()));
        let headers = vec![("content-type", "application/json".to_owned()), ("x-hub-signature-256", signature)];
        self.outbox.queue(Delivery { url, body, headers, due: now, tries: 0 }, fault, false);
        true
    }

    /// Somebody removes the app: tokens die, and the app is told.
    pub(crate) fn remove_app(&mut self, holder: &Holder, now: Timestamp) {
        self.grants.remove(holder);
        match holder {
            Holder::Person(person) => {
                let change = json!({"field": "instagram_content_publish", "value": {"verb": "revoked"}});
                let entry = json!({"id": person, "time": now.as_second(), "changes": [change]});
                self.send(&json!({"object": "permissions", "entry": [entry]}), person, now);
                self.send_removal(person, now);
            }
            Holder::Account(account) => self.send_removal(account, now),
            Holder::Page(..) => {}
        }
    }

    /// The deauthorize callback stands below the address of the webhooks.
    fn send_removal(&mut self, user_id: &str, now: Timestamp) {
        let Some(url) = self.callback.as_ref().map(|callback| format!("{callback}/deauthorize")) else { return };
        let payload = json!({"algorithm": "HMAC-SHA256", "issued_at": now.as_second(), "user_id": user_id});
        let request = signature::signed_request(APP.secret, &payload);
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("signed_request", &request).finish();
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        self.outbox.queue(Delivery { url, body, headers, due: now, tries: 0 }, None, false);
    }
}
