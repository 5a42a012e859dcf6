//! The token endpoint: codes, refresh tokens, and grants that are given back.

use super::consent::ISSUER;
use super::world::{ACCESS_LIFE, Access, Grant, World};
use super::{APP, jwt};
use crate::call::Call;
use crate::reply::Reply;
use crate::signature;
use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use hyper::Method;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A code waits that long for its exchange.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

type Refused = (u16, &'static str, &'static str);

impl World {
    /// `POST /token`.
    pub(crate) fn token(&mut self, call: &Call, now: Timestamp) -> (Reply, Option<String>) {
        let answered = self.exchange(call, now);
        let date = now.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        match answered {
            Ok(body) => (Reply::json(200, &body).header("date", &date).header("cache-control", "no-store"), None),
            Err((status, code, description)) => {
                let body = json!({"error": code, "error_description": description});
                (Reply::json(status, &body).header("date", &date), Some(code.to_owned()))
            }
        }
    }

    fn exchange(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refused> {
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        if call.method != Method::POST {
            return Err((405, "invalid_request", "Method not allowed."));
        }
        if !call.query.is_empty() {
            return Err((400, "invalid_request", "Parameters belong into the body."));
        }
        if text("client_id") != APP.id || !signature::equal(&text("client_secret"), APP.secret) {
            return Err((401, "invalid_client", "Unauthorized"));
        }
        match text("grant_type").as_str() {
            "authorization_code" => self.exchange_code(call, now),
            "refresh_token" => self.refresh(&text("refresh_token"), now),
            _ => Err((400, "unsupported_grant_type", "Invalid grant_type")),
        }
    }

    fn exchange_code(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refused> {
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        let bad = (400, "invalid_grant", "Malformed auth code.");
        let code = self.codes.get_mut(&text("code")).ok_or(bad)?;
        if code.used || now.duration_since(code.issued) >= CODE_LIFE {
            return Err((400, "invalid_grant", "Bad Request"));
        }
        if code.redirect_uri != text("redirect_uri") {
            return Err((400, "redirect_uri_mismatch", "Bad Request"));
        }
        if let Some(challenge) = &code.challenge {
            let hash = digest::digest(&digest::SHA256, text("code_verifier").as_bytes());
            if BASE64URL_NOPAD.encode(hash.as_ref()) != *challenge {
                return Err((400, "invalid_grant", "Invalid code verifier."));
            }
        }
        code.used = true;
        let grant = Grant { person: code.person.clone(), scopes: code.scopes.clone(), is_dead: false };
        let refresh = self.ids.opaque("1//0", 80);
        self.grants.insert(refresh.clone(), grant);
        self.answer(&refresh, true, now)
    }

    /// A refresh token stays what it is, and the answer has none.
    fn refresh(&mut self, refresh: &str, now: Timestamp) -> Result<Value, Refused> {
        if self.grants.get(refresh).is_none_or(|grant| grant.is_dead) {
            return Err((400, "invalid_grant", "Token has been expired or revoked."));
        }
        self.answer(refresh, false, now)
    }

    fn answer(&mut self, refresh: &str, is_new: bool, now: Timestamp) -> Result<Value, Refused> {
        let gone = (400, "invalid_grant", "Token has been expired or revoked.");
        let grant = self.grants.get(refresh).cloned().ok_or(gone)?;
        let access = self.issue_access(refresh, now);
        let mut body = json!({
            "access_token": access,
            "expires_in": ACCESS_LIFE,
            "scope": grant.scopes.join(" "),
            "token_type": "Bearer",
        });
        if let Some(members) = body.as_object_mut() {
            if is_new {
                members.insert("refresh_token".to_owned(), refresh.into());
            }
            if grant.scopes.iter().any(|scope| scope == "openid")
                && let Some(token) = self.identity(&grant, now)
            {
                members.insert("id_token".to_owned(), token.into());
            }
        }
        Ok(body)
    }

    pub(crate) fn issue_access(&mut self, grant: &str, now: Timestamp) -> String {
        let access = self.ids.opaque("ya29.a0A", 120);
        let ends_at = now.saturating_add(SignedDuration::from_secs(ACCESS_LIFE)).unwrap_or(Timestamp::MAX);
        self.access.insert(access.clone(), Access { grant: grant.to_owned(), ends_at });
        access
    }

    fn identity(&self, grant: &Grant, now: Timestamp) -> Option<String> {
        let person = self.people.get(grant.person.as_str())?;
        let claims = json!({
            "iss": ISSUER,
            "azp": APP.id,
            "aud": APP.id,
            "sub": person.id,
            "email": person.email,
            "email_verified": true,
            "iat": now.as_second(),
            "exp": now.as_second() + 3_600,
        });
        jwt::signed(&claims, self.key)
    }

    /// `POST /revoke`: an access or a refresh token, and either ends the whole grant.
    pub(crate) fn give_back(&mut self, call: &Call) -> (Reply, Option<String>) {
        let token = call.params.text("token").unwrap_or_default();
        let grant = self.access.get(&token).map_or(token, |access| access.grant.clone());
        match self.grants.get_mut(&grant).filter(|grant| !grant.is_dead) {
            Some(grant) if call.method == Method::POST => {
                grant.is_dead = true;
                (Reply::json(200, &json!({})), None)
            }
            _ => {
                let body = json!({"error": "invalid_token", "error_description": "Token expired or revoked"});
                (Reply::json(400, &body), Some("invalid_token".to_owned()))
            }
        }
    }
}
