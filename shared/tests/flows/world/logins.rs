//! Logins the way a browser makes them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use shared::{
    connector::{Body, Request as Call},
    http::Response,
};
use simulator::facebook::seed;
use url::Url;

use super::World;

impl World {
    /// Makes a connection the way a browser does, as `user` with `pages` ticked; what the return address was told.
    pub(crate) async fn connect_as(&self, user: &str, pages: &[&str], session: &Value) -> Url {
        let (dialog, cookie) = self.open(session).await;
        let callback = self.consent(&dialog, user, pages, "continue").await;
        self.finish(&callback, &cookie).await
    }

    /// Begins a session and opens its page: where that leads, and the cookie that it gives.
    pub(crate) async fn open(&self, session: &Value) -> (Url, String) {
        let request = self.request("POST /v1/connect/sessions", "/v1/connect/sessions", session);
        let response = self.connect.handle(request).await.unwrap();
        let view: Value = serde_json::from_str(&response.body).unwrap();
        let url: Url = view["url"].as_str().unwrap().parse().unwrap();
        let page =
            self.connect.handle(self.request("GET /v1/connect/{session}", url.path(), &Value::Null)).await.unwrap();
        assert_eq!(page.status, 303, "{}", page.body);
        let cookie = page.cookies[0].split(';').next().unwrap().to_owned();
        (location(&page), cookie)
    }

    /// Fills in the platform's page; where it sends the browser.
    pub(crate) async fn consent(&self, dialog: &Url, user: &str, pages: &[&str], action: &str) -> Url {
        let mut form: Vec<(String, String)> = dialog.query_pairs().into_owned().collect();
        form.push(("user".into(), user.into()));
        form.push(("action".into(), action.into()));
        form.extend(pages.iter().map(|page| ("pages".to_owned(), (*page).to_owned())));
        let mut address = dialog.clone();
        address.set_query(None);
        let mut call = Call::new(Method::POST, address);
        call.body = Body::Form(form);
        let answer = self.parts.transport.send(call, Duration::from_secs(5)).await.unwrap();
        answer.headers["location"].to_str().unwrap().parse().unwrap()
    }

    /// Lets the browser come back; where it is sent then.
    pub(crate) async fn finish(&self, callback: &Url, cookie: &str) -> Url {
        location(&self.call_back(callback, cookie).await)
    }

    pub(crate) async fn call_back(&self, callback: &Url, cookie: &str) -> Response {
        let path = format!("{}?{}", callback.path(), callback.query().unwrap_or_default());
        let mut request = self.request("GET /v1/oauth/{platform}/callback", &path, &Value::Null);
        request.cookies = vec![cookie.to_owned()];
        self.connect.handle(request).await.unwrap_or_else(Response::from)
    }

    /// The usual connection: Ada with her bakery. Its id.
    pub(crate) async fn connected(&self) -> String {
        let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
        // A whole login is a large future to carry along in every test.
        let back = Box::pin(self.connect_as(seed::ADA, &[seed::BAKERY], &session)).await;
        let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
        id.into_owned()
    }

    /// A connection to two of Ada's Pages, the bakery's and the bookshop's.
    pub(crate) async fn connect_two_pages(&self) -> String {
        let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
        let back = self.connect_as(seed::ADA, &[seed::BAKERY, seed::BOOKSHOP], &session).await;
        let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
        id.into_owned()
    }
}

fn location(response: &Response) -> Url {
    let (_, location) = response.headers.iter().find(|(name, _)| *name == "location").expect("a redirect");
    location.parse().unwrap()
}
