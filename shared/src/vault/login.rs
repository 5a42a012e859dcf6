//! The tokens of a login, for whoever stores them together with the connection that speaks of them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{
    Expected, Vault, VaultError, contents,
    row::{Field, Row},
    table,
};
use crate::{connector::TokenSet, ids::ConnectionId, secret::AccessToken, tenant::Tenant};

/// The tokens of a login, sealed and not yet stored. It is good for one attempt: the grant's write asks for the version that
/// was there when it was sealed.
#[derive(Debug, Clone)]
pub struct SealedLogin {
    /// What every transaction carries that stores something of it: that the tenant is not deleted.
    pub with_each: TransactWriteItem,
    /// What stores the grant.
    pub grant: TransactWriteItem,
    /// The grant's version then.
    pub version: u64,
    /// What stores the token of each destination, by the platform's id.
    pub destinations: BTreeMap<String, TransactWriteItem>,
}

impl Vault {
    /// Seals the tokens of a login for whoever stores them, in one transaction with the row that speaks of them: then
    /// there is neither a connection without tokens nor a token without its connection.
    ///
    /// # Errors
    /// KMS or the table did not answer.
    pub async fn seal_login(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        tokens: &TokenSet,
        destinations: &[(String, AccessToken)],
        expected: Expected,
    ) -> Result<SealedLogin, VaultError> {
        let tenant = tenant.id();
        let replaced = match expected {
            Expected::Absent => None,
            Expected::Version(version) => Some(version),
            Expected::Any => self.version(tenant, connection).await?,
        };
        let (grant, version) = self.grant_write(tenant, connection, tokens, replaced).await?;
        let with_each = self.keys.table.not_deleted(tenant)?;
        let mut sealed = SealedLogin { with_each, grant, version, destinations: BTreeMap::new() };
        for (destination, token) in destinations {
            let row = Row { tenant, connection, field: Field::Destination(destination) };
            let write = table::put(self.put(&row, self.seal(&row, contents::write_destination(token)).await?))?;
            sealed.destinations.insert(destination.clone(), write);
        }
        Ok(sealed)
    }
}
