//! The handle on the simulated Facebook: what tests and the control interface see and do.

use super::limits::Limits;
use super::outbox::{CUSTOM, Manner};
use super::seed;
use super::tokens::{CODE_WORD, LONG_LIFE, SHORT_LIFE, TOKEN_WORD};
use super::view::{PageView, StateView};
use super::world::{Settings, Subscription, World};
use crate::faults::Faults;
use crate::handle::handle;
use crate::ids::Ids;
use crate::log::{Log, LoggedCall};
use crate::options::Options;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

handle! {
    /// The simulated Facebook. Clones share one world.
    Facebook
}

impl Facebook {
    /// The Pages with their posts, newest first.
    #[must_use]
    pub fn pages(&self) -> Vec<PageView> {
        self.state().pages
    }

    /// One Page with its posts.
    #[must_use]
    pub fn page(&self, id: &str) -> Option<PageView> {
        self.pages().into_iter().find(|page| page.id == id)
    }

    /// Everything a person may know: Pages, posts, people, faults, webhooks. No token.
    #[must_use]
    pub fn state(&self) -> StateView {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        StateView::of(&world)
    }

    /// The calls since this was last asked, oldest first, which are forgotten with that.
    #[must_use]
    pub fn take_requests(&self) -> Vec<LoggedCall> {
        self.world().log.take()
    }

    /// A user token without the login page: grants `scopes` for `pages`, as a login at this moment would.
    #[must_use]
    pub fn user_token(&self, user: &str, pages: &[&str], scopes: &[&str], long_lived: bool) -> String {
        let now = self.now();
        let mut world = self.world();
        world.grant(user, pages, scopes, now);
        world.issue_user_token(user, if long_lived { LONG_LIFE } else { SHORT_LIFE }, now)
    }

    /// The Page token that belongs to a user token.
    #[must_use]
    pub fn page_token(&self, user_token: &str, page: &str) -> Option<String> {
        let now = self.now();
        self.world().page_token(user_token, page, now)
    }

    /// An authorization code without the login page, for a user who granted something before.
    #[must_use]
    pub fn code(&self, user: &str, redirect_uri: &str) -> String {
        let now = self.now();
        self.world().issue_code(user, redirect_uri, now)
    }

