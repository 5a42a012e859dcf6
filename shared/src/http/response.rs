//! Answers of our own API.

use serde::Serialize;

use crate::problem::{Code, Problem};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers beyond those that every answer carries.
    pub headers: Vec<(&'static str, String)>,
    /// `Set-Cookie` lines.
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
}

impl Response {
    /// JSON.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, body: &T) -> Self {
        Self::of(status, "application/json", body)
    }

    /// Plain text.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("content-type", "text/plain; charset=utf-8".into())],
            cookies: Vec::new(),
            body: body.into(),
        }
    }

    /// A page for a person. Nothing on it runs, loads or is framed.
    #[must_use]
    pub fn page(status: u16, title: &str, text: &str) -> Self {
        let (title, text) = (escape(title), escape(text));
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{title}</title><style>body{{font:1.1rem/1.5 system-ui;margin:4rem \
             auto;max-width:34rem;padding:0 1rem}}</style><h1>{title}</h1><p>{text}</p></html>"
        );
        Self {
            status,
            headers: vec![
                ("content-type", "text/html; charset=utf-8".into()),
                (
                    "content-security-policy",
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'".into(),
                ),
            ],
            cookies: Vec::new(),
            body,
        }
    }

    /// "See there", by GET.
    #[must_use]
    pub fn see_other(location: &url::Url) -> Self {
        Self {
            status: 303,
            headers: vec![("location", location.to_string())],
            cookies: Vec::new(),
            body: String::new(),
        }
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    fn of<T: Serialize>(status: u16, content_type: &str, body: &T) -> Self {
        match serde_json::to_string(body) {
            Ok(mut body) => {
                // For those who read it in a terminal.
                body.push('\n');
                Self { status, headers: vec![("content-type", content_type.into())], cookies: Vec::new(), body }
            }
            Err(_) => Self::text(500, "The answer could not be written."),
        }
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let mut response = Self::of(problem.status, "application/problem+json", &problem);
        if let Some(post) = problem.post {
            response = response.with_header("location", format!("/v1/posts/{post}"));
        }
        if let Some(methods) = problem.allow {
            response = response.with_header("allow", methods);
        }
        if problem.code == Code::IdempotencyRunning.name() {
            response = response.with_header("retry-after", "1");
        }
        if problem.status == 401 && problem.code != Code::SignatureInvalid.name() {
            return response.with_header("www-authenticate", "Bearer");
        }
        response
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
