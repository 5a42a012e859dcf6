//! A token endpoint as OAuth 2.0 has it (RFC 6749, section 6; RFC 9700, section 4.14.2), without a platform around it: what
//! rotating refresh tokens does to a client can be seen here alone.
//!
//! A refresh token works once. A second use ends its whole family, the tokens that are good included: the server cannot know
//! which of two users is the thief. A server with grace forgives a second use for a while, and answers it with the same next
//! refresh token. A server that does not rotate takes the same refresh token again and again and never sends another.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::signature;

/// What the server does with a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It is over; a second use ends its family.
    Strict,
    /// Like [`Self::Strict`], after this long, or once its successor has been used.
    Grace(SignedDuration),
    /// It stays good, and answers carry no refresh token.
    Never,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Value,
}

/// A use of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Which login it descends from.
    pub family: u64,
    /// Which token of that family, from 0.
    pub generation: u64,
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// New tokens.
    Renewed,
    /// The same again: a second use within the grace.
    Forgiven,
    /// A second use: the family has ended with it.
    Reused,
    /// The family had ended before, by a second use, a new login or its owner.
    Over,
    /// No such token.
    Unknown,
}

#[derive(Debug)]
struct Family {
    account: String,
    over: bool,
}

#[derive(Debug)]
struct Refresh {
    family: u64,
    generation: u64,
    ends_at: Timestamp,
    used_at: Option<Timestamp>,
    next: Option<String>,
}

#[derive(Debug)]
struct Access {
    family: u64,
    ends_at: Timestamp,
}

/// The server.
#[derive(Debug)]
pub struct TokenServer {
    rotation: Rotation,
    access_lasts: SignedDuration,
    refresh_lasts: SignedDuration,
    families: Vec<Family>,
    refresh: BTreeMap<String, Refresh>,
    access: BTreeMap<String, Access>,
    given: u64,
    uses: Vec<Use>,
}

impl TokenServer {
    /// A server without accounts. Access tokens last for two hours, refresh tokens for 180 days.
    #[must_use]
    pub fn new(rotation: Rotation) -> Self {
        Self {
            rotation,
            access_lasts: SignedDuration::from_hours(2),
            refresh_lasts: SignedDuration::from_hours(180 * 24),
            families: Vec::new(),
            refresh: BTreeMap::new(),
            access: BTreeMap::new(),
            given: 0,
            uses: Vec::new(),
        }
    }

    /// Sets how long tokens last that are given from now on.
    pub fn set_lifetimes(&mut self, access: SignedDuration, refresh: SignedDuration) {
        (self.access_lasts, self.refresh_lasts) = (access, refresh);
    }

    /// Somebody logs in: the body of the answer to their code. What the account had before is over.
    pub fn login(&mut self, account: &str, now: Timestamp) -> Value {
        self.end(account);
        let family = self.families.len() as u64;
        self.families.push(Family { account: account.to_owned(), over: false });
        let refresh = self.mint_refresh(family, 0, now);
        self.answer(family, Some(refresh), now)
    }

    /// The owner of the account takes the grant back.
    pub fn end(&mut self, account: &str) {
        self.families.iter_mut().filter(|family| family.account == account).for_each(|family| family.over = true);
    }

    /// Every access token is over before its time; refresh tokens are as they were.
    pub fn forget_access_tokens(&mut self) {
        self.access.clear();
    }

    /// Answers a call of the token endpoint.
    pub fn token(&mut self, form: &[(String, String)], now: Timestamp) -> Reply {
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        if field("client_id") != crate::APP_ID || field("client_secret") != crate::APP_SECRET {
            return refused(401, "invalid_client");
        }
        if field("grant_type") != "refresh_token" {
            return refused(400, "unsupported_grant_type");
        }
        if field("refresh_token").is_empty() {
            return refused(400, "invalid_request");
        }
        let name = field("refresh_token").to_owned();
        let Some(token) = self.refresh.get(&name) else {
            self.uses.push(Use { family: u64::MAX, generation: 0, at: now, outcome: Outcome::Unknown });
            return refused(400, "invalid_grant");
        };
        let (family, generation) = (token.family, token.generation);
        let outcome = self.judge(token, now);
        self.uses.push(Use { family, generation, at: now, outcome });
        match outcome {
            Outcome::Renewed => {
                let next = (self.rotation != Rotation::Never).then(|| self.mint_refresh(family, generation + 1, now));
                if let (Some(token), Some(next)) = (self.refresh.get_mut(&name), &next) {
                    token.used_at = Some(now);
                    token.next = Some(next.clone());
                }
                Reply { status: 200, body: self.answer(family, next, now) }
            }
            Outcome::Forgiven => {
                let next = self.refresh.get(&name).and_then(|token| token.next.clone());
                Reply { status: 200, body: self.answer(family, next, now) }
            }
            Outcome::Reused => {
                if let Some(family) = usize::try_from(family).ok().and_then(|family| self.families.get_mut(family)) {
                    family.over = true;
                }
                refused(400, "invalid_grant")
            }
            Outcome::Over | Outcome::Unknown => refused(400, "invalid_grant"),
        }
    }

    fn judge(&self, token: &Refresh, now: Timestamp) -> Outcome {
        if self.is_over(token.family) || token.ends_at <= now {
            return Outcome::Over;
        }
        let Some(used_at) = token.used_at else { return Outcome::Renewed };
        let next_is_used =
            token.next.as_ref().and_then(|next| self.refresh.get(next)).is_some_and(|next| next.used_at.is_some());
        match self.rotation {
            Rotation::Grace(grace) if now.duration_since(used_at) <= grace && !next_is_used => Outcome::Forgiven,
            Rotation::Grace(_) | Rotation::Strict | Rotation::Never => Outcome::Reused,
        }
    }

