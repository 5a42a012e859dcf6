//! Finds out what became of a publish that nobody saw the end of: by its id, if it got as far as having one.

use super::{
    api,
    classify::Failure,
    listing::{ListingFlow, not_yet},
    publish::{self, Stage, State},
    requests,
    status::{self, Status},
};
use crate::connector::{Answer, ConnectorError, Fingerprint, Flow, ReadBack, Step, settings::TiktokSettings};

/// The question that fits what is remembered.
pub(super) fn flow(settings: TiktokSettings, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
    match State::read(&fingerprint.checkpoint) {
        Ok(state) if state.publish_id.is_some() => {
            Box::new(StatusFlow { settings, fingerprint, state, is_asked: false })
        }
        Ok(_) | Err(_) => Box::new(ListingFlow::new(settings, fingerprint)),
    }
}

struct StatusFlow {
    settings: TiktokSettings,
    fingerprint: Fingerprint,
    state: State,
    is_asked: bool,
}

impl StatusFlow {
    /// The last bytes never came, and their address has died: nothing can come of it any more.
    fn is_abandoned(&self, uploaded: Option<u64>) -> bool {
        let size = self.state.seen.as_ref().map(|seen| seen.length);
        let age = self.fingerprint.now.duration_since(self.fingerprint.not_before);
        let is_cut = uploaded.zip(size).is_some_and(|(uploaded, size)| uploaded < size);
        self.state.stage == Stage::Upload && is_cut && age >= self.settings.upload_life
    }
}

impl Flow<ReadBack> for StatusFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        if !std::mem::replace(&mut self.is_asked, true) {
            let id = self.state.publish_id.as_deref().unwrap_or_default();
            return Ok(Step::Call(requests::status(&self.settings, id)));
        }
        Ok(Step::Done(match status::read(api::expect(answer)?)? {
            Status::Out { videos } => ReadBack::Found(publish::published(&self.state, videos)?),
            Status::InInbox => ReadBack::Found(publish::published(&self.state, Vec::new())?),
            Status::Working { uploaded } if self.is_abandoned(uploaded) => ReadBack::Absent,
            Status::Working { .. } => return Err(not_yet()),
            Status::Failed(Failure::Passing(_)) => ReadBack::Absent,
            Status::Failed(Failure::Final(refusal)) => ReadBack::Refused(refusal),
        }))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{super::testing::*, *};
    use crate::connector::{Checkpoint, Prepared};

    fn asked(checkpoint: Value, minutes: i64, status: &Value) -> Result<ReadBack, ConnectorError> {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let now = at.saturating_add(SignedDuration::from_mins(minutes)).unwrap();
        let checkpoint: Checkpoint = serde_json::from_value(checkpoint).unwrap();
        let mut flow = flow(
            TiktokSettings::default(),
            Fingerprint { checkpoint, ..Fingerprint::of(&Prepared::at("-1"), at, now) },
        );
        let request = called(flow.advance(None));
        assert!(request.url.path().ends_with("/status/fetch/"));
        match flow.advance(Some(&ok(status)))? {
            Step::Done(verdict) => Ok(verdict),
            Step::Call(request) => panic!("{request:?}"),
        }
    }

    fn uploading() -> Value {
        json!({"stage": "upload", "publish_id": "v_pub_file~v2-1.1", "seen": {"length": 100, "in_parts": true}})
    }

    #[rstest]
    #[case::out(json!({"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": [7]}), "7")]
    #[case::out_and_private(json!({"status": "PUBLISH_COMPLETE"}), "v_pub_file~v2-1.1")]
    #[case::a_draft(json!({"status": "SEND_TO_USER_INBOX"}), "v_pub_file~v2-1.1")]
    fn f34_a_lost_answer_is_found_by_the_id_of_its_publish(#[case] status: Value, #[case] id: &str) {
        let Ok(ReadBack::Found(found)) = asked(uploading(), 1, &status) else { panic!("not found") };
        assert_eq!(found.remote_id, id);
    }

    #[test]
    fn f34_an_upload_that_lacks_bytes_is_absent_once_no_more_can_come() {
        let cut = json!({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 60});
        assert!(asked(uploading(), 10, &cut).is_err());
        assert_eq!(asked(uploading(), 66, &cut), Ok(ReadBack::Absent));
        let whole = json!({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 100});
        assert!(asked(uploading(), 66, &whole).is_err());
    }

    #[test]
    fn what_tiktok_refused_afterwards_is_sent_again_only_if_that_may_help() {
        let failed = |reason: &str| asked(uploading(), 1, &json!({"status": "FAILED", "fail_reason": reason}));
        assert_eq!(failed("internal"), Ok(ReadBack::Absent));
        let Ok(ReadBack::Refused(refusal)) = failed("picture_size_check_failed") else { panic!("not refused") };
        assert_eq!(refusal.code, "tiktok.media.picture_size");
    }
}
