//! What a race must have left behind once everything is calm.

use std::time::Duration;

use jiff::SignedDuration;
use shared::{refresh::Refreshed, store::ConnectionState, telemetry::Function, vault::Purpose};
use simulator::tokens::Outcome as Use;

use super::{
    Outcome, Scenario, Stage,
    people::{self, Owner},
    refresher::Refreshing,
    server::ACCOUNT,
};
use crate::time;

/// A calm process needs no more tries than this: the first may find that the others have failed a moment ago.
const MOST_TRIES: usize = 4;

/// Looks at what there is, and has a calm process renew the grant: it can, or the connection needs its owner, and that
/// is recorded; and it is so only if the server had to end the grant.
pub(super) async fn of(stage: &Stage, owner: &Owner, scenario: &Scenario, logins: u64) -> Outcome {
    let versions: Vec<i64> = stage.aws.grants().into_iter().map(|(_, version)| version).collect();
    // A write whose answer was lost is sent again, and is the same write.
    if versions.windows(2).any(|two| matches!(two, [one, other] if one > other)) {
        stage.oracle.violated("I6", &format!("the versions of the grant do not grow: {versions:?}"));
    }
    let good = !stage.server.tokens().newest_is_over(ACCOUNT);
    if good && state(owner).await == Some(ConnectionState::Reconnect) {
        stage.oracle.violated("F49", "the connection needs its owner, and its grant is good");
    }
    let outcome = renew(stage).await;
    for overused in stage.server.overused() {
        stage.oracle.violated("F48", &overused);
    }
    // The last try may be the second of a token whose answer was lost.
    let is_over = stage.server.tokens().newest_is_over(ACCOUNT);
    match (is_over, outcome) {
        (false, Some(Refreshed::Renewed { tokens, .. })) => {
            let refresh = tokens.refresh.map(|token| token.expose().to_owned()).unwrap_or_default();
            if !stage.server.tokens().takes(&refresh, stage.time.now()) {
                stage.oracle.violated("F49", "the stored refresh token is not the one that the server takes");
            }
        }
        (true, Some(Refreshed::Ended(_))) => {}
        (_, outcome) => {
            let what = format!("at rest, and the grant is over: {is_over}; a renewal brings {outcome:?}");
            stage.oracle.violated("F48", &what);
        }
    }
    let expected = if is_over { ConnectionState::Reconnect } else { ConnectionState::Active };
    let after = state(owner).await;
    if after != Some(expected) {
        stage.oracle.violated("F48", &format!("the connection ends as {after:?} and should be {expected:?}"));
    }
    let count = |outcome| stage.server.tokens().count(outcome) as u64;
    let (unpreventable, forgiven, renewed) = (count(Use::Reused), count(Use::Forgiven), count(Use::Renewed));
    Outcome {
        violations: stage.oracle.violations(),
        trace: stage.plane.trace(),
        lines: stage.plane.lines(),
        refreshers: scenario.storms.iter().map(|storm| storm.begin.len() as u64).sum(),
        renewed,
        forgiven,
        unpreventable,
        logins,
        faults: stage.plane.tally().0.values().sum(),
    }
}

async fn state(owner: &Owner) -> Option<ConnectionState> {
    let (tenant, connection) = people::ids();
    let row = owner.store().connection(tenant, connection).await.ok()??;
    Some(row.state)
}

async fn renew(stage: &Stage) -> Option<Refreshed> {
    let (tenant, connection) = people::ids();
    let process = Refreshing::calm(stage, Function::Refresh);
    let mut outcome = None;
    for _ in 0..MOST_TRIES {
        let (_, version) = process.health.vault.grant(tenant, connection, Purpose::Refresh).await.ok()?;
        outcome = process.once(version, Duration::ZERO).await;
        let Some(Refreshed::Later { at, .. }) = &outcome else { break };
        let wait = at.duration_since(process.health.clock.now()).max(SignedDuration::from_secs(1));
        time::pass(Duration::try_from(wait).unwrap_or_default()).await;
    }
    outcome
}
