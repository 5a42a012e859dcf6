//! The login page: who you are, what you allow, which Pages. Works in a browser without scripts and for any HTTP client.

use super::grants::SCOPES;
use super::seed::ADA;
use super::tokens::{CODE_WORD, Code};
use super::world::{Grant, World};
use crate::call::Call;
use crate::consent::{self, answers, is_redirect_uri, value, values};
use crate::html::{self, escape};
use crate::reply::Reply;
use crate::{APP_ID, APP_NAME, LOGIN_CONFIGURATION};
use hyper::Method;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use url::Url;

/// Permissions of the login configuration that `config_id` names.
const CONFIGURED: [&str; 5] =
    ["pages_show_list", "pages_manage_posts", "pages_read_engagement", "pages_manage_metadata", "read_insights"];

/// What the app asks for.
#[derive(Debug)]
struct Ask {
    redirect_uri: Url,
    redirect_text: String,
    state: String,
    scopes: BTreeSet<String>,
    again: bool,
}

impl World {
    /// `GET` shows the page, `POST` takes the answer.
    pub(crate) fn dialog(&mut self, call: &Call, now: Timestamp) -> Reply {
        let ask = match read(call) {
            Ok(ask) => ask,
            Err(problem) => {
                let body = format!("<h1>Something went wrong</h1><p>{}</p>", escape(problem));
                return Reply::html(400, html::page("Error", &body));
            }
        };
        if call.method != Method::POST {
            return Reply::html(200, html::page("Log in with Facebook", &self.form(&ask, call)));
        }
        let answers = answers(call);
        let user = value(&answers, "user").unwrap_or(ADA);
        if value(&answers, "action") == Some("cancel") {
            return back(
                &ask,
                &[
                    ("error", "access_denied"),
                    ("error_code", "200"),
                    ("error_reason", "user_denied"),
                    ("error_description", "Permissions error"),
                ],
            );
        }
        if !self.users.contains_key(user) {
            return Reply::html(400, html::page("Error", "<p>Nobody here has that account.</p>"));
        }
        let code = self.consent(user, &ask, &answers, now);
        back(&ask, &[("code", &code)])
    }

    /// Writes down what was allowed and answers the code.
    fn consent(&mut self, user: &str, ask: &Ask, answers: &[(String, String)], now: Timestamp) -> String {
        let roles: BTreeSet<String> =
            self.users.get(user).map(|user| user.roles.keys().cloned().collect()).unwrap_or_default();
        let ticked = values(answers, "pages").filter(|page| roles.contains(*page)).map(str::to_owned).collect();
        let mut grant = self.grants.get(user).cloned().unwrap_or_default();
        let mut asked = ask.scopes.clone();
        if !ask.again {
            asked.retain(|scope| !grant.declined.contains(scope));
        }
        let chosen: BTreeSet<&str> = values(answers, "scopes").collect();
        let chooses = value(answers, "choose_scopes").is_some();
        let (allowed, declined): (BTreeSet<String>, BTreeSet<String>) = asked
            .into_iter()
            .partition(|scope| !chooses || scope == "public_profile" || chosen.contains(scope.as_str()));
        grant.declined.retain(|scope| !allowed.contains(scope));
        grant.scopes.retain(|scope| !declined.contains(scope));
        let fresh: Vec<String> = allowed.difference(&grant.scopes).cloned().collect();
        grant.scopes.extend(allowed);
        grant.scopes.insert("public_profile".to_owned());
        grant.declined.extend(declined);
        grant.pages = ticked;
        grant.last_login = now;
        self.grants.insert(user.to_owned(), grant);
        for scope in fresh {
            self.announce_permission(user, &scope, "granted", now);
        }
        self.issue_code(user, &ask.redirect_text, now)
    }

    /// A code for the exchange.
    pub(crate) fn issue_code(&mut self, user: &str, redirect_uri: &str, now: Timestamp) -> String {
        let text = self.ids.opaque(CODE_WORD, 120);
        let code = Code { user: user.to_owned(), redirect_uri: redirect_uri.to_owned(), issued: now, used: false };
        self.codes.insert(text.clone(), code);
        text
    }

