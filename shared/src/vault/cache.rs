//! Plain data keys in memory: few, for a short time, for a bounded number of uses, zeroized when they leave.
//!
//! A key serves for [`FRESH`]. While KMS does not answer, it serves for [`GRACE`] more, and KMS is asked again only
//! every [`PAUSE`]. Once KMS refuses, the key is gone at once: disabling the KMS key takes effect within [`FRESH`].

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};

use super::{VaultError, envelope::DataKey};
use crate::clock::Clock;

/// How long an unwrapped key serves before KMS is asked again.
pub(super) const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How much longer it serves while KMS does not answer.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(15);
/// How long a failure of KMS is remembered before it is asked again for the same key.
pub(super) const PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// How many uses one unwrapping is good for.
const MAX_USES: u32 = 1 << 20;
/// How many keys are kept; the least recently used leaves first.
const MAX_KEYS: usize = 1024;
/// How often keys that nobody uses are looked for.
const SWEEP: SignedDuration = SignedDuration::from_mins(1);

/// What a wrapped key is known by: a hash of the tenant and the wrapped bytes.
pub(super) type KeyId = [u8; 32];

/// Where a key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// KMS unwrapped it just now.
    Unwrapped,
    /// It was in memory.
    Cached,
    /// It was in memory and should have been renewed, but KMS does not answer.
    Outage,
}

impl Origin {
    /// The name in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unwrapped => "unwrapped",
            Self::Cached => "cached",
            Self::Outage => "outage",
        }
    }
}

/// The keys in memory.
#[derive(Default)]
pub(super) struct KeyCache {
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_key: HashMap<KeyId, Arc<Slot>>,
    swept_at: Option<Timestamp>,
}

#[derive(Default)]
struct Slot {
    /// Locked over the call to KMS: whoever wants the same key meanwhile waits for that one answer.
    entry: tokio::sync::Mutex<Entry>,
    /// In epoch milliseconds.
    last_used: AtomicI64,
}

#[derive(Default)]
struct Entry {
    held: Option<Held>,
    failure: Option<(VaultError, Timestamp)>,
}

struct Held {
    key: Arc<DataKey>,
    since: Timestamp,
    uses: u32,
}

/// Whether `now` is less than `period` after `at`. A clock that went backwards proves nothing: not within.
pub(super) fn within(at: Timestamp, now: Timestamp, period: SignedDuration) -> bool {
    let age = now.duration_since(at);
    age >= SignedDuration::ZERO && age < period
}

impl Entry {
    fn serve(&mut self, now: Timestamp, period: SignedDuration) -> Option<Arc<DataKey>> {
        let held = self.held.as_mut().filter(|held| held.uses < MAX_USES && within(held.since, now, period))?;
        held.uses += 1;
        Some(held.key.clone())
    }

    fn hold(&mut self, key: DataKey, now: Timestamp) -> Arc<DataKey> {
        let key = Arc::new(key);
        *self = Self { held: Some(Held { key: key.clone(), since: now, uses: 1 }), failure: None };
        key
    }

    fn recent_failure(&self, now: Timestamp) -> Option<VaultError> {
        self.failure.as_ref().filter(|(_, at)| within(*at, now, PAUSE)).map(|(error, _)| error.clone())
    }

    /// Remembers that KMS does not answer; forgets everything once it has refused.
    fn note(&mut self, error: &VaultError, now: Timestamp) {
        match error {
            VaultError::Unavailable { .. } => self.failure = Some((error.clone(), now)),
            VaultError::Refused { .. }
            | VaultError::NotFound
            | VaultError::Conflict
            | VaultError::TenantDeleted
            | VaultError::Corrupt => {
                *self = Self::default();
            }
        }
    }
}

