//! How keys are spelled.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use crate::{
    ids::{ConnectionId, DeletionCode, KeyId, MediaId, PostId, TargetId},
    platform::Platform,
    tenant::Tenant,
};

/// How many partitions the `due` index spreads over: one minute's rush of one kind does not meet in one partition (F60).
pub(super) const DUE_SHARDS: u8 = 4;

pub(super) fn tenant(tenant: Tenant) -> String {
    format!("T#{}", tenant.id())
}

pub(super) const TENANT: &str = "TENANT";
pub(super) const AUDIT: &str = "AUDIT";
pub(super) const POST: &str = "POST";
/// A post as it was accepted, once it has been edited.
pub(super) const ACCEPTED: &str = "ACCEPTED";
pub(super) const EDIT_PREFIX: &str = "EDIT#";
pub(super) const MEDIA: &str = "MEDIA";
pub(super) const SAID: &str = "SAID";
pub(super) const SESSION: &str = "SESSION";
pub(super) const STATUS: &str = "STATUS";
pub(super) const CONNECTION_PREFIX: &str = "CONN#";

pub(super) const KEY_PREFIX: &str = "KEY#";

pub(super) fn key(id: KeyId) -> String {
    format!("{KEY_PREFIX}{id}")
}

/// When each key of a tenant was last used: apart from the keys, so that whoever notes it has no right to them.
pub(super) fn used(tenant: Tenant) -> String {
    format!("USED#{}", tenant.id())
}

pub(super) fn connection(id: ConnectionId) -> String {
    format!("{CONNECTION_PREFIX}{id}")
}

pub(super) fn post(tenant: Tenant, post: PostId) -> String {
    format!("T#{}#POST#{post}", tenant.id())
}

/// An upload has a partition of its own: many at once do not meet in their tenant's.
pub(super) fn media(tenant: Tenant, media: MediaId) -> String {
    format!("T#{}#MEDIA#{media}", tenant.id())
}

/// The partition of all targets of posts that a tenant created on one day (UTC).
pub(super) fn day(tenant: Tenant, at: Timestamp) -> String {
    format!("T#{}#DAY#{}", tenant.id(), at.to_zoned(TimeZone::UTC).date())
}

/// The partition of targets that were begun on one day (UTC) and whose posts were accepted long before.
pub(super) fn begun(tenant: Tenant, at: Timestamp) -> String {
    format!("T#{}#BEGUN#{}", tenant.id(), at.to_zoned(TimeZone::UTC).date())
}

/// Sorts the targets of a day by post, the posts by time.
pub(super) fn target(created_at: Timestamp, post: PostId, target: TargetId) -> String {
    // Three digits keep t2 before t10.
    format!("{}{:03}", targets_of(created_at, post), target.index() + 1)
}

/// The target that a sort key names.
pub(super) fn target_of(sort: &str) -> Option<TargetId> {
    let (_, number) = sort.rsplit_once('#')?;
    TargetId::at(number.parse::<usize>().ok()?.checked_sub(1)?)
}

/// What the sort keys of all targets of one post begin with.
pub(super) fn targets_of(created_at: Timestamp, post: PostId) -> String {
    format!("{:013}#{post}#", created_at.as_millisecond())
}

pub(super) fn log(target: TargetId, fence: u64) -> String {
    format!("{TARGET_PREFIX}{target}#LOG#{fence:06}")
}

/// Every line of every target's history, and what else begins so.
pub(super) const TARGET_PREFIX: &str = "TARGET#";

/// Whether this is the key of a line of a target's history.
pub(super) fn is_log(sort: &str) -> bool {
    sort.strip_prefix(TARGET_PREFIX)
        .and_then(|rest| rest.split_once('#'))
        .is_some_and(|(_, rest)| rest.starts_with("LOG#"))
}

/// How the reading of a target's figures stands.
pub(super) fn figures(target: TargetId) -> String {
    format!("{TARGET_PREFIX}{target}#FIGURES")
}

/// The figures of a target that stand for one day.
pub(super) fn metric(target: TargetId, day: Date) -> String {
    format!("{}{day}", metrics(target))
}

/// What the keys of all days of a target's figures begin with.
pub(super) fn metrics(target: TargetId) -> String {
    format!("{TARGET_PREFIX}{target}#METRIC#")
}

/// The edit that made `version`.
pub(super) fn edit(version: u64) -> String {
    format!("{EDIT_PREFIX}{version:06}")
}

/// The partition of everything that says one thing at one destination; `content` is a hash of both.
pub(super) fn said(tenant: Tenant, content: &str) -> String {
    format!("T#{}#SAID#{content}", tenant.id())
}

/// What has been counted of one caller, a row for each window.
pub(super) fn rate(scope: &str) -> String {
    format!("RATE#{scope}")
}

/// What has been counted of one tenant; the limiter spells its scope in the same way.
pub(super) fn tenant_rate(tenant: Tenant) -> String {
    rate(&format!("tenant#{}", tenant.id()))
}

