//! Calls over HTTP, the way a customer's backend and a person's browser make them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use shared::connector::settings::HostPolicy;
use shared::connector::transport::{HttpTransport, Transport};
use shared::connector::{Answer, Authentication, Body, Request};
use url::Url;

type Failure = Box<dyn Error>;

/// The longest that any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An HTTP client that follows nothing by itself.
pub struct Client {
    transport: Arc<dyn Transport>,
    api: String,
    simulator: String,
    key: String,
}

impl Client {
    /// A client of the API and the simulator at these addresses, with a tenant's key.
    #[must_use]
    pub fn new(api: &str, simulator: &str, key: &str) -> Self {
        Self::over(Arc::new(HttpTransport::new(HostPolicy::StandIn)), api, simulator, key)
    }

    /// The same, over a transport of its own.
    #[must_use]
    pub fn over(transport: Arc<dyn Transport>, api: &str, simulator: &str, key: &str) -> Self {
        Self { transport, api: api.to_owned(), simulator: simulator.to_owned(), key: key.to_owned() }
    }

    /// A call to the API with the tenant's key; its answer must have `status`.
    ///
    /// # Errors
    /// There is no answer, or it has another status.
    pub async fn api(
        &self,
        method: Method,
        path: &str,
        (body, headers): (Option<Value>, &[(&'static str, &str)]),
        status: u16,
    ) -> Result<Answer, Failure> {
        let mut all = HeaderMap::new();
        all.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", self.key))?);
        for (name, value) in headers {
            all.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        }
        let body = body.map_or(Body::Empty, Body::Json);
        self.expect(method, &format!("{}{path}", self.api), (body, all), status).await
    }

    /// What the API says about `path`.
    ///
    /// # Errors
    /// It does not answer with 200 and JSON.
    pub async fn read(&self, path: &str) -> Result<Value, Failure> {
        json(&self.api(Method::GET, path, (None, &[]), 200).await?)
    }

    /// A call to the simulator's control interface.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let address = format!("{}/_simulator/{path}", self.simulator);
        let mut request = Request::new(method, Url::parse(&address)?);
        request.authentication = Authentication::Complete;
        request.body = body.map_or(Body::Empty, Body::Json);
        let answer = self.transport.send(request, PATIENCE).await?;
        if !answer.status.is_success() {
            return Err(format!("the simulator answered {} to {path}", answer.status).into());
        }
        Ok(answer.json().unwrap_or_default())
    }

    /// Connects what `user` allows, in a browser, and gives the connection's id.
    ///
    /// # Errors
    /// The login ended otherwise.
    pub async fn connect(&self, user: &str, pages: &[&str]) -> Result<String, Failure> {
        let body = json!({ "platform": "facebook", "return_url": "https://app.example.com/connected" });
        let session = self::json(&self.api(Method::POST, "/v1/connect/sessions", (Some(body), &[]), 201).await?)?;
        let url = session.get("url").and_then(Value::as_str).ok_or("the session has no url")?;
        let back = self.consent(url, user, pages).await?;
        let connection = back.query_pairs().find(|(name, _)| name == "connection");
        Ok(connection.ok_or("the login did not connect")?.1.into_owned())
    }

    /// Gives consent like a person in a browser: opens the session's address, follows it to the platform, ticks `pages`
    /// there, and follows the way back. Where the browser ends.
    ///
    /// # Errors
    /// A page on the way is not as a browser expects it.
    pub async fn consent(&self, session: &str, user: &str, pages: &[&str]) -> Result<Url, Failure> {
        let opened = self.expect(Method::GET, session, (Body::Empty, HeaderMap::new()), 303).await?;
        let cookie = header(&opened, &SET_COOKIE)?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let dialog = Url::parse(header(&opened, &LOCATION)?)?;
        let page = self.expect(Method::GET, dialog.as_str(), (Body::Empty, HeaderMap::new()), 200).await?;
        if !String::from_utf8_lossy(&page.body).contains("<form") {
            return Err("the login page has no form".into());
        }
        let mut form: Vec<(String, String)> = dialog.query_pairs().into_owned().collect();
        form.extend([("user".to_owned(), user.to_owned()), ("action".to_owned(), "continue".to_owned())]);
        form.extend(pages.iter().map(|page| ("pages".to_owned(), (*page).to_owned())));
        let mut action = dialog.clone();
        action.set_query(None);
        let allowed = self.expect(Method::POST, action.as_str(), (Body::Form(form), HeaderMap::new()), 302).await?;
        let mut callback = Url::parse(header(&allowed, &LOCATION)?)?;
        // A browser keeps the fragment to itself.
        callback.set_fragment(None);
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&cookie)?);
        let back = self.expect(Method::GET, callback.as_str(), (Body::Empty, headers), 303).await?;
        Ok(Url::parse(header(&back, &LOCATION)?)?)
    }

    async fn expect(
        &self,
        method: Method,
        address: &str,
        (body, headers): (Body, HeaderMap),
        status: u16,
    ) -> Result<Answer, Failure> {
        let url = Url::parse(address)?;
        let what = format!("{method} {}", url.path());
        let request = Request { method, url, headers, body, authentication: Authentication::Complete };
        let answer = self.transport.send(request, PATIENCE).await?;
        if answer.status.as_u16() == status {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Err(format!("{what} was answered with {} instead of {status}: {text}", answer.status.as_u16()).into())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("api", &self.api).finish_non_exhaustive()
    }
}

/// An answer's body.
///
/// # Errors
/// It is not JSON.
pub fn json(answer: &Answer) -> Result<Value, Failure> {
    answer.json().ok_or_else(|| "an answer is not JSON".into())
}

fn header<'a>(answer: &'a Answer, name: &HeaderName) -> Result<&'a str, Failure> {
    Ok(answer.headers.get(name).ok_or_else(|| format!("an answer has no `{name}`"))?.to_str()?)
}
