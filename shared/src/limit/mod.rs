//! Limits of requests: so many a minute for each tenant, and for each address without a key.
//!
//! The minute's tokens lie in the table, where all sandboxes meet. A sandbox takes a block of them with one write and spends
//! it from memory; once it has heard that none are left, it refuses from memory too. Whoever cannot be counted passes: a
//! limit is worth less than the API.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::IgnoredAny};

mod bucket;
mod network;
mod settings;

pub use network::Network;
pub use settings::Limits;

use crate::{
    clock::Clock,
    http::{Request, Response},
    ids::TenantId,
    problem::{Code, Problem},
    store::Store,
    telemetry::{Chain, Metric, Metrics},
};
use bucket::{Bucket, Spend};

/// How long a minute is, in seconds.
const WINDOW: i64 = 60;
/// How long a request waits to be counted; then it goes on.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a sandbox asks no more after the table has not answered.
const SILENCE: SignedDuration = SignedDuration::from_secs(5);
/// How many callers a sandbox remembers.
const CALLERS: usize = 4_096;

const BULK: &str = "POST /v1/posts/bulk";
const OAUTH_START: &str = "GET /v1/connect/{session}";
const OAUTH_CALLBACK: &str = "GET /v1/oauth/{platform}/callback";
const DELIVERY: &str = "POST /webhooks/{platform}";
const CALLBACK: &str = "POST /webhooks/{platform}/{hook}";

/// Who shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    Tenant(TenantId),
    Public(IpAddr),
    OauthStart(IpAddr),
    OauthCallback(IpAddr),
}

impl Scope {
    /// `None`: nobody knows where the request comes from.
    fn of(request: &Request, source: Option<IpAddr>) -> Option<Self> {
        if let Ok(caller) = request.caller {
            return Some(Self::Tenant(caller.tenant.id()));
        }
        let source = network::subscriber(source?);
        Some(match request.route.as_str() {
            OAUTH_START => Self::OauthStart(source),
            OAUTH_CALLBACK => Self::OauthCallback(source),
            _ => Self::Public(source),
        })
    }

    fn policy(self, limits: &Limits) -> Policy {
        let (name, limit) = match self {
            Self::Tenant(_) => ("tenant", limits.tenant),
            Self::Public(_) => ("public", limits.public),
            Self::OauthStart(_) | Self::OauthCallback(_) => ("oauth", limits.oauth),
        };
        Policy { name, limit }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(formatter, "tenant#{tenant}"),
            Self::Public(source) => write!(formatter, "public#{source}"),
            Self::OauthStart(source) => write!(formatter, "start#{source}"),
            Self::OauthCallback(source) => write!(formatter, "callback#{source}"),
        }
    }
}

/// A limit by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What answers call it: `tenant`, `public` or `oauth`.
    pub name: &'static str,
    /// Requests in a minute.
    pub limit: u32,
}

/// Where a caller stands in its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it is measured by.
    pub policy: Policy,
    /// How many more requests could go on, as far as this sandbox can tell.
    pub remaining: u32,
    /// When the minute ends.
    pub resets_at: Timestamp,
    /// Whole seconds until then, at least one.
    pub resets_in: i64,
}

/// Whether a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not counted.
    Exempt,
    /// It goes on.
    Passed(Standing),
    /// It goes on, although it could not be counted.
    Open(Option<Policy>),
    /// It is one too many.
    Refused(Standing),
}

impl Verdict {
    /// The answer in place of the use case's, if there is to be one.
    #[must_use]
    pub fn refusal(&self) -> Option<Problem> {
        let Self::Refused(Standing { policy, resets_in, .. }) = self else { return None };
        let detail = format!("At most {} requests a minute are taken here; go on in {resets_in} s.", policy.limit);
        Some(Problem::new(Code::RateLimited, detail))
    }

    /// The same answer with what it says about the limit (draft-ietf-httpapi-ratelimit-headers, and the older `X-` names).
    #[must_use]
    pub fn mark(&self, mut response: Response) -> Response {
        let (policy, standing) = match self {
            Self::Exempt | Self::Open(None) => return response,
            Self::Open(Some(policy)) => (policy, None),
            Self::Passed(standing) | Self::Refused(standing) => (&standing.policy, Some(standing)),
        };
        let Policy { name, limit } = policy;
        response = response
            .with_header("ratelimit-policy", format!("\"{name}\";q={limit};w={WINDOW}"))
            .with_header("x-ratelimit-limit", limit.to_string());
        if let Some(Standing { remaining, resets_at, resets_in, .. }) = standing {
            response = response
                .with_header("ratelimit", format!("\"{name}\";r={remaining};t={resets_in}"))
                .with_header("x-ratelimit-remaining", remaining.to_string())
                .with_header("x-ratelimit-reset", resets_at.as_second().to_string());
        }
        match self {
            Self::Refused(standing) => response.with_header("retry-after", standing.resets_in.to_string()),
            Self::Exempt | Self::Open(_) | Self::Passed(_) => response,
        }
    }
}

