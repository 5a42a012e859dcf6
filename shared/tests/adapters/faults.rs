//! Ways for AWS to fail.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_sdk_kms::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Sends the calls of a client elsewhere, after they were signed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detour(Arc<Mutex<Option<String>>>);

impl Detour {
    /// Nobody answers from now on.
    pub(crate) fn to_nowhere(&self) {
        // Port 9 is never listened on here: the connection is refused at once.
        self.to("http://127.0.0.1:9");
    }

    /// The server at `endpoint` answers from now on.
    pub(crate) fn to(&self, endpoint: &str) {
        *self.0.lock().unwrap() = Some(endpoint.to_owned());
    }

    /// AWS answers again.
    pub(crate) fn end(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl Intercept for Detour {
    fn name(&self) -> &'static str {
        "Detour"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(endpoint) = self.0.lock().unwrap().as_deref() {
            context.request_mut().set_uri(format!("{endpoint}/"))?;
        }
        Ok(())
    }
}

/// Loses answers on their way back, after the call took effect; for a client that makes one call at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct LostAnswers(Arc<Mutex<Losses>>);

#[derive(Debug, Default)]
struct Losses {
    operation: String,
    left: u32,
    in_flight: bool,
}

impl LostAnswers {
    /// The next `times` answers to `operation` are lost.
    pub(crate) fn to(&self, operation: &str, times: u32) {
        *self.0.lock().unwrap() = Losses { operation: operation.to_owned(), left: times, in_flight: false };
    }

    /// How many are still to be lost.
    pub(crate) fn left(&self) -> u32 {
        self.0.lock().unwrap().left
    }
}

impl Intercept for LostAnswers {
    fn name(&self) -> &'static str {
        "LostAnswers"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut losses = self.0.lock().unwrap();
        let called = context.request().headers().get("x-amz-target").unwrap_or_default();
        losses.in_flight = losses.left > 0 && called.ends_with(losses.operation.as_str());
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut losses = self.0.lock().unwrap();
        if std::mem::take(&mut losses.in_flight) {
            losses.left -= 1;
            return Err("the answer is lost".into());
        }
        Ok(())
    }
}

/// A server that gives prepared answers, the last one forever, and counts the requests.
#[derive(Debug)]
pub(crate) struct Canned {
    pub(crate) endpoint: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    pub(crate) async fn start(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<(u16, String)> =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let seen = bodies.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = read_request(&mut stream).await;
                seen.lock().unwrap().push(body);
                let (status, body) = answers.front().cloned().unwrap();
                if answers.len() > 1 {
                    answers.pop_front();
                }
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                // A client that has gone away has had enough.
                let _sent = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { endpoint, bodies }
    }

    /// A server that throttles everything.
    pub(crate) async fn throttling() -> Self {
        Self::start(&[(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)]).await
    }

    /// The bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// Reads one request and gives its body.
async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse::<usize>())
            });
            if body.len() >= length.transpose().unwrap().unwrap_or(0) {
                return body.to_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return String::new();
        }
    }
}
