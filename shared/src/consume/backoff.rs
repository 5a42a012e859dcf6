//! How long to wait before another attempt.

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};

use crate::target::Target;

/// Attempts that a target gets before it fails for good.
pub(super) const ATTEMPTS: u32 = 4;

/// How long a platform is asked what became of a publish before a person is.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

const LONGEST: i64 = 60;
const SHORTEST_OUTAGE: SignedDuration = SignedDuration::from_secs(3);
pub(super) const LONGEST_OUTAGE: SignedDuration = SignedDuration::from_mins(5);

/// The wait after attempt number `attempt`, counted from 1: 1, 3, 9, 27 seconds, at most 60, and up to a second more so
/// that many do not come back at the same moment (F42). The part of a second is drawn from `who` waits: as good as chance
/// for that purpose, and the same whenever the same history is played again.
pub(super) fn delay(attempt: u32, who: u128) -> SignedDuration {
    let seconds = 3_i64.saturating_pow(attempt.saturating_sub(1)).min(LONGEST);
    SignedDuration::from_secs(seconds).saturating_add(jitter(attempt, who))
}

/// 0 to 1000 ms out of the SHA-256 of who waits for which time.
fn jitter(attempt: u32, who: u128) -> SignedDuration {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&who.to_be_bytes());
    context.update(&attempt.to_be_bytes());
    let hash = context.finish();
    let drawn = hash.as_ref().first_chunk().copied().map_or(0, u16::from_be_bytes);
    SignedDuration::from_millis(i64::from(drawn) % 1001)
}

/// How long a target waits for a platform that is not there: half of the time since its first attempt, at least 3 s and
/// at most 5 min, and up to a quarter more. Nothing is counted for it, and the longer it lasts, the rarer are the calls.
pub(super) fn outage(target: &Target, now: Timestamp) -> SignedDuration {
    outage_since(target.started_at.unwrap_or(now), target, now)
}

/// The same for what is wanted of a target since then.
pub(super) fn outage_since(since: Timestamp, target: &Target, now: Timestamp) -> SignedDuration {
    let age = now.duration_since(since);
    spread((age / 2).clamp(SHORTEST_OUTAGE, LONGEST_OUTAGE), target)
}

/// Up to a quarter more, so that many do not come back at the same moment; at most 5 min.
pub(super) fn spread(wait: SignedDuration, target: &Target) -> SignedDuration {
    let share = (wait / 4).min(LONGEST_OUTAGE).max(SignedDuration::from_secs(1));
    let who = target.post.uuid().as_u128() ^ u128::from(target.fence) ^ ((target.target.index() as u128) << 64);
    // Thousandths of the share.
    let part = jitter(u32::MAX, who).as_millis();
    let more = share.as_millis().saturating_mul(part) / 1000;
    wait.saturating_add(SignedDuration::from_millis(i64::try_from(more).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f42_waits_triple_up_to_a_minute_with_up_to_a_second_of_jitter() {
        for (attempt, seconds) in [(0, 1), (1, 1), (2, 3), (3, 9), (4, 27), (5, 60), (u32::MAX, 60)] {
            let wait = delay(attempt, 7);
            assert!(wait >= SignedDuration::from_secs(seconds), "{attempt}: {wait:?}");
            assert!(wait <= SignedDuration::from_secs(seconds + 1), "{attempt}: {wait:?}");
        }
        let spread: std::collections::BTreeSet<_> = (0..50).map(|who| delay(1, who)).collect();
        assert!(spread.len() > 10, "no jitter");
    }
}
