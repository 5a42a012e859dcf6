//! Asking a platform what became of a publish: for a target whose end nobody saw, and for a dead letter before it is sent
//! back to work. Writes nothing.

use jiff::{SignedDuration, Timestamp};

use super::attempt::{later, ours};
use crate::{
    connector::{
        Act, Connector, Fingerprint, Published, ReadBack, Refusal,
        driver::{self, CallFailed, Calls},
    },
    defect::Defect,
    post::{Post, TargetSpec},
    store::{Rivals, Store, StoreError},
    target::Target,
    tenant::Tenant,
};

/// How often a platform is asked at once, where what it showed turned out to be another's.
const ASKED_AGAIN: u32 = 3;

/// Whom the question is about.
pub(crate) struct Inquiry<'a> {
    pub(crate) tenant: Tenant,
    pub(crate) post: &'a Post,
    pub(crate) spec: &'a TargetSpec,
    pub(crate) target: &'a Target,
    pub(crate) now: Timestamp,
}

/// What the platform says.
#[derive(Debug)]
pub(crate) enum Word {
    /// It is out.
    Found(Published),
    /// It is not out.
    Absent,
    /// It is not out, and the platform has refused it for good.
    Refused(Refusal),
    /// Nobody but a person can tell.
    Undecided(Refusal),
    /// Nothing, this time.
    NoAnswer(CallFailed),
}

impl Inquiry<'_> {
    fn sent_at(&self) -> Timestamp {
        self.target.intent.as_ref().map_or(self.target.updated_at, |intent| intent.at)
    }

    /// When the platform's listing can be trusted, if that time is still to come.
    pub(crate) fn too_early(&self, connector: &dyn Connector) -> Option<Timestamp> {
        if Defect::BelievesListingsAtOnce.is_present() {
            return None;
        }
        let trusted_at = later(self.sent_at(), connector.settle_time());
        (trusted_at > self.now).then_some(trusted_at)
    }

    /// How long there has been a question.
    pub(crate) fn age(&self) -> SignedDuration {
        // A dead letter that was sent back to work raises its question anew.
        let asked_since = self.target.redriven_at.map_or(self.sent_at(), |at| at.max(self.sent_at()));
        self.now.duration_since(asked_since)
    }

    /// Asks.
    pub(crate) async fn ask(&self, store: &Store, calls: &mut Calls<'_>) -> Result<Word, StoreError> {
        let mut rivals = self.rivals(store).await?;
        for _ in 0..ASKED_AGAIN {
            let word = self.ask_passing_over(&rivals, calls).await;
            let Word::Found(published) = word else { return Ok(word) };
            // What is shown may have become another's while we looked.
            rivals = self.rivals(store).await?;
            if rivals.unknown_twin {
                // What is shown may be the other's. That nothing is shown, is true for both.
                let reason = "another post of yours says the same, and its outcome is unknown as well";
                return Ok(Word::Undecided(undecided(reason)));
            }
            if !rivals.published.contains(&published.remote_id) {
                return Ok(Word::Found(published));
            }
        }
        Ok(Word::Undecided(undecided("other posts of yours with the same words keep appearing beside it")))
    }

    async fn rivals(&self, store: &Store) -> Result<Rivals, StoreError> {
        if Defect::MistakesOwnPosts.is_present() {
            return Ok(Rivals::default());
        }
        store.rivals(self.tenant, self.target, self.now).await
    }

    async fn ask_passing_over(&self, rivals: &Rivals, calls: &mut Calls<'_>) -> Word {
        let post = self.post.prepared(self.target.target, self.spec);
        let fingerprint = Fingerprint {
            exclude: rivals.published.clone(),
            checkpoint: self.target.checkpoint.clone().unwrap_or_default(),
            ..Fingerprint::of(&post, self.sent_at(), self.now)
        };
        let flow = calls.connector.read_back(calls.app, fingerprint);
        match driver::run_flow(flow, calls).await {
            Ok(ReadBack::Found(published)) => Word::Found(published),
            Ok(ReadBack::Absent) => Word::Absent,
            Ok(ReadBack::Refused(refusal)) => Word::Refused(refusal),
            Ok(ReadBack::Undecided { reason }) => Word::Undecided(undecided(reason)),
            Err(failure) => Word::NoAnswer(failure),
        }
    }
}

fn undecided(reason: &'static str) -> Refusal {
    let message = format!("Look at the account and say whether the post is there: {reason}.");
    ours("read_back.undecided", Act::EndUser, &message)
}
