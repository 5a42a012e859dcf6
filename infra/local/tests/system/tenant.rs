//! A tenant of a running cloud: what their backend and their customers' browsers do, over HTTP alone.

use axum::body::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use shared::authorize::{NewKey, create_key, create_tenant};
use shared::clock::{Clock as _, SystemClock};
use shared::connect::ReturnUrls;
use shared::store::Actor;
use shared::tenant::Tenant as Verified;
use simulator::facebook::seed;
use url::Url;

use crate::support::System;

/// Where a browser ends after consent.
pub(crate) const RETURN_URL: &str = "https://app.example.com/connected";

/// Every Page that Ada may see but the one that she has through a business only; and Grace's.
pub(crate) const ADAS: [&str; 4] = [seed::BAKERY, seed::CAFE, seed::ODDITIES, seed::BOOKSHOP];
pub(crate) const GRACES: [&str; 3] = [seed::GARDEN, seed::HARDWARE, seed::BOOKSHOP];

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Where the browser is sent.
    pub(crate) fn location(&self) -> Url {
        Url::parse(self.header("location")).unwrap()
    }

    /// Status and code of a problem; fails if it is none.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// One call to any address.
pub(crate) async fn call(method: Method, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// A tenant with a key.
pub(crate) struct Tenant<'a> {
    pub(crate) system: &'a System,
    pub(crate) id: Verified,
    pub(crate) key: String,
}

impl<'a> Tenant<'a> {
    pub(crate) async fn new(system: &'a System) -> Self {
        let store = system.store();
        let now = SystemClock.now();
        let return_urls = ReturnUrls::new([RETURN_URL.parse().unwrap()]).unwrap();
        let (id, _) = create_tenant(&store, "test", &return_urls, Actor::Postd, now).await.unwrap();
        let new = NewKey::unlimited("local", "test");
        let key = create_key(&store, id, &new, Actor::Postd, now).await.unwrap().expose().to_owned();
        system.keep_key(&key);
        Self { system, id, key }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.system.cloud.api_url())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let key = format!("Bearer {}", self.key);
        let mut all = vec![(header::AUTHORIZATION.as_str(), key.as_str())];
        all.extend(headers);
        call(method, &self.url(path), &all, body).await
    }

    /// Begins to connect an account: the address that a person's browser opens.
    pub(crate) async fn session(&self) -> Url {
        self.session_at("facebook").await
    }

    /// The same at another platform.
    async fn session_at(&self, platform: &str) -> Url {
        let answer = self.post("/v1/connect/sessions", &json!({"platform": platform, "return_url": RETURN_URL})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let url = Url::parse(answer.json()["url"].as_str().unwrap()).unwrap();
        self.system.keep_secret("a state", url.path_segments().unwrap().next_back().unwrap());
        url
    }

    /// A person allows all of this on the platform's page: the connection.
    pub(crate) async fn connect(&self, user: &str, pages: &[&str]) -> String {
        self.connect_at("facebook", user, pages).await
    }

    /// The same at another platform.
    pub(crate) async fn connect_at(&self, platform: &str, user: &str, pages: &[&str]) -> String {
        let browser = Browser::open(self.system, &self.session_at(platform).await).await;
        let callback = browser.consent(user, pages).await;
        let back = browser.visit(&callback).await;
        let location = back.location();
        let connection = location.query_pairs().find(|(name, _)| name == "connection");
        connection.unwrap_or_else(|| panic!("the browser came back with {location}")).1.into_owned()
    }

    /// Posts a text to one Page: the post's id.
    pub(crate) async fn publish(&self, connection: &str, page: &str, text: &str) -> String {
        let answer = self.post("/v1/posts", &to_page(connection, page, text)).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The post, once nothing more happens to it by itself.
    pub(crate) async fn settled(&self, post: &str) -> Value {
        let path = format!("/v1/posts/{post}");
        let look = async || {
            let view = self.read(&path).await;
            let ended = ["published", "failed", "cancelled", "expired", "needs_review"];
            ended.contains(&view["state"].as_str().unwrap()).then_some(view)
        };
        self.system.eventually(&format!("{post} has ended"), look).await
    }

    /// The events of a post's history, in order.
    pub(crate) async fn history(&self, post: &str) -> Vec<String> {
        let timeline = self.read(&format!("/v1/posts/{post}/timeline")).await;
        let entries = timeline["entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
    }
}

/// A post of a text to one Page.
pub(crate) fn to_page(connection: &str, page: &str, text: &str) -> Value {
    json!({"content": {"text": text}, "targets": [{"connection": connection, "destination": page}]})
}

/// A person's browser in the middle of a login.
pub(crate) struct Browser {
    /// The answer that began it.
    pub(crate) opened: Answer,
    /// `name=value`.
    pub(crate) cookie: String,
    dialog: Url,
}

impl Browser {
    /// Opens a session's address and stops at the platform's door.
    pub(crate) async fn open(system: &System, session: &Url) -> Self {
        let opened = call(Method::GET, session.as_str(), &[], "").await;
        assert_eq!(opened.status, 303, "{}", opened.text());
        let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
        system.keep_secret("a cookie", cookie.split_once('=').unwrap().1);
        let dialog = opened.location();
        Self { opened, cookie, dialog }
    }

    /// Allows `pages`: the address that the platform sends the browser back to.
    pub(crate) async fn consent(&self, user: &str, pages: &[&str]) -> Url {
        let mut form = vec![("user", user), ("action", "continue")];
        form.extend(pages.iter().map(|page| ("pages", *page)));
        self.answer(&form).await
    }

    /// Presses Cancel.
    pub(crate) async fn refuse(&self) -> Url {
        self.answer(&[("action", "cancel")]).await
    }

    async fn answer(&self, form: &[(&str, &str)]) -> Url {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let answer = call(Method::POST, self.dialog.as_str(), &[kind], body).await;
        assert_eq!(answer.status, 302, "{}", answer.text());
        let mut callback = answer.location();
        // A browser keeps the fragment to itself.
        callback.set_fragment(None);
        callback
    }

    /// Goes there, with its cookie.
    pub(crate) async fn visit(&self, url: &Url) -> Answer {
        call(Method::GET, url.as_str(), &[("cookie", &self.cookie)], "").await
    }
}
