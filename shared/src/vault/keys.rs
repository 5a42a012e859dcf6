//! Data keys: each of one tenant, made and wrapped by KMS, which knows for whom; replaced after some time or some number
//! of messages.
//!
//! The wrapped key that a tenant seals with is a row of the Vault table, so that all functions seal with the same one.
//! Every envelope carries the wrapped key that opens it, so opening needs no second read, and a key that is replaced
//! opens whatever it has sealed. Messages are counted in that row in blocks: a process writes there once for many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue},
};
use aws_sdk_kms::{primitives::Blob, types::DataKeySpec};
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::{
    KMS, TABLE, VaultError,
    cache::{FRESH, KeyCache, KeyId, Origin, within},
    envelope::DataKey,
    error::{Unexpected, service_error},
    row::DATA_KEY,
    table::{Item, Table, key, put},
};
use crate::{clock::Clock, config::DataKeyLimits, ids::TenantId};

/// How many tenants' current keys are remembered before the memory starts afresh.
const MAX_TENANTS: usize = 1024;
/// How often a key is made and found to be made by somebody else.
const ATTEMPTS: u32 = 8;
/// Which part of a data key's messages a process takes at a time: a 16,384th, which is 64 of 2^20.
const BLOCKS: u32 = 14;

/// The data key of a tenant as its row has it.
struct Stored {
    wrapped: Arc<[u8]>,
    made_at: Timestamp,
    /// How many keys the tenant has had.
    generation: u64,
    /// How many messages it is good for already, sealed or spoken for.
    seals: u64,
}

/// The data key that a tenant seals with, as this process knows it.
struct Current {
    wrapped: Arc<[u8]>,
    made_at: Timestamp,
    /// When its row was read; another may have taken its place since.
    read_at: Timestamp,
    /// How many messages this process may still seal with it.
    left: u64,
}

type CurrentSlot = Arc<tokio::sync::Mutex<Option<Current>>>;

