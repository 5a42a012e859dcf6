//! How a file is cut into the pieces of an upload: all of one size, and what remains goes with the last.

// The documented bounds; TikTok's MB are taken for decimal ones, which both readings allow.
const SMALLEST: u64 = 5_000_000;
const MOST: u64 = 1_000;

/// The pieces of one upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) size: u64,
    pub(super) chunk: u64,
    pub(super) count: u64,
}

impl Plan {
    /// Pieces of about `wanted` bytes, or the file as a whole if it is small or not given out in parts.
    pub(super) fn of(size: u64, wanted: u64, in_parts: bool) -> Self {
        let chunk =
            if !in_parts || size < wanted.max(SMALLEST) { size } else { wanted.max(SMALLEST).max(size.div_ceil(MOST)) };
        Self { size, chunk, count: size.checked_div(chunk).unwrap_or(0).max(1) }
    }

    /// Where the piece ends that holds the byte at `offset`.
    pub(super) fn end(&self, offset: u64) -> u64 {
        let index = offset.checked_div(self.chunk).unwrap_or(0);
        if index.saturating_add(1) >= self.count {
            return self.size;
        }
        index.saturating_add(1).saturating_mul(self.chunk)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_example_has_five_pieces() {
        let plan = Plan::of(50_000_123, 10_000_000, true);
        assert_eq!(plan, Plan { size: 50_000_123, chunk: 10_000_000, count: 5 });
        assert_eq!((plan.end(0), plan.end(39_999_999), plan.end(40_000_000)), (10_000_000, 40_000_000, 50_000_123));
        // In the midst of a piece, the rest of it follows.
        assert_eq!(plan.end(10_000_001), 20_000_000);
    }

    #[test]
    fn what_is_small_or_not_given_out_in_parts_is_one_piece() {
        assert_eq!(Plan::of(4_999_999, 10_000_000, true).count, 1);
        assert_eq!(Plan::of(9_999_999, 10_000_000, true), Plan { size: 9_999_999, chunk: 9_999_999, count: 1 });
        assert_eq!(Plan::of(60_000_000, 10_000_000, false), Plan { size: 60_000_000, chunk: 60_000_000, count: 1 });
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_file(size in 1_u64..=4_000_000_000, wanted in 1_u64..=32_000_000) {
            let plan = Plan::of(size, wanted, true);
            let (mut offset, mut pieces) = (0, Vec::new());
            while offset < size {
                let end = plan.end(offset);
                prop_assert!(end > offset);
                pieces.push(end - offset);
                offset = end;
            }
            prop_assert_eq!(offset, size);
            prop_assert_eq!(pieces.len() as u64, plan.count);
            prop_assert!(plan.count <= MOST && plan.count == (size / plan.chunk).max(1));
            let (last, others) = pieces.split_last().unwrap();
            prop_assert!(others.iter().all(|piece| *piece == plan.chunk));
            prop_assert!(*last <= 64_000_000 && (plan.chunk <= 64_000_000));
            prop_assert!(plan.count == 1 || plan.chunk >= SMALLEST);
        }
    }
}
