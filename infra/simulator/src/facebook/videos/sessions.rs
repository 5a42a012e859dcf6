//! `POST /{page}/videos` with an `upload_phase`: a session, the pieces that Facebook asks for, and the publish.

use super::super::error::GraphError;
use super::super::photos::Download;
use super::super::spec;
use super::super::tokens::Caller;
use super::super::world::World;
use super::{Form, LARGEST, POST_TABLES, SMALLEST, Video, Words, read_words, too_small, upload_problem};
use crate::call::Call;
use jiff::Timestamp;
use serde_json::{Value, json};

impl World {
    /// `POST /{page}/videos`.
    pub(crate) fn post_video(
        &mut self,
        caller: &Caller,
        page: &str,
        call: &Call,
        download: &Download,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        self.may_publish(caller, page, "post")?;
        self.strict(call, "POST", "videos", &POST_TABLES)?;
        let Some(phase) = call.params.text("upload_phase") else {
            return self.create_video(page, call, download, now);
        };
        if call.params.text("file_url").is_some() {
            return Err(GraphError::parameter("Param file_url cannot be used with upload_phase"));
        }
        match phase.as_str() {
            "start" => self.open_session(page, call, now),
            "transfer" => self.take_piece(page, call),
            "finish" => self.finish_session(page, call, now),
            "cancel" => self.cancel_session(page, call),
            other => Err(GraphError::parameter(format!(
                "Param upload_phase must be one of {{{}}} - got \"{other}\".",
                spec::UPLOAD_PHASES
            ))),
        }
    }

    fn open_session(&mut self, page: &str, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let size = call.params.required("file_size")?;
        let size: u64 = size.parse().map_err(|_| GraphError::parameter("Param file_size must be an integer"))?;
        if size < SMALLEST {
            return Err(too_small());
        }
        if size > LARGEST {
            return Err(GraphError::new(100, "The video you tried to upload is too large.").subcode(1_363_023));
        }
        let session = (700_000_000_000_000 + self.ids.object()).to_string();
        let video = self.new_video(page, Form::Video, now);
        let video = Video { session: Some(session.clone()), size: Some(size), ..video };
        let (start, end) = self.wanted(&video);
        let answer = json!({
            "video_id": video.id, "upload_session_id": session,
            "start_offset": start.to_string(), "end_offset": end.to_string(),
        });
        self.videos.insert(video.id.clone(), video);
        Ok(answer)
    }

    /// The piece that is asked for next; nothing is left when both ends are one.
    fn wanted(&self, video: &Video) -> (u64, u64) {
        let size = video.size.unwrap_or(0);
        (video.received, video.received.saturating_add(self.video_rules.piece).min(size))
    }

    fn session_of(&self, page: &str, call: &Call) -> Result<Video, GraphError> {
        let session = call.params.required("upload_session_id")?;
        let found = self.videos.values().find(|video| video.session.as_ref() == Some(&session) && video.page == page);
        found.cloned().ok_or_else(|| GraphError::missing("post", &session))
    }

    fn take_piece(&mut self, page: &str, call: &Call) -> Result<Value, GraphError> {
        let mut video = self.session_of(page, call)?;
        let (start, end) = self.wanted(&video);
        let offset = call.params.required("start_offset")?;
        if offset.parse() != Ok(start) || start == end {
            let data = json!({"start_offset": start, "end_offset": end});
            return Err(GraphError { data: Some(data), ..upload_problem(1_363_037) });
        }
        let Some(bytes) = call.files.get("video_file_chunk").filter(|bytes| !bytes.is_empty()) else {
            return Err(upload_problem(1_363_020));
        };
        let piece = bytes.len() as u64;
        if start + piece > end {
            return Err(GraphError::parameter("Param video_file_chunk reaches beyond what was asked for"));
        }
        video.received = start + piece;
        video.content.add(bytes);
        let (start, end) = self.wanted(&video);
        self.videos.insert(video.id.clone(), video);
        Ok(json!({"start_offset": start.to_string(), "end_offset": end.to_string()}))
    }

    fn finish_session(&mut self, page: &str, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let video = self.session_of(page, call)?;
        if Some(video.received) != video.size {
            return Err(upload_problem(1_363_033));
        }
        let Words { title, description, place: _ } = read_words(call)?;
        // A session ends with its publish: nobody finds it a second time.
        let mut video = Video { title, description, session: None, finished: Some(now), ..video };
        self.begin_work(&mut video, now);
        self.videos.insert(video.id.clone(), video);
        Ok(json!({"success": true}))
    }

    fn cancel_session(&mut self, page: &str, call: &Call) -> Result<Value, GraphError> {
        let video = self.session_of(page, call)?;
        self.videos.remove(&video.id);
        Ok(json!({"success": true}))
    }
}
