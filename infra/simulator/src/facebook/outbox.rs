//! What Facebook tells by webhooks: envelopes and their signatures.

use super::world::World;
use crate::APP_SECRET;
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

/// How Facebook introduces itself.
pub(crate) const USER_AGENT: &str = "facebookexternalua";

/// How a webhook made by hand is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    pub(crate) duplicate: bool,
    pub(crate) wrong_signature: bool,
}

impl World {
    /// Tells the app about a post of a Page, when app and Page are both subscribed.
    pub(crate) fn announce_post(&mut self, post: &str, verb: &str, now: Timestamp) {
        let Some(post) = self.posts.get(post) else { return };
        let value = self.feed_value(post, verb);
        let page = post.page.clone();
        let subscribed = self.pages.get(&page).and_then(|page| page.subscribed.as_ref());
        if subscribed.is_some_and(|fields| fields.iter().any(|field| field == "feed")) {
            self.send_change("page", &page, "feed", &value, Manner::default(), now);
        }
    }

    /// The `value` of a feed event.
    pub(crate) fn feed_value(&self, post: &super::world::Post, verb: &str) -> Value {
        let item = match (&post.video, post.photos.is_empty(), &post.link) {
            (Some(_), _, _) => "video",
            (None, false, _) => "photo",
            (None, true, Some(_)) => "share",
            (None, true, None) => "status",
        };
        let name = self.pages.get(&post.page).map_or("", |page| page.name.as_str());
        let mut value = json!({
            "item": item,
            "post_id": post.id,
            "verb": verb,
            "from": {"id": post.page, "name": name},
            "created_time": post.created.as_second(),
        });
        if let Some(fields) = value.as_object_mut()
            && verb != "remove"
        {
            fields.insert("published".to_owned(), u8::from(!post.hidden).into());
            if let Some(message) = &post.message {
                fields.insert("message".to_owned(), message.as_str().into());
            }
            if let Some(link) = &post.link {
                fields.insert("link".to_owned(), link.as_str().into());
            }
            if let Some(video) = &post.video {
                fields.insert("video_id".to_owned(), video.as_str().into());
            }
            if let Some(photo) = post.photos.first() {
                fields.insert("photo_id".to_owned(), photo.as_str().into());
            }
        }
        value
    }

    /// Queues one change, when the app is subscribed to the object and field.
    pub(crate) fn send_change(
        &mut self,
        object: &str,
        id: &str,
        field: &str,
        value: &Value,
        manner: Manner,
        now: Timestamp,
    ) -> bool {
        let Some(subscription) = self.subscriptions.get(object) else { return false };
        if !subscription.fields.iter().any(|subscribed| subscribed == field) {
            return false;
        }
        let envelope = json!({
            "object": object,
            "entry": [{"id": id, "time": now.as_second(), "changes": [{"field": field, "value": value}]}],
        });
        let url = subscription.callback.clone();
        self.queue(url, &envelope, id, manner, now);
        true
    }

    /// Queues an envelope, with whatever faults are set for webhooks.
    pub(crate) fn queue(&mut self, url: String, envelope: &Value, page: &str, manner: Manner, now: Timestamp) {
        let body = signature::escaped(envelope);
        let fault = self.faults.strike_webhook(page, &mut self.ids).map(|fault| fault.kind);
        let wrong = manner.wrong_signature || fault == Some(FaultKind::WebhookBadSignature);
        let key = if wrong { "not-the-secret" } else { APP_SECRET };
        let signature = format!("sha256={}", signature::hexadecimal(key, body.as_bytes()));
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            ("x-hub-signature-256", signature),
        ];
        self.outbox.queue(Delivery { url, body, headers, due: now, tries: 0 }, fault, manner.duplicate);
    }

    /// Tells the deauthorize callback that a person removed the app.
    pub(crate) fn announce_removal(&mut self, user: &str, now: Timestamp) {
        self.call_back(self.deauthorize.clone(), user, now);
    }

    /// Tells the data deletion callback that a person wants to be forgotten.
    pub(crate) fn announce_data_deletion(&mut self, user: &str, now: Timestamp) {
        self.call_back(self.data_deletion.clone(), user, now);
    }

    /// Queues a `signed_request` about a person.
    fn call_back(&mut self, url: Option<String>, user: &str, now: Timestamp) {
        let Some(url) = url else { return };
        let payload = json!({"algorithm": "HMAC-SHA256", "issued_at": now.as_second(), "user_id": user});
        let request = signature::signed_request(APP_SECRET, &payload);
        let delivery = Delivery {
            url,
            body: form_urlencoded::Serializer::new(String::new()).append_pair("signed_request", &request).finish(),
            headers: vec![
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ("user-agent", USER_AGENT.to_owned()),
            ],
            due: now,
            tries: 0,
        };
        self.outbox.queue(delivery, None, false);
    }
}