    /// Grants without the login page.
    pub(crate) fn grant(&mut self, user: &str, pages: &[&str], scopes: &[&str], now: Timestamp) {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let grant = Grant { scopes: owned(scopes), declined: BTreeSet::new(), pages: owned(pages), last_login: now };
        self.grants.insert(user.to_owned(), grant);
    }

    fn form(&self, ask: &Ask, call: &Call) -> String {
        let mut form = format!(
            "<h1>Log in with Facebook</h1><p class=\"note\">Simulated. <b>{}</b> wants to access a Facebook account.</p>\
             <form method=\"post\" action=\"{}\">",
            escape(APP_NAME),
            escape(&call.path)
        );
        form.push_str(&consent::hidden(call, &["user", "pages", "scopes", "action", "choose_scopes"]));
        form.push_str("<input type=\"hidden\" name=\"choose_scopes\" value=\"1\">");
        for (position, user) in self.users.values().enumerate() {
            let checked = if position == 0 { " checked" } else { "" };
            let _ = write!(
                form,
                "<fieldset><legend><label><input type=\"radio\" name=\"user\" value=\"{}\"{checked}> Continue as {}</label></legend>",
                user.id,
                escape(&user.name)
            );
            for page in user.roles.keys().filter_map(|id| self.pages.get(id)) {
                let _ = write!(
                    form,
                    "<label><input type=\"checkbox\" name=\"pages\" value=\"{}\" checked> {}</label>",
                    page.id,
                    escape(&page.name)
                );
            }
            form.push_str("</fieldset>");
        }
        form.push_str("<fieldset><legend>The app may</legend>");
        for scope in &ask.scopes {
            let _ = write!(
                form,
                "<label><input type=\"checkbox\" name=\"scopes\" value=\"{scope}\" checked> {scope}</label>"
            );
        }
        form.push_str(
            "</fieldset><p><button name=\"action\" value=\"continue\">Continue</button> \
             <button name=\"action\" value=\"cancel\">Cancel</button></p></form>",
        );
        form
    }
}

fn read(call: &Call) -> Result<Ask, &'static str> {
    if call.params.text("client_id").as_deref() != Some(APP_ID) {
        return Err("Invalid App ID: the provided app ID does not look like a valid app ID.");
    }
    let redirect_text = call.params.text("redirect_uri").ok_or("The redirect_uri parameter is required.")?;
    let redirect_uri = Url::parse(&redirect_text).map_err(|_| "Invalid redirect_uri.")?;
    if !is_redirect_uri(&redirect_uri) {
        return Err(
            "URL blocked: the redirect URI must be an https address (or http on this machine) without a fragment.",
        );
    }
    let state =
        call.params.text("state").filter(|state| !state.is_empty()).ok_or("The state parameter is required.")?;
    if call.params.text("response_type").is_some_and(|kind| kind != "code") {
        return Err("Only response_type=code is served here.");
    }
    let again = match call.params.text("auth_type").as_deref() {
        None | Some("") => false,
        Some("rerequest") => true,
        Some(_) => return Err("Invalid auth_type."),
    };
    Ok(Ask { redirect_uri, redirect_text, state, scopes: scopes(call)?, again })
}

fn scopes(call: &Call) -> Result<BTreeSet<String>, &'static str> {
    let asked = call.params.text("scope").unwrap_or_default();
    let asked: BTreeSet<String> =
        asked.split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    if asked.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err("Invalid Scopes: the app asks for a permission that does not exist.");
    }
    match call.params.text("config_id").as_deref() {
        // What lies outside the stored configuration is dropped.
        Some(LOGIN_CONFIGURATION) => Ok(CONFIGURED.iter().map(|scope| (*scope).to_owned()).collect()),
        Some(_) => Err("Invalid config_id."),
        None if asked.is_empty() => Ok(BTreeSet::from(["public_profile".to_owned()])),
        None => Ok(asked),
    }
}

/// Back to the app, with the fragment that Facebook always adds.
fn back(ask: &Ask, pairs: &[(&str, &str)]) -> Reply {
    let mut location = ask.redirect_uri.clone();
    location.query_pairs_mut().extend_pairs(pairs).append_pair("state", &ask.state);
    location.set_fragment(Some("_=_"));
    Reply::redirect(location.as_str())
}
