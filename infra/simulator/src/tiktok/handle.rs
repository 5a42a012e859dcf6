//! The handle on the simulated TikTok: what tests and the control interface see and do.

use super::events::CUSTOM;
use super::seed;
use super::view::{StateView, TaskView, VideoView};
use super::world::{Account, Code, Step, World};
use crate::faults::Faults;
use crate::handle::handle;
use crate::ids::Ids;
use crate::log::Log;
use crate::options::Options;
use crate::outbox::Outbox;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// How long a post is processed, and then looked at before everyone sees it.
const TAKES: SignedDuration = SignedDuration::from_secs(10);

handle! {
    /// The simulated TikTok. Clones share one world.
    Tiktok
}

impl Tiktok {
    /// Everything a person may know: accounts, posts, faults, webhooks. No token.
    #[must_use]
    pub fn state(&self) -> StateView {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        let state = StateView::of(&world, now);
        drop(world);
        self.ring();
        state
    }

    /// The videos of an account that came through an app, newest first.
    #[must_use]
    pub fn videos(&self, open_id: &str) -> Vec<VideoView> {
        let accounts = self.state().accounts;
        let account = accounts.into_iter().find(|account| account.open_id == open_id);
        let videos = account.map(|account| account.videos).unwrap_or_default();
        videos.into_iter().filter(|video| video.publish_id.is_some()).collect()
    }

    /// What was begun at an account, oldest first.
    #[must_use]
    pub fn tasks(&self, open_id: &str) -> Vec<TaskView> {
        let accounts = self.state().accounts;
        let account = accounts.into_iter().find(|account| account.open_id == open_id);
        account.map(|account| account.tasks).unwrap_or_default()
    }

    /// Takes out the webhooks that are due: their bodies and signatures, for who delivers them by hand.
    #[must_use]
    pub fn take_webhooks(&self) -> Vec<(String, String)> {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        let mut taken = Vec::new();
        while let Some(delivery) = world.outbox.take_due(now) {
            let signature = delivery.headers.iter().find(|(name, _)| *name == "tiktok-signature");
            taken.push((delivery.body.clone(), signature.map(|(_, value)| value.clone()).unwrap_or_default()));
            world.outbox.finish(delivery, Some(200), now);
        }
        taken
    }

    /// Sets the app's callback address, as its settings page does.
    pub fn set_webhook_url(&self, url: Option<&str>) {
        self.world().webhook_url = url.map(str::to_owned);
    }

    /// A pair of tokens without the login page: access and refresh.
    #[must_use]
    pub fn tokens(&self, open_id: &str, scopes: &[&str]) -> (String, String) {
        let now = self.now();
        let mut world = self.world();
        let login = world.log_in(open_id, scopes.iter().map(|scope| (*scope).to_owned()).collect());
        world.mint(login, now)
    }

    /// An authorization code without the login page.
    #[must_use]
    pub fn code(&self, open_id: &str, redirect_uri: &str, scopes: &[&str], challenge: Option<&str>) -> String {
        let issued = self.now();
        self.world().issue_code(Code {
            open_id: open_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            challenge: challenge.map(str::to_owned),
            issued,
            is_used: false,
        })
    }

    /// The person takes the app away: every token dies, and a webhook says so, with this reason.
    pub fn remove_authorization(&self, open_id: &str, reason: u8) {
        let now = self.now();
        let mut world = self.world();
        world.end_logins(open_id);
        world.tell(open_id, "authorization.removed", &json!({ "reason": reason }), now);
        drop(world);
        self.ring();
    }

    fn change(&self, open_id: &str, change: impl FnOnce(&mut Account)) {
        if let Some(account) = self.world().accounts.get_mut(open_id) {
            change(account);
        }
    }

    /// Makes an account private, or public.
    pub fn set_private(&self, open_id: &str, is_private: bool) {
        self.change(open_id, |account| account.is_private = is_private);
    }

    /// Bans an account from posting, or no longer.
    pub fn set_banned(&self, open_id: &str, is_banned: bool) {
        self.change(open_id, |account| account.is_banned = is_banned);
    }

    /// Whether TikTok has audited the app.
    pub fn set_audited(&self, is_audited: bool) {
        self.world().is_audited = is_audited;
    }

    /// Whether the app has had its active users for the day.
    pub fn set_capped(&self, is_capped: bool) {
        self.world().is_capped = is_capped;
    }

    /// How long posts are processed, and how long they are then looked at.
    pub fn set_takes(&self, processing: SignedDuration, moderation: SignedDuration) {
        let mut world = self.world();
        (world.processing_takes, world.moderation_takes) = (processing, moderation);
    }

    /// The next post fails with this reason once it is processed.
    pub fn fail_next(&self, reason: &str) {
        self.world().failures.push_back(reason.to_owned());
    }

    /// Somebody posts a video in the app; its id.
    #[must_use]
    pub fn write_by_hand(&self, open_id: &str, text: &str) -> String {
        let now = self.now();
        seed::write_by_hand(&mut self.world(), open_id, text, now)
    }

    /// The person posts a draft out of the inbox; `false` if there is no such draft.
    #[must_use]
    pub fn post_draft(&self, publish_id: &str, privacy: &str) -> bool {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        let Some(task) = world.tasks.get_mut(publish_id).filter(|task| task.step == Step::InInbox) else {
            return false;
        };
        privacy.clone_into(&mut task.privacy);
        world.publish(publish_id, now);
        drop(world);
        self.ring();
        true
    }

    /// A video is made private, or taken down; `false` if there is no such video.
    #[must_use]
    pub fn hide(&self, video: &str) -> bool {
        let now = self.now();
        let mut world = self.world();
        let Some(position) = world.videos.iter().position(|known| known.id == video) else { return false };
        let video = world.videos.remove(position);
        let publish_id = video.publish_id.clone().unwrap_or_default();
        world.tell_public(&video, &publish_id, "post.publish.no_longer_publicaly_available", now);
        drop(world);
        self.ring();
        true
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        *self.world() = fresh(&self.inner.options, &self.inner.base);
    }
}

fn fresh(options: &Options, base: &str) -> World {
    // One address for each platform: the last segment is its name.
    let webhook_url =
        options.webhook_url.as_deref().and_then(|url| url.strip_suffix("/facebook")).map(|url| format!("{url}/tiktok"));
    let mut world = World {
        base: base.to_owned(),
        ids: Ids::new(options.seed),
        accounts: BTreeMap::new(),
        codes: BTreeMap::new(),
        logins: Vec::new(),
        access: BTreeMap::new(),
        refresh: BTreeMap::new(),
        tasks: BTreeMap::new(),
        videos: Vec::new(),
        quotas: BTreeMap::new(),
        domains: vec!["example.com".to_owned()],
        is_audited: true,
        is_capped: false,
        strict: options.strict,
        processing_takes: TAKES,
        moderation_takes: TAKES,
        failures: VecDeque::new(),
        webhook_url,
        outbox: Outbox::new(CUSTOM),
        faults: Faults::default(),
        log: Log::default(),
    };
    seed::fill(&mut world, options.clock.now());
    world
}
