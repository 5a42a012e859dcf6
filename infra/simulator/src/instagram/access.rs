//! Tokens: who calls, and whether they may.

use super::APP;
use super::error::GraphError;
use super::world::{Grant, Holder, Token, World};
use crate::call::Call;
use crate::signature;
use jiff::{SignedDuration, Timestamp};

pub(crate) const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(1);
pub(crate) const LONG_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What somebody wants to do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Look,
    Publish,
    Insights,
    Delete,
}

impl Wish {
    fn scope(self, holder: &Holder) -> &'static str {
        match (self, matches!(holder, Holder::Account(_))) {
            (Self::Look, false) => "instagram_basic",
            (Self::Publish, false) => "instagram_content_publish",
            (Self::Insights, false) => "instagram_manage_insights",
            (Self::Delete, false) => "instagram_manage_contents",
            (Self::Look | Self::Delete, true) => "instagram_business_basic",
            (Self::Publish, true) => "instagram_business_content_publish",
            (Self::Insights, true) => "instagram_business_manage_insights",
        }
    }
}

impl World {
    pub(crate) fn issue(&mut self, holder: Holder, life: Option<SignedDuration>, now: Timestamp) -> String {
        let prefix = if matches!(holder, Holder::Account(_)) { "IGAA" } else { "EAAP" };
        let text = self.ids.opaque(prefix, 160);
        let expires = life.and_then(|life| now.checked_add(life).ok());
        self.tokens.insert(text.clone(), Token { holder, issued: now, expires, killed: None });
        text
    }

    /// The grant that a holder lives on.
    pub(crate) fn grant_of(&self, holder: &Holder) -> Option<&Grant> {
        match holder {
            Holder::Page(_, person) => self.grants.get(&Holder::Person(person)),
            Holder::Person(_) | Holder::Account(_) => self.grants.get(holder),
        }
    }

    /// What is wrong with a token, if anything.
    pub(crate) fn fatal(&self, token: &Token, now: Timestamp) -> Option<i64> {
        if token.killed.is_some() {
            return token.killed;
        }
        if token.expires.is_some_and(|expires| expires <= now) {
            return Some(463);
        }
        if self.grant_of(&token.holder).is_none() {
            return Some(458);
        }
        match &token.holder {
            Holder::Page(page, person) => {
                let has_role = self.people.get(person).is_some_and(|person| person.roles.contains_key(page));
                (!has_role).then_some(492)
            }
            Holder::Person(_) | Holder::Account(_) => None,
        }
    }

    /// Who calls.
    pub(crate) fn caller(&self, call: &Call, now: Timestamp) -> Result<Holder, GraphError> {
        let text = call.token().ok_or_else(GraphError::no_token)?;
        let token = self.tokens.get(&text).ok_or_else(GraphError::no_token)?;
        if let Some(subcode) = self.fatal(token, now) {
            return Err(GraphError::dead_token(subcode));
        }
        let holder = token.holder.clone();
        if !matches!(holder, Holder::Account(_)) {
            let expected = signature::hexadecimal(APP.secret, text.as_bytes());
            match call.params.text("appsecret_proof") {
                Some(proof) if !signature::equal(&proof, &expected) => {
                    return Err(GraphError::bad_proof("Invalid appsecret_proof provided in the API argument"));
                }
                None if self.settings.require_proof => {
                    return Err(GraphError::bad_proof("API calls from the server require an appsecret_proof argument"));
                }
                Some(_) | None => {}
            }
        }
        Ok(holder)
    }

    /// Whether the app itself calls.
    pub(crate) fn is_app(call: &Call) -> bool {
        call.token().is_some_and(|token| signature::equal(&token, &format!("{}|{}", APP.id, APP.secret)))
    }

    /// Whether a caller may do that with an account.
    pub(crate) fn allow(&self, holder: &Holder, account: &str, wish: Wish) -> Result<(), GraphError> {
        let scope = wish.scope(holder);
        let grant = self.grant_of(holder).ok_or_else(|| GraphError::dead_token(458))?;
        if !grant.scopes.contains(scope) {
            return Err(GraphError::permission(scope));
        }
        let (page, person) = match holder {
            Holder::Account(own) => {
                let is_professional = self.accounts.get(own).is_some_and(|account| account.kind != "PERSONAL");
                return if *own == account && is_professional { Ok(()) } else { Err(GraphError::missing(account)) };
            }
            Holder::Page(page, person) => (Some(*page), *person),
            Holder::Person(person) => {
                let linked = self.pages.values().find(|page| page.account == Some(account));
                (linked.map(|page| page.id), *person)
            }
        };
        let page = page.filter(|page| self.pages.get(page).is_some_and(|page| page.account == Some(account)));
        let tasks = page.and_then(|page| self.people.get(person)?.roles.get(page));
        let tasks = tasks.ok_or_else(|| GraphError::missing(account))?;
        if page.is_some_and(|page| !grant.pages.contains(page)) {
            return Err(GraphError::missing(account));
        }
        if wish == Wish::Publish && !tasks.contains(&"CREATE_CONTENT") {
            return Err(GraphError::permission("CREATE_CONTENT"));
        }
        Ok(())
    }
}