/// Counts requests.
pub struct Limiter {
    store: Store,
    limits: Limits,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    patience: Duration,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    buckets: HashMap<Scope, Bucket>,
    silent_until: Option<Timestamp>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Limiter").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Limiter {
    /// A limiter that has counted nothing yet.
    #[must_use]
    pub fn new(store: Store, limits: Limits, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self { store, limits, clock, metrics, patience: PATIENCE, memory: Mutex::default() }
    }

    /// The same, but a request waits so long to be counted.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Counts a request that came from `source`. A bulk request counts as many as it has posts.
    pub async fn admit(&self, request: &Request, source: Option<IpAddr>) -> Verdict {
        // A platform sends from few addresses for all its users, and what it sends is signed.
        let internal = source.is_some_and(|source| self.limits.internal.iter().any(|network| network.contains(source)));
        if internal || [DELIVERY, CALLBACK].contains(&request.route.as_str()) {
            return Verdict::Exempt;
        }
        let Some(scope) = Scope::of(request, source) else {
            tracing::warn!("a request without an address was not counted");
            return self.open(None);
        };
        let policy = scope.policy(&self.limits);
        self.take(scope, policy, cost(request).min(policy.limit)).await
    }

    async fn take(&self, scope: Scope, policy: Policy, cost: u32) -> Verdict {
        let now = self.clock.now();
        let (window, spend, remaining, silent) = {
            let mut memory = self.memory();
            let silent = memory.is_silent(now);
            let bucket = memory.bucket(scope, policy, now);
            let spend = bucket.spend(cost);
            (bucket.window, spend, bucket.remaining(), silent)
        };
        let asked = match spend {
            Spend::Paid => return Verdict::Passed(standing(policy, remaining, window, now)),
            Spend::Empty => return Verdict::Refused(standing(policy, remaining, window, now)),
            Spend::Ask(_) if silent => return self.open(Some(policy)),
            Spend::Ask(asked) => asked,
        };
        let begins = Timestamp::from_second(window).unwrap_or(now);
        match self.store.take_tokens(&scope.to_string(), begins, (asked, policy.limit), self.patience).await {
            Ok(before) => self.settle(scope, policy, window, (cost, asked, before)),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "requests go on uncounted");
                self.memory().silent_until = now.saturating_add(SILENCE).ok();
                self.open(Some(policy))
            }
        }
    }

    fn settle(&self, scope: Scope, policy: Policy, window: i64, (cost, asked, before): (u32, u32, u64)) -> Verdict {
        let now = self.clock.now();
        let mut memory = self.memory();
        // Another request may have begun the next minute meanwhile: then these tokens are spent on this one alone.
        let mut late = Bucket::new(window, policy.limit);
        let bucket = memory.buckets.get_mut(&scope).filter(|bucket| bucket.window == window).unwrap_or(&mut late);
        let paid = bucket.settle(cost, asked, before) == Spend::Paid;
        let standing = standing(policy, bucket.remaining(), window, now);
        if paid { Verdict::Passed(standing) } else { Verdict::Refused(standing) }
    }

    fn open(&self, policy: Option<Policy>) -> Verdict {
        self.metrics.emit(None, &[(Metric::LimitsOpen, 1)]);
        Verdict::Open(policy)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The caller's bucket of this minute.
    fn bucket(&mut self, scope: Scope, policy: Policy, now: Timestamp) -> &mut Bucket {
        let window = now.as_second().div_euclid(WINDOW) * WINDOW;
        if !self.buckets.contains_key(&scope) && self.buckets.len() >= CALLERS {
            self.buckets.retain(|_, bucket| bucket.window >= window);
            if self.buckets.len() >= CALLERS {
                // Whoever comes back asks the table again.
                self.buckets.clear();
            }
        }
        let bucket = self.buckets.entry(scope).or_insert(Bucket::new(window, policy.limit));
        // A clock that is set back a little gives nobody a second minute; one that was far ahead locks nobody out.
        if !(window..=window + WINDOW).contains(&bucket.window) {
            *bucket = Bucket::new(window, policy.limit);
        }
        bucket
    }

    fn is_silent(&self, now: Timestamp) -> bool {
        self.silent_until.is_some_and(|until| now < until && until.duration_since(now) <= SILENCE)
    }
}

fn standing(policy: Policy, remaining: u32, window: i64, now: Timestamp) -> Standing {
    let resets_at = Timestamp::from_second(window + WINDOW).unwrap_or(now);
    let milliseconds = resets_at.as_millisecond() - now.as_millisecond();
    Standing { policy, remaining, resets_at, resets_in: (milliseconds + 999).div_euclid(1_000).max(1) }
}

/// How many requests this one counts as.
fn cost(request: &Request) -> u32 {
    #[derive(Deserialize)]
    struct Bulk {
        posts: Vec<IgnoredAny>,
    }
    if request.route != BULK {
        return 1;
    }
    // What cannot be read is refused as one request.
    let posts = serde_json::from_slice(&request.body).map_or(1, |bulk: Bulk| bulk.posts.len());
    u32::try_from(posts).unwrap_or(u32::MAX).max(1)
}