impl KeyCache {
    /// The key `id`, from memory or through `unwrap`, which runs at most once at a time per key.
    pub(super) async fn get(
        &self,
        id: KeyId,
        clock: &dyn Clock,
        unwrap: impl Future<Output = Result<DataKey, VaultError>>,
    ) -> Result<(Arc<DataKey>, Origin), VaultError> {
        let slot = self.slot(id, clock.now());
        let mut entry = slot.entry.lock().await;
        let now = clock.now();
        if let Some(key) = entry.serve(now, FRESH) {
            return Ok((key, Origin::Cached));
        }
        let error = match entry.recent_failure(now) {
            Some(error) => error,
            None => match unwrap.await {
                Ok(key) => return Ok((entry.hold(key, clock.now()), Origin::Unwrapped)),
                Err(error) => {
                    entry.note(&error, clock.now());
                    error
                }
            },
        };
        // After a refusal nothing is held any more, so only an outage finds a key here.
        entry.serve(now, FRESH + GRACE).map(|key| (key, Origin::Outage)).ok_or(error)
    }

    /// Keeps a key that did not have to be unwrapped.
    pub(super) async fn keep(&self, id: KeyId, key: DataKey, now: Timestamp) {
        self.slot(id, now).entry.lock().await.hold(key, now);
    }

    fn slot(&self, id: KeyId, now: Timestamp) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.sweep(now);
        if !slots.by_key.contains_key(&id) {
            slots.make_room();
        }
        let slot = slots.by_key.entry(id).or_default();
        slot.last_used.store(now.as_millisecond(), Ordering::Relaxed);
        slot.clone()
    }
}

impl Slots {
    /// Drops the keys that nobody has asked for since before the grace began to count.
    fn sweep(&mut self, now: Timestamp) {
        if self.swept_at.is_some_and(|at| within(at, now, SWEEP)) {
            return;
        }
        self.swept_at = Some(now);
        let oldest = now.as_millisecond() - (FRESH + GRACE).as_secs() * 1000;
        self.by_key.retain(|_, slot| slot.last_used.load(Ordering::Relaxed) > oldest);
    }

