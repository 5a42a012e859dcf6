//! Requests: signed once, to the platform, without a secret where one could be seen.

use url::Url;

use super::Instance;
use crate::{
    connector::{Authentication, AuthorizeRequest, Body, Request},
    secret::AccessToken,
};

fn fields(request: &Request) -> String {
    match &request.body {
        Body::Form(fields) => format!("{fields:?}"),
        Body::Json(value) => value.to_string(),
        Body::Empty | Body::Bytes(_) | Body::Piece(_) => String::new(),
    }
}

fn picture(request: &Request) -> String {
    format!("{} {} {:?} {}", request.method, request.url, raw_headers(request), fields(request))
}

fn raw_headers(request: &Request) -> Vec<(String, Vec<u8>)> {
    request.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

pub(crate) fn signing_twice_is_signing_once(instance: &Instance) {
    let (token, other) =
        (&instance.tokens.access, AccessToken::new(format!("other-{}", instance.tokens.access.expose())));
    let mut signed_any = false;
    for (what, mut request) in instance.every_request() {
        if request.authentication != Authentication::Token {
            continue;
        }
        signed_any = true;
        let mut again = request.clone();
        instance.connector.sign(&mut again, &other, &instance.app);
        instance.connector.sign(&mut request, token, &instance.app);
        let once = picture(&request);
        instance.connector.sign(&mut request, token, &instance.app);
        assert_eq!(picture(&request), once, "{what}: a second signature");
        instance.connector.sign(&mut again, token, &instance.app);
        assert_eq!(picture(&again), once, "{what}: a signature after another's");
    }
    assert!(signed_any);
}

pub(crate) fn f56_no_secret_is_shown_or_remembered(instance: &Instance) {
    let token = instance.tokens.access.expose();
    let secrets = [token, instance.app.client_secret.expose(), "authorization-code"];
    for (what, mut request) in instance.every_request() {
        instance.connector.sign(&mut request, &instance.tokens.access, &instance.app);
        let shown = format!("{request:?} {:?}", request.headers);
        for secret in secrets {
            assert!(!shown.contains(secret), "{what} shows a secret: {shown}");
        }
        let may = instance.token_in_address.contains(&request.url.path());
        assert!(may || !request.url.as_str().contains(token), "{what} has the token in its address");
    }
    for kind in &instance.kinds {
        for step in instance.walk(kind) {
            let stored = serde_json::to_string(&step.checkpoint).unwrap();
            assert!(secrets.iter().all(|secret| !stored.contains(secret)), "{}: {stored}", kind.name);
        }
    }
}

pub(crate) fn every_call_goes_to_a_host_of_the_platform(instance: &Instance) {
    for (what, mut request) in instance.every_request() {
        instance.connector.sign(&mut request, &instance.tokens.access, &instance.app);
        let host = request.url.host_str().unwrap();
        assert!(instance.hosts.contains(&host), "{what} goes to {host}");
        assert_eq!((request.url.scheme(), request.url.port()), ("https", None), "{what}");
        assert!(request.url.username().is_empty() && request.url.fragment().is_none(), "{what}");
    }
}

pub(crate) fn f45_what_a_post_says_cannot_change_a_path(instance: &Instance) {
    const HOSTILE: &str = "../../admin?x=1#";
    let kind = instance.kinds.first().unwrap();
    let mut post = kind.post.clone();
    let next = instance.connector.publish(&post, &crate::connector::Checkpoint::default(), None).unwrap();
    let crate::connector::Next::Call { request: usual, .. } = next else { panic!("{next:?}") };
    post.destination = HOSTILE.into();
    if let Ok(crate::connector::Next::Call { request, .. }) =
        instance.connector.publish(&post, &crate::connector::Checkpoint::default(), None)
    {
        assert_eq!(request.url.host_str(), usual.url.host_str());
        let segments = |url: &Url| url.path_segments().map_or(0, Iterator::count);
        assert_eq!(segments(&request.url), segments(&usual.url), "{}", request.url);
        assert!(request.url.fragment().is_none());
    }
    let flows = [instance.connector.delete_post(HOSTILE), instance.connector.revoke(HOSTILE)];
    for mut flow in flows.into_iter().flatten() {
        if let Ok(crate::connector::Step::Call(request)) = flow.advance(None) {
            assert!(!request.url.path().contains("/admin") && request.url.fragment().is_none(), "{}", request.url);
        }
    }
}

pub(crate) fn the_consent_page_gets_state_and_address_and_no_secret(instance: &Instance) {
    let redirect_uri = instance.code().redirect_uri;
    for ask_again in [false, true] {
        let challenge = instance.connector.pkce().map(|_| "the-challenge");
        let request = AuthorizeRequest { redirect_uri: &redirect_uri, state: "a+b/c=&d", ask_again, challenge };
        let url = instance.connector.authorize_url(&instance.app, &request);
        let values = |wanted: &str| {
            let pairs = url.query_pairs().filter(|(name, _)| name == wanted);
            pairs.map(|(_, value)| value.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(values("state"), ["a+b/c=&d"]);
        assert_eq!(values("redirect_uri"), [redirect_uri.as_str()]);
        assert_eq!(values("code_challenge"), challenge.map_or(Vec::new(), |challenge| vec![challenge]));
        assert_eq!(url.scheme(), "https");
        let id = &instance.app.client_id;
        assert!(url.query_pairs().any(|(_, value)| value == id.as_str()), "our app's id is not in {url}");
        assert!(!url.as_str().contains(instance.app.client_secret.expose()));
    }
}
