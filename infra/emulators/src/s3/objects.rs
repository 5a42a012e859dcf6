//! Buckets and objects: what is known of each in memory, the bytes in files.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::S3Clock;
use super::time::expires_at;
use crate::{Error, disk};

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) length: u64,
    /// With its quotes.
    pub(super) etag: String,
    pub(super) content_type: String,
    pub(super) modified_ms: u64,
    /// The name of the file with the bytes.
    pub(super) file: String,
}

/// A bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Bucket {
    /// After how many days its objects go.
    expires_after_days: Option<u32>,
    objects: BTreeMap<String, Object>,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Objects {
    clock: Arc<S3Clock>,
    buckets: Mutex<BTreeMap<String, Bucket>>,
    directory: PathBuf,
    /// Where the directory of what is known is kept between runs; the bytes go with the instance without one.
    index: Option<PathBuf>,
}

impl Objects {
    pub(super) fn open(clock: Arc<S3Clock>, state_directory: Option<&Path>) -> Result<Self, Error> {
        let index = state_directory.map(|directory| directory.join("s3.json"));
        let buckets = disk::load(index.as_deref())?.unwrap_or_default();
        let directory = match state_directory {
            Some(directory) => directory.join("s3"),
            None => std::env::temp_dir().join(format!("postd-s3-{}", Uuid::now_v7().simple())),
        };
        Ok(Self { clock, buckets: Mutex::new(buckets), directory, index })
    }

    fn buckets(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create(&self, bucket: &str, expires_after_days: Option<u32>) {
        self.buckets().entry(bucket.to_owned()).or_default().expires_after_days = expires_after_days;
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.buckets().contains_key(bucket)
    }

    /// An object that is there, and when it goes, in milliseconds.
    pub(super) fn find(&self, bucket: &str, key: &str) -> Option<(Object, Option<u64>)> {
        self.sweep();
        let buckets = self.buckets();
        let bucket = buckets.get(bucket)?;
        let object = bucket.objects.get(key)?.clone();
        let goes = bucket.expires_after_days.map(|days| expires_at(object.modified_ms, days));
        Some((object, goes))
    }

    /// All keys of a bucket.
    pub(super) fn keys(&self, bucket: &str) -> Vec<String> {
        self.sweep();
        self.buckets().get(bucket).map(|bucket| bucket.objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// A new file to write an object's bytes to.
    pub(super) fn begin(&self) -> std::io::Result<(String, File)> {
        std::fs::create_dir_all(&self.directory)?;
        let name = Uuid::now_v7().simple().to_string();
        let file = File::options().write(true).create_new(true).open(self.directory.join(&name))?;
        Ok((name, file))
    }

    pub(super) fn read(&self, object: &Object) -> std::io::Result<File> {
        File::open(self.directory.join(&object.file))
    }

    /// Puts an object there, in place of what was; `false` if there is one and may not be.
    pub(super) fn put(&self, (bucket, key): (&str, &str), object: Object, only_new: bool) -> bool {
        self.sweep();
        let mut buckets = self.buckets();
        let Some(bucket) = buckets.get_mut(bucket) else { return false };
        if only_new && bucket.objects.contains_key(key) {
            drop(buckets);
            self.forget(&object.file);
            return false;
        }
        let replaced = bucket.objects.insert(key.to_owned(), object);
        drop(buckets);
        if let Some(replaced) = replaced {
            self.forget(&replaced.file);
        }
        true
    }

    pub(super) fn remove(&self, bucket: &str, key: &str) {
        let removed = self.buckets().get_mut(bucket).and_then(|bucket| bucket.objects.remove(key));
        if let Some(removed) = removed {
            self.forget(&removed.file);
        }
    }

    /// Removes a file; whoever still reads from it goes on.
    pub(super) fn forget(&self, file: &str) {
        // What is not there is gone as well.
        let _gone = std::fs::remove_file(self.directory.join(file));
    }

    /// The lifecycle: what has expired is gone. S3 takes until some time later; nobody may rely on that.
    fn sweep(&self) {
        let now = self.clock.now_ms();
        let mut gone = Vec::new();
        for bucket in self.buckets().values_mut() {
            let Some(days) = bucket.expires_after_days else { continue };
            bucket.objects.retain(|_, object| {
                let stays = now < expires_at(object.modified_ms, days);
                if !stays {
                    gone.push(object.file.clone());
                }
                stays
            });
        }
        for file in gone {
            self.forget(&file);
        }
    }

    pub(super) fn save(&self) -> Result<(), Error> {
        disk::save(self.index.as_deref(), &*self.buckets())
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        if self.index.is_none() {
            // There is none if nothing was ever put.
            let _gone = std::fs::remove_dir_all(&self.directory);
        }
    }
}
