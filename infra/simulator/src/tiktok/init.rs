//! What begins a post: videos and photos, at once or as drafts. Everything that TikTok refuses is refused here.

use super::error::ApiError;
use super::world::{Caller, MOST_DRAFTS, Source, Step, Task, World};
use crate::content::Content;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

const MB: u64 = 1_000_000;
/// Inits in a minute.
const QUOTA: usize = 6;

const VIDEO_INFO: [&str; 9] = [
    "title",
    "privacy_level",
    "disable_duet",
    "disable_stitch",
    "disable_comment",
    "video_cover_timestamp_ms",
    "brand_content_toggle",
    "brand_organic_toggle",
    "is_aigc",
];
const PHOTO_INFO: [&str; 7] = [
    "title",
    "description",
    "privacy_level",
    "disable_comment",
    "auto_add_music",
    "brand_content_toggle",
    "brand_organic_toggle",
];

/// A JSON object, and whether unknown members are refused.
struct Fields<'a>(&'a Map<String, Value>, bool);

impl<'a> Fields<'a> {
    fn of(value: Option<&'a Value>, name: &str, strict: bool) -> Result<Self, ApiError> {
        let object = value.and_then(Value::as_object);
        object.map(|object| Self(object, strict)).ok_or_else(|| ApiError::params(format!("{name} is not an object")))
    }

    fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| self.1 && !known.contains(&name.as_str())) {
            Some(name) => Err(ApiError::params(format!("{name} is not a field"))),
            None => Ok(()),
        }
    }

    fn text(&self, name: &str, longest: usize) -> Result<Option<&'a str>, ApiError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.encode_utf16().count() <= longest => Ok(Some(text)),
            Some(_) => Err(ApiError::params(format!("{name} is not a text of at most {longest}"))),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(ApiError::params(format!("{name} is not a boolean"))),
        }
    }

    fn number(&self, name: &str) -> Result<u64, ApiError> {
        self.0.get(name).and_then(Value::as_u64).ok_or_else(|| ApiError::params(format!("{name} is not a number")))
    }
}

/// A post that is being begun.
struct Draft {
    source: Source,
    is_photo: bool,
    is_inbox: bool,
    text: String,
    privacy: String,
    kind: &'static str,
}

impl World {
    /// `POST /v2/post/publish/video/init/`.
    pub(crate) fn init_video(&mut self, caller: &Caller, body: &Value, now: Timestamp) -> Result<Value, ApiError> {
        caller.needs("video.publish")?;
        self.count(caller, "video/init", QUOTA, now)?;
        let body = Fields::of(Some(body), "the body", self.strict)?;
        body.only(&["post_info", "source_info"])?;
        let info = Fields::of(body.0.get("post_info"), "post_info", self.strict)?;
        info.only(&VIDEO_INFO)?;
        let text = info.text("title", 2_200)?.unwrap_or_default().to_owned();
        for name in ["disable_duet", "disable_stitch", "disable_comment", "brand_organic_toggle", "is_aigc"] {
            info.flag(name)?;
        }
        info.flag("brand_content_toggle")?.ok_or_else(|| ApiError::params("brand_content_toggle is missing"))?;
        if info.0.contains_key("video_cover_timestamp_ms") {
            info.number("video_cover_timestamp_ms")?;
        }
        let source = self.video_source(body.0.get("source_info"))?;
        let privacy = self.check_direct(caller, &info, now)?;
        let kind = if matches!(source, Source::Upload { .. }) { "v_pub_file~v2-1." } else { "v_pub_url~v2." };
        Ok(self.begin(caller, Draft { source, is_photo: false, is_inbox: false, text, privacy, kind }, now))
    }

