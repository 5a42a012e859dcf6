//! Who watches that no secret gets out: in a log line, in a request to AWS (a row, a message), in an answer, in a panic's
//! words, or anywhere in a call to a platform but where it belongs.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    panic::PanicHookInfo,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
};

use canary::Scanner;
use shared::{
    connector::{Body, Request},
    telemetry,
};
use tracing::level_filters::LevelFilter;

use crate::oracle::Oracle;

/// Where a secret must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// A line that a function logs, at whatever level.
    Log,
    /// A request to AWS: every version of every row, every message, every key of a read.
    Aws,
    /// What a caller is answered.
    Answer,
    /// What a panic says.
    Panic,
    /// The address, the headers but one, and the body of a call to a platform.
    Call,
    /// The header that a call to a platform has its token in: the one place where a secret belongs.
    Authorization,
}

impl Spot {
    /// Every place.
    pub const ALL: [Self; 6] = [Self::Log, Self::Aws, Self::Answer, Self::Panic, Self::Call, Self::Authorization];

    const fn name(self) -> &'static str {
        match self {
            Self::Log => "a log line",
            Self::Aws => "a request to AWS",
            Self::Answer => "an answer",
            Self::Panic => "a panic's words",
            Self::Call => "a call to a platform",
            Self::Authorization => "the header for tokens",
        }
    }
}

/// How much was looked at, in bytes, by place.
pub type Looked = BTreeMap<Spot, u64>;

/// Watches one run.
#[derive(Debug, Default)]
pub struct Watch {
    oracle: Arc<Oracle>,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    scanner: Scanner,
    looked: Looked,
    used: u64,
}

thread_local! {
    /// The run that is played on this thread.
    static CURRENT: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
}

static LISTENING: Once = Once::new();

impl Watch {
    /// Watches for `oracle`. What is logged and what panics on this thread belongs to it until the next.
    #[must_use]
    pub fn new(oracle: Arc<Oracle>) -> Arc<Self> {
        LISTENING.call_once(listen);
        let watch = Arc::new(Self { oracle, notes: Mutex::default() });
        CURRENT.set(Some(Arc::clone(&watch)));
        watch
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this must not get out.
    pub fn keep(&self, name: &str, secret: impl AsRef<[u8]>) {
        let kept = self.notes().scanner.keep(name, secret);
        if let Err(weak) = kept {
            self.oracle.violated("I8", &weak.to_string());
        }
    }

    /// Looks at what got somewhere; `what` tells which of such things it was.
    pub fn look(&self, spot: Spot, what: &str, content: &[u8]) {
        let mut notes = self.notes();
        *notes.looked.entry(spot).or_default() += content.len() as u64;
        let findings = notes.scanner.scan(content);
        if spot == Spot::Authorization {
            notes.used += u64::from(!findings.is_empty());
            return;
        }
        drop(notes);
        for finding in findings {
            let mark = if what.is_empty() { "" } else { ", " };
            self.oracle.violated("I8", &format!("a secret stands in {}{mark}{what}: {finding}", spot.name()));
        }
    }

    /// Looks at a call to a platform before anything happens to it.
    pub fn look_at_call(&self, request: &Request) {
        self.look(Spot::Call, "its address", request.url.as_str().as_bytes());
        for (name, value) in &request.headers {
            let spot = if name == http::header::AUTHORIZATION { Spot::Authorization } else { Spot::Call };
            self.look(spot, name.as_str(), value.as_bytes());
        }
        match &request.body {
            // A piece of a file comes from the file's own host and is never held whole; its address is the caller's.
            Body::Empty | Body::Piece(_) => {}
            Body::Form(fields) => {
                for (name, value) in fields {
                    self.look(Spot::Call, name, value.as_bytes());
                }
            }
            Body::Json(value) => self.look(Spot::Call, "its body", value.to_string().as_bytes()),
            Body::Bytes(bytes) => self.look(Spot::Call, "its body", bytes),
        }
    }

    /// How much was looked at.
    #[must_use]
    pub fn looked(&self) -> Looked {
        self.notes().looked.clone()
    }

    /// How many calls had a secret that is looked for where it belongs.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.notes().used
    }
}

/// Letters and digits that stand for nothing but `name`: the same in every run, and nowhere else.
#[must_use]
pub fn secret(name: &str, length: usize) -> String {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let mut random = fastrand::Rng::with_seed(hasher.finish());
    (0..length).map(|_| random.alphanumeric()).collect()
}

