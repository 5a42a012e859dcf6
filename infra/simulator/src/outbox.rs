//! Webhooks waiting to be sent, faults on the way out, and the worker that delivers and retries.

use crate::client;
use crate::clock::Clock;
use crate::faults::FaultKind;
use crate::log::remember;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::VecDeque;
use tokio::sync::Notify;
use url::Url;

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
    /// The content type, the signature, and whatever else goes with the body.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) due: Timestamp,
    pub(crate) tries: usize,
}

/// How a platform sends webhooks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Custom {
    /// The waits before each further try.
    pub(crate) retries: &'static [SignedDuration],
    /// Whether a status counts as taken in.
    pub(crate) accepts: fn(u16) -> bool,
}

/// All webhooks: waiting, held back, finished.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    custom: Custom,
    waiting: VecDeque<Delivery>,
    /// Waits for a later event to overtake it.
    overtaken: Option<Delivery>,
    sent: VecDeque<SentWebhook>,
}

impl Outbox {
    pub(crate) fn new(custom: Custom) -> Self {
        Self { custom, waiting: VecDeque::new(), overtaken: None, sent: VecDeque::new() }
    }

    /// Hands out the first webhook that is due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Delivery> {
        let position = self.waiting.iter().position(|delivery| delivery.due <= now)?;
        self.waiting.remove(position)
    }

    /// When the next webhook is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|delivery| delivery.due).min()
    }

    /// Notes the receiver's answer; what was not taken in is tried again.
    pub(crate) fn finish(&mut self, mut delivery: Delivery, status: Option<u16>, now: Timestamp) {
        delivery.tries += 1;
        let delivered = status.is_some_and(self.custom.accepts);
        if !delivered && let Some(wait) = self.custom.retries.get(delivery.tries - 1) {
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

    /// Forgets what waits for an address.
    pub(crate) fn forget(&mut self, url: &str) {
        self.waiting.retain(|delivery| delivery.url != url);
    }

    /// Queues a webhook, with whatever fault strikes it.
    pub(crate) fn queue(&mut self, delivery: Delivery, fault: Option<FaultKind>, twice: bool) {
        match fault {
            Some(FaultKind::WebhookLost) => {}
            Some(FaultKind::WebhookReorder) if self.overtaken.is_none() => self.overtaken = Some(delivery),
            _ => {
                if twice || fault == Some(FaultKind::WebhookDuplicate) {
                    self.push(delivery.clone());
                }
                self.push(delivery);
            }
        }
    }

    fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
        if let Some(late) = self.overtaken.take() {
            self.waiting.push_back(late);
        }
    }
}

/// A platform that sends webhooks.
pub(crate) trait Sends: Send + Sync {
    /// The time.
    fn clock(&self) -> &Clock;
    /// Rings when a webhook may be due.
    fn bell(&self) -> &Notify;
    /// Lends the outbox out.
    fn with_outbox<T>(&self, work: impl FnOnce(&mut Outbox) -> T) -> T;
    /// Hears what became of one try.
    fn tried(&self, _delivery: &Delivery, _status: Option<u16>) {}
}

/// Delivers webhooks until aborted.
pub(crate) async fn deliver(platform: impl Sends) {
    loop {
        let now = platform.clock().now();
        let due = platform.with_outbox(|outbox| outbox.take_due(now));
        if let Some(delivery) = due {
            let status = send(&delivery).await;
            platform.tried(&delivery, status);
            let now = platform.clock().now();
            platform.with_outbox(|outbox| outbox.finish(delivery, status, now));
            continue;
        }
        match platform.with_outbox(|outbox| outbox.next_due()) {
            Some(next) => {
                tokio::select! {
                    () = platform.clock().reach(next) => {}
                    () = platform.bell().notified() => {}
                }
            }
            None => platform.bell().notified().await,
        }
    }
}

/// Sends once; the status, if there was one.
async fn send(delivery: &Delivery) -> Option<u16> {
    let url = Url::parse(&delivery.url).ok()?;
    let headers: Vec<(&str, &str)> = delivery.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = client::call(Method::POST, &url, &headers, delivery.body.clone()).await;
    answer.ok().map(|(status, _)| status)
}
