//! Uploads as callers see them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::probe::Unfit;
use crate::{
    bucket::Binding,
    content::{Facts, SignedUrl},
    ids::MediaId,
    store::{Probed, Upload},
};

/// An upload.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MediaView {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: MediaId,
    /// What a post names it by, in the `url` or the `thumbnail` of its media.
    pub media: String,
    /// Where it stands.
    pub state: MediaState,
    /// The media type that it was announced with.
    pub content_type: String,
    /// The number of bytes that it was announced with.
    pub size: u64,
    /// Its name, if it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// When it was announced.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// Until when posts may use it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub usable_until: Timestamp,
    /// How to upload it: told once it is announced, and to nobody who merely asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadView>,
    /// What its bytes say, once it is `ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// What is wrong with it, if it is `rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<RejectedView>,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// It is announced and not there yet.
    AwaitingUpload,
    /// Posts may use it.
    Ready,
    /// It is there, and its bytes are not what was announced.
    Rejected,
    /// Its time is over, or it was not uploaded in time.
    Expired,
}

/// How to upload a file: one request, as it is told here.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadView {
    /// The address. Whoever has it may upload: it is a secret as long as it is good.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Uri))]
    pub url: Secret,
    /// The method: `PUT`.
    pub method: &'static str,
    /// Headers that the request must carry as they are. Most HTTP clients set `content-length` by themselves.
    pub headers: BTreeMap<&'static str, String>,
    /// Until when the address is good.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
}

/// A signed address on its way to the caller: shown in the answer, and in no debug output.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

/// What is wrong with an upload.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedView {
    /// Stable: `media.other_type` or `media.corrupt`.
    pub code: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl UploadView {
    pub(super) fn new(signed: &SignedUrl, binding: &Binding<'_>, expires_at: Timestamp) -> Self {
        let url = Secret(signed.expose().to_string());
        Self { url, method: "PUT", headers: binding.headers().into(), expires_at }
    }
}

impl MediaView {
    pub(super) fn of(upload: &Upload, now: Timestamp) -> Self {
        let is_over = now >= upload.usable_until || (upload.probed.is_none() && now >= upload.upload_until);
        let (state, facts, problem) = match &upload.probed {
            _ if is_over => (MediaState::Expired, None, None),
            None => (MediaState::AwaitingUpload, None, None),
            Some(Probed::Good(facts)) => (MediaState::Ready, Some(facts.clone()), None),
            Some(Probed::Bad(code)) => {
                let problem = RejectedView { code: code.clone(), message: Unfit::text(code).to_owned() };
                (MediaState::Rejected, None, Some(problem))
            }
        };
        Self {
            id: upload.id,
            media: format!("{}:{}", crate::content::UPLOAD_SCHEME, upload.id),
            state,
            content_type: upload.content_type.clone(),
            size: upload.size,
            file_name: upload.file_name.clone(),
            created_at: upload.created_at,
            usable_until: upload.usable_until,
            upload: None,
            facts,
            problem,
        }
    }
}