    /// `POST /v2/post/publish/inbox/video/init/`.
    pub(crate) fn init_inbox(&mut self, caller: &Caller, body: &Value, now: Timestamp) -> Result<Value, ApiError> {
        caller.needs("video.upload")?;
        self.count(caller, "inbox/init", QUOTA, now)?;
        let body = Fields::of(Some(body), "the body", self.strict)?;
        body.only(&["source_info"])?;
        let source = self.video_source(body.0.get("source_info"))?;
        self.check_drafts(caller, now)?;
        let kind = if matches!(source, Source::Upload { .. }) { "v_inbox_file~v2." } else { "v_inbox_url~v2." };
        let (text, privacy) = (String::new(), String::new());
        Ok(self.begin(caller, Draft { source, is_photo: false, is_inbox: true, text, privacy, kind }, now))
    }

    /// `POST /v2/post/publish/content/init/`.
    pub(crate) fn init_photos(&mut self, caller: &Caller, body: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let body = Fields::of(Some(body), "the body", self.strict)?;
        body.only(&["media_type", "post_mode", "post_info", "source_info"])?;
        let is_inbox = match body.text("post_mode", 100)? {
            Some("DIRECT_POST") => false,
            Some("MEDIA_UPLOAD") => true,
            _ => return Err(ApiError::params("post_mode is DIRECT_POST or MEDIA_UPLOAD")),
        };
        caller.needs(if is_inbox { "video.upload" } else { "video.publish" })?;
        self.count(caller, "content/init", QUOTA, now)?;
        if body.text("media_type", 100)? != Some("PHOTO") {
            return Err(ApiError::params("media_type is PHOTO"));
        }
        let info = Fields::of(body.0.get("post_info"), "post_info", self.strict)?;
        info.only(&PHOTO_INFO)?;
        info.text("title", 90)?;
        let text = info.text("description", 4_000)?.unwrap_or_default().to_owned();
        for name in ["disable_comment", "auto_add_music", "brand_content_toggle", "brand_organic_toggle"] {
            info.flag(name)?;
        }
        let source = self.photo_source(body.0.get("source_info"))?;
        let privacy = if is_inbox {
            self.check_drafts(caller, now)?;
            String::new()
        } else {
            self.check_direct(caller, &info, now)?
        };
        let kind = if is_inbox { "p_inbox_url~v2." } else { "p_pub_url~v2." };
        Ok(self.begin(caller, Draft { source, is_photo: true, is_inbox, text, privacy, kind }, now))
    }

    fn check_direct(&self, caller: &Caller, info: &Fields<'_>, now: Timestamp) -> Result<String, ApiError> {
        let privacy = info.text("privacy_level", 100)?.ok_or_else(|| ApiError::params("privacy_level is missing"))?;
        if info.flag("brand_content_toggle")? == Some(true) && privacy == "SELF_ONLY" {
            return Err(ApiError::params("branded content cannot be SELF_ONLY"));
        }
        if !caller.account.privacy_levels().contains(&privacy) {
            let text = "privacy_level is none of privacy_level_options";
            return Err(ApiError::new(403, "privacy_level_option_mismatch", text));
        }
        self.may_post(&caller.account, 403, now)?;
        if !self.is_audited && !caller.account.is_private {
            let text = "Unaudited clients can only post to private accounts.";
            return Err(ApiError::new(403, "unaudited_client_can_only_post_to_private_accounts", text));
        }
        Ok(privacy.to_owned())
    }

    fn check_drafts(&self, caller: &Caller, now: Timestamp) -> Result<(), ApiError> {
        if caller.account.is_banned {
            let text = "The user is banned from posting.";
            return Err(ApiError::new(403, "spam_risk_user_banned_from_posting", text));
        }
        if self.drafts(caller.account.open_id, now) >= MOST_DRAFTS {
            let text = "There are too many pending shares.";
            return Err(ApiError::new(403, "spam_risk_too_many_pending_share", text));
        }
        Ok(())
    }

