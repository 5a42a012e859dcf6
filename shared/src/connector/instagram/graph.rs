//! The Graph API as Instagram accounts are reached by it.

use serde_json::Value;
use url::Url;

use super::classify;
pub(super) use crate::connector::meta::graph::{
    address, entries, expect, extended, id, is_id, name, succeeded, time, token,
};
use crate::connector::{Answer, ConnectorError, meta::graph, settings::InstagramSettings};

/// The address of an edge: `{graph}/{version}/{segments…}`, at the host of the configured login.
pub(super) fn edge(settings: &InstagramSettings, segments: &[&str]) -> Url {
    extended(settings.graph_url(), &settings.version, segments)
}

/// An edge and the fields that are wanted of it.
pub(super) fn fields(settings: &InstagramSettings, segments: &[&str], fields: &str) -> Url {
    let mut url = edge(settings, segments);
    url.query_pairs_mut().append_pair("fields", fields);
    url
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
pub(super) fn next_page(body: &Value, settings: &InstagramSettings) -> Result<Option<Url>, ConnectorError> {
    graph::next_page(body, settings.graph_url())
}

/// Whether an error says that the object is not there, or that we may not see it.
pub(super) fn is_missing(error: &ConnectorError) -> bool {
    matches!(error.refusal().platform_code.as_deref(), Some("100/33" | "24/2207006"))
}
