//! A server of one large video on this machine, which gives it out in ranges, at a bounded speed, and makes every byte of it when
//! it is asked for.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many bytes are made, hashed or sent at once.
const SLICE: u64 = 64 * 1024;

/// A running server. It ends with its value.
pub(crate) struct MediaServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Video {
    length: u64,
    bytes_per_second: u64,
    /// When the next slice may leave: all connections share the speed.
    next: Mutex<Instant>,
}

impl MediaServer {
    pub(crate) async fn start(length: u64, bytes_per_second: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let video = Arc::new(Video { length, bytes_per_second, next: Mutex::new(Instant::now()) });
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let video = Arc::clone(&video);
                // Whoever asks may be killed at any moment.
                tokio::spawn(async move { video.answer(stream).await.unwrap_or_default() });
            }
        });
        Self { address, task }
    }

    /// Where it listens, as addresses name it.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/video.mp4", self.address)
    }
}

impl Drop for MediaServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Video {
    /// One request, one answer.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let range = range_of(&String::from_utf8_lossy(&head));
        let range = range.start..range.end.min(self.length);
        let (last, length) = (range.end - 1, range.end - range.start);
        let answer = format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-type: video/mp4\r\netag: \"of-a-seed\"\r\nconnection: close\r\n\
             content-length: {length}\r\ncontent-range: bytes {}-{last}/{}\r\n\r\n",
            range.start, self.length
        );
        stream.write_all(answer.as_bytes()).await?;
        for slice in slices(range) {
            self.wait_for(slice.end - slice.start).await;
            stream.write_all(&bytes(slice)).await?;
        }
        stream.shutdown().await
    }

    async fn wait_for(&self, bytes: u64) {
        let mut next = self.next.lock().await;
        tokio::time::sleep_until(*next).await;
        *next = Instant::now().max(*next) + Duration::from_micros(bytes * 1_000_000 / self.bytes_per_second);
    }
}

/// What a request asks for: `Range: bytes=0-99`.
fn range_of(head: &str) -> Range<u64> {
    let head = head.to_ascii_lowercase();
    let range = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="))
        .unwrap_or_else(|| panic!("no range is asked for: {head}"));
    let (first, last) = range.split_once('-').unwrap();
    first.parse().unwrap()..last.parse::<u64>().unwrap() + 1
}

fn slices(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let Range { start, end } = range;
    let count = (end - start).div_ceil(SLICE);
    (0..count).map(move |number| (start + number * SLICE)..(start + (number + 1) * SLICE).min(end))
}

/// The bytes of a range: eight at a time, each eight by their place alone, so that none that is lost, doubled or out of its place
/// goes unseen.
fn bytes(range: Range<u64>) -> Vec<u8> {
    let (first, end) = (range.start / 8, range.end.div_ceil(8));
    let words = (first..end).flat_map(|place| (place ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_le_bytes());
    let skipped = usize::try_from(range.start % 8).unwrap();
    words.skip(skipped).take(usize::try_from(range.end - range.start).unwrap()).collect()
}

/// The SHA-256 of such a video, in hexadecimal digits.
pub(crate) fn sha256(length: u64) -> String {
    let mut context = Context::new(&SHA256);
    slices(0..length).for_each(|slice| context.update(&bytes(slice)));
    HEXLOWER.encode(context.finish().as_ref())
}
