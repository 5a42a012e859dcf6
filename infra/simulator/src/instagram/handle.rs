//! The handle on the simulated Instagram: what tests and the control interface see and do.

use super::access::{LONG_LIFE, SHORT_LIFE};
use super::view::StateView;
use super::webhooks::CUSTOM;
use super::world::{Form, Grant, Holder, Media, Settings, World};
use super::{APP, seed};
use crate::client;
use crate::faults::Faults;
use crate::handle::handle;
use crate::ids::Ids;
use crate::log::Log;
use crate::options::Options;
use crate::outbox::Outbox;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

const PICTURE_TAKES: SignedDuration = SignedDuration::from_secs(3);
const VIDEO_TAKES: SignedDuration = SignedDuration::from_secs(25);
const QUOTA: usize = 50;
const BUDGET: usize = 48_000;

handle! {
    /// The simulated Instagram. Clones share one world.
    Instagram
}

impl Instagram {
    /// Everything a person may know: accounts, posts, containers, faults, webhooks. No token.
    #[must_use]
    pub fn state(&self) -> StateView {
        StateView::of(&self.world(), self.now())
    }

    /// A user token of Facebook Login without the login page.
    #[must_use]
    pub fn user_token(&self, person: &str, pages: &[&str], scopes: &[&str]) -> String {
        self.login(self.person(person), pages, scopes, LONG_LIFE)
    }

    /// A token of Instagram Login without the login page, of the short or the long kind.
    #[must_use]
    pub fn account_token(&self, account: &str, scopes: &[&str], is_long: bool) -> String {
        self.login(self.account(account), &[], scopes, if is_long { LONG_LIFE } else { SHORT_LIFE })
    }

    /// What the addresses of the store of uploads begin with.
    pub(crate) fn store(&self) -> Option<&str> {
        self.inner.options.files_url.as_deref()
    }

    fn login(&self, holder: Option<Holder>, pages: &[&str], scopes: &[&str], life: SignedDuration) -> String {
        let now = self.now();
        let Some(holder) = holder else { return String::new() };
        let mut world = self.world();
        world.grants.insert(holder.clone(), grant(pages, scopes, now));
        world.issue(holder, Some(life), now)
    }

    /// The token of a Page in the name of a person who has logged in.
    #[must_use]
    pub fn page_token(&self, person: &str, page: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        let person = world.people.get(person).map(|person| person.id);
        let page = world.pages.get(page).map(|page| page.id);
        match (page, person) {
            (Some(page), Some(person)) => world.issue(Holder::Page(page, person), None, now),
            (_, _) => String::new(),
        }
    }

    /// A code without the login page: of a person, who ticks all Pages, or of an account.
    #[must_use]
    pub fn code(&self, who: &str, scopes: &[&str], redirect_uri: &str) -> String {
        let now = self.now();
        let Some(holder) = self.person(who).or_else(|| self.account(who)) else { return String::new() };
        let mut world = self.world();
        let roles = world.people.get(who).map(|person| person.roles.keys().copied().collect::<Vec<_>>());
        world.grants.insert(holder.clone(), grant(&roles.unwrap_or_default(), scopes, now));
        world.issue_code(holder, redirect_uri, now)
    }

    fn person(&self, id: &str) -> Option<Holder> {
        self.world().people.get(id).map(|person| Holder::Person(person.id))
    }

    fn account(&self, id: &str) -> Option<Holder> {
        self.world().accounts.get(id).map(|account| Holder::Account(account.id))
    }

    /// Kills every token of a person (with those of the Pages) or of an account, with this subcode of 190.
    pub fn revoke(&self, who: &str, subcode: i64) {
        for token in self.world().tokens.values_mut().filter(|token| belongs_to(&token.holder, who)) {
            token.killed = Some(subcode);
        }
    }

    /// Somebody removes the app: tokens die with 458, and the app is told.
    pub fn remove_app(&self, who: &str) {
        let now = self.now();
        if let Some(holder) = self.person(who).or_else(|| self.account(who)) {
            self.world().remove_app(&holder, now);
        }
        self.ring();
    }

    /// Somebody publishes a picture in the app by hand; its id.
    #[must_use]
    pub fn write_by_hand(&self, account: &str, caption: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        let Some(account) = world.accounts.get(account).map(|account| account.id) else { return String::new() };
        let number = world.ids.object();
        let shortcode = world.ids.opaque("", 11);
        world.put_out(Media {
            id: (17_855_000_000_000_000 + number).to_string(),
            account,
            form: Form::Image,
            is_video: false,
            caption: Some(caption.to_owned()),
            alt_text: None,
            files: Vec::new(),
            at: now,
            shortcode,
            by_app: false,
            number,
        })
    }

