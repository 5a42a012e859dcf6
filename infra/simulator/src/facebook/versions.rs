//! Graph API versions: which are alive at a moment, and what becomes of calls to the others.

use super::error::GraphError;
use jiff::Timestamp;

/// The newest version.
pub(crate) const NEWEST: u32 = 26;

/// Versions whose end is announced: (major, last moment in seconds). Older ones ended before; the newest has no date.
const ENDS: [(u32, i64); 5] =
    [(21, 1_800_489_600), (22, 1_810_771_200), (23, 1_822_953_600), (24, 1_834_444_800), (25, 1_848_441_600)];

/// The version that answers a call to `segment`; `None` when the segment is no version at all.
///
/// A version that has ended is served by the oldest one alive, without a word; one that never was is refused.
pub(crate) fn serving(segment: &str, now: Timestamp) -> Option<Result<u32, GraphError>> {
    let (major, minor) = segment.strip_prefix('v')?.split_once('.')?;
    let (major, minor) = (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?);
    // Only the second and third had minor versions.
    let last_minor = match major {
        2 => 12,
        3 => 3,
        _ => 0,
    };
    let existed = (1..=NEWEST).contains(&major) && minor <= last_minor;
    if !existed {
        return Some(Err(GraphError::unknown_path(segment)));
    }
    Some(Ok(major.max(oldest_alive(now))))
}

fn oldest_alive(now: Timestamp) -> u32 {
    ENDS.iter().find(|(_, end)| now.as_second() < *end).map_or(NEWEST, |(major, _)| *major)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> Timestamp {
        format!("{date}T00:00:00Z").parse().unwrap()
    }

    #[test]
    fn an_ended_version_is_served_by_the_oldest_alive() {
        assert_eq!(serving("v20.0", at("2026-11-21")), Some(Ok(21)));
        assert_eq!(serving("v2.12", at("2026-11-21")), Some(Ok(21)));
        assert_eq!(serving("v26.0", at("2026-11-21")), Some(Ok(26)));
        assert_eq!(serving("v21.0", at("2027-01-20")), Some(Ok(21)));
        assert_eq!(serving("v21.0", at("2027-01-22")), Some(Ok(22)));
        assert_eq!(serving("v25.0", at("2028-08-01")), Some(Ok(26)));
    }

    #[test]
    fn a_version_that_never_was_is_refused() {
        assert!(matches!(serving("v99.0", at("2026-11-21")), Some(Err(error)) if error.code == 2500));
        assert!(matches!(serving("v26.5", at("2026-11-21")), Some(Err(error)) if error.code == 2500));
        assert_eq!(serving("me", at("2026-11-21")), None);
    }
}
