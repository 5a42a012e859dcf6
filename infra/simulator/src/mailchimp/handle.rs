//! The handle on the simulated Mailchimp: what tests and the control interface see and do.

use super::events::CUSTOM;
use super::seed;
use super::view::{CampaignView, StateView};
use super::world::{Status, World};
use crate::faults::Faults;
use crate::handle::handle;
use crate::ids::Ids;
use crate::log::Log;
use crate::options::Options;
use crate::outbox::{Delivery, Outbox};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A campaign is sent within half a minute.
const SENDING_TAKES: SignedDuration = SignedDuration::from_secs(30);

handle! {
    /// The simulated Mailchimp. Clones share one world.
    Mailchimp {
        /// A 410 switches a webhook off for good.
        fn tried(&self, delivery: &Delivery, status: Option<u16>) {
            if status == Some(410) {
                let mut world = self.world();
                for hook in world.webhooks.values_mut().filter(|hook| hook.url == delivery.url) {
                    hook.is_disabled = true;
                }
            }
        }
    }
}

impl Mailchimp {
    /// Everything a person may know: audiences, campaigns, faults, webhooks. No token.
    #[must_use]
    pub fn state(&self) -> StateView {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        let state = StateView::of(&world);
        drop(world);
        self.ring();
        state
    }

    /// The campaigns of an audience, newest first.
    #[must_use]
    pub fn campaigns(&self, list: &str) -> Vec<CampaignView> {
        let state = self.state();
        let audience = state.audiences.into_iter().find(|audience| audience.id == list);
        audience.map(|audience| audience.campaigns).unwrap_or_default()
    }

    /// A token without the login page.
    #[must_use]
    pub fn token(&self, person: &str) -> String {
        self.world().issue_token(person)
    }

    /// An authorization code without the login page.
    #[must_use]
    pub fn code(&self, person: &str, redirect_uri: &str) -> String {
        let now = self.now();
        self.world().issue_code(person, redirect_uri, now)
    }

    /// The person takes the app away: every token dies.
    pub fn revoke(&self, person: &str) {
        for token in self.world().tokens.values_mut().filter(|token| token.person == person) {
            token.is_dead = true;
        }
    }

    /// Gives a person another role: `owner`, `admin`, `manager`, `author`, `viewer`.
    pub fn set_role(&self, person: &str, role: &str) {
        if let Some(person) = self.world().people.get_mut(person) {
            role.clone_into(&mut person.role);
        }
    }

    /// Takes a person's access to the account away.
    pub fn disable(&self, person: &str) {
        if let Some(person) = self.world().people.get_mut(person) {
            person.is_disabled = true;
        }
    }

    /// Moves the account of a person to another data centre.
    pub fn move_account(&self, person: &str, data_centre: &str) {
        let mut world = self.world();
        let Some(account) = world.people.get(person).map(|person| person.account) else { return };
        if let Some(account) = world.accounts.get_mut(account) {
            data_centre.clone_into(&mut account.data_centre);
        }
    }

    /// How long a campaign takes to be sent.
    pub fn set_sending_takes(&self, takes: SignedDuration) {
        self.world().sending_takes = takes;
    }

    /// Somebody makes a draft at Mailchimp; its id.
    #[must_use]
    pub fn write_by_hand(&self, list: &str, subject: &str) -> String {
        let now = self.now();
        seed::write_by_hand(&mut self.world(), list, subject, Status::Save, now)
    }

    /// Somebody sends a draft at Mailchimp, or sets its time; `false` if there is no such draft.
    #[must_use]
    pub fn send_by_hand(&self, campaign: &str, at: Option<Timestamp>) -> bool {
        let now = self.now();
        let mut world = self.world();
        let Some(campaign) = world.campaigns.get_mut(campaign).filter(|campaign| campaign.status == Status::Save)
        else {
            return false;
        };
        campaign.status = at.map_or(Status::Sending(now), Status::Schedule);
        true
    }

    /// Somebody deletes a campaign at Mailchimp.
    pub fn delete_by_hand(&self, campaign: &str) {
        self.world().campaigns.remove(campaign);
    }

    /// A member leaves an audience; how many webhooks hear of it.
    #[must_use]
    pub fn unsubscribe(&self, list: &str, email: &str, campaign: &str) -> usize {
        let now = self.now();
        let mut world = self.world();
        let id = world.new_id();
        let data = [
            ("action", "unsub".to_owned()),
            ("reason", "manual".to_owned()),
            ("id", id),
            ("list_id", list.to_owned()),
            ("email", email.to_owned()),
            ("email_type", "html".to_owned()),
            ("ip_opt", "203.0.113.7".to_owned()),
            ("campaign_id", campaign.to_owned()),
            ("merges.EMAIL", email.to_owned()),
        ];
        let told = world.announce((list, "unsubscribe", "user"), &data, now);
        drop(world);
        self.ring();
        told
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        *self.world() = fresh(&self.inner.options, &self.inner.base);
    }
}

fn fresh(options: &Options, base: &str) -> World {
    let mut world = World {
        base: base.to_owned(),
        ids: Ids::new(options.seed),
        accounts: BTreeMap::new(),
        people: BTreeMap::new(),
        audiences: BTreeMap::new(),
        campaigns: BTreeMap::new(),
        codes: BTreeMap::new(),
        tokens: BTreeMap::new(),
        webhooks: BTreeMap::new(),
        sending_takes: SENDING_TAKES,
        outbox: Outbox::new(CUSTOM),
        faults: Faults::default(),
        log: Log::default(),
    };
    seed::fill(&mut world, options.clock.now());
    world
}
