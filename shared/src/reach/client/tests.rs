use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::*;
use crate::reach::Network;

const PNG: &[&str] = &["image/png"];
const LIMITS: Limits<'_> = Limits { time: Duration::from_secs(10), size: 100, types: PNG };

/// A server on one of this machine's addresses that counts its requests.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, 0, answer).unwrap()
    }

    fn at(address: Ipv4Addr, port: u16, answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((address, port))?;
        let port = listener.local_addr()?.port();
        let requests = Arc::new(AtomicUsize::new(0));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    answer(&mut stream);
                });
            }
        });
        Ok(Self { port, requests })
    }

    fn url(&self) -> Url {
        Url::parse(&format!("http://media.postd:{}/a.png", self.port)).unwrap()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn says(head: &'static str, body: &'static str) -> impl Fn(&mut TcpStream) + Send + Sync {
    move |stream| {
        let length = body.len();
        let _sent = write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    }
}

fn png() -> impl Fn(&mut TcpStream) + Send + Sync {
    says("200 OK\r\ncontent-type: image/png", "picture")
}

/// Gives its answers one after another, the last one forever.
struct Script {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    questions: AtomicUsize,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().rev().map(parse).collect()),
            questions: AtomicUsize::new(0),
        })
    }
}

impl Resolve for Script {
    fn resolve(&self, _: &str) -> Resolving {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(async { answer.filter(|found| !found.is_empty()).ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// Calls of `media.postd` at the port of `server` may lead to this machine, as in the local cloud.
fn fetcher(server: &Server, script: &Arc<Script>) -> Fetcher {
    let hosts = format!("media.postd:{},127.0.0.1:{}", server.port, server.port).parse().unwrap();
    Fetcher::new(Reach::with_local_hosts(hosts), script.clone())
}

async fn fetch(server: &Server, limits: Limits<'_>) -> Result<Fetched, FetchError> {
    fetcher(server, &Script::new(&[&["127.0.0.1"]])).fetch(Call::get(server.url()), limits).await
}

#[tokio::test]
async fn what_may_be_fetched_comes_back_whole() {
    let server = Server::start(png());
    let fetched = fetch(&server, LIMITS).await.unwrap();
    assert_eq!((fetched.status, &fetched.body[..]), (StatusCode::OK, &b"picture"[..]));
    let answer = Server::start(says("404 Not Found\r\ncontent-type: image/png", ""));
    assert_eq!(fetch(&answer, LIMITS).await.unwrap().status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn f45_a_name_is_resolved_once_and_what_was_checked_is_what_is_connected_to() {
    let checked = Server::start(png());
    // On the same port, where a second question to the resolver would lead.
    let Ok(other) = Server::at(Ipv4Addr::new(127, 0, 0, 2), checked.port, png()) else {
        panic!("this machine has one loopback address only");
    };
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let fetcher = fetcher(&checked, &script);
    fetcher.fetch(Call::get(checked.url()), LIMITS).await.unwrap();
    assert_eq!((checked.requests(), other.requests()), (1, 0));
    assert_eq!(script.questions.load(Ordering::SeqCst), 1);
    // No connection is kept: the next call asks anew, and what it finds is checked anew.
    fetcher.fetch(Call::get(checked.url()), LIMITS).await.unwrap();
    assert_eq!((checked.requests(), other.requests()), (1, 1));
}

#[tokio::test]
async fn f45_a_resolver_that_changes_its_answer_to_a_forbidden_one_gains_nothing() {
    let server = Server::start(png());
    let script = Script::new(&[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.1"]]);
    let fetcher = fetcher(&server, &script);
    fetcher.fetch(Call::get(server.url()), LIMITS).await.unwrap();
    let refused = Err(FetchError::Refused(Refused::Network(Network::LinkLocal)));
    assert_eq!(fetcher.fetch(Call::get(server.url()), LIMITS).await.map(drop), refused);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn f45_one_forbidden_address_among_a_names_addresses_forbids_the_name() {
    let server = Server::start(png());
    for (answer, network) in [
        (&["127.0.0.1", "10.0.0.1"][..], Network::Private),
        (&["10.0.0.1", "127.0.0.1"], Network::Private),
        (&["127.0.0.1", "::ffff:127.0.0.1"], Network::Mapped),
        (&["127.0.0.1", "fd00:ec2::254"], Network::UniqueLocal),
        (&["127.0.0.1", "64:ff9b::a9fe:a9fe"], Network::Translated),
        (&["93.184.215.14", "0.0.0.0"], Network::ThisNetwork),
    ] {
        let outcome = fetcher(&server, &Script::new(&[answer])).fetch(Call::get(server.url()), LIMITS).await;
        assert_eq!(outcome.map(drop), Err(FetchError::Refused(Refused::Network(network))), "{answer:?}");
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn f45_a_public_name_that_resolves_to_this_machine_is_refused() {
    let server = Server::start(png());
    let fetcher = fetcher(&server, &Script::new(&[&["127.0.0.1"]]));
    for name in ["localtest.me", "127.0.0.1.nip.io", "rebind.example.com"] {
        let url = Url::parse(&format!("https://{name}/")).unwrap();
        let outcome = fetcher.fetch(Call::get(url), LIMITS).await;
        assert_eq!(outcome.map(drop), Err(FetchError::Refused(Refused::Network(Network::Loopback))), "{name}");
    }
    // Digits never meet a resolver: they are refused before.
    let url = Url::parse("https://127.0.0.1/").unwrap();
    let outcome = fetcher.fetch(Call::get(url), LIMITS).await;
    assert_eq!(outcome.map(drop), Err(FetchError::Refused(Refused::Network(Network::Loopback))));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn f45_a_redirect_is_not_followed() {
    let target = Server::start(png());
    let location = format!("http://127.0.0.1:{}/latest/meta-data/", target.port);
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = location.clone();
        let server = Server::start(move |stream| {
            let _sent = write!(stream, "HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        });
        assert_eq!(fetch(&server, LIMITS).await.map(drop), Err(FetchError::Redirected), "{status}");
        assert_eq!(server.requests(), 1);
    }
    assert_eq!(target.requests(), 0);
}

#[tokio::test]
async fn f44_a_body_is_as_large_as_the_limit_and_no_larger() {
    for promised in [true, false] {
        for (size, fits) in [(100, true), (101, false)] {
            let server = Server::start(move |stream| {
                let length = if promised { format!("content-length: {size}\r\n") } else { String::new() };
                let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n{length}connection: close\r\n\r\n");
                let _sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b' '; size]));
            });
            match fetch(&server, LIMITS).await {
                Ok(fetched) => assert!(fits && fetched.body.len() == size),
                Err(error) => assert!(!fits && error == FetchError::TooLarge, "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn f44_a_server_that_takes_too_long_is_left() {
    let limits = Limits { time: Duration::from_millis(300), ..LIMITS };
    // Silence; then a header; then a body that drips.
    for speaks in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n12"] {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Mutex::new(held);
        let server = Server::start(move |stream| {
            let _sent = stream.write_all(speaks.as_bytes());
            // Until the test is over.
            let _over = held.lock().unwrap().recv();
        });
        assert_eq!(fetch(&server, limits).await.map(drop), Err(FetchError::Timeout), "{speaks}");
        drop(release);
    }
}

#[tokio::test]
async fn f44_only_the_wanted_types_are_read() {
    for (head, expected) in [
        ("200 OK\r\ncontent-type: IMAGE/PNG; charset=binary", None),
        ("200 OK\r\ncontent-type: text/html", Some(FetchError::WrongType)),
        ("200 OK\r\ncontent-type: image/pngx", Some(FetchError::WrongType)),
        ("200 OK\r\ncontent-type: image/png\r\ncontent-type: text/html", Some(FetchError::WrongType)),
        ("200 OK", Some(FetchError::WrongType)),
    ] {
        let server = Server::start(says(head, "x"));
        assert_eq!(fetch(&server, LIMITS).await.err(), expected, "{head}");
    }
    let server = Server::start(says("200 OK", "x"));
    assert!(fetch(&server, Limits { types: &[], ..LIMITS }).await.is_ok());
}

#[tokio::test]
async fn what_does_not_resolve_or_answer_is_told_apart_and_shows_no_address() {
    let server = Server::start(|_| {});
    assert_eq!(fetch(&server, LIMITS).await.map(drop), Err(FetchError::Broken));
    let nowhere = fetcher(&server, &Script::new(&[&[]])).fetch(Call::get(server.url()), LIMITS).await;
    assert_eq!(nowhere.map(drop), Err(FetchError::Connect));
    let refused = FetchError::Refused(Refused::Network(Network::LinkLocal));
    assert_eq!(refused.to_string(), "the address may not be called");
    assert_eq!(format!("{refused:?}"), "Refused(Network(LinkLocal))");
}
