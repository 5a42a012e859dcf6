//! What Pages' posts set off: reactions and comments, signed with the secret of the app for Pages.

use super::PAGE_APP;
use super::world::World;
use crate::faults::FaultKind;
use crate::outbox::{Custom, Delivery};
use crate::signature;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Every five minutes, for eight hours.
const RETRIES: [SignedDuration; 96] = [SignedDuration::from_mins(5); 96];

pub(crate) const CUSTOM: Custom = Custom { retries: &RETRIES, accepts: |status| matches!(status, 200..=299) };

impl World {
    /// Somebody does something at a post.
    pub(crate) fn notify(&mut self, urn: &str, action: &str, now: Timestamp) -> bool {
        let Some(post) = self.posts.iter().find(|post| post.urn == urn).cloned() else { return false };
        let Some(url) = self.hook.clone().filter(|_| post.author.starts_with("urn:li:organization:")) else {
            return false;
        };
        let id = self.next_id(now);
        let body = json!({
            "type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS",
            "notifications": [{
                "notificationId": id, "organizationalEntity": post.author, "action": action,
                "sourcePost": format!("urn:li:activity:{id}"),
                "decoratedSourcePost": {"entity": post.urn, "owner": post.author, "text": post.commentary},
                "lastModifiedAt": now.as_millisecond(), "subscriber": format!("urn:li:person:{}", super::seed::ANN),
            }],
        })
        .to_string();
        let fault = self.faults.strike_webhook(&post.author, &mut self.ids).map(|fault| fault.kind);
        let key = if fault == Some(FaultKind::WebhookBadSignature) { "not-the-secret" } else { PAGE_APP.secret };
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-li-signature", signature::hexadecimal(key, format!("hmacsha256={body}").as_bytes())),
        ];
        self.outbox.queue(Delivery { url, body, headers, due: now, tries: 0 }, fault, false);
        true
    }
}
