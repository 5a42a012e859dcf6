//! Webhooks waiting to be sent: envelopes, faults on the way out, and the retry schedule.

use super::faults::FaultKind;
use super::world::{World, remember};
use crate::APP_SECRET;
use crate::signature;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;

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
const HISTORY_LIMIT: usize = 1000;

/// How a finished webhook ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentWebhook {
    /// The body as it went over the wire.
    pub body: String,
    /// Whether the receiver answered 200 in the end.
    pub delivered: bool,
    /// How often it was sent.
    pub tries: usize,
    /// The last status the receiver answered, if it answered.
    pub last_status: Option<u16>,
}

/// A webhook on its way.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) content_type: &'static str,
    pub(crate) signature: Option<String>,
    pub(crate) due: Timestamp,
    pub(crate) tries: usize,
}

/// All webhooks: waiting, held back, finished.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Delivery>,
    /// Waits for a later event to overtake it.
    overtaken: Option<Delivery>,
    sent: VecDeque<SentWebhook>,
}

impl Outbox {
    /// Hands out the first webhook that is due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Delivery> {
        let position = self.waiting.iter().position(|delivery| delivery.due <= now)?;
        self.waiting.remove(position)
    }

    /// When the next webhook is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|delivery| delivery.due).min()
    }

    /// Notes the receiver's answer; anything but 200 is tried again.
    pub(crate) fn finish(&mut self, mut delivery: Delivery, status: Option<u16>, now: Timestamp) {
        delivery.tries += 1;
        let delivered = status == Some(200);
        if !delivered && let Some(wait) = RETRIES.get(delivery.tries - 1) {
            delivery.due = now.checked_add(*wait).unwrap_or(now);
            self.waiting.push_back(delivery);
            return;
        }
        let sent = SentWebhook { body: delivery.body, delivered, tries: delivery.tries, last_status: status };
        remember(&mut self.sent, sent, HISTORY_LIMIT);
    }

    pub(crate) fn sent(&self) -> Vec<SentWebhook> {
        self.sent.iter().cloned().collect()
    }

    pub(crate) fn pending(&self) -> usize {
        self.waiting.len() + usize::from(self.overtaken.is_some())
    }

    fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
        if let Some(late) = self.overtaken.take() {
            self.waiting.push_back(late);
        }
    }
}

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
        let item = if post.photos.is_empty() { if post.link.is_some() { "share" } else { "status" } } else { "photo" };
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
        let delivery = Delivery {
            url,
            signature: Some(format!("sha256={}", signature::hexadecimal(key, body.as_bytes()))),
            body,
            content_type: "application/json",
            due: now,
            tries: 0,
        };
        match fault {
            Some(FaultKind::WebhookLost) => {}
            Some(FaultKind::WebhookReorder) if self.outbox.overtaken.is_none() => {
                self.outbox.overtaken = Some(delivery);
            }
            _ => {
                if manner.duplicate || fault == Some(FaultKind::WebhookDuplicate) {
                    self.outbox.push(delivery.clone());
                }
                self.outbox.push(delivery);
            }
        }
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
        self.outbox.push(Delivery {
            url,
            body: form_urlencoded::Serializer::new(String::new()).append_pair("signed_request", &request).finish(),
            content_type: "application/x-www-form-urlencoded",
            signature: None,
            due: now,
            tries: 0,
        });
    }
}
