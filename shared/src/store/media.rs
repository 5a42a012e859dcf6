//! Files that callers upload: what was announced, and what the bytes turned out to be.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Item, Store, StoreError, from_row, keys, time_to_live, to_row};
use crate::{content::Facts, ids::MediaId, tenant::Tenant};

/// How long a row stays after its file cannot be used any more: who asks is told that it has expired.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A file that a caller uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its id.
    pub id: MediaId,
    /// The media type that it was announced with, which its upload is bound to.
    pub content_type: String,
    /// The same for its bytes.
    pub size: u64,
    /// Its name at the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// When it was announced.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// Until when it may be uploaded.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub upload_until: Timestamp,
    /// Until when posts may use it.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub usable_until: Timestamp,
    /// What the request said, as a hash: the same key with another one is a mistake.
    pub request_fingerprint: String,
    /// What the bytes are, once they were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed: Option<Probed>,
}

/// What the bytes of an upload are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probed {
    /// What was announced; these are the facts.
    Good(Facts),
    /// Something else, by the code of what is wrong.
    Bad(String),
}

impl Upload {
    fn row(&self, tenant: Tenant) -> Result<Item, StoreError> {
        let mut row = to_row("upload", keys::media(tenant, self.id), keys::MEDIA.to_owned(), self)?;
        let forgotten = self.usable_until.saturating_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        row.insert("expires_at".into(), time_to_live(forgotten));
        Ok(row)
    }
}

impl Store {
    /// Keeps a new upload; the one that has its id, if there is one.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_upload(&self, tenant: Tenant, upload: &Upload) -> Result<Option<Upload>, StoreError> {
        let earlier = self.put_new("keep an upload", upload.row(tenant)?).await?;
        earlier.map(|row| from_row("upload", row)).transpose()
    }

    /// An upload, as of now.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn upload(&self, tenant: Tenant, id: MediaId) -> Result<Option<Upload>, StoreError> {
        let row = self.get("read an upload", keys::media(tenant, id), keys::MEDIA.to_owned(), true).await?;
        row.map(|row| from_row("upload", row)).transpose()
    }

    /// Those of `ids` that there are. One that was announced a moment ago may be missing.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn uploads(&self, tenant: Tenant, ids: &[MediaId]) -> Result<Vec<Upload>, StoreError> {
        let keys = ids.iter().map(|id| (keys::media(tenant, *id), keys::MEDIA.to_owned())).collect();
        let rows = self.get_many("read uploads", keys).await?;
        rows.into_iter().map(|row| from_row("upload", row)).collect()
    }

    /// Keeps what an upload turned out to be. Whoever looks finds the same: its bytes cannot change. A row that is gone, as its
    /// tenant is deleted, is not made again.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn keep_probed(&self, tenant: Tenant, upload: &Upload) -> Result<(), StoreError> {
        self.put_over("keep the facts of an upload", upload.row(tenant)?).await
    }
}
