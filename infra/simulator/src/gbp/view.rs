//! What a person may see of the world: no token, no code.

use super::world::{Post, World};
use crate::faults::Fault;
use crate::outbox::SentWebhook;
use serde::Serialize;
use serde_json::{Map, Value};

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateView {
    /// The locations.
    pub locations: Vec<LocationView>,
    /// The faults that are set.
    pub faults: Vec<Fault>,
    /// How many notifications wait.
    pub pending_webhooks: usize,
    /// The finished ones.
    pub sent_webhooks: Vec<SentWebhook>,
}

/// A location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocationView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its posts, newest first.
    pub posts: Vec<PostView>,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PostView {
    /// Its whole name.
    pub name: String,
    /// `PROCESSING`, `LIVE` or `REJECTED`.
    pub state: &'static str,
    /// Its summary.
    pub text: String,
    /// What was sent, without photos.
    pub said: Map<String, Value>,
    /// The addresses of its photos.
    pub photos: Vec<String>,
    /// Whether it was made through the API.
    pub by_api: bool,
}

impl StateView {
    pub(crate) fn of(world: &World) -> Self {
        let location = |id: &&'static str| LocationView {
            id: (*id).to_owned(),
            title: world.locations.get(id).map_or("", |location| location.title).to_owned(),
            posts: posts(world, id),
        };
        Self {
            locations: world.locations.keys().map(location).collect(),
            faults: world.faults.list().to_vec(),
            pending_webhooks: world.outbox.pending(),
            sent_webhooks: world.outbox.sent(),
        }
    }
}

fn posts(world: &World, location: &str) -> Vec<PostView> {
    let mut posts: Vec<&Post> = world.posts.values().filter(|post| post.location == location).collect();
    posts.sort_by_key(|post| std::cmp::Reverse((post.created, post.id.clone())));
    posts.into_iter().map(PostView::of).collect()
}

impl PostView {
    fn of(post: &Post) -> Self {
        Self {
            name: post.name(),
            state: post.state.name(),
            text: post.text().to_owned(),
            said: post.said.clone(),
            photos: post.photos.clone(),
            by_api: post.by_api,
        }
    }
}
