//! Objects as JSON, cut to the requested fields.

use super::error::GraphError;
use super::fields::{self, Field};
use super::spec;
use super::world::{Page, Photo, Post, User, Visibility, World};
use crate::call::Call;
use crate::{APP_ID, APP_NAME};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The requested fields, or the defaults.
pub(crate) fn requested(call: &Call, defaults: &[&str]) -> Result<Vec<Field>, GraphError> {
    match call.params.text("fields") {
        Some(text) if !text.is_empty() => fields::parse(&text),
        Some(_) | None => Ok(defaults.iter().map(|name| Field::named(name)).collect()),
    }
}

/// Refuses fields that the node does not have.
pub(crate) fn check(fields: &[Field], node: &str, tables: &[&str]) -> Result<(), GraphError> {
    let unknown = fields.iter().find(|field| !tables.iter().any(|table| spec::lists(table, &field.name)));
    match unknown {
        Some(field) => Err(GraphError::parameter(format!(
            "Tried accessing nonexisting field ({}) on node type ({node})",
            field.name
        ))),
        None => Ok(()),
    }
}

/// Puts an object together; fields without a value are left out, the id is always there.
pub(crate) fn object(fields: &[Field], id: &str, value: impl Fn(&Field) -> Option<Value>) -> Value {
    let mut entries: Map<String, Value> = fields
        .iter()
        .filter_map(|field| value(field).map(|value| (field.key().to_owned(), field.prune(value))))
        .collect();
    entries.insert("id".to_owned(), id.into());
    Value::Object(entries)
}

/// `2026-11-21T00:00:59+0000`: no colon in the offset, so not RFC 3339.
pub(crate) fn time(moment: Timestamp) -> Value {
    moment.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string().into()
}

impl World {
    /// A user.
    pub(crate) fn user_object(&self, user: &User, fields: &[Field]) -> Result<Value, GraphError> {
        check(fields, "User", &[spec::USER_FIELDS])?;
        Ok(object(fields, &user.id, |field| match field.name.as_str() {
            "name" => Some(user.name.as_str().into()),
            "first_name" | "short_name" => user.name.split(' ').next().map(Into::into),
            "last_name" => user.name.split(' ').next_back().map(Into::into),
            "picture" => Some(self.picture(&user.id)),
            _ => None,
        }))
    }

    /// A Page; token and tasks depend on who asks.
    pub(crate) fn page_object(
        &self,
        page: &Page,
        fields: &[Field],
        token: Option<&str>,
        tasks: Option<&[&str]>,
    ) -> Result<Value, GraphError> {
        check(fields, "Page", &[spec::PAGE_FIELDS])?;
        Ok(object(fields, &page.id, |field| match field.name.as_str() {
            "name" => Some(page.name.as_str().into()),
            "username" => page.username.map(Into::into),
            "access_token" => token.map(Into::into),
            "tasks" => tasks.map(|tasks| json!(tasks)),
            "category" => Some(page.category.into()),
            "category_list" => Some(json!([{"id": "2500", "name": page.category}])),
            "fan_count" | "followers_count" => Some(page.fans.into()),
            "link" => Some(format!("{}/{}", self.base, page.id).into()),
            "picture" => Some(self.picture(&page.id)),
            "is_published" | "can_post" | "has_transitioned_to_new_page_experience" => Some(true.into()),
            "has_added_app" | "is_webhooks_subscribed" => Some(page.subscribed.is_some().into()),
            "verification_status" => Some("not_verified".into()),
            _ => None,
        }))
    }

    /// A post.
    pub(crate) fn post_object(&self, post: &Post, fields: &[Field]) -> Result<Value, GraphError> {
        check(fields, "PagePost", &[spec::POST_FIELDS])?;
        Ok(object(fields, &post.id, |field| self.post_field(post, field)))
    }

    fn post_field(&self, post: &Post, field: &Field) -> Option<Value> {
        let page = self.pages.get(&post.page);
        match field.name.as_str() {
            "message" => post.message.as_deref().map(Into::into),
            "created_time" => Some(time(post.created)),
            "updated_time" => Some(time(post.updated)),
            "permalink_url" => Some(self.permalink(post).into()),
            "application" => post.by_app.then(|| json!({"id": APP_ID, "name": APP_NAME})),
            "from" => page.map(|page| json!({"id": page.id, "name": page.name})),
            "is_published" => Some((post.visibility == Visibility::Published).into()),
            "is_hidden" => Some(post.hidden.into()),
            "is_expired" | "is_spherical" | "is_inline_created" => Some(false.into()),
            "scheduled_publish_time" => match post.visibility {
                Visibility::Scheduled(at) => Some(at.as_second().into()),
                Visibility::Published | Visibility::Unpublished => None,
            },
            "status_type" => Some(status_type(post).into()),
            "type" => Some(kind(post).into()),
            "link" => post.link.as_deref().map(Into::into),
            "place" => post.place.as_ref().map(|place| json!({ "id": place })),
            "full_picture" | "picture" => {
                post.photos.first().and_then(|id| self.photos.get(id)).map(|photo| photo.source.as_str().into())
            }
            "attachments" => self.attachments(post),
            "comments" | "reactions" | "likes" => Some(engagement(field)),
            _ => None,
        }
    }

