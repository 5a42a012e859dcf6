//! Ways for AWS to fail.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{Read, Write},
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

/// Ends a process in the middle: some of its calls get through, and the next one is the last thing it does.
#[derive(Debug, Clone)]
pub(crate) struct End(Arc<Mutex<Life>>);

#[derive(Debug)]
struct Life {
    calls_left: usize,
    takes_effect: bool,
    is_over: bool,
}

impl End {
    /// After `calls` calls comes the last one, which takes effect or not; its answer is never read.
    pub(crate) fn after(calls: usize, takes_effect: bool) -> Self {
        Self(Arc::new(Mutex::new(Life { calls_left: calls, takes_effect, is_over: false })))
    }

    /// Whether it has come.
    pub(crate) fn has_come(&self) -> bool {
        self.0.lock().unwrap().is_over
    }
}

impl Intercept for End {
    fn name(&self) -> &'static str {
        "End"
    }

    fn modify_before_transmit(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut life = self.0.lock().unwrap();
        if life.is_over {
            return Err("the process is dead".into());
        }
        if life.calls_left > 0 {
            life.calls_left -= 1;
            return Ok(());
        }
        life.is_over = true;
        if life.takes_effect { Ok(()) } else { Err("the process dies".into()) }
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.has_come() { Err("the process has died".into()) } else { Ok(()) }
    }
}

/// Lets something happen just before a call.
#[derive(Clone)]
pub(crate) struct Meanwhile(Arc<dyn Fn(&str) + Send + Sync>);

impl Meanwhile {
    /// Gives the name of each operation to `happens` before it is called.
    pub(crate) fn new(happens: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(happens))
    }
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meanwhile")
    }
}

impl Intercept for Meanwhile {
    fn name(&self) -> &'static str {
        "Meanwhile"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        (self.0)(target.rsplit('.').next().unwrap_or_default());
        Ok(())
    }
}

/// Makes one call twice, as the SDK does when the first answer is lost; for a client on a runtime of several threads.
#[derive(Debug, Clone)]
pub(crate) struct Twice(Arc<Mutex<Option<&'static str>>>);

impl Twice {
    /// The next call whose body has `text` in it is made twice.
    pub(crate) fn next(text: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Some(text))))
    }

    /// Whether it was.
    pub(crate) fn has_come(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

impl Intercept for Twice {
    fn name(&self) -> &'static str {
        "Twice"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let body = request.body().bytes().unwrap_or_default();
        if self.0.lock().unwrap().take_if(|text| String::from_utf8_lossy(body).contains(*text)).is_none() {
            return Ok(());
        }
        let host = request.uri().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut head = format!("POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        for (name, value) in request.headers() {
            if !["host", "content-length", "connection"].contains(&name) {
                write!(head, "{name}: {value}\r\n")?;
            }
        }
        let head = format!("{head}content-length: {}\r\n\r\n", body.len());
        tokio::task::block_in_place(|| {
            let mut stream = std::net::TcpStream::connect(&host)?;
            stream.write_all(&[head.as_bytes(), body].concat())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer.into()) }
        })
    }
}
