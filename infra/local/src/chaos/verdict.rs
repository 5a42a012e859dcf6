//! The judgement: what postd says of a target against what the Page shows.

use jiff::{SignedDuration, Timestamp};

/// How far postd's clock may be ahead of the platform's: it goes by AWS, whose answers tell whole seconds.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(2);

/// A target at the end, from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) post: String,
    pub(crate) target: String,
    pub(crate) page: String,
    pub(crate) state: String,
    pub(crate) remote_id: Option<String>,
    /// The posts on the Page that say what only this post says.
    pub(crate) shown: Vec<String>,
    /// When the first of these went out, by the platform.
    pub(crate) out_at: Option<Timestamp>,
    /// Not to go out before this; absent for what was to go out at once.
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// What must never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The Page shows it more than once.
    Duplicate,
    /// It has not come to an end.
    Unfinished,
    /// Said to be published, and the Page does not show it.
    Vanished,
    /// Published, under another id than the one that the Page has.
    WrongId,
    /// Said not to be out, and the Page shows it.
    OutAfterAll,
    /// Called off, which nobody has asked for.
    CalledOff,
    /// Out before its time.
    TooEarly,
}

impl Violation {
    /// Whether something that was accepted got lost.
    pub(crate) fn is_loss(self) -> bool {
        match self {
            Self::Unfinished | Self::Vanished => true,
            Self::Duplicate | Self::WrongId | Self::OutAfterAll | Self::CalledOff | Self::TooEarly => false,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Duplicate => "the Page shows it more than once",
            Self::Unfinished => "it has not come to an end",
            Self::Vanished => "it is said to be published and the Page does not show it",
            Self::WrongId => "the Page shows it under another id",
            Self::OutAfterAll => "it is said not to be out and the Page shows it",
            Self::CalledOff => "nobody has called it off",
            Self::TooEarly => "it went out before its time",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.text())
    }
}

/// Whether nothing more happens to a target by itself.
pub(crate) fn is_terminal(state: &str) -> bool {
    matches!(state, "published" | "failed" | "expired" | "needs_review" | "cancelled")
}

impl Fate {
    /// What is wrong with it, if anything is.
    pub(crate) fn violation(&self) -> Option<Violation> {
        match (self.state.as_str(), self.shown.as_slice()) {
            (_, [_, _, ..]) => Some(Violation::Duplicate),
            (_, [_]) if self.is_too_early() => Some(Violation::TooEarly),
            ("published", [shown]) => (self.remote_id.as_ref() != Some(shown)).then_some(Violation::WrongId),
            ("published", []) => Some(Violation::Vanished),
            ("failed" | "expired", [_]) => Some(Violation::OutAfterAll),
            ("failed" | "expired" | "needs_review", _) => None,
            ("cancelled", _) => Some(Violation::CalledOff),
            (_unfinished, _) => Some(Violation::Unfinished),
        }
    }

    fn is_too_early(&self) -> bool {
        let ahead = self.scheduled_at.zip(self.out_at).map(|(scheduled, out)| scheduled.duration_since(out));
        ahead.is_some_and(|ahead| ahead > CLOCKS_DIFFER)
    }
}

impl std::fmt::Display for Fate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { post, target, page, state, remote_id, shown, out_at, scheduled_at } = self;
        let remote_id = remote_id.as_deref().unwrap_or("none");
        write!(formatter, "{post} {target} on {page}: {state}, remote id {remote_id}, shown as {shown:?}")?;
        if let Some((scheduled, out)) = scheduled_at.zip(*out_at) {
            write!(formatter, ", scheduled for {scheduled}, out at {out}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_judged_by_its_state_and_by_what_the_page_shows() {
        use Violation::{CalledOff, Duplicate, OutAfterAll, Unfinished, Vanished, WrongId};
        let one = ["1_1"].as_slice();
        let two = ["1_1", "1_2"].as_slice();
        for (state, remote_id, shown, expected) in [
            ("published", Some("1_1"), one, None),
            ("published", Some("1_2"), one, Some(WrongId)),
            ("published", None, one, Some(WrongId)),
            ("published", Some("1_1"), &[], Some(Vanished)),
            ("published", Some("1_1"), two, Some(Duplicate)),
            ("failed", None, &[], None),
            ("failed", None, one, Some(OutAfterAll)),
            ("failed", None, two, Some(Duplicate)),
            ("expired", None, &[], None),
            ("expired", None, one, Some(OutAfterAll)),
            ("needs_review", None, &[], None),
            ("needs_review", None, one, None),
            ("needs_review", None, two, Some(Duplicate)),
            ("cancelled", None, &[], Some(CalledOff)),
            ("scheduled", None, &[], Some(Unfinished)),
            ("running", None, one, Some(Unfinished)),
            ("unknown", None, one, Some(Unfinished)),
            ("", None, &[], Some(Unfinished)),
        ] {
            let fate = Fate {
                post: "post".to_owned(),
                target: "t1".to_owned(),
                page: "1".to_owned(),
                state: state.to_owned(),
                remote_id: remote_id.map(str::to_owned),
                shown: shown.iter().map(|id| (*id).to_owned()).collect(),
                out_at: None,
                scheduled_at: None,
            };
            assert_eq!(fate.violation(), expected, "{fate}");
            assert_eq!(is_terminal(state), expected != Some(Unfinished), "{fate}");
        }
    }

    #[test]
    fn what_is_out_before_its_time_is_told_unless_it_is_the_clocks() {
        let scheduled: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        for (out, expected) in [
            ("2026-11-21T10:00:00Z", None),
            ("2026-11-21T10:05:00Z", None),
            ("2026-11-21T09:59:58Z", None),
            ("2026-11-21T09:59:57Z", Some(Violation::TooEarly)),
        ] {
            let fate = Fate {
                post: "post".to_owned(),
                target: "t1".to_owned(),
                page: "1".to_owned(),
                state: "published".to_owned(),
                remote_id: Some("1_1".to_owned()),
                shown: vec!["1_1".to_owned()],
                out_at: Some(out.parse().unwrap()),
                scheduled_at: Some(scheduled),
            };
            assert_eq!(fate.violation(), expected, "{out}");
            assert_eq!(Fate { scheduled_at: None, ..fate }.violation(), None, "{out}");
        }
    }
}
