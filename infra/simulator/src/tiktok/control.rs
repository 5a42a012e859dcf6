//! The control interface under `/_simulator`: look at the world, make things go wrong.

use super::handle::Tiktok;
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
struct Removal {
    open_id: String,
    #[serde(default)]
    reason: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    open_id: String,
    private: Option<bool>,
    banned: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    open_id: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    publish_id: String,
    privacy_level: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hidden {
    video: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    processing_seconds: Option<i64>,
    moderation_seconds: Option<i64>,
    audited: Option<bool>,
    capped: Option<bool>,
    fail_next: Option<String>,
    webhook_url: Option<String>,
}

/// Answers a control call; `path` is what follows `/_simulator`.
pub(crate) fn serve(tiktok: &Tiktok, path: &[&str], call: &Call) -> Reply {
    let done = Ok(json!({"success": true}));
    let result = match (&call.method, path) {
        (&Method::GET, ["state"]) => Ok(json!(tiktok.state())),
        (&Method::GET, ["requests"]) => Ok(json!({"requests": tiktok.requests()})),
        (&Method::DELETE, ["requests"]) => {
            tiktok.clear_requests();
            done
        }
        (&Method::GET, ["faults"]) => Ok(json!({"faults": tiktok.faults()})),
        (&Method::POST, ["faults"]) => read::<Fault>(call).map(|fault| {
            tiktok.add_fault(fault);
            json!({"faults": tiktok.faults()})
        }),
        (&Method::DELETE, ["faults"]) => {
            tiktok.clear_faults();
            done
        }
        (&Method::POST, ["authorization", "remove"]) => read::<Removal>(call).and_then(|removal| {
            tiktok.remove_authorization(&removal.open_id, removal.reason);
            done
        }),
        (&Method::POST, ["accounts"]) => read(call).and_then(|change| {
            account(tiktok, &change);
            done
        }),
        (&Method::POST, ["videos"]) => {
            read::<ByHand>(call).map(|video| json!({"id": tiktok.write_by_hand(&video.open_id, &video.text)}))
        }
        (&Method::POST, ["videos", "hide"]) => {
            read::<Hidden>(call).map(|hidden| json!({"success": tiktok.hide(&hidden.video)}))
        }
        (&Method::POST, ["drafts", "post"]) => read::<Draft>(call)
            .map(|draft| json!({"success": tiktok.post_draft(&draft.publish_id, &draft.privacy_level)})),
        (&Method::POST, ["settings"]) => read(call).and_then(|settings| {
            set(tiktok, settings);
            done
        }),
        (&Method::POST, ["reset"]) => {
            tiktok.reset();
            done
        }
        _ => return Reply::json(404, &json!({"error": "there is no such control"})),
    };
    match result {
        Ok(value) => Reply::json(200, &value),
        Err(problem) => Reply::json(400, &json!({ "error": problem })),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| format!("the body is not understood: {error}"))
}

fn account(tiktok: &Tiktok, change: &Change) {
    if let Some(is_private) = change.private {
        tiktok.set_private(&change.open_id, is_private);
    }
    if let Some(is_banned) = change.banned {
        tiktok.set_banned(&change.open_id, is_banned);
    }
}

fn set(tiktok: &Tiktok, settings: Settings) {
    let (processing, moderation) = {
        let world = tiktok.world();
        (world.processing_takes, world.moderation_takes)
    };
    tiktok.set_takes(
        settings.processing_seconds.map_or(processing, SignedDuration::from_secs),
        settings.moderation_seconds.map_or(moderation, SignedDuration::from_secs),
    );
    if let Some(is_audited) = settings.audited {
        tiktok.set_audited(is_audited);
    }
    if let Some(is_capped) = settings.capped {
        tiktok.set_capped(is_capped);
    }
    if let Some(reason) = settings.fail_next {
        tiktok.fail_next(&reason);
    }
    if let Some(url) = settings.webhook_url {
        tiktok.set_webhook_url(Some(&url));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_nobody_knows_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"audited": false}"#).is_ok());
        assert!(serde_json::from_str::<Settings>(r#"{"autdited": false}"#).is_err());
    }
}
