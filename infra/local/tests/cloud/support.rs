//! What the tests share: a template in a directory of its own, a running cloud, an HTTP client, patience.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local::{Build, Cloud, Level, Line, Logs, Options};
use serde_json::Value;

/// Properties that every function of these templates has.
pub(crate) const FUNCTION: &str = "CodeUri: local-test-function, Timeout: 2";

/// A directory with a template in it, gone after the test.
#[derive(Debug)]
pub(crate) struct Workspace(PathBuf);

impl Workspace {
    pub(crate) fn new(template: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("postd-local-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("template.yaml"), template).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// In memory, on free ports, with the test function where cargo has put it.
    pub(crate) fn options(&self) -> Options {
        let binary = Path::new(env!("CARGO_BIN_EXE_local-test-function"));
        let directory = binary.parent().unwrap();
        let release = directory.ends_with("release");
        let target_directory = Some(directory.parent().unwrap().to_owned());
        Options {
            build: Build { release, skip: true, target_directory },
            tenant: None,
            ..Options::new(self.0.join("template.yaml"))
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A running cloud for a template.
pub(crate) struct Running {
    pub(crate) cloud: Cloud,
    pub(crate) lines: Arc<Mutex<Vec<Line>>>,
    _workspace: Workspace,
}

impl Running {
    pub(crate) async fn start(template: &str) -> Self {
        Self::start_with(template, |_options| ()).await
    }

    pub(crate) async fn start_with(template: &str, change: impl FnOnce(&mut Options)) -> Self {
        let workspace = Workspace::new(template);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut options = workspace.options();
        options.logs = Logs::new(Level::Debug, {
            let lines = Arc::clone(&lines);
            move |line: &Line| lines.lock().unwrap().push(line.clone())
        });
        change(&mut options);
        Self { cloud: Cloud::start(options).await.unwrap(), lines, _workspace: workspace }
    }

    /// Whether a line has been logged that holds this text.
    pub(crate) fn logged(&self, text: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.text.contains(text))
    }

    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Result<Value, local::InvokeError> {
        let answer = self.cloud.invoke(function, event.to_string()).await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    pub(crate) async fn call(&self, request: http::request::Builder, body: &[u8]) -> (u16, HeaderMap, Value) {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let uri = format!("{}{}", self.cloud.api_url(), parts.uri);
        let mut request = Request::builder().method(parts.method).uri(uri);
        *request.headers_mut().unwrap() = parts.headers;
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let response = client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        (parts.status.as_u16(), parts.headers, value)
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !so().await {
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(10)).await;
    }
}
