//! Errors as the caller sees them: RFC 9457 `application/problem+json`, with a stable code and who can act.

use serde::Serialize;

use crate::{connector::Act, ids::PostId};

/// Everything that the API may refuse, one variant for each thing that a caller can do about it.
///
/// The catalogue with advice per code is `docs/errors.md`; a test keeps the two together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// No such route.
    RouteUnknown,
    /// The route exists, with other methods.
    MethodNotAllowed,
    /// The key is missing, unknown or wrong.
    KeyUnknown,
    /// The key's time is over.
    KeyExpired,
    /// The key was taken back.
    KeyRevoked,
    /// The key lacks the scope that the route takes.
    ScopeMissing,
    /// The tenant is deleted, or is being deleted.
    TenantDeleted,
    /// The body is larger than a post may be.
    BodyTooLarge,
    /// The body is not JSON.
    BodyNotJson,
    /// The body is JSON of another shape, or breaks a rule.
    BodyInvalid,
    /// A query parameter cannot be read.
    QueryInvalid,
    /// A header cannot be read.
    HeaderInvalid,
    /// The platform is not one of ours.
    PlatformUnknown,
    /// No post with this id belongs to the caller.
    PostUnknown,
    /// No connection with this id belongs to the caller.
    ConnectionUnknown,
    /// No upload with this id belongs to the caller.
    MediaUnknown,
    /// The file is larger than one of its type may be.
    UploadTooLarge,
    /// The key was used before, with another body.
    IdempotencyMismatch,
    /// Another request with the same key is being accepted at this moment.
    IdempotencyRunning,
    /// Another post says the same at the same destination within the window.
    PostDuplicate,
    /// Nothing of the post is left to cancel.
    PostNotCancellable,
    /// Something of the post has begun or ended: it can no longer be edited.
    PostNotEditable,
    /// The post has no such target.
    TargetUnknown,
    /// Nobody asks what became of the target, or the question was answered otherwise.
    TargetNotInReview,
    /// The request must name the version that it changes.
    PreconditionRequired,
    /// The post is at another version than the one that the request names.
    PreconditionFailed,
    /// The webhook is not signed by the platform.
    SignatureInvalid,
    /// What a platform sent as a signed request is none, or says nothing that can be acted upon.
    SignedRequestInvalid,
    /// There is no deletion under this code.
    DeletionUnknown,
    /// The verification handshake does not carry our token.
    HandshakeRefused,
    /// The caller has made more requests than it may in a minute.
    RateLimited,
    /// Something on our side failed. What was to be written may be: the same request again finds out, and is safe.
    Unavailable,
}

impl Code {
    /// Every code, for the documentation and its test.
    pub const ALL: [Self; 32] = [
        Self::RouteUnknown,
        Self::MethodNotAllowed,
        Self::KeyUnknown,
        Self::KeyExpired,
        Self::KeyRevoked,
        Self::ScopeMissing,
        Self::TenantDeleted,
        Self::BodyTooLarge,
        Self::BodyNotJson,
        Self::BodyInvalid,
        Self::QueryInvalid,
        Self::HeaderInvalid,
        Self::PlatformUnknown,
        Self::PostUnknown,
        Self::ConnectionUnknown,
        Self::MediaUnknown,
        Self::UploadTooLarge,
        Self::IdempotencyMismatch,
        Self::IdempotencyRunning,
        Self::PostDuplicate,
        Self::PostNotCancellable,
        Self::PostNotEditable,
        Self::TargetUnknown,
        Self::TargetNotInReview,
        Self::PreconditionRequired,
        Self::PreconditionFailed,
        Self::SignatureInvalid,
        Self::SignedRequestInvalid,
        Self::HandshakeRefused,
        Self::DeletionUnknown,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The stable code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().1
    }

