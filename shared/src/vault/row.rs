//! Where a token lives in the Vault table.

use crate::ids::{ConnectionId, TenantId};

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

/// The row of a tenant's data key for one period, such as `2026-11`.
pub(super) fn data_key_sort_key(period: &str) -> String {
    format!("DATAKEY#{period}")
}
