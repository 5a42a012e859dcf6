//! What TikTok tells by webhooks: one address for the app, signed with its secret, repeated for three days.

use super::APP;
use super::world::{Task, Video, World};
use crate::faults::FaultKind;
use crate::outbox::{Custom, Delivery};
use crate::signature;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Waits before each further try: 72 hours in all.
const RETRIES: [SignedDuration; 8] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(24),
    SignedDuration::from_mins(90),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(12),
    SignedDuration::from_hours(18),
    SignedDuration::from_hours(36),
];

/// Only 200 counts.
pub(crate) const CUSTOM: Custom = Custom { retries: &RETRIES, accepts: |status| status == 200 };

impl World {
    pub(crate) fn tell_task(&mut self, task: &Task, event: &str, reason: Option<&str>, at: Timestamp) {
        let kind = if task.is_inbox { "INBOX_SHARE" } else { "DIRECT_PUBLISH" };
        let mut content = json!({"publish_id": task.id, "publish_type": kind});
        if let (Some(members), Some(reason)) = (content.as_object_mut(), reason) {
            members.insert("reason".to_owned(), reason.into());
        }
        self.tell(&task.open_id, event, &content, at);
    }

    /// The id of the video is a text here.
    pub(crate) fn tell_public(&mut self, video: &Video, publish_id: &str, event: &str, at: Timestamp) {
        let content = json!({"publish_id": publish_id, "publish_type": "DIRECT_PUBLISH", "post_id": video.id});
        self.tell(&video.open_id, event, &content, at);
    }

    /// Queues an event; its content is JSON within a text.
    pub(crate) fn tell(&mut self, open_id: &str, event: &str, content: &Value, at: Timestamp) {
        let Some(url) = self.webhook_url.clone() else { return };
        let fault = self.faults.strike_webhook(open_id, &mut self.ids).map(|fault| fault.kind);
        let body = json!({
            "client_key": APP.id,
            "event": event,
            "create_time": at.as_second(),
            "user_openid": open_id,
            "content": content.to_string(),
        })
        .to_string();
        let key = if fault == Some(FaultKind::WebhookBadSignature) { "not-the-secret" } else { APP.secret };
        let time = at.as_second();
        let signature = signature::hexadecimal(key, format!("{time}.{body}").as_bytes());
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("tiktok-signature", format!("t={time},s={signature}")),
        ];
        self.outbox.queue(Delivery { url, body, headers, due: at, tries: 0 }, fault, false);
    }
}
