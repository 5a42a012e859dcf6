//! What is asked: who somebody is, what may be posted, what became of a post, which videos there are and how they do.

use super::error::ApiError;
use super::world::{Caller, Source, Step, Video, World};
use crate::ids::figure;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const DISPLAY_QUOTA: usize = 600;

const USER: [(&str, &str); 7] = [
    ("open_id", "user.info.basic"),
    ("union_id", "user.info.basic"),
    ("avatar_url", "user.info.basic"),
    ("display_name", "user.info.basic"),
    ("username", "user.info.profile"),
    ("is_verified", "user.info.profile"),
    ("video_count", "user.info.stats"),
];
const VIDEO: [&str; 10] = [
    "id",
    "create_time",
    "share_url",
    "video_description",
    "title",
    "duration",
    "like_count",
    "comment_count",
    "share_count",
    "view_count",
];

impl World {
    /// `GET /v2/user/info/`.
    pub(crate) fn user_info(&mut self, caller: &Caller, fields: &str, now: Timestamp) -> Result<Value, ApiError> {
        self.count(caller, "user/info", DISPLAY_QUOTA, now)?;
        let account = &caller.account;
        let mut user = Map::new();
        for name in fields.split(',').filter(|name| !name.is_empty()) {
            let scope = USER.iter().find(|(known, _)| *known == name).map(|(_, scope)| *scope);
            // A field that was not granted fails the whole call.
            caller.needs(scope.ok_or_else(|| ApiError::params(format!("{name} is not a field")))?)?;
            let value = match name {
                "open_id" => json!(account.open_id),
                "union_id" => json!(account.union_id),
                "avatar_url" => json!(format!("{}/_simulator/avatar", self.base)),
                "display_name" => json!(account.display_name),
                "username" => json!(account.username),
                "is_verified" => json!(false),
                _ => json!(self.videos.iter().filter(|video| video.open_id == account.open_id).count()),
            };
            user.insert(name.to_owned(), value);
        }
        if user.is_empty() {
            return Err(ApiError::params("fields is missing"));
        }
        Ok(json!({ "user": user }))
    }

    /// `POST /v2/post/publish/creator_info/query/`. Bans and caps come with 200.
    pub(crate) fn creator_info(&mut self, caller: &Caller, now: Timestamp) -> Result<Value, ApiError> {
        caller.needs("video.publish")?;
        self.count(caller, "creator_info", 20, now)?;
        let account = &caller.account;
        self.may_post(account, 200, now)?;
        Ok(json!({
            "creator_avatar_url": format!("{}/_simulator/avatar", self.base),
            "creator_username": account.username,
            "creator_nickname": account.display_name,
            "privacy_level_options": account.privacy_levels(),
            "comment_disabled": account.comment_disabled,
            "duet_disabled": account.duet_disabled,
            "stitch_disabled": account.stitch_disabled,
            "max_video_post_duration_sec": account.max_seconds,
        }))
    }

    /// `POST /v2/post/publish/status/fetch/`.
    pub(crate) fn status(&mut self, caller: &Caller, body: &Value, now: Timestamp) -> Result<Value, ApiError> {
        if caller.needs("video.publish").is_err() {
            caller.needs("video.upload")?;
        }
        self.count(caller, "status", 30, now)?;
        let id = body.get("publish_id").and_then(Value::as_str).unwrap_or_default();
        let task = self.tasks.get(id);
        let task = task.ok_or_else(|| ApiError::new(400, "invalid_publish_id", "The publish_id does not exist."))?;
        if task.open_id != caller.account.open_id {
            let text = "The token is not authorized for this publish_id.";
            return Err(ApiError::new(400, "token_not_authorized_for_specified_publish_id", text));
        }
        let (working, uploaded) = match task.source {
            Source::Upload { received, .. } => ("PROCESSING_UPLOAD", received),
            Source::Pull(_) => ("PROCESSING_DOWNLOAD", 0),
        };
        let mut data = json!({ "uploaded_bytes": uploaded, "downloaded_bytes": 0 });
        let Some(members) = data.as_object_mut() else { return Ok(data) };
        let name = match &task.step {
            Step::Receiving | Step::Processing(_) => working,
            Step::InInbox => "SEND_TO_USER_INBOX",
            Step::Complete => "PUBLISH_COMPLETE",
            Step::Failed(reason) => {
                members.insert("fail_reason".to_owned(), reason.as_str().into());
                "FAILED"
            }
        };
        members.insert("status".to_owned(), name.into());
        if let Some(id) = self.public_id(task, now) {
            // Misspelt, and a number beyond 53 bits.
            members.insert("publicaly_available_post_id".to_owned(), json!([id]));
        }
        Ok(data)
    }