    fn attachments(&self, post: &Post) -> Option<Value> {
        if let Some(video) = self.video_of(post) {
            let url = self.video_link(video);
            return Some(json!({"data": [{
                "media_type": "video",
                "type": "video_inline",
                "title": video.title,
                "target": {"id": video.id, "url": url},
                "url": url,
                "unshimmed_url": url,
            }]}));
        }
        let photos: Vec<Value> =
            post.photos.iter().filter_map(|id| self.photos.get(id)).map(|photo| self.photo_attachment(photo)).collect();
        if photos.len() > 1 {
            let album = json!({
                "media_type": "album",
                "type": "album",
                "target": {"id": post.id, "url": self.permalink(post)},
                "url": self.permalink(post),
                "unshimmed_url": self.permalink(post),
                "subattachments": {"data": photos},
            });
            return Some(json!({"data": [album]}));
        }
        if !photos.is_empty() {
            return Some(json!({ "data": photos }));
        }
        let link = post.link.as_deref()?;
        let shim: String = form_urlencoded::byte_serialize(link.as_bytes()).collect();
        let shim = format!("https://l.facebook.com/l.php?u={shim}&h=AT0simulated");
        Some(json!({"data": [{
            "media_type": "link",
            "type": "share",
            "title": link,
            "target": {"url": shim},
            "url": shim,
            "unshimmed_url": link,
        }]}))
    }

    fn photo_attachment(&self, photo: &Photo) -> Value {
        let url = self.photo_link(photo);
        json!({
            "media_type": "photo",
            "type": "photo",
            "description": photo.caption,
            "media": {"image": {"height": 720, "src": photo.source, "width": 720}},
            "target": {"id": photo.id, "url": url},
            "url": url,
            "unshimmed_url": url,
        })
    }

    /// A photo.
    pub(crate) fn photo_object(&self, photo: &Photo, fields: &[Field], extra: &str) -> Result<Value, GraphError> {
        check(fields, "Photo", &[spec::PHOTO_FIELDS, extra])?;
        let story = photo.post.as_ref().and_then(|id| self.posts.get(id));
        Ok(object(fields, &photo.id, |field| match field.name.as_str() {
            "name" => photo.caption.as_deref().map(Into::into),
            "alt_text" | "alt_text_custom" => photo.alt_text.as_deref().map(Into::into),
            "created_time" | "updated_time" => Some(time(photo.created)),
            "link" => Some(self.photo_link(photo).into()),
            "permalink_url" => story.map(|post| self.permalink(post).into()),
            "page_story_id" | "post_id" => photo.post.as_deref().map(Into::into),
            "picture" | "source" => Some(photo.source.as_str().into()),
            "images" => Some(json!([{"height": 720, "source": photo.source, "width": 720}])),
            "height" | "width" => Some(720.into()),
            "from" => self.pages.get(&photo.page).map(|page| json!({"id": page.id, "name": page.name})),
            _ => None,
        }))
    }

    fn photo_link(&self, photo: &Photo) -> String {
        format!("{}/{}/photos/{}", self.base, photo.page, photo.id)
    }

    fn picture(&self, id: &str) -> Value {
        let url = format!("{}/_simulator/pictures/{id}.svg", self.base);
        json!({"data": {"height": 50, "is_silhouette": false, "url": url, "width": 50}})
    }
}

fn kind(post: &Post) -> &'static str {
    match (&post.video, post.photos.is_empty()) {
        (Some(_), _) => "video",
        (None, false) => "photo",
        (None, true) => "status",
    }
}

fn status_type(post: &Post) -> &'static str {
    if post.video.is_some() {
        "added_video"
    } else if !post.photos.is_empty() {
        "added_photos"
    } else if post.link.is_some() {
        "shared_story"
    } else {
        "mobile_status_update"
    }
}

/// Nobody comments or reacts here: empty lists, and a total where a summary is asked for.
fn engagement(field: &Field) -> Value {
    if field.modifier("summary") == Some("true") {
        json!({"data": [], "summary": {"total_count": 0}})
    } else {
        json!({"data": []})
    }
}
