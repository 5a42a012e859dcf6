//! The public keys that some platforms sign deliveries with: fetched from where the platform publishes them, kept for as
//! long as it allows, and fetched anew when a delivery fits none of them, because then they may have changed.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};

use crate::{
    connector::{
        Answer, Connector, WebhookDelivery,
        transport::{Transport, TransportError},
    },
    platform::Platform,
    secret::AppCredentials,
};

/// How long a fetch may take: the function that takes deliveries in has little more.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long keys are kept whose answer does not say.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long after a fetch the next one is held back: deliveries cost nothing to make up.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Why nobody can say whether a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoKeys {
    /// The platform's keys cannot be reached.
    #[error("the platform's keys cannot be fetched")]
    Unreachable(#[source] TransportError),
    /// The platform has an answer and no keys in it.
    #[error("the platform does not give out its keys")]
    Refused,
}

struct Kept {
    answer: Answer,
    fetched_at: Timestamp,
    good_until: Timestamp,
}

/// The keys of every platform that has such keys.
pub struct PublishedKeys {
    transport: Arc<dyn Transport>,
    kept: std::sync::Mutex<BTreeMap<Platform, Arc<Kept>>>,
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PublishedKeys")
    }
}

impl PublishedKeys {
    /// None yet; they are fetched through `transport` when first needed.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, kept: std::sync::Mutex::default() }
    }

    /// Whether a delivery is signed by a key that the platform publishes. `false` for platforms that have none.
    pub(super) async fn vouch_for(
        &self,
        connector: &dyn Connector,
        app: &AppCredentials,
        delivery: WebhookDelivery<'_>,
    ) -> Result<bool, NoKeys> {
        if connector.webhook_keys().is_none() {
            return Ok(false);
        }
        let now = delivery.now;
        let kept = self.kept(connector.platform());
        let is_usable = |kept: &Arc<Kept>| kept.good_until > now && kept.fetched_at <= now;
        if let Some(kept) = kept.filter(is_usable) {
            let is_signed = connector.is_signed_with(&kept.answer, app, delivery);
            if is_signed || now.duration_since(kept.fetched_at) < PAUSE {
                return Ok(is_signed);
            }
        }
        let kept = self.fetch(connector, now).await?;
        Ok(connector.is_signed_with(&kept.answer, app, delivery))
    }

    fn kept(&self, platform: Platform) -> Option<Arc<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&platform).cloned()
    }

    async fn fetch(&self, connector: &dyn Connector, now: Timestamp) -> Result<Arc<Kept>, NoKeys> {
        let request = connector.webhook_keys().ok_or(NoKeys::Refused)?;
        let answer = self.transport.send(request, DEADLINE).await.map_err(NoKeys::Unreachable)?;
        if !answer.status.is_success() {
            return Err(NoKeys::Refused);
        }
        let good_until = now.saturating_add(lifetime(&answer.headers)).unwrap_or(Timestamp::MAX);
        let kept = Arc::new(Kept { answer, fetched_at: now, good_until });
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(connector.platform(), kept.clone());
        Ok(kept)
    }
}

/// How long an answer may be kept, by its `Cache-Control`.
fn lifetime(headers: &HeaderMap) -> SignedDuration {
    let text = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let seconds = text.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok());
    seconds.map_or(KEPT, SignedDuration::from_secs).clamp(PAUSE, LONGEST_KEPT)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::google("public, max-age=19845, must-revalidate, no-transform", 19_845)]
    #[case::nothing("no-store", 3_600)]
    #[case::too_short("max-age=0", 60)]
    #[case::too_long("max-age=99999999999", 86_400)]
    #[case::no_number("max-age=soon", 3_600)]
    fn keys_are_kept_as_long_as_their_answer_allows(#[case] value: &'static str, #[case] seconds: i64) {
        let headers: HeaderMap = [(header::CACHE_CONTROL, HeaderValue::from_static(value))].into_iter().collect();
        assert_eq!(lifetime(&headers), SignedDuration::from_secs(seconds));
    }
}