/// Finds, makes and unwraps data keys.
pub(super) struct DataKeys {
    kms: aws_sdk_kms::Client,
    token_key: String,
    limits: DataKeyLimits,
    pub(super) table: Table,
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
            token_key: config.token_key.clone(),
            limits: config.data_keys,
            table: Table { client: dynamodb, name: config.table.clone() },
            clock,
            cache: KeyCache::default(),
            current: Mutex::default(),
        }
    }

    /// The plain form of a wrapped key of `tenant`.
    pub(super) async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<(Arc<DataKey>, Origin), VaultError> {
        self.cache.get(key_id(tenant, wrapped), self.clock.as_ref(), self.ask_kms(tenant, wrapped)).await
    }

    /// The key that `tenant` seals its next message with, wrapped and plain.
    pub(super) async fn sealing(&self, tenant: TenantId) -> Result<(Arc<[u8]>, Arc<DataKey>), VaultError> {
        let slot = self.current_slot(tenant);
        let mut slot = slot.lock().await;
        let known = match slot.take() {
            Some(known) => self.confirmed(tenant, known).await?,
            None => None,
        };
        let current = match known {
            Some(known) => known,
            None => self.reserve(tenant, self.block(), Timestamp::MIN).await?,
        };
        let current = slot.insert(Current { left: current.left.saturating_sub(1), ..current });
        let wrapped = Arc::clone(&current.wrapped);
        let (key, _) = self.unwrap(tenant, &wrapped).await?;
        Ok((wrapped, key))
    }

    /// The wrapped key that `tenant` seals with as of now; a new one if there is none, or none made since then.
    pub(super) async fn current(&self, tenant: TenantId, made_since: Timestamp) -> Result<Arc<[u8]>, VaultError> {
        let slot = self.current_slot(tenant);
        let mut slot = slot.lock().await;
        let current = self.reserve(tenant, 0, made_since).await?;
        if slot.as_ref().is_some_and(|known| known.wrapped != current.wrapped) {
            *slot = None;
        }
        Ok(current.wrapped)
    }

    fn block(&self) -> u64 {
        (self.limits.messages >> BLOCKS).max(1)
    }

    fn current_slot(&self, tenant: TenantId) -> CurrentSlot {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.len() >= MAX_TENANTS && !current.contains_key(&tenant) {
            current.clear();
        }
        current.entry(tenant).or_default().clone()
    }

    /// What is known, if one more message may be sealed with it. What was read too long ago is read again.
    async fn confirmed(&self, tenant: TenantId, known: Current) -> Result<Option<Current>, VaultError> {
        let now = self.clock.now();
        if known.left == 0 || !self.is_young(known.made_at, now) {
            return Ok(None);
        }
        if within(known.read_at, now, FRESH) {
            return Ok(Some(known));
        }
        let stored = self.find(tenant).await?.filter(|stored| stored.wrapped == known.wrapped);
        Ok(stored.map(|_| Current { read_at: now, ..known }))
    }

    /// A clock that is behind the one that made a key does not make the key old.
    fn is_young(&self, made_at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(made_at) < SignedDuration::from_hours(i64::from(self.limits.days) * 24)
    }

    /// Takes `messages` of the current key for this process, and makes a new key where that one is used up, too old, or
    /// made before `made_since`.
    async fn reserve(&self, tenant: TenantId, messages: u64, made_since: Timestamp) -> Result<Current, VaultError> {
        for _ in 0..ATTEMPTS {
            let stored = if messages == 0 { self.find(tenant).await? } else { self.count(tenant, messages).await? };
            let now = self.clock.now();
            let replaced = match stored {
                Some(stored)
                    if stored.seals <= self.limits.messages
                        && stored.made_at >= made_since
                        && self.is_young(stored.made_at, now) =>
                {
                    return Ok(Current {
                        wrapped: stored.wrapped,
                        made_at: stored.made_at,
                        read_at: now,
                        left: messages,
                    });
                }
                Some(stored) => stored.generation,
                None => 0,
            };
            if let Some(current) = self.make(tenant, messages, replaced).await? {
                return Ok(current);
            }
            // Somebody else was first: theirs is the key, ours is forgotten.
        }
        Err(unexpected("the data key changed again and again"))
    }

    /// Makes the key that follows generation `replaced`; `None` if somebody has.
    async fn make(&self, tenant: TenantId, messages: u64, replaced: u64) -> Result<Option<Current>, VaultError> {
        let (wrapped, key) = self.generate(tenant).await?;
        let now = self.clock.now();
        let number = |value: u64| AttributeValue::N(value.to_string());
        let row = self
            .table
            .row(tenant, DATA_KEY.to_owned())
            .item("wrapped_key", AttributeValue::B(Blob::new(wrapped.as_ref())))
            .item("created_at", AttributeValue::S(now.to_string()))
            .item("generation", number(replaced.saturating_add(1)))
            .item("seals", number(messages));
        let row = if replaced == 0 {
            row.condition_expression("attribute_not_exists(pk)")
        } else {
            row.condition_expression("generation = :replaced")
                .expression_attribute_values(":replaced", number(replaced))
        };
        match self.table.write(tenant, &[put(row)?]).await {
            Ok(()) => {
                self.cache.keep(key_id(tenant, &wrapped), key, now).await;
                Ok(Some(Current { wrapped, made_at: now, read_at: now, left: messages }))
            }
            Err(VaultError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, tenant: TenantId) -> Result<Option<Stored>, VaultError> {
        self.table.get(tenant, DATA_KEY.to_owned(), true).await?.map(stored).transpose()
    }

    /// Counts messages before they are sealed, and tells what is there then. What is counted twice because an answer was
    /// lost only ends the key sooner.
    async fn count(&self, tenant: TenantId, messages: u64) -> Result<Option<Stored>, VaultError> {
        let update = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key(tenant, DATA_KEY.to_owned())))
            .update_expression("ADD seals :messages")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":messages", AttributeValue::N(messages.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match update {
            Ok(answer) => answer.attributes.map(stored).transpose(),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(None)
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

/// Reads a data key's row.
fn stored(mut item: Item) -> Result<Stored, VaultError> {
    let number = |value: Option<&AttributeValue>| value?.as_n().ok()?.parse().ok();
    let read = || {
        let made_at = item.get("created_at")?.as_s().ok()?.parse().ok()?;
        Some((made_at, number(item.get("generation"))?, number(item.get("seals"))?))
    };
    let (made_at, generation, seals) = read().ok_or(VaultError::Corrupt)?;
    match item.remove("wrapped_key") {
        Some(AttributeValue::B(blob)) => Ok(Stored { wrapped: blob.into_inner().into(), made_at, generation, seals }),
        Some(_) | None => Err(VaultError::Corrupt),
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
