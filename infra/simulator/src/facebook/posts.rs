//! Posts that exist: listings, reading, editing, deleting.

use super::error::GraphError;
use super::paging::{self, Entry};
use super::publish::{check_schedule, check_text};
use super::render;
use super::spec;
use super::tokens::Caller;
use super::world::{Photo, Post, Visibility, World};
use crate::call::Call;
use jiff::Timestamp;
use serde_json::{Value, json};

const DEFAULTS: [&str; 3] = ["created_time", "message", "id"];

/// Which listing of a Page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// `feed`, `posts`, `published_posts`.
    Published,
    /// `scheduled_posts`.
    Scheduled,
}

impl World {
    /// `GET /{page}/published_posts` and its siblings.
    pub(crate) fn list_posts(
        &self,
        caller: &Caller,
        page: &str,
        listing: Listing,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let user = self.as_page(caller, page, "get")?;
        self.allowed(&user, page, "pages_read_engagement")?;
        let fields = render::requested(call, &DEFAULTS)?;
        render::check(&fields, "PagePost", &[spec::POST_FIELDS])?;
        if fields.iter().any(|field| matches!(field.name.as_str(), "comments" | "reactions" | "likes")) {
            self.allowed(&user, page, "pages_read_user_content")?;
        }
        let since = call.params.moment("since")?.unwrap_or(Timestamp::MIN);
        let until = call.params.moment("until")?.unwrap_or(Timestamp::MAX);
        let entries = self
            .posts_of(page)
            .into_iter()
            .filter(|post| match (listing, &post.visibility) {
                (Listing::Published, Visibility::Published) => {
                    now.duration_since(post.recorded) >= self.settings.listing_lag
                }
                (Listing::Scheduled, Visibility::Scheduled(_)) => true,
                (Listing::Published | Listing::Scheduled, _) => false,
            })
            .filter(|post| !self.is_reel(post))
            .filter(|post| !post.hidden || call.params.flag("include_hidden").ok().flatten() == Some(true))
            .filter(|post| post.created >= since && post.created <= until)
            .map(|post| Entry { key: key(post), item: post })
            .collect();
        let odd = listing == Listing::Published && self.page(page)?.lists_oddly;
        let slice = paging::slice(entries, call, &self.base, odd)?;
        let data: Vec<Value> =
            slice.items.into_iter().map(|post| self.post_object(post, &fields)).collect::<Result<_, _>>()?;
        Ok(paging::envelope(&data, slice.paging))
    }

    /// `GET /{page}/photos`.
    pub(crate) fn list_photos(&self, caller: &Caller, page: &str, call: &Call) -> Result<Value, GraphError> {
        let user = self.as_page(caller, page, "get")?;
        self.allowed(&user, page, "pages_read_engagement")?;
        let fields = render::requested(call, &["created_time", "name", "id"])?;
        let newest_first = |photo: &&Photo| u64::MAX - photo.id.parse::<u64>().unwrap_or_default();
        let entries = self
            .photos_of(page)
            .into_iter()
            .map(|photo| Entry { key: format!("{:020}", newest_first(&photo)), item: photo })
            .collect();
        let slice = paging::slice(entries, call, &self.base, false)?;
        let data: Vec<Value> =
            slice.items.into_iter().map(|photo| self.photo_object(photo, &fields, "")).collect::<Result<_, _>>()?;
        Ok(paging::envelope(&data, slice.paging))
    }

    /// `GET /{post}`.
    pub(crate) fn read_post(&self, caller: &Caller, id: &str, call: &Call) -> Result<Value, GraphError> {
        let post = self.posts.get(id).ok_or_else(|| GraphError::missing("get", id))?;
        let user = self.as_page(caller, &post.page, "get")?;
        self.allowed(&user, &post.page, "pages_read_engagement")?;
        let fields = render::requested(call, &DEFAULTS)?;
        if fields.iter().any(|field| matches!(field.name.as_str(), "comments" | "reactions" | "likes")) {
            self.allowed(&user, &post.page, "pages_read_user_content")?;
        }
        self.post_object(post, &fields)
    }

