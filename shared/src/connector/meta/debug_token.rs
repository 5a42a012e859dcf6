//! Asks Meta about a token. The answer has status 200 even for a dead one: only `is_valid` tells.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::{
    errors::{Errors, refusal},
    graph, sign,
};
use crate::{
    connector::{Answer, ConnectorError, Flow, Health, Request, Step},
    secret::{AccessToken, AppCredentials},
};

/// Where tokens are asked about, and what the platform calls what is wrong with one.
#[derive(Debug, Clone)]
pub(in crate::connector) struct Asked {
    /// The edge `debug_token`.
    pub(in crate::connector) edge: Url,
    /// The platform's table.
    pub(in crate::connector) errors: &'static Errors,
    /// The scope whose Pages or accounts the person ticked.
    pub(in crate::connector) ticked_for: &'static str,
}

/// What Meta says about a token that is alive and ours.
#[derive(Debug)]
pub(in crate::connector) struct Introspection {
    pub(in crate::connector) user_id: Option<String>,
    pub(in crate::connector) expires_at: Option<Timestamp>,
    pub(in crate::connector) data_access_expires_at: Option<Timestamp>,
    pub(in crate::connector) scopes: Vec<String>,
    /// The Pages or accounts that the person ticked; `None` if not limited to some.
    pub(in crate::connector) ticked: Option<Vec<String>>,
}

impl Introspection {
    /// Those of `wanted` that were not granted.
    pub(in crate::connector) fn missing(&self, wanted: &[String]) -> Vec<String> {
        wanted.iter().filter(|scope| !self.scopes.contains(scope)).cloned().collect()
    }
}

/// The call that asks about `token`, made as the app. Its address holds the token: it is never shown.
pub(in crate::connector) fn request(asked: &Asked, app: &AppCredentials, token: &AccessToken) -> Request {
    let mut url = asked.edge.clone();
    url.query_pairs_mut().append_pair("input_token", token.expose());
    sign::as_app(Request::new(Method::GET, url), app)
}

/// Reads the answer.
///
/// # Errors
/// The token is dead, or belongs to another app.
pub(in crate::connector) fn read(
    answer: &Answer,
    asked: &Asked,
    app: &AppCredentials,
) -> Result<Introspection, ConnectorError> {
    let body = graph::read(answer, asked.errors)?;
    let data = body.get("data").ok_or(ConnectorError::Unreadable { what: "`data` about the token" })?;
    if data.get("is_valid").and_then(Value::as_bool) != Some(true) {
        let code = data.pointer("/error/code").and_then(Value::as_i64).unwrap_or(190);
        return Err(asked.errors.token_report(code, data.pointer("/error/subcode").and_then(Value::as_i64)));
    }
    if graph::id(data.get("app_id")).as_deref() != Some(app.client_id.as_str()) {
        return Err(ConnectorError::Rejected(refusal(asked.errors.other_app, None, None)));
    }
    Ok(Introspection {
        user_id: graph::id(data.get("user_id")),
        expires_at: graph::seconds(data.get("expires_at")),
        data_access_expires_at: graph::seconds(data.get("data_access_expires_at")),
        scopes: texts(data.get("scopes")),
        ticked: ticked(data, asked.ticked_for),
    })
}

fn ticked(data: &Value, wanted: &str) -> Option<Vec<String>> {
    let granular = data.get("granular_scopes")?.as_array()?;
    let scope = granular.iter().find(|scope| scope.get("scope").and_then(Value::as_str) == Some(wanted))?;
    let pages = scope.get("target_ids")?.as_array()?;
    Some(pages.iter().filter_map(|page| graph::id(Some(page))).collect())
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().take(200).filter_map(|text| graph::name(Some(text))).collect()
}

/// Asks whether a token still works.
pub(in crate::connector) struct HealthFlow {
    request: Option<Request>,
    asked: Asked,
    app: AppCredentials,
    needed: Vec<String>,
}

impl HealthFlow {
    pub(in crate::connector) fn new(
        asked: Asked,
        app: &AppCredentials,
        token: &AccessToken,
        needed: &[String],
    ) -> Self {
        let request = Some(request(&asked, app, token));
        Self { request, asked, app: app.clone(), needed: needed.to_vec() }
    }
}

impl Flow<Health> for HealthFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        if let Some(request) = self.request.take() {
            return Ok(Step::Call(request));
        }
        let found = read(graph::expect(answer)?, &self.asked, &self.app)?;
        Ok(Step::Done(Health {
            access_expires_at: found.expires_at,
            data_access_expires_at: found.data_access_expires_at,
            missing_scopes: found.missing(&self.needed),
        }))
    }
}
