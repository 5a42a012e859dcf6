//! What the emulators keep between runs, one JSON file per service.

use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// What was kept, if anything was.
pub(crate) fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<Option<T>, Error> {
    let Some(file) = file else { return Ok(None) };
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|source| Error::State {
            file: file.to_owned(),
            source: IoError::new(ErrorKind::InvalidData, source),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::State { file: file.to_owned(), source }),
    }
}

/// Replaces what was kept, whole or not at all.
pub(crate) fn save<T: Serialize>(file: Option<&Path>, value: &T) -> Result<(), Error> {
    let Some(file) = file else { return Ok(()) };
    let write = || -> Result<(), IoError> {
        let bytes = serde_json::to_vec(value).map_err(IoError::other)?;
        let new = file.with_extension("new");
        std::fs::write(&new, bytes)?;
        std::fs::rename(&new, file)
    };
    write().map_err(|source| Error::State { file: file.to_owned(), source })
}
