//! Codes, tokens and what becomes of them.

use super::error::ApiError;
use super::world::{Caller, World, app};
use super::{MEMBER_APP, PAGE_APP};
use crate::call::Call;
use crate::reply::Reply;
use crate::signature;
use hyper::Method;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;

const CODE_LIFE: SignedDuration = SignedDuration::from_mins(30);
const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(24 * 60);
const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);

/// What the products of each app allow to be asked for.
pub(crate) const MEMBER_SCOPES: [&str; 4] = ["openid", "profile", "email", "w_member_social"];
pub(crate) const PAGE_SCOPES: [&str; 5] = [
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
    "r_organization_admin",
    "r_basicprofile",
];

#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) token: Token,
    pub(crate) redirect_uri: String,
    pub(crate) used: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) app: &'static str,
    pub(crate) member: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) ends: Timestamp,
    pub(crate) is_revoked: bool,
}

/// What an app may ask for.
pub(crate) fn allowed(app: &str) -> &'static [&'static str] {
    if app == PAGE_APP.id { &PAGE_SCOPES } else { &MEMBER_SCOPES }
}

impl World {
    pub(crate) fn issue_code(
        &mut self,
        (app, member): (&'static str, &str),
        scopes: Vec<String>,
        redirect_uri: &str,
        now: Timestamp,
    ) -> String {
        let text = self.ids.opaque("AQT", 60);
        let ends = later(now, CODE_LIFE);
        let token = Token { app, member: member.to_owned(), scopes, ends, is_revoked: false };
        self.codes.insert(text.clone(), Code { token, redirect_uri: redirect_uri.to_owned(), used: false });
        text
    }

    /// An access token; another set of scopes ends those that the member gave this app before.
    pub(crate) fn issue(&mut self, of: &Token, now: Timestamp) -> String {
        let all = self.tokens.values_mut().chain(self.refresh.values_mut());
        for token in all.filter(|token| token.app == of.app && token.member == of.member && token.scopes != of.scopes) {
            token.is_revoked = true;
        }
        let text = self.ids.opaque("AQX", 500);
        self.tokens.insert(text.clone(), Token { ends: later(now, ACCESS_LIFE), is_revoked: false, ..of.clone() });
        text
    }

    /// `POST /oauth/v2/accessToken`.
    pub(crate) fn exchange(&mut self, call: &Call, now: Timestamp) -> (Reply, Option<&'static str>) {
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        if call.method != Method::POST || !call.query.is_empty() {
            return refused(400, "invalid_request");
        }
        let Some(app) = app(&text("client_id")).filter(|app| signature::equal(&text("client_secret"), app.secret))
        else {
            return refused(401, "invalid_client");
        };
        match text("grant_type").as_str() {
            "authorization_code" => {
                let Some(code) = self.codes.get_mut(&text("code")) else { return refused(400, "invalid_request") };
                let fits = code.token.app == app.id && code.redirect_uri == text("redirect_uri");
                if code.used || code.token.ends <= now || !fits {
                    return refused(400, "invalid_request");
                }
                code.used = true;
                let of = code.token.clone();
                let refresh = (app.id == PAGE_APP.id).then(|| {
                    let text = self.ids.opaque("AQW", 300);
                    let ends = later(now, REFRESH_LIFE);
                    self.refresh.insert(text.clone(), Token { ends, ..of.clone() });
                    (text, ends)
                });
                self.answer(&of, refresh, now)
            }
            "refresh_token" => {
                let name = text("refresh_token");
                let known = self.refresh.get(&name).filter(|token| token.app == app.id);
                let Some(of) = known.filter(|token| token.ends > now && !token.is_revoked).cloned() else {
                    return refused(400, "invalid_request");
                };
                // The same refresh token, whose life keeps counting down.
                self.answer(&of, Some((name, of.ends)), now)
            }
            _ => refused(400, "unsupported_grant_type"),
        }
    }

    fn answer(
        &mut self,
        of: &Token,
        refresh: Option<(String, Timestamp)>,
        now: Timestamp,
    ) -> (Reply, Option<&'static str>) {
        let access = self.issue(of, now);
        let mut body = json!({
            "access_token": access, "expires_in": ACCESS_LIFE.as_secs(), "scope": of.scopes.join(","),
            "token_type": "Bearer",
        });
        if let (Some((refresh, ends)), Some(members)) = (refresh, body.as_object_mut()) {
            members.insert("refresh_token".to_owned(), refresh.into());
            members.insert("refresh_token_expires_in".to_owned(), ends.duration_since(now).as_secs().into());
        }
        (Reply::json(200, &body), None)
    }

    /// `POST /oauth/v2/introspectToken`.
    pub(crate) fn introspect(&self, call: &Call, now: Timestamp) -> (Reply, Option<&'static str>) {
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        let Some(app) = app(&text("client_id")).filter(|app| signature::equal(&text("client_secret"), app.secret))
        else {
            return refused(401, "invalid_client");
        };
        let Some(token) = self.tokens.get(&text("token")).filter(|token| token.app == app.id) else {
            return (Reply::json(200, &json!({"active": false, "status": "revoked"})), None);
        };
        let status = match (token.is_revoked, token.ends <= now) {
            (true, _) => "revoked",
            (false, true) => "expired",
            (false, false) => "active",
        };
        let body = json!({
            "active": status == "active", "status": status, "scope": token.scopes.join(","), "client_id": app.id,
            "expires_at": token.ends.as_second(), "auth_type": "3L",
        });
        (Reply::json(200, &body), None)
    }

    /// Who calls, with a token that lives; and one more call of the day.
    pub(crate) fn caller(&mut self, call: &Call, now: Timestamp) -> Result<Caller, ApiError> {
        let name = call.bearer.as_deref().ok_or_else(|| ApiError::token("EMPTY_ACCESS_TOKEN"))?;
        let token = self.tokens.get(name).cloned().ok_or_else(|| ApiError::token("INVALID_ACCESS_TOKEN"))?;
        if token.is_revoked {
            return Err(ApiError::token("REVOKED_ACCESS_TOKEN"));
        }
        if token.ends <= now {
            return Err(ApiError::token("EXPIRED_ACCESS_TOKEN"));
        }
        let day = now.to_zoned(TimeZone::UTC).date();
        let app = if token.app == PAGE_APP.id { PAGE_APP.id } else { MEMBER_APP.id };
        let limits = [
            ("APPLICATION", app.to_owned(), self.settings.calls_per_app),
            ("MEMBER", format!("{app}/{}", token.member), self.settings.calls_per_member),
        ];
        for (scope, key, limit) in limits {
            let count = self.counted.entry((day, key)).or_default();
            *count += 1;
            if *count > limit {
                return Err(ApiError::throttled(scope));
            }
        }
        Ok(Caller { member: token.member, scopes: token.scopes })
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}

fn refused(status: u16, code: &'static str) -> (Reply, Option<&'static str>) {
    let body = json!({"error": code, "error_description": "made by the simulator"});
    (Reply::json(status, &body), Some(code))
}
