//! The Graph API as Pages are reached by it.

use serde_json::Value;
use url::Url;

use super::classify;
pub(super) use crate::connector::meta::graph::{
    address, entries, expect, extended, id, is_id, name, number, succeeded, time, token,
};
use crate::connector::{Answer, ConnectorError, meta::graph, settings::FacebookSettings};

/// The address of an edge: `{graph}/{version}/{segments…}`.
pub(super) fn edge(settings: &FacebookSettings, segments: &[&str]) -> Url {
    extended(&settings.graph_url, &settings.version, segments)
}

/// The address that takes the videos of a Page: `{graph-video}/{version}/{page}/videos`.
pub(super) fn videos(settings: &FacebookSettings, page: &str) -> Url {
    extended(&settings.video_url, &settings.version, &[page, "videos"])
}

/// The body of an answer that is not an error.
///
/// # Errors
/// What the envelope says; or, without one, what the status says.
pub(super) fn read(answer: &Answer) -> Result<Value, ConnectorError> {
    graph::read(answer, &classify::ERRORS)
}

/// Where the next page is; its absence, and nothing else, is the end of a listing.
///
/// # Errors
/// It is not an address, or one of another host.
pub(super) fn next_page(body: &Value, settings: &FacebookSettings) -> Result<Option<Url>, ConnectorError> {
    graph::next_page(body, &settings.graph_url)
}
