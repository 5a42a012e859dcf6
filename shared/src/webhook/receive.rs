//! Takes deliveries in.

use std::sync::Arc;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;

use super::keys::PublishedKeys;
use crate::{
    apps::{Apps, Refreshed},
    clock::Clock,
    connector::{Connector, WebhookDelivery},
    connectors::Connectors,
    http::{Request, Response},
    platform::Platform,
    problem::{Code, Problem},
    queue::{self, InboundMessage},
    secret::AppCredentials,
    store::{HookEvent, Receipt, Store},
    telemetry::{Chain, Metric, Metrics},
};

/// Takes deliveries in. It never answers 410: Mailchimp would switch the hook off for good (F79).
pub struct Receiver {
    /// Where deliveries are kept.
    pub store: Store,
    /// Where they wait to be understood.
    pub queue: queue::Inbound,
    /// Our apps at the platforms, whose secrets sign deliveries.
    pub apps: Apps,
    /// The keys that platforms sign deliveries with, where they publish them.
    pub keys: PublishedKeys,
    /// The platforms.
    pub connectors: Connectors,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where figures go.
    pub metrics: Metrics,
}

impl Receiver {
    /// Answers the routes of this use case.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let platform: Platform = request.parameter("platform", Code::PlatformUnknown)?;
        match request.route.as_str() {
            "GET /webhooks/{platform}" => self.handshake(platform, &request).await,
            "POST /webhooks/{platform}/{hook}" => self.callback(platform, &request).await,
            "POST /webhooks/{platform}" => self.delivery(platform, &request).await,
            _ => Err(Problem::new(Code::RouteUnknown, "This function does not know the route.")),
        }
    }

    async fn handshake(&self, platform: Platform, request: &Request) -> Result<Response, Problem> {
        let app = self.apps.credentials(platform).await.map_err(|error| unavailable(&error))?;
        let connector = self.connectors.of(platform);
        let answer = match connector.webhook_handshake(&app, &request.query) {
            Some(challenge) => Some(challenge),
            // The token may have been rotated since we last read it.
            None => match self.apps.refresh_after_auth_failure(platform, &app).await {
                Ok(Refreshed::Changed(app)) => connector.webhook_handshake(&app, &request.query),
                Ok(Refreshed::Same) | Err(_) => None,
            },
        };
        match answer {
            // LinkedIn proves us by an object, and wants it called one.
            Some(challenge) if challenge.starts_with('{') => {
                let headers = vec![("content-type", "application/json".into())];
                Ok(Response { headers, ..Response::text(200, challenge) })
            }
            Some(challenge) => Ok(Response::text(200, challenge)),
            None => Err(Problem::new(Code::HandshakeRefused, "The verify token is not the one of this app.")),
        }
    }

    async fn delivery(&self, platform: Platform, request: &Request) -> Result<Response, Problem> {
        if request.body.len() > crate::http::MAX_BODY {
            return Err(Problem::new(Code::BodyTooLarge, "No platform sends deliveries of this size."));
        }
        let connector = self.connectors.of(platform);
        let (headers, query) = (&request.headers, request.query.as_slice());
        let delivery = WebhookDelivery { headers, query, body: &request.body, now: self.clock.now() };
        let app = self.apps.credentials(platform).await.map_err(|error| unavailable(&error))?;
        let trust = match self.trust(connector, &app, delivery).await? {
            Some(trust) => Some(trust),
            // The secret may have been rotated since we last read it.
            None => match self.apps.refresh_after_auth_failure(platform, &app).await {
                Ok(Refreshed::Changed(app)) => self.trust(connector, &app, delivery).await?,
                Ok(Refreshed::Same) | Err(_) => None,
            },
        };
        let Some(trust) = trust else {
            self.metrics.emit(Some(platform), &[(Metric::WebhooksRefused, 1)]);
            tracing::warn!(%platform, bytes = request.body.len(), "a delivery is not signed by the platform");
            return Err(Problem::new(Code::SignatureInvalid, "The signature does not fit the body."));
        };
        // Signed bodies are text: Meta escapes everything else. What is not, is stored as far as it can be read.
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let hint = trust == Trust::Hint;
        // What somebody has made up must not stand in the way of what the platform signs.
        let mark: &[u8] = if hint { b"hint:" } else { b"" };
        let key = HEXLOWER.encode(digest::digest(&digest::SHA256, &[mark, &request.body].concat()).as_ref());
        let event = HookEvent { key, body, received_at: self.clock.now(), withdrawal: None, hint };
        let receipt = self.store.put_hook(platform, &event).await.map_err(|error| unavailable(&error))?;
        // A repeat is queued again: the first time may have died between the store and the queue. Recording is once only.
        let message = InboundMessage {
            platform,
            day: event.received_at.to_zoned(jiff::tz::TimeZone::UTC).date(),
            event: event.key,
        };
        self.queue.send(&message).await.map_err(|error| unavailable(&error))?;
        self.metrics.emit(Some(platform), &[(Metric::WebhooksReceived, 1)]);
        tracing::info!(%platform, repeated = receipt == Receipt::Repeated, "delivery taken in");
        Ok(Response::text(200, ""))
    }

    /// How far a delivery is believed; not at all when it is `None`.
    async fn trust(
        &self,
        connector: &dyn Connector,
        app: &AppCredentials,
        delivery: WebhookDelivery<'_>,
    ) -> Result<Option<Trust>, Problem> {
        if connector.validate_webhook_signature(app, delivery) {
            return Ok(Some(Trust::Signed));
        }
        let is_vouched_for =
            self.keys.vouch_for(connector, app, delivery).await.map_err(|error| unavailable(&error))?;
        if is_vouched_for {
            Ok(Some(Trust::Signed))
        } else if connector.is_webhook_hint(app, delivery) {
            Ok(Some(Trust::Hint))
        } else {
            Ok(None)
        }
    }
}

/// How far a delivery is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The platform signed it.
    Signed,
    /// It came in a way that only the platform knows.
    Hint,
}

/// 503: the platform sends it again.
pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error = %Chain(error), "a delivery could not be taken in");
    Problem::new(Code::Unavailable, "Send it again later.")
}
