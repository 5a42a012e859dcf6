//! What can go wrong with one effect, and how often it does.

use std::time::Duration;

/// What goes wrong with one effect: a call to AWS or to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// It does not happen, and the connection says so.
    FailBefore,
    /// It happens, and its answer is lost.
    FailAfter,
    /// It is refused for the moment: throttled by AWS, rate-limited by a platform.
    Throttle,
    /// It happens late: the caller has long given up.
    Late,
    /// The answer takes longer than usual.
    Slow,
    /// The process dies before it.
    CrashBefore,
    /// The process dies after it, before the answer.
    CrashAfter,
    /// The process stands still for a while; Lambda kills it at its deadline, or a little later.
    Freeze,
    /// A platform answers 500 and has done nothing. (AWS: as [`Self::FailBefore`].)
    ErrorBefore,
    /// A platform answers 500 and has done it. (AWS: as [`Self::FailAfter`].)
    ErrorAfter,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::FailBefore,
        Self::FailAfter,
        Self::Throttle,
        Self::Late,
        Self::Slow,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Freeze,
        Self::ErrorBefore,
        Self::ErrorAfter,
    ];

    /// The name, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailBefore => "fail before",
            Self::FailAfter => "fail after",
            Self::Throttle => "throttle",
            Self::Late => "late effect",
            Self::Slow => "slow",
            Self::CrashBefore => "crash before",
            Self::CrashAfter => "crash after",
            Self::Freeze => "freeze",
            Self::ErrorBefore => "500 before",
            Self::ErrorAfter => "500 after",
        }
    }

    /// Whether it makes sense at this place: AWS has no 500 of its own kind here.
    #[must_use]
    pub const fn strikes(self, place: Place) -> bool {
        match self {
            Self::ErrorBefore | Self::ErrorAfter => matches!(place, Place::Platform),
            Self::FailBefore
            | Self::FailAfter
            | Self::Throttle
            | Self::Late
            | Self::Slow
            | Self::CrashBefore
            | Self::CrashAfter
            | Self::Freeze => true,
        }
    }
}

/// What happens around the effects, in the queue and in the schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mishap {
    /// A message is delivered to two consumers.
    Duplicate,
    /// A receive that no consumer ever saw counts.
    PhantomReceive,
    /// A message disappears.
    LostMessage,
    /// A tick of dispatch does not come.
    LostTick,
    /// A tick of dispatch comes twice.
    DoubleTick,
    /// Somebody moves the dead letters back.
    Redrive,
    /// A read is served by a replica that lags.
    StaleRead,
    /// An index lags.
    StaleIndex,
    /// A consumer's answer to the queue is lost: what it has done comes again.
    LostAcknowledgement,
    /// A process sees another time than the others.
    ClockOffset,
}

impl Mishap {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Duplicate,
        Self::PhantomReceive,
        Self::LostMessage,
        Self::LostTick,
        Self::DoubleTick,
        Self::Redrive,
        Self::StaleRead,
        Self::StaleIndex,
        Self::LostAcknowledgement,
        Self::ClockOffset,
    ];

    /// The name, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate delivery",
            Self::PhantomReceive => "phantom receive",
            Self::LostMessage => "lost message",
            Self::LostTick => "lost tick",
            Self::DoubleTick => "double tick",
            Self::Redrive => "console redrive",
            Self::StaleRead => "stale read",
            Self::StaleIndex => "stale index",
            Self::LostAcknowledgement => "lost acknowledgement",
            Self::ClockOffset => "clock offset",
        }
    }
}

/// Whom a call is made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// `DynamoDB`.
    DynamoDb,
    /// SQS.
    Sqs,
    /// KMS and Secrets Manager.
    Keys,
    /// A platform.
    Platform,
}

/// How often what goes wrong, per mille of the effects (or of the messages, ticks, reads).
#[derive(Debug, Clone, Default)]
pub struct Mix {
    /// Per effect.
    pub faults: Vec<(Fault, u16)>,
    /// Per message, tick, read or process.
    pub mishaps: Vec<(Mishap, u16)>,
    /// Whole outages: the place, when they begin and how long they last, counted from the beginning of the run.
    pub outages: Vec<(Place, Duration, Duration)>,
}

impl Mix {
    /// A random part of everything, at random rates: most seeds know few kinds, so that each is seen without the others.
    #[must_use]
    pub fn random(random: &mut fastrand::Rng, span: Duration) -> Self {
        let mut mix = Self::default();
        for fault in Fault::ALL {
            if random.u8(..100) < 40 {
                mix.faults.push((fault, random.u16(1..60)));
            }
        }
        for mishap in Mishap::ALL {
            if random.u8(..100) < 30 {
                mix.mishaps.push((mishap, random.u16(5..200)));
            }
        }
        if random.u8(..100) < 15 {
            let places = [Place::DynamoDb, Place::Sqs, Place::Keys, Place::Platform];
            let place = random.choice(places).unwrap_or(Place::Platform);
            let begins = span.mul_f64(random.f64());
            mix.outages.push((place, begins, Duration::from_secs(random.u64(5..7_200))));
        }
        mix
    }

    /// How often a mishap comes, per mille.
    #[must_use]
    pub fn rate(&self, mishap: Mishap) -> u16 {
        self.mishaps.iter().find(|(kind, _)| *kind == mishap).map_or(0, |(_, rate)| *rate)
    }

    /// Whether messages may be lost, or so late that only a sweep finds their targets.
    #[must_use]
    pub fn loses_messages(&self) -> bool {
        self.rate(Mishap::LostMessage) > 0
    }
}
