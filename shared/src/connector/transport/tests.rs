use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use http::Method;
use url::Url;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// A server on this machine that keeps the body of every request it has read whole, and then does what it is told.
struct Server {
    address: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `react` writes the answer and says whether the connection stays open.
    fn start(react: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (seen, react) = (Arc::clone(&bodies), Arc::new(react));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, react) = (Arc::clone(&seen), Arc::clone(&react));
                thread::spawn(move || serve(stream.unwrap(), &seen, react.as_ref()));
            }
        });
        Self { address, bodies }
    }

    fn call(&self, message: &str) -> Request {
        let url = Url::parse(&format!("http://{}/v26.0/1/feed", self.address)).unwrap();
        Request { body: Body::Form(vec![("message".into(), message.into())]), ..Request::new(Method::POST, url) }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, react: &dyn Fn(&mut TcpStream) -> bool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        seen.lock().unwrap().push(String::from_utf8(body).unwrap());
        if !react(&mut stream) {
            return;
        }
    }
}

fn answers(status: &'static str, body: &'static str) -> impl Fn(&mut TcpStream) -> bool {
    move |stream| write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).is_ok()
}

fn closes(_: &mut TcpStream) -> bool {
    false
}

fn hangs(stream: &mut TcpStream) -> bool {
    // Until the client gives up and closes.
    stream.read(&mut [0; 1]).is_ok_and(|read| read > 0)
}

fn transport() -> HttpTransport {
    let transport = HttpTransport::new(HostPolicy::StandIn);
    transport.warm_up();
    transport
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let server = Server::start(answers("418 I'm a teapot\r\nx-app-usage: {}", r#"{"id":"1_2"}"#));
    let answer = transport().send(server.call("a b&c=é"), DEADLINE).await.unwrap();
    assert_eq!(answer.status, 418);
    assert_eq!(answer.headers["x-app-usage"], "{}");
    assert_eq!(answer.body, r#"{"id":"1_2"}"#);
    assert_eq!(server.bodies(), ["message=a+b%26c%3D%C3%A9"]);
}

#[tokio::test]
async fn f36_a_server_that_reads_a_call_and_closes_sees_it_once() {
    let server = Server::start(closes);
    let error = transport().send(server.call("once"), DEADLINE).await.unwrap_err();
    assert_eq!(error, TransportError::NoAnswer(Cause::Broken));
    assert_eq!(server.bodies(), ["message=once"]);
}

#[tokio::test]
async fn f36_no_call_arrives_twice_on_connections_that_close_behind_our_back() {
    // Answers, promises to keep the connection, and closes it: the next call meets a connection that is about to die.
    let server = Server::start(|stream| {
        answers("200 OK", "{}")(stream);
        false
    });
    let transport = transport();
    let mut not_sent = Vec::new();
    for index in 0..200 {
        match transport.send(server.call(&index.to_string()), DEADLINE).await {
            Ok(_) | Err(TransportError::NoAnswer(_)) => {}
            Err(TransportError::NotSent(_) | TransportError::Source(_)) => not_sent.push(format!("message={index}")),
        }
    }
    let mut arrived = server.bodies();
    let total = arrived.len();
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), total, "a call arrived twice");
    assert!(not_sent.iter().all(|body| !arrived.contains(body)), "a call that was `NotSent` arrived");
}

#[tokio::test]
async fn f34_a_silent_server_gives_no_answer() {
    let server = Server::start(hangs);
    let error = transport().send(server.call("hello"), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error, TransportError::NoAnswer(Cause::Timeout));
    assert_eq!(server.bodies().len(), 1);
}

#[tokio::test]
async fn f34_a_connection_that_is_refused_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { address: listener.local_addr().unwrap().to_string(), bodies: Arc::default() };
    drop(listener);
    let error = transport().send(server.call("hello"), DEADLINE).await.unwrap_err();
    assert_eq!(error, TransportError::NotSent(Cause::Connect));
}

