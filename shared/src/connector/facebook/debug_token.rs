//! Asks Facebook about a token. The answer has status 200 even for a dead one: only `is_valid` tells.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::{classify, graph, sign};
use crate::{
    connector::{Act, Answer, ConnectorError, Flow, Health, Refusal, Request, Step, settings::FacebookSettings},
    secret::{AccessToken, AppCredentials},
};

/// What Facebook says about a token that is alive and ours.
#[derive(Debug)]
pub(super) struct Introspection {
    pub(super) user_id: Option<String>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) data_access_expires_at: Option<Timestamp>,
    pub(super) scopes: Vec<String>,
    /// The Pages that the person ticked for `pages_manage_posts`; `None` if not limited to some.
    pub(super) ticked_pages: Option<Vec<String>>,
}

impl Introspection {
    /// Those of `wanted` that were not granted.
    pub(super) fn missing(&self, wanted: &[String]) -> Vec<String> {
        wanted.iter().filter(|scope| !self.scopes.contains(scope)).cloned().collect()
    }
}

/// The call that asks about `token`, made as the app. Its address holds the token: it is never shown.
pub(super) fn request(settings: &FacebookSettings, app: &AppCredentials, token: &AccessToken) -> Request {
    let mut url = graph::edge(settings, &["debug_token"]);
    url.query_pairs_mut().append_pair("input_token", token.expose());
    sign::as_app(Request::new(Method::GET, url), app)
}

/// Reads the answer.
///
/// # Errors
/// The token is dead, or belongs to another app.
pub(super) fn read(answer: &Answer, app: &AppCredentials) -> Result<Introspection, ConnectorError> {
    let body = graph::read(answer)?;
    let data = body.get("data").ok_or(ConnectorError::Unreadable { what: "`data` about the token" })?;
    if data.get("is_valid").and_then(Value::as_bool) != Some(true) {
        let code = data.pointer("/error/code").and_then(Value::as_i64).unwrap_or(190);
        return Err(classify::token_report(code, data.pointer("/error/subcode").and_then(Value::as_i64)));
    }
    if graph::id(data.get("app_id")).as_deref() != Some(app.client_id.as_str()) {
        return Err(ConnectorError::Rejected(Refusal {
            code: "facebook.token.other_app".into(),
            message: "The token was issued to another app.".into(),
            platform_code: None,
            trace_id: None,
            act: Act::Operator,
        }));
    }
    Ok(Introspection {
        user_id: graph::id(data.get("user_id")),
        expires_at: graph::seconds(data.get("expires_at")),
        data_access_expires_at: graph::seconds(data.get("data_access_expires_at")),
        scopes: texts(data.get("scopes")),
        ticked_pages: ticked_pages(data),
    })
}

fn ticked_pages(data: &Value) -> Option<Vec<String>> {
    let granular = data.get("granular_scopes")?.as_array()?;
    let scope =
        granular.iter().find(|scope| scope.get("scope").and_then(Value::as_str) == Some("pages_manage_posts"))?;
    let pages = scope.get("target_ids")?.as_array()?;
    Some(pages.iter().filter_map(|page| graph::id(Some(page))).collect())
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().take(200).filter_map(|text| graph::name(Some(text))).collect()
}

/// Asks whether a token still works.
pub(super) struct HealthFlow {
    request: Option<Request>,
    app: AppCredentials,
    needed: Vec<String>,
}

impl HealthFlow {
    pub(super) fn new(
        settings: &FacebookSettings,
        app: &AppCredentials,
        token: &AccessToken,
        needed: &[String],
    ) -> Self {
        Self { request: Some(request(settings, app, token)), app: app.clone(), needed: needed.to_vec() }
    }
}

impl Flow<Health> for HealthFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        if let Some(request) = self.request.take() {
            return Ok(Step::Call(request));
        }
        let found = read(graph::expect(answer)?, &self.app)?;
        Ok(Step::Done(Health {
            access_expires_at: found.expires_at,
            data_access_expires_at: found.data_access_expires_at,
            missing_scopes: found.missing(&self.needed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{super::testing::*, *};
    use crate::connector::Disposition;

    fn health(body: &Value) -> Result<Health, ConnectorError> {
        let token = AccessToken::new("EAAP");
        let mut flow =
            HealthFlow::new(&FacebookSettings::default(), &app(), &token, &["pages_show_list".into(), "gone".into()]);
        let request = called(flow.advance(None));
        assert_eq!(request.url.query(), Some("input_token=EAAP"));
        assert_eq!(request.headers["authorization"], "Bearer 123|app-secret");
        match flow.advance(Some(&ok(body)))? {
            Step::Done(health) => Ok(health),
            Step::Call(request) => panic!("{request:?}"),
        }
    }

    #[test]
    fn a_living_token_tells_its_dates_and_what_it_lacks() {
        let health = health(&json!({"data": {
            "app_id": "123", "is_valid": true, "expires_at": 0, "data_access_expires_at": 1_802_995_200,
            "scopes": ["pages_show_list"], "user_id": "218471",
        }}));
        let expected = Health {
            access_expires_at: None,
            data_access_expires_at: Some(Timestamp::from_second(1_802_995_200).unwrap()),
            missing_scopes: vec!["gone".into()],
        };
        assert_eq!(health, Ok(expected));
    }

    #[rstest]
    #[case::password(json!({"code": 190, "message": "...", "subcode": 460}), "facebook.token.password_changed")]
    #[case::no_subcode(json!({"code": 190}), "facebook.token.invalid")]
    #[case::odd_code(json!({"code": 1}), "facebook.token.invalid")]
    fn a_dead_token_is_dead_in_spite_of_status_200(#[case] error: Value, #[case] code: &str) {
        let body = json!({"data": {"app_id": "123", "is_valid": false, "error": error, "scopes": []}});
        let error = health(&body).unwrap_err();
        assert_eq!(error.refusal().code, code);
        assert_eq!(error.disposition(crate::connector::Effect::Read), Disposition::Reconnect);
    }

    #[test]
    fn a_token_of_another_app_is_refused() {
        let body = json!({"data": {"app_id": "999", "is_valid": true}});
        assert_eq!(health(&body).unwrap_err().refusal().code, "facebook.token.other_app");
    }
}
