//! Google's consent page: who you are, and what of the asked the app may do; each permission has a box of its own.

use super::world::{Code, World};
use super::{APP, SCOPE};
use crate::APP_NAME;
use crate::call::Call;
use crate::consent::{self, answers, is_redirect_uri, value, values};
use crate::html::{self, escape};
use crate::reply::Reply;
use hyper::Method;
use jiff::Timestamp;
use std::fmt::Write as _;
use url::Url;

/// Who logs in is asked anyway: these have no box.
const IDENTITY: [&str; 3] = ["openid", "email", "profile"];
/// What Google says of itself in every answer to a login (RFC 9207).
pub(crate) const ISSUER: &str = "https://accounts.google.com";

struct Asked {
    redirect_uri: Url,
    state: Option<String>,
    scopes: Vec<String>,
    challenge: Option<String>,
}

impl World {
    /// `GET /o/oauth2/v2/auth` shows the page, `POST` takes the answer.
    pub(crate) fn authorize(&mut self, call: &Call, now: Timestamp) -> Reply {
        let asked = match read(call) {
            Ok(asked) => asked,
            Err(problem) => {
                let body = format!("<h1>Access blocked</h1><p>{}</p>", escape(problem));
                return Reply::html(400, html::page("Error", &body));
            }
        };
        if call.method != Method::POST {
            return Reply::html(200, html::page("Sign in – Google Accounts", &self.form(call, &asked)));
        }
        let answers = answers(call);
        let mut pairs: Vec<(&str, &str)> = asked.state.iter().map(|state| ("state", state.as_str())).collect();
        pairs.push(("iss", ISSUER));
        if value(&answers, "action") == Some("cancel") {
            pairs.push(("error", "access_denied"));
            return consent::back(&asked.redirect_uri, &pairs);
        }
        let person = value(&answers, "user").unwrap_or(super::seed::ADA);
        if !self.people.contains_key(person) {
            return Reply::html(400, html::page("Error", "<p>Nobody here has that login.</p>"));
        }
        let ticked: Vec<&str> = values(&answers, "grant").collect();
        let scopes: Vec<String> = asked
            .scopes
            .iter()
            .filter(|scope| IDENTITY.contains(&scope.as_str()) || ticked.contains(&scope.as_str()))
            .cloned()
            .collect();
        let granted = scopes.join(" ");
        let code = self.code(person, asked.redirect_uri.as_str(), scopes, asked.challenge, now);
        pairs.extend([("code", code.as_str()), ("scope", granted.as_str()), ("prompt", "consent")]);
        consent::back(&asked.redirect_uri, &pairs)
    }

    /// A code for the exchange.
    pub(crate) fn code(
        &mut self,
        person: &str,
        redirect_uri: &str,
        scopes: Vec<String>,
        challenge: Option<String>,
        now: Timestamp,
    ) -> String {
        let text = self.ids.opaque("4/0A", 60);
        let (person, redirect_uri) = (person.to_owned(), redirect_uri.to_owned());
        let code = Code { person, redirect_uri, scopes, challenge, issued: now, used: false };
        self.codes.insert(text.clone(), code);
        text
    }

    fn form(&self, call: &Call, asked: &Asked) -> String {
        let mut form = format!(
            "<h1>{} wants to access your Google Account</h1><p class=\"note\">Simulated.</p><form method=\"post\">{}",
            escape(APP_NAME),
            consent::hidden(call, &["user", "action", "grant"])
        );
        for (position, person) in self.people.values().enumerate() {
            let checked = if position == 0 { " checked" } else { "" };
            let _ = write!(
                form,
                "<label><input type=\"radio\" name=\"user\" value=\"{}\"{checked}> {} ({})</label>",
                person.id,
                escape(person.name),
                escape(person.email)
            );
        }
        for scope in asked.scopes.iter().filter(|scope| !IDENTITY.contains(&scope.as_str())) {
            let _ = write!(
                form,
                "<label><input type=\"checkbox\" name=\"grant\" value=\"{0}\" checked> {0}</label>",
                escape(scope)
            );
        }
        form.push_str(
            "<p><button name=\"action\" value=\"allow\">Continue</button> \
             <button name=\"action\" value=\"cancel\">Cancel</button></p></form>",
        );
        form
    }
}

fn read(call: &Call) -> Result<Asked, &'static str> {
    let text = |name: &str| call.params.text(name).filter(|text| !text.is_empty());
    if text("client_id").as_deref() != Some(APP.id) {
        return Err("Error 401: invalid_client");
    }
    if text("response_type").as_deref() != Some("code") {
        return Err("Error 400: invalid_request (response_type)");
    }
    let redirect_uri = text("redirect_uri").and_then(|uri| Url::parse(&uri).ok()).filter(is_redirect_uri);
    let redirect_uri = redirect_uri.ok_or("Error 400: redirect_uri_mismatch")?;
    let scopes: Vec<String> = text("scope").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() || scopes.iter().any(|scope| scope != SCOPE && !IDENTITY.contains(&scope.as_str())) {
        return Err("Error 400: invalid_scope");
    }
    // Without these there is no refresh token, and an app that means to publish later has made a mistake.
    if text("access_type").as_deref() != Some("offline") || text("prompt").as_deref() != Some("consent") {
        return Err("Error 400: this simulator wants access_type=offline and prompt=consent");
    }
    let challenge = text("code_challenge");
    if challenge.is_some() && text("code_challenge_method").as_deref() != Some("S256") {
        return Err("Error 400: invalid_request (code_challenge_method)");
    }
    Ok(Asked { redirect_uri, state: text("state"), scopes, challenge })
}