#[tokio::test]
async fn f34_a_tls_handshake_that_never_ends_sends_nothing() {
    // Connections are made and nobody ever speaks.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { address: listener.local_addr().unwrap().to_string(), bodies: Arc::default() };
    let mut request = server.call("hello");
    request.url.set_scheme("https").unwrap();
    let error = transport().send(request, Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error, TransportError::NotSent(Cause::Timeout));
}

#[tokio::test]
async fn f34_an_answer_that_breaks_off_is_no_answer() {
    let server = Server::start(|stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{").unwrap();
        false
    });
    let error = transport().send(server.call("hello"), DEADLINE).await.unwrap_err();
    assert_eq!(error, TransportError::NoAnswer(Cause::Broken));
}

#[tokio::test]
async fn f44_a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::start(answers("308 Permanent Redirect\r\nlocation: /v26.0/elsewhere", ""));
    let answer = transport().send(server.call("hello"), DEADLINE).await.unwrap();
    assert_eq!(answer.status, 308);
    assert_eq!(server.bodies().len(), 1);
}

#[tokio::test]
async fn f44_an_answer_may_be_as_large_as_the_limit_and_no_larger() {
    for (size, fits) in [(ANSWER_LIMIT, true), (ANSWER_LIMIT + 1, false)] {
        let server = Server::start(move |stream| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b' '; size])).is_ok()
        });
        let outcome = transport().send(server.call("hello"), DEADLINE).await;
        match outcome {
            Ok(answer) => assert!(fits && answer.body.len() == size),
            Err(error) => assert!(!fits && error == TransportError::NoAnswer(Cause::TooLarge), "{error}"),
        }
    }
}

#[tokio::test]
async fn f44_a_compressed_answer_is_never_inflated() {
    // Twenty bytes that say of themselves that they are gzip.
    const PACKED: [u8; 20] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let server = Server::start(|stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n";
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&PACKED)).is_ok()
    });
    let answer = transport().send(server.call("hello"), DEADLINE).await.unwrap();
    assert_eq!(answer.body, &PACKED[..]);
}

#[tokio::test]
async fn f44_an_answer_without_end_is_cut_off() {
    let server = Server::start(|stream| {
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut outcome = stream.write_all(head.as_bytes());
        while outcome.is_ok() {
            outcome = stream.write_all(chunk.as_bytes());
        }
        false
    });
    let error = transport().send(server.call("hello"), DEADLINE).await.unwrap_err();
    assert_eq!(error, TransportError::NoAnswer(Cause::TooLarge));
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_only_and_only_where_a_stand_in_is_allowed() {
    let server = Server::start(answers("200 OK", "{}"));
    let elsewhere = Request::new(Method::GET, Url::parse("http://192.0.2.1/").unwrap());
    let file = Request::new(Method::GET, Url::parse("file:///etc/passwd").unwrap());
    let strict = HttpTransport::new(HostPolicy::PlatformOnly);
    let refused = Err(TransportError::NotSent(Cause::Address));
    assert_eq!(strict.send(server.call("hello"), DEADLINE).await.map(drop), refused);
    assert_eq!(transport().send(elsewhere, DEADLINE).await.map(drop), refused);
    assert_eq!(transport().send(file, DEADLINE).await.map(drop), refused);
    assert!(server.bodies().is_empty());
}

#[tokio::test]
async fn f37_connections_are_forgotten_on_demand() {
    let server = Server::start(answers("200 OK", "{}"));
    let transport = transport();
    transport.send(server.call("one"), DEADLINE).await.unwrap();
    transport.forget_connections();
    transport.send(server.call("two"), DEADLINE).await.unwrap();
    assert_eq!(server.bodies(), ["message=one", "message=two"]);
}

#[tokio::test]
async fn f56_an_error_shows_no_address() {
    let server = Server::start(closes);
    let error = transport().send(server.call("hello"), DEADLINE).await.unwrap_err();
    assert_eq!(error.to_string(), "the call was sent and not answered: broken");
    assert_eq!(format!("{error:?}"), "NoAnswer(Broken)");
}
