//! What there is: people, Pages, apps' tokens, files, posts.

use super::error::ApiError;
use super::tokens::{Code, Token};
use super::{MEMBER_APP, PAGE_APP};
use crate::App;
use crate::content::Content;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::log::Log;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) urn: &'static str,
    pub(crate) name: &'static str,
    pub(crate) vanity: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) organization: &'static str,
    pub(crate) member: &'static str,
    pub(crate) name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) tag: Option<String>,
    /// How many bytes came, and the first of them.
    pub(crate) came: Option<(u64, u8)>,
    /// What it and all before it add up to, if those had come when it came.
    pub(crate) content: Option<Content>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    Waiting,
    Processing(Timestamp),
    Failed,
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) urn: String,
    /// `image`, `video` or `document`.
    pub(crate) kind: &'static str,
    pub(crate) owner: String,
    pub(crate) key: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) ends: Timestamp,
    pub(crate) ready: Ready,
}

/// A post.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) urn: String,
    pub(crate) author: String,
    pub(crate) commentary: String,
    pub(crate) content: Option<Value>,
    pub(crate) visibility: String,
    pub(crate) reshare_disabled: bool,
    pub(crate) created: Timestamp,
    pub(crate) is_deleted: bool,
    pub(crate) by_api: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) refuse_duplicates: bool,
    pub(crate) listing_lag: SignedDuration,
    pub(crate) processing_takes: SignedDuration,
    /// The next file comes to nothing.
    pub(crate) fail_next_file: bool,
    pub(crate) calls_per_app: u64,
    pub(crate) calls_per_member: u64,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) base: String,
    pub(crate) settings: Settings,
    pub(crate) ids: Ids,
    pub(crate) members: Vec<Member>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) roles: Vec<Role>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) refresh: BTreeMap<String, Token>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) posts: Vec<Post>,
    /// Calls of a day, by app or by app and member.
    pub(crate) counted: BTreeMap<(Date, String), u64>,
    pub(crate) hook: Option<String>,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    pub(crate) serial: i64,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) member: String,
    pub(crate) scopes: Vec<String>,
}

impl Caller {
    pub(crate) fn may(&self, scope: &str, what: &str) -> Result<(), ApiError> {
        if self.scopes.iter().any(|own| own == scope) { Ok(()) } else { Err(ApiError::denied(what)) }
    }
}

/// The app with this id.
pub(crate) fn app(id: &str) -> Option<App> {
    [MEMBER_APP, PAGE_APP].into_iter().find(|app| app.id == id)
}

impl World {
    /// Whether somebody may write in an author's name.
    pub(crate) fn may_write(&self, caller: &Caller, author: &str) -> Result<(), ApiError> {
        if let Some(member) = author.strip_prefix("urn:li:person:") {
            caller.may("w_member_social", "posts.CREATE")?;
            return if member == caller.member { Ok(()) } else { Err(ApiError::denied("posts.CREATE")) };
        }
        if !self.organizations.iter().any(|organization| organization.urn == author) {
            return Err(ApiError::bad("INVALID_URN_ID", "The author is not known."));
        }
        if !caller.scopes.iter().any(|scope| scope == "w_organization_social") {
            let text = "Organization permissions must be used when using organization as author";
            return Err(ApiError { code: None, ..ApiError::bad("", text) });
        }
        if self.has_role(caller, author, &["ADMINISTRATOR", "CONTENT_ADMINISTRATOR"]) {
            Ok(())
        } else {
            Err(ApiError::denied("posts.CREATE"))
        }
    }

    pub(crate) fn has_role(&self, caller: &Caller, organization: &str, roles: &[&str]) -> bool {
        self.roles.iter().any(|role| {
            role.organization == organization && role.member == caller.member && roles.contains(&role.name.as_str())
        })
    }

    /// The id of something new: its time is in it.
    pub(crate) fn next_id(&mut self, now: Timestamp) -> i64 {
        self.serial += 1;
        (now.as_millisecond() << 22) | (self.serial & 0x3f_ffff)
    }
}
