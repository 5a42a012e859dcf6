//! The control interface under `/_simulator`: look at the world, make things go wrong.

use super::handle::{Facebook, SendOptions};
use super::serve::json;
use super::view;
use crate::VERIFY_TOKEN;
use crate::call::Call;
use crate::faults::Fault;
use crate::reply::Reply;
use hyper::Method;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json as literal};
use url::Url;

/// Who or what a token change is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChange {
    user: Option<String>,
    page: Option<String>,
    subcode: Option<i64>,
}

/// A webhook made by hand: a post event by name, or any change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    #[serde(default = "page_object")]
    object: String,
    id: String,
    #[serde(default = "feed_field")]
    field: String,
    value: Value,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    wrong_signature: bool,
}

/// A webhook with several entries or changes, or of a shape of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendWhole {
    envelope: Value,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    wrong_signature: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    page: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookSettings {
    callback_url: String,
    /// Ask the callback to answer a challenge first.
    #[serde(default)]
    verify: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    listing_lag_seconds: Option<i64>,
    refuse_duplicates: Option<bool>,
    page_budget: Option<PageBudget>,
    app_budget: Option<u32>,
    video_seconds: Option<i64>,
    video_piece_bytes: Option<u64>,
    fail_next_video: Option<i64>,
    cut_next_upload: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageBudget {
    page: String,
    calls: u32,
}

fn page_object() -> String {
    "page".to_owned()
}

fn feed_field() -> String {
    "feed".to_owned()
}

/// Answers a control call; `path` is what follows `/_simulator`.
pub(crate) async fn serve(facebook: &Facebook, path: &[&str], call: &Call) -> Reply {
    let done = literal!({"success": true});
    let result = match (&call.method, path) {
        (&Method::GET, ["state"]) => Ok(json(200, &facebook.state())),
        (&Method::GET, ["app"]) => Ok(json(200, &literal!({"app": view::app()}))),
        (&Method::GET, ["requests"]) => Ok(json(200, &literal!({"requests": facebook.requests()}))),
        (&Method::DELETE, ["requests"]) => {
            facebook.clear_requests();
            Ok(json(200, &done))
        }
        (&Method::GET, ["faults"]) => Ok(json(200, &literal!({"faults": facebook.faults()}))),
        (&Method::POST, ["faults"]) => read::<Fault>(call).map(|fault| {
            facebook.add_fault(fault);
            json(201, &literal!({"faults": facebook.faults()}))
        }),
        (&Method::DELETE, ["faults"]) => {
            facebook.clear_faults();
            Ok(json(200, &done))
        }
        (&Method::POST, ["tokens", "revoke"]) => read(call).and_then(|change| revoke(facebook, &change)),
        (&Method::POST, ["tokens", "expire"]) => read(call).and_then(|change| expire(facebook, &change)),
        (&Method::POST, ["deauthorize"]) => read::<Person>(call).map(|person| {
            facebook.remove_app(&person.user);
            json(200, &done)
        }),
        (&Method::POST, ["delete-data"]) => read::<Person>(call).map(|person| {
            facebook.delete_data(&person.user);
            json(200, &done)
        }),
        (&Method::POST, ["posts"]) => read::<ByHand>(call).map(|post| {
            let id = facebook.write_by_hand(&post.page, &post.message);
            json(201, &literal!({ "id": id }))
        }),
        (&Method::POST, ["webhooks"]) => match read::<WebhookSettings>(call) {
            Ok(settings) => set_webhook(facebook, &settings).await,
            Err(problem) => Err(problem),
        },
        (&Method::POST, ["webhooks", "send"]) => read(call).and_then(|send| send_webhook(facebook, &send)),
        (&Method::POST, ["webhooks", "envelope"]) => read(call).and_then(|send| send_envelope(facebook, &send)),
        (&Method::POST, ["settings"]) => read::<Settings>(call).map(|settings| {
            apply(facebook, &settings);
            json(200, &done)
        }),
        (&Method::POST, ["reset"]) => {
            facebook.reset();
            Ok(json(200, &done))
        }
        _ => Ok(json(404, &literal!({"error": "there is no such control"}))),
    };
    result.unwrap_or_else(|problem| json(400, &literal!({ "error": problem })))
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| format!("the body is not understood: {error}"))
}

fn revoke(facebook: &Facebook, change: &TokenChange) -> Result<Reply, String> {
    let subcode = change.subcode.unwrap_or(460);
    match (&change.user, &change.page) {
        (Some(user), None) => facebook.revoke_user(user, subcode),
        (None, Some(page)) => facebook.revoke_page(page, subcode),
        (None, None) | (Some(_), Some(_)) => return Err("give either user or page".to_owned()),
    }
    Ok(json(200, &literal!({"success": true})))
}

fn expire(facebook: &Facebook, change: &TokenChange) -> Result<Reply, String> {
    match (&change.user, &change.page) {
        (Some(user), None) => facebook.expire_user(user),
        (None, Some(page)) => facebook.expire_page(page),
        (None, None) | (Some(_), Some(_)) => return Err("give either user or page".to_owned()),
    }
    Ok(json(200, &literal!({"success": true})))
}

async fn set_webhook(facebook: &Facebook, settings: &WebhookSettings) -> Result<Reply, String> {
    let url = Url::parse(&settings.callback_url).map_err(|error| error.to_string())?;
    if settings.verify {
        facebook.shake_hands(&url, VERIFY_TOKEN).await.map_err(|error| error.message)?;
    }
    facebook.set_webhook(url.as_str());
    Ok(json(200, &literal!({"success": true})))
}

fn send_webhook(facebook: &Facebook, send: &Send) -> Result<Reply, String> {
    let options = SendOptions { duplicate: send.duplicate, wrong_signature: send.wrong_signature };
    queued(facebook.send_webhook(&send.object, &send.id, &send.field, &send.value, options))
}

fn send_envelope(facebook: &Facebook, send: &SendWhole) -> Result<Reply, String> {
    let options = SendOptions { duplicate: send.duplicate, wrong_signature: send.wrong_signature };
    queued(facebook.send_envelope(&send.envelope, options))
}

fn queued(queued: bool) -> Result<Reply, String> {
    if queued {
        Ok(json(202, &literal!({"success": true})))
    } else {
        Err("the app is not subscribed to that object and field".to_owned())
    }
}

fn apply(facebook: &Facebook, settings: &Settings) {
    if let Some(seconds) = settings.listing_lag_seconds {
        facebook.set_listing_lag(SignedDuration::from_secs(seconds));
    }
    if let Some(refuse) = settings.refuse_duplicates {
        facebook.set_refuse_duplicates(refuse);
    }
    if let Some(budget) = &settings.page_budget {
        facebook.set_page_budget(&budget.page, budget.calls);
    }
    if let Some(calls) = settings.app_budget {
        facebook.set_app_budget(calls);
    }
    if let Some(seconds) = settings.video_seconds {
        facebook.set_video_takes(SignedDuration::from_secs(seconds));
    }
    if let Some(bytes) = settings.video_piece_bytes {
        facebook.set_video_piece(bytes);
    }
    if let Some(code) = settings.fail_next_video {
        facebook.fail_next_video(code);
    }
    if let Some(bytes) = settings.cut_next_upload {
        facebook.cut_next_upload(bytes);
    }
}
