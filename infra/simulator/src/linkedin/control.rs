//! The control interface under `/_simulator`: look at the world, make things go wrong.

use super::PAGE_APP;
use super::handle::Linkedin;
use crate::call::Call;
use crate::client;
use crate::faults::Fault;
use crate::reply::Reply;
use crate::signature;
use hyper::Method;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    member: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LostRole {
    organization: String,
    member: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    author: String,
    commentary: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    post: String,
    action: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    processing_takes_seconds: Option<i64>,
    refuse_duplicates: Option<bool>,
    quotas: Option<(u64, u64)>,
    #[serde(default)]
    fail_next_file: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    url: String,
}

/// Answers a control call; `path` is what follows `/_simulator`.
pub(crate) async fn serve(linkedin: &Linkedin, path: &[&str], call: &Call) -> Reply {
    let done = Ok(json!({"success": true}));
    let result = match (&call.method, path) {
        (&Method::GET, ["state"]) => Ok(json!(linkedin.state())),
        (&Method::GET, ["requests"]) => Ok(json!({"requests": linkedin.requests()})),
        (&Method::DELETE, ["requests"]) => {
            linkedin.clear_requests();
            done
        }
        (&Method::GET, ["faults"]) => Ok(json!({"faults": linkedin.faults()})),
        (&Method::POST, ["faults"]) => read::<Fault>(call).map(|fault| {
            linkedin.add_fault(fault);
            json!({"faults": linkedin.faults()})
        }),
        (&Method::DELETE, ["faults"]) => {
            linkedin.clear_faults();
            done
        }
        (&Method::POST, ["tokens", "revoke"]) => read::<Person>(call).and_then(|who| {
            linkedin.revoke(&who.member);
            done
        }),
        (&Method::DELETE, ["roles"]) => read::<LostRole>(call).and_then(|role| {
            linkedin.remove_role(&role.organization, &role.member);
            done
        }),
        (&Method::POST, ["posts"]) => {
            read::<ByHand>(call).map(|post| json!({"urn": linkedin.write_by_hand(&post.author, &post.commentary)}))
        }
        (&Method::POST, ["actions"]) => {
            read::<Action>(call).map(|action| json!({"told": linkedin.notify(&action.post, &action.action)}))
        }
        (&Method::POST, ["settings"]) => read::<Settings>(call).and_then(|settings| {
            set(linkedin, &settings);
            done
        }),
        (&Method::POST, ["webhook"]) => match read::<Hook>(call) {
            Ok(hook) => challenge(linkedin, hook.url).await,
            Err(problem) => Err(problem),
        },
        (&Method::POST, ["reset"]) => {
            linkedin.reset();
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

fn set(linkedin: &Linkedin, settings: &Settings) {
    if let Some(seconds) = settings.processing_takes_seconds {
        linkedin.set_processing_takes(SignedDuration::from_secs(seconds));
    }
    if let Some(refuse) = settings.refuse_duplicates {
        linkedin.set_refuse_duplicates(refuse);
    }
    if let Some((app, member)) = settings.quotas {
        linkedin.set_quotas(app, member);
    }
    if settings.fail_next_file {
        linkedin.fail_next_file();
    }
}

/// What the developer portal does before it takes an address.
async fn challenge(linkedin: &Linkedin, url: String) -> Result<Value, String> {
    let code = "890e4665-4dfe-4ab1-b689-ed553bceeed0";
    let mut asked = Url::parse(&url).map_err(|error| error.to_string())?;
    asked.query_pairs_mut().append_pair("challengeCode", code);
    let (status, body) =
        client::call(Method::GET, &asked, &[], String::new()).await.map_err(|error| error.to_string())?;
    let answered: Value = serde_json::from_slice(&body).unwrap_or_default();
    let expected = json!({
        "challengeCode": code, "challengeResponse": signature::hexadecimal(PAGE_APP.secret, code.as_bytes()),
    });
    if status != 200 || answered != expected {
        return Err(format!("the challenge was answered with {status} and not with the secret"));
    }
    linkedin.set_hook(Some(url));
    Ok(json!({"success": true}))
}
