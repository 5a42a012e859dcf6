//! Tokens: exchange, rotation, revocation. Errors have a form of their own, and some come with 200.

use super::APP;
use super::world::{Login, Token, World};
use crate::call::Call;
use crate::reply::Reply;
use crate::signature;
use crate::stage::Acted;
use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use hyper::Method;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);
pub(crate) const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(2);
const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);

impl World {
    /// `POST /v2/oauth/token/`.
    pub(crate) fn token(&mut self, call: &Call, now: Timestamp) -> Acted {
        if let Some(refused) = self.refuse_client(call) {
            return refused;
        }
        match call.params.text("grant_type").as_deref() {
            Some("authorization_code") => self.exchange(call, now),
            Some("refresh_token") => self.renew(call, now),
            _ => self.refuse(400, "unsupported_grant_type"),
        }
    }

    fn refuse_client(&mut self, call: &Call) -> Option<Acted> {
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        let is_form =
            call.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if call.method != Method::POST || !is_form {
            return Some(self.refuse(400, "invalid_request"));
        }
        let is_ours = text("client_key") == APP.id && signature::equal(&text("client_secret"), APP.secret);
        (!is_ours).then(|| self.refuse(401, "invalid_client"))
    }

    fn refuse(&mut self, status: u16, error: &'static str) -> Acted {
        let log_id = self.ids.opaque("2026", 24);
        let body = json!({"error": error, "error_description": "made by the simulator", "log_id": log_id});
        Acted::refused(Reply::json(status, &body), error)
    }

    fn exchange(&mut self, call: &Call, now: Timestamp) -> Acted {
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        let Some(code) = self.codes.get_mut(&text("code")) else { return self.refuse(200, "invalid_grant") };
        let is_old = now.duration_since(code.issued) >= CODE_LIFE;
        if code.is_used || is_old || code.redirect_uri != text("redirect_uri") {
            return self.refuse(200, "invalid_grant");
        }
        let verifier = digest::digest(&digest::SHA256, text("code_verifier").as_bytes());
        if code.challenge.as_ref().is_some_and(|challenge| *challenge != HEXLOWER.encode(verifier.as_ref())) {
            return self.refuse(400, "invalid_request");
        }
        code.is_used = true;
        let (open_id, scopes) = (code.open_id.clone(), code.scopes.clone());
        let login = self.log_in(&open_id, scopes);
        self.give(login, now)
    }

    /// A new login of an account; what it had before is over.
    pub(crate) fn log_in(&mut self, open_id: &str, scopes: Vec<String>) -> usize {
        self.end_logins(open_id);
        self.logins.push(Login { open_id: open_id.to_owned(), scopes, is_over: false });
        self.logins.len() - 1
    }

    /// Every token of the account is dead.
    pub(crate) fn end_logins(&mut self, open_id: &str) {
        self.logins.iter_mut().filter(|login| login.open_id == open_id).for_each(|login| login.is_over = true);
    }

    fn renew(&mut self, call: &Call, now: Timestamp) -> Acted {
        let text = call.params.text("refresh_token").unwrap_or_default();
        let Some(token) = self.refresh.get_mut(&text) else { return self.refuse(200, "invalid_grant") };
        let login = token.login;
        let is_good = !token.is_used && token.ends > now;
        if !is_good || self.logins.get(login).is_none_or(|login| login.is_over) {
            return self.refuse(200, "invalid_grant");
        }
        token.is_used = true;
        self.give(login, now)
    }

    fn give(&mut self, login: usize, now: Timestamp) -> Acted {
        let (access, refresh) = self.mint(login, now);
        let (open_id, scope) =
            self.logins.get(login).map(|login| (login.open_id.clone(), login.scopes.join(","))).unwrap_or_default();
        let reply = Reply::json(
            200,
            &json!({
                "open_id": open_id,
                "scope": scope,
                "access_token": access,
                "expires_in": ACCESS_LIFE.as_secs(),
                "refresh_token": refresh,
                "refresh_expires_in": REFRESH_LIFE.as_secs(),
                "token_type": "Bearer",
            }),
        );
        // Lifetimes count from the date of the answer, which is that of the simulator's clock.
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
        Acted::accepted(match date {
            Ok(date) => reply.header("date", &date),
            Err(_) => reply,
        })
    }

    /// A pair of tokens.
    pub(crate) fn mint(&mut self, login: usize, now: Timestamp) -> (String, String) {
        let token = |life| Token { login, ends: now.saturating_add(life).unwrap_or(Timestamp::MAX), is_used: false };
        let (access, refresh) = (self.ids.opaque("act.", 40), self.ids.opaque("rft.", 40));
        self.access.insert(access.clone(), token(ACCESS_LIFE));
        self.refresh.insert(refresh.clone(), token(REFRESH_LIFE));
        (access, refresh)
    }

    /// `POST /v2/oauth/revoke/`.
    pub(crate) fn revoke(&mut self, call: &Call, now: Timestamp) -> Acted {
        if let Some(refused) = self.refuse_client(call) {
            return refused;
        }
        let text = call.params.text("token").unwrap_or_default();
        let Some(login) = self.access.get(&text).map(|token| token.login) else {
            return self.refuse(200, "invalid_grant");
        };
        let Some(login) = self.logins.get_mut(login).filter(|login| !login.is_over) else {
            return self.refuse(200, "invalid_grant");
        };
        login.is_over = true;
        let open_id = login.open_id.clone();
        self.tell(&open_id, "authorization.removed", &json!({"reason": 5}), now);
        Acted::accepted(Reply::json(200, &json!({})))
    }
}
