//! Identifiers: one type per noun, so that a post's id cannot be passed where a connection's is wanted.
//!
//! Outside, an id is a prefix and 32 hexadecimal digits (`post_0193…`); inside it is a UUID. New ids are version 7
//! (sortable by time); ids that must come out the same twice are version 8, derived from a SHA-256.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// An id that cannot be read: wrong prefix or not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected `{prefix}_` and 32 hexadecimal digits")]
pub struct InvalidId {
    /// The prefix that this kind of id carries.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$documentation:meta])* $name:ident, $prefix:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, ordered by the time of its making.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id that always comes out of the same `parts`; no two different lists of parts give one id.
            #[must_use]
            pub fn derived(parts: &[&str]) -> Self {
                Self(derive(Self::PREFIX, parts))
            }

            /// The bare UUID.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(Self::PREFIX, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// A customer of postd's adopter; owns everything else.
    TenantId, "ten"
);
id!(
    /// One OAuth grant of one tenant at one platform.
    ConnectionId, "con"
);
id!(
    /// What a caller asked to publish.
    PostId, "post"
);
id!(
    /// A file that a caller uploads for its posts.
    MediaId, "med"
);
id!(
    /// An API key, without its secret.
    KeyId, "key"
);
id!(
    /// One run of the OAuth flow, from the caller's request to the callback.
    SessionId, "ses"
);
id!(
    /// Under which the progress of a deletion can be asked for by whoever was told it: none can be guessed.
    DeletionCode, "del"
);

impl DeletionCode {
    /// A new code, of 122 random bits.
    #[must_use]
    pub fn drawn() -> Self {
        Self(Uuid::new_v4())
    }
}

/// A target within its post: `t1`, `t2`, … in the order in which the caller listed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(u8);

impl TargetId {
    /// The id of the target at `index`, counted from 0; `None` past 254.
    #[must_use]
    pub fn at(index: usize) -> Option<Self> {
        u8::try_from(index).ok()?.checked_add(1).map(Self)
    }

    /// Where in the post's list this target stands, counted from 0.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0).saturating_sub(1)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "t{}", self.0)
    }
}

impl FromStr for TargetId {
    type Err = InvalidTargetId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('t').filter(|digits| !digits.starts_with(['0', '+'])).ok_or(InvalidTargetId)?;
        number.parse().map(Self).map_err(|_| InvalidTargetId)
    }
}

/// A target id that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid target id: expected `t1`, `t2`, …")]
pub struct InvalidTargetId;

impl Serialize for TargetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TargetId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, InvalidId> {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(InvalidId { prefix })?;
    let canonical = digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !canonical {
        return Err(InvalidId { prefix });
    }
    Uuid::try_parse(digits).map_err(|_| InvalidId { prefix })
}

fn derive(prefix: &str, parts: &[&str]) -> Uuid {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [prefix].iter().chain(parts) {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let hash = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.as_ref().split_at(16).0);
    Uuid::new_v8(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written_and_only_with_its_own_prefix() {
        let post = PostId::new();
        assert_eq!(post.to_string().parse(), Ok(post));
        assert_eq!(post.to_string().parse::<TenantId>(), Err(InvalidId { prefix: "ten" }));
        assert_eq!(post.to_string().to_uppercase().parse::<PostId>(), Err(InvalidId { prefix: "post" }));
    }

    #[test]
    fn a_derived_id_depends_on_every_part_and_on_where_the_parts_are_cut() {
        assert_eq!(PostId::derived(&["a", "b"]), PostId::derived(&["a", "b"]));
        assert_ne!(PostId::derived(&["ab", "c"]), PostId::derived(&["a", "bc"]));
        assert_ne!(PostId::derived(&["a"]).uuid(), TenantId::derived(&["a"]).uuid());
    }

    #[test]
    fn a_target_id_counts_from_one() {
        assert_eq!(TargetId::at(0).unwrap().to_string(), "t1");
        assert_eq!("t20".parse::<TargetId>().unwrap().index(), 19);
        assert!(TargetId::at(255).is_none());
        for wrong in ["", "t", "t0", "t01", "t+1", "1", "t256", "T1"] {
            assert_eq!(wrong.parse::<TargetId>(), Err(InvalidTargetId), "{wrong}");
        }
    }
}
