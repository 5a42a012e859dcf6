//! The platform tells something by a signed delivery, and the connection shows it.

use std::time::Instant;

use super::account::Account;
use crate::demo::steps::{Failure, field, text};

impl Account<'_> {
    /// Waits until the connection shows an event of this kind, about that if it is named.
    pub(super) async fn hears(
        &self,
        title: &str,
        began: Instant,
        (kind, about): (&str, Option<&str>),
    ) -> Result<(), Failure> {
        let heard = async || {
            let event = field(&self.view().await?, "/last_event").clone();
            let is_it = field(&event, "/kind") == kind && about.is_none_or(|id| field(&event, "/remote_id") == id);
            Ok(if is_it { Ok(event) } else { Err(format!("{kind} has not been recorded, but {event}")) })
        };
        let event = self.chapter.steps.eventually(heard).await?;
        let about = about.map(|id| format!(" of {id}")).unwrap_or_default();
        let at = text(&event, "received_at")?;
        let lines = vec![format!("signature accepted; {kind}{about} recorded at {}, {at}", self.connection)];
        self.chapter.told.step(title, began, lines);
        Ok(())
    }
}
