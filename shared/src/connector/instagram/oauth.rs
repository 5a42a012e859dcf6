//! The two ways from a consent page to a grant.

use url::Url;

use super::graph;
use crate::{
    connector::{
        Act, AuthorizeRequest, ConnectorError, Refusal,
        settings::{InstagramSettings, instagram::InstagramLogin},
    },
    secret::AppCredentials,
};

pub(super) mod through_facebook;
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

// A code that Meta does not take is used up, expired or meant for another redirect URI; no token has died.
fn code_refused(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Unauthorized(refusal)
        | ConnectorError::Rejected(refusal)
        | ConnectorError::Ambiguous(refusal) => ConnectorError::Rejected(Refusal {
            code: "instagram.oauth.code_refused".into(),
            message: "Instagram did not accept the login; begin again.".into(),
            act: Act::EndUser,
            ..refusal
        }),
        other @ (ConnectorError::RateLimited { .. }
        | ConnectorError::Unavailable(_)
        | ConnectorError::Transient(_)
        | ConnectorError::Operator(_)
        | ConnectorError::Unreadable { .. }
        | ConnectorError::Unsupported { .. }) => other,
    }
}
