//! Renewing while one holds the lease.

use jiff::{SignedDuration, Timestamp};

use super::{Refreshed, Refresher, Why, Wish, after, no_time, rest};
use crate::{
    apps,
    connector::{
        Act, ConnectorError, Disposition, Effect, Refusal, TokenSet,
        driver::{self, Budget, CallFailed, Calls},
        transport::TransportError,
    },
    defect::Defect,
    secret::{AppCredentials, RefreshToken},
    store::{Release, Renewed, Resting, Sent, Standing, StoreError},
    telemetry::{Chain, Metric},
    vault::{Expected, VaultError},
};
use std::time::Duration;

/// How long storing a new token may take, again and again, before the lease passes to another.
const STORING_TAKES: SignedDuration = SignedDuration::from_secs(12);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A token that was renewed because of a refusal and is refused within this time: renewing does not help.
const IN_VAIN: SignedDuration = SignedDuration::from_hours(1);
/// How long a failed try keeps others away, at first and at most; each failure doubles it.
const FIRST_REST: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(30);
const SHORTEST_CALL: Duration = Duration::from_secs(1);

/// The lease, and what it is about.
pub(super) struct Held<'a> {
    pub(super) wish: &'a Wish,
    pub(super) fence: u64,
    pub(super) tokens: &'a TokenSet,
    /// When they were read: a login after that has the last word.
    pub(super) read_at: Timestamp,
    pub(super) failures: u32,
}

/// What the platform's answer to a refresh token means.
enum Word {
    /// The new tokens.
    New(TokenSet),
    /// The token may be used up: nobody saw what came of it.
    Lost(Refusal),
    /// It is not used up; how long to wait, if the platform said so.
    NotNow(Refusal, Option<SignedDuration>),
    /// The platform will not renew with it, and not because the grant is over.
    Refused(Refusal),
    /// The grant is over.
    Over(Refusal),
    /// Our app is misconfigured.
    Operator(Refusal),
}

