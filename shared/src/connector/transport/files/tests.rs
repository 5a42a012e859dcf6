//! Files between two servers on this machine: one that has them, one that takes them.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use http::Method;
use rstest::rstest;
use serde_json::json;
use url::Url;

use super::*;
use crate::{
    connector::{
        Answer, Body, Prepared, Request,
        settings::HostPolicy,
        transport::{Cause, HttpTransport, Transport, TransportError},
    },
    reach::Reach,
};

const DEADLINE: Duration = Duration::from_secs(20);

/// Reads the head of a request; its lines, in lower case.
fn head(stream: &TcpStream) -> (Vec<String>, BufReader<TcpStream>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            return (lines, reader);
        }
        lines.push(line.trim().to_ascii_lowercase());
    }
}

fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

/// What a file's server says: the head without the length, and the body, for a range if one was asked for.
type Reply = (&'static str, Vec<u8>);

/// A server with one file; `reply` gets the range that was asked for.
fn file_server(reply: impl Fn(Option<(u64, u64)>) -> Reply + Send + Sync + 'static) -> String {
    listen(move |mut stream| {
        let (lines, _) = head(&stream);
        let range = lines.iter().find_map(|line| line.strip_prefix("range: bytes=")).map(|range| {
            let (first, last) = range.split_once('-').unwrap();
            (first.parse().unwrap(), last.parse().unwrap())
        });
        let (head, body) = reply(range);
        let _gone = write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _gone = stream.write_all(&body);
    })
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

/// A server that does as it should, with a file of this length.
fn honest(length: usize) -> String {
    let file = bytes(length);
    let (tag, total) = ("\"v1\"", file.len());
    listen(move |mut stream| {
        let (lines, _) = head(&stream);
        let range = lines.iter().find_map(|line| line.strip_prefix("range: bytes="));
        let (first, last): (usize, usize) = match range.and_then(|range| range.split_once('-')) {
            Some((first, last)) => (first.parse().unwrap(), last.parse::<usize>().unwrap().min(total - 1)),
            None => (0, total - 1),
        };
        let part = &file[first..=last];
        let _gone = write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\ncontent-type: video/mp4\r\netag: {tag}\r\n\
             content-range: bytes {first}-{last}/{total}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            part.len()
        );
        let _gone = stream.write_all(part);
    })
}

/// A platform that keeps the head and the body of what it is sent.
#[derive(Clone, Default)]
struct Platform {
    heads: Arc<Mutex<Vec<Vec<String>>>>,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    read: Arc<AtomicU64>,
}

impl Platform {
    fn start(&self) -> String {
        let platform = self.clone();
        listen(move |mut stream| {
            let (lines, mut reader) = head(&stream);
            let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            platform.heads.lock().unwrap().push(lines);
            let (mut body, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
            while body.len() < length.unwrap_or(0) {
                match reader.read(&mut buffer) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => body.extend_from_slice(&buffer[..read]),
                }
                platform.read.store(body.len() as u64, Ordering::SeqCst);
            }
            platform.bodies.lock().unwrap().push(body);
            let _gone = write!(stream, "HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        })
    }
}

fn transport(files: &str) -> HttpTransport {
    HttpTransport::new(HostPolicy::StandIn).reaching(Reach::with_local_hosts(files.parse().unwrap()))
}

fn source(files: &str) -> Source {
    let media = json!([{ "url": format!("http://{files}/a.mp4?signature=hunter2"), "kind": "video" }]);
    let content = serde_json::from_value(json!({ "media": media })).unwrap();
    Prepared { content, ..Prepared::at("1") }.media(0).unwrap()
}

fn upload(platform: &str, piece: Piece) -> Request {
    let mut request = Request::new(Method::PUT, Url::parse(&format!("http://{platform}/upload")).unwrap());
    request.headers.insert(header::CONTENT_RANGE, piece.content_range().parse().unwrap());
    Request { body: Body::Piece(piece), ..request }
}

async fn send(transport: &HttpTransport, platform: &str, piece: Piece) -> Result<Answer, TransportError> {
    transport.send(upload(platform, piece), DEADLINE).await
}

#[tokio::test]
async fn a_file_goes_up_in_pieces_and_is_whole_again() {
    let (files, platform) = (honest(2_500_000), Platform::default());
    let (transport, address) = (transport(&files), platform.start());
    let seen = transport.look(source(&files), DEADLINE).await.unwrap();
    let expected =
        Seen { length: 2_500_000, media_type: Some("video/mp4".into()), etag: Some("\"v1\"".into()), in_parts: true };
    assert_eq!(seen, expected);
    for (first, length) in [(0, 1_000_000), (1_000_000, 1_000_000), (2_000_000, 500_000)] {
        let answer = send(&transport, &address, seen.piece(source(&files), first, length).unwrap()).await.unwrap();
        assert_eq!(answer.status, 201);
    }
    assert_eq!(platform.bodies.lock().unwrap().concat(), bytes(2_500_000));
    let heads = platform.heads.lock().unwrap();
    let told = |head: &[String], name: &str| head.iter().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let lengths: Vec<_> = heads.iter().filter_map(|head| told(head, "content-length: ")).collect();
    assert_eq!(lengths, ["1000000", "1000000", "500000"]);
    assert_eq!(told(&heads[1], "content-range: ").unwrap(), "bytes 1000000-1999999/2500000");
    assert!(heads.iter().flatten().all(|line| !line.starts_with("transfer-encoding")));
}

#[tokio::test]
async fn a_piece_goes_up_as_the_file_of_a_form() {
    let (files, platform) = (honest(2_500_000), Platform::default());
    let (transport, address) = (transport(&files), platform.start());
    let seen = transport.look(source(&files), DEADLINE).await.unwrap();
    let piece = seen.piece(source(&files), 1_000_000, 500_000).unwrap();
    let (piece, content_type) = piece.in_form(&[("start_offset", "1000000")], "video_file_chunk", "b");
    let mut request = upload(&address, piece);
    request.headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
    assert_eq!(transport.send(request, DEADLINE).await.unwrap().status, 201);
    let bodies = platform.bodies.lock().unwrap();
    let before = "--b\r\nContent-Disposition: form-data; name=\"start_offset\"\r\n\r\n1000000\r\n\
                  --b\r\nContent-Disposition: form-data; name=\"video_file_chunk\"; filename=\"file\"\r\n\
                  Content-Type: application/octet-stream\r\n\r\n";
    let expected = [before.as_bytes(), &bytes(2_500_000)[1_000_000..1_500_000], b"\r\n--b--\r\n"].concat();
    assert!(bodies[0] == expected, "{} bytes instead of {}", bodies[0].len(), expected.len());
    let heads = platform.heads.lock().unwrap();
    assert!(heads[0].contains(&"content-type: multipart/form-data; boundary=b".to_owned()));
}

#[tokio::test]
async fn what_comes_is_passed_on_before_the_rest_is_there() {
    let platform = Platform::default();
    let read = Arc::clone(&platform.read);
    let files = listen(move |mut stream| {
        let (lines, _) = head(&stream);
        if lines.iter().any(|line| line == "range: bytes=0-0") {
            let _sent = write!(
                stream,
                "HTTP/1.1 206 OK\r\ncontent-range: bytes 0-0/2000000\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx"
            );
            return;
        }
        let _sent = write!(
            stream,
            "HTTP/1.1 206 OK\r\ncontent-range: bytes 0-1999999/2000000\r\ncontent-length: 2000000\r\n\r\n"
        );
        stream.write_all(&vec![b'x'; 1_000_000]).unwrap();
        // The second half comes only once the platform has some of the first.
        while read.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        stream.write_all(&vec![b'x'; 1_000_000]).unwrap();
    });
    let (transport, address) = (transport(&files), platform.start());
    let seen = transport.look(source(&files), DEADLINE).await.unwrap();
    let answer = send(&transport, &address, seen.piece(source(&files), 0, 2_000_000).unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), platform.bodies.lock().unwrap()[0].len()), (201, 2_000_000));
}

#[tokio::test]
async fn a_platform_that_does_not_read_holds_the_file_back() {
    const SIZE: u64 = 60 * 1024 * 1024;
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let files = listen(move |mut stream| {
        head(&stream);
        let _sent = write!(
            stream,
            "HTTP/1.1 206 OK\r\ncontent-range: bytes 0-{}/{SIZE}\r\ncontent-length: {SIZE}\r\n\r\n",
            SIZE - 1
        );
        while stream.write_all(&vec![b'x'; 65_536]).is_ok() {
            counted.fetch_add(65_536, Ordering::SeqCst);
        }
    });
    let silent = listen(|stream| {
        head(&stream);
        // Until the caller gives up.
        let _gone = stream.peek(&mut [0; 1]).map(|_| thread::park_timeout(DEADLINE));
    });
    let seen = Seen { length: SIZE, media_type: None, etag: None, in_parts: true };
    let piece = seen.piece(source(&files), 0, SIZE).unwrap();
    let outcome = transport(&files).send(upload(&silent, piece), Duration::from_secs(2)).await;
    assert_eq!(outcome.unwrap_err(), TransportError::NotSent(Cause::Timeout));
    // What two pairs of sockets on this machine hold at most, and not the file.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 30 * 1024 * 1024, "{sent} bytes were taken from the file's server");
}

#[rstest]
#[case::no_such_file("404 Not Found", "", SourceProblem::Refused)]
#[case::forbidden("403 Forbidden", "", SourceProblem::Refused)]
#[case::down("503 Service Unavailable", "", SourceProblem::Unreachable)]
#[case::busy("429 Too Many Requests", "", SourceProblem::Unreachable)]
#[case::elsewhere("302 Found\r\nlocation: http://127.0.0.1:1/", "", SourceProblem::Redirected)]
#[case::a_page("200 OK\r\ncontent-type: text/html", "<html>", SourceProblem::WrongType)]
#[case::a_picture("206 OK\r\ncontent-range: bytes 0-0/9\r\ncontent-type: image/png", "x", SourceProblem::WrongType)]
#[case::empty("200 OK", "", SourceProblem::Empty)]
#[case::empty_in_parts("416 Range Not Satisfiable", "", SourceProblem::Empty)]
#[case::endless("206 OK\r\ncontent-range: bytes 0-0/*", "x", SourceProblem::NoLength)]
#[case::another_range("206 OK\r\ncontent-range: bytes 5-5/9", "x", SourceProblem::NoLength)]
#[case::no_range("206 OK", "x", SourceProblem::NoLength)]
#[tokio::test]
async fn a_file_that_cannot_be_passed_on_says_why(
    #[case] head: &'static str,
    #[case] body: &'static str,
    #[case] expected: SourceProblem,
) {
    let files = file_server(move |_| (head, body.as_bytes().to_vec()));
    assert_eq!(transport(&files).look(source(&files), DEADLINE).await, Err(expected));
}

#[tokio::test]
async fn f45_a_file_on_this_machine_is_out_of_reach_unless_it_is_the_local_clouds() {
    let files = honest(10);
    let elsewhere = HttpTransport::new(HostPolicy::StandIn);
    assert_eq!(elsewhere.look(source(&files), DEADLINE).await, Err(SourceProblem::NotPublic));
    let piece = Seen { length: 10, media_type: None, etag: None, in_parts: true }.piece(source(&files), 0, 10);
    let platform = Platform::default();
    let outcome = send(&elsewhere, &platform.start(), piece.unwrap()).await;
    assert_eq!(outcome.unwrap_err(), TransportError::Source(SourceProblem::NotPublic));
    assert!(platform.heads.lock().unwrap().is_empty(), "the platform was not called");
}

#[rstest]
#[case::another_tag("206 OK\r\netag: \"v2\"\r\ncontent-range: bytes 0-3/10", "abcd", SourceProblem::Changed)]
#[case::no_tag("206 OK\r\ncontent-range: bytes 0-3/10", "abcd", SourceProblem::Changed)]
#[case::longer("206 OK\r\netag: \"v1\"\r\ncontent-range: bytes 0-3/11", "abcd", SourceProblem::Changed)]
#[case::shorter("416 Range Not Satisfiable", "", SourceProblem::Changed)]
#[case::another_range("206 OK\r\netag: \"v1\"\r\ncontent-range: bytes 1-4/10", "abcd", SourceProblem::NoParts)]
#[case::all_of_it("200 OK\r\netag: \"v1\"", "abcdefghij", SourceProblem::NoParts)]
#[case::all_of_another("200 OK\r\netag: \"v1\"", "abcdefgh", SourceProblem::Changed)]
#[case::gone("410 Gone", "", SourceProblem::Refused)]
#[tokio::test]
async fn a_piece_of_another_file_is_not_put_beside_the_first(
    #[case] head: &'static str,
    #[case] body: &'static str,
    #[case] expected: SourceProblem,
) {
    let files = file_server(move |_| (head, body.as_bytes().to_vec()));
    let seen = Seen { length: 10, media_type: None, etag: Some("\"v1\"".into()), in_parts: true };
    let platform = Platform::default();
    let outcome = send(&transport(&files), &platform.start(), seen.piece(source(&files), 0, 4).unwrap()).await;
    assert_eq!(outcome.unwrap_err(), TransportError::Source(expected));
    assert!(platform.heads.lock().unwrap().is_empty(), "the platform was not called");
}

#[tokio::test]
async fn a_file_that_breaks_off_half_way_was_not_sent() {
    let files = listen(|mut stream| {
        head(&stream);
        let _sent = write!(
            stream,
            "HTTP/1.1 206 OK\r\ncontent-range: bytes 0-999999/1000000\r\ncontent-length: 1000000\r\n\r\n"
        );
        stream.write_all(&vec![b'x'; 500_000]).unwrap();
    });
    let seen = Seen { length: 1_000_000, media_type: None, etag: None, in_parts: true };
    let platform = Platform::default();
    let outcome = send(&transport(&files), &platform.start(), seen.piece(source(&files), 0, 1_000_000).unwrap()).await;
    assert_eq!(outcome.unwrap_err(), TransportError::Source(SourceProblem::BrokenOff));
    assert!(platform.bodies.lock().unwrap().is_empty(), "the platform did not get all of it");
}

#[tokio::test]
async fn a_file_that_is_not_given_out_in_parts_goes_up_as_a_whole() {
    let files = file_server(|_| ("200 OK\r\ncontent-type: video/mp4", bytes(1_000)));
    let (transport, platform) = (transport(&files), Platform::default());
    let seen = transport.look(source(&files), DEADLINE).await.unwrap();
    assert!(!seen.in_parts);
    send(&transport, &platform.start(), seen.piece(source(&files), 0, 1_000).unwrap()).await.unwrap();
    assert_eq!(platform.bodies.lock().unwrap()[0], bytes(1_000));
}
