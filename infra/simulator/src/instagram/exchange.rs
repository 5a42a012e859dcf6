//! Where codes become tokens and tokens become longer ones, and where tokens are asked about.

use super::APP;
use super::access::{LONG_LIFE, SHORT_LIFE};
use super::error::GraphError;
use super::world::{Code, Holder, World};
use crate::call::Call;
use crate::signature;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const CODE_LIFE: SignedDuration = SignedDuration::from_hours(1);
const DATA_ACCESS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A token of Instagram Login is renewed when it is a day old.
const RENEWABLE: SignedDuration = SignedDuration::from_hours(24);

impl World {
    /// `GET /oauth/access_token` of Facebook Login.
    pub(crate) fn exchange_facebook(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        check_app(call)?;
        match call.params.text("grant_type").as_deref() {
            None | Some("authorization_code") => {
                let holder = self.use_code(call, now, false)?;
                Ok(answer(&self.issue(holder, Some(SHORT_LIFE), now), SHORT_LIFE))
            }
            Some("fb_exchange_token") => {
                let text = call.params.required("fb_exchange_token")?;
                let token = self.tokens.get(&text).ok_or_else(GraphError::no_token)?;
                if let Some(subcode) = self.fatal(token, now) {
                    return Err(GraphError::dead_token(subcode));
                }
                let holder = token.holder.clone();
                if !matches!(holder, Holder::Person(_)) {
                    return Err(GraphError::parameter("Only a user access token can be exchanged"));
                }
                Ok(answer(&self.issue(holder, Some(LONG_LIFE), now), LONG_LIFE))
            }
            Some(_) => Err(GraphError::parameter("Unsupported grant_type")),
        }
    }

    /// `POST /oauth/access_token` of Instagram Login.
    pub(crate) fn exchange_instagram(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        check_app(call)?;
        if call.params.text("grant_type").as_deref() != Some("authorization_code") {
            return Err(GraphError::parameter("Unsupported grant_type"));
        }
        let holder = self.use_code(call, now, true)?;
        let scopes = self.grants.get(&holder).map(|grant| grant.scopes.iter().cloned().collect::<Vec<_>>().join(","));
        let user_id: Option<u64> = match &holder {
            Holder::Account(account) => account.parse().ok(),
            Holder::Person(_) | Holder::Page(..) => None,
        };
        let token = self.issue(holder, Some(SHORT_LIFE), now);
        Ok(json!({"access_token": token, "user_id": user_id, "permissions": scopes}))
    }

    fn use_code(&mut self, call: &Call, now: Timestamp, is_instagram: bool) -> Result<Holder, GraphError> {
        let refuse = |subcode, message: &str| Err(GraphError::new(100, Some(subcode), message));
        let (text, redirect_uri) = (call.params.required("code")?, call.params.required("redirect_uri")?);
        let Some(code) = self.codes.get_mut(&text) else {
            return refuse(36_009, "Invalid verification code format.");
        };
        let Code { holder, redirect_uri: expected, issued, is_used } = code;
        if *is_used || now.duration_since(*issued) >= CODE_LIFE {
            return refuse(36_009, "This authorization code has been used or has expired.");
        }
        if *expected != redirect_uri || matches!(holder, Holder::Account(_)) != is_instagram {
            return refuse(36_008, "Error validating verification code.");
        }
        *is_used = true;
        Ok(holder.clone())
    }

    /// `GET /access_token`: the long token of Instagram Login.
    pub(crate) fn extend_instagram(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let is_ours = signature::equal(&call.params.required("client_secret")?, APP.secret);
        if !is_ours || call.params.text("grant_type").as_deref() != Some("ig_exchange_token") {
            return Err(GraphError::parameter("Error validating the exchange"));
        }
        let (holder, _) = self.account_token(call, now)?;
        Ok(answer(&self.issue(holder, Some(LONG_LIFE), now), LONG_LIFE))
    }

    /// `GET /refresh_access_token`: sixty days more, for a long token that is a day old.
    pub(crate) fn refresh_instagram(&mut self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        if call.params.text("grant_type").as_deref() != Some("ig_refresh_token") {
            return Err(GraphError::parameter("Unsupported grant_type"));
        }
        let (holder, issued) = self.account_token(call, now)?;
        if now.duration_since(issued) < RENEWABLE {
            return Err(GraphError::parameter("The access token is not old enough to be refreshed"));
        }
        Ok(answer(&self.issue(holder, Some(LONG_LIFE), now), LONG_LIFE))
    }

    fn account_token(&self, call: &Call, now: Timestamp) -> Result<(Holder, Timestamp), GraphError> {
        let text = call.params.required("access_token")?;
        let token = self.tokens.get(&text).ok_or_else(GraphError::no_token)?;
        if let Some(subcode) = self.fatal(token, now) {
            return Err(GraphError::dead_token(subcode));
        }
        match &token.holder {
            Holder::Account(_) => Ok((token.holder.clone(), token.issued)),
            Holder::Person(_) | Holder::Page(..) => Err(GraphError::no_token()),
        }
    }

    /// `GET /debug_token`: 200 even for a dead token.
    pub(crate) fn debug_token(&self, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let input = call.params.required("input_token")?;
        let Some(token) = self.tokens.get(&input) else {
            let error = json!({"code": 190, "message": "Invalid OAuth access token."});
            return Ok(json!({"data": {"error": error, "is_valid": false, "scopes": []}}));
        };
        let grant = self.grant_of(&token.holder).cloned().unwrap_or_default();
        let (person, page) = match &token.holder {
            Holder::Person(person) => (*person, None),
            Holder::Page(page, person) => (*person, Some(*page)),
            Holder::Account(_) => return Err(GraphError::parameter("This token belongs to Instagram Login")),
        };
        // Which accounts the person ticked, by the Pages that they are linked to.
        let ticked = |page: &String| self.pages.get(page.as_str()).and_then(|page| page.account);
        let accounts: Vec<&str> = grant.pages.iter().filter_map(ticked).collect();
        let of_accounts = |scope: &&String| scope.starts_with("instagram_");
        let granular =
            grant.scopes.iter().filter(of_accounts).map(|scope| json!({"scope": scope, "target_ids": accounts}));
        let granular: Vec<Value> = granular.collect();
        let data_access = grant.since.checked_add(DATA_ACCESS).unwrap_or(grant.since);
        let mut data = json!({
            "app_id": APP.id,
            "type": if page.is_some() { "PAGE" } else { "USER" },
            "data_access_expires_at": data_access.as_second(),
            "expires_at": token.expires.map_or(0, Timestamp::as_second),
            "is_valid": true,
            "issued_at": token.issued.as_second(),
            "scopes": grant.scopes,
            "granular_scopes": granular,
            "user_id": person,
        });
        if let (Some(fields), Some(subcode)) = (data.as_object_mut(), self.fatal(token, now)) {
            fields.insert("is_valid".to_owned(), false.into());
            fields.insert("error".to_owned(), json!({"code": 190, "subcode": subcode, "message": "dead"}));
        }
        Ok(json!({ "data": data }))
    }
}

fn check_app(call: &Call) -> Result<(), GraphError> {
    if call.params.required("client_id")? != APP.id {
        return Err(GraphError::new(101, None, "Error validating application."));
    }
    if !signature::equal(&call.params.required("client_secret")?, APP.secret) {
        return Err(GraphError::new(1, None, "Error validating client secret."));
    }
    Ok(())
}

fn answer(token: &str, life: SignedDuration) -> Value {
    json!({"access_token": token, "token_type": "bearer", "expires_in": life.as_secs()})
}
