//! Which call is which.

use super::error::GraphError;
use super::world::{Holder, World};
use crate::call::Call;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What a call is for, the version left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) segments: Vec<&'a str>,
    pub(crate) has_version: bool,
}

impl<'a> Target<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        let segments = call.segments();
        let is_version = |text: &str| {
            let numbers = text.strip_prefix('v').and_then(|numbers| numbers.split_once('.'));
            numbers.is_some_and(|(major, minor)| major.parse::<u8>().is_ok() && minor.parse::<u8>().is_ok())
        };
        let has_version = segments.first().is_some_and(|first| is_version(first));
        Self { segments: segments.into_iter().skip(usize::from(has_version)).collect(), has_version }
    }

    /// Object and edge, as faults name them.
    pub(crate) fn scope(&self) -> (Option<&'a str>, String) {
        match self.segments.as_slice() {
            [] => (None, "node".to_owned()),
            ["oauth", rest @ ..] => (None, format!("oauth/{}", rest.join("/"))),
            [alone @ ("debug_token" | "access_token" | "refresh_access_token")] => (None, (*alone).to_owned()),
            [node] => (Some(*node), "node".to_owned()),
            [node, edge, ..] => (Some(*node), (*edge).to_owned()),
        }
    }
}

/// What came of a call, and which account's budget it was.
pub(crate) struct Answered {
    pub(crate) result: Result<Value, GraphError>,
    pub(crate) account: Option<&'static str>,
}

impl World {
    /// Answers a call.
    pub(crate) fn answer(&mut self, call: &Call, now: Timestamp) -> Answered {
        let target = Target::of(call);
        let segments = target.segments.as_slice();
        let unversioned = match (&call.method, segments, target.has_version) {
            (&Method::GET, ["oauth", "access_token"], true) => Some(self.exchange_facebook(call, now)),
            (&Method::POST, ["oauth", "access_token"], false) => Some(self.exchange_instagram(call, now)),
            (&Method::GET, ["access_token"], false) => Some(self.extend_instagram(call, now)),
            (&Method::GET, ["refresh_access_token"], false) => Some(self.refresh_instagram(call, now)),
            (&Method::GET, ["debug_token"], true) if Self::is_app(call) => Some(self.debug_token(call, now)),
            _ => None,
        };
        if let Some(result) = unversioned {
            return Answered { result, account: None };
        }
        let holder = match self.caller(call, now) {
            Ok(holder) => holder,
            Err(error) => return Answered { result: Err(error), account: None },
        };
        let account = self.spender(&holder, segments);
        if let Some(account) = account
            && let Err(error) = self.spend(account, now)
        {
            return Answered { result: Err(error), account: Some(account) };
        }
        Answered { result: self.dispatch(&holder, segments, call, now), account }
    }

    fn dispatch(
        &mut self,
        holder: &Holder,
        segments: &[&str],
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        match (&call.method, segments) {
            (&Method::GET, ["me"]) => self.me(holder),
            (&Method::GET, ["me", "accounts"]) => self.list_pages(holder, call, now),
            (&Method::DELETE, [person, "permissions"]) => self.take_back(holder, person, None),
            (&Method::DELETE, [person, "permissions", scope]) => self.take_back(holder, person, Some(*scope)),
            (&Method::GET, [account, "content_publishing_limit"]) => {
                let account = self.account_named(holder, account)?;
                self.allow(holder, account.id, super::access::Wish::Publish)?;
                Ok(self.publishing_limit(account, now))
            }
            (&Method::GET, [account, edge @ ("media" | "stories")]) => {
                self.list_media(holder, (*account, *edge), call, now)
            }
            (&Method::POST, [account, "media"]) => self.create_container(holder, account, call, now),
            (&Method::POST, [account, "media_publish"]) => self.publish_container(holder, account, call, now),
            (&Method::GET, [media, "insights"]) => self.insights(holder, media, call, now),
            (&Method::GET, [node]) if self.containers.contains_key(*node) => self.read_container_of(holder, node, now),
            (&Method::GET, [node]) if self.media.contains_key(*node) => self.read_media(holder, node, call),
            (&Method::GET, [node]) => self.read_account(holder, node),
            (&Method::DELETE, [node]) => self.delete_media(holder, node),
            (_, segments) => Err(GraphError::unknown_path(&segments.join("/"))),
        }
    }

    fn read_container_of(&self, holder: &Holder, id: &str, now: Timestamp) -> Result<Value, GraphError> {
        let container = self.containers.get(id).ok_or_else(|| GraphError::missing(id))?;
        self.allow(holder, container.account, super::access::Wish::Look)?;
        Ok(container.render(now))
    }

    /// Whose budget a call is made on.
    fn spender(&self, holder: &Holder, segments: &[&str]) -> Option<&'static str> {
        if let Holder::Account(account) = holder {
            return Some(account);
        }
        let node = segments.first()?;
        let container = self.containers.get(*node).map(|container| container.account);
        let media = self.media.get(*node).map(|media| media.account);
        self.accounts.get(*node).map(|account| account.id).or(container).or(media)
    }

    fn spend(&mut self, account: &str, now: Timestamp) -> Result<(), GraphError> {
        let budget = self.settings.budget;
        let Some(account) = self.accounts.get_mut(account) else { return Ok(()) };
        account.calls.retain(|call| now.duration_since(*call) < WINDOW);
        let is_over = account.calls.len() >= budget;
        account.calls.push(now);
        if !is_over {
            return Ok(());
        }
        let frees = account.calls.first().map_or(WINDOW, |first| WINDOW - now.duration_since(*first));
        Err(GraphError::throttled(u64::try_from(frees.as_secs() / 60).unwrap_or(0).max(1)))
    }

    /// The usage header of an answer about an account.
    pub(crate) fn usage(&self, account: &str, wait_minutes: Option<u64>) -> String {
        let used = self.accounts.get(account).map_or(0, |account| account.calls.len());
        let share = (used * 100 / self.settings.budget.max(1)).min(100);
        let share = if wait_minutes.is_some() { 100 } else { share };
        json!({ account: [{
            "type": "instagram",
            "call_count": share,
            "total_cputime": share / 4,
            "total_time": share / 3,
            "estimated_time_to_regain_access": wait_minutes.unwrap_or(0),
        }]})
        .to_string()
    }
}