impl Refresher<'_> {
    /// Renews, holding the lease.
    pub(super) async fn hold(&self, wish: &Wish, standing: &Standing) -> Result<Refreshed, StoreError> {
        let read_at = self.clock.now();
        let (tokens, version) = match self.stored(wish).await {
            Ok(stored) => stored,
            Err(VaultError::NotFound | VaultError::TenantDeleted) => {
                self.release(wish, standing.fence, &Release::Untouched).await?;
                return Ok(Refreshed::Unsupported);
            }
            Err(error) => return self.not_begun(wish, standing, &error).await,
        };
        if version > wish.came_with && !Defect::RefreshesWithoutLease.is_present() {
            self.release(wish, standing.fence, &Release::Untouched).await?;
            return Ok(Refreshed::Renewed { tokens, version });
        }
        let in_vain = |renewed: &Renewed| {
            renewed.version == version && renewed.refused && read_at.duration_since(renewed.at) < IN_VAIN
        };
        if wish.why == Why::Refused && standing.renewed.as_ref().is_some_and(in_vain) {
            self.release(wish, standing.fence, &Release::Untouched).await?;
            return Ok(Refreshed::Useless);
        }
        let app = match self.apps.credentials_of(wish.tenant, wish.platform, wish.app).await {
            Ok(app) => app,
            Err(error) => return self.not_begun(wish, standing, &error).await,
        };
        if let Err(error) = self.vault.prepare(wish.tenant).await {
            return self.not_begun(wish, standing, &error).await;
        }
        let failures = standing.resting.as_ref().filter(|resting| resting.version == version);
        let held = Held {
            wish,
            fence: standing.fence,
            tokens: &tokens,
            read_at,
            failures: failures.map_or(0, |resting| resting.failures),
        };
        let times = standing.sent.filter(|sent| sent.version == version).map_or(0, |sent| sent.times);
        self.send(&held, version, &app, times).await
    }

    /// Sends the refresh token, and once more if its first answer is lost.
    async fn send(
        &self,
        held: &Held<'_>,
        version: u64,
        app: &AppCredentials,
        mut times: u32,
    ) -> Result<Refreshed, StoreError> {
        let connector = self.connectors.of(held.wish.platform);
        loop {
            let Ok(flow) = connector.refresh_token(app, held.tokens.clone()) else {
                self.release(held.wish, held.fence, &Release::Untouched).await?;
                return Ok(Refreshed::Unsupported);
            };
            let Some(takes) = held.wish.budget.next_call().filter(|takes| *takes >= super::SHORTEST) else {
                self.release(held.wish, held.fence, &Release::Untouched).await?;
                return Ok(Refreshed::Later { at: self.clock.now(), reason: no_time() });
            };
            let now = self.clock.now();
            let until = after(now, SignedDuration::try_from(takes).unwrap_or_default().saturating_add(STORING_TAKES));
            let before = (times > 0).then_some(Sent { version, times, at: now });
            let sent = Sent { version, times: times.saturating_add(1), at: now };
            if !self.store.record_refresh(held.wish.tenant, held.wish.connection, held.fence, sent, until).await? {
                return Ok(Refreshed::Later { at: after(now, SignedDuration::from_secs(1)), reason: super::at_work() });
            }
            let budget = Budget::lasting(takes).with_calls(SHORTEST_CALL, takes);
            let mut calls = Calls::new(self.transport, connector, app, None, budget);
            // Nothing is awaited between this and the call: the machine may have stood still until now.
            if self.clock.now() >= until {
                return Ok(Refreshed::Later { at: self.clock.now(), reason: super::at_work() });
            }
            let word = word(driver::run_flow(flow, &mut calls).await, held.tokens, calls.hold_back());
            times = sent.times;
            match word {
                Word::New(tokens) => return self.keep(held, (version, until), tokens).await,
                // The first answer is lost: servers that forgive a second use forgive it now or never.
                Word::Lost(_) if times == 1 => {
                    tracing::warn!(times, "nobody saw a token renewed; it is sent once more");
                }
                Word::Lost(reason) => return self.rest(held, (version, Some(sent)), reason, calls.hold_back()).await,
                Word::NotNow(reason, wait) => return self.rest(held, (version, before), reason, wait).await,
                Word::Refused(reason) => {
                    self.degrade(held, &reason).await?;
                    return self.rest(held, (version, before), reason, Some(LONGEST_REST)).await;
                }
                Word::Operator(reason) => {
                    tracing::error!(code = %reason.code, "our app at the platform is misconfigured");
                    self.metrics.count(Some(held.wish.platform), Metric::AppMisconfigured);
                    let way = (held.wish.platform, held.wish.app);
                    let wait = match self.apps.refresh_of(held.wish.tenant, way, app).await {
                        // The secret was rotated between our reading it and the call (F59): the next try has the new one.
                        Ok(apps::Refreshed::Changed(_)) => None,
                        Ok(apps::Refreshed::Same) | Err(_) => Some(LONGEST_REST),
                    };
                    return self.rest(held, (version, before), reason, wait).await;
                }
                Word::Over(reason) => return self.over(held, (version, times), reason).await,
            }
        }
    }

    /// Stores the new tokens over the version that they renew. They may be the only ones that work: what stands in the way is
    /// tried again for as long as the lease holds.
    async fn keep(
        &self,
        held: &Held<'_>,
        (version, until): (u64, Timestamp),
        tokens: TokenSet,
    ) -> Result<Refreshed, StoreError> {
        let Wish { tenant, connection, .. } = *held.wish;
        let expected =
            if Defect::StoresOverNewerTokens.is_present() { Expected::Any } else { Expected::Version(version) };
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.vault.put_grant(tenant, connection, &tokens, &[], expected).await {
                Ok(version) => return self.renewed(held, tokens, version).await,
                Err(VaultError::Conflict) => match self.stored(held.wish).await {
                    // Our own write whose answer was lost.
                    Ok((stored, version)) if stored.access.expose() == tokens.access.expose() => {
                        return self.renewed(held, stored, version).await;
                    }
                    Ok((tokens, version)) => {
                        tracing::warn!("a newer token stood there already; it is taken");
                        self.release(held.wish, held.fence, &Release::Untouched).await?;
                        return Ok(Refreshed::Renewed { tokens, version });
                    }
                    Err(error) => error,
                },
                // Nothing of theirs is kept any more.
                Err(VaultError::TenantDeleted) => {
                    self.release(held.wish, held.fence, &Release::Untouched).await?;
                    return Ok(Refreshed::Unsupported);
                }
                Err(error) => error,
            };
            if self.clock.now() >= until {
                self.metrics.count(Some(held.wish.platform), Metric::VaultUnavailable);
                // The lease ends by itself, and the record of what was sent stands: the next one counts as the second try.
                return Ok(self.outage(&error));
            }
            tracing::warn!(error = %Chain(&error), "a renewed token is not stored yet");
            rest(pause).await;
            pause = (pause * 2).min(super::LAST_LOOK);
        }
    }

    /// The platform says that the grant is over. That is so unless somebody has stored a newer token meanwhile.
    async fn over(
        &self,
        held: &Held<'_>,
        (version, times): (u64, u32),
        reason: Refusal,
    ) -> Result<Refreshed, StoreError> {
        if !Defect::BelievesRefusalsAtOnce.is_present() {
            match self.stored(held.wish).await {
                Ok((_, stored)) if stored == version => {}
                Ok((tokens, version)) => {
                    self.release(held.wish, held.fence, &Release::Untouched).await?;
                    return Ok(Refreshed::Renewed { tokens, version });
                }
                Err(error) => {
                    let sent = Sent { version, times, at: self.clock.now() };
                    let Refreshed::Later { reason, .. } = self.outage(&error) else {
                        return Ok(Refreshed::Unsupported);
                    };
                    return self.rest(held, (version, Some(sent)), reason, None).await;
                }
            }
        }
        let cause = if times > 1 { lost(&reason) } else { reason };
        self.ended(held, version, cause).await
    }

    /// Gives the lease back after a try that failed, and says when the next one is due.
    pub(super) async fn rest(
        &self,
        held: &Held<'_>,
        (version, sent): (u64, Option<Sent>),
        reason: Refusal,
        wait: Option<SignedDuration>,
    ) -> Result<Refreshed, StoreError> {
        let now = self.clock.now();
        let failures = held.failures.saturating_add(1);
        let at = after(
            now,
            backoff(failures, held.wish.connection.uuid().as_u128() ^ u128::from(held.fence))
                .max(wait.unwrap_or_default()),
        );
        tracing::warn!(code = %reason.code, failures, until = %at, "a token was not renewed");
        if held.tokens.access_expires_at.is_some_and(|ends_at| ends_at <= now) {
            self.degrade(held, &failing(&reason)).await?;
        }
        let resting = Resting { version, failures, reason: reason.clone() };
        self.release(held.wish, held.fence, &Release::Rest { until: at, resting, sent }).await?;
        Ok(Refreshed::Later { at, reason })
    }

    /// Something of ours was missing before anything was sent.
    async fn not_begun(
        &self,
        wish: &Wish,
        standing: &Standing,
        error: &(dyn std::error::Error + Sync + 'static),
    ) -> Result<Refreshed, StoreError> {
        let outcome = self.outage(error);
        self.release(wish, standing.fence, &Release::Untouched).await?;
        Ok(outcome)
    }

    pub(super) async fn release(&self, wish: &Wish, fence: u64, release: &Release) -> Result<bool, StoreError> {
        self.store.release_refresh(wish.tenant, wish.connection, fence, release).await
    }
}

