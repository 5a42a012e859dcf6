//! What a video says of itself, and how it is taken down.

use super::super::error::GraphError;
use super::super::fields::Field;
use super::super::render::{self, time};
use super::super::spec;
use super::super::tokens::Caller;
use super::super::world::World;
use super::Video;
use crate::call::Call;
use crate::ids::figure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Figures have all come after so long.
const LIFE_OF_FIGURES: SignedDuration = SignedDuration::from_hours(48);

/// The part of a figure that has come by now: the more time, the more of it.
pub(crate) fn grown(figure: u32, since: Timestamp, now: Timestamp) -> u64 {
    let age = now.duration_since(since).as_secs().clamp(0, LIFE_OF_FIGURES.as_secs());
    let share = u64::try_from(age).unwrap_or(0) * u64::from(figure);
    share / u64::try_from(LIFE_OF_FIGURES.as_secs()).unwrap_or(1).max(1)
}

impl World {
    /// `GET /{video}`.
    pub(crate) fn read_video(
        &self,
        caller: &Caller,
        id: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let video = self.videos.get(id).ok_or_else(|| GraphError::missing("get", id))?;
        let user = self.as_page(caller, &video.page, "get")?;
        self.allowed(&user, &video.page, "pages_read_engagement")?;
        let fields = render::requested(call, &["description", "updated_time", "id"])?;
        self.video_object(video, &fields, now)
    }

    /// A video.
    pub(crate) fn video_object(&self, video: &Video, fields: &[Field], now: Timestamp) -> Result<Value, GraphError> {
        render::check(fields, "Video", &[spec::VIDEO_FIELDS])?;
        let post = video.post.as_ref().and_then(|id| self.posts.get(id));
        Ok(render::object(fields, &video.id, |field| match field.name.as_str() {
            "status" => Some(status(video, post.is_some(), now)),
            "published" => Some(video.finished.is_some().into()),
            "title" => video.title.as_deref().map(Into::into),
            "description" => video.description.as_deref().map(Into::into),
            "permalink_url" => Some(self.video_link(video).into()),
            "post_id" => video.post.as_deref().map(Into::into),
            "created_time" | "updated_time" => Some(time(video.created)),
            "place" => video.place.as_ref().map(|place| json!({ "id": place })),
            "from" => self.pages.get(&video.page).map(|page| json!({"id": page.id, "name": page.name})),
            "views" => post.map(|post| grown(figure(self.ids.seed(), &video.id, 4_000), post.created, now).into()),
            _ => None,
        }))
    }

    /// `DELETE /{video}`: its post goes with it.
    pub(crate) fn delete_video(&mut self, caller: &Caller, id: &str, now: Timestamp) -> Result<Value, GraphError> {
        let video = self.videos.get(id).cloned().ok_or_else(|| GraphError::missing("delete", id))?;
        self.may_publish(caller, &video.page, "delete")?;
        if let Some(post) = &video.post {
            self.announce_post(post, "remove", now);
            self.posts.remove(post);
        }
        self.videos.remove(id);
        Ok(json!({"success": true}))
    }
}

fn status(video: &Video, is_out: bool, now: Timestamp) -> Value {
    let has_worked = video.ready.is_some_and(|ready| ready <= now);
    let error = video.fails.filter(|_| has_worked);
    let uploading = match (video.whole, video.received) {
        (Some(_), _) => "complete",
        (None, 0) => "not_started",
        (None, _) => "in_progress",
    };
    let processing = match (video.whole, has_worked, error) {
        (None, _, _) => "not_started",
        (Some(_), false, _) => "in_progress",
        (Some(_), true, None) => "complete",
        (Some(_), true, Some(_)) => "error",
    };
    let whole = match (processing, uploading) {
        ("error", _) => "error",
        ("complete", _) => "ready",
        ("not_started", "complete") => "upload_complete",
        (_, _) => "processing",
    };
    let processing = match error {
        Some(code) => {
            let errors = [json!({"code": code, "message": "The video cannot be processed."})];
            json!({"status": processing, "errors": errors})
        }
        None => json!({ "status": processing }),
    };
    let mut publishing = json!({"status": "not_started"});
    if is_out {
        publishing = json!({"status": "complete", "publish_status": "published"});
    }
    json!({
        "video_status": whole,
        "uploading_phase": {
            "status": uploading, "bytes_transferred": video.received, "source_file_size": video.size.unwrap_or(0),
        },
        "processing_phase": processing,
        "publishing_phase": publishing,
    })
}
