//! The control interface under `/_simulator`: look at the world, make things go wrong.

use super::handle::Instagram;
use crate::call::Call;
use crate::faults::Fault;
use crate::reply::Reply;
use hyper::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Answers a call of the control interface.
pub(crate) async fn serve(instagram: &Instagram, path: &[&str], call: &Call) -> Reply {
    let body = call.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    match (&call.method, path) {
        (&Method::GET, ["state"]) => reply(&instagram.state()),
        (&Method::GET, ["requests"]) => reply(&instagram.requests()),
        (&Method::DELETE, ["requests"]) => {
            instagram.clear_requests();
            done()
        }
        (&Method::GET, ["faults"]) => reply(&instagram.faults()),
        (&Method::DELETE, ["faults"]) => {
            instagram.clear_faults();
            done()
        }
        (&Method::POST, ["faults"]) => match serde_json::from_value::<Fault>(body) {
            Ok(fault) => {
                instagram.add_fault(fault);
                done()
            }
            Err(error) => refused(&error.to_string()),
        },
        (&Method::POST, ["tokens", "revoke"]) => {
            instagram.revoke(text("who"), number("subcode").unwrap_or(460));
            done()
        }
        (&Method::POST, ["deauthorize"]) => {
            instagram.remove_app(text("who"));
            done()
        }
        (&Method::POST, ["containers", "expire"]) => {
            instagram.expire_containers();
            done()
        }
        (&Method::POST, ["posts"]) => {
            let id = instagram.write_by_hand(text("account"), text("caption"));
            reply(&json!({ "id": id }))
        }
        (&Method::POST, ["comments"]) => {
            let is_flat = body.get("flat").and_then(Value::as_bool).unwrap_or(false);
            let is_sent = instagram.comment(text("account"), text("media"), text("text"), is_flat);
            reply(&json!({ "sent": is_sent }))
        }
        (&Method::POST, ["webhooks"]) => {
            let is_verified = instagram.verify_webhook(text("callback_url")).await;
            reply(&json!({ "verified": is_verified }))
        }
        (&Method::POST, ["settings"]) => {
            if let Some(posts) = number("quota") {
                instagram.set_quota(usize::try_from(posts).unwrap_or(0));
            }
            if let Some(calls) = number("budget") {
                instagram.set_budget(usize::try_from(calls).unwrap_or(0));
            }
            if let Some(seconds) = number("listing_lag_seconds") {
                instagram.set_listing_lag(SignedDuration::from_secs(seconds));
            }
            if let (Some(picture), Some(video)) = (number("picture_seconds"), number("video_seconds")) {
                instagram.set_processing(SignedDuration::from_secs(picture), SignedDuration::from_secs(video));
            }
            done()
        }
        (&Method::POST, ["reset"]) => {
            instagram.reset();
            done()
        }
        (_, _) => Reply::json(404, &json!({"error": "no such control"})),
    }
}

fn reply(value: &impl serde::Serialize) -> Reply {
    Reply::json(200, &serde_json::to_value(value).unwrap_or(Value::Null))
}

fn done() -> Reply {
    Reply::json(200, &json!({"done": true}))
}

fn refused(message: &str) -> Reply {
    Reply::json(400, &json!({ "error": message }))
}
