//! What may be seen of the world from outside: no token, no code.

use super::world::{Media, World};
use crate::faults::Fault;
use crate::outbox::SentWebhook;
use jiff::Timestamp;
use serde::Serialize;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateView {
    /// The accounts with their posts.
    pub accounts: Vec<AccountView>,
    /// The faults that are set.
    pub faults: Vec<Fault>,
    /// The webhooks that were delivered or given up.
    pub webhooks: Vec<SentWebhook>,
}

/// An account with its posts, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub username: String,
    /// `BUSINESS`, `MEDIA_CREATOR` or `PERSONAL`.
    pub kind: String,
    /// What is out.
    pub media: Vec<MediaView>,
    /// The containers: id, and what each is at.
    pub containers: Vec<(String, String)>,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MediaView {
    /// Its id.
    pub id: String,
    /// `FEED`, `REELS` or `STORY`.
    pub product: String,
    /// `IMAGE`, `VIDEO` or `CAROUSEL_ALBUM`.
    pub kind: String,
    /// What it says.
    pub caption: Option<String>,
    /// The description of a picture.
    pub alt_text: Option<String>,
    /// Where its files came from.
    pub files: Vec<String>,
    /// Where a person can look at it.
    pub permalink: String,
    /// When it appeared.
    pub at: String,
    /// Whether it was published through the app.
    pub by_app: bool,
}

impl StateView {
    pub(crate) fn of(world: &World, now: Timestamp) -> Self {
        let accounts = world.accounts.values().map(|account| AccountView {
            id: account.id.to_owned(),
            username: account.username.to_owned(),
            kind: account.kind.to_owned(),
            media: world.media_of(account.id).into_iter().map(|media| view(world, media)).collect(),
            containers: world
                .containers
                .values()
                .filter(|container| container.account == account.id)
                .map(|container| (container.id.clone(), container.status(now).to_owned()))
                .collect(),
        });
        Self { accounts: accounts.collect(), faults: world.faults.list().to_vec(), webhooks: world.outbox.sent() }
    }

    /// The posts of an account.
    #[must_use]
    pub fn media_of(&self, account: &str) -> Vec<MediaView> {
        let account = self.accounts.iter().find(|known| known.id == account);
        account.map(|account| account.media.clone()).unwrap_or_default()
    }
}

fn view(world: &World, media: &Media) -> MediaView {
    MediaView {
        id: media.id.clone(),
        product: media.form.product().to_owned(),
        kind: media.kind().to_owned(),
        caption: media.caption.clone(),
        alt_text: media.alt_text.clone(),
        files: media.files.clone(),
        permalink: world.permalink(media),
        at: media.at.to_string(),
        by_app: media.by_app,
    }
}
