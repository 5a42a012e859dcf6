//! Data keys: one per tenant and month, made and wrapped by KMS, which knows for whom.
//!
//! The wrapped key of the current month is a row of the Vault table, so that all functions seal with the same one. Every
//! envelope carries the wrapped key that opens it, so opening needs no second read and no row can be lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::AttributeValue};
use aws_sdk_kms::{primitives::Blob, types::DataKeySpec};
use zeroize::Zeroizing;

use super::{
    KMS, TABLE, VaultError,
    cache::{KeyCache, KeyId, Origin},
    envelope::DataKey,
    error::{Unexpected, service_error},
    row::{data_key_sort_key, partition_key},
};
use crate::{clock::Clock, ids::TenantId};

/// How many tenants' current keys are remembered before the memory starts afresh.
const MAX_TENANTS: usize = 1024;

/// The wrapped key that a tenant seals with, and the month for which.
struct Current {
    period: String,
    wrapped: Arc<[u8]>,
}

type CurrentSlot = Arc<tokio::sync::Mutex<Option<Current>>>;

/// Finds, makes and unwraps data keys.
pub(super) struct DataKeys {
    pub(super) kms: aws_sdk_kms::Client,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) table: String,
    pub(super) token_key: String,
    pub(super) clock: Arc<dyn Clock>,
    cache: KeyCache,
    current: Mutex<HashMap<TenantId, CurrentSlot>>,
}

impl DataKeys {
    pub(super) fn new(
        kms: aws_sdk_kms::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        config: &crate::config::Vault,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            kms,
            dynamodb,
            table: config.table.clone(),
            token_key: config.token_key.clone(),
            clock,
            cache: KeyCache::default(),
            current: Mutex::default(),
        }
    }

    /// The plain form of a wrapped key of `tenant`.
    pub(super) async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<(Arc<DataKey>, Origin), VaultError> {
        self.cache.get(key_id(tenant, wrapped), self.clock.as_ref(), self.ask_kms(tenant, wrapped)).await
    }

    /// The key that `tenant` seals with this month, wrapped and plain.
    pub(super) async fn sealing(&self, tenant: TenantId) -> Result<(Arc<[u8]>, Arc<DataKey>), VaultError> {
        let slot = self.current_slot(tenant);
        let mut current = slot.lock().await;
        let period = self.clock.now().strftime("%Y-%m").to_string();
        let wrapped = if let Some(current) = current.as_ref().filter(|current| current.period == period) {
            current.wrapped.clone()
        } else {
            let wrapped = self.find_or_make(tenant, &period).await?;
            current.insert(Current { period, wrapped }).wrapped.clone()
        };
        let (key, _) = self.unwrap(tenant, &wrapped).await?;
        Ok((wrapped, key))
    }

    fn current_slot(&self, tenant: TenantId) -> CurrentSlot {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.len() >= MAX_TENANTS && !current.contains_key(&tenant) {
            current.clear();
        }
        current.entry(tenant).or_default().clone()
    }

    async fn find_or_make(&self, tenant: TenantId, period: &str) -> Result<Arc<[u8]>, VaultError> {
        if let Some(wrapped) = self.find(tenant, period).await? {
            return Ok(wrapped);
        }
        let (wrapped, key) = self.generate(tenant).await?;
        if self.put_first(tenant, period, &wrapped).await? {
            self.cache.keep(key_id(tenant, &wrapped), key, self.clock.now()).await;
            return Ok(wrapped);
        }
        // Somebody else was first: theirs is the key of the month, ours is forgotten.
        self.find(tenant, period).await?.ok_or_else(|| unexpected("the data key's row vanished"))
    }

    async fn find(&self, tenant: TenantId, period: &str) -> Result<Option<Arc<[u8]>>, VaultError> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(partition_key(tenant)))
            .key("sk", AttributeValue::S(data_key_sort_key(period)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| service_error(TABLE, error))?;
        match answer.item.and_then(|mut item| item.remove("wrapped_key")) {
            Some(AttributeValue::B(blob)) => Ok(Some(blob.into_inner().into())),
            Some(_) => Err(VaultError::Corrupt),
            None => Ok(None),
        }
    }

    /// Stores the key of the month unless there is one; says whether it did.
    async fn put_first(&self, tenant: TenantId, period: &str, wrapped: &[u8]) -> Result<bool, VaultError> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(partition_key(tenant)))
            .item("sk", AttributeValue::S(data_key_sort_key(period)))
            .item("wrapped_key", AttributeValue::B(Blob::new(wrapped)))
            .item("created_at", AttributeValue::S(self.clock.now().to_string()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(service_error(TABLE, error)),
        }
    }

    async fn generate(&self, tenant: TenantId) -> Result<(Arc<[u8]>, DataKey), VaultError> {
        let answer = self
            .kms
            .generate_data_key()
            .key_id(&self.token_key)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(encryption_context(tenant)))
            .send()
            .await
            .map_err(|error| service_error(KMS, error))?;
        let wrapped = answer.ciphertext_blob.ok_or_else(|| unexpected("KMS sent no wrapped key"))?;
        let key = plain(answer.plaintext).ok_or_else(|| unexpected("KMS sent no plain key"))?;
        Ok((wrapped.into_inner().into(), key))
    }

    async fn ask_kms(&self, tenant: TenantId, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        let answer = self
            .kms
            .decrypt()
            .key_id(&self.token_key)
            .ciphertext_blob(Blob::new(wrapped))
            .set_encryption_context(Some(encryption_context(tenant)))
            .send()
            .await
            .map_err(|error| service_error(KMS, error))?;
        plain(answer.plaintext).ok_or(VaultError::Corrupt)
    }
}

fn unexpected(what: &'static str) -> VaultError {
    VaultError::Unavailable { what: KMS, source: Arc::new(Unexpected(what)) }
}

/// Takes the key out of an answer of KMS. The SDK's own buffers of the answer are beyond our reach; this one is not.
fn plain(blob: Option<Blob>) -> Option<DataKey> {
    DataKey::from_slice(&Zeroizing::new(blob?.into_inner()))
}

fn encryption_context(tenant: TenantId) -> HashMap<String, String> {
    [("tenant", tenant.to_string()), ("purpose", "postd-tokens".to_owned()), ("version", "1".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn key_id(tenant: TenantId, wrapped: &[u8]) -> KeyId {
    let mut context = digest::Context::new(&digest::SHA256);
    // The tenant's id has one length, so nothing else is needed to keep the two apart.
    context.update(tenant.uuid().as_bytes());
    context.update(wrapped);
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    id
}
