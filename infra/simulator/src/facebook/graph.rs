//! Which call is which: versions, tokens, budgets, and the table of edges.

use super::error::GraphError;
use super::grants::no_active_user;
use super::paging;
use super::photos::Download;
use super::posts::Listing;
use super::render;
use super::spec;
use super::tokens::Caller;
use super::versions;
use super::videos::Form;
use super::world::World;
use crate::APP_ID;
use crate::APP_NAME;
use crate::call::Call;
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Parameters that every call accepts.
const EVERYWHERE: &str = "access_token appsecret_proof fields";

/// What came of a call: the answer, and who called if that much is known.
pub(crate) struct Answered {
    pub(crate) result: Result<Value, GraphError>,
    pub(crate) caller: Option<Caller>,
}

/// The path behind the version.
pub(crate) fn target(call: &Call, now: Timestamp) -> Result<Vec<&str>, GraphError> {
    let segments = call.segments();
    match segments.first().and_then(|first| versions::serving(first, now)) {
        Some(Ok(_)) => Ok(segments.into_iter().skip(1).collect()),
        Some(Err(error)) => Err(error),
        None => Ok(segments),
    }
}

/// Where the files of reels go: `/video-upload/{version}/{reel}`.
pub(crate) const UPLOADS: &str = "video-upload";

/// Page and edge of a call, as faults name them.
fn scope(target: &[&str]) -> (Option<String>, String) {
    match target {
        [] => (None, "node".to_owned()),
        ["oauth", rest @ ..] => (None, format!("oauth/{}", rest.join("/"))),
        ["debug_token"] => (None, "debug_token".to_owned()),
        [node] => (Some(page_of(node)), "node".to_owned()),
        [node, edge, ..] => (Some(page_of(node)), (*edge).to_owned()),
    }
}

fn page_of(node: &str) -> String {
    node.split('_').next().unwrap_or_default().to_owned()
}

impl World {
    /// Page and edge of a call, as faults name them. What uploads a video is named after its phase: `videos/transfer`.
    pub(crate) fn scope(&self, target: &[&str], call: &Call) -> (Option<String>, String) {
        if let [UPLOADS, .., id] = target {
            return (self.videos.get(*id).map(|reel| reel.page.clone()), UPLOADS.to_owned());
        }
        let (page, edge) = scope(target);
        match call.params.text("upload_phase") {
            Some(phase) if matches!(edge.as_str(), "videos" | "video_reels") => {
                (page, format!("{edge}/{}", phase.to_ascii_lowercase()))
            }
            Some(_) | None => (page, edge),
        }
    }

    /// Answers a Graph call, except the handshake of a subscription.
    pub(crate) fn answer(&mut self, call: &Call, download: &Download, now: Timestamp) -> Answered {
        let target = match target(call, now) {
            Ok(target) => target,
            Err(error) => return Answered { result: Err(error), caller: None },
        };
        if target == ["oauth", "access_token"] {
            return Answered { result: self.exchange(call, now), caller: None };
        }
        let caller = match self.admit(call, now) {
            Ok(caller) => caller,
            Err(refused) => return *refused,
        };
        if let ([UPLOADS, _, id], &Method::POST) = (target.as_slice(), &call.method) {
            return Answered { result: self.receive_reel(&caller, id, call, download, now), caller: Some(caller) };
        }
        let result = match call.method {
            Method::GET => self.get(&caller, &target, call, now),
            Method::POST => self.post(&caller, &target, call, download, now),
            Method::DELETE => self.delete(&caller, &target, call, now),
            _ => Err(GraphError::new(100, "Unsupported method")),
        };
        Answered { result, caller: Some(caller) }
    }

    /// Token, budget, and the ninety days of data access.
    pub(crate) fn admit(&mut self, call: &Call, now: Timestamp) -> Result<Caller, Box<Answered>> {
        let refuse = |error, caller| Box::new(Answered { result: Err(error), caller });
        let caller = self.caller(call, now).map_err(|error| refuse(error, None))?;
        self.limits.spend(&caller, now).map_err(|error| refuse(error, Some(caller.clone())))?;
        if call.method == Method::GET
            && let Some(user) = caller.user()
        {
            self.readable(user, now).map_err(|error| refuse(error, Some(caller.clone())))?;
        }
        Ok(caller)
    }

    fn get(&mut self, caller: &Caller, target: &[&str], call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        match target {
            [] => Err(GraphError::parameter("The parameter ids is no longer supported")),
            ["debug_token"] => self.debug_token(caller, call, now),
            [node] => self.get_node(caller, node, call, now),
            [node, edge] => self.get_edge(caller, node, edge, call, now),
            [..] => Err(GraphError::unknown_path(&target.join("/"))),
        }
    }

    fn get_node(&mut self, caller: &Caller, node: &str, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let id = own_id(caller, node)?;
        if let Caller::User { user, .. } = caller
            && *user == id
        {
            self.strict(call, "GET", "", &[])?;
            let fields = render::requested(call, &["name", "id"])?;
            let user = self.users.get(&id).ok_or_else(|| GraphError::missing("get", &id))?;
            return self.user_object(user, &fields);
        }
        if id == APP_ID && *caller == Caller::App {
            return Ok(json!({"id": APP_ID, "name": APP_NAME}));
        }
        if self.pages.contains_key(&id) {
            self.strict(call, "GET", "", &[spec::PAGE_GET])?;
            return self.read_page(caller, &id, call, now);
        }
        self.strict(call, "GET", "", &[spec::NODE_GET])?;
        if self.photos.contains_key(&id) {
            return self.read_photo(caller, &id, call);
        }
        if self.videos.contains_key(&id) {
            return self.read_video(caller, &id, call, now);
        }
        self.read_post(caller, &id, call)
    }

