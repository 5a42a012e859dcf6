//! The control interface under `/_simulator`: look at the world, make things go wrong.

use super::handle::Gbp;
use crate::call::Call;
use crate::faults::Fault;
use crate::reply::Reply;
use hyper::Method;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    destination: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    processing_takes_seconds: Option<i64>,
    rejects: Option<u32>,
    is_approved: Option<bool>,
    disabled: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscription {
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notification {
    location: String,
    kind: String,
}

/// Answers a control call; `path` is what follows `/_simulator`.
pub(crate) fn serve(gbp: &Gbp, path: &[&str], call: &Call) -> Reply {
    let done = Ok(json!({"success": true}));
    let result = match (&call.method, path) {
        (&Method::GET, ["state"]) => Ok(json!(gbp.state())),
        (&Method::GET, ["requests"]) => Ok(json!({"requests": gbp.requests()})),
        (&Method::DELETE, ["requests"]) => {
            gbp.clear_requests();
            done
        }
        (&Method::GET, ["faults"]) => Ok(json!({"faults": gbp.faults()})),
        (&Method::POST, ["faults"]) => read::<Fault>(call).map(|fault| {
            gbp.add_fault(fault);
            json!({"faults": gbp.faults()})
        }),
        (&Method::DELETE, ["faults"]) => {
            gbp.clear_faults();
            done
        }
        (&Method::POST, ["tokens", "revoke"]) => read::<Person>(call).and_then(|who| {
            gbp.revoke(&who.person);
            done
        }),
        (&Method::POST, ["posts"]) => read::<ByHand>(call).and_then(|post| {
            let name = gbp.write_by_hand(&post.destination, &post.text).ok_or("there is no such destination")?;
            Ok(json!({ "name": name }))
        }),
        (&Method::POST, ["subscription"]) => read::<Subscription>(call).and_then(|subscription| {
            gbp.subscribe(&subscription.url);
            done
        }),
        (&Method::POST, ["notifications"]) => {
            read::<Notification>(call).map(|told| json!({"told": gbp.notify(&told.location, &told.kind)}))
        }
        (&Method::POST, ["keys", "rotate"]) => {
            gbp.rotate_keys();
            done
        }
        (&Method::POST, ["settings"]) => read::<Settings>(call).and_then(|settings| {
            set(gbp, settings);
            done
        }),
        (&Method::POST, ["reset"]) => {
            gbp.reset();
            done
        }
        _ => return Reply::json(404, &json!({"error": "there is no such control"})),
    };
    match result {
        Ok(value) => Reply::json(200, &value),
        Err(problem) => Reply::json(400, &json!({ "error": problem })),
    }
}

fn set(gbp: &Gbp, settings: Settings) {
    if let Some(seconds) = settings.processing_takes_seconds {
        gbp.set_processing_takes(SignedDuration::from_secs(seconds));
    }
    if let Some(rejects) = settings.rejects {
        gbp.reject_next(rejects);
    }
    if let Some(is_approved) = settings.is_approved {
        gbp.set_approved(is_approved);
    }
    if let Some(disabled) = settings.disabled {
        gbp.disable(&disabled);
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| format!("the body is not understood: {error}"))
}
