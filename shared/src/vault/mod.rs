//! Tokens under seal: what is stored opens only for the tenant, the connection and the row for which it was sealed.
//!
//! A token is written out only in here, into memory that is zeroized, and leaves as a type that neither shows nor
//! serializes itself. Every opening is logged with who and why, never what. Tokens are sealed with AES-256-GCM under a
//! key derived per message from a data key that KMS made for one tenant, and that is replaced after some time or messages.

mod cache;
mod contents;
mod deletion;
mod envelope;
mod error;
mod keys;
mod login;
mod re_encrypt;
mod row;
mod table;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, TransactWriteItem, builders::PutBuilder},
};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config,
    connector::TokenSet,
    ids::{ConnectionId, TenantId},
    secret::AccessToken,
    telemetry::{Chain, Function},
    tenant::Tenant,
};
use error::Unexpected;
use keys::DataKeys;
use row::{Field, Row, connection_prefix};
use table::Item;

pub use error::VaultError;
pub use login::SealedLogin;
pub use re_encrypt::{InvalidPlace, Place, Progress, ReEncryption, Scope};

const KMS: &str = "KMS";
const TABLE: &str = "the Vault table";
/// How often a new login is written over a grant that a refresh keeps changing at the same moment.
const LOGIN_ATTEMPTS: u32 = 4;

/// What a token is opened for: part of the log line of every opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To publish.
    Publish,
    /// To ask the platform whether a post is out.
    ReadBack,
    /// To renew the token.
    Refresh,
    /// To ask whether the connection still works.
    HealthCheck,
    /// To list the destinations again.
    ListDestinations,
    /// To take a post down.
    DeletePost,
    /// To read figures.
    Analytics,
    /// To give the grant back.
    Revoke,
    /// To seal it again with another data key.
    ReEncrypt,
}

impl Purpose {
    /// The name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::ReadBack => "read_back",
            Self::Refresh => "refresh",
            Self::HealthCheck => "health_check",
            Self::ListDestinations => "list_destinations",
            Self::DeletePost => "delete_post",
            Self::Analytics => "analytics",
            Self::Revoke => "revoke",
            Self::ReEncrypt => "re_encrypt",
        }
    }
}

/// What a grant that is being written expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// No grant: the connection is new.
    Absent,
    /// The grant of this version, as [`Vault::grant`] told it: nobody has renewed it meanwhile.
    Version(u64),
    /// Whatever is there is replaced: the user has logged in again.
    Any,
}

/// Seals and opens tokens.
pub struct Vault {
    keys: DataKeys,
    function: Function,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("function", &self.function).finish_non_exhaustive()
    }
}

impl Vault {
    /// The vault of one function. Nothing is fetched.
    #[must_use]
    pub fn new(
        kms: aws_sdk_kms::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        config: &config::Vault,
        function: Function,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { keys: DataKeys::new(kms, dynamodb, config, clock), function }
    }

    /// Seals the tokens of a grant and of its destinations and stores them; says the grant's new version.
    ///
    /// The grant and up to 98 destinations are stored in one transaction; further destinations follow in transactions
    /// of their own, and a call that fails among those may be repeated with the new version. Destinations that are not
    /// named keep what they have.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] if the grant is not what was `expected`, [`VaultError::TenantDeleted`] if the tenant is
    /// no more; nothing is written then.
    pub async fn put_grant(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        tokens: &TokenSet,
        destinations: &[(String, AccessToken)],
        expected: Expected,
    ) -> Result<u64, VaultError> {
        let tenant = tenant.id();
        let mut writes = Vec::with_capacity(1 + destinations.len());
        for (destination, token) in destinations {
            let row = Row { tenant, connection, field: Field::Destination(destination) };
            let sealed = self.seal(&row, contents::write_destination(token)).await?;
            writes.push(table::put(self.put(&row, sealed))?);
        }
        match expected {
            Expected::Absent => self.put_over(tenant, connection, tokens, &writes, None).await,
            Expected::Version(version) => self.put_over(tenant, connection, tokens, &writes, Some(version)).await,
            Expected::Any => {
                let mut outcome = Err(VaultError::Conflict);
                for _ in 0..LOGIN_ATTEMPTS {
                    let stored = self.version(tenant, connection).await?;
                    outcome = self.put_over(tenant, connection, tokens, &writes, stored).await;
                    if !matches!(outcome, Err(VaultError::Conflict)) {
                        break;
                    }
                }
                outcome
            }
        }
    }