    /// Whether a call with this access token is let in.
    #[must_use]
    pub fn accepts(&self, access: &str, now: Timestamp) -> bool {
        self.access.get(access).is_some_and(|token| token.ends_at > now && !self.is_over(token.family))
    }

    /// Whether this refresh token would be taken.
    #[must_use]
    pub fn takes(&self, refresh: &str, now: Timestamp) -> bool {
        let outcome = self.refresh.get(refresh).map(|token| self.judge(token, now));
        matches!(outcome, Some(Outcome::Renewed | Outcome::Forgiven))
    }

    /// Whether the newest login of an account is over, if there is one.
    #[must_use]
    pub fn newest_is_over(&self, account: &str) -> bool {
        self.families.iter().rev().find(|family| family.account == account).is_none_or(|family| family.over)
    }

    /// Every use of a refresh token so far, in order.
    #[must_use]
    pub fn uses(&self) -> &[Use] {
        &self.uses
    }

    /// How many uses ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.uses.iter().filter(|made| made.outcome == outcome).count()
    }

    fn is_over(&self, family: u64) -> bool {
        usize::try_from(family).ok().and_then(|family| self.families.get(family)).is_none_or(|family| family.over)
    }

    fn mint_refresh(&mut self, family: u64, generation: u64, now: Timestamp) -> String {
        let name = minted(&format!("refresh-{family}-{generation}"));
        let ends_at = now.saturating_add(self.refresh_lasts).unwrap_or(Timestamp::MAX);
        self.refresh.insert(name.clone(), Refresh { family, generation, ends_at, used_at: None, next: None });
        name
    }

    fn answer(&mut self, family: u64, refresh: Option<String>, now: Timestamp) -> Value {
        let name = minted(&format!("access-{family}-{}", self.given));
        self.given += 1;
        let ends_at = now.saturating_add(self.access_lasts).unwrap_or(Timestamp::MAX);
        self.access.insert(name.clone(), Access { family, ends_at });
        let mut body =
            json!({ "token_type": "Bearer", "access_token": name, "expires_in": self.access_lasts.as_secs() });
        if let (Some(refresh), Some(members)) = (refresh, body.as_object_mut()) {
            let left = self.refresh.get(&refresh).map_or(0, |token| token.ends_at.duration_since(now).as_secs());
            members.insert("refresh_token".into(), refresh.into());
            members.insert("refresh_expires_in".into(), left.into());
        }
        body
    }
}

/// A token with this name: what nobody could guess comes first, as tests look for the beginnings of tokens.
fn minted(name: &str) -> String {
    let word = signature::digest(b"token server", name.as_bytes());
    format!("{}-{name}", data_encoding::BASE32_NOPAD.encode(word.get(..10).unwrap_or_default()))
}

fn refused(status: u16, error: &str) -> Reply {
    Reply { status, body: json!({ "error": error }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn form(refresh: &str) -> Vec<(String, String)> {
        [
            ("client_id", crate::APP_ID),
            ("client_secret", crate::APP_SECRET),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    fn of(body: &Value, name: &str) -> String {
        body[name].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_second_use_ends_the_whole_family() {
        let mut server = TokenServer::new(Rotation::Strict);
        let first = of(&server.login("ada", at(0)), "refresh_token");
        let renewed = server.token(&form(&first), at(1)).body;
        assert!(
            server.accepts(&of(&renewed, "access_token"), at(2)) && server.takes(&of(&renewed, "refresh_token"), at(2))
        );
        assert_eq!(server.token(&form(&first), at(2)), refused(400, "invalid_grant"));
        assert!(!server.accepts(&of(&renewed, "access_token"), at(3)));
        assert_eq!(server.token(&form(&of(&renewed, "refresh_token")), at(3)), refused(400, "invalid_grant"));
        let outcomes: Vec<Outcome> = server.uses().iter().map(|made| made.outcome).collect();
        assert_eq!(outcomes, [Outcome::Renewed, Outcome::Reused, Outcome::Over]);
    }

    #[test]
    fn grace_answers_a_second_use_with_the_same_successor_until_that_is_used() {
        let mut server = TokenServer::new(Rotation::Grace(SignedDuration::from_mins(5)));
        let first = of(&server.login("ada", at(0)), "refresh_token");
        let next = of(&server.token(&form(&first), at(1)).body, "refresh_token");
        assert_eq!(of(&server.token(&form(&first), at(5)).body, "refresh_token"), next);
        assert_eq!(server.token(&form(&next), at(6)).status, 200);
        assert_eq!(server.token(&form(&first), at(6)).status, 400);
        assert_eq!(server.count(Outcome::Reused), 1);
    }

    #[test]
    fn a_server_that_does_not_rotate_sends_no_refresh_token() {
        let mut server = TokenServer::new(Rotation::Never);
        let first = of(&server.login("ada", at(0)), "refresh_token");
        for minute in 1..4 {
            let body = server.token(&form(&first), at(minute)).body;
            assert!(body.get("refresh_token").is_none() && server.accepts(&of(&body, "access_token"), at(minute)));
        }
    }

    #[test]
    fn tokens_end_with_their_time_and_with_another_login() {
        let mut server = TokenServer::new(Rotation::Strict);
        let tokens = server.login("ada", at(0));
        let (access, refresh) = (of(&tokens, "access_token"), of(&tokens, "refresh_token"));
        assert!(server.accepts(&access, at(119)) && !server.accepts(&access, at(120)));
        assert!(server.takes(&refresh, at(179 * 1_440)) && !server.takes(&refresh, at(180 * 1_440)));
        server.login("ada", at(1));
        assert!(!server.accepts(&access, at(2)) && !server.takes(&refresh, at(2)));
    }
}
