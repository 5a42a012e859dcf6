//! Attaches a token: the bearer of a call, and the data centre that the call goes to.

use http::{HeaderValue, header};
use url::Url;

use super::api;
use crate::{
    connector::{Authentication, Request, settings::MailchimpSettings},
    secret::AccessToken,
};

/// A token with the data centre of its account behind it, as Mailchimp writes its API keys: `…-us6`.
pub(super) fn with_data_centre(token: &AccessToken, data_centre: Option<&str>) -> AccessToken {
    match data_centre {
        Some(data_centre) => AccessToken::new(format!("{}-{data_centre}", token.expose())),
        None => token.clone(),
    }
}

/// The token by itself, and the data centre if it has one.
pub(super) fn split(token: &AccessToken) -> (&str, Option<&str>) {
    let text = token.expose();
    match text.rsplit_once('-').map(|(token, rest)| (token, api::data_centre(rest))) {
        Some((token, Some(data_centre))) => (token, Some(data_centre)),
        Some((_, None)) | None => (text, None),
    }
}

/// Signs `request` with `token`; signing twice leaves the second signature.
pub(super) fn sign(settings: &MailchimpSettings, request: &mut Request, token: &AccessToken) {
    let (bearer, data_centre) = split(token);
    let scheme = if is_of_login(settings, &request.url) { "OAuth" } else { "Bearer" };
    // Tokens are checked when they are read, so this succeeds; if it did not, the call would go out without a token and
    // the platform would refuse it.
    if let Ok(mut value) = HeaderValue::try_from(format!("{scheme} {bearer}")) {
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
    if scheme == "Bearer" {
        api::at_data_centre(settings, &mut request.url, data_centre);
    }
}

/// Signs `request` for good: for a flow that brings its own token.
pub(super) fn signed(settings: &MailchimpSettings, mut request: Request, token: &AccessToken) -> Request {
    sign(settings, &mut request, token);
    request.authentication = Authentication::Complete;
    request
}

fn is_of_login(settings: &MailchimpSettings, url: &Url) -> bool {
    url.origin() == settings.login_url.origin() && url.path().ends_with("/oauth2/metadata")
}

#[cfg(test)]
mod tests {
    use http::Method;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("abc-us6", "abc", Some("us6"))]
    #[case("abc", "abc", None)]
    #[case("a-b-us12", "a-b", Some("us12"))]
    #[case("abc-evil.example", "abc-evil.example", None)]
    #[case("abc-", "abc-", None)]
    fn the_data_centre_stands_behind_the_token(#[case] text: &str, #[case] bearer: &str, #[case] found: Option<&str>) {
        assert_eq!(split(&AccessToken::new(text)), (bearer, found));
    }

    #[test]
    fn a_call_carries_the_token_without_the_data_centre_and_goes_there() {
        let settings = MailchimpSettings::default();
        let mut request = Request::new(Method::GET, api::address(&settings, &["ping"]));
        let token = with_data_centre(&AccessToken::new("abc"), Some("us6"));
        sign(&settings, &mut request, &token);
        sign(&settings, &mut request, &token);
        assert_eq!(request.url.as_str(), "https://us6.api.mailchimp.com/3.0/ping");
        assert_eq!(request.headers[header::AUTHORIZATION], "Bearer abc");
        assert!(request.headers[header::AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn the_login_is_asked_in_its_own_way() {
        let settings = MailchimpSettings::default();
        let url: Url = "https://login.mailchimp.com/oauth2/metadata".parse().unwrap();
        let request = signed(&settings, Request::new(Method::GET, url), &AccessToken::new("abc-us6"));
        assert_eq!(request.headers[header::AUTHORIZATION], "OAuth abc");
        assert_eq!(
            (request.url.host_str(), request.authentication),
            (Some("login.mailchimp.com"), Authentication::Complete)
        );
    }
}
