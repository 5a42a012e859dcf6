//! Is each connection still alive? Asked every few hours, and told before its posts fail.
//!
//! Only the platform's word ends a connection: a network blip, a 5xx or an outage of ours changes nothing.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    apps::Apps,
    clock::Clock,
    connector::{
        Act, Disposition, Health, Refusal,
        driver::{self, Budget, Calls},
        transport::Transport,
    },
    connectors::Connectors,
    refresh::{Refreshed, Why, Wish},
    store::{Connection, ConnectionState, ENDING, Store, StoreError},
    telemetry::{Chain, Metric, Metrics},
    tenant::Tenant,
    vault::{Purpose, Vault, VaultError},
};

/// Its owner withdrew what it needs.
const SCOPES_MISSING: &str = "connection.scopes_missing";
/// It may publish nowhere.
const NO_DESTINATION: &str = "connection.no_destination";

/// How often a connection is checked.
pub const CHECKED_EVERY: SignedDuration = SignedDuration::from_hours(6);
/// How long before its end a connection's owner is warned.
pub const WARN_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long the calls for one connection may take.
const CHECK_TAKES: Duration = Duration::from_secs(10);
/// How many connections of a shard are taken at once.
const PAGE: i32 = 25;

/// Checks connections.
pub struct HealthCheck {
    /// Where connections are.
    pub store: Store,
    /// Where their tokens are.
    pub vault: Vault,
    /// Our apps at the platforms.
    pub apps: Apps,
    /// The platforms.
    pub connectors: Connectors,
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where figures go.
    pub metrics: Metrics,
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// How many connections were asked about.
    pub checked: u64,
    /// How many of them need their owner.
    pub reconnect: u64,
}

impl HealthCheck {
    /// Checks what is due, until nothing is or `time_left` is nearly over; the next run goes on from there.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn run(&self, time_left: Duration) -> Result<Checked, StoreError> {
        let ends = tokio::time::Instant::now() + time_left;
        let now = self.clock.now();
        let next = now.saturating_add(CHECKED_EVERY).unwrap_or(now);
        let mut checked = Checked::default();
        self.watch_versions(now);
        for shard in 0..Store::due_shards() {
            loop {
                if ends.saturating_duration_since(tokio::time::Instant::now()) < CHECK_TAKES * 2 {
                    tracing::warn!(checked.checked, "time is over; the next run goes on");
                    return Ok(checked);
                }
                let taken = self.store.take_due_health(shard, now, next, PAGE).await?;
                if taken.is_empty() {
                    break;
                }
                for (tenant, connection) in taken {
                    checked.checked += 1;
                    if self.check(tenant, &connection).await? == ConnectionState::Reconnect {
                        checked.reconnect += 1;
                    }
                }
            }
        }
        Ok(checked)
    }

    /// Tells the alarm for each version that ends soon, in every run: how long a function lives, and so when it next starts
    /// and logs it, nobody knows.
    fn watch_versions(&self, now: Timestamp) {
        let ending = self.connectors.versions_ending(now.to_zoned(TimeZone::UTC).date()).len();
        if let (1.., Ok(ending)) = (ending, u64::try_from(ending)) {
            self.metrics.emit(None, &[(Metric::VersionsEnding, ending)]);
        }
    }

    /// Asks about one connection and records what the platform says. Returns the state that it is in then.
    pub(crate) async fn check(&self, tenant: Tenant, connection: &Connection) -> Result<ConnectionState, StoreError> {
        if connection.state == ConnectionState::Disconnected || self.store.is_deleted(tenant).await? {
            return Ok(connection.state);
        }
        let now = self.clock.now();
        let (state, reason) = match self.ask(tenant, connection).await {
            Ok(health) => verdict(&health, connection, now),
            Err(Silence::Dead(refusal)) => (ConnectionState::Reconnect, Some(refusal)),
            Err(Silence::Ended) => return Ok(ConnectionState::Reconnect),
            // Nobody said that it is dead: it stays what it was, and is asked again.
            Err(Silence::NoAnswer) => return Ok(connection.state),
        };
        if state == connection.state && reason == connection.reason {
            self.store.seen_connection(tenant, connection.id, now).await?;
            return Ok(state);
        }
        let learned = (state, reason.as_ref(), now);
        if !self.store.set_connection_state(tenant, connection.id, learned, self.clock.now()).await? {
            // Connected anew while we asked, or given up: the next check is about that.
            return Ok(connection.state);
        }
        tracing::info!(
            tenant = %tenant.id(), connection = %connection.id,
            from = ?connection.state, to = ?state, "a connection changed"
        );
        if state == ConnectionState::Reconnect {
            self.metrics.emit(Some(connection.platform), &[(Metric::ReconnectNeeded, 1)]);
        }
        self.store.log_health(tenant, connection.id, (state, reason.as_ref()), now).await?;
        Ok(state)
    }

    async fn ask(&self, tenant: Tenant, connection: &Connection) -> Result<Health, Silence> {
        let connector = self.connectors.of(connection.platform);
        let (tokens, version) = match self.vault.grant(tenant, connection.id, Purpose::HealthCheck).await {
            Ok(grant) => grant,
            Err(VaultError::NotFound | VaultError::TenantDeleted) => return Err(Silence::Dead(token_gone())),
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the vault did not open");
                return Err(Silence::NoAnswer);
            }
        };
        let app = self.apps.credentials_of(tenant, connection.platform, connection.app).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "our app's credentials cannot be read");
            Silence::NoAnswer
        })?;
        let budget = Budget::lasting(CHECK_TAKES);
        let mut calls = Calls::new(self.transport.as_ref(), connector, &app, Some(&tokens.access), budget);
        let needed: Vec<String> = connection.scopes.iter().chain(&connection.missing_scopes).cloned().collect();
        let flow = connector.health_check(&app, &tokens, &needed);
        let failure = match driver::run_flow(flow, &mut calls).await {
            Ok(health) => return Ok(health),
            Err(failure) => failure,
        };
        let refusal = failure.refusal();
        Err(match failure.disposition() {
            Disposition::Reconnect if connection.renews => self.renewed(tenant, connection, version, refusal).await,
            Disposition::Reconnect => Silence::Dead(refusal),
            Disposition::Operator => {
                tracing::error!(code = %refusal.code, "our app at the platform is misconfigured");
                self.metrics.emit(Some(connection.platform), &[(Metric::AppMisconfigured, 1)]);
                Silence::NoAnswer
            }
            Disposition::Retry(_) | Disposition::Fail | Disposition::ReadBack => {
                tracing::warn!(code = %refusal.code, "a health check was not answered; the connection stays as it is");
                Silence::NoAnswer
            }
        })
    }

    /// The platform has refused a token that can be renewed: it is, and the next check is about the new one.
    async fn renewed(&self, tenant: Tenant, connection: &Connection, came_with: u64, refusal: Refusal) -> Silence {
        let wish = Wish {
            tenant,
            connection: connection.id,
            platform: connection.platform,
            app: connection.app,
            came_with,
            why: Why::Refused,
            patience: Duration::ZERO,
            budget: Budget::lasting(CHECK_TAKES),
        };
        match Box::pin(self.refresher().refresh(&wish)).await {
            Ok(Refreshed::Ended(_)) => Silence::Ended,
            Ok(Refreshed::Useless | Refreshed::Unsupported) => Silence::Dead(refusal),
            Ok(Refreshed::Renewed { .. } | Refreshed::Later { .. }) => Silence::NoAnswer,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "a refused token was not renewed; it is looked at again");
                Silence::NoAnswer
            }
        }
    }
}

