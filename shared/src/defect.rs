//! Deliberate defects: what a careless version of this library would do. They exist in builds for the simulation alone,
//! which must find each of them; in every other build asking for one is `false` at compile time.

/// Something that this library takes care not to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// A message is deleted although the record of its work failed.
    AcknowledgesWithoutRecord,
    /// A target that is delivered is worked on, whatever its state.
    ClaimsWhateverIsDelivered,
    /// A late writer overwrites a newer one.
    IgnoresTheFence,
    /// A publish that ended in silence or a 500 is sent again.
    RepeatsUnansweredPublishes,
    /// The newest post is taken for ours.
    TakesTheNewestPost,
    /// A post goes out however late it is.
    IgnoresNotAfter,
    /// The intent is not on disk when the publish leaves.
    PublishesWithoutIntent,
    /// An expired claim starts over, intent or not.
    RestartsExpiredClaims,
    /// A listing is believed before the platform has settled.
    BelievesListingsAtOnce,
    /// What waits is not in the `due` index.
    ForgetsReminders,
    /// The post is stored before its message is sent.
    StoresBeforeSending,
    /// A job that is faster than its post is dropped.
    DropsEarlyJobs,
    /// What a publish was answered with is forgotten when its outcome takes time.
    ForgetsAnsweredPublishes,
    /// A read-back may find what belongs to another post of ours.
    MistakesOwnPosts,
    /// A target is called off while somebody is at work on it.
    CancelsRunningTargets,
    /// The same request with the same key is another post.
    IgnoresIdempotencyKeys,
    /// A job publishes the version of its post that it has seen, however often that was edited since.
    PublishesOldVersions,
    /// A token is logged.
    LogsTokens,
    /// What a platform says in an error is kept as the reason.
    QuotesPlatforms,
    /// A panic says with which token it was at work.
    PanicsWithTokens,
    /// A token is put into the address of a call.
    PutsTokensIntoAddresses,
    /// Whoever wants to renews a token, also while another is at it.
    RefreshesWithoutLease,
    /// A renewed token is stored whatever stands there by then.
    StoresOverNewerTokens,
    /// A refusal to renew ends the connection, whatever has been stored meanwhile.
    BelievesRefusalsAtOnce,
}

impl Defect {
    /// Every one of the publish pipeline.
    pub const ALL: [Self; 21] = [
        Self::AcknowledgesWithoutRecord,
        Self::ClaimsWhateverIsDelivered,
        Self::IgnoresTheFence,
        Self::RepeatsUnansweredPublishes,
        Self::TakesTheNewestPost,
        Self::IgnoresNotAfter,
        Self::PublishesWithoutIntent,
        Self::RestartsExpiredClaims,
        Self::BelievesListingsAtOnce,
        Self::ForgetsReminders,
        Self::StoresBeforeSending,
        Self::DropsEarlyJobs,
        Self::ForgetsAnsweredPublishes,
        Self::MistakesOwnPosts,
        Self::CancelsRunningTargets,
        Self::IgnoresIdempotencyKeys,
        Self::PublishesOldVersions,
        Self::LogsTokens,
        Self::QuotesPlatforms,
        Self::PanicsWithTokens,
        Self::PutsTokensIntoAddresses,
    ];

    /// Every one of the renewal of tokens.
    pub const OF_REFRESHES: [Self; 3] =
        [Self::RefreshesWithoutLease, Self::StoresOverNewerTokens, Self::BelievesRefusalsAtOnce];

    /// Whether this library has it.
    #[cfg(not(feature = "simulation"))]
    pub(crate) const fn is_present(self) -> bool {
        let _ = self;
        false
    }

    /// Whether this library has it, on this thread.
    #[cfg(feature = "simulation")]
    pub(crate) fn is_present(self) -> bool {
        PRESENT.get() == Some(self)
    }

    /// Gives the library a defect, or none, on this thread.
    #[cfg(feature = "simulation")]
    pub fn set(defect: Option<Self>) {
        PRESENT.set(defect);
    }
}

#[cfg(feature = "simulation")]
thread_local! {
    static PRESENT: std::cell::Cell<Option<Defect>> = const { std::cell::Cell::new(None) };
}
