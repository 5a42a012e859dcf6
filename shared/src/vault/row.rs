//! Where a token lives in the Vault table.

use crate::ids::{ConnectionId, TenantId};

/// What the rows of all connections begin with.
pub(super) const CONNECTIONS: &str = "CONN#";
/// The row of the data key that a tenant seals with. Earlier releases had one for each month: `DATAKEY#2026-11`.
pub(super) const DATA_KEY: &str = "DATAKEY";
/// The mark of a tenant that is deleted.
pub(super) const DELETED: &str = "DELETED";

/// Which secret of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// The tokens of the grant itself.
    Grant,
    /// The token of one destination, by the platform's id.
    Destination(&'a str),
}

impl Field<'_> {
    /// The name under seal and in the log.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Destination(_) => "destination",
        }
    }
}

/// The identity of one sealed row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) tenant: TenantId,
    pub(super) connection: ConnectionId,
    pub(super) field: Field<'a>,
}

impl<'a> Row<'a> {
    /// The row that these keys belong to, if it holds a token.
    pub(super) fn parse(partition_key: &str, sort_key: &'a str) -> Option<Self> {
        let tenant = partition_key.strip_prefix("T#")?.parse().ok()?;
        let sort_key = sort_key.strip_prefix(CONNECTIONS)?;
        let (connection, field) = match sort_key.split_once("#DEST#") {
            Some((connection, destination)) => (connection, Field::Destination(destination)),
            None => (sort_key, Field::Grant),
        };
        Some(Self { tenant, connection: connection.parse().ok()?, field })
    }
}

impl Row<'_> {
    pub(super) fn partition_key(&self) -> String {
        partition_key(self.tenant)
    }

    pub(super) fn sort_key(&self) -> String {
        match self.field {
            Field::Grant => connection_prefix(self.connection),
            Field::Destination(id) => format!("CONN#{}#DEST#{id}", self.connection),
        }
    }
}

/// The partition of a tenant.
pub(super) fn partition_key(tenant: TenantId) -> String {
    format!("T#{tenant}")
}

/// What all rows of a connection begin with. Ids have one length, so no connection's rows begin with another's.
pub(super) fn connection_prefix(connection: ConnectionId) -> String {
    format!("CONN#{connection}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_from_its_keys_and_from_no_others() {
        let (tenant, connection) = (TenantId::derived(&["a"]), ConnectionId::derived(&["b"]));
        for field in [Field::Grant, Field::Destination(""), Field::Destination("1#DEST#2")] {
            let row = Row { tenant, connection, field };
            let (partition_key, sort_key) = (row.partition_key(), row.sort_key());
            let read = Row::parse(&partition_key, &sort_key).unwrap();
            assert_eq!((read.tenant, read.connection, read.field), (tenant, connection, field));
        }
        let partition_key = partition_key(tenant);
        for sort_key in [DATA_KEY, DELETED, CONNECTIONS, "CONN#con_1", ""] {
            assert!(Row::parse(&partition_key, sort_key).is_none(), "{sort_key}");
        }
        assert!(Row::parse("T#", &connection_prefix(connection)).is_none());
    }
}