enum Silence {
    /// The platform said that it is over, or we have nothing to ask with.
    Dead(Refusal),
    /// The platform said so, and it is recorded.
    Ended,
    /// Nobody said anything.
    NoAnswer,
}

/// What the platform's answer means for the connection.
fn verdict(health: &Health, connection: &Connection, now: Timestamp) -> (ConnectionState, Option<Refusal>) {
    if !health.missing_scopes.is_empty() {
        let text =
            format!("Permissions were withdrawn: {}. Connect again and grant them.", health.missing_scopes.join(", "));
        return (ConnectionState::Degraded, Some(advice(SCOPES_MISSING, text)));
    }
    // The end of a token that is renewed is not the connection's.
    let ends_at = if connection.renews {
        connection.ends_at()
    } else {
        health.access_expires_at.into_iter().chain(health.data_access_expires_at).min()
    };
    match ending(ends_at, now) {
        Some((ConnectionState::Reconnect, reason)) => (ConnectionState::Reconnect, Some(reason)),
        // A token that works is of no use without a place: what the login found stays true until the next one.
        _ if connection.destinations.iter().all(|destination| destination.refusal.is_some()) => {
            (ConnectionState::Degraded, Some(no_destination()))
        }
        Some((state, reason)) => (state, Some(reason)),
        None => (ConnectionState::Active, None),
    }
}

/// What is to be said about a connection that ends then, if anything yet.
pub(crate) fn ending(ends_at: Option<Timestamp>, now: Timestamp) -> Option<(ConnectionState, Refusal)> {
    let ends_at = ends_at.filter(|ends_at| ends_at.duration_since(now) <= WARN_AHEAD)?;
    if ends_at <= now {
        let text = "The connection has ended: connect again.";
        return Some((ConnectionState::Reconnect, advice("connection.ended", text.into())));
    }
    let text = format!("The connection ends at {ends_at}: connect again before that.");
    Some((ConnectionState::Degraded, advice(ENDING, text)))
}