    /// Every token and every authorization code so far, with a name for each: for tests that look for them where they must not
    /// be. Each begins with a word that tells its kind and is no secret, which is left out.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, String)> {
        let world = self.world();
        let tokens = world.tokens.iter().enumerate().map(|(number, (text, token))| {
            let whose = token.page.as_deref().unwrap_or("its user");
            (format!("token {number} of {whose}"), text.trim_start_matches(TOKEN_WORD).to_owned())
        });
        let codes = world.codes.keys().enumerate();
        let codes =
            codes.map(|(number, text)| (format!("code {number}"), text.trim_start_matches(CODE_WORD).to_owned()));
        tokens.chain(codes).collect()
    }

    /// Kills every token of a user and of the user's Pages, with this subcode of 190.
    pub fn revoke_user(&self, user: &str, subcode: i64) {
        self.change_tokens(|token| token.user == user, |token, _| token.killed = Some(subcode));
    }

    /// Kills every token of a Page, with this subcode of 190.
    pub fn revoke_page(&self, page: &str, subcode: i64) {
        self.change_tokens(|token| token.page.as_deref() == Some(page), |token, _| token.killed = Some(subcode));
    }

    /// Lets every user token of a user expire now. Page tokens live on.
    pub fn expire_user(&self, user: &str) {
        self.change_tokens(|token| token.user == user && token.page.is_none(), |token, now| token.expires = Some(now));
    }

    /// Lets every token of a Page expire now.
    pub fn expire_page(&self, page: &str) {
        self.change_tokens(|token| token.page.as_deref() == Some(page), |token, now| token.expires = Some(now));
    }

    /// Takes the user's role at a Page away.
    pub fn remove_role(&self, user: &str, page: &str) {
        if let Some(user) = self.world().users.get_mut(user) {
            user.roles.remove(page);
        }
    }

    /// The user removes the app in the settings: tokens die with 458, webhooks and the deauthorize callback tell.
    pub fn remove_app(&self, user: &str) {
        let now = self.now();
        self.world().remove_app(user, now);
        self.ring();
    }

    /// The user removes the app and asks it, in the settings, to delete what it holds of them.
    pub fn delete_data(&self, user: &str) {
        let now = self.now();
        self.world().delete_data(user, now);
        self.ring();
    }

    /// Somebody writes a post on the Page by hand; answers its id.
    #[must_use]
    pub fn write_by_hand(&self, page: &str, message: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        let id = seed::write_by_hand(&mut world, page, message, now);
        if let Some(post) = world.posts.get_mut(&id) {
            (post.created, post.recorded, post.updated) = (now, now, now);
        }
        world.announce_post(&id, "add", now);
        drop(world);
        self.ring();
        id
    }

    /// How long a new post stays out of the listings.
    pub fn set_listing_lag(&self, lag: SignedDuration) {
        self.world().settings.listing_lag = lag;
    }

    /// How long Facebook works on a video.
    pub fn set_video_takes(&self, takes: SignedDuration) {
        self.world().video_rules.takes = takes;
    }

    /// How large the pieces of a video are that are asked for.
    pub fn set_video_piece(&self, bytes: u64) {
        self.world().video_rules.piece = bytes.max(1);
    }

    /// The next video whose file is there fails with this code once Facebook has worked on it; further calls are for those
    /// after it.
    pub fn fail_next_video(&self, code: i64) {
        self.world().video_rules.failures.push(code);
    }

    /// The next file of a reel breaks off after so many bytes, which are kept.
    pub fn cut_next_upload(&self, bytes: u64) {
        self.world().video_rules.cut = Some(bytes);
    }

    /// Whether the same text twice in a row is refused with 506.
    pub fn set_refuse_duplicates(&self, refuse: bool) {
        self.world().settings.refuse_duplicates = refuse;
    }

    /// How many calls a day a Page may make.
    pub fn set_page_budget(&self, page: &str, calls: u32) {
        self.world().limits.page_budgets.insert(page.to_owned(), calls);
    }

    /// How many calls an hour the app may make with user and app tokens.
    pub fn set_app_budget(&self, calls: u32) {
        self.world().limits.app_budget = Some(calls);
    }

    /// Subscribes the app to Page and permission events at `callback`, as if the dashboard had verified it.
    pub fn set_webhook(&self, callback: &str) {
        subscribe(&mut self.world(), callback);
    }

    /// Installs the app on a Page, subscribed to `feed`.
    pub fn install(&self, page: &str) {
        if let Some(page) = self.world().pages.get_mut(page) {
            page.subscribed = Some(vec!["feed".to_owned()]);
        }
    }

    /// Sends one change of an object as a webhook; `false` when the app is not subscribed to it.
    #[must_use]
    pub fn send_webhook(&self, object: &str, id: &str, field: &str, value: &Value, options: SendOptions) -> bool {
        let now = self.now();
        let manner = Manner { duplicate: options.duplicate, wrong_signature: options.wrong_signature };
        let sent = self.world().send_change(object, id, field, value, manner, now);
        self.ring();
        sent
    }

    /// Sends a whole envelope as it is, to wherever the app hears about its object; `false` when it hears nothing.
    #[must_use]
    pub fn send_envelope(&self, envelope: &Value, options: SendOptions) -> bool {
        let now = self.now();
        let manner = Manner { duplicate: options.duplicate, wrong_signature: options.wrong_signature };
        let mut world = self.world();
        let object = envelope.get("object").and_then(Value::as_str).unwrap_or_default();
        let Some(url) = world.subscriptions.get(object).map(|subscription| subscription.callback.clone()) else {
            return false;
        };
        let id = envelope.pointer("/entry/0/id").and_then(Value::as_str).unwrap_or_default();
        world.queue(url, envelope, id, manner, now);
        drop(world);
        self.ring();
        true
    }

    /// Back to the beginning: posts, tokens, faults, webhooks, log.
    pub fn reset(&self) {
        *self.world() = fresh(&self.inner.options, &self.inner.base);
    }

    fn change_tokens(
        &self,
        which: impl Fn(&super::tokens::Token) -> bool,
        change: impl Fn(&mut super::tokens::Token, Timestamp),
    ) {
        let now = self.now();
        let mut world = self.world();
        for token in world.tokens.values_mut().filter(|token| which(token)) {
            change(token, now);
        }
    }
}

/// How a webhook made by hand is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOptions {
    /// Twice.
    pub duplicate: bool,
    /// With a signature that is not ours.
    pub wrong_signature: bool,
}

fn fresh(options: &Options, base: &str) -> World {
    let mut world = World {
        settings: Settings {
            strict: options.strict,
            require_proof: options.require_proof,
            refuse_duplicates: options.refuse_duplicates,
            listing_lag: options.listing_lag,
        },
        base: base.to_owned(),
        ids: Ids::new(options.seed),
        users: BTreeMap::new(),
        businesses: BTreeMap::new(),
        pages: BTreeMap::new(),
        posts: BTreeMap::new(),
        photos: BTreeMap::new(),
        videos: BTreeMap::new(),
        video_rules: super::videos::VideoRules::default(),
        grants: BTreeMap::new(),
        codes: BTreeMap::new(),
        tokens: BTreeMap::new(),
        subscriptions: BTreeMap::new(),
        deauthorize: options.deauthorize_url.clone(),
        data_deletion: options.data_deletion_url.clone(),
        outbox: Outbox::new(CUSTOM),
        faults: Faults::default(),
        limits: Limits::default(),
        log: Log::default(),
    };
    seed::fill(&mut world, options.clock.now());
    if let Some(callback) = &options.webhook_url {
        subscribe(&mut world, callback);
    }
    world
}

fn subscribe(world: &mut World, callback: &str) {
    let subscription = |fields: &[&str]| Subscription {
        callback: callback.to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    world.subscriptions.insert("page".to_owned(), subscription(&["feed", "mention"]));
    world.subscriptions.insert("permissions".to_owned(), subscription(&super::grants::SCOPES));
}
