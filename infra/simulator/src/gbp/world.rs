//! Everything the simulated Google knows: people, accounts, locations, posts, grants, subscriptions.

use super::error::ApiError;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::log::Log;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// Calls that each API takes in a minute, of all users of the app together.
const QUOTA: usize = 300;
/// Writes that a location takes in a minute.
const EDITS: usize = 10;
/// How long an access token is good, in seconds.
pub(crate) const ACCESS_LIFE: i64 = 3_599;

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    /// Which accounts the person reaches.
    pub(crate) accounts: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// Which locations are listed under it.
    pub(crate) locations: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) locality: &'static str,
    pub(crate) has_voice: bool,
}

/// What becomes of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Processing,
    Live,
    Rejected,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Live => "LIVE",
            Self::Rejected => "REJECTED",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) account: String,
    pub(crate) location: String,
    pub(crate) id: String,
    /// What was sent, without the photos.
    pub(crate) said: Map<String, Value>,
    pub(crate) photos: Vec<String>,
    pub(crate) state: State,
    pub(crate) will_be_rejected: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) ready_at: Timestamp,
    pub(crate) by_api: bool,
}

impl Post {
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/locations/{}/localPosts/{}", self.account, self.location, self.id)
    }

    pub(crate) fn text(&self) -> &str {
        self.said.get("summary").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A login: its refresh token dies with it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) person: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) is_dead: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) person: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) issued: Timestamp,
    pub(crate) used: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// The refresh token that it belongs to.
    pub(crate) grant: String,
    pub(crate) ends_at: Timestamp,
}

/// What an account wants to hear of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notifications {
    pub(crate) topic: String,
    pub(crate) types: Vec<String>,
}

/// The push subscription of the topic.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) url: String,
    pub(crate) audience: String,
    pub(crate) account: String,
}

/// The whole state.
pub(crate) struct World {
    pub(crate) ids: Ids,
    pub(crate) people: BTreeMap<&'static str, Person>,
    pub(crate) accounts: BTreeMap<&'static str, Account>,
    pub(crate) locations: BTreeMap<&'static str, Location>,
    pub(crate) posts: BTreeMap<String, Post>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) grants: BTreeMap<String, Grant>,
    pub(crate) access: BTreeMap<String, Access>,
    pub(crate) notifications: BTreeMap<String, Notifications>,
    pub(crate) subscription: Option<Subscription>,
    /// Calls of the last minute, by API; and writes, by location.
    pub(crate) calls: BTreeMap<String, VecDeque<Timestamp>>,
    /// Which APIs are not enabled for the project.
    pub(crate) disabled: Vec<String>,
    /// Whether Google has approved the project.
    pub(crate) is_approved: bool,
    /// How long a post is looked at.
    pub(crate) processing_takes: SignedDuration,
    pub(crate) listing_lag: SignedDuration,
    /// How many of the next posts are rejected whatever they say.
    pub(crate) rejects: u32,
    /// Which key signs.
    pub(crate) key: usize,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) person: Person,
}

impl World {
    /// Who makes a call of an API with this token, if the project, the token and the quota allow it.
    pub(crate) fn caller(&mut self, service: &str, token: Option<&str>, now: Timestamp) -> Result<Caller, ApiError> {
        let access = token.and_then(|token| self.access.get(token)).filter(|access| access.ends_at > now);
        let grant = access.and_then(|access| self.grants.get(&access.grant)).filter(|grant| !grant.is_dead);
        let grant = grant.cloned().ok_or_else(ApiError::unauthenticated)?;
        if self.disabled.iter().any(|disabled| disabled == service) {
            return Err(ApiError::disabled(service));
        }
        if !self.is_approved {
            return Err(ApiError::quota(service, 0));
        }
        if !grant.scopes.iter().any(|scope| scope == super::SCOPE) {
            return Err(ApiError::scope());
        }
        if !self.counts(service, QUOTA, now) {
            return Err(ApiError::quota(service, 300));
        }
        let person = self.people.get(grant.person.as_str()).cloned().ok_or_else(ApiError::unauthenticated)?;
        Ok(Caller { person })
    }

    /// Counts a write at a location.
    pub(crate) fn edit(&mut self, location: &str, now: Timestamp) -> Result<(), ApiError> {
        if self.counts(&format!("location {location}"), EDITS, now) {
            Ok(())
        } else {
            Err(ApiError::new(429, "RESOURCE_EXHAUSTED", "Too many edits of this profile."))
        }
    }

    fn counts(&mut self, what: &str, limit: usize, now: Timestamp) -> bool {
        let calls = self.calls.entry(what.to_owned()).or_default();
        let minute = SignedDuration::from_mins(1);
        while calls.front().is_some_and(|at| now.duration_since(*at) >= minute) {
            calls.pop_front();
        }
        if calls.len() >= limit {
            return false;
        }
        calls.push_back(now);
        true
    }

    /// A location of an account that the caller reaches.
    pub(crate) fn place(&self, caller: &Caller, account: &str, location: &str) -> Result<&Location, ApiError> {
        let account = self.accounts.get(account).filter(|account| caller.person.accounts.contains(&account.id));
        let account = account.ok_or_else(ApiError::forbidden)?;
        let location = self.locations.get(location).filter(|location| account.locations.contains(&location.id));
        location.ok_or_else(ApiError::missing)
    }

    /// Lets happen what is due: posts become live, or are rejected.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        for post in self.posts.values_mut().filter(|post| post.state == State::Processing && post.ready_at <= now) {
            post.state = if post.will_be_rejected { State::Rejected } else { State::Live };
            post.updated = post.ready_at;
        }
    }
}
