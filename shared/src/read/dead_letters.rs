//! The list of dead letters: what failed for good, why, and who can do something about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Reader,
    listing::{cursor, limit, seal},
    store_failed,
};
use crate::{
    connector::Act,
    http::{Request, Response},
    ids::{ConnectionId, PostId, TargetId},
    platform::Platform,
    problem::{Code, Problem},
    store::{DeadLetterCursor, DeadLetterFilter},
    target::Target,
    view::ReasonView,
};

/// The listing's name within its cursors.
const DEAD_LETTERS: &str = "dead letters";

/// Targets that failed for good.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLettersView {
    /// The latest first.
    pub dead_letters: Vec<DeadLetterView>,
    /// Send it back as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A target that failed for good.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetterView {
    /// The post.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub post: PostId,
    /// Which of its targets.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target: TargetId,
    /// The platform.
    pub platform: Platform,
    /// The connection.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub connection: ConnectionId,
    /// The platform's id of the destination.
    pub destination: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it failed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub failed_at: Timestamp,
    /// Whether a publish was ever sent for it: then a redrive asks the platform before anything is posted.
    pub publish_sent: bool,
    /// Why, and who can do something about it.
    pub reason: Option<ReasonView>,
}

impl From<Target> for DeadLetterView {
    fn from(row: Target) -> Self {
        Self {
            post: row.post,
            target: row.target,
            platform: row.platform,
            connection: row.connection,
            destination: row.destination,
            attempts: row.attempts,
            failed_at: row.updated_at,
            publish_sent: row.intent.is_some(),
            reason: row.reason.as_ref().map(ReasonView::from),
        }
    }
}

impl Reader {
    pub(super) async fn dead_letters(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&["platform", "connection", "code", "act", "from", "to", "limit", "cursor"])?;
        let (filter, limit) = (filter(request)?, limit(request)?);
        let key = self.signing_key().await?;
        let after: Option<DeadLetterCursor> = cursor(&key, caller.tenant, DEAD_LETTERS, request)?;
        let page =
            self.store.dead_letters(caller.tenant, &filter, after.as_ref(), limit).await.map_err(store_failed)?;
        let next_cursor = page.next.map(|cursor| seal(&key, caller.tenant, DEAD_LETTERS, &cursor));
        let dead_letters = page.items.into_iter().map(DeadLetterView::from).collect();
        Ok(Response::json(200, &DeadLettersView { dead_letters, next_cursor }))
    }
}

fn filter(request: &Request) -> Result<DeadLetterFilter, Problem> {
    Ok(DeadLetterFilter {
        platform: parsed(request, "platform", "the name of a platform", named::<Platform>)?,
        connection: parsed(request, "connection", "a connection's id", |text| text.parse().ok())?,
        code: request.query("code").map(str::to_owned),
        act: parsed(request, "act", "one of caller, end_user, operator, nobody", named::<Act>)?,
        from: parsed(request, "from", INSTANT, |text| text.parse().ok())?,
        to: parsed(request, "to", INSTANT, |text| text.parse().ok())?,
    })
}

const INSTANT: &str = "a time with an offset, such as 2026-12-24T18:00:00Z";

fn parsed<T>(
    request: &Request,
    name: &str,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = request.query(name) else { return Ok(None) };
    match parse(text) {
        Some(value) => Ok(Some(value)),
        None => Err(Problem::new(Code::QueryInvalid, format!("The `{name}` must be {what}."))),
    }
}

/// One of a closed set, by its name in JSON.
fn named<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
}
