//! The list of posts, with cursors that only their tenant can use.

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

use super::{Reader, store_failed};
use crate::{
    apps::SigningKey,
    http::{Request, Response},
    problem::{Code, Problem},
    store::{Cursor, InvalidCursor},
    telemetry::Chain,
    tenant::Tenant,
    view::PostView,
};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// The listing's name within its cursors.
const POSTS: &str = "posts";
/// The length of a signature, in bytes.
const SIGNATURE: usize = 32;

/// A page of posts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostsView {
    /// The newest first. A post is listed once it is scheduled or its work has begun, within moments of its acceptance.
    pub posts: Vec<PostView>,
    /// Send it back as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Reader {
    pub(super) async fn posts(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&["limit", "cursor"])?;
        let limit = limit(request)?;
        let key = self.signing_key().await?;
        let after: Option<Cursor> = cursor(&key, caller.tenant, POSTS, request)?;
        let tenant = self.store.tenant(caller.tenant).await.map_err(store_failed)?;
        let now = self.clock.now();
        let oldest = tenant.map_or(now, |tenant| tenant.created_at);
        let page = self.store.posts(caller.tenant, after, (now, oldest), limit).await.map_err(store_failed)?;
        let next_cursor = page.next.map(|cursor| seal(&key, caller.tenant, POSTS, &cursor));
        Ok(Response::json(200, &PostsView { posts: page.items.iter().map(PostView::current).collect(), next_cursor }))
    }

    /// What cursors are signed with.
    pub(super) async fn signing_key(&self) -> Result<std::sync::Arc<SigningKey>, Problem> {
        self.signing_keys.current().await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "the signing key cannot be read");
            Problem::new(Code::Unavailable, "The key of cursors cannot be read; try again.")
        })
    }
}

/// How many items a page shall have at most.
pub(super) fn limit(request: &Request) -> Result<usize, Problem> {
    let Some(text) = request.query("limit") else { return Ok(DEFAULT_LIMIT) };
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| Problem::new(Code::QueryInvalid, format!("The `limit` must be a number from 1 to {MAX_LIMIT}.")))
}

/// Where the page begins, if the request says so.
pub(super) fn cursor<C: DeserializeOwned>(
    key: &SigningKey,
    tenant: Tenant,
    listing: &str,
    request: &Request,
) -> Result<Option<C>, Problem> {
    let cursor = request.query("cursor").map(|text| open(key, tenant, listing, text)).transpose();
    cursor.map_err(|error| Problem::new(Code::QueryInvalid, format!("The `cursor` is {error}.")))
}

/// A cursor as it is handed out.
pub(super) fn seal<C: Serialize>(key: &SigningKey, tenant: Tenant, listing: &str, cursor: &C) -> String {
    // Strings and a date: writing them as JSON cannot fail, and an empty cursor would only be refused.
    let plain = serde_json::to_vec(cursor).unwrap_or_default();
    let mut sealed = key.sign(&context(tenant, listing), &plain).to_vec();
    sealed.extend(plain);
    BASE64URL_NOPAD.encode(&sealed)
}

fn open<C: DeserializeOwned>(key: &SigningKey, tenant: Tenant, listing: &str, text: &str) -> Result<C, InvalidCursor> {
    let sealed = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidCursor)?;
    let (signature, plain) = sealed.split_at_checked(SIGNATURE).ok_or(InvalidCursor)?;
    key.verify(&context(tenant, listing), plain, signature).map_err(|_| InvalidCursor)?;
    serde_json::from_slice(plain).map_err(|_| InvalidCursor)
}

fn context(tenant: Tenant, listing: &str) -> String {
    format!("cursor of {listing} of {}", tenant.id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;

    #[test]
    fn f67_a_cursor_opens_only_unchanged_for_its_own_tenant_and_listing() {
        let key = SigningKey::from_secret(&"k".repeat(64)).unwrap();
        let (ours, theirs) = (Tenant::verified(TenantId::new()), Tenant::verified(TenantId::new()));
        let cursor = Cursor { day: "2026-11-21".parse().unwrap(), before: Some("1795219200000#post".into()) };
        let sealed = seal(&key, ours, POSTS, &cursor);
        let open = |tenant, listing, text: &str| open::<Cursor>(&key, tenant, listing, text);
        assert_eq!(open(ours, POSTS, &sealed), Ok(cursor));
        assert_eq!(open(theirs, POSTS, &sealed), Err(InvalidCursor));
        assert_eq!(open(ours, "dead letters", &sealed), Err(InvalidCursor));
        for position in 0..sealed.len() {
            let mut bent = sealed.clone().into_bytes();
            bent[position] = if bent[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(ours, POSTS, &String::from_utf8(bent).unwrap()), Err(InvalidCursor), "{position}");
        }
        for text in ["", "AAAA", "ü"] {
            assert_eq!(open(ours, POSTS, text), Err(InvalidCursor));
        }
    }
}
