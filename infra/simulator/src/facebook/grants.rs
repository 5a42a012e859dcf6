//! Permissions: what a person allowed, and how it is taken back.

use super::error::GraphError;
use super::outbox::Manner;
use super::tokens::Caller;
use super::world::World;
use crate::call::Call;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Permissions the app may ask for.
pub(crate) const SCOPES: [&str; 15] = [
    "public_profile",
    "email",
    "pages_show_list",
    "pages_manage_posts",
    "pages_read_engagement",
    "pages_manage_metadata",
    "pages_manage_engagement",
    "pages_read_user_content",
    "read_insights",
    "business_management",
    "publish_video",
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_insights",
    "instagram_manage_comments",
];

/// Whether a permission is given Page by Page.
pub(crate) fn is_granular(scope: &str) -> bool {
    scope.starts_with("pages_") || scope == "read_insights" || scope == "publish_video"
}

impl World {
    /// `GET /{user}/permissions`.
    pub(crate) fn list_permissions(&self, caller: &Caller, id: &str, call: &Call) -> Result<Value, GraphError> {
        let user = own_user(caller, id, "permissions", "get")?;
        let grant = self.grants.get(user).ok_or_else(|| GraphError::dead_token(458))?;
        let granted = grant.scopes.iter().map(|scope| (scope, "granted"));
        let declined = grant.declined.iter().map(|scope| (scope, "declined"));
        let (permission, status) = (call.params.text("permission"), call.params.text("status"));
        let data: Vec<Value> = granted
            .chain(declined)
            .filter(|(scope, _)| permission.as_ref().is_none_or(|wanted| wanted == *scope))
            .filter(|(_, state)| status.as_ref().is_none_or(|wanted| wanted == state))
            .map(|(scope, state)| json!({"permission": scope, "status": state}))
            .collect();
        Ok(json!({ "data": data }))
    }

    /// `DELETE /{user}/permissions[/{permission}]`: one permission, or the whole app.
    pub(crate) fn revoke_permissions(
        &mut self,
        caller: &Caller,
        id: &str,
        permission: Option<String>,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let user = if *caller == Caller::App {
            self.users.get(id).map(|user| user.id.clone()).ok_or_else(|| GraphError::missing("delete", id))?
        } else {
            own_user(caller, id, "permissions", "delete")?.to_owned()
        };
        match permission {
            None => self.remove_app(&user, now),
            Some(scope) if SCOPES.contains(&scope.as_str()) => self.withdraw(&user, &scope, now),
            Some(scope) => return Err(GraphError::parameter(format!("Unknown permission {scope}"))),
        }
        Ok(json!({"success": true}))
    }

    /// The person removes the app: every token dies, the app is told.
    pub(crate) fn remove_app(&mut self, user: &str, now: Timestamp) {
        let Some(grant) = self.grants.remove(user) else { return };
        for token in self.tokens.values_mut().filter(|token| token.user == user && token.killed.is_none()) {
            token.killed = Some(458);
        }
        for scope in &grant.scopes {
            self.announce_permission(user, scope, "revoked", now);
        }
        self.announce_removal(user, now);
    }

    /// The person removes the app and wants to be forgotten by it.
    pub(crate) fn delete_data(&mut self, user: &str, now: Timestamp) {
        self.remove_app(user, now);
        self.announce_data_deletion(user, now);
    }

    fn withdraw(&mut self, user: &str, scope: &str, now: Timestamp) {
        let withdrawn = self.grants.get_mut(user).is_some_and(|grant| {
            grant.declined.insert(scope.to_owned());
            grant.scopes.remove(scope)
        });
        if withdrawn {
            self.announce_permission(user, scope, "revoked", now);
        }
    }

    /// The `permissions` webhook.
    pub(crate) fn announce_permission(&mut self, user: &str, scope: &str, verb: &str, now: Timestamp) {
        let mut value = json!({ "verb": verb });
        let pages = self.grants.get(user).map(|grant| grant.pages.iter().cloned().collect::<Vec<_>>());
        if let (Some(fields), Some(pages)) = (value.as_object_mut(), pages.filter(|_| is_granular(scope))) {
            fields.insert("target_ids".to_owned(), pages.into());
        }
        self.send_change("permissions", user, scope, &value, Manner::default(), now);
    }
}

/// `me` with an app token.
pub(crate) fn no_active_user() -> GraphError {
    GraphError::new(2500, "An active access token must be used to query information about the current user.")
}

/// The user named by `id` (or `me`), provided the caller is that user.
pub(crate) fn own_user<'a>(caller: &'a Caller, id: &str, edge: &str, method: &str) -> Result<&'a str, GraphError> {
    match caller {
        Caller::User { user, .. } if id == "me" || id == user => Ok(user),
        Caller::Page { page, .. } if id == "me" || id == page => {
            Err(GraphError::parameter(format!("Tried accessing nonexisting field ({edge}) on node type (Page)")))
        }
        Caller::App if id == "me" => Err(no_active_user()),
        Caller::App | Caller::User { .. } | Caller::Page { .. } => Err(GraphError::missing(method, id)),
    }
}
