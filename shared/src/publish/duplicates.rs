//! The guard against the same content going out twice at one destination within a window of time.
//!
//! Before its jobs are sent, a post notes itself at each of its destinations under a hash of what it says there. A post
//! that finds another noted there, close in time, is refused; unless that other one did not and will not go out. What
//! counts is what became of the other post, never the note alone: a note outlives a crash, a cancellation and an edit.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use icu_normalizer::ComposingNormalizerBorrowed;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Publisher, unavailable};
use crate::{
    connector::driver,
    content::Content,
    http::Caller,
    ids::PostId,
    post::{Post, TargetSpec},
    problem::{Code, Fault, Problem},
    store::{Guard, Said},
    target::State,
    telemetry::Chain,
    tenant::Tenant,
};

/// How long a note counts whose post is not stored: longer than any function may work on accepting it.
const BEING_ACCEPTED: SignedDuration = SignedDuration::from_secs(60);
/// Past this age a note is no longer good enough for its own post: it would stop counting before the post is stored.
const GOOD_ENOUGH: SignedDuration = SignedDuration::from_secs(30);
/// How many posts one note names; with more, the one that is farthest in the future is not guarded any more.
const LONGEST_NOTE: usize = 100;
/// How often a note is written anew that others write at the same time.
const TRIES: u32 = 5;

/// The notes that a request has made, to be taken back if its post is not accepted.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<String>);

/// Whether a post may go on.
pub(super) enum Guarded {
    /// It may; these notes are new.
    Free(Notes),
    /// Another post stands in the way.
    Duplicate(Problem),
}

/// What came of one note.
enum Noted {
    New,
    Already,
    Taken(PostId),
}

impl Publisher {
    /// Notes what a post says at each of its destinations. Does nothing where no window is set.
    pub(super) async fn guard(
        &self,
        caller: &Caller,
        post: &Post,
        allow: bool,
        now: Timestamp,
    ) -> Result<Guarded, Problem> {
        let mut notes = Notes::default();
        let Some(window) = self.duplicate_window else { return Ok(Guarded::Free(notes)) };
        for (index, spec) in post.targets.iter().enumerate() {
            let content = fingerprint(spec, post.content_for(spec));
            match self.note(caller.tenant, &content, (post, window), allow, now).await {
                Ok(Noted::New) => notes.0.push(content),
                Ok(Noted::Already) => {}
                Ok(Noted::Taken(by)) => {
                    self.take_back(caller, post.id, notes).await;
                    return Ok(Guarded::Duplicate(duplicate(index, by, window)));
                }
                Err(problem) => {
                    self.take_back(caller, post.id, notes).await;
                    return Err(problem);
                }
            }
        }
        Ok(Guarded::Free(notes))
    }

    async fn note(
        &self,
        tenant: Tenant,
        content: &str,
        (post, window): (&Post, SignedDuration),
        allow: bool,
        now: Timestamp,
    ) -> Result<Noted, Problem> {
        let mine = Said { post: post.id, at: goes_out(post), noted_at: now };
        let mut guard = Guard { posts: vec![mine.clone()], revision: revision() };
        let mut replaced: Option<String> = None;
        for _ in 0..TRIES {
            let until = kept_until(&guard, window, now);
            let written = self.store.put_guard(tenant, content, (&guard, until), replaced.as_deref()).await;
            let Some(found) = written.map_err(unavailable)? else { return Ok(Noted::New) };
            let (own, others): (Vec<Said>, Vec<Said>) = found.posts.into_iter().partition(|said| said.post == post.id);
            if let Some(own) = own.first()
                && self.counts(tenant, own, now).await?
            {
                return Ok(Noted::Already);
            }
            if !allow {
                for said in others.iter().filter(|said| is_near(said.at, mine.at, window)) {
                    if self.stands(tenant, content, said, (mine.at, window), now).await? {
                        return Ok(Noted::Taken(said.post));
                    }
                }
            }
            replaced = Some(found.revision);
            guard = Guard { posts: with(others, mine.clone(), window, now), revision: revision() };
        }
        Err(Problem::new(Code::Unavailable, "Many posts say the same at this moment; send the same request again."))
    }

    /// Whether a post may rely on a note of its own. An older one without a post is left over from a request that came to
    /// nothing: others may have gone past it.
    async fn counts(&self, tenant: Tenant, own: &Said, now: Timestamp) -> Result<bool, Problem> {
        if now.duration_since(own.noted_at) < GOOD_ENOUGH {
            return Ok(true);
        }
        Ok(self.store.post(tenant, own.post, true).await.map_err(unavailable)?.is_some())
    }

