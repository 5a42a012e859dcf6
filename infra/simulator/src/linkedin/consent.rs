//! The login: who you are, and whether the app may act for you. All scopes or none.

use super::tokens::allowed;
use super::world::{World, app};
use crate::APP_NAME;
use crate::call::Call;
use crate::consent::{self, answers, is_redirect_uri, value};
use crate::html::{self, escape};
use crate::reply::Reply;
use hyper::Method;
use jiff::Timestamp;
use std::fmt::Write as _;
use url::Url;

impl World {
    /// `GET /oauth/v2/authorization` shows the page, `POST` takes the answer.
    pub(crate) fn authorize(&mut self, call: &Call, now: Timestamp) -> Reply {
        let answers = answers(call);
        let text = |name: &str| value(&answers, name).map(str::to_owned);
        let app = text("client_id").and_then(|id| app(&id));
        let redirect_uri = text("redirect_uri").and_then(|uri| Url::parse(&uri).ok()).filter(is_redirect_uri);
        let (Some(app), Some(redirect_uri)) = (app, redirect_uri) else {
            let body = "<h1>Bummer, something went wrong.</h1><p>The client_id or the redirect_uri is not known.</p>";
            return Reply::html(400, html::page("Error", body));
        };
        let state = text("state").unwrap_or_default();
        let failed = |error: &str| consent::back(&redirect_uri, &[("error", error), ("state", &state)]);
        if text("response_type").as_deref() != Some("code") {
            return failed("invalid_request");
        }
        let scopes: Vec<String> = text("scope").unwrap_or_default().split(' ').map(str::to_owned).collect();
        if scopes.iter().any(|scope| !allowed(app.id).contains(&scope.as_str())) {
            return failed("unauthorized_scope_error");
        }
        if call.method != Method::POST {
            return Reply::html(200, html::page("Sign in to LinkedIn", &self.form(call, &scopes)));
        }
        let person = value(&answers, "user").unwrap_or(super::seed::ANN);
        let Some(member) = self.members.iter().find(|member| member.id == person).map(|member| member.id) else {
            return failed("user_cancelled_login");
        };
        if value(&answers, "action") == Some("cancel") {
            return failed("user_cancelled_authorize");
        }
        let code = self.issue_code((app.id, member), scopes, redirect_uri.as_str(), now);
        consent::back(&redirect_uri, &[("code", &code), ("state", &state)])
    }

    fn form(&self, call: &Call, scopes: &[String]) -> String {
        let mut form = format!(
            "<h1>Sign in to LinkedIn</h1><p class=\"note\">Simulated. <b>{}</b> wants to: {}.</p>\
             <form method=\"post\">{}",
            escape(APP_NAME),
            escape(&scopes.join(", ")),
            consent::hidden(call, &["user", "action"])
        );
        for (position, member) in self.members.iter().enumerate() {
            let checked = if position == 0 { " checked" } else { "" };
            let _ = write!(
                form,
                "<label><input type=\"radio\" name=\"user\" value=\"{}\"{checked}> {}</label>",
                member.id,
                escape(member.name)
            );
        }
        form.push_str(
            "<p><button name=\"action\" value=\"allow\">Allow</button> \
             <button name=\"action\" value=\"cancel\">Cancel</button></p></form>",
        );
        form
    }
}