/// Reads how a renewal ended.
fn word(outcome: Result<TokenSet, CallFailed>, old: &TokenSet, hold_back: Option<SignedDuration>) -> Word {
    let failure = match outcome {
        Ok(tokens) => match merged(old, tokens) {
            Some(tokens) => return Word::New(tokens),
            None => CallFailed::Refused(ConnectorError::Unreadable { what: "an access token" }),
        },
        Err(failure) => failure,
    };
    let reason = failure.refusal();
    match &failure {
        CallFailed::Transport(TransportError::NotSent(_) | TransportError::Source(_)) | CallFailed::OutOfTime => {
            Word::NotNow(reason, hold_back)
        }
        CallFailed::Transport(TransportError::NoAnswer(_)) | CallFailed::TooManyCalls => Word::Lost(reason),
        // As with a publish: a 5xx and what cannot be read may have had its effect.
        CallFailed::Refused(error) => match error.disposition(Effect::Publish) {
            Disposition::Retry(wait) => Word::NotNow(reason, wait.or(hold_back)),
            Disposition::ReadBack => Word::Lost(reason),
            Disposition::Reconnect => Word::Over(reason),
            Disposition::Fail => Word::Refused(reason),
            Disposition::Operator => Word::Operator(reason),
        },
    }
}

/// The new tokens with all that the platform left out: that stays as it was. `None` if there is no access token.
fn merged(old: &TokenSet, new: TokenSet) -> Option<TokenSet> {
    let is_there = |token: &RefreshToken| !token.expose().is_empty();
    let stays = |token: &RefreshToken| old.refresh.as_ref().is_some_and(|old| old.expose() == token.expose());
    if new.access.expose().is_empty() {
        return None;
    }
    let refresh = new.refresh.filter(is_there);
    let keeps_refresh = refresh.as_ref().is_none_or(stays);
    let refresh_expires_at = new.refresh_expires_at.or(old.refresh_expires_at.filter(|_| keeps_refresh));
    Some(TokenSet {
        access: new.access,
        access_expires_at: new.access_expires_at,
        data_access_expires_at: new.data_access_expires_at.or(old.data_access_expires_at),
        refresh: refresh.or_else(|| old.refresh.clone()),
        refresh_expires_at,
    })
}

/// 30 s, doubled with each failure up to half an hour, of which up to a half is taken off: by whoever tries, so that many
/// do not come back at the same moment.
fn backoff(failures: u32, who: u128) -> SignedDuration {
    let doubled = 2_i32.saturating_pow(failures.saturating_sub(1).min(10));
    let whole = FIRST_REST.saturating_mul(doubled).min(LONGEST_REST);
    // The same whenever the same history is played again, and as good as chance for many connections.
    let drawn = who.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_right(64) % 1_001;
    let off = whole.as_millis().saturating_mul(i128::try_from(drawn).unwrap_or(0)) / 2_000;
    whole.saturating_sub(SignedDuration::from_millis(i64::try_from(off).unwrap_or(0)))
}

/// Why a connection ends whose token the platform had renewed without our seeing it.
fn lost(reason: &Refusal) -> Refusal {
    Refusal {
        platform_code: reason.platform_code.clone(),
        trace_id: reason.trace_id.clone(),
        ..Refusal::ours(
            "connection.refresh_lost",
            Act::EndUser,
            "The platform renewed the connection and its answer was lost on the way; the old token is used up. Connect the \
             account again.",
        )
    }
}

/// Why a connection does not work for now.
fn failing(reason: &Refusal) -> Refusal {
    Refusal {
        platform_code: reason.platform_code.clone(),
        ..Refusal::ours(
            "connection.refresh_failing",
            Act::Nobody,
            "The token has ended and could not be renewed yet; postd keeps trying.",
        )
    }
}
