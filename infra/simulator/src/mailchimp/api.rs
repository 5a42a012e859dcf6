//! Which call is which.

use super::error::ApiError;
use super::fields::selected;
use super::handle::Mailchimp;
use super::lists;
use super::world::World;
use crate::call::Call;
use crate::reply::Reply;
use crate::stage::Acted;
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Authorize,
    Token,
    Metadata,
    /// A path of the API, behind its version, and the data centre in front of that.
    Api {
        data_centre: Option<String>,
        path: Vec<String>,
    },
    Nowhere,
}

impl Place {
    pub(crate) fn of(call: &Call) -> Self {
        let own = |path: &[&str]| path.iter().map(|segment| (*segment).to_owned()).collect();
        match call.segments().as_slice() {
            ["oauth2", "authorize"] => Self::Authorize,
            ["oauth2", "token"] => Self::Token,
            ["oauth2", "metadata"] => Self::Metadata,
            ["3.0", rest @ ..] => Self::Api { data_centre: None, path: own(rest) },
            [data_centre, "3.0", rest @ ..] => {
                Self::Api { data_centre: Some((*data_centre).to_owned()), path: own(rest) }
            }
            _ => Self::Nowhere,
        }
    }

    /// What faults call it.
    pub(crate) fn edge(&self) -> &'static str {
        let Self::Api { path, .. } = self else {
            return match self {
                Self::Authorize => "authorize",
                Self::Token => "token",
                Self::Metadata => "metadata",
                Self::Nowhere | Self::Api { .. } => "nowhere",
            };
        };
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => "root",
            ["ping"] => "ping",
            ["lists"] => "lists",
            ["lists", _] => "list",
            ["lists", _, "segments"] => "segments",
            ["lists", _, "webhooks", ..] => "webhooks",
            ["verified-domains"] => "verified-domains",
            ["campaigns"] => "campaigns",
            ["campaigns", _] => "campaign",
            ["campaigns", _, "content"] => "content",
            ["campaigns", _, "send-checklist"] => "send-checklist",
            ["campaigns", _, "actions", "send"] => "send",
            ["campaigns", _, "actions", "test"] => "test",
            ["campaigns", _, "actions", "schedule"] => "schedule",
            ["campaigns", _, "actions", "unschedule"] => "unschedule",
            ["campaigns", _, "actions", "cancel-send"] => "cancel-send",
            ["reports", _] => "report",
            _ => "nowhere",
        }
    }

    /// The audience that it is about, if it tells.
    pub(crate) fn list(&self, world: &World, call: &Call) -> Option<String> {
        let Self::Api { path, .. } = self else { return None };
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["lists", list, ..] => Some((*list).to_owned()),
            ["campaigns", campaign, ..] | ["reports", campaign] => world.campaigns.get(*campaign)?.list.clone(),
            ["campaigns"] => {
                let body = call.json();
                let of_body = body.as_ref().and_then(|body| body.pointer("/recipients/list_id")?.as_str());
                of_body.map(str::to_owned).or_else(|| call.params.text("list_id"))
            }
            _ => None,
        }
    }
}

/// Answers a call.
pub(crate) async fn answer(mailchimp: &Mailchimp, call: &Call, now: Timestamp) -> Result<Acted, ApiError> {
    let (data_centre, path) = match Place::of(call) {
        Place::Authorize => return Ok(Acted::accepted(mailchimp.world().authorize(call, now))),
        Place::Token => {
            let (reply, code) = mailchimp.world().exchange(call, now);
            return Ok(Acted { reply, code: code.map(str::to_owned) });
        }
        Place::Metadata => {
            let metadata = mailchimp.world().metadata(call)?;
            return Ok(Acted::accepted(Reply::json(200, &metadata)));
        }
        Place::Nowhere => return Err(ApiError::missing()),
        Place::Api { data_centre, path } => (data_centre, path),
    };
    let token = call.bearer.clone();
    let caller = mailchimp.world().caller(token.as_deref(), data_centre.as_deref())?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    // The one call in which Mailchimp calls back.
    if let (&Method::POST, ["lists", list, "webhooks"]) = (&call.method, path.as_slice()) {
        let made = mailchimp.make_webhook(&caller, list, call).await?;
        return Ok(Acted::accepted(Reply::json(200, &made)));
    }
    let mut world = mailchimp.world();
    let found = match (&call.method, path.as_slice()) {
        (&Method::GET, []) => Some(lists::root(&caller)),
        (&Method::GET, ["ping"]) => Some(json!({"health_status": "Everything's Chimpy!"})),
        (&Method::GET, ["lists"]) => Some(world.list_audiences(&caller, call)?),
        (&Method::GET, ["lists", list]) => Some(world.read_audience(&caller, list)?),
        (&Method::GET, ["lists", list, "segments"]) => Some(world.list_segments(&caller, list, call)?),
        (&Method::GET, ["lists", list, "webhooks"]) => Some(world.list_webhooks(&caller, list)?),
        (&Method::DELETE, ["lists", list, "webhooks", hook]) => {
            world.delete_webhook(&caller, list, hook)?;
            None
        }
        (&Method::GET, ["verified-domains"]) => Some(lists::verified_domains(&caller)),
        (&Method::GET, ["campaigns"]) => Some(world.list_campaigns(&caller, call)?),
        (&Method::POST, ["campaigns"]) => Some(world.create_campaign(&caller, call, now)?),
        (&Method::GET, ["campaigns", id]) => {
            let campaign = world.campaign(&caller, id)?;
            Some(world.campaign_object(campaign))
        }
        (&Method::PATCH, ["campaigns", id]) => Some(world.edit_campaign(&caller, id, call)?),
        (&Method::DELETE, ["campaigns", id]) => {
            world.delete_campaign(&caller, id)?;
            None
        }
        (&Method::GET, ["campaigns", id, "content"]) => Some(world.read_content(&caller, id)?),
        (&Method::PUT, ["campaigns", id, "content"]) => Some(world.put_content(&caller, id, call)?),
        (&Method::GET, ["campaigns", id, "send-checklist"]) => Some(world.checklist(&caller, id)?),
        (&Method::POST, ["campaigns", id, "actions", action]) => {
            world.act_on_campaign(&caller, (id, action), call, now)?;
            None
        }
        (&Method::GET, ["reports", id]) => Some(world.report(&caller, id, now)?),
        (_, ["ping" | "lists" | "campaigns"] | ["lists" | "campaigns" | "reports", _]) => {
            return Err(ApiError::method("The requested method and resource are not compatible."));
        }
        _ => return Err(ApiError::missing()),
    };
    drop(world);
    Ok(Acted::accepted(answered(call, found)))
}

fn answered(call: &Call, found: Option<Value>) -> Reply {
    match found {
        Some(value) => Reply::json(200, &selected(call, value)),
        None => Reply::empty(204),
    }
}
