//! `POST /{page}/feed`: what a post needs, what is refused, what is remembered.

use super::error::GraphError;
use super::fields::Field;
use super::render;
use super::spec;
use super::tokens::Caller;
use super::world::{Post, Visibility, World};
use crate::call::Call;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::{Host, Url};

/// More is refused.
pub(crate) const LONGEST_TEXT: usize = 63_206;
const SOONEST_SCHEDULE: SignedDuration = SignedDuration::from_mins(10);
const LATEST_SCHEDULE: SignedDuration = SignedDuration::from_hours(30 * 24);

impl World {
    /// `POST /{page}/feed`.
    pub(crate) fn create_post(
        &mut self,
        caller: &Caller,
        page: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        self.may_publish(caller, page, "post")?;
        self.strict(call, "POST", "feed", &[spec::FEED_POST])?;
        let fields = render::requested(call, &["id"])?;
        render::check(&fields, "PagePost", &[spec::POST_FIELDS])?;
        let draft = self.read_draft(page, call, now)?;
        Ok(self.keep(draft, &fields, now))
    }

    fn read_draft(&self, page: &str, call: &Call, now: Timestamp) -> Result<Post, GraphError> {
        let message = call.params.text("message").filter(|text| !text.trim().is_empty());
        let link = call.params.text("link").filter(|text| !text.is_empty());
        let place = call.params.text("place").filter(|text| !text.is_empty());
        let photos = self.read_attached(page, call)?;
        if message.is_none() && link.is_none() && place.is_none() && photos.is_empty() {
            return Err(GraphError::parameter("Requires one of the params: message, link, attached_media, place"));
        }
        check_text(message.as_deref())?;
        if let Some(link) = &link {
            check_link(link)?;
        }
        let visibility = read_visibility(call, now)?;
        let mut draft = Post {
            id: String::new(),
            page: page.to_owned(),
            message,
            link,
            photos,
            video: None,
            place,
            created: now,
            recorded: now,
            updated: now,
            visibility,
            by_app: true,
            hidden: false,
            pinned: false,
            number: 0,
        };
        self.refuse_duplicate(&draft)?;
        if let Some(backdated) = call.params.moment("backdated_time")? {
            draft.created = backdated;
        }
        Ok(draft)
    }

    /// Stores a post and answers with the fields that were asked for.
    pub(crate) fn keep(&mut self, draft: Post, fields: &[Field], now: Timestamp) -> Value {
        let number = self.ids.object();
        let id = format!("{}_{}", draft.page, 555_000_000_000 + number);
        for photo in &draft.photos {
            if let Some(photo) = self.photos.get_mut(photo) {
                photo.post = Some(id.clone());
            }
        }
        if let Some(video) = draft.video.as_ref().and_then(|video| self.videos.get_mut(video)) {
            video.post = Some(id.clone());
        }
        let post = Post { id: id.clone(), number, ..draft };
        let answer = self.post_object(&post, fields).unwrap_or_default();
        let published = post.visibility == Visibility::Published;
        self.posts.insert(id.clone(), post);
        if published {
            self.announce_post(&id, "add", now);
        }
        answer
    }

    /// 506: the same text twice in a row.
    pub(crate) fn refuse_duplicate(&self, draft: &Post) -> Result<(), GraphError> {
        let previous = self
            .posts_of(&draft.page)
            .into_iter()
            .filter(|post| post.visibility == Visibility::Published)
            .max_by_key(|post| post.number);
        let same = previous.is_some_and(|previous| {
            previous.message.is_some()
                && previous.message == draft.message
                && previous.link == draft.link
                && previous.photos.is_empty() == draft.photos.is_empty()
        });
        if !same || !self.settings.refuse_duplicates || draft.visibility != Visibility::Published {
            return Ok(());
        }
        Err(GraphError::new(506, "(#506) Duplicate status message").subcode(1_455_006).for_people(
            "Duplicate Status Update",
            "This status update is identical to the last one you posted. Try posting something different, or delete your previous update.",
        ))
    }

