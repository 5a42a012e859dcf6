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

use super::form::Form;

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

    /// A call to the control interface of the simulated Facebook.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        self.control_of("facebook", method, path, body).await
    }

    /// A call to the control interface of a simulated platform.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn control_of(
        &self,
        platform: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let address = format!("{}/_simulator/{path}", self.simulator_of(platform));
        let mut request = Request::new(method, Url::parse(&address)?);
        request.authentication = Authentication::Complete;
        request.body = body.map_or(Body::Empty, Body::Json);
        let answer = self.transport.send(request, PATIENCE).await?;
        if !answer.status.is_success() {
            return Err(format!("the simulated {platform} answered {} to {path}", answer.status).into());
        }
        Ok(answer.json().unwrap_or_default())
    }

    /// Where a simulated platform is, without a slash at the end.
    #[must_use]
    pub fn simulator_of(&self, platform: &str) -> String {
        format!("{}/{platform}", self.simulator)
    }

    /// The API's own address under this path.
    #[must_use]
    pub fn api_address(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    /// Connects what `user` allows at Facebook, in a browser, and gives the connection's id.
    ///
    /// # Errors
    /// The login ended otherwise.
    pub async fn connect(&self, user: &str, pages: &[&str]) -> Result<String, Failure> {
        self.login("facebook", &choices(user, pages), None).await
    }

    /// Connects what a person allows at a platform, in a browser, or connects it anew, and gives the connection's id.
    ///
    /// # Errors
    /// The login ended otherwise.
    pub async fn login(
        &self,
        platform: &str,
        chosen: &[(&str, &str)],
        reconnect: Option<&str>,
    ) -> Result<String, Failure> {
        let mut body = json!({ "platform": platform, "return_url": "https://app.example.com/connected" });
        if let (Some(connection), Some(members)) = (reconnect, body.as_object_mut()) {
            members.insert("reconnect".to_owned(), connection.into());
        }
        let session = self::json(&self.api(Method::POST, "/v1/connect/sessions", (Some(body), &[]), 201).await?)?;
        let url = session.get("url").and_then(Value::as_str).ok_or("the session has no url")?;
        let back = self.click_through(url, chosen).await?;
        let connection = back.query_pairs().find(|(name, _)| name == "connection");
        let connection = connection.ok_or_else(|| {
            format!("the login did not connect: the browser came back with {}", back.query().unwrap_or("nothing"))
        })?;
        Ok(connection.1.into_owned())
    }

    /// Gives consent at Facebook: `user` is who logs in, and ticks `pages`. Where the browser ends.
    ///
    /// # Errors
    /// A page on the way is not as a browser expects it.
    pub async fn consent(&self, session: &str, user: &str, pages: &[&str]) -> Result<Url, Failure> {
        self.click_through(session, &choices(user, pages)).await
    }

    /// Gives consent like a person in a browser: opens the session's address, follows it to the platform, ticks what is
    /// `chosen` there, sends the form, and follows the way back. Where the browser ends.
    ///
    /// # Errors
    /// A page on the way is not as a browser expects it.
    pub async fn click_through(&self, session: &str, chosen: &[(&str, &str)]) -> Result<Url, Failure> {
        let opened = self.expect(Method::GET, session, (Body::Empty, HeaderMap::new()), 303).await?;
        let cookie = header(&opened, &SET_COOKIE)?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let dialog = Url::parse(header(&opened, &LOCATION)?)?;
        let page = self.expect(Method::GET, dialog.as_str(), (Body::Empty, HeaderMap::new()), 200).await?;
        let form = Form::read(&String::from_utf8_lossy(&page.body)).ok_or("the login page has no form")?;
        let mut action = dialog.clone();
        // The form has the query's fields in it.
        action.set_query(None);
        let form = form.filled(chosen)?;
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

/// Who logs in, and which Pages are ticked.
fn choices<'a>(user: &'a str, pages: &[&'a str]) -> Vec<(&'static str, &'a str)> {
    std::iter::once(("user", user)).chain(pages.iter().map(|page| ("pages", *page))).collect()
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
