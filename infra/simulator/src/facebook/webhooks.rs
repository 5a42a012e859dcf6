//! Sending webhooks: the handshake that opens a subscription, and the worker that delivers and retries.

use super::error::GraphError;
use super::handle::Facebook;
use super::outbox::Delivery;
use crate::client;
use hyper::Method;
use url::Url;

impl Facebook {
    /// Asks the callback to answer a challenge.
    pub(crate) async fn shake_hands(&self, callback: &Url, verify_token: &str) -> Result<(), GraphError> {
        let refuse = |reason: String| {
            let message = format!("(#2200) Callback verification failed with the following errors: {reason}");
            Err(GraphError::new(2200, message))
        };
        let challenge = 1_000_000_000 + self.world().ids.object();
        let mut url = callback.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge.to_string())
            .append_pair("hub.verify_token", verify_token);
        match client::call(Method::GET, &url, &[], String::new()).await {
            Ok((200, body)) if body == challenge.to_string() => Ok(()),
            Ok((200, _)) => refuse("the challenge was not echoed".to_owned()),
            Ok((status, _)) => refuse(format!("HTTP Status Code = {status}")),
            Err(error) => refuse(error.to_string()),
        }
    }

    /// Delivers webhooks until aborted.
    pub(crate) async fn deliver_webhooks(self) {
        loop {
            let now = self.now();
            // Taken in its own statement: the lock must not live across the call.
            let due = self.world().outbox.take_due(now);
            if let Some(delivery) = due {
                let status = send(&delivery).await;
                let now = self.now();
                self.world().outbox.finish(delivery, status, now);
                continue;
            }
            let next = self.world().outbox.next_due();
            match next {
                Some(next) => {
                    tokio::select! {
                        () = self.clock().reach(next) => {}
                        () = self.bell().notified() => {}
                    }
                }
                None => self.bell().notified().await,
            }
        }
    }
}

/// Sends once; the status, if there was one.
async fn send(delivery: &Delivery) -> Option<u16> {
    let url = Url::parse(&delivery.url).ok()?;
    let mut headers = vec![("content-type", delivery.content_type)];
    if let Some(signature) = &delivery.signature {
        headers.push(("x-hub-signature-256", signature.as_str()));
    }
    let answer = client::call(Method::POST, &url, &headers, delivery.body.clone()).await;
    answer.ok().map(|(status, _)| status)
}
