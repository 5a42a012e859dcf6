//! The two consent pages: Facebook's, where a person ticks Pages, and Instagram's, where an account logs in.

use super::APP;
use super::world::{Code, Grant, Holder, World};
use crate::APP_NAME;
use crate::call::Call;
use crate::consent::{answers, back, hidden, is_redirect_uri, value, values};
use crate::html::{self, escape};
use crate::reply::Reply;
use hyper::Method;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use url::Url;

const OF_FACEBOOK: &str = "instagram_basic instagram_content_publish instagram_manage_insights instagram_manage_comments \
    instagram_manage_contents pages_show_list pages_read_engagement business_management ads_read ads_management";
const OF_INSTAGRAM: &str = "instagram_business_basic instagram_business_content_publish instagram_business_manage_comments \
    instagram_business_manage_insights instagram_business_manage_messages";
/// What the forms ask for themselves.
const ASKED: [&str; 5] = ["user", "pages", "scopes", "action", "choose_scopes"];

struct Ask {
    redirect_uri: Url,
    redirect_text: String,
    state: String,
    scopes: BTreeSet<String>,
}

impl World {
    /// The page of Facebook Login (`by_instagram` is false) or of Instagram Login.
    pub(crate) fn consent(&mut self, call: &Call, by_instagram: bool, now: Timestamp) -> Reply {
        let ask = match read(call, if by_instagram { OF_INSTAGRAM } else { OF_FACEBOOK }) {
            Ok(ask) => ask,
            Err(problem) => return Reply::html(400, html::page("Error", &format!("<p>{}</p>", escape(problem)))),
        };
        if call.method != Method::POST {
            return Reply::html(200, html::page("Log in", &self.form(&ask, call, by_instagram)));
        }
        let answers = answers(call);
        if value(&answers, "action") == Some("cancel") {
            let denied = [("error", "access_denied"), ("error_reason", "user_denied"), ("state", ask.state.as_str())];
            return back(&ask.redirect_uri, &denied);
        }
        let user = value(&answers, "user").unwrap_or_default();
        let Some(holder) = self.holder(user, by_instagram) else {
            return Reply::html(400, html::page("Error", "<p>Nobody here has that name.</p>"));
        };
        let scopes = if value(&answers, "choose_scopes").is_some() {
            let accepted: BTreeSet<&str> = values(&answers, "scopes").collect();
            ask.scopes.iter().filter(|scope| accepted.contains(scope.as_str())).cloned().collect()
        } else {
            ask.scopes.clone()
        };
        let pages = values(&answers, "pages").map(str::to_owned).collect();
        self.grants.insert(holder.clone(), Grant { scopes, pages, since: now });
        let code = self.issue_code(holder, &ask.redirect_text, now);
        let mut location = ask.redirect_uri;
        location.query_pairs_mut().append_pair("code", &code).append_pair("state", &ask.state);
        // Both append a fragment that nobody asked for.
        location.set_fragment(Some(if by_instagram { "_" } else { "_=_" }));
        Reply::redirect(location.as_str())
    }

    fn holder(&self, user: &str, by_instagram: bool) -> Option<Holder> {
        if by_instagram {
            self.accounts.get(user).map(|account| Holder::Account(account.id))
        } else {
            self.people.get(user).map(|person| Holder::Person(person.id))
        }
    }

    /// A code for the exchange.
    pub(crate) fn issue_code(&mut self, holder: Holder, redirect_uri: &str, now: Timestamp) -> String {
        let text = self.ids.opaque("AQ", 120);
        let code = Code { holder, redirect_uri: redirect_uri.to_owned(), issued: now, is_used: false };
        self.codes.insert(text.clone(), code);
        text
    }

    fn form(&self, ask: &Ask, call: &Call, by_instagram: bool) -> String {
        let name = if by_instagram { "Instagram" } else { "Facebook" };
        let mut form = format!(
            "<h1>Log in with {name}</h1><p class=\"note\">Simulated. <b>{}</b> wants to publish on Instagram.</p>\
             <form method=\"post\">{}<input type=\"hidden\" name=\"choose_scopes\" value=\"1\">",
            escape(APP_NAME),
            hidden(call, &ASKED)
        );
        let radio = |form: &mut String, position: usize, id: &str, name: &str| {
            let checked = if position == 0 { " checked" } else { "" };
            let _ = write!(
                form,
                "<legend><label><input type=\"radio\" name=\"user\" value=\"{id}\"{checked}> {}</label></legend>",
                escape(name)
            );
        };
        if by_instagram {
            for (position, account) in self.accounts.values().enumerate() {
                radio(&mut form, position, account.id, &format!("@{} ({})", account.username, account.kind));
            }
        } else {
            for (position, person) in self.people.values().enumerate() {
                form.push_str("<fieldset>");
                radio(&mut form, position, person.id, person.name);
                for page in person.roles.keys().filter_map(|id| self.pages.get(id)) {
                    let account = page.account.and_then(|account| self.accounts.get(account));
                    let linked =
                        account.map_or_else(|| "no account".to_owned(), |account| format!("@{}", account.username));
                    let _ = write!(
                        form,
                        "<label><input type=\"checkbox\" name=\"pages\" value=\"{}\" checked> {} ({})</label>",
                        page.id,
                        escape(page.name),
                        escape(&linked)
                    );
                }
                form.push_str("</fieldset>");
            }
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

fn read(call: &Call, known: &str) -> Result<Ask, &'static str> {
    if call.params.text("client_id").as_deref() != Some(APP.id) {
        return Err("The app ID does not look like a valid app ID.");
    }
    if call.params.text("response_type").as_deref() != Some("code") {
        return Err("Only response_type=code is served here.");
    }
    let redirect_text = call.params.text("redirect_uri").ok_or("The redirect_uri parameter is required.")?;
    let redirect_uri = Url::parse(&redirect_text).map_err(|_| "Invalid redirect_uri.")?;
    if !is_redirect_uri(&redirect_uri) {
        return Err("URL blocked: the redirect URI must be an https address, or http on this machine.");
    }
    let state = call.params.text("state").filter(|state| !state.is_empty()).ok_or("The state is required.")?;
    let scope = call.params.text("scope").unwrap_or_default();
    let scopes: BTreeSet<String> =
        scope.split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    let is_known = |scope: &String| known.split_whitespace().any(|known| known == scope);
    if scopes.is_empty() || !scopes.iter().all(is_known) {
        return Err("Invalid Scopes: the app asks for a permission that does not exist.");
    }
    Ok(Ask { redirect_uri, redirect_text, state, scopes })
}
