//! What the platform saw: calls, faults, and the posts on its Pages.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use local::Cloud;
use serde_json::{Value, json};
use simulator::facebook::{Facebook, LoggedCall};

use super::Failure;
use super::callers::Accepted;
use super::verdict::Fate;

/// Meta's code for a text that was posted just before.
const DUPLICATE: &str = "506";

/// Calls, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Calls that publish.
    pub(crate) publishes: u32,
    /// Of these, those after which the post was out, answered or not.
    pub(crate) effects: u32,
    /// Of these, those that the platform refused because it had the post already.
    pub(crate) duplicates: u32,
    /// Calls that read a Page's posts.
    pub(crate) reads: u32,
    /// What went wrong on demand, how often.
    pub(crate) faults: BTreeMap<String, u32>,
}

impl Tally {
    fn add(&mut self, call: &LoggedCall) {
        let edge = call.path.rsplit('/').next().unwrap_or_default();
        match (call.method.as_str(), edge) {
            ("POST", "feed" | "photos") => {
                self.publishes += 1;
                self.effects += u32::from(call.took_effect);
                self.duplicates += u32::from(call.code.as_deref() == Some(DUPLICATE));
            }
            ("GET", "published_posts") => self.reads += 1,
            _other => {}
        }
        let fault = call.fault.and_then(|fault| json!(fault).as_str().map(str::to_owned));
        if let Some(fault) = fault.filter(|fault| !matches!(fault.as_str(), "slow" | "late_answer")) {
            *self.faults.entry(fault).or_default() += 1;
        }
    }
}

pub(crate) struct Platform<'a> {
    facebook: &'a Facebook,
    tally: RefCell<Tally>,
}

impl<'a> Platform<'a> {
    pub(crate) fn of(cloud: &'a Cloud) -> Result<Self, Failure> {
        let facebook = cloud.simulator().ok_or("the simulator is gone")?.facebook();
        Ok(Self { facebook, tally: RefCell::default() })
    }

    /// What was called so far.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = self.tally.borrow_mut();
        for call in self.facebook.take_requests() {
            tally.add(&call);
        }
        tally.clone()
    }

    /// How many posts of ours the Pages show.
    pub(crate) fn shown(&self) -> usize {
        let ours =
            |page: simulator::facebook::PageView| page.posts.iter().filter(|post| post.application.is_some()).count();
        self.facebook.pages().into_iter().map(ours).sum()
    }

    /// Every target as postd tells of it (`views` by post) beside what its Page shows; and the posts of ours that nobody
    /// has asked for.
    pub(crate) fn fates(&self, accepted: &[Accepted], views: &BTreeMap<String, Value>) -> (Vec<Fate>, Vec<String>) {
        let mut shown: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let mut out: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
        for page in self.facebook.pages() {
            for post in page.posts.into_iter().filter(|post| post.application.is_some()) {
                let place = (page.id.clone(), post.message.unwrap_or_default());
                if let Ok(at) = post.created_time.parse::<Timestamp>() {
                    let first = out.entry(place.clone()).or_insert(at);
                    *first = at.min(*first);
                }
                shown.entry(place).or_default().push(post.id);
            }
        }
        let mut asked_for = BTreeSet::new();
        let mut fates = Vec::new();
        for post in accepted {
            let view = views.get(&post.id);
            let targets = view.and_then(|view| view.get("targets")).and_then(Value::as_array);
            let scheduled_at = view.and_then(|view| view.get("scheduled_at")?.as_str()?.parse().ok());
            for (target, page) in &post.targets {
                let place = (page.clone(), post.text.clone());
                let view = targets.into_iter().flatten().find(|view| view.get("id") == Some(&json!(target)));
                let said = |name: &str| view?.get(name)?.as_str().map(str::to_owned);
                fates.push(Fate {
                    post: post.id.clone(),
                    target: target.clone(),
                    page: page.clone(),
                    state: said("state").unwrap_or_default(),
                    remote_id: said("remote_id"),
                    shown: shown.get(&place).cloned().unwrap_or_default(),
                    out_at: out.get(&place).copied(),
                    scheduled_at,
                });
                asked_for.insert(place);
            }
        }
        let strays = shown.into_iter().filter(|(place, _)| !asked_for.contains(place)).flat_map(|(_, ids)| ids);
        (fates, strays.collect())
    }
}
