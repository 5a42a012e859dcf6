//! The handle on the simulated Google Business Profile: what tests and the control interface see and do.

use super::notify::CUSTOM;
use super::view::{PostView, StateView};
use super::world::{Grant, Notifications, Subscription, World};
use super::{APP, PUSH_ACCOUNT, SCOPE, jwt, seed};
use crate::faults::Faults;
use crate::handle::handle;
use crate::ids::Ids;
use crate::log::Log;
use crate::options::Options;
use crate::outbox::Outbox;
use jiff::SignedDuration;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

handle! {
    /// The simulated Google Business Profile. Clones share one world.
    Gbp
}

impl Gbp {
    /// Everything a person may know: locations, posts, faults, notifications. No token.
    #[must_use]
    pub fn state(&self) -> StateView {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        StateView::of(&world)
    }

    /// The posts of a destination's location, newest first.
    #[must_use]
    pub fn posts(&self, destination: &str) -> Vec<PostView> {
        let location = destination.rsplit('/').next().unwrap_or_default();
        let known = self.state().locations.into_iter().find(|known| known.id == location);
        known.map(|known| known.posts).unwrap_or_default()
    }

    /// An access token with every permission, without the consent page.
    #[must_use]
    pub fn token(&self, person: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        let refresh = world.ids.opaque("1//0", 80);
        let scopes = vec!["openid".to_owned(), "email".to_owned(), SCOPE.to_owned()];
        world.grants.insert(refresh.clone(), Grant { person: person.to_owned(), scopes, is_dead: false });
        world.issue_access(&refresh, now)
    }

    /// An authorization code without the consent page; without `scope` the person unticked the permission.
    #[must_use]
    pub fn code(&self, person: &str, redirect_uri: &str, with_scope: bool) -> String {
        let now = self.now();
        let mut scopes = vec!["openid".to_owned(), "email".to_owned()];
        if with_scope {
            scopes.push(SCOPE.to_owned());
        }
        self.world().code(person, redirect_uri, scopes, None, now)
    }

    /// The person takes the app away: every token dies.
    pub fn revoke(&self, person: &str) {
        for grant in self.world().grants.values_mut().filter(|grant| grant.person == person) {
            grant.is_dead = true;
        }
    }

    /// How long a post is looked at before it is live, or rejected.
    pub fn set_processing_takes(&self, takes: SignedDuration) {
        self.world().processing_takes = takes;
    }

    /// The next posts are rejected, whatever they say.
    pub fn reject_next(&self, posts: u32) {
        self.world().rejects = posts;
    }

    /// Whether Google has approved the project; without that its quota is zero.
    pub fn set_approved(&self, is_approved: bool) {
        self.world().is_approved = is_approved;
    }

    /// Which APIs are not enabled for the project, by their hosts.
    pub fn disable(&self, services: &[String]) {
        self.world().disabled = services.to_vec();
    }

    /// The owner writes a post; its name.
    #[must_use]
    pub fn write_by_hand(&self, destination: &str, text: &str) -> Option<String> {
        let now = self.now();
        let ["accounts", account, "locations", location] = *destination.split('/').collect::<Vec<_>>() else {
            return None;
        };
        let mut world = self.world();
        world.locations.get(location)?;
        let said: Map<String, Value> = [("topicType", "STANDARD"), ("summary", text)]
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .into_iter()
            .collect();
        let name = world.make((account, location), said, &[], now);
        if let Some(post) = world.posts.get_mut(&name) {
            post.by_api = false;
        }
        Some(name)
    }

    /// Points the push subscription at an address. Every account that has no setting of its own wants to hear everything.
    pub fn subscribe(&self, url: &str) {
        let mut world = self.world();
        let (audience, account) = (APP.verify_token.to_owned(), PUSH_ACCOUNT.to_owned());
        world.subscription = Some(Subscription { url: url.to_owned(), audience, account });
        let accounts: Vec<String> = world.accounts.keys().map(|account| (*account).to_owned()).collect();
        for account in accounts {
            world.notifications.entry(account).or_insert_with(|| Notifications {
                topic: "projects/simulated/topics/gbp".to_owned(),
                types: vec!["NEW_REVIEW".to_owned(), "VOICE_OF_MERCHANT_UPDATED".to_owned()],
            });
        }
    }

    /// Something happens at a location; how many notifications tell of it.
    #[must_use]
    pub fn notify(&self, location: &str, kind: &str) -> usize {
        let now = self.now();
        let told = self.world().announce(location, kind, now);
        self.ring();
        told
    }

    /// An identity token with these claims, signed by Google's present key.
    #[must_use]
    pub fn signed(&self, claims: &Value) -> Option<String> {
        let key = self.world().key;
        jwt::signed(claims, key)
    }

    /// Google's public keys, as it publishes them.
    #[must_use]
    pub fn keys(&self) -> Value {
        jwt::published(self.world().key)
    }

    /// From now on another key signs.
    pub fn rotate_keys(&self) {
        self.world().key += 1;
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        *self.world() = fresh(&self.inner.options, &self.inner.base);
    }
}

// Nothing that Google answers names an address of its own.
fn fresh(options: &Options, _base: &str) -> World {
    let mut world = World {
        ids: Ids::new(options.seed),
        people: BTreeMap::new(),
        accounts: BTreeMap::new(),
        locations: BTreeMap::new(),
        posts: BTreeMap::new(),
        codes: BTreeMap::new(),
        grants: BTreeMap::new(),
        access: BTreeMap::new(),
        notifications: BTreeMap::new(),
        subscription: None,
        calls: BTreeMap::new(),
        disabled: Vec::new(),
        is_approved: true,
        processing_takes: SignedDuration::ZERO,
        listing_lag: options.listing_lag,
        rejects: 0,
        key: 0,
        outbox: Outbox::new(CUSTOM),
        faults: Faults::default(),
        log: Log::default(),
    };
    seed::fill(&mut world);
    world
}