    fn get_edge(
        &mut self,
        caller: &Caller,
        node: &str,
        edge: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        match edge {
            "accounts" => {
                self.strict(call, "GET", edge, &[spec::ACCOUNTS_GET, paging::PARAMS])?;
                self.list_accounts(caller, node, call, now)
            }
            "businesses" => {
                self.strict(call, "GET", edge, &[paging::PARAMS])?;
                self.list_businesses(caller, node, call)
            }
            "owned_pages" | "client_pages" => {
                self.strict(call, "GET", edge, &[paging::PARAMS])?;
                self.list_business_pages(caller, node, edge, call, now)
            }
            "permissions" => {
                self.strict(call, "GET", edge, &[spec::PERMISSIONS_GET, paging::PARAMS])?;
                self.list_permissions(caller, node, call)
            }
            "subscriptions" if node == APP_ID => self.list_subscriptions(caller),
            _ => {
                let id = own_id(caller, node)?;
                if self.posts.contains_key(&id) && edge == "insights" {
                    return self.post_insights(caller, &id, call, now);
                }
                self.page(&id)?;
                self.get_page_edge(caller, &id, edge, call, now)
            }
        }
    }

    fn get_page_edge(
        &self,
        caller: &Caller,
        page: &str,
        edge: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        match edge {
            "feed" | "published_posts" => {
                self.strict(call, "GET", edge, &[spec::FEED_GET, paging::PARAMS])?;
                self.list_posts(caller, page, Listing::Published, call, now)
            }
            "posts" => {
                self.strict(call, "GET", edge, &[spec::POSTS_GET, paging::PARAMS])?;
                self.list_posts(caller, page, Listing::Published, call, now)
            }
            "scheduled_posts" => {
                self.strict(call, "GET", edge, &[paging::PARAMS])?;
                self.list_posts(caller, page, Listing::Scheduled, call, now)
            }
            "photos" => {
                self.strict(call, "GET", edge, &[spec::PHOTOS_GET, paging::PARAMS])?;
                self.list_photos(caller, page, call)
            }
            "videos" => {
                self.strict(call, "GET", edge, &[spec::VIDEOS_GET, paging::PARAMS])?;
                self.list_videos(caller, page, Form::Video, call, now)
            }
            "video_reels" => {
                self.strict(call, "GET", edge, &[paging::PARAMS])?;
                self.list_videos(caller, page, Form::Reel, call, now)
            }
            "insights" => self.page_insights(caller, page, call, now),
            "subscribed_apps" => {
                self.strict(call, "GET", edge, &[paging::PARAMS])?;
                self.list_installed(caller, page)
            }
            _ => Err(GraphError::unknown_path(edge)),
        }
    }

    fn post(
        &mut self,
        caller: &Caller,
        target: &[&str],
        call: &Call,
        download: &Download,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        match target {
            [node] => self.edit_post(caller, &own_id(caller, node)?, call, now),
            [node, edge] => {
                let page = own_id(caller, node)?;
                if !self.pages.contains_key(&page) {
                    return Err(GraphError::missing("post", &page));
                }
                match *edge {
                    "feed" => self.create_post(caller, &page, call, now),
                    "photos" => self.create_photo(caller, &page, call, download, now),
                    "videos" => self.post_video(caller, &page, call, download, now),
                    "video_reels" => self.post_reel(caller, &page, call, now),
                    "subscribed_apps" => self.install(caller, &page, call),
                    _ => Err(GraphError::unknown_path(edge)),
                }
            }
            [] | [..] => Err(GraphError::unknown_path(&target.join("/"))),
        }
    }

    fn delete(&mut self, caller: &Caller, target: &[&str], call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        match target {
            [node, "permissions"] => {
                self.strict(call, "DELETE", "permissions", &[spec::PERMISSIONS_DELETE])?;
                self.revoke_permissions(caller, node, call.params.text("permission"), now)
            }
            [node, "permissions", permission] => {
                self.revoke_permissions(caller, node, Some((*permission).to_owned()), now)
            }
            [node, "subscriptions"] if *node == APP_ID => self.unsubscribe(caller, call),
            [node, "subscribed_apps"] => self.uninstall(caller, &own_id(caller, node)?),
            [node] => {
                self.strict(call, "DELETE", "", &[])?;
                if self.photos.contains_key(*node) {
                    self.delete_photo(caller, node, now)
                } else if self.videos.contains_key(*node) {
                    self.delete_video(caller, node, now)
                } else {
                    self.delete_post(caller, node, now)
                }
            }
            [] | [..] => Err(GraphError::unknown_path(&target.join("/"))),
        }
    }

    /// Refuses parameters that the contract does not list for this edge.
    pub(crate) fn strict(&self, call: &Call, method: &str, edge: &str, tables: &[&str]) -> Result<(), GraphError> {
        if !self.settings.strict {
            return Ok(());
        }
        let known = |name: &&str| spec::lists(EVERYWHERE, name) || tables.iter().any(|table| spec::lists(table, name));
        match call.params.names().find(|name| !known(name)) {
            Some(unknown) => {
                let place = if edge.is_empty() { "this object" } else { edge };
                Err(GraphError::parameter(format!("Unexpected parameter \"{unknown}\" for {method} {place}")))
            }
            None => Ok(()),
        }
    }
}

/// `me` is whoever the token speaks for.
fn own_id(caller: &Caller, node: &str) -> Result<String, GraphError> {
    match caller {
        Caller::App if node == "me" => Err(no_active_user()),
        Caller::User { user, .. } if node == "me" => Ok(user.clone()),
        Caller::Page { page, .. } if node == "me" => Ok(page.clone()),
        Caller::App | Caller::User { .. } | Caller::Page { .. } => Ok(node.to_owned()),
    }
}
