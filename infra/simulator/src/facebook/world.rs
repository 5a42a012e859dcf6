//! Everything the simulated Facebook knows: people, Pages, posts, photos, videos, grants, tokens.

use super::error::GraphError;
use super::limits::Limits;
use super::tokens::{Code, Token};
use super::videos::{Video, VideoRules};
use crate::faults::Faults;
use crate::ids::Ids;
use crate::log::Log;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Lists hold back what is younger than the settle time, as the real ones do for some seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) strict: bool,
    pub(crate) require_proof: bool,
    pub(crate) refuse_duplicates: bool,
    pub(crate) listing_lag: SignedDuration,
}

/// A person with a Facebook account.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Tasks per Page.
    pub(crate) roles: BTreeMap<String, Vec<&'static str>>,
}

/// A business portfolio: its Pages are on no `accounts` list.
#[derive(Clone, Debug)]
pub(crate) struct Business {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Who belongs to it.
    pub(crate) user: String,
    pub(crate) owned: Vec<String>,
    pub(crate) client: Vec<String>,
}

/// A Page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) username: Option<&'static str>,
    pub(crate) category: &'static str,
    pub(crate) fans: u64,
    /// Its listings begin with an empty page that has a `next`.
    pub(crate) lists_oddly: bool,
    /// What the app is subscribed to here; `None`: not installed.
    pub(crate) subscribed: Option<Vec<String>>,
}

/// Whether a post is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Published,
    /// Goes out by itself at that time.
    Scheduled(Timestamp),
    Unpublished,
}

/// A post of a Page.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) page: String,
    pub(crate) message: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) photos: Vec<String>,
    /// The video that it shows.
    pub(crate) video: Option<String>,
    pub(crate) place: Option<String>,
    /// When it appeared (or was made, while unpublished): sorts listings.
    pub(crate) created: Timestamp,
    /// When it could first be seen in a listing.
    pub(crate) recorded: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) visibility: Visibility,
    /// Made through the app, not by hand.
    pub(crate) by_app: bool,
    pub(crate) hidden: bool,
    pub(crate) pinned: bool,
    pub(crate) number: u64,
}

/// A photo of a Page, staged or posted.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    pub(crate) id: String,
    pub(crate) page: String,
    pub(crate) caption: Option<String>,
    pub(crate) alt_text: Option<String>,
    pub(crate) source: String,
    pub(crate) created: Timestamp,
    /// Temporary photos vanish then, unless a post uses them.
    pub(crate) expires: Option<Timestamp>,
    /// The post that shows it.
    pub(crate) post: Option<String>,
}

/// What a person allowed the app.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) declined: BTreeSet<String>,
    pub(crate) pages: BTreeSet<String>,
    pub(crate) last_login: Timestamp,
}

/// Where the app wants to hear about an object.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) callback: String,
    pub(crate) fields: Vec<String>,
}

/// The whole state.
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// Where the simulator can be reached; permalinks begin with it.
    pub(crate) base: String,
    pub(crate) ids: Ids,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) businesses: BTreeMap<String, Business>,
    pub(crate) pages: BTreeMap<String, Page>,
    pub(crate) posts: BTreeMap<String, Post>,
    pub(crate) photos: BTreeMap<String, Photo>,
    pub(crate) videos: BTreeMap<String, Video>,
    pub(crate) video_rules: VideoRules,
    pub(crate) grants: BTreeMap<String, Grant>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    pub(crate) deauthorize: Option<String>,
    pub(crate) data_deletion: Option<String>,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

impl World {
    /// Lets what is due by now happen: scheduled posts and videos go out, temporary photos vanish.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.photos.retain(|_, photo| photo.post.is_some() || photo.expires.is_none_or(|expires| expires > now));
        self.settle_videos(now);
        let due: Vec<String> = self
            .posts
            .values()
            .filter(|post| matches!(post.visibility, Visibility::Scheduled(at) if at <= now))
            .map(|post| post.id.clone())
            .collect();
        for id in due {
            if let Some(post) = self.posts.get_mut(&id) {
                if let Visibility::Scheduled(at) = post.visibility {
                    post.created = at;
                    post.recorded = at;
                }
                post.visibility = Visibility::Published;
            }
            self.announce_post(&id, "add", now);
        }
    }

    /// The Page, or #100/33.
    pub(crate) fn page(&self, id: &str) -> Result<&Page, GraphError> {
        self.pages.get(id).ok_or_else(|| GraphError::missing("get", id))
    }

    /// The Page's posts, newest first.
    pub(crate) fn posts_of(&self, page: &str) -> Vec<&Post> {
        let mut posts: Vec<&Post> = self.posts.values().filter(|post| post.page == page).collect();
        posts.sort_by_key(|post| std::cmp::Reverse((post.created, post.number)));
        posts
    }

    /// Where a person can look at a post.
    pub(crate) fn permalink(&self, post: &Post) -> String {
        if let Some(video) = self.video_of(post) {
            return self.video_link(video);
        }
        let number = post.id.rsplit('_').next().unwrap_or_default();
        format!("{}/{}/posts/{number}", self.base, post.page)
    }
}
