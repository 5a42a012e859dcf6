//! The handle on the simulated Google Business Profile: what tests and the control interface see and do.

use super::notify::CUSTOM;
use super::view::{PostView, StateView};
use super::world::{Grant, Notifications, Subscription, World};
use super::{APP, PUSH_ACCOUNT, SCOPE, jwt, seed};
use crate::clock::Clock;
use crate::faults::{Fault, Faults};
use crate::ids::Ids;
use crate::log::{Log, LoggedCall};
use crate::options::Options;
use crate::outbox::{Delivery, Outbox, Sends, SentWebhook};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The simulated Google Business Profile. Clones share one world.
#[derive(Clone)]
pub struct Gbp {
    inner: Arc<Inner>,
}

struct Inner {
    world: Mutex<World>,
    options: Options,
    base: String,
    /// Rings when a notification may be due.
    bell: Notify,
}

impl std::fmt::Debug for Gbp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gbp").field("base", &self.inner.base).finish_non_exhaustive()
    }
}

impl Gbp {
    pub(crate) fn new(options: Options, base: String) -> Self {
        let world = fresh(&options);
        Self { inner: Arc::new(Inner { world: Mutex::new(world), options, base, bell: Notify::new() }) }
    }

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

    /// Sets a fault; faults are tried in the order in which they were set, and one strikes a call.
    pub fn add_fault(&self, fault: Fault) {
        self.world().faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// The faults that are still set.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.world().faults.list().to_vec()
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedCall> {
        self.world().log.entries()
    }

    /// Forgets the calls so far.
    pub fn clear_requests(&self) {
        self.world().log.clear();
    }

    /// The notifications that were delivered or given up.
    #[must_use]
    pub fn sent_webhooks(&self) -> Vec<SentWebhook> {
        self.world().outbox.sent()
    }

    /// How many notifications wait, for their first try or another one.
    #[must_use]
    pub fn pending_webhooks(&self) -> usize {
        self.world().outbox.pending()
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
        *self.world() = fresh(&self.inner.options);
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A panic while the world was locked is a bug that its own test reports; the data is still usable.
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn ring(&self) {
        self.inner.bell.notify_one();
    }
}

impl Sends for Gbp {
    fn clock(&self) -> &Clock {
        &self.inner.options.clock
    }

    fn bell(&self) -> &Notify {
        &self.inner.bell
    }

    fn with_outbox<T>(&self, work: impl FnOnce(&mut Outbox) -> T) -> T {
        work(&mut self.world().outbox)
    }

    fn tried(&self, _delivery: &Delivery, _status: Option<u16>) {}
}

fn fresh(options: &Options) -> World {
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
