//! What one sandbox knows of one caller's minute. Only arithmetic: the calls are made elsewhere.

/// A minute's tokens, as far as this sandbox holds them or has heard of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// When its minute began, in seconds.
    pub(super) window: i64,
    limit: u32,
    /// Taken from the table, in all.
    taken: u32,
    /// Of these, not spent yet.
    held: u32,
    /// What the table still had when it was last asked.
    left: u32,
    /// How many the table is asked for next.
    block: u32,
}

/// What a request may do, as far as this sandbox can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spend {
    /// It goes on.
    Paid,
    /// It is one too many.
    Empty,
    /// The table must be asked for so many tokens.
    Ask(u32),
}

impl Bucket {
    pub(super) const fn new(window: i64, limit: u32) -> Self {
        // A small first block: what a sandbox holds and does not spend, no other can.
        let block = if limit >= 200 { limit / 100 } else { 1 };
        Self { window, limit, taken: 0, held: 0, left: limit, block }
    }

    /// Pays `cost` out of what is held. Where many are asked for at once, the last tokens of a minute pay for all of it: else
    /// whoever needs a whole minute's tokens for one request would find one missing every time.
    pub(super) const fn spend(&mut self, cost: u32) -> Spend {
        if self.held >= cost {
            self.held -= cost;
            return Spend::Paid;
        }
        if self.left == 0 {
            if cost > 1 && self.held > 0 {
                self.held = 0;
                return Spend::Paid;
            }
            return Spend::Empty;
        }
        let missing = cost - self.held;
        Spend::Ask(if missing > self.block { missing } else { self.block })
    }

    /// The table was asked for `asked`, and others had taken `before` by then. Pays `cost` as [`Self::spend`] does, if it
    /// can be paid.
    pub(super) fn settle(&mut self, cost: u32, asked: u32, before: u64) -> Spend {
        let there = self.limit.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX));
        let granted = there.min(asked);
        self.left = there - granted;
        self.held = self.held.saturating_add(granted);
        self.taken = self.taken.saturating_add(granted);
        self.block = self.next_block(before.saturating_add(granted.into()));
        if self.held >= cost || (cost > 1 && self.held > 0) {
            self.held = self.held.saturating_sub(cost);
            return Spend::Paid;
        }
        Spend::Empty
    }

    /// Ever more for whoever needs it, and ever less of what runs out. What this sandbox has of all that was taken tells how
    /// many others there are: as many want a share of what is left, and hold some that they have not spent.
    fn next_block(&self, taken_by_all: u64) -> u32 {
        let share = u64::from(self.left) * u64::from(self.taken) / taken_by_all.max(1) / 4;
        let most = self.block.saturating_mul(2).min(self.limit / 10);
        u32::try_from(share).unwrap_or(u32::MAX).min(most).max(1)
    }

    /// How many more requests could go on, as far as this sandbox can tell.
    pub(super) const fn remaining(&self) -> u32 {
        self.held.saturating_add(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table, and sandboxes that ask it.
    fn spend(bucket: &mut Bucket, table: &mut u64, asked: &mut u32, cost: u32) -> bool {
        match bucket.spend(cost) {
            Spend::Paid => true,
            Spend::Empty => false,
            Spend::Ask(count) => {
                *asked += 1;
                let before = *table;
                if before < u64::from(bucket.limit) {
                    *table += u64::from(count);
                }
                bucket.settle(cost, count, before) == Spend::Paid
            }
        }
    }

    #[test]
    fn f11_one_sandbox_spends_the_whole_limit_and_no_more() {
        for limit in [1, 2, 5, 99, 100, 101, 1_000, 1_000_000] {
            let (mut bucket, mut table, mut asked) = (Bucket::new(0, limit), 0, 0);
            let paid = (0..limit + 50).filter(|_| spend(&mut bucket, &mut table, &mut asked, 1)).count();
            assert_eq!(paid, usize::try_from(limit).unwrap());
            assert_eq!(bucket.remaining(), 0);
        }
    }

    #[test]
    fn f11_few_requests_ask_the_table_once_and_refused_ones_not_at_all() {
        let (mut bucket, mut table, mut asked) = (Bucket::new(0, 1_000), 0, 0);
        assert!((0..10).all(|_| spend(&mut bucket, &mut table, &mut asked, 1)));
        assert_eq!(asked, 1);
        assert!((0..990).all(|_| spend(&mut bucket, &mut table, &mut asked, 1)));
        let whole = asked;
        assert!(whole < 60, "{whole} writes for a thousand requests");
        assert!((0..10_000).all(|_| !spend(&mut bucket, &mut table, &mut asked, 1)));
        assert_eq!(asked, whole, "an empty bucket asks nobody");
    }

    #[test]
    fn f11_twenty_sandboxes_together_never_pass_more_and_waste_little() {
        let mut buckets = [Bucket::new(0, 1_000); 20];
        let (mut table, mut asked) = (0, 0);
        let mut paid = 0;
        let mut first_refusal = None;
        for request in 0..3_000 {
            let index = request % buckets.len();
            let passes = spend(&mut buckets[index], &mut table, &mut asked, 1);
            paid += usize::from(passes);
            if !passes && first_refusal.is_none() {
                first_refusal = Some(paid);
            }
        }
        assert_eq!(paid, 1_000);
        assert!(first_refusal.unwrap() >= 950, "{first_refusal:?}");
    }

    #[test]
    fn f11_a_large_request_passes_with_the_last_tokens_once() {
        let (mut bucket, mut table, mut asked) = (Bucket::new(0, 1_000), 999, 0);
        let mut other = bucket;
        assert!(spend(&mut bucket, &mut table, &mut asked, 1_000));
        assert!(!spend(&mut bucket, &mut table, &mut asked, 1_000));
        assert!(!spend(&mut other, &mut table, &mut asked, 1_000));
        assert!(!spend(&mut other, &mut table, &mut asked, 1));
    }

    #[test]
    fn f11_a_large_request_passes_as_long_as_anything_is_held() {
        let held = |left_in_table: u64| {
            let (mut bucket, mut asked) = (Bucket::new(0, 1_000), 0);
            assert!(spend(&mut bucket, &mut 0, &mut asked, 1));
            assert!(bucket.held > 0);
            let mut table = 1_000 - left_in_table;
            assert!(spend(&mut bucket, &mut table, &mut asked, 500), "{left_in_table} left");
            assert!(!spend(&mut bucket, &mut table, &mut asked, 500), "{left_in_table} left");
            assert!(!spend(&mut bucket, &mut table, &mut asked, 1), "{left_in_table} left");
        };
        // Others took everything since the table was asked, or all but a few.
        held(0);
        held(3);
        // This sandbox holds the last ones itself, and knows it.
        let mut bucket = Bucket::new(0, 1_000);
        bucket.settle(1, 3, 997);
        assert_eq!((bucket.held, bucket.left), (2, 0));
        assert_eq!(bucket.spend(2_000), Spend::Paid);
        assert_eq!(bucket.spend(2_000), Spend::Empty);
        assert_eq!(bucket.spend(1), Spend::Empty);
    }
}
