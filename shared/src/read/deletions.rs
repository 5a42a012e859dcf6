//! How far a deletion is, for whoever knows its code: a person's browser, or a program.

use jiff::Timestamp;
use serde::Serialize;

use super::{Reader, store_failed};
use crate::{
    http::{Request, Response, gateway::header},
    ids::DeletionCode,
    problem::{Code, Problem},
    store::DeletionStatus,
};

/// How far a deletion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeletionState {
    /// Something is still to be deleted.
    InProgress,
    /// Nothing is left.
    Done,
}

/// A deletion, as whoever knows its code may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletionView {
    /// The code.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub confirmation_code: DeletionCode,
    /// How far it is.
    pub state: DeletionState,
    /// When it was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub requested_at: Timestamp,
    /// When nothing was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub done_at: Option<Timestamp>,
}

impl DeletionView {
    fn of(code: DeletionCode, status: DeletionStatus) -> Self {
        let state = if status.done_at.is_some() { DeletionState::Done } else { DeletionState::InProgress };
        Self { confirmation_code: code, state, requested_at: status.requested_at, done_at: status.done_at }
    }

    /// For a person.
    fn page(&self) -> Response {
        let (title, text) = match self.state {
            DeletionState::Done => ("Deleted", "Nothing is left of what was to be deleted."),
            DeletionState::InProgress => {
                ("Being deleted", "Your request was received and is being worked on. Look at this page again later.")
            }
        };
        Response::page(200, title, &format!("{text} Confirmation code: {}", self.confirmation_code))
    }
}

impl Reader {
    pub(super) async fn deletion(&self, request: &Request) -> Result<Response, Problem> {
        request.only_queries(&[])?;
        let code: DeletionCode = request.parameter("deletion", Code::DeletionUnknown)?;
        let status = self.store.deletion_status(code).await.map_err(store_failed)?;
        let status =
            status.ok_or_else(|| Problem::new(Code::DeletionUnknown, "There is no deletion under this code."))?;
        let view = DeletionView::of(code, status);
        let is_person = header(&request.headers, "accept").is_some_and(|accepted| accepted.contains("text/html"));
        Ok(if is_person { view.page() } else { Response::json(200, &view) })
    }
}
