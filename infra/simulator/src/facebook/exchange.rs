//! `/oauth/access_token` and `/debug_token`: codes into tokens, short into long, and what a token is.

use super::error::GraphError;
use super::grants::is_granular;
use super::tokens::{CODE_LIFE, Caller, DATA_ACCESS_LIFE, LONG_LIFE, SHORT_LIFE, Token, is_app_token};
use super::world::World;
use crate::call::Call;
use crate::{APP_ID, APP_NAME, APP_SECRET, signature};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const PARAMS: &str = "client_id client_secret redirect_uri code grant_type fb_exchange_token";

impl World {
    /// `GET /oauth/access_token`: no access token needed, the secret speaks.
    pub(crate) fn exchange(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        self.strict(call, "", "oauth/access_token", &[PARAMS])?;
        check_app(call)?;
        match call.params.text("grant_type").as_deref() {
            None | Some("authorization_code") => self.exchange_code(call, now),
            Some("fb_exchange_token") => self.exchange_token(call, now),
            Some("client_credentials") => {
                Ok(json!({"access_token": format!("{APP_ID}|{APP_SECRET}"), "token_type": "bearer"}))
            }
            Some(other) => Err(GraphError::parameter(format!("Unsupported grant_type {other}"))),
        }
    }

    fn exchange_code(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let text = call.params.required("code")?;
        let redirect_uri = call.params.required("redirect_uri")?;
        let refuse = |subcode, message: &str| Err(GraphError::new(100, message).subcode(subcode));
        let Some(code) = self.codes.get_mut(&text) else {
            return refuse(36_009, "Invalid verification code format.");
        };
        if code.used {
            return refuse(36_009, "This authorization code has been used.");
        }
        if now.duration_since(code.issued) >= CODE_LIFE {
            return refuse(36_007, "This authorization code has expired.");
        }
        if code.redirect_uri != redirect_uri {
            return refuse(
                36_008,
                "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request",
            );
        }
        code.used = true;
        let user = code.user.clone();
        if !self.grants.contains_key(&user) {
            return Err(GraphError::dead_token(458));
        }
        Ok(answer(&self.issue_user_token(&user, SHORT_LIFE, now), SHORT_LIFE))
    }

    fn exchange_token(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let text = call.params.required("fb_exchange_token")?;
        let token = self.tokens.get(&text).cloned().ok_or_else(GraphError::unparsable_token)?;
        if let Some(error) = self.fatal(&token, now) {
            return Err(error);
        }
        if token.page.is_some() {
            return Err(GraphError::parameter("Only a user access token can be exchanged"));
        }
        Ok(answer(&self.issue_user_token(&token.user, LONG_LIFE, now), LONG_LIFE))
    }

    /// `GET /debug_token`: 200 even for a dead token.
    pub(crate) fn debug_token(&self, caller: &Caller, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        self.strict(call, "GET", "debug_token", &["input_token"])?;
        let input = call.params.required("input_token")?;
        if matches!(caller, Caller::Page { .. }) {
            return Err(GraphError::parameter(
                "You must provide an app access token, or a user access token that is an owner or developer of the app",
            ));
        }
        if is_app_token(&input) {
            let data =
                json!({"app_id": APP_ID, "type": "APP", "application": APP_NAME, "is_valid": true, "scopes": []});
            return Ok(json!({ "data": data }));
        }
        let Some(token) = self.tokens.get(&input) else {
            let error = json!({"code": 190, "message": "Invalid OAuth access token."});
            return Ok(json!({"data": {"error": error, "is_valid": false, "scopes": []}}));
        };
        Ok(json!({ "data": self.describe(token, now) }))
    }

    fn describe(&self, token: &Token, now: Timestamp) -> Value {
        let grant = self.grants.get(&token.user);
        let scopes: Vec<&String> = grant.map(|grant| grant.scopes.iter().collect()).unwrap_or_default();
        let granular: Vec<Value> = scopes
            .iter()
            .filter(|scope| is_granular(scope))
            .map(|scope| json!({"scope": scope, "target_ids": grant.map(|grant| &grant.pages)}))
            .collect();
        let login = grant.map_or(token.issued, |grant| grant.last_login);
        let data_access = login.checked_add(DATA_ACCESS_LIFE).unwrap_or(login);
        let mut data = json!({
            "app_id": APP_ID,
            "type": if token.page.is_some() { "PAGE" } else { "USER" },
            "application": APP_NAME,
            "data_access_expires_at": data_access.as_second(),
            "expires_at": token.expires.map_or(0, Timestamp::as_second),
            "is_valid": true,
            "issued_at": token.issued.as_second(),
            "scopes": scopes,
            "granular_scopes": granular,
            "user_id": token.user,
        });
        if let Some(fields) = data.as_object_mut() {
            if let Some(page) = &token.page {
                fields.insert("profile_id".to_owned(), page.as_str().into());
            }
            if let Some(error) = self.fatal(token, now) {
                let error = json!({"code": error.code, "message": error.message, "subcode": error.subcode});
                fields.insert("is_valid".to_owned(), false.into());
                fields.insert("error".to_owned(), error);
            }
        }
        data
    }
}

fn check_app(call: &Call) -> Result<(), GraphError> {
    if call.params.required("client_id")? != APP_ID {
        let message = "Error validating application. Cannot get application info due to a system error.";
        return Err(GraphError::new(101, message));
    }
    if !signature::equal(&call.params.required("client_secret")?, APP_SECRET) {
        return Err(GraphError::new(1, "Error validating client secret."));
    }
    Ok(())
}

fn answer(token: &str, life: SignedDuration) -> Value {
    json!({"access_token": token, "token_type": "bearer", "expires_in": life.as_secs()})
}
