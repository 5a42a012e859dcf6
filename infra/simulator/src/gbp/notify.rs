//! Notifications: which an account wants, and how Pub/Sub pushes them with an identity token.

use super::error::ApiError;
use super::jwt;
use super::world::{Caller, Notifications, World};
use crate::call::Call;
use crate::faults::FaultKind;
use crate::outbox::{Custom, Delivery};
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Waits before each further try: 10 seconds at first, then ever longer, up to ten minutes.
const RETRIES: [SignedDuration; 8] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_secs(20),
    SignedDuration::from_secs(40),
    SignedDuration::from_secs(80),
    SignedDuration::from_secs(160),
    SignedDuration::from_secs(320),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(10),
];

/// What Pub/Sub takes for an acknowledgement.
pub(crate) const CUSTOM: Custom =
    Custom { retries: &RETRIES, accepts: |status| matches!(status, 102 | 200 | 201 | 202 | 204) };

const TYPES: [&str; 6] = [
    "GOOGLE_UPDATE",
    "NEW_REVIEW",
    "UPDATED_REVIEW",
    "NEW_CUSTOMER_MEDIA",
    "DUPLICATE_LOCATION",
    "VOICE_OF_MERCHANT_UPDATED",
];

impl World {
    /// `GET /v1/accounts/{account}/notificationSetting`.
    pub(crate) fn read_notifications(&self, caller: &Caller, account: &str) -> Result<Value, ApiError> {
        may_notify(caller, account)?;
        let known = self.notifications.get(account).cloned().unwrap_or_default();
        let name = format!("accounts/{account}/notificationSetting");
        Ok(json!({"name": name, "pubsubTopic": known.topic, "notificationTypes": known.types}))
    }

    /// `PATCH` of the same: there is one setting for an account, whoever sets it.
    pub(crate) fn set_notifications(&mut self, caller: &Caller, account: &str, call: &Call) -> Result<Value, ApiError> {
        may_notify(caller, account)?;
        let mask = call.params.text("updateMask").unwrap_or_default();
        if mask.is_empty() {
            return Err(ApiError::invalid("The update mask is required."));
        }
        let body = call.json().unwrap_or_default();
        let mut setting = self.notifications.get(account).cloned().unwrap_or_default();
        for field in mask.split(',') {
            match field {
                "pubsubTopic" => {
                    let topic = body.get("pubsubTopic").and_then(Value::as_str).unwrap_or_default();
                    if !topic.is_empty() && !topic.starts_with("projects/") {
                        return Err(ApiError::invalid("INVALID_PUBSUB_TOPIC"));
                    }
                    topic.clone_into(&mut setting.topic);
                }
                "notificationTypes" => setting.types = types(&body)?,
                _ => return Err(ApiError::invalid("The update mask names an unknown field.")),
            }
        }
        self.notifications.insert(account.to_owned(), setting);
        self.read_notifications(caller, account)
    }

    /// Tells of something at a location, through every account that wants to hear it; how often.
    pub(crate) fn announce(&mut self, location: &str, kind: &str, now: Timestamp) -> usize {
        let wanting = |(account, setting): (&String, &Notifications)| {
            let has_it = self.accounts.get(account.as_str()).is_some_and(|known| known.locations.contains(&location));
            (has_it && !setting.topic.is_empty() && setting.types.iter().any(|wanted| wanted == kind))
                .then(|| account.clone())
        };
        let accounts: Vec<String> = self.notifications.iter().filter_map(wanting).collect();
        let count = accounts.len();
        for account in accounts {
            let data = json!({"type": kind, "location_name": format!("accounts/{account}/locations/{location}")});
            self.push(&format!("accounts/{account}/locations/{location}"), &data, now);
        }
        count
    }

    /// Queues a message for the push subscription, with whatever faults are set for webhooks.
    fn push(&mut self, destination: &str, data: &Value, now: Timestamp) {
        let Some(subscription) = self.subscription.clone() else { return };
        let fault = self.faults.strike_webhook(destination, &mut self.ids).map(|fault| fault.kind);
        let id = (13_379_245_872_014 + self.ids.object()).to_string();
        let body = json!({
            "message": {
                "data": BASE64.encode(data.to_string().as_bytes()),
                "attributes": {},
                "messageId": id,
                "message_id": id,
                "publishTime": now.to_string(),
                "publish_time": now.to_string(),
            },
            "subscription": "projects/simulated/subscriptions/gbp-push",
        });
        let is_forged = fault == Some(FaultKind::WebhookBadSignature);
        let claims = json!({
            "iss": super::consent::ISSUER,
            "aud": subscription.audience,
            "azp": "100000000000000000001",
            "sub": "100000000000000000001",
            "email": if is_forged { "somebody@else.iam.gserviceaccount.com" } else { subscription.account.as_str() },
            "email_verified": true,
            "iat": now.as_second(),
            "exp": now.as_second() + 3_600,
        });
        let token = jwt::signed(&claims, self.key).unwrap_or_default();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)".to_owned()),
            ("authorization", format!("Bearer {token}")),
        ];
        let delivery = Delivery { url: subscription.url, body: body.to_string(), headers, due: now, tries: 0 };
        self.outbox.queue(delivery, fault, false);
    }
}

fn may_notify(caller: &Caller, account: &str) -> Result<(), ApiError> {
    if caller.person.accounts.contains(&account) { Ok(()) } else { Err(ApiError::forbidden()) }
}

fn types(body: &Value) -> Result<Vec<String>, ApiError> {
    let list = body.get("notificationTypes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|kind| match kind.as_str() {
            Some(kind) if TYPES.contains(&kind) => Ok(kind.to_owned()),
            Some(_) | None => Err(ApiError::invalid("A notification type is unknown.")),
        })
        .collect()
}