    /// Whether a noted post says this, went out or is going to, and that near to `at`.
    async fn stands(
        &self,
        tenant: Tenant,
        content: &str,
        said: &Said,
        (at, window): (Timestamp, SignedDuration),
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let Some(post) = self.store.post(tenant, said.post, true).await.map_err(unavailable)? else {
            return Ok(now.duration_since(said.noted_at) < BEING_ACCEPTED);
        };
        if !is_near(goes_out(&post), at, window) {
            return Ok(false);
        }
        for (target, _) in post.targets().filter(|(_, spec)| fingerprint(spec, post.content_for(spec)) == content) {
            match self.store.state_of(tenant, &post, target).await.map_err(unavailable)? {
                Some(State::Cancelled | State::Failed | State::Expired) => {}
                Some(
                    State::Scheduled
                    | State::Queued
                    | State::Running
                    | State::Waiting
                    | State::Retrying
                    | State::Unknown
                    | State::NeedsReview
                    | State::Published,
                )
                | None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Takes notes back whose post was not accepted. If that fails, they stop counting after a minute.
    pub(super) async fn take_back(&self, caller: &Caller, post: PostId, notes: Notes) {
        for content in notes.0 {
            if let Err(error) = self.take_one_back(caller.tenant, post, &content).await {
                tracing::warn!(error = %Chain(&error), "a note against duplicates stays until it stops counting");
            }
        }
    }

    async fn take_one_back(&self, tenant: Tenant, post: PostId, content: &str) -> Result<(), crate::store::StoreError> {
        for _ in 0..TRIES {
            let Some(mut guard) = self.store.guard(tenant, content).await? else { return Ok(()) };
            guard.posts.retain(|said| said.post != post);
            let replaced = std::mem::replace(&mut guard.revision, revision());
            let until = kept_until(&guard, self.duplicate_window.unwrap_or_default(), self.now());
            if self.store.put_guard(tenant, content, (&guard, until), Some(&replaced)).await?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Notes {
    /// Whether there is nothing to take back.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The keys under which a post is noted: posts of one request that share one are noted one after another.
pub(super) fn fingerprints(post: &Post) -> Vec<String> {
    post.targets.iter().map(|spec| fingerprint(spec, post.content_for(spec))).collect()
}

/// SHA-256 of what is said where. Texts that read alike count as one: normalization form C, white space at the ends
/// dropped and elsewhere collapsed, no difference between capital and small letters.
fn fingerprint(spec: &TargetSpec, content: &Content) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut part = |text: &str| {
        // The length in front keeps parts apart.
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(spec.platform.name());
    part(&spec.destination);
    part(&normalized(content.text.as_deref().unwrap_or_default()));
    part(content.link.as_ref().map_or("", url::Url::as_str));
    for media in &content.media {
        part(media.kind.name());
        part(media.url.as_str());
    }
    // Nothing, where there are none: what older builds have noted stays comparable.
    if let Some(options) = &spec.options {
        part(&driver::fingerprint_of(options));
    }
    HEXLOWER.encode(hash.finish().as_ref())
}

fn normalized(text: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = composed.normalize(&words.join(" ")).into_owned();
    // Up and down again folds what has several small forms (σ and ς) or none but two letters as its capital (ß).
    let folded: String = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    composed.normalize(&folded).into_owned()
}

/// When a post goes out, as far as its caller said.
fn goes_out(post: &Post) -> Timestamp {
    post.planned.as_ref().map_or(post.created_at, |planned| planned.at.max(post.created_at))
}

fn is_near(one: Timestamp, other: Timestamp, window: SignedDuration) -> bool {
    one.duration_since(other).abs() < window
}

/// The posts that still matter, and one more. The time to live may take days: what is over is dropped here.
fn with(mut posts: Vec<Said>, mine: Said, window: SignedDuration, now: Timestamp) -> Vec<Said> {
    posts.retain(|said| said.at.saturating_add(window).is_ok_and(|until| until > now));
    posts.push(mine);
    posts.sort_by_key(|said| (said.at, said.post));
    posts.truncate(LONGEST_NOTE);
    posts
}

fn kept_until(guard: &Guard, window: SignedDuration, now: Timestamp) -> Timestamp {
    let last = guard.posts.iter().map(|said| said.at).max().unwrap_or(now);
    last.saturating_add(window).unwrap_or(last)
}

fn revision() -> String {
    Uuid::new_v4().simple().to_string()
}

fn duplicate(index: usize, by: PostId, window: SignedDuration) -> Problem {
    let text = format!(
        "{by} says the same at this destination less than {} hours away from this post. If both are meant to go out, \
         say `\"allow_duplicate\": true`.",
        window.as_hours()
    );
    let fault = Fault::new(format!("/targets/{index}"), Code::PostDuplicate.name(), text.clone());
    Problem { errors: vec![fault], ..Problem::new(Code::PostDuplicate, text) }.about(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_alike_are_one_and_others_are_not() {
        for (one, other) in [
            ("Fresh bread", "  fresh\n\tBREAD "),
            ("caf\u{e9}", "Cafe\u{301}"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("a\u{a0}b", "a b"),
        ] {
            assert_eq!(normalized(one), normalized(other), "{one} {other}");
        }
        for (one, other) in [("bread", "breads"), ("ab", "a b"), ("cafe", "caf\u{e9}"), ("1", "\u{2460}")] {
            assert_ne!(normalized(one), normalized(other), "{one} {other}");
        }
    }

    #[test]
    fn a_note_forgets_what_is_over_and_keeps_a_hundred_of_the_nearest() {
        let window = SignedDuration::from_hours(2);
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(10);
        let said = |hours| Said {
            post: PostId::new(),
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours),
            noted_at: now,
        };
        let kept = with(vec![said(8), said(9), said(400)], said(10), window, now);
        let hours: Vec<i64> = kept.iter().map(|said| said.at.as_second() / 3_600).collect();
        assert_eq!(hours, [9, 10, 400]);
        let many = with((10..150).map(said).collect(), said(10), window, now);
        assert_eq!((many.len(), many.last().map(|said| said.at.as_second() / 3_600)), (100, Some(108)));
    }
}