    /// `POST /v2/video/list/`: public videos, newest first.
    pub(crate) fn list(
        &mut self,
        caller: &Caller,
        fields: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        caller.needs("video.list")?;
        self.count(caller, "video/list", DISPLAY_QUOTA, now)?;
        let most = match body.get("max_count") {
            None => 10,
            Some(count) => count
                .as_u64()
                .filter(|count| (1..=20).contains(count))
                .ok_or_else(|| ApiError::params("max_count is between 1 and 20"))?,
        };
        let before = match body.get("cursor") {
            None => i64::MAX,
            Some(cursor) => cursor.as_i64().ok_or_else(|| ApiError::params("cursor is in milliseconds"))?,
        };
        let mut videos: Vec<Video> =
            self.listed(caller, now).into_iter().filter(|video| video.created.as_millisecond() < before).collect();
        videos.sort_by_key(|video| std::cmp::Reverse((video.created, video.id.clone())));
        let has_more = videos.len() as u64 > most;
        videos.truncate(usize::try_from(most).unwrap_or(20));
        let cursor = videos.last().map_or(now.as_millisecond(), |video| video.created.as_millisecond());
        let shown: Result<Vec<Value>, ApiError> = videos.iter().map(|video| self.show(video, fields, now)).collect();
        Ok(json!({ "videos": shown?, "cursor": cursor, "has_more": has_more }))
    }

    /// `POST /v2/video/query/`: what is not the account's, or not public, is left out.
    pub(crate) fn query(
        &mut self,
        caller: &Caller,
        fields: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        caller.needs("video.list")?;
        self.count(caller, "video/query", DISPLAY_QUOTA, now)?;
        let ids = body.pointer("/filters/video_ids").and_then(Value::as_array);
        let ids = ids.filter(|ids| (1..=20).contains(&ids.len()) && ids.iter().all(Value::is_string));
        let ids = ids.ok_or_else(|| ApiError::params("video_ids has between 1 and 20 texts"))?;
        let is_wanted = |video: &Video| ids.iter().any(|id| id.as_str() == Some(video.id.as_str()));
        let videos = self.listed(caller, now);
        let shown: Result<Vec<Value>, ApiError> =
            videos.iter().filter(|video| is_wanted(video)).map(|video| self.show(video, fields, now)).collect();
        Ok(json!({ "videos": shown? }))
    }

    fn listed(&self, caller: &Caller, now: Timestamp) -> Vec<Video> {
        let is_listed = |video: &&Video| {
            let is_public = video.public_at.is_some_and(|at| at <= now);
            video.open_id == caller.account.open_id && is_public && !video.is_photo
        };
        self.videos.iter().filter(is_listed).cloned().collect()
    }

    fn show(&self, video: &Video, fields: &str, now: Timestamp) -> Result<Value, ApiError> {
        // Figures grow, slower and slower, for as long as the video is there.
        let minutes = u64::try_from(now.duration_since(video.created).as_mins()).unwrap_or(0);
        let grown = |name: &str| {
            let peak = u64::from(figure(self.ids.seed(), &format!("{name} {}", video.id), 5_000)) + 50;
            peak * minutes / (minutes + 60)
        };
        let short: String = video.text.chars().take(150).collect();
        let username = self.accounts.get(video.open_id.as_str()).map_or("", |account| account.username);
        let mut shown = Map::new();
        for name in fields.split(',').filter(|name| !name.is_empty()) {
            let value = match name {
                "id" => json!(video.id),
                "create_time" => json!(video.created.as_second()),
                "share_url" => json!(format!("https://www.tiktok.com/@{username}/video/{}", video.id)),
                "video_description" | "title" => json!(short),
                "duration" => json!(15),
                "view_count" => json!(grown("view_count") * 20),
                "like_count" | "comment_count" | "share_count" => json!(grown(name)),
                _ => return Err(ApiError::params(format!("{name} is not a field"))),
            };
            shown.insert(name.to_owned(), value);
        }
        if shown.is_empty() {
            return Err(ApiError::params(format!("fields is missing: {}", VIDEO.join(","))));
        }
        Ok(Value::Object(shown))
    }
}
