//! Which call it is, and its answer.

use super::error::ApiError;
use super::handle::Tiktok;
use crate::call::Call;
use crate::reply::Reply;
use crate::stage::Acted;
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A call by the name that faults know it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Authorize,
    Token,
    Revoke,
    UserInfo,
    CreatorInfo,
    VideoInit,
    InboxInit,
    ContentInit,
    Status,
    Cancel,
    Upload,
    List,
    Query,
    Nowhere,
}

impl Place {
    pub(crate) fn of(call: &Call) -> Self {
        match call.segments().as_slice() {
            ["v2", "auth", "authorize"] => Self::Authorize,
            ["v2", "oauth", "token"] => Self::Token,
            ["v2", "oauth", "revoke"] => Self::Revoke,
            ["v2", "user", "info"] => Self::UserInfo,
            ["v2", "post", "publish", "creator_info", "query"] => Self::CreatorInfo,
            ["v2", "post", "publish", "video", "init"] => Self::VideoInit,
            ["v2", "post", "publish", "inbox", "video", "init"] => Self::InboxInit,
            ["v2", "post", "publish", "content", "init"] => Self::ContentInit,
            ["v2", "post", "publish", "status", "fetch"] => Self::Status,
            ["v2", "post", "publish", "cancel"] => Self::Cancel,
            ["upload", "video"] => Self::Upload,
            ["v2", "video", "list"] => Self::List,
            ["v2", "video", "query"] => Self::Query,
            _ => Self::Nowhere,
        }
    }

    pub(crate) const fn edge(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::UserInfo => "user/info",
            Self::CreatorInfo => "creator_info",
            Self::VideoInit => "video/init",
            Self::InboxInit => "inbox/init",
            Self::ContentInit => "content/init",
            Self::Status => "status",
            Self::Cancel => "cancel",
            Self::Upload => "upload",
            Self::List => "video/list",
            Self::Query => "video/query",
            Self::Nowhere => "nowhere",
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::UserInfo => Method::GET,
            Self::Upload => Method::PUT,
            Self::Authorize
            | Self::Token
            | Self::Revoke
            | Self::CreatorInfo
            | Self::VideoInit
            | Self::InboxInit
            | Self::ContentInit
            | Self::Status
            | Self::Cancel
            | Self::List
            | Self::Query
            | Self::Nowhere => Method::POST,
        }
    }
}

/// Answers a call of the APIs.
pub(crate) fn answer(tiktok: &Tiktok, call: &Call, now: Timestamp) -> Result<Acted, ApiError> {
    let place = Place::of(call);
    let mut world = tiktok.world();
    match place {
        Place::Authorize => return Ok(Acted::accepted(world.authorize(call, now))),
        Place::Token => return Ok(world.token(call, now)),
        Place::Revoke => return Ok(world.revoke(call, now)),
        Place::Upload => return Ok(world.receive(call, now)),
        Place::Nowhere => return Err(ApiError::new(404, "unsupported_path", "There is no such path.")),
        Place::UserInfo
        | Place::CreatorInfo
        | Place::VideoInit
        | Place::InboxInit
        | Place::ContentInit
        | Place::Status
        | Place::Cancel
        | Place::List
        | Place::Query => {}
    }
    if call.method != place.method() || !call.path.ends_with('/') {
        return Err(ApiError::new(404, "unsupported_path", "There is no such path."));
    }
    let caller = world.caller(call.bearer.as_deref(), now)?;
    let body = match call.json() {
        Some(body) if call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) => body,
        None if call.body.is_empty() => json!({}),
        Some(_) | None => return Err(ApiError::params("The body is not JSON.")),
    };
    let fields = call.params.text("fields").unwrap_or_default();
    let data: Value = match place {
        Place::UserInfo => world.user_info(&caller, &fields, now)?,
        Place::CreatorInfo => world.creator_info(&caller, now)?,
        Place::VideoInit => world.init_video(&caller, &body, now)?,
        Place::InboxInit => world.init_inbox(&caller, &body, now)?,
        Place::ContentInit => world.init_photos(&caller, &body, now)?,
        Place::Status => world.status(&caller, &body, now)?,
        Place::List => world.list(&caller, &fields, &body, now)?,
        Place::Query => world.query(&caller, &fields, &body, now)?,
        // How it answers is not documented well enough to be simulated.
        Place::Cancel => return Err(ApiError::new(400, "publish_not_cancellable", "It cannot be cancelled.")),
        Place::Authorize | Place::Token | Place::Revoke | Place::Upload | Place::Nowhere => json!({}),
    };
    let log_id = world.ids.opaque("2026", 24);
    let error = json!({"code": "ok", "message": "", "log_id": log_id});
    Ok(Acted::accepted(Reply::json(200, &json!({ "data": data, "error": error }))))
}