    /// The staged photos of a post: they exist, belong to the Page and were not posted before.
    fn read_attached(&self, page: &str, call: &Call) -> Result<Vec<String>, GraphError> {
        let mut photos = Vec::new();
        for item in call.params.list("attached_media")? {
            let id = item.get("media_fbid").and_then(|id| match id {
                Value::String(id) => Some(id.clone()),
                Value::Number(id) => Some(id.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            });
            let id =
                id.ok_or_else(|| GraphError::parameter("Param attached_media must hold objects with media_fbid"))?;
            let photo = self.photos.get(&id).filter(|photo| photo.page == page);
            let photo = photo.ok_or_else(|| GraphError::missing("post", &id))?;
            if photo.post.is_some() || photos.contains(&id) {
                return Err(GraphError::invalid(
                    1_366_051,
                    "Photos Already Posted",
                    "These photos were already posted.",
                ));
            }
            photos.push(id);
        }
        Ok(photos)
    }

    /// The rights every change of a Page's content needs. Answers whose token it is.
    pub(crate) fn may_publish(&self, caller: &Caller, page: &str, method: &str) -> Result<String, GraphError> {
        let user = self.as_page(caller, page, method)?;
        self.allowed(&user, page, "pages_read_engagement")?;
        self.allowed(&user, page, "pages_manage_posts")?;
        self.tasked(&user, page, "CREATE_CONTENT")?;
        Ok(user)
    }
}

/// #100 for a text that is too long.
pub(crate) fn check_text(text: Option<&str>) -> Result<(), GraphError> {
    if text.is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
        return Err(GraphError::parameter(format!("Param message must be no longer than {LONGEST_TEXT} characters")));
    }
    Ok(())
}

/// Links are public web pages outside Facebook.
fn check_link(link: &str) -> Result<(), GraphError> {
    let refuse = |subcode, text| Err(GraphError::invalid(subcode, "Link Not Valid", text));
    let Ok(url) = Url::parse(link) else { return refuse(2_061_006, "The URL you supplied is invalid.") };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(2_061_006, "The URL you supplied is invalid.");
    }
    if !is_public(&url) {
        return refuse(1_609_005, "The link could not be scraped.");
    }
    let host = url.host_str().unwrap_or_default();
    if host == "facebook.com" || host.ends_with(".facebook.com") || host == "fb.com" {
        return refuse(1_609_008, "Links to Facebook cannot be shared this way.");
    }
    Ok(())
}

/// Whether Meta's crawler could reach the host.
pub(crate) fn is_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.contains('.') && !name.ends_with(".invalid") && !name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => {
            !(address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified())
        }
        Some(Host::Ipv6(address)) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
        None => false,
    }
}

/// `published`, `scheduled_publish_time` and `unpublished_content_type` together.
pub(crate) fn read_visibility(call: &Call, now: Timestamp) -> Result<Visibility, GraphError> {
    let published = call.params.flag("published")?.unwrap_or(true);
    let at = call.params.moment("scheduled_publish_time")?;
    let kind = call.params.text("unpublished_content_type");
    if let Some(kind) = &kind
        && !spec::lists(spec::UNPUBLISHED_CONTENT_TYPES, kind)
    {
        return Err(GraphError::parameter(format!(
            "Param unpublished_content_type must be one of {{{}}} - got \"{kind}\".",
            spec::UNPUBLISHED_CONTENT_TYPES.split_ascii_whitespace().collect::<Vec<_>>().join(", ")
        )));
    }
    match (published, at) {
        (true, None) => Ok(Visibility::Published),
        (true, Some(_)) => {
            Err(GraphError::parameter("You cannot specify a scheduled publish time on a published post"))
        }
        (false, Some(at)) => check_schedule(at, now).map(|()| Visibility::Scheduled(at)),
        (false, None) if kind.as_deref() == Some("SCHEDULED") => {
            Err(GraphError::parameter("The parameter scheduled_publish_time is required."))
        }
        (false, None) => Ok(Visibility::Unpublished),
    }
}

/// Ten minutes to thirty days ahead.
pub(crate) fn check_schedule(at: Timestamp, now: Timestamp) -> Result<(), GraphError> {
    let ahead = at.duration_since(now);
    if ahead < SOONEST_SCHEDULE || ahead > LATEST_SCHEDULE {
        return Err(GraphError::parameter(
            "The specified scheduled publish time is invalid: it must be between 10 minutes and 30 days from now.",
        ));
    }
    Ok(())
}