/// Ends the watch over this thread.
pub fn end() {
    CURRENT.set(None);
}

fn current(look: impl FnOnce(&Watch)) {
    // None while a thread ends, or where nothing is played; and what is logged while a line is looked at is nobody's.
    let watch = CURRENT.try_with(|current| current.try_borrow().ok().and_then(|current| current.clone()));
    if let Ok(Some(watch)) = watch {
        look(&watch);
    }
}

/// Hears all that is logged from here on, as the functions would write it, and every panic. Once for the process.
fn listen() {
    let subscriber = telemetry::subscriber(LevelFilter::TRACE, || Line);
    // Whoever listens already has a reason: then lines are not looked at, which `Looked` shows.
    let _other = tracing::subscriber::set_global_default(subscriber);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        current(|watch| watch.look(Spot::Panic, "", info.to_string().as_bytes()));
        before(info);
    }));
}

/// Where lines are written to.
struct Line;

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        current(|watch| watch.look(Spot::Log, "", line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    const SECRET: &str = "kVq8sB2xY7pTn0Lw";

    fn watching() -> (Arc<Oracle>, Arc<Watch>) {
        let oracle = Arc::new(Oracle::default());
        let watch = Watch::new(Arc::clone(&oracle));
        watch.keep("the token", SECRET);
        (oracle, watch)
    }

    #[test]
    fn f56_a_secret_is_seen_wherever_it_must_not_be_and_nowhere_else() {
        for spot in Spot::ALL {
            let (oracle, watch) = watching();
            watch.look(spot, "this one", b"nothing");
            assert!(!oracle.is_violated());
            watch.look(spot, "this one", SECRET.as_bytes());
            assert_eq!(oracle.is_violated(), spot != Spot::Authorization, "{spot:?}");
            assert!(oracle.violations().iter().all(|told| told.contains(spot.name()) && !told.contains("kVq8")));
            assert_eq!((watch.looked()[&spot], watch.used()), (23, u64::from(spot == Spot::Authorization)));
        }
    }

    #[test]
    fn f56_what_is_logged_and_what_panics_on_this_thread_is_heard_until_the_end() {
        let (oracle, _watch) = watching();
        tracing::trace!(token = SECRET, "careless");
        assert_eq!(oracle.violations().len(), 1, "{:?}", oracle.violations());
        let panicked = std::panic::catch_unwind(|| panic!("at work with {SECRET}"));
        assert!(panicked.is_err());
        assert_eq!(oracle.violations().len(), 2, "{:?}", oracle.violations());
        end();
        tracing::error!(token = SECRET, "after the end");
        assert_eq!(oracle.violations().len(), 2);
    }

    #[test]
    fn f56_a_call_has_its_token_in_one_header_alone() {
        let request = |address: &str| Request::new(Method::GET, address.parse().unwrap());
        let mut proper = request("https://graph.example/1?fields=id");
        proper.headers.insert(http::header::AUTHORIZATION, format!("Bearer {SECRET}").parse().unwrap());
        let (oracle, watch) = watching();
        watch.look_at_call(&proper);
        assert_eq!((oracle.is_violated(), watch.used()), (false, 1));

        let mut in_header = request("https://graph.example/1");
        in_header.headers.insert("x-token", SECRET.parse().unwrap());
        let mut in_form = request("https://graph.example/1");
        in_form.body = Body::Form(vec![("access_token".into(), SECRET.into())]);
        let mut in_json = request("https://graph.example/1");
        in_json.body = Body::Json(serde_json::json!({ "token": SECRET }));
        let mut in_bytes = request("https://graph.example/1");
        in_bytes.body = Body::Bytes(SECRET.into());
        let in_address = request(&format!("https://graph.example/1?access_token={SECRET}"));
        for improper in [in_address, in_header, in_form, in_json, in_bytes] {
            let (oracle, watch) = watching();
            watch.look_at_call(&improper);
            assert!(oracle.is_violated(), "{:?}", improper.url.path());
        }
    }

    #[test]
    fn what_chance_would_find_is_not_watched_for() {
        let (oracle, watch) = watching();
        watch.keep("a word", "short");
        assert!(oracle.is_violated());
    }
}
