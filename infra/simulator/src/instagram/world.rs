//! Everything the simulated Instagram knows: people, Pages, accounts, containers, posts, grants, tokens.

use super::error::GraphError;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::log::Log;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A person with a Facebook account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Tasks per Page.
    pub(crate) roles: BTreeMap<&'static str, Vec<&'static str>>,
}

/// A Page, and the account that is linked to it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) account: Option<&'static str>,
}

/// An Instagram account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// What Facebook Login and webhooks name it by.
    pub(crate) id: &'static str,
    /// What Instagram Login names it by in paths.
    pub(crate) scoped_id: &'static str,
    pub(crate) username: &'static str,
    pub(crate) name: &'static str,
    /// `BUSINESS`, `MEDIA_CREATOR` or `PERSONAL`.
    pub(crate) kind: &'static str,
    pub(crate) followers: u64,
    /// When containers were made and posts published.
    pub(crate) made: Vec<Timestamp>,
    pub(crate) published: Vec<Timestamp>,
    pub(crate) calls: Vec<Timestamp>,
}

/// What a container becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Image,
    /// A video inside a carousel.
    Video,
    Carousel,
    Reel,
    Story,
}

/// Something that is prepared.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) account: &'static str,
    pub(crate) form: Form,
    pub(crate) is_child: bool,
    pub(crate) is_video: bool,
    pub(crate) caption: Option<String>,
    pub(crate) alt_text: Option<String>,
    pub(crate) files: Vec<String>,
    pub(crate) made: Timestamp,
    pub(crate) ready: Timestamp,
    /// The subcode that it ends with.
    pub(crate) fails: Option<i64>,
    pub(crate) is_published: bool,
}

/// What is out.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) id: String,
    pub(crate) account: &'static str,
    pub(crate) form: Form,
    pub(crate) is_video: bool,
    pub(crate) caption: Option<String>,
    pub(crate) alt_text: Option<String>,
    pub(crate) files: Vec<String>,
    pub(crate) at: Timestamp,
    pub(crate) shortcode: String,
    pub(crate) by_app: bool,
    pub(crate) number: u64,
}

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// A person, through Facebook.
    Person(&'static str),
    /// A Page, in the name of a person.
    Page(&'static str, &'static str),
    /// An account, through Instagram.
    Account(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) holder: Holder,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) killed: Option<i64>,
}

/// What somebody allowed the app.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) pages: BTreeSet<String>,
    pub(crate) since: Timestamp,
}

/// A code on its way through a browser.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) holder: Holder,
    pub(crate) redirect_uri: String,
    pub(crate) issued: Timestamp,
    pub(crate) is_used: bool,
}

/// What may be changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) require_proof: bool,
    pub(crate) listing_lag: SignedDuration,
    pub(crate) picture_takes: SignedDuration,
    pub(crate) video_takes: SignedDuration,
    pub(crate) quota: usize,
    pub(crate) budget: usize,
}

/// The whole state.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) base: String,
    /// What the addresses of the store of uploads begin with.
    pub(crate) files_url: Option<String>,
    pub(crate) ids: Ids,
    pub(crate) people: BTreeMap<&'static str, Person>,
    pub(crate) pages: BTreeMap<&'static str, Page>,
    pub(crate) accounts: BTreeMap<&'static str, Account>,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) media: BTreeMap<String, Media>,
    pub(crate) grants: BTreeMap<Holder, Grant>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) callback: Option<String>,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
}

impl World {
    /// The account that a path names, as this caller has to name it.
    pub(crate) fn account_named(&self, holder: &Holder, id: &str) -> Result<&Account, GraphError> {
        match holder {
            Holder::Account(own) => {
                let account = self.accounts.get(own).ok_or_else(|| GraphError::missing(id))?;
                if id == account.scoped_id || id == "me" {
                    Ok(account)
                } else if id == account.id {
                    // Instagram Login knows the account by another id, and says this to the usual one.
                    Err(GraphError::new(2, None, "An unexpected error has occurred. Please retry your request later."))
                } else {
                    Err(GraphError::missing(id))
                }
            }
            Holder::Person(_) | Holder::Page(..) => self.accounts.get(id).ok_or_else(|| GraphError::missing(id)),
        }
    }

    /// Where a person can look at a post.
    pub(crate) fn permalink(&self, media: &Media) -> String {
        let kind = match media.form {
            Form::Reel => "reel",
            Form::Story => "stories",
            Form::Image | Form::Video | Form::Carousel => "p",
        };
        format!("{}/{kind}/{}/", self.base, media.shortcode)
    }

    /// The posts of an account, newest first.
    pub(crate) fn media_of(&self, account: &str) -> Vec<&Media> {
        let mut media: Vec<&Media> = self.media.values().filter(|media| media.account == account).collect();
        media.sort_by_key(|media| std::cmp::Reverse((media.at, media.number)));
        media
    }

    /// Makes a post of what was prepared, or of what a person made.
    pub(crate) fn put_out(&mut self, media: Media) -> String {
        let id = media.id.clone();
        self.media.insert(id.clone(), media);
        id
    }
}

impl Form {
    pub(crate) const fn product(self) -> &'static str {
        match self {
            Self::Image | Self::Video | Self::Carousel => "FEED",
            Self::Reel => "REELS",
            Self::Story => "STORY",
        }
    }
}

impl Media {
    pub(crate) fn kind(&self) -> &'static str {
        match (self.form, self.is_video) {
            (Form::Carousel, _) => "CAROUSEL_ALBUM",
            (Form::Image | Form::Video | Form::Reel | Form::Story, true) => "VIDEO",
            (Form::Image | Form::Video | Form::Reel | Form::Story, false) => "IMAGE",
        }
    }
}
