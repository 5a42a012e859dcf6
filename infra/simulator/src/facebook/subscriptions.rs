//! Webhook subscriptions: of the app (with its handshake) and of each Page.

use super::error::GraphError;
use super::spec;
use super::tokens::Caller;
use super::world::{Subscription, World};
use crate::call::Call;
use crate::{APP_ID, APP_NAME};
use serde_json::{Value, json};
use url::Url;

const OBJECTS: &str = "page permissions user instagram";

/// A subscription that waits for the callback to answer its challenge.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    pub(crate) object: String,
    pub(crate) callback: Url,
    pub(crate) fields: Vec<String>,
    pub(crate) verify_token: String,
}

impl World {
    /// `POST /{app}/subscriptions`, up to the handshake.
    pub(crate) fn plan_subscription(&self, caller: &Caller, call: &Call) -> Result<Handshake, GraphError> {
        must_be_app(caller)?;
        self.strict(call, "POST", "subscriptions", &[spec::SUBSCRIPTIONS_POST])?;
        let object = call.params.required("object")?;
        if !spec::lists(OBJECTS, &object) {
            return Err(GraphError::parameter("Param object must be one of {page, permissions, user, instagram}"));
        }
        let known = self.subscriptions.get(&object);
        let callback = match call.params.text("callback_url") {
            Some(text) => text,
            None => known
                .map(|known| known.callback.clone())
                .ok_or_else(|| GraphError::parameter("The parameter callback_url is required."))?,
        };
        let callback =
            Url::parse(&callback).map_err(|_| GraphError::parameter("Param callback_url must be a valid URI"))?;
        let fields = call.params.words("fields")?;
        if fields.is_empty() && known.is_none() {
            return Err(GraphError::parameter("The parameter fields is required."));
        }
        if let Some(unknown) =
            fields.iter().find(|field| object == "page" && !spec::lists(spec::SUBSCRIBED_FIELDS, field))
        {
            return Err(GraphError::parameter(format!("Param fields: unknown field {unknown}")));
        }
        let mut all = known.map(|known| known.fields.clone()).unwrap_or_default();
        all.extend(fields.into_iter().filter(|field| !all.contains(field)).collect::<Vec<_>>());
        Ok(Handshake {
            object,
            callback,
            fields: all,
            verify_token: call.params.text("verify_token").unwrap_or_default(),
        })
    }

    /// The handshake went well.
    pub(crate) fn subscribe(&mut self, handshake: Handshake) -> Value {
        let subscription = Subscription { callback: handshake.callback.into(), fields: handshake.fields };
        self.subscriptions.insert(handshake.object, subscription);
        json!({"success": true})
    }

    /// `GET /{app}/subscriptions`.
    pub(crate) fn list_subscriptions(&self, caller: &Caller) -> Result<Value, GraphError> {
        must_be_app(caller)?;
        let data: Vec<Value> = self
            .subscriptions
            .iter()
            .map(|(object, subscription)| {
                let fields: Vec<Value> =
                    subscription.fields.iter().map(|field| json!({"name": field, "version": "v26.0"})).collect();
                json!({"object": object, "callback_url": subscription.callback, "active": true, "fields": fields})
            })
            .collect();
        Ok(json!({ "data": data }))
    }

    /// `DELETE /{app}/subscriptions`.
    pub(crate) fn unsubscribe(&mut self, caller: &Caller, call: &Call) -> Result<Value, GraphError> {
        must_be_app(caller)?;
        self.strict(call, "DELETE", "subscriptions", &[spec::SUBSCRIPTIONS_DELETE])?;
        let fields = call.params.words("fields")?;
        match call.params.text("object") {
            None => self.subscriptions.clear(),
            Some(object) if fields.is_empty() => {
                self.subscriptions.remove(&object);
            }
            Some(object) => {
                if let Some(subscription) = self.subscriptions.get_mut(&object) {
                    subscription.fields.retain(|field| !fields.contains(field));
                }
            }
        }
        Ok(json!({"success": true}))
    }

    /// `POST /{page}/subscribed_apps`.
    pub(crate) fn install(&mut self, caller: &Caller, page: &str, call: &Call) -> Result<Value, GraphError> {
        self.may_install(caller, page, "post")?;
        self.strict(call, "POST", "subscribed_apps", &[spec::SUBSCRIBED_APPS_POST])?;
        let fields = call.params.words("subscribed_fields")?;
        if fields.is_empty() {
            return Err(GraphError::parameter("The parameter subscribed_fields is required."));
        }
        if let Some(unknown) = fields.iter().find(|field| !spec::lists(spec::SUBSCRIBED_FIELDS, field)) {
            return Err(GraphError::parameter(format!(
                "Param subscribed_fields must be an array of known fields - got \"{unknown}\""
            )));
        }
        if let Some(page) = self.pages.get_mut(page) {
            page.subscribed = Some(fields);
        }
        Ok(json!({"success": true}))
    }

    /// `GET /{page}/subscribed_apps`.
    pub(crate) fn list_installed(&self, caller: &Caller, page: &str) -> Result<Value, GraphError> {
        self.may_install(caller, page, "get")?;
        let installed = self.page(page)?.subscribed.as_ref();
        let data: Vec<Value> = installed
            .map(|fields| json!({"id": APP_ID, "name": APP_NAME, "category": "Business", "subscribed_fields": fields}))
            .into_iter()
            .collect();
        Ok(json!({ "data": data }))
    }

    /// `DELETE /{page}/subscribed_apps`.
    pub(crate) fn uninstall(&mut self, caller: &Caller, page: &str) -> Result<Value, GraphError> {
        self.may_install(caller, page, "delete")?;
        if let Some(page) = self.pages.get_mut(page) {
            page.subscribed = None;
        }
        Ok(json!({"success": true}))
    }

    fn may_install(&self, caller: &Caller, page: &str, method: &str) -> Result<(), GraphError> {
        let user = self.as_page(caller, page, method)?;
        self.allowed(&user, page, "pages_manage_metadata")
    }
}

fn must_be_app(caller: &Caller) -> Result<(), GraphError> {
    if *caller == Caller::App {
        return Ok(());
    }
    Err(GraphError::new(15, "(#15) This method must be called with an app access_token."))
}
