//! The login: whose account it is, and what the app may do with it.

use super::APP;
use super::world::{Code, World};
use crate::APP_NAME;
use crate::call::Call;
use crate::consent::{self, answers, is_redirect_uri, value, values};
use crate::html::{self, escape};
use crate::reply::Reply;
use hyper::Method;
use jiff::Timestamp;
use std::fmt::Write as _;
use url::Url;

const SCOPES: [&str; 6] =
    ["user.info.basic", "user.info.profile", "user.info.stats", "video.list", "video.upload", "video.publish"];
/// Redirect URIs are shorter than this.
const LONGEST_URI: usize = 512;

struct Asked {
    redirect_uri: Url,
    state: String,
    scopes: Vec<String>,
    challenge: Option<String>,
}

impl World {
    /// `GET /v2/auth/authorize/` shows the page, `POST` takes the answer.
    pub(crate) fn authorize(&mut self, call: &Call, now: Timestamp) -> Reply {
        let asked = match read(call) {
            Ok(asked) => asked,
            Err(problem) => {
                let body = format!("<h1>Something went wrong</h1><p>{}</p>", escape(problem));
                return Reply::html(400, html::page("Error", &body));
            }
        };
        if call.method != Method::POST {
            return Reply::html(200, html::page("Log in to TikTok", &self.form(call, &asked)));
        }
        let answers = answers(call);
        if value(&answers, "action") == Some("cancel") {
            let pairs = [
                ("error", "access_denied"),
                ("error_description", "The user denied the request."),
                ("state", asked.state.as_str()),
            ];
            return consent::back(&asked.redirect_uri, &pairs);
        }
        let open_id = value(&answers, "user").unwrap_or(super::seed::BAKERY).to_owned();
        if !self.accounts.contains_key(open_id.as_str()) {
            return Reply::html(400, html::page("Error", "<p>Nobody here has that login.</p>"));
        }
        let declined: Vec<&str> = values(&answers, "decline").collect();
        let scopes: Vec<String> =
            asked.scopes.iter().filter(|scope| !declined.contains(&scope.as_str())).cloned().collect();
        let granted = scopes.join(",");
        let code = Code {
            open_id,
            redirect_uri: asked.redirect_uri.as_str().to_owned(),
            scopes,
            challenge: asked.challenge,
            issued: now,
            is_used: false,
        };
        let code = self.issue_code(code);
        let pairs = [("code", code.as_str()), ("scopes", granted.as_str()), ("state", asked.state.as_str())];
        consent::back(&asked.redirect_uri, &pairs)
    }

    /// A code for the exchange. It has characters that addresses escape.
    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let text = format!("{}*v!4321.va", self.ids.opaque("", 40));
        self.codes.insert(text.clone(), code);
        text
    }

    fn form(&self, call: &Call, asked: &Asked) -> String {
        let mut form = format!(
            "<h1>Log in to TikTok</h1><p class=\"note\">Simulated. <b>{}</b> wants to use your account.</p>\
             <form method=\"post\">{}<fieldset><legend>Who are you?</legend>",
            escape(APP_NAME),
            consent::hidden(call, &["user", "action", "decline"])
        );
        for (position, account) in self.accounts.values().enumerate() {
            let checked = if position == 0 { " checked" } else { "" };
            let _ = write!(
                form,
                "<label><input type=\"radio\" name=\"user\" value=\"{}\"{checked}> {} (@{})</label>",
                account.open_id,
                escape(account.display_name),
                escape(account.username)
            );
        }
        form.push_str("</fieldset><fieldset><legend>What may it not do?</legend>");
        for scope in asked.scopes.iter().filter(|scope| *scope != "user.info.basic") {
            let _ = write!(
                form,
                "<label><input type=\"checkbox\" name=\"decline\" value=\"{0}\"> not {0}</label>",
                escape(scope)
            );
        }
        form.push_str(
            "</fieldset><p><button name=\"action\" value=\"continue\">Continue</button> \
             <button name=\"action\" value=\"cancel\">Cancel</button></p></form>",
        );
        form
    }
}

fn read(call: &Call) -> Result<Asked, &'static str> {
    let answers = answers(call);
    let text = |name: &str| value(&answers, name).unwrap_or_default().to_owned();
    if text("client_key") != APP.id {
        return Err("client_key: there is no such app.");
    }
    if text("response_type") != "code" {
        return Err("response_type: it has to be code.");
    }
    let redirect_uri = text("redirect_uri");
    let url = Url::parse(&redirect_uri).ok().filter(is_redirect_uri);
    let Some(url) = url.filter(|url| url.query().is_none() && redirect_uri.len() < LONGEST_URI) else {
        return Err("redirect_uri: it is not one of the app's.");
    };
    let state = text("state");
    if state.is_empty() {
        return Err("state: it is missing.");
    }
    let scopes: Vec<String> = text("scope").split(',').map(str::to_owned).collect();
    if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
        return Err("scope: one of them does not exist; they are separated by commas.");
    }
    let challenge = Some(text("code_challenge")).filter(|challenge| !challenge.is_empty());
    let is_hexadecimal = |text: &String| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if challenge.as_ref().is_some_and(|challenge| !is_hexadecimal(challenge) || text("code_challenge_method") != "S256")
    {
        return Err("code_challenge: it has to be SHA-256 in lower-case hexadecimal digits, by the method S256.");
    }
    Ok(Asked { redirect_uri: url, state, scopes, challenge })
}
