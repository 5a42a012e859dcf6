//! Chance by seed: the same seed throws the same numbers.

/// A source of numbers (`SplitMix64`): no secret depends on them.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of their own for every `purpose`, so that one does not disturb the other.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut dice = Self(seed ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        dice.next();
        dice
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least + self.next() % span
    }

    /// True in `percent` of a hundred throws.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// One of several; nothing of nothing.
    pub(crate) fn one_of<'a, T>(&mut self, several: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(several.len()).ok()?.checked_sub(1)?;
        several.get(usize::try_from(self.between(0, last)).ok()?)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throws(seed: u64, purpose: u64) -> Vec<u64> {
        let mut dice = Dice::new(seed, purpose);
        (0..1000).map(|_| dice.between(3, 12)).collect()
    }

    #[test]
    fn the_seed_and_the_purpose_decide_every_throw() {
        assert_eq!(throws(7, 1), throws(7, 1));
        assert_ne!(throws(7, 1), throws(8, 1));
        assert_ne!(throws(7, 1), throws(7, 2));
    }

    #[test]
    fn every_number_of_the_range_comes_and_no_other() {
        let seen: std::collections::BTreeSet<u64> = throws(7, 1).into_iter().collect();
        assert_eq!(seen, (3..=12).collect());
        assert_eq!(Dice::new(7, 1).one_of::<u8>(&[]), None);
    }
}