    const fn facts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::RouteUnknown => ("route.unknown", 404, "There is nothing at this address"),
            Self::MethodNotAllowed => ("route.method_not_allowed", 405, "This address does not take this method"),
            Self::KeyUnknown => ("key.unknown", 401, "The API key is missing, unknown or wrong"),
            Self::KeyExpired => ("key.expired", 401, "The API key has expired"),
            Self::KeyRevoked => ("key.revoked", 401, "The API key was revoked"),
            Self::ScopeMissing => ("key.scope_missing", 403, "The API key may not do this"),
            Self::TenantDeleted => ("tenant.deleted", 403, "The tenant is deleted"),
            Self::BodyTooLarge => ("body.too_large", 413, "The body is too large"),
            Self::BodyNotJson => ("body.not_json", 400, "The body is not JSON"),
            Self::BodyInvalid => ("body.invalid", 422, "The body breaks a rule"),
            Self::QueryInvalid => ("query.invalid", 400, "A query parameter cannot be read"),
            Self::HeaderInvalid => ("header.invalid", 400, "A header cannot be read"),
            Self::PlatformUnknown => ("platform.unknown", 404, "No such platform"),
            Self::PostUnknown => ("post.unknown", 404, "No such post"),
            Self::ConnectionUnknown => ("connection.unknown", 404, "No such connection"),
            Self::MediaUnknown => ("media.unknown", 404, "No such upload"),
            Self::UploadTooLarge => ("upload.too_large", 413, "The file is too large"),
            Self::IdempotencyMismatch => {
                ("idempotency.mismatch", 422, "This Idempotency-Key was used with another body")
            }
            Self::IdempotencyRunning => {
                ("idempotency.running", 409, "A request with this Idempotency-Key is being worked on")
            }
            Self::PostDuplicate => ("post.duplicate", 409, "Another post says the same at the same destination"),
            Self::PostNotCancellable => ("post.not_cancellable", 409, "Nothing of this post is left to cancel"),
            Self::PostNotEditable => ("post.not_editable", 409, "The post has begun and can no longer be edited"),
            Self::TargetUnknown => ("target.unknown", 404, "No such target"),
            Self::TargetNotInReview => ("target.not_in_review", 409, "This target does not wait for a person's answer"),
            Self::PreconditionRequired => {
                ("precondition.required", 428, "The request must name the version it changes")
            }
            Self::PreconditionFailed => ("precondition.failed", 412, "The post is at another version"),
            Self::SignatureInvalid => ("webhook.signature_invalid", 401, "The webhook is not signed by the platform"),
            Self::SignedRequestInvalid => ("webhook.signed_request_invalid", 400, "The signed request cannot be read"),
            Self::DeletionUnknown => ("deletion.unknown", 404, "No such deletion"),
            Self::HandshakeRefused => ("webhook.handshake_refused", 403, "The handshake does not carry our token"),
            Self::RateLimited => ("rate.limited", 429, "More requests than the limit of this minute"),
            Self::Unavailable => ("service.unavailable", 503, "postd cannot do this at the moment"),
        }
    }

    const fn act(self) -> Act {
        match self {
            Self::Unavailable | Self::IdempotencyRunning => Act::Nobody,
            Self::RouteUnknown
            | Self::MethodNotAllowed
            | Self::KeyUnknown
            | Self::KeyExpired
            | Self::KeyRevoked
            | Self::ScopeMissing
            | Self::TenantDeleted
            | Self::BodyTooLarge
            | Self::BodyNotJson
            | Self::BodyInvalid
            | Self::QueryInvalid
            | Self::HeaderInvalid
            | Self::PlatformUnknown
            | Self::PostUnknown
            | Self::ConnectionUnknown
            | Self::MediaUnknown
            | Self::UploadTooLarge
            | Self::IdempotencyMismatch
            | Self::PostDuplicate
            | Self::PostNotCancellable
            | Self::PostNotEditable
            | Self::TargetUnknown
            | Self::TargetNotInReview
            | Self::PreconditionRequired
            | Self::PreconditionFailed
            | Self::SignatureInvalid
            | Self::SignedRequestInvalid
            | Self::DeletionUnknown
            | Self::HandshakeRefused
            | Self::RateLimited => Act::Caller,
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// Where, as a JSON pointer into the body.
    pub pointer: String,
    /// The rule, stable: `facebook.text.too_long`.
    pub code: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// A refusal of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:postd:error:` and the code.
    pub r#type: String,
    /// What the code means, the same every time.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// Stable: branch on this.
    pub code: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Who can do something about it.
    pub act: Act,
    /// What exactly is wrong with the body, if that is it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// The other post, where one stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub post: Option<PostId>,
    /// The methods that the address takes, where this one is not among them: told in a header.
    #[serde(skip)]
    pub allow: Option<&'static str>,
}

impl Problem {
    /// A refusal with words for this case.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (name, status, title) = code.facts();
        Self {
            r#type: format!("urn:postd:error:{name}"),
            title,
            status,
            detail: detail.into(),
            code: name,
            retryable: matches!(code, Code::Unavailable | Code::IdempotencyRunning | Code::RateLimited),
            act: code.act(),
            errors: Vec::new(),
            post: None,
            allow: None,
        }
    }

    /// Nothing is accepted from a tenant that is deleted, whoever's answer of a moment ago says that its key is good.
    #[must_use]
    pub fn tenant_deleted() -> Self {
        Self::new(Code::TenantDeleted, "The tenant of this key is deleted, or is being deleted: nothing was done.")
    }

    /// The same, about another post.
    #[must_use]
    pub fn about(self, post: PostId) -> Self {
        Self { post: Some(post), ..self }
    }

    /// A refusal of a body, with everything that is wrong with it.
    #[must_use]
    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] => only.detail.clone(),
            several => format!("{} things are wrong; see `errors`.", several.len()),
        };
        Self { errors: faults, ..Self::new(Code::BodyInvalid, detail) }
    }
}

impl Fault {
    /// Something wrong at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests;
