//! How long to wait before another attempt.

use jiff::SignedDuration;

/// Attempts that a target gets before it fails for good.
pub(super) const ATTEMPTS: u32 = 4;

const LONGEST: i64 = 60;

/// The wait after attempt number `attempt`, counted from 1: 1, 3, 9, 27 seconds, at most 60, and up to a second more so
/// that many do not come back at the same moment (F42).
pub(super) fn delay(attempt: u32) -> SignedDuration {
    let seconds = 3_i64.saturating_pow(attempt.saturating_sub(1)).min(LONGEST);
    SignedDuration::from_secs(seconds).saturating_add(jitter())
}

fn jitter() -> SignedDuration {
    let mut bytes = [0; 2];
    // Without a random number there is no jitter; nothing else depends on it.
    let drawn = aws_lc_rs::rand::fill(&mut bytes).is_ok();
    let millis = if drawn { i64::from(u16::from_be_bytes(bytes)) % 1001 } else { 0 };
    SignedDuration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f42_waits_triple_up_to_a_minute_with_up_to_a_second_of_jitter() {
        for (attempt, seconds) in [(0, 1), (1, 1), (2, 3), (3, 9), (4, 27), (5, 60), (u32::MAX, 60)] {
            let wait = delay(attempt);
            assert!(wait >= SignedDuration::from_secs(seconds), "{attempt}: {wait:?}");
            assert!(wait <= SignedDuration::from_secs(seconds + 1), "{attempt}: {wait:?}");
        }
        let spread: std::collections::BTreeSet<_> = (0..50).map(|_| delay(1)).collect();
        assert!(spread.len() > 10, "no jitter");
    }
}
