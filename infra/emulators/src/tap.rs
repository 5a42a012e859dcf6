//! Lets a test see every request: each row as it is written, each message as it is sent, and what it was answered.

use std::sync::Arc;

/// Sees requests.
#[derive(Clone)]
pub struct Tap(Arc<Sees>);

type Sees = dyn Fn(&str, &[u8], &[u8]) + Send + Sync;

impl Tap {
    /// Shows `sees` the operation, as `DynamoDB.PutItem`, the body of each request, and that of its answer.
    #[must_use]
    pub fn new(sees: impl Fn(&str, &[u8], &[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sees))
    }

    pub(crate) fn show(&self, operation: &str, request: &[u8], answer: &[u8]) {
        (self.0)(operation, request, answer);
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tap").finish_non_exhaustive()
    }
}
