//! The login dialog of Facebook, and what its login comes to for Pages.

use url::Url;

use super::{accounts::Listing, asked, graph};
use crate::{
    connector::{
        AuthorizeRequest,
        meta::login::{Login, Words},
        settings::FacebookSettings,
    },
    secret::AppCredentials,
};

/// Where the browser goes. Classic Facebook Login has no PKCE: the single-use `state` protects the flow.
pub(super) fn authorize_url(settings: &FacebookSettings, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
    let mut url = graph::extended(&settings.dialog_url, &settings.version, &["dialog", "oauth"]);
    url.query_pairs_mut()
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", request.state)
        .append_pair("response_type", "code")
        .append_pair("scope", &settings.scopes.join(","));
    if request.ask_again {
        url.query_pairs_mut().append_pair("auth_type", "rerequest");
    }
    url
}

/// What the login is asked for, and what is said where it does not come to that.
pub(super) fn login(settings: &FacebookSettings) -> Login<Listing> {
    Login {
        token: graph::edge(settings, &["oauth", "access_token"]),
        me: graph::edge(settings, &["me"]),
        asked: asked(settings),
        scopes: settings.scopes.clone(),
        listing: Listing::new(settings.clone()),
        code_refused: Words {
            code: "facebook.oauth.code_refused",
            message: "Facebook did not accept the login; begin again.",
        },
        not_ticked: Words {
            code: "facebook.page.not_granted",
            message: "Publishing to this Page was not granted; connect again and tick it.",
        },
    }
}

#[cfg(test)]
mod tests;
