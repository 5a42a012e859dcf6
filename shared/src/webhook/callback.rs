//! Takes in what a platform says with a signed request: a person has removed our app, or wants to be forgotten. Stored and
//! queued like any delivery, and answered at once.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use url::Url;

use super::{Receiver, receive::unavailable};
use crate::{
    apps::Refreshed,
    connector::{SignedRequest, SignedRequestError},
    http::{MAX_BODY, Request, Response},
    ids::DeletionCode,
    platform::Platform,
    problem::{Code, Problem},
    queue::InboundMessage,
    store::{HookEvent, Withdrawal, WithdrawalKind},
    telemetry::Metric,
};

/// Platforms tell the time in whole seconds: a login within the second of the request came before it.
const SECOND: SignedDuration = SignedDuration::from_millis(999);

/// The answer to a person who wants to be forgotten, in the words of Meta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DataDeletionView {
    /// Where the person can see how far it is.
    pub url: Url,
    /// The same request has the same code.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub confirmation_code: DeletionCode,
}

impl Receiver {
    pub(super) async fn callback(&self, platform: Platform, request: &Request) -> Result<Response, Problem> {
        let kind = match request.parameters.get("hook").map_or("", String::as_str) {
            "deauthorize" => WithdrawalKind::Deauthorized,
            "data-deletion" => WithdrawalKind::DataDeletion,
            _ => return Err(Problem::new(Code::RouteUnknown, "The callbacks are `deauthorize` and `data-deletion`.")),
        };
        let signed = self.signed(platform, request).await?;
        let now = self.clock.now();
        let code = DeletionCode::derived(&[platform.name(), &signed.text]);
        if kind == WithdrawalKind::DataDeletion {
            // First of all: whoever is told the code must find something under it.
            self.store.put_deletion_status(code, now).await.map_err(|error| unavailable(&error))?;
        }
        let withdrawal = Withdrawal {
            kind,
            seen_at: seen_at(&signed, now),
            account: signed.account,
            code: (kind == WithdrawalKind::DataDeletion).then_some(code),
        };
        self.keep(platform, code, withdrawal, now).await?;
        self.metrics.emit(Some(platform), &[(Metric::WebhooksReceived, 1)]);
        tracing::info!(%platform, ?kind, "a withdrawal was taken in");
        match kind {
            WithdrawalKind::Deauthorized => Ok(Response::text(200, "")),
            WithdrawalKind::DataDeletion => {
                let base = request.base.as_str().trim_end_matches('/');
                let url = Url::parse(&format!("{base}/v1/deletions/{code}"))
                    .map_err(|_| Problem::new(Code::Unavailable, "postd does not know its own address."))?;
                Ok(Response::json(200, &DataDeletionView { url, confirmation_code: code }))
            }
        }
    }

    /// What the platform has signed.
    async fn signed(&self, platform: Platform, request: &Request) -> Result<SignedRequest, Problem> {
        if request.body.len() > MAX_BODY {
            return Err(Problem::new(Code::BodyTooLarge, "No platform sends signed requests of this size."));
        }
        let connector = self.connectors.of(platform);
        let app = self.apps.credentials(platform).await.map_err(|error| unavailable(&error))?;
        let mut read = connector.signed_request(&app, &request.body);
        if read == Err(SignedRequestError::NotSigned)
            // The secret may have been rotated since we last read it.
            && let Ok(Refreshed::Changed(app)) = self.apps.refresh_after_auth_failure(platform, &app).await
        {
            read = connector.signed_request(&app, &request.body);
        }
        read.map_err(|error| {
            self.metrics.emit(Some(platform), &[(Metric::WebhooksRefused, 1)]);
            tracing::warn!(%platform, bytes = request.body.len(), %error, "a signed request was refused");
            match error {
                SignedRequestError::Malformed(text) => Problem::new(Code::SignedRequestInvalid, text),
                SignedRequestError::NotSigned => {
                    Problem::new(Code::SignatureInvalid, "The signature does not fit the payload.")
                }
                SignedRequestError::Unsupported => {
                    Problem::new(Code::RouteUnknown, "This platform sends no signed requests.")
                }
            }
        })
    }

    /// Stores it and queues it; a repetition is queued again, as the first time may have died in between.
    async fn keep(
        &self,
        platform: Platform,
        code: DeletionCode,
        withdrawal: Withdrawal,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let name = match withdrawal.kind {
            WithdrawalKind::Deauthorized => "deauthorize",
            WithdrawalKind::DataDeletion => "data-deletion",
        };
        let event = HookEvent {
            key: format!("{name}#{code}"),
            body: String::new(),
            received_at: now,
            withdrawal: Some(withdrawal),
            hint: false,
        };
        self.store.put_hook(platform, &event).await.map_err(|error| unavailable(&error))?;
        let day = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let message = InboundMessage { platform, day, event: event.key };
        self.queue.send_withdrawal(&message).await.map_err(|error| unavailable(&error))
    }
}

/// What a login after this has brought stands. A platform's clock that is ahead of ours does not reach into the future.
fn seen_at(signed: &SignedRequest, now: Timestamp) -> Timestamp {
    signed.issued_at.map_or(now, |at| at.saturating_add(SECOND).unwrap_or(at)).min(now)
}
