//! Where a listing goes on. Signed before it is handed out, so that a caller can neither read nor bend it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A place in a listing of posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The day to go on with.
    pub day: Date,
    /// The sort key to stay below, within that day.
    pub before: Option<String>,
}

/// A place in the listing of dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterCursor {
    /// The entry of the index to stay below.
    pub before: String,
}

/// A cursor that this tenant was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this listing")]
pub struct InvalidCursor;