/// Whether a fresh token changes nothing about it: it lies in what the owner has granted.
pub(crate) fn outlives_renewal(reason: &Refusal) -> bool {
    [SCOPES_MISSING, NO_DESTINATION].contains(&reason.code.as_str())
}

/// A token that works, and nowhere to use it.
pub(crate) fn no_destination() -> Refusal {
    let text = "There is no place to publish to: connect again and tick at least one.";
    advice(NO_DESTINATION, text.into())
}

fn advice(code: &str, message: String) -> Refusal {
    Refusal { code: code.into(), message, platform_code: None, trace_id: None, act: Act::EndUser }
}

fn token_gone() -> Refusal {
    advice("connection.token_missing", "The connection has no token any more: connect the account again.".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SavedDestination;

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn ending_in(hours: i64) -> Health {
        Health {
            access_expires_at: None,
            data_access_expires_at: Some(now().saturating_add(SignedDuration::from_hours(hours)).unwrap()),
            missing_scopes: Vec::new(),
        }
    }

    /// A place to publish to; or one where that is refused.
    fn place(refusal: Option<Refusal>) -> SavedDestination {
        SavedDestination { id: "1".into(), name: "Bakery".into(), refusal }
    }

    fn to(destinations: &[SavedDestination]) -> Connection {
        Connection {
            id: crate::ids::ConnectionId::new(),
            platform: crate::platform::Platform::Facebook,
            account: "1".into(),
            account_name: "Ada".into(),
            app: crate::platform::AppOwner::Shared,
            end_user: None,
            state: ConnectionState::Active,
            reason: None,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            destinations: destinations.to_vec(),
            created_at: now(),
            connected_at: Some(now()),
            updated_at: now(),
            checked_at: None,
            access_expires_at: None,
            data_access_expires_at: None,
            renews: false,
            refresh_expires_at: None,
            token_version: None,
            last_event: None,
        }
    }

    #[test]
    fn a_connection_without_a_place_to_publish_to_stays_degraded_until_it_ends() {
        let refused = || place(Some(advice("facebook.page.no_create_content", String::new())));
        let judge = |hours, destinations: &[SavedDestination]| {
            let (state, reason) = verdict(&ending_in(hours), &to(destinations), now());
            (state, reason.map(|reason| reason.code))
        };
        let nowhere = (ConnectionState::Degraded, Some("connection.no_destination".to_owned()));
        for hours in [9_000, 24] {
            assert_eq!(judge(hours, &[refused(), refused()]), nowhere, "{hours}");
            assert_eq!(judge(hours, &[]), nowhere, "{hours}");
        }
        assert_eq!(judge(9_000, &[refused(), place(None)]), (ConnectionState::Active, None));
        assert_eq!(judge(0, &[refused()]).0, ConnectionState::Reconnect);
    }

    #[test]
    fn a_connection_degrades_two_weeks_before_its_end_and_needs_its_owner_after_it() {
        let cases =
            [(15 * 24, ConnectionState::Active), (14 * 24, ConnectionState::Degraded), (0, ConnectionState::Reconnect)];
        for (hours, expected) in cases {
            assert_eq!(verdict(&ending_in(hours), &to(&[place(None)]), now()).0, expected, "{hours}");
        }
    }

    #[test]
    fn a_token_that_is_renewed_says_nothing_about_the_end_of_its_connection() {
        let health = Health { access_expires_at: Some(now()), ..ending_in(9_000) };
        let renewed = |hours: Option<i64>| Connection {
            renews: true,
            access_expires_at: Some(now()),
            refresh_expires_at: hours.map(|hours| now().saturating_add(SignedDuration::from_hours(hours)).unwrap()),
            ..to(&[place(None)])
        };
        let cases = [
            (None, ConnectionState::Active),
            (Some(15 * 24), ConnectionState::Active),
            (Some(14 * 24), ConnectionState::Degraded),
            (Some(0), ConnectionState::Reconnect),
        ];
        for (hours, expected) in cases {
            assert_eq!(verdict(&health, &renewed(hours), now()).0, expected, "{hours:?}");
        }
    }

    #[test]
    fn withdrawn_permissions_are_named() {
        let health = Health { missing_scopes: vec!["pages_manage_posts".into()], ..ending_in(9_000) };
        let (state, reason) = verdict(&health, &to(&[place(None)]), now());
        assert_eq!(state, ConnectionState::Degraded);
        assert!(reason.unwrap().message.contains("pages_manage_posts"));
    }
}