    fn make_room(&mut self) {
        if self.by_key.len() < MAX_KEYS {
            return;
        }
        let oldest = self.by_key.iter().min_by_key(|(_, slot)| slot.last_used.load(Ordering::Relaxed));
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.by_key.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::{clock::ManualClock, vault::error::Unexpected};

    fn clock() -> ManualClock {
        ManualClock::at(Timestamp::from_second(1_800_000_000).unwrap())
    }

    fn key() -> DataKey {
        DataKey::from_slice(&[1; 32]).unwrap()
    }

    fn down() -> VaultError {
        VaultError::Unavailable { what: "KMS", source: Arc::new(Unexpected("down")) }
    }

    fn refused() -> VaultError {
        VaultError::Refused { what: "KMS", source: Arc::new(Unexpected("disabled")) }
    }

    /// Asks for a key of which KMS says `answer`; tells where it came from, and how often KMS was asked.
    async fn ask(
        cache: &KeyCache,
        clock: &ManualClock,
        answer: Result<DataKey, VaultError>,
    ) -> (Option<Origin>, usize) {
        let asked = AtomicUsize::new(0);
        let unwrap = async {
            asked.fetch_add(1, Ordering::Relaxed);
            answer
        };
        let origin = cache.get([0; 32], clock, unwrap).await.ok().map(|(_, origin)| origin);
        (origin, asked.into_inner())
    }

    #[tokio::test]
    async fn a_key_serves_for_five_minutes() {
        let (cache, clock) = (KeyCache::default(), clock());
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (Some(Origin::Unwrapped), 1));
        clock.advance(FRESH - SignedDuration::from_nanos(1));
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (Some(Origin::Cached), 0));
        clock.advance(SignedDuration::from_nanos(1));
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (Some(Origin::Unwrapped), 1));
    }

    #[tokio::test]
    async fn while_kms_is_down_a_key_serves_through_the_grace_and_kms_is_left_in_peace() {
        let (cache, clock) = (KeyCache::default(), clock());
        ask(&cache, &clock, Ok(key())).await;
        clock.advance(FRESH);
        assert_eq!(ask(&cache, &clock, Err(down())).await, (Some(Origin::Outage), 1));
        assert_eq!(ask(&cache, &clock, Err(down())).await, (Some(Origin::Outage), 0));
        clock.advance(PAUSE);
        assert_eq!(ask(&cache, &clock, Err(down())).await, (Some(Origin::Outage), 1));
        clock.advance(GRACE - PAUSE);
        assert_eq!(ask(&cache, &clock, Err(down())).await, (None, 1));
        clock.advance(PAUSE);
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (Some(Origin::Unwrapped), 1));
    }

    #[tokio::test]
    async fn without_a_key_an_outage_is_an_error_that_is_remembered_for_a_moment() {
        let (cache, clock) = (KeyCache::default(), clock());
        assert_eq!(ask(&cache, &clock, Err(down())).await, (None, 1));
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (None, 0));
        clock.advance(PAUSE);
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (Some(Origin::Unwrapped), 1));
    }

    #[tokio::test]
    async fn a_refusal_ends_a_key_at_once() {
        let (cache, clock) = (KeyCache::default(), clock());
        ask(&cache, &clock, Ok(key())).await;
        clock.advance(FRESH);
        assert_eq!(ask(&cache, &clock, Err(refused())).await, (None, 1));
        assert_eq!(ask(&cache, &clock, Err(down())).await, (None, 1), "no grace after a refusal");
    }

    #[tokio::test]
    async fn f57_a_key_that_leaves_the_cache_is_gone_from_memory() {
        let (cache, clock) = (KeyCache::default(), clock());
        let get = async |id: u8| {
            let (key, _) = cache.get([id; 32], &clock, async { Ok(key()) }).await.unwrap();
            Arc::downgrade(&key)
        };
        let replaced = get(0).await;
        clock.advance(FRESH);
        let held = get(0).await;
        assert!(replaced.upgrade().is_none() && held.upgrade().is_some(), "another has taken its place");
        clock.advance(FRESH);
        assert!(cache.get([0; 32], &clock, async { Err(refused()) }).await.is_err());
        assert!(held.upgrade().is_none(), "KMS has refused");
        let unused = get(1).await;
        clock.advance(FRESH + GRACE);
        let other = get(2).await;
        assert!(unused.upgrade().is_none() && other.upgrade().is_some(), "nobody asked for it any more");
        drop(cache);
        assert!(other.upgrade().is_none());
    }

    #[tokio::test]
    async fn one_unwrapping_is_good_for_a_bounded_number_of_uses() {
        let mut entry = Entry::default();
        let now = clock().now();
        entry.hold(key(), now);
        for _ in 1..MAX_USES {
            assert!(entry.serve(now, FRESH).is_some());
        }
        assert!(entry.serve(now, FRESH).is_none());
    }

    #[tokio::test]
    async fn a_crowd_asks_kms_once() {
        let (cache, clock) = (Arc::new(KeyCache::default()), clock());
        let asked = Arc::new(AtomicUsize::new(0));
        let crowd: Vec<_> = (0..50)
            .map(|_| {
                let (cache, clock, asked) = (cache.clone(), clock.clone(), asked.clone());
                tokio::spawn(async move {
                    let unwrap = async {
                        asked.fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                        Ok(key())
                    };
                    cache.get([0; 32], &clock, unwrap).await.map(|_| ())
                })
            })
            .collect();
        for member in crowd {
            member.await.unwrap().unwrap();
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_does_not_block_the_next() {
        let (cache, clock) = (KeyCache::default(), clock());
        {
            let given_up = cache.get([0; 32], &clock, std::future::pending());
            tokio::select! {
                biased;
                _ = given_up => {}
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(ask(&cache, &clock, Ok(key())).await, (Some(Origin::Unwrapped), 1));
    }

    #[tokio::test]
    async fn the_number_of_keys_is_bounded_and_unused_ones_leave() {
        let (cache, clock) = (KeyCache::default(), clock());
        let id = |number: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            id
        };
        for number in 0..MAX_KEYS + 10 {
            clock.advance(SignedDuration::from_millis(1));
            cache.keep(id(number), key(), clock.now()).await;
        }
        assert_eq!(cache.slots.lock().unwrap().by_key.len(), MAX_KEYS);
        assert!(!cache.slots.lock().unwrap().by_key.contains_key(&id(0)), "the least recently used left");
        clock.advance(FRESH + GRACE);
        cache.keep(id(0), key(), clock.now()).await;
        assert_eq!(cache.slots.lock().unwrap().by_key.len(), 1);
    }
}
