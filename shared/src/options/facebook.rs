//! What only a Facebook Page knows.

use serde::{Deserialize, Serialize};

/// Options for a Facebook Page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FacebookOptions {
    /// The id of a Page with a location, which the post is shown with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}
