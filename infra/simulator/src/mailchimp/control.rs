//! The control interface under `/_simulator`: look at the world, make things go wrong.

use super::handle::Mailchimp;
use crate::call::Call;
use crate::faults::Fault;
use crate::reply::Reply;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    person: String,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    person: String,
    data_centre: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    list: String,
    subject: String,
    #[serde(default)]
    send: bool,
    at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaving {
    list: String,
    email: String,
    #[serde(default)]
    campaign: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    list: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    sending_takes_seconds: i64,
}

/// Answers a control call; `path` is what follows `/_simulator`.
pub(crate) async fn serve(mailchimp: &Mailchimp, path: &[&str], call: &Call) -> Reply {
    let done = Ok(json!({"success": true}));
    let result = match (&call.method, path) {
        (&Method::GET, ["state"]) => Ok(json!(mailchimp.state())),
        (&Method::GET, ["requests"]) => Ok(json!({"requests": mailchimp.requests()})),
        (&Method::DELETE, ["requests"]) => {
            mailchimp.clear_requests();
            done
        }
        (&Method::GET, ["faults"]) => Ok(json!({"faults": mailchimp.faults()})),
        (&Method::POST, ["faults"]) => read::<Fault>(call).map(|fault| {
            mailchimp.add_fault(fault);
            json!({"faults": mailchimp.faults()})
        }),
        (&Method::DELETE, ["faults"]) => {
            mailchimp.clear_faults();
            done
        }
        (&Method::POST, ["tokens", "revoke"]) => read::<Person>(call).and_then(|who| {
            mailchimp.revoke(&who.person);
            done
        }),
        (&Method::POST, ["people", "disable"]) => read::<Person>(call).and_then(|who| {
            mailchimp.disable(&who.person);
            done
        }),
        (&Method::POST, ["people", "role"]) => read::<Role>(call).and_then(|change| {
            mailchimp.set_role(&change.person, &change.role);
            done
        }),
        (&Method::POST, ["accounts", "move"]) => read::<Move>(call).and_then(|change| {
            mailchimp.move_account(&change.person, &change.data_centre);
            done
        }),
        (&Method::POST, ["campaigns"]) => read(call).map(|draft| by_hand(mailchimp, &draft)),
        (&Method::POST, ["unsubscribe"]) => read::<Leaving>(call)
            .map(|leaving| json!({"told": mailchimp.unsubscribe(&leaving.list, &leaving.email, &leaving.campaign)})),
        (&Method::POST, ["webhooks"]) => match read::<Hook>(call) {
            Ok(hook) => Ok(json!({"answered": mailchimp.add_webhook(&hook.list, &hook.url).await})),
            Err(problem) => Err(problem),
        },
        (&Method::POST, ["settings"]) => read::<Settings>(call).and_then(|settings| {
            mailchimp.set_sending_takes(SignedDuration::from_secs(settings.sending_takes_seconds));
            done
        }),
        (&Method::POST, ["reset"]) => {
            mailchimp.reset();
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

fn by_hand(mailchimp: &Mailchimp, draft: &ByHand) -> Value {
    let id = mailchimp.write_by_hand(&draft.list, &draft.subject);
    if draft.send || draft.at.is_some() {
        // It was written a moment ago.
        assert!(mailchimp.send_by_hand(&id, draft.at), "a new draft is a draft");
    }
    json!({ "id": id })
}
