//! The two ways from a consent page to a grant.

use url::Url;

use super::{accounts::Listing, asked, graph};
use crate::{
    connector::{
        AuthorizeRequest,
        meta::login::{Login, Words},
        settings::{InstagramSettings, instagram::InstagramLogin},
    },
    secret::AppCredentials,
};

pub(super) mod through_instagram;

/// Where the browser goes. Neither login has PKCE: the single-use `state` protects the flow.
pub(super) fn authorize_url(settings: &InstagramSettings, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
    let mut url = match settings.login {
        InstagramLogin::Facebook => {
            graph::extended(&settings.facebook_dialog_url, &settings.version, &["dialog", "oauth"])
        }
        InstagramLogin::Instagram => graph::extended(&settings.instagram_login_url, "oauth", &["authorize"]),
    };
    url.query_pairs_mut()
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", request.state)
        .append_pair("response_type", "code")
        .append_pair("scope", &settings.scopes().join(","));
    if request.ask_again && settings.login == InstagramLogin::Facebook {
        url.query_pairs_mut().append_pair("auth_type", "rerequest");
    }
    url
}

/// What a login through Facebook is asked for, and what is said where it does not come to that.
pub(super) fn through_facebook(settings: &InstagramSettings) -> Login<Listing> {
    Login {
        token: graph::edge(settings, &["oauth", "access_token"]),
        me: graph::edge(settings, &["me"]),
        asked: asked(settings),
        scopes: settings.scopes().to_vec(),
        listing: Listing::new(settings.clone()),
        code_refused: CODE_REFUSED,
        not_ticked: Words {
            code: "instagram.account.not_granted",
            message: "Publishing to this account was not granted; connect again and tick it.",
        },
    }
}

const CODE_REFUSED: Words =
    Words { code: "instagram.oauth.code_refused", message: "Instagram did not accept the login; begin again." };