pub(super) fn window(begins: Timestamp) -> String {
    begins.as_second().to_string()
}

pub(super) fn session(state_hash: &str) -> String {
    format!("OAUTH#{state_hash}")
}

/// Where the connections stand that may publish to one place at a platform.
pub(super) fn destination(platform: Platform, destination: &str) -> String {
    let place = match platform {
        Platform::Facebook
        | Platform::Mailchimp
        | Platform::Tiktok
        | Platform::Linkedin
        | Platform::LinkedinPage
        | Platform::Instagram => destination,
        // `accounts/1/locations/2`: events name the location by whichever of its accounts wants to hear of it, or by none.
        Platform::Gbp => destination.find("locations/").and_then(|at| destination.get(at..)).unwrap_or(destination),
    };
    format!("DEST#{platform}#{place}")
}

pub(super) fn hook(platform: Platform, day: &str) -> String {
    format!("HOOK#{platform}#{day}")
}

pub(super) fn tenant_hook(tenant: Tenant, day: &str) -> String {
    format!("T#{}#HOOK#{day}", tenant.id())
}

pub(super) fn health(tenant: Tenant, connection: ConnectionId) -> String {
    format!("T#{}#CONN#{connection}", tenant.id())
}

/// Stands beside the health log of the connection: who renews its token.
pub(super) const REFRESH: &str = "REFRESH";

/// Where the end of a connection's token waits in the `due` index.
pub(super) fn token_end(id: ConnectionId) -> String {
    format!("{}#TOKEN", connection(id))
}

/// The shard of the `due` index for targets.
pub(super) fn due_targets(post: PostId) -> String {
    due_targets_shard(post.uuid().as_bytes().last().copied().unwrap_or_default() % DUE_SHARDS)
}

pub(super) fn due_targets_shard(shard: u8) -> String {
    format!("DUE#targets#{shard}")
}

/// The shard of the `due` index for the health checks of connections.
pub(super) fn due_health(connection: ConnectionId) -> String {
    due_health_shard(connection.uuid().as_bytes().last().copied().unwrap_or_default() % DUE_SHARDS)
}

pub(super) fn due_health_shard(shard: u8) -> String {
    format!("DUE#health#{shard}")
}

/// The shard of the `due` index for tokens that end.
pub(super) fn due_tokens(connection: ConnectionId) -> String {
    due_tokens_shard(connection.uuid().as_bytes().last().copied().unwrap_or_default() % DUE_SHARDS)
}

pub(super) fn due_tokens_shard(shard: u8) -> String {
    format!("DUE#tokens#{shard}")
}

/// The shard of the `due` index for tenants whose deletion is under way: there are few.
pub(super) const DUE_DELETIONS: &str = "DUE#deletions#0";

/// What may be told of a deletion to whoever knows its code.
pub(super) fn deletion(code: DeletionCode) -> String {
    format!("DELETION#{code}")
}

/// Sorts an index by time; `then` only keeps entries of one millisecond apart.
pub(super) fn at(at: Timestamp, then: &str) -> String {
    format!("{:013}#{then}", at.as_millisecond())
}

/// The time that [`at`] begins with.
pub(super) fn time_of(entry: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(entry.split('#').next()?.parse().ok()?).ok()
}

/// Everything up to and with `at`, as the upper bound of a range over [`at`].
pub(super) fn until(at: Timestamp) -> String {
    format!("{:013}#~", at.as_millisecond())
}

/// The first day of the month (UTC) that `at` is in.
pub(super) fn month(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date().first_of_month()
}

/// The first day of the month after the one that begins with `month`.
pub(super) fn month_after(month: Date) -> Date {
    month.saturating_add(1.month())
}

/// The audit of the month that begins with `month`.
pub(super) fn audit(tenant: Tenant, month: Date) -> String {
    format!("T#{}#AUDIT#{}", tenant.id(), month.strftime("%Y-%m"))
}

pub(super) fn dead_letters(tenant: Tenant) -> String {
    format!("T#{}#dead", tenant.id())
}

/// Where the targets stand that wait for the owner of a connection.
pub(super) fn held(tenant: Tenant, connection: ConnectionId) -> String {
    format!("T#{}#held#{connection}", tenant.id())
}

pub(super) fn troubled_connections(tenant: Tenant) -> String {
    format!("T#{}#connections", tenant.id())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Platform::Gbp, "accounts/1/locations/2", "DEST#gbp#locations/2")]
    #[case(Platform::Gbp, "accounts/3/locations/2", "DEST#gbp#locations/2")]
    #[case(Platform::Gbp, "locations/2", "DEST#gbp#locations/2")]
    #[case(Platform::Gbp, "117000000000000000001", "DEST#gbp#117000000000000000001")]
    #[case(Platform::Facebook, "1", "DEST#facebook#1")]
    #[case(Platform::Facebook, "locations/2", "DEST#facebook#locations/2")]
    fn a_place_is_found_by_every_name_that_events_have_for_it(
        #[case] platform: Platform,
        #[case] name: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(destination(platform, name), expected);
    }
}
