//! Asks a video whose id is known what became of it.

use super::super::graph;
use super::{
    publish::State,
    requests,
    status::{self, Phase, Word},
};
use crate::connector::{
    Act, Answer, ConnectorError, Fingerprint, Flow, Published, ReadBack, Refusal, Step, settings::FacebookSettings,
};

/// The question to the video itself, if its id was remembered.
pub(in crate::connector::facebook) fn status_flow(
    settings: &FacebookSettings,
    fingerprint: &Fingerprint,
) -> Option<Box<dyn Flow<ReadBack>>> {
    let state = State::read(&fingerprint.checkpoint).ok()?;
    let video = state.video.clone()?;
    let age = fingerprint.now.duration_since(fingerprint.not_before);
    let is_settled = age >= settings.settle_time;
    Some(Box::new(StatusFlow { settings: settings.clone(), state, video, is_settled, is_asked: false }))
}

struct StatusFlow {
    settings: FacebookSettings,
    state: State,
    video: String,
    is_settled: bool,
    is_asked: bool,
}

impl Flow<ReadBack> for StatusFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        if !std::mem::replace(&mut self.is_asked, true) {
            return Ok(Step::Call(requests::status(&self.settings, &self.video)));
        }
        Ok(Step::Done(match status::read(&graph::read(graph::expect(answer)?)?)? {
            Word::Out { url } => ReadBack::Found(Published { remote_id: self.video.clone(), url }),
            Word::Failed(refusal) => ReadBack::Refused(refusal),
            // A finish that was carried out sets Facebook to work and then publishes. Where neither is so, it was not; the next
            // one is for the same video, so that even if this were wrong there would be one.
            Word::Working { processing: Phase::NotBegun | Phase::Complete, publishing: Phase::NotBegun, .. }
                if self.state.is_unanswered() && self.is_settled =>
            {
                ReadBack::Absent
            }
            Word::Working { .. } => return Err(not_yet()),
        }))
    }
}

/// The question stays open.
pub(in crate::connector::facebook) fn not_yet() -> ConnectorError {
    let text = "Facebook is still working on the video, or does not show it yet.";
    ConnectorError::Transient(Refusal::ours("facebook.video.processing", Act::Nobody, text))
}
