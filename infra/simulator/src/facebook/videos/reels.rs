//! `POST /{page}/video_reels` and the host that takes the files of reels.

use super::super::error::GraphError;
use super::super::photos::Download;
use super::super::spec;
use super::super::tokens::Caller;
use super::super::world::World;
use super::{Form, LARGEST, SMALLEST, Video, Words, check_source, read_words, too_small, upload_problem};
use crate::call::{Call, Unreadable};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Reels that an app may publish on a Page in a rolling day.
const REELS_A_DAY: usize = 30;
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl World {
    /// `POST /{page}/video_reels`.
    pub(crate) fn post_reel(
        &mut self,
        caller: &Caller,
        page: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        self.may_publish(caller, page, "post")?;
        self.strict(call, "POST", "video_reels", &[spec::REELS_POST])?;
        match call.params.required("upload_phase")?.to_ascii_lowercase().as_str() {
            "start" => {
                let reel = self.new_video(page, Form::Reel, now);
                let upload_url = format!("{}/video-upload/v26.0/{}", self.base, reel.id);
                let answer = json!({"video_id": reel.id, "upload_url": upload_url});
                self.videos.insert(reel.id.clone(), reel);
                Ok(answer)
            }
            "finish" => self.finish_reel(page, call, now),
            other => Err(GraphError::parameter(format!(
                "Param upload_phase must be one of {{START, FINISH}} - got \"{other}\"."
            ))),
        }
    }

    fn finish_reel(&mut self, page: &str, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let id = call.params.required("video_id")?;
        let reel = self.videos.get(&id).filter(|reel| reel.page == page && reel.form == Form::Reel);
        let reel = reel.cloned().ok_or_else(|| GraphError::missing("post", &id))?;
        match call.params.text("video_state").as_deref() {
            Some("PUBLISHED") => {}
            // Nothing here publishes drafts and what is scheduled.
            Some("DRAFT" | "SCHEDULED") => return Err(GraphError::parameter("Only PUBLISHED is simulated")),
            _ => return Err(GraphError::parameter("Param video_state must be one of {DRAFT, PUBLISHED, SCHEDULED}")),
        }
        if reel.whole.is_none() {
            return Err(upload_problem(1_363_020));
        }
        if reel.finished.is_some() {
            return Err(GraphError::parameter("The reel was published before"));
        }
        let is_recent = |reel: &&Video| {
            let finished = reel.finished.filter(|_| reel.form == Form::Reel && reel.page == page);
            finished.is_some_and(|finished| now.duration_since(finished) < DAY)
        };
        if self.videos.values().filter(is_recent).count() >= REELS_A_DAY {
            return Err(GraphError::new(613, "(#613) Calls to this api have exceeded the rate limit."));
        }
        let Words { title, description, place } = read_words(call)?;
        self.videos.insert(id, Video { title, description, place, finished: Some(now), ..reel });
        Ok(json!({"success": true}))
    }

    /// `POST /video-upload/{version}/{reel}`: the file, or where it stands.
    pub(crate) fn receive_reel(
        &mut self,
        caller: &Caller,
        id: &str,
        call: &Call,
        download: &Download,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let reel = self.videos.get(id).filter(|reel| reel.form == Form::Reel).cloned();
        let reel = reel.ok_or_else(|| GraphError::missing("post", id))?;
        self.may_publish(caller, &reel.page, "post")?;
        if !call.header("authorization").is_some_and(|value| value.starts_with("OAuth ")) {
            return Err(GraphError::unparsable_token());
        }
        if reel.whole.is_some() {
            return Err(upload_problem(1_363_037));
        }
        let reel = match call.header("file_url") {
            Some(address) => {
                check_source(address, download)?;
                let mut reel = Video { source: Some(address.to_owned()), ..reel };
                self.begin_work(&mut reel, now);
                reel
            }
            None => self.with_bytes(reel, call, now)?,
        };
        let is_whole = reel.whole.is_some();
        self.videos.insert(reel.id.clone(), reel);
        // What came of a file that broke off is kept.
        if is_whole { Ok(json!({"success": true})) } else { Err(upload_problem(1_363_033)) }
    }

    fn with_bytes(&mut self, reel: Video, call: &Call, now: Timestamp) -> Result<Video, GraphError> {
        let number = |name: &str| {
            let number = call.header(name).and_then(|value| value.parse::<u64>().ok());
            number.ok_or_else(|| GraphError::parameter(format!("The header {name} is required")))
        };
        let (offset, size) = (number("offset")?, number("file_size")?);
        if size < SMALLEST {
            return Err(too_small());
        }
        let came = call.body.len() as u64;
        let is_sound = size <= LARGEST && reel.size.is_none_or(|known| known == size);
        if !is_sound || offset + came > size || call.problem == Some(Unreadable::Body) {
            return Err(GraphError::parameter("The bytes do not fit file_size"));
        }
        if offset != reel.received {
            let data = json!({"start_offset": reel.received, "end_offset": size});
            return Err(GraphError { data: Some(data), ..upload_problem(1_363_037) });
        }
        let kept = self.video_rules.cut.take().map_or(came, |cut| cut.min(came));
        let mut reel = Video { size: Some(size), received: offset + kept, ..reel };
        let bytes = usize::try_from(kept).ok().and_then(|kept| call.body.get(..kept));
        reel.content.add(bytes.unwrap_or_default());
        if reel.received == size {
            self.begin_work(&mut reel, now);
        }
        Ok(reel)
    }
}
