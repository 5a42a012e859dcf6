//! The handle on the simulated LinkedIn: what tests and the control interface see and do.

use super::seed;
use super::tokens::Token;
use super::view::{FileView, PostView, StateView};
use super::webhooks::CUSTOM;
use super::world::{Post, Settings, World};
use crate::faults::Faults;
use crate::handle::handle;
use crate::ids::Ids;
use crate::log::Log;
use crate::options::Options;
use crate::outbox::Outbox;
use jiff::SignedDuration;
use std::collections::BTreeMap;

handle! {
    /// The simulated LinkedIn. Clones share one world.
    Linkedin
}

impl Linkedin {
    /// Everything a person may know. No token.
    #[must_use]
    pub fn state(&self) -> StateView {
        StateView::of(&self.world())
    }

    /// The posts of an author, newest first.
    #[must_use]
    pub fn posts(&self, author: &str) -> Vec<PostView> {
        let authors = self.state().authors;
        authors.into_iter().find(|own| own.urn == author).map(|own| own.posts).unwrap_or_default()
    }

    /// The files that were announced, oldest first.
    #[must_use]
    pub fn files(&self) -> Vec<FileView> {
        self.state().files
    }

    /// A token, as if `member` had gone through the login of the app with this id.
    #[must_use]
    pub fn token(&self, app: &str, member: &str, scopes: &[&str]) -> Option<String> {
        let app = super::world::app(app)?;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let now = self.now();
        let token = Token { app: app.id, member: member.to_owned(), scopes, ends: now, is_revoked: false };
        Some(self.world().issue(&token, now))
    }

    /// A code, as if `member` had gone through the login of the app with this id.
    #[must_use]
    pub fn code(&self, app: &str, member: &str, scopes: &[&str], redirect_uri: &str) -> Option<String> {
        let app = super::world::app(app)?;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Some(self.world().issue_code((app.id, member), scopes, redirect_uri, self.now()))
    }

    /// The member removes all apps.
    pub fn revoke(&self, member: &str) {
        let mut world = self.world();
        let World { tokens, refresh, .. } = &mut *world;
        for token in tokens.values_mut().chain(refresh.values_mut()).filter(|token| token.member == member) {
            token.is_revoked = true;
        }
    }

    /// The member loses every role at a Page.
    pub fn remove_role(&self, organization: &str, member: &str) {
        self.world().roles.retain(|role| role.organization != organization || role.member != member);
    }

    /// Somebody posts by hand; the URN.
    #[must_use]
    pub fn write_by_hand(&self, author: &str, commentary: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        let urn = format!("urn:li:share:{}", world.next_id(now));
        world.posts.push(Post {
            urn: urn.clone(),
            author: author.to_owned(),
            commentary: commentary.to_owned(),
            content: None,
            visibility: "PUBLIC".to_owned(),
            reshare_disabled: false,
            created: now,
            is_deleted: false,
            by_api: false,
        });
        urn
    }

    /// Somebody does something at a post: `LIKE`, `COMMENT`… Whether a webhook is on its way.
    #[must_use]
    pub fn notify(&self, urn: &str, action: &str) -> bool {
        let told = self.world().notify(urn, action, self.now());
        self.ring();
        told
    }

    /// Where webhooks go from now on; the developer portal asks the address first.
    pub fn set_hook(&self, url: Option<String>) {
        self.world().hook = url;
    }

    /// How long files are in work (two seconds).
    pub fn set_processing_takes(&self, takes: SignedDuration) {
        self.world().settings.processing_takes = takes;
    }

    /// The next file comes to nothing.
    pub fn fail_next_file(&self) {
        self.world().settings.fail_next_file = true;
    }

    /// How many calls a day an app and a member have.
    pub fn set_quotas(&self, app: u64, member: u64) {
        let mut world = self.world();
        world.settings.calls_per_app = app;
        world.settings.calls_per_member = member;
    }

    /// Whether the same text twice within ten minutes is refused.
    pub fn set_refuse_duplicates(&self, refuse: bool) {
        self.world().settings.refuse_duplicates = refuse;
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        *self.world() = fresh(&self.inner.options, &self.inner.base);
    }
}

fn fresh(options: &Options, base: &str) -> World {
    let mut world = World {
        base: base.to_owned(),
        settings: Settings {
            refuse_duplicates: options.refuse_duplicates,
            listing_lag: options.listing_lag,
            processing_takes: SignedDuration::from_secs(2),
            fail_next_file: false,
            calls_per_app: 100_000,
            calls_per_member: 1_000,
        },
        ids: Ids::new(options.seed),
        members: Vec::new(),
        organizations: Vec::new(),
        roles: Vec::new(),
        codes: BTreeMap::new(),
        tokens: BTreeMap::new(),
        refresh: BTreeMap::new(),
        assets: Vec::new(),
        posts: Vec::new(),
        counted: BTreeMap::new(),
        hook: None,
        outbox: Outbox::new(CUSTOM),
        faults: Faults::default(),
        log: Log::default(),
        serial: 0,
    };
    seed::fill(&mut world);
    world
}