    /// Stores the grant in place of version `replaced`, and everything else with it; says the new version.
    async fn put_over(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        tokens: &TokenSet,
        others: &[TransactWriteItem],
        replaced: Option<u64>,
    ) -> Result<u64, VaultError> {
        let (grant, version) = self.grant_write(tenant, connection, tokens, replaced).await?;
        let writes: Vec<_> = [grant].into_iter().chain(others.iter().cloned()).collect();
        self.keys.table.write(tenant, &writes).await?;
        Ok(version)
    }

    /// What stores the grant in place of version `replaced`, and its new version.
    async fn grant_write(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        tokens: &TokenSet,
        replaced: Option<u64>,
    ) -> Result<(TransactWriteItem, u64), VaultError> {
        let version = replaced.map_or(1, |version| version.saturating_add(1));
        let row = Row { tenant, connection, field: Field::Grant };
        let sealed = self.seal(&row, contents::write_grant(tokens)).await?;
        let grant = self.put(&row, sealed).item("version", AttributeValue::N(version.to_string()));
        let grant = match replaced {
            None => grant.condition_expression("attribute_not_exists(pk)"),
            Some(version) => grant
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        Ok((table::put(grant)?, version))
    }

    /// The token of one destination: one read, and no call to KMS while the tenant's data key is in memory. A login of a
    /// moment ago may not be seen yet.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the connection has no such destination, as of now.
    pub async fn destination_token(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        destination: &str,
        purpose: Purpose,
    ) -> Result<AccessToken, VaultError> {
        let row = Row { tenant: tenant.id(), connection, field: Field::Destination(destination) };
        match self.read_destination(&row, false, purpose).await {
            // A post fails for good because of this: it must be so now, and not have been so a moment ago.
            Err(VaultError::NotFound) => self.read_destination(&row, true, purpose).await,
            read => read,
        }
    }

    /// The same as of now, whatever was written a moment ago: a read of twice the price.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the connection has no such destination.
    pub async fn latest_destination_token(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        destination: &str,
        purpose: Purpose,
    ) -> Result<AccessToken, VaultError> {
        let row = Row { tenant: tenant.id(), connection, field: Field::Destination(destination) };
        self.read_destination(&row, true, purpose).await
    }

    async fn read_destination(
        &self,
        row: &Row<'_>,
        consistent: bool,
        purpose: Purpose,
    ) -> Result<AccessToken, VaultError> {
        let item = self.read(row, consistent).await?;
        let plain = self.open(row, &item, purpose).await?;
        Ok(contents::read_destination(&plain)?)
    }

    /// The tokens of a grant, and their version for [`Expected::Version`].
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there is no such connection.
    pub async fn grant(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        purpose: Purpose,
    ) -> Result<(TokenSet, u64), VaultError> {
        self.read_grant(&Row { tenant: tenant.id(), connection, field: Field::Grant }, true, purpose).await
    }

    /// The same for half the price; a renewal of a moment ago may not be seen yet.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there is no such connection, as of now.
    pub async fn recent_grant(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        purpose: Purpose,
    ) -> Result<(TokenSet, u64), VaultError> {
        let row = Row { tenant: tenant.id(), connection, field: Field::Grant };
        match self.read_grant(&row, false, purpose).await {
            Err(VaultError::NotFound) => self.read_grant(&row, true, purpose).await,
            read => read,
        }
    }

    async fn read_grant(
        &self,
        row: &Row<'_>,
        consistent: bool,
        purpose: Purpose,
    ) -> Result<(TokenSet, u64), VaultError> {
        let item = self.read(row, consistent).await?;
        let version = version_of(&item)?;
        let plain = self.open(row, &item, purpose).await?;
        Ok((contents::read_grant(&plain)?, version))
    }

    /// Has the key at hand that the tenant's tokens are sealed with: what a platform is about to give only once must not
    /// be lost because KMS does not answer then.
    ///
    /// # Errors
    /// It is not to be had.
    pub async fn prepare(&self, tenant: Tenant) -> Result<(), VaultError> {
        self.keys.sealing(tenant.id()).await.map(|_| ())
    }

    /// Deletes every token of a connection. May be repeated.
    ///
    /// # Errors
    /// Some may be left: repeat it.
    pub async fn delete_connection(&self, tenant: Tenant, connection: ConnectionId) -> Result<(), VaultError> {
        let tenant = tenant.id();
        let rows = self.keys.table.sort_keys(tenant, &connection_prefix(connection)).await?;
        self.keys.table.delete(tenant, rows, None).await
    }

    /// The version of a connection's grant; `None` if there is none.
    ///
    /// # Errors
    /// The vault did not answer, or the row cannot be read.
    pub async fn version_of(&self, tenant: Tenant, connection: ConnectionId) -> Result<Option<u64>, VaultError> {
        match self.version(tenant.id(), connection).await {
            Err(VaultError::TenantDeleted) => Ok(None),
            version => version,
        }
    }

    /// Deletes every token of a connection, if its grant still is of this version; `false` if it is not, or is gone: a newer
    /// login stands. Beyond 98 destinations, the tokens of the rest go after that.
    ///
    /// # Errors
    /// Some may be left: repeat it.
    pub async fn delete_grant(
        &self,
        tenant: Tenant,
        connection: ConnectionId,
        version: u64,
    ) -> Result<bool, VaultError> {
        let tenant = tenant.id();
        let grant = connection_prefix(connection);
        let mut places = self.keys.table.sort_keys(tenant, &grant).await?;
        places.retain(|sort_key| *sort_key != grant);
        self.keys.table.delete_at(tenant, (grant, version), places).await
    }

    async fn seal(&self, row: &Row<'_>, plain: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, VaultError> {
        let (wrapped, key) = self.keys.sealing(row.tenant).await?;
        envelope::seal(&key, &wrapped, row, plain)
            .map_err(|_| VaultError::Unavailable { what: "the cipher", source: Arc::new(Unexpected("sealing failed")) })
    }

    async fn open(&self, row: &Row<'_>, item: &Item, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let opened = self.open_sealed(row, item).await;
        let (tenant, connection, field) = (row.tenant, row.connection, row.field.name());
        let (function, purpose) = (self.function.name(), purpose.name());
        match opened {
            Ok((plain, data_key)) => {
                tracing::info!(%tenant, %connection, field, function, purpose, data_key, "a token was opened");
                Ok(plain)
            }
            Err(error) => {
                let (code, cause) = (error.code(), Chain(&error));
                tracing::warn!(%tenant, %connection, field, function, purpose, code, error = %cause, "a token was not opened");
                Err(error)
            }
        }
    }

    /// The content, and where its data key came from.
    async fn open_sealed(&self, row: &Row<'_>, item: &Item) -> Result<(Zeroizing<Vec<u8>>, &'static str), VaultError> {
        let Some(AttributeValue::B(sealed)) = item.get("sealed") else {
            return Err(VaultError::Corrupt);
        };
        let wrapped = envelope::wrapped_key(sealed.as_ref())?;
        let (key, origin) = self.keys.unwrap(row.tenant, wrapped).await?;
        Ok((envelope::open(&key, row, sealed.as_ref())?, origin.name()))
    }

    async fn read(&self, row: &Row<'_>, consistent: bool) -> Result<Item, VaultError> {
        match self.keys.table.get(row.tenant, row.sort_key(), consistent).await? {
            Some(item) => Ok(item),
            None if consistent => Err(self.keys.table.absence(row.tenant).await),
            None => Err(VaultError::NotFound),
        }
    }

    /// The version of the stored grant, if there is one.
    async fn version(&self, tenant: TenantId, connection: ConnectionId) -> Result<Option<u64>, VaultError> {
        match self.read(&Row { tenant, connection, field: Field::Grant }, true).await {
            Ok(item) => version_of(&item).map(Some),
            Err(VaultError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, row: &Row<'_>, sealed: Vec<u8>) -> PutBuilder {
        self.keys
            .table
            .row(row.tenant, row.sort_key())
            .item("sealed", AttributeValue::B(Blob::new(sealed)))
            .item("updated_at", AttributeValue::S(self.keys.clock.now().to_string()))
    }
}

fn version_of(item: &Item) -> Result<u64, VaultError> {
    match item.get("version") {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| VaultError::Corrupt),
        Some(_) | None => Err(VaultError::Corrupt),
    }
}