    fn video_source(&mut self, source: Option<&Value>) -> Result<Source, ApiError> {
        let source = Fields::of(source, "source_info", self.strict)?;
        match source.text("source", 100)? {
            Some("FILE_UPLOAD") => {
                source.only(&["source", "video_size", "chunk_size", "total_chunk_count"])?;
                let (size, chunk) = (source.number("video_size")?, source.number("chunk_size")?);
                let count = source.number("total_chunk_count")?;
                check_chunks(size, chunk, count)?;
                let token = self.ids.opaque("", 32);
                Ok(Source::Upload { size, chunk, count, received: 0, content: Content::default(), token })
            }
            Some("PULL_FROM_URL") => {
                source.only(&["source", "video_url"])?;
                let url = source.text("video_url", 2_000)?.ok_or_else(|| ApiError::params("video_url is missing"))?;
                self.check_url(url)?;
                Ok(Source::Pull(vec![url.to_owned()]))
            }
            _ => Err(ApiError::params("source is FILE_UPLOAD or PULL_FROM_URL")),
        }
    }

    fn photo_source(&self, source: Option<&Value>) -> Result<Source, ApiError> {
        let source = Fields::of(source, "source_info", self.strict)?;
        source.only(&["source", "photo_images", "photo_cover_index"])?;
        if source.text("source", 100)? != Some("PULL_FROM_URL") {
            return Err(ApiError::params("source is PULL_FROM_URL"));
        }
        let images = source.0.get("photo_images").and_then(Value::as_array);
        let images = images.filter(|images| (1..=35).contains(&images.len()));
        let images = images.ok_or_else(|| ApiError::params("photo_images has between 1 and 35 addresses"))?;
        let index = source.number("photo_cover_index")?;
        if usize::try_from(index).is_ok_and(|index| index >= images.len()) {
            return Err(ApiError::params("photo_cover_index is out of range"));
        }
        let mut urls = Vec::new();
        for image in images {
            let url = image.as_str().ok_or_else(|| ApiError::params("photo_images has texts"))?;
            self.check_url(url)?;
            urls.push(url.to_owned());
        }
        Ok(Source::Pull(urls))
    }

    /// Over https, and of a domain that is verified for the app, or below one.
    fn check_url(&self, url: &str) -> Result<(), ApiError> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == "https");
        let url = url.ok_or_else(|| ApiError::params("an address is not https"))?;
        let host = url.host_str().unwrap_or_default();
        let is_below = |domain: &String| {
            host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if self.domains.iter().any(is_below) {
            return Ok(());
        }
        Err(ApiError::new(403, "url_ownership_unverified", "Please review the URL ownership verification rules."))
    }

    fn begin(&mut self, caller: &Caller, draft: Draft, now: Timestamp) -> Value {
        let id = format!("{}{}", draft.kind, self.new_video_id());
        let mut data = json!({ "publish_id": id });
        let mut step = Step::Processing(now);
        if let (Source::Upload { token, .. }, Some(members)) = (&draft.source, data.as_object_mut()) {
            let mut url = format!("{}/upload/video/?upload_id=", self.base);
            url.extend(form_urlencoded::byte_serialize(id.as_bytes()));
            members.insert("upload_url".to_owned(), format!("{url}&upload_token={token}").into());
            step = Step::Receiving;
        }
        let task = Task {
            id: id.clone(),
            open_id: caller.account.open_id.to_owned(),
            source: draft.source,
            is_photo: draft.is_photo,
            is_inbox: draft.is_inbox,
            text: draft.text,
            privacy: draft.privacy,
            created: now,
            step,
            video: None,
        };
        self.tasks.insert(id, task);
        data
    }
}

/// The documented rules of pieces.
fn check_chunks(size: u64, chunk: u64, count: u64) -> Result<(), ApiError> {
    let refuse = |text: &str| Err(ApiError::params(text));
    if size == 0 || size > 4_000 * MB {
        return Err(ApiError::new(400, "invalid_file_upload", "The video is empty, or larger than 4 GB."));
    }
    if chunk == 0 || chunk > size || chunk > 64 * MB {
        return refuse("The chunk size is invalid.");
    }
    if chunk < 5 * MB && chunk != size {
        return refuse("A chunk has 5 MB at least, or is the whole video.");
    }
    if count != size / chunk || !(1..=1_000).contains(&count) {
        return refuse("The total chunk count is invalid.");
    }
    Ok(())
}