    /// How long pictures and videos are worked on.
    pub fn set_processing(&self, picture: SignedDuration, video: SignedDuration) {
        let mut world = self.world();
        world.settings.picture_takes = picture;
        world.settings.video_takes = video;
    }

    /// How many posts an account may publish within a day.
    pub fn set_quota(&self, posts: usize) {
        self.world().settings.quota = posts;
    }

    /// A day passes for everything that is prepared, and for nothing else.
    pub fn expire_containers(&self) {
        for container in self.world().containers.values_mut() {
            container.made = container.made.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        }
    }

    /// How many calls a day an account may make.
    pub fn set_budget(&self, calls: usize) {
        self.world().settings.budget = calls;
    }

    /// How long a new post stays out of the listings.
    pub fn set_listing_lag(&self, lag: SignedDuration) {
        self.world().settings.listing_lag = lag;
    }

    /// Where webhooks go, as if the dashboard had been told so.
    pub fn set_webhook(&self, callback: &str) {
        self.world().callback = Some(callback.to_owned());
    }

    /// The dashboard's handshake: whether the address answers with the challenge. Webhooks go there if it does.
    pub async fn verify_webhook(&self, callback: &str) -> bool {
        let challenge = self.world().ids.object() + 1_158_201_444;
        let Ok(mut url) = Url::parse(callback) else { return false };
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge.to_string())
            .append_pair("hub.verify_token", APP.verify_token);
        let answer = client::call(Method::GET, &url, &[], String::new()).await;
        let is_verified = answer.is_ok_and(|(status, body)| status == 200 && body == challenge.to_string());
        if is_verified {
            self.set_webhook(callback);
        }
        is_verified
    }

    /// Somebody comments on a post of an account; `false` when nobody listens. `is_flat` is the shape of Instagram Login.
    #[must_use]
    pub fn comment(&self, account: &str, media: &str, text: &str, is_flat: bool) -> bool {
        let now = self.now();
        let mut world = self.world();
        let id = (17_950_000_000_000_000 + world.ids.object()).to_string();
        let product = world.media.get(media).map_or("FEED", |media| media.form.product());
        let from = json!({"id": "5550001", "username": "somebody"});
        let media = json!({"id": media, "media_product_type": product});
        let value = json!({"id": id, "from": from, "text": text, "media": media});
        let is_sent = world.announce((account, "comments"), &value, is_flat, now);
        drop(world);
        self.ring();
        is_sent
    }

    /// Sends a whole envelope as it is; `false` when nobody listens.
    #[must_use]
    pub fn send_envelope(&self, envelope: &Value) -> bool {
        let now = self.now();
        let account = envelope.pointer("/entry/0/id").and_then(Value::as_str).unwrap_or_default();
        let is_sent = self.world().send(envelope, account, now);
        self.ring();
        is_sent
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        *self.world() = fresh(&self.inner.options, &self.inner.base);
    }
}

fn belongs_to(holder: &Holder, who: &str) -> bool {
    match holder {
        Holder::Person(person) | Holder::Page(_, person) => *person == who,
        Holder::Account(account) => *account == who,
    }
}

fn grant(pages: &[&str], scopes: &[&str], now: Timestamp) -> Grant {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Grant { scopes: owned(scopes), pages: owned(pages), since: now }
}

fn fresh(options: &Options, base: &str) -> World {
    let mut world = World {
        settings: Settings {
            require_proof: options.require_proof,
            listing_lag: options.listing_lag,
            picture_takes: PICTURE_TAKES,
            video_takes: VIDEO_TAKES,
            quota: QUOTA,
            budget: BUDGET,
        },
        base: base.to_owned(),
        ids: Ids::new(options.seed),
        files_url: options.files_url.clone(),
        people: BTreeMap::new(),
        pages: BTreeMap::new(),
        accounts: BTreeMap::new(),
        containers: BTreeMap::new(),
        media: BTreeMap::new(),
        grants: BTreeMap::new(),
        tokens: BTreeMap::new(),
        codes: BTreeMap::new(),
        // The address that Facebook's webhooks go to has a sister.
        callback: options.webhook_url.as_ref().map(|url| url.replace("/webhooks/facebook", "/webhooks/instagram")),
        outbox: Outbox::new(CUSTOM),
        faults: Faults::default(),
        log: Log::default(),
    };
    seed::fill(&mut world);
    world
}
