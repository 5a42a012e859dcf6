//! What an API key may do: a set of rights with stable names, so that a key can be given no more than its holder needs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One right. None contains another: a key that is to write and to read has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look at posts, their history and what failed.
    PostsRead,
    /// Publish, check, edit and call off posts, answer reviews, send dead letters back to work.
    PostsWrite,
    /// Look at connections.
    ConnectionsRead,
    /// Connect accounts.
    ConnectionsWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::PostsRead, Self::PostsWrite, Self::ConnectionsRead, Self::ConnectionsWrite];

    /// The name, as it is stored and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PostsRead => "posts:read",
            Self::PostsWrite => "posts:write",
            Self::ConnectionsRead => "connections:read",
            Self::ConnectionsWrite => "connections:write",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::PostsRead => 1,
            Self::PostsWrite => 2,
            Self::ConnectionsRead => 4,
            Self::ConnectionsWrite => 8,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A scope that this build does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scope: expected one of {}", Scopes::ALL)]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(UnknownScope)
    }
}

/// The scopes of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// Every right that this build knows.
    pub const ALL: Self = Self(0b1111);

    /// Whether `scope` is among them.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those of `text`, which has them with spaces in between. What this build does not know grants nothing here.
    #[must_use]
    pub fn read(text: &str) -> Self {
        text.split_whitespace().filter_map(|name| name.parse().ok()).collect()
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(formatter, "{space}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::name))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_all_and_each_is_only_itself() {
        assert_eq!(Scope::ALL.into_iter().collect::<Scopes>(), Scopes::ALL);
        for scope in Scope::ALL {
            let alone = Scopes::from_iter([scope]);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [scope]);
            assert_eq!(scope.name().parse(), Ok(scope));
            assert!(!Scopes::NONE.has(scope));
        }
    }

    #[test]
    fn a_set_reads_back_as_it_was_written_and_what_is_unknown_grants_nothing() {
        let some = Scopes::from_iter([Scope::PostsWrite, Scope::ConnectionsRead]);
        assert_eq!(some.to_string(), "posts:write connections:read");
        assert_eq!(Scopes::read(&some.to_string()), some);
        assert_eq!(Scopes::read("admin posts:write  posts:readx"), Scopes::from_iter([Scope::PostsWrite]));
        assert_eq!(Scopes::read(""), Scopes::NONE);
        let json = serde_json::to_string(&some).unwrap();
        assert_eq!(json, r#"["posts:write","connections:read"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), some);
        assert_eq!(serde_json::from_str::<Scopes>(r#"["flags:write"]"#).unwrap(), Scopes::NONE);
        assert_eq!(
            "admin".parse::<Scope>().unwrap_err().to_string(),
            format!("not a scope: expected one of {}", Scopes::ALL)
        );
    }
}
