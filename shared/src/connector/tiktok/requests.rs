//! The calls of a publish.

use http::Method;
use serde_json::{Value, json};

use super::{api, chunks::Plan};
use crate::{
    connector::{Prepared, Request, settings::TiktokSettings, source::Seen},
    content::MediaKind,
    options::{Options, TiktokMode, TiktokOptions, TiktokPrivacy, TiktokSource},
};

/// How a post gets to TikTok.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// We upload a video.
    Upload,
    /// TikTok fetches a video.
    Pull,
    /// TikTok fetches photos.
    Photos,
}

/// A post, as TikTok sees it.
pub(super) struct Post<'a> {
    pub(super) settings: &'a TiktokSettings,
    pub(super) prepared: &'a Prepared,
    pub(super) options: TiktokOptions,
    pub(super) way: Way,
}

impl<'a> Post<'a> {
    pub(super) fn of(settings: &'a TiktokSettings, prepared: &'a Prepared) -> Self {
        let options = prepared.options.as_ref().and_then(Options::tiktok).cloned().unwrap_or_default();
        let is_video = prepared.content.media.first().is_some_and(|media| media.kind == MediaKind::Video);
        let way = match options.source.unwrap_or_default() {
            TiktokSource::FileUpload if is_video => Way::Upload,
            TiktokSource::PullFromUrl if is_video => Way::Pull,
            TiktokSource::FileUpload | TiktokSource::PullFromUrl => Way::Photos,
        };
        Self { settings, prepared, options, way }
    }

    pub(super) fn is_direct(&self) -> bool {
        self.options.mode.unwrap_or_default() == TiktokMode::Direct
    }

    /// Asks what the account may post at the moment.
    pub(super) fn creator(&self) -> Request {
        let path = ["v2", "post", "publish", "creator_info", "query"];
        Request::new(Method::POST, api::url(&self.settings.api_url, &path))
    }

    /// Begins the post. `seen` is the file that is uploaded, if one is.
    pub(super) fn init_call(&self, seen: Option<&Seen>) -> Request {
        match self.way {
            Way::Photos => api::post(self.settings, &["v2", "post", "publish", "content", "init"], self.photos()),
            Way::Upload | Way::Pull => {
                let source = self.source(seen);
                if self.is_direct() {
                    let body = json!({ "post_info": self.video_info(), "source_info": source });
                    api::post(self.settings, &["v2", "post", "publish", "video", "init"], body)
                } else {
                    let path = ["v2", "post", "publish", "inbox", "video", "init"];
                    api::post(self.settings, &path, json!({ "source_info": source }))
                }
            }
        }
    }

    pub(super) fn plan(&self, seen: &Seen) -> Plan {
        Plan::of(seen.length, self.settings.chunk_bytes, seen.in_parts)
    }

    fn source(&self, seen: Option<&Seen>) -> Value {
        match seen {
            Some(seen) => {
                let plan = self.plan(seen);
                json!({
                    "source": "FILE_UPLOAD",
                    "video_size": plan.size,
                    "chunk_size": plan.chunk,
                    "total_chunk_count": plan.count,
                })
            }
            None => json!({ "source": "PULL_FROM_URL", "video_url": self.addresses().next() }),
        }
    }

    fn addresses(&self) -> impl Iterator<Item = &str> {
        self.prepared.content.media.iter().map(|media| media.address().as_str())
    }

    fn privacy(&self) -> Option<&'static str> {
        self.options.privacy_level.map(TiktokPrivacy::name)
    }

    fn video_info(&self) -> Value {
        let options = &self.options;
        let mut info = json!({
            "privacy_level": self.privacy(),
            "disable_comment": options.allow_comment == Some(false),
            "disable_duet": options.allow_duet == Some(false),
            "disable_stitch": options.allow_stitch == Some(false),
            "brand_content_toggle": options.brand_content.unwrap_or(false),
            "brand_organic_toggle": options.brand_organic.unwrap_or(false),
        });
        set(&mut info, "title", self.prepared.content.text.as_deref().map(Value::from));
        set(&mut info, "video_cover_timestamp_ms", options.cover_timestamp_ms.map(Value::from));
        set(&mut info, "is_aigc", options.ai_generated.map(Value::from));
        info
    }

    fn photos(&self) -> Value {
        let options = &self.options;
        let mut info = json!({});
        set(&mut info, "title", options.title.as_deref().map(Value::from));
        set(&mut info, "description", self.prepared.content.text.as_deref().map(Value::from));
        if self.is_direct() {
            set(&mut info, "privacy_level", self.privacy().map(Value::from));
            set(&mut info, "disable_comment", Some((options.allow_comment == Some(false)).into()));
            set(&mut info, "auto_add_music", options.auto_add_music.map(Value::from));
            set(&mut info, "brand_content_toggle", Some(options.brand_content.unwrap_or(false).into()));
            set(&mut info, "brand_organic_toggle", Some(options.brand_organic.unwrap_or(false).into()));
        }
        json!({
            "media_type": "PHOTO",
            "post_mode": if self.is_direct() { "DIRECT_POST" } else { "MEDIA_UPLOAD" },
            "post_info": info,
            "source_info": {
                "source": "PULL_FROM_URL",
                "photo_images": self.addresses().collect::<Vec<_>>(),
                "photo_cover_index": options.photo_cover_index.unwrap_or(0),
            },
        })
    }
}

fn set(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(name.into(), value);
    }
}

/// Asks what became of a post.
pub(super) fn status(settings: &TiktokSettings, publish_id: &str) -> Request {
    api::post(settings, &["v2", "post", "publish", "status", "fetch"], json!({ "publish_id": publish_id }))
}
