//! The login: who you are, and whether the app may act for you; then the code's exchange and where the account lives.

use super::APP;
use super::error::ApiError;
use super::world::{Code, World};
use crate::call::Call;
use crate::consent::{self, answers, is_redirect_uri, value};
use crate::html::{self, escape};
use crate::reply::Reply;
use crate::{APP_NAME, signature};
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write as _;
use url::Url;

/// A code waits that long for its exchange.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

impl World {
    /// `GET /oauth2/authorize` shows the page, `POST` takes the answer.
    pub(crate) fn authorize(&mut self, call: &Call, now: Timestamp) -> Reply {
        let (redirect_uri, state) = match read(call) {
            Ok(read) => read,
            Err(problem) => {
                let body = format!("<h1>Something went wrong</h1><p>{}</p>", escape(problem));
                return Reply::html(400, html::page("Error", &body));
            }
        };
        if call.method != Method::POST {
            return Reply::html(200, html::page("Log in to Mailchimp", &self.form(call)));
        }
        let answers = answers(call);
        let state: Vec<(&str, &str)> = state.iter().map(|state| ("state", state.as_str())).collect();
        if value(&answers, "action") == Some("cancel") {
            return consent::back(&redirect_uri, &[&[("error", "access_denied")], state.as_slice()].concat());
        }
        let person = value(&answers, "user").unwrap_or(super::seed::ADA);
        if !self.people.contains_key(person) {
            return Reply::html(400, html::page("Error", "<p>Nobody here has that login.</p>"));
        }
        let code = self.issue_code(person, redirect_uri.as_str(), now);
        consent::back(&redirect_uri, &[&[("code", code.as_str())], state.as_slice()].concat())
    }

    /// A code for the exchange.
    pub(crate) fn issue_code(&mut self, person: &str, redirect_uri: &str, now: Timestamp) -> String {
        let text = self.ids.opaque("", 32).to_ascii_lowercase();
        let (person, redirect_uri) = (person.to_owned(), redirect_uri.to_owned());
        self.codes.insert(text.clone(), Code { person, redirect_uri, issued: now, used: false });
        text
    }

    fn form(&self, call: &Call) -> String {
        let mut form = format!(
            "<h1>Log in to Mailchimp</h1><p class=\"note\">Simulated. <b>{}</b> wants to act for you.</p>\
             <form method=\"post\">{}",
            escape(APP_NAME),
            consent::hidden(call, &["user", "action"])
        );
        for (position, person) in self.people.values().enumerate() {
            let checked = if position == 0 { " checked" } else { "" };
            let account = self.accounts.get(person.account).map_or("", |account| account.name);
            let _ = write!(
                form,
                "<label><input type=\"radio\" name=\"user\" value=\"{}\"{checked}> {} ({}, {})</label>",
                person.id,
                escape(person.name),
                escape(account),
                escape(&person.role)
            );
        }
        form.push_str(
            "<p><button name=\"action\" value=\"allow\">Allow</button> \
             <button name=\"action\" value=\"cancel\">Cancel</button></p></form>",
        );
        form
    }

    /// `POST /oauth2/token`.
    pub(crate) fn exchange(&mut self, call: &Call, now: Timestamp) -> (Reply, Option<&'static str>) {
        let refuse = |status, code: &'static str| {
            let body = json!({"error": code, "error_description": "made by the simulator"});
            (Reply::json(status, &body), Some(code))
        };
        let text = |name: &str| call.params.text(name).unwrap_or_default();
        if call.method != Method::POST || text("grant_type") != "authorization_code" {
            return refuse(400, "unsupported_grant_type");
        }
        if text("client_id") != APP.id || !signature::equal(&text("client_secret"), APP.secret) {
            return refuse(401, "invalid_client");
        }
        let Some(code) = self.codes.get_mut(&text("code")) else { return refuse(400, "invalid_grant") };
        let is_old = now.duration_since(code.issued) >= CODE_LIFE;
        if code.used || is_old || code.redirect_uri != text("redirect_uri") {
            return refuse(400, "invalid_grant");
        }
        code.used = true;
        let person = code.person.clone();
        let token = self.issue_token(&person);
        (Reply::json(200, &json!({"access_token": token, "expires_in": 0, "scope": null})), None)
    }

    /// `GET /oauth2/metadata`.
    pub(crate) fn metadata(&self, call: &Call) -> Result<Value, ApiError> {
        let caller = self.caller(call.bearer.as_deref(), None)?;
        let data_centre = &caller.account.data_centre;
        Ok(json!({
            "dc": data_centre,
            "role": caller.person.role,
            "accountname": caller.account.name,
            "user_id": caller.person.id,
            "login": {"email": caller.person.email, "login_id": caller.person.id, "login_email": caller.person.email},
            "login_url": "https://login.mailchimp.com",
            "api_endpoint": format!("https://{data_centre}.api.mailchimp.com"),
        }))
    }
}

fn read(call: &Call) -> Result<(Url, Option<String>), &'static str> {
    if call.params.text("client_id").as_deref() != Some(APP.id) {
        return Err("The client_id is not known.");
    }
    if call.params.text("response_type").as_deref() != Some("code") {
        return Err("The response_type must be code.");
    }
    let redirect_uri = call.params.text("redirect_uri").ok_or("The redirect_uri is missing.")?;
    let redirect_uri = Url::parse(&redirect_uri).map_err(|_| "The redirect_uri is no address.")?;
    if !is_redirect_uri(&redirect_uri) || redirect_uri.host_str() == Some("localhost") {
        return Err("The redirect_uri must be an https address, or http on 127.0.0.1.");
    }
    Ok((redirect_uri, call.params.text("state")))
}
