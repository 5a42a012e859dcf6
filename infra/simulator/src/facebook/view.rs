//! What a person may see of the world: no token, no code.

use super::videos::{Form, Video};
use super::world::{Page, Post, Visibility, World};
use crate::faults::Fault;
use crate::outbox::SentWebhook;
use crate::{APP_ID, APP_NAME};
use serde::Serialize;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateView {
    /// The Pages.
    pub pages: Vec<PageView>,
    /// Who allowed the app what.
    pub connections: Vec<ConnectionView>,
    /// The faults that are set.
    pub faults: Vec<Fault>,
    /// The webhooks.
    pub webhooks: WebhookView,
}

/// A Page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where a person can look at it.
    pub url: String,
    /// What the app is subscribed to here.
    pub subscribed_fields: Vec<String>,
    /// Its posts, newest first.
    pub posts: Vec<PostView>,
    /// Its videos and reels, out or not, newest first.
    pub videos: Vec<VideoView>,
}

/// A video or reel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VideoView {
    /// Its id.
    pub id: String,
    /// Whether it is among the reels.
    pub is_reel: bool,
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub description: Option<String>,
    /// Where Facebook fetched it; absent when it was sent.
    pub source: Option<String>,
    /// How many bytes were sent.
    pub received: u64,
    /// The SHA-256 of these.
    pub sha256: String,
    /// `uploading`, `unpublished`, `processing`, `failed`, `published`.
    pub state: &'static str,
    /// The post that shows it.
    pub post: Option<String>,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PostView {
    /// `{page}_{number}`.
    pub id: String,
    /// Its text.
    pub message: Option<String>,
    /// Its link.
    pub link: Option<String>,
    /// The id of the place that it is shown with.
    pub place: Option<String>,
    /// The sources of its photos.
    pub photos: Vec<String>,
    /// The id of its video.
    pub video: Option<String>,
    /// `published`, `scheduled`, `unpublished`.
    pub state: &'static str,
    /// RFC 3339.
    pub created_time: String,
    /// Where a person can look at it.
    pub permalink_url: String,
    /// The app that made it; absent when a person did.
    pub application: Option<&'static str>,
}

/// Who allowed the app what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionView {
    /// The person's id.
    pub user: String,
    /// The person's name.
    pub name: String,
    /// The ticked Pages.
    pub pages: Vec<String>,
    /// The permissions.
    pub scopes: Vec<String>,
    /// The refused permissions.
    pub declined: Vec<String>,
}

/// The webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookView {
    /// Where Page events go.
    pub callback_url: Option<String>,
    /// How many wait.
    pub pending: usize,
    /// The finished ones.
    pub sent: Vec<SentWebhook>,
}

impl StateView {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            pages: world.pages.values().map(|page| PageView::of(world, page)).collect(),
            connections: world
                .grants
                .iter()
                .map(|(user, grant)| ConnectionView {
                    user: user.clone(),
                    name: world.users.get(user).map(|user| user.name.clone()).unwrap_or_default(),
                    pages: grant.pages.iter().cloned().collect(),
                    scopes: grant.scopes.iter().cloned().collect(),
                    declined: grant.declined.iter().cloned().collect(),
                })
                .collect(),
            faults: world.faults.list().to_vec(),
            webhooks: WebhookView {
                callback_url: world.subscriptions.get("page").map(|subscription| subscription.callback.clone()),
                pending: world.outbox.pending(),
                sent: world.outbox.sent(),
            },
        }
    }
}

impl PageView {
    pub(crate) fn of(world: &World, page: &Page) -> Self {
        Self {
            id: page.id.clone(),
            name: page.name.clone(),
            url: format!("{}/{}", world.base, page.id),
            subscribed_fields: page.subscribed.clone().unwrap_or_default(),
            posts: world.posts_of(&page.id).into_iter().map(|post| PostView::of(world, post)).collect(),
            videos: {
                let videos = world.videos.values().rev().filter(|video| video.page == page.id);
                videos.map(VideoView::of).collect()
            },
        }
    }
}

impl VideoView {
    fn of(video: &Video) -> Self {
        Self {
            id: video.id.clone(),
            is_reel: video.form == Form::Reel,
            title: video.title.clone(),
            description: video.description.clone(),
            source: video.source.clone(),
            received: video.received,
            sha256: video.content.sha256(),
            state: match (video.whole, video.finished, &video.post, video.fails) {
                (_, _, Some(_), _) => "published",
                (Some(_), _, None, Some(_)) => "failed",
                (Some(_), Some(_), None, None) => "processing",
                (Some(_), None, None, None) => "unpublished",
                (None, _, None, _) => "uploading",
            },
            post: video.post.clone(),
        }
    }
}

impl PostView {
    fn of(world: &World, post: &Post) -> Self {
        Self {
            id: post.id.clone(),
            message: post.message.clone(),
            link: post.link.clone(),
            place: post.place.clone(),
            photos: post
                .photos
                .iter()
                .filter_map(|id| world.photos.get(id))
                .map(|photo| photo.source.clone())
                .collect(),
            video: post.video.clone(),
            state: match post.visibility {
                Visibility::Published => "published",
                Visibility::Scheduled(_) => "scheduled",
                Visibility::Unpublished => "unpublished",
            },
            created_time: post.created.to_string(),
            permalink_url: world.permalink(post),
            application: post.by_app.then_some(APP_NAME),
        }
    }
}

/// The app's name and id, for a person.
pub(crate) fn app() -> String {
    format!("{APP_NAME} ({APP_ID})")
}
