//! What a renewal changes about its connection.

use super::{Refreshed, Refresher, Why, attempt::Held, schedule};
use crate::{
    connector::{Refusal, TokenSet},
    health::{ending, outlives_renewal},
    store::{ConnectionState, Release, RenewalTimes, Renewed, Resting, StoreError},
    telemetry::{Chain, Metric},
};

impl Refresher<'_> {
    /// The tokens are stored: everything else follows, and the next look repairs what does not.
    pub(super) async fn renewed(
        &self,
        held: &Held<'_>,
        tokens: TokenSet,
        version: u64,
    ) -> Result<Refreshed, StoreError> {
        let wish = held.wish;
        let now = self.clock.now();
        tracing::info!(tenant = %wish.tenant.id(), connection = %wish.connection, version, "a token was renewed");
        self.metrics.count(Some(wish.platform), Metric::TokensRenewed);
        let release = Release::Renewed(Renewed { version, at: now, refused: wish.why == Why::Refused });
        let told = async {
            // Whoever was frozen past the lease has stored what nobody else had; it is for the new holder to say more.
            if self.release(wish, held.fence, &release).await? {
                self.record(held, &tokens, version).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = told.await {
            tracing::warn!(error = %Chain(&error), "a renewal was stored and not recorded; the next look does it");
        }
        Ok(Refreshed::Renewed { tokens, version })
    }

    async fn record(&self, held: &Held<'_>, tokens: &TokenSet, version: u64) -> Result<(), StoreError> {
        let wish = held.wish;
        let now = self.clock.now();
        let times = RenewalTimes::of(tokens, version, held.read_at);
        let next = schedule::next_look(tokens, wish.connection, now);
        self.store.record_renewal(wish.tenant, wish.connection, &times, (next, now)).await?;
        let Some(connection) = self.store.connection(wish.tenant, wish.connection).await? else { return Ok(()) };
        let ends_at = times.ends_at();
        let (state, reason) = match (connection.state, connection.reason) {
            (ConnectionState::Disconnected, _) => return Ok(()),
            // What a login lacked stays lacking, however fresh its token is.
            (ConnectionState::Degraded, Some(reason)) if outlives_renewal(&reason) => return Ok(()),
            (state, reason) => match ending(ends_at, now) {
                Some((new, ending)) if state == new && reason.as_ref() == Some(&ending) => return Ok(()),
                Some((new, ending)) => (new, Some(ending)),
                None if state == ConnectionState::Active => return Ok(()),
                None => (ConnectionState::Active, None),
            },
        };
        let learned = (state, reason.as_ref(), held.read_at);
        if self.store.set_connection_state(wish.tenant, wish.connection, learned, now).await? {
            self.store.log_health(wish.tenant, wish.connection, (state, reason.as_ref()), now).await?;
        }
        Ok(())
    }

    /// The platform has ended the grant, and nobody knows better.
    pub(super) async fn ended(&self, held: &Held<'_>, version: u64, reason: Refusal) -> Result<Refreshed, StoreError> {
        let wish = held.wish;
        let now = self.clock.now();
        let resting = Resting { version, failures: held.failures, reason: reason.clone() };
        let lease = (held.fence, &resting);
        if !self.store.end_by_refresh(wish.tenant, wish.connection, lease, held.read_at, now).await? {
            // The lease has passed to another, or a login came: theirs is the last word.
            return Ok(Refreshed::Later { at: now, reason: super::at_work() });
        }
        tracing::info!(tenant = %wish.tenant.id(), connection = %wish.connection, code = %reason.code, "a connection has ended");
        self.metrics.count(Some(wish.platform), Metric::ReconnectNeeded);
        Ok(Refreshed::Ended(reason))
    }

    /// The connection does not work for now.
    pub(super) async fn degrade(&self, held: &Held<'_>, reason: &Refusal) -> Result<(), StoreError> {
        let wish = held.wish;
        let connection = self.store.connection(wish.tenant, wish.connection).await?;
        // One that needs its owner anyway, or is known to be degraded for this, stays as it is.
        let changes = connection.is_some_and(|connection| match connection.state {
            ConnectionState::Active => true,
            ConnectionState::Degraded => connection.reason.as_ref().is_none_or(|known| known.code != reason.code),
            ConnectionState::Reconnect | ConnectionState::Disconnected => false,
        });
        let now = self.clock.now();
        let state = (ConnectionState::Degraded, Some(reason));
        if changes
            && self
                .store
                .set_connection_state(wish.tenant, wish.connection, (state.0, state.1, held.read_at), now)
                .await?
        {
            self.store.log_health(wish.tenant, wish.connection, state, now).await?;
        }
        Ok(())
    }
}
