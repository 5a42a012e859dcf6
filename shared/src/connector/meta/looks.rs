//! How often something is looked at that Meta works on: soon at first, then ever more seldom, and never given up here.

use jiff::SignedDuration;

/// Between looks at what takes far longer than usual.
const SELDOM: SignedDuration = SignedDuration::from_mins(10);

/// How the waits between looks grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) struct Looks {
    /// The first wait; each is twice the one before.
    pub(in crate::connector) first: SignedDuration,
    /// The longest wait, while it takes no longer than usual.
    pub(in crate::connector) longest: SignedDuration,
    /// How long it usually takes at most.
    pub(in crate::connector) patience: SignedDuration,
}

impl Default for Looks {
    /// 5 seconds to a minute, for an hour.
    fn default() -> Self {
        Self {
            first: SignedDuration::from_secs(5),
            longest: SignedDuration::from_secs(60),
            patience: SignedDuration::from_mins(60),
        }
    }
}

impl Looks {
    /// The wait after so many looks, which were so many seconds apart in all.
    pub(in crate::connector) fn wait(&self, looks: u64, waited: i64) -> SignedDuration {
        if waited >= self.patience.as_secs() {
            return SELDOM;
        }
        let doublings = u32::try_from(looks.min(10)).unwrap_or(10);
        self.first.saturating_mul(2_i32.saturating_pow(doublings)).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_five_seconds_to_a_minute_and_after_an_hour_to_ten() {
        let wait = |looks, waited| Looks::default().wait(looks, waited).as_secs();
        assert_eq!([wait(0, 0), wait(1, 5), wait(2, 15), wait(3, 35), wait(4, 75)], [5, 10, 20, 40, 60]);
        assert_eq!([wait(u64::MAX, 3_599), wait(70, 3_600)], [60, 600]);
    }
}
