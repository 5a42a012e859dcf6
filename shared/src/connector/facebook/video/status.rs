//! What a video says of itself: whether its file is there, whether it is out, whether it never will be.

use serde_json::Value;
use url::Url;

use super::super::{classify::ERRORS, graph};
use crate::connector::{Act, ConnectorError, Refusal, meta::errors::Kind};

/// Where a phase of a video stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not begun, or nothing is said of it.
    NotBegun,
    UnderWay,
    Complete,
}

/// What a video says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// People see it.
    Out {
        /// Where.
        url: Option<Url>,
    },
    /// It is not out, and may be.
    Working {
        /// How much of the file is there.
        uploading: Phase,
        /// How many bytes of it.
        bytes: u64,
        /// What Facebook makes of the file.
        processing: Phase,
        /// The publish.
        publishing: Phase,
    },
    /// It never will be.
    Failed(Refusal),
}

const PHASES: [&str; 3] = ["uploading_phase", "processing_phase", "publishing_phase"];

/// Reads it. A word that nobody knows is taken for work under way: it says neither yes nor no.
///
/// # Errors
/// Nothing is said of the video's status.
pub(super) fn read(body: &Value) -> Result<Word, ConnectorError> {
    let status = body.get("status").filter(|status| status.is_object());
    let status = status.ok_or(ConnectorError::Unreadable { what: "the `status` of a video" })?;
    let word = |phase: &str| status.get(phase).and_then(|phase| phase.get("status")).and_then(Value::as_str);
    let whole = status.get("video_status").and_then(Value::as_str).unwrap_or_default();
    if whole == "error" || PHASES.iter().any(|phase| word(phase) == Some("error")) {
        return Ok(Word::Failed(refusal(status)));
    }
    let phase = |name: &str| match word(name) {
        None | Some("not_started") => Phase::NotBegun,
        Some("complete") => Phase::Complete,
        Some(_) => Phase::UnderWay,
    };
    let is_published = body.get("published").and_then(Value::as_bool) == Some(true);
    let publishing = match (phase("publishing_phase"), is_published) {
        // Without such a phase, a video that is ready and published is out.
        (Phase::NotBegun, true) if word("publishing_phase").is_none() && whole == "ready" => Phase::Complete,
        (Phase::NotBegun, true) => Phase::UnderWay,
        (phase, _) => phase,
    };
    if publishing == Phase::Complete {
        return Ok(Word::Out { url: graph::address(body.get("permalink_url")) });
    }
    let bytes = graph::number(status.pointer("/uploading_phase/bytes_transferred")).unwrap_or(0);
    Ok(Word::Working { uploading: phase("uploading_phase"), bytes, processing: phase("processing_phase"), publishing })
}

/// Why it failed: by the first code that is known, and else without a reason.
fn refusal(status: &Value) -> Refusal {
    let errors = PHASES.iter().filter_map(|phase| status.get(phase)?.get("errors")?.as_array()).flatten();
    let codes: Vec<i64> = errors.filter_map(|error| error.get("code").and_then(Value::as_i64)).collect();
    let known = codes.iter().find_map(|code| {
        let meaning = (ERRORS.by_subcode)(0, *code).or_else(|| (ERRORS.by_code)(*code))?;
        matches!(meaning.kind, Kind::Never | Kind::NotYet).then_some((code, meaning))
    });
    let (code, message, act) = match known {
        Some((_, meaning)) => (meaning.code, meaning.message, meaning.act),
        None => ("facebook.video.failed", "Facebook could not make anything of the video.", Act::Caller),
    };
    let platform_code = known.map(|(code, _)| code).or(codes.first()).map(i64::to_string);
    Refusal { platform_code, ..Refusal::ours(code, act, message) }
}
