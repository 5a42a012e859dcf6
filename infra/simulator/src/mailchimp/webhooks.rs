//! Webhooks of an audience: making, listing, changing, deleting them.

use super::campaigns::{object, only_known, text};
use super::error::ApiError;
use super::handle::Mailchimp;
use super::world::{Caller, Webhook, World};
use crate::call::Call;
use crate::client;
use hyper::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use url::Url;

const EVENTS: [&str; 6] = ["subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"];
const SOURCES: [&str; 3] = ["user", "admin", "api"];

impl Mailchimp {
    /// `POST /3.0/lists/{list}/webhooks`: Mailchimp looks first whether anybody is there.
    pub(crate) async fn make_webhook(&self, caller: &Caller, list: &str, call: &Call) -> Result<Value, ApiError> {
        let planned = self.world().plan_webhook(caller, list, call)?;
        validate(&planned.url).await?;
        let answer = with_secret(&planned);
        self.world().webhooks.insert(planned.id.clone(), planned);
        Ok(answer)
    }

    /// Somebody adds a webhook at Mailchimp's own pages, for every event of an audience, signed with
    /// [`SIGNING_SECRET`](super::SIGNING_SECRET); `false` if nobody answers at the address.
    pub async fn add_webhook(&self, list: &str, url: &str) -> bool {
        if validate(url).await.is_err() {
            return false;
        }
        let mut world = self.world();
        let all = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect();
        let hook = Webhook {
            id: world.new_id(),
            list: list.to_owned(),
            url: url.to_owned(),
            events: all(&EVENTS),
            sources: all(&SOURCES),
            signing_secret: Some(super::SIGNING_SECRET.to_owned()),
            is_disabled: false,
        };
        world.webhooks.insert(hook.id.clone(), hook);
        true
    }
}

/// Asks an address whether anybody is there.
async fn validate(url: &str) -> Result<(), ApiError> {
    let url = Url::parse(url).map_err(|_| ApiError::field("url", "This value is not a valid URL."))?;
    let headers = [("user-agent", "MailChimp.com WebHook Validator")];
    match client::call(Method::GET, &url, &headers, String::new()).await {
        Ok((200, _)) => Ok(()),
        Ok((status, _)) => Err(ApiError::field("url", &format!("The URL answered {status} and not 200."))),
        Err(_) => Err(ApiError::field("url", "The URL does not answer.")),
    }
}

impl World {
    fn plan_webhook(&mut self, caller: &Caller, list: &str, call: &Call) -> Result<Webhook, ApiError> {
        caller.may_write()?;
        self.audience(caller, list).ok_or_else(ApiError::missing)?;
        let body = object(call)?;
        let mut errors = Vec::new();
        only_known(&body, "", &["url", "events", "sources", "signing_enabled"], &mut errors);
        let url = text(&body, "url").unwrap_or_default().to_owned();
        if self.webhooks.values().any(|hook| hook.list == list && hook.url == url) {
            errors.push(("url".into(), "Sorry, you can't set up multiple WebHooks for one URL.".into()));
        }
        if !errors.is_empty() {
            return Err(ApiError::invalid(errors));
        }
        let is_signed = body.get("signing_enabled").and_then(Value::as_bool).unwrap_or(false);
        let signing_secret = is_signed.then(|| self.ids.opaque("whsec_", 40));
        Ok(Webhook {
            id: self.new_id(),
            list: list.to_owned(),
            url,
            events: flags(&body, "events", &EVENTS),
            sources: flags(&body, "sources", &SOURCES),
            signing_secret,
            is_disabled: false,
        })
    }

    /// `GET /3.0/lists/{list}/webhooks`.
    pub(crate) fn list_webhooks(&self, caller: &Caller, list: &str) -> Result<Value, ApiError> {
        self.audience(caller, list).ok_or_else(ApiError::missing)?;
        let hooks: Vec<Value> = self.webhooks.values().filter(|hook| hook.list == list).map(without_secret).collect();
        Ok(json!({"webhooks": hooks, "list_id": list, "total_items": hooks.len()}))
    }

    /// `DELETE /3.0/lists/{list}/webhooks/{id}`.
    pub(crate) fn delete_webhook(&mut self, caller: &Caller, list: &str, id: &str) -> Result<(), ApiError> {
        caller.may_write()?;
        self.audience(caller, list).ok_or_else(ApiError::missing)?;
        let hook = self.webhooks.remove(id).ok_or_else(ApiError::missing)?;
        self.outbox.forget(&hook.url);
        Ok(())
    }
}

fn flags(body: &Map<String, Value>, name: &str, known: &[&str]) -> BTreeMap<String, bool> {
    let given = body.get(name).and_then(Value::as_object);
    let flag = |name: &&str| given.and_then(|given| given.get(*name)?.as_bool()).unwrap_or(false);
    known.iter().map(|name| ((*name).to_owned(), flag(name))).collect()
}

fn without_secret(hook: &Webhook) -> Value {
    json!({
        "id": hook.id,
        "url": hook.url,
        "events": hook.events,
        "sources": hook.sources,
        "list_id": hook.list,
        "signing_enabled": hook.signing_secret.is_some(),
    })
}

/// The secret is shown this once.
fn with_secret(hook: &Webhook) -> Value {
    let mut shown = without_secret(hook);
    if let (Some(members), Some(secret)) = (shown.as_object_mut(), &hook.signing_secret) {
        members.insert("signing_secret".to_owned(), secret.as_str().into());
    }
    shown
}