    /// `GET /{photo}`.
    pub(crate) fn read_photo(&self, caller: &Caller, id: &str, call: &Call) -> Result<Value, GraphError> {
        let photo = self.photos.get(id).ok_or_else(|| GraphError::missing("get", id))?;
        let user = self.as_page(caller, &photo.page, "get")?;
        self.allowed(&user, &photo.page, "pages_read_engagement")?;
        let fields = render::requested(call, &["created_time", "name", "id"])?;
        self.photo_object(photo, &fields, "")
    }

    /// `POST /{post}`: only what the app itself posted.
    pub(crate) fn edit_post(
        &mut self,
        caller: &Caller,
        id: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let post = self.posts.get(id).cloned().ok_or_else(|| GraphError::missing("post", id))?;
        self.may_publish(caller, &post.page, "post")?;
        self.strict(call, "POST", "", &[spec::POST_EDIT])?;
        if !post.by_app {
            return Err(GraphError::permission(200, "A post can only be edited by the app that created it"));
        }
        let edited = edited(post.clone(), call, now)?;
        let appeared = post.visibility != Visibility::Published && edited.visibility == Visibility::Published;
        let verb = match (appeared, post.hidden, edited.hidden) {
            (true, _, _) => "add",
            (false, false, true) => "hide",
            (false, true, false) => "unhide",
            (false, _, _) => "edited",
        };
        let public = edited.visibility == Visibility::Published;
        self.posts.insert(id.to_owned(), edited);
        if public {
            self.announce_post(id, verb, now);
        }
        Ok(json!({"success": true}))
    }

    /// `DELETE /{post}`.
    pub(crate) fn delete_post(&mut self, caller: &Caller, id: &str, now: Timestamp) -> Result<Value, GraphError> {
        let post = self.posts.get(id).cloned().ok_or_else(|| GraphError::missing("delete", id))?;
        self.may_publish(caller, &post.page, "delete")?;
        if post.visibility == Visibility::Published {
            self.announce_post(id, "remove", now);
        }
        self.posts.remove(id);
        self.photos.retain(|_, photo| photo.post.as_deref() != Some(id));
        self.videos.retain(|_, video| video.post.as_deref() != Some(id));
        Ok(json!({"success": true}))
    }
}

fn edited(mut post: Post, call: &Call, now: Timestamp) -> Result<Post, GraphError> {
    if let Some(message) = call.params.text("message") {
        check_text(Some(&message))?;
        if message.trim().is_empty() && post.link.is_none() && post.photos.is_empty() && post.video.is_none() {
            return Err(GraphError::parameter("Param message must not be empty"));
        }
        post.message = Some(message);
    }
    if let Some(hidden) = call.params.flag("is_hidden")? {
        post.hidden = hidden;
    }
    if let Some(pinned) = call.params.flag("is_pinned")? {
        post.pinned = pinned;
    }
    if let Some(backdated) = call.params.moment("backdated_time")? {
        post.created = backdated;
    }
    if let Some(at) = call.params.moment("scheduled_publish_time")? {
        if post.visibility == Visibility::Published {
            return Err(GraphError::parameter("You cannot schedule a post that is published"));
        }
        check_schedule(at, now)?;
        post.visibility = Visibility::Scheduled(at);
    }
    match call.params.flag("is_published")? {
        Some(true) if post.visibility != Visibility::Published => {
            post.visibility = Visibility::Published;
            post.created = now;
            post.recorded = now;
        }
        Some(false) if post.visibility == Visibility::Published => {
            return Err(GraphError::parameter("A published post cannot be unpublished"));
        }
        Some(_) | None => {}
    }
    post.updated = now;
    Ok(post)
}

/// Sorts newest first.
fn key(post: &Post) -> String {
    let age = i64::MAX - post.created.as_millisecond();
    format!("{age:020}-{:020}", u64::MAX - post.number)
}
