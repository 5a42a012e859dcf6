//! From a post to a campaign that is sent: look whether it is there, create, fill, check, test, send.
//!
//! Sending is the one call that cannot be repeated. All others can: a draft that nobody sees is found again by the
//! marker in its name. When a publish goes on after an interruption, it never sends before it has looked at the
//! campaign's status.

use http::Method;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{api, campaign, campaign::Status, preflight};
use crate::connector::{
    Act, Answer, Body, Checkpoint, ConnectorError, Effect, Finding, Next, Prepared, Published, Refusal, Request,
    settings::MailchimpSettings,
};

/// How long a campaign that is not ready is given, and how often: right after its content, the check may lag behind.
const NOT_READY_WAIT: SignedDuration = SignedDuration::from_secs(5);
const NOT_READY_LOOKS: u8 = 3;
/// How many of an audience's newest campaigns are looked through.
const NEWEST: &str = "100";
const LISTED: &str = "campaigns.id,campaigns.status,campaigns.settings.title,campaigns.long_archive_url,\
                      campaigns.recipients.list_id,total_items";

/// What comes next, or was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Is the campaign there already?
    Find,
    /// Who sends the audience's mails?
    Sender,
    Create,
    Content,
    Check,
    Test,
    /// Where does the campaign stand?
    Status,
    Send,
}

/// What is remembered between the steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Memory {
    stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<Url>,
    /// How often it was not ready.
    #[serde(default, skip_serializing_if = "is_zero")]
    looks: u8,
    /// How often it was sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    sends: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

/// The campaign that a publish had made, from what it remembered.
pub(super) fn campaign_of(checkpoint: &Checkpoint) -> Option<String> {
    checkpoint.read::<Memory>().ok().flatten()?.campaign
}

/// The next step of a publish.
///
/// # Errors
/// Mailchimp refused, or its answer cannot be read.
pub(super) fn step(
    settings: &MailchimpSettings,
    post: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    let publish = Publish { settings, post };
    let Some(memory) = checkpoint.read()? else {
        if let Some(finding) = preflight::preflight(settings, &post.content, post.options.as_ref()).into_iter().next() {
            return Err(refused_before(&finding));
        }
        return Ok(publish.find());
    };
    match answer {
        Some(answer) => publish.answered(memory, answer),
        None => publish.go_on(memory),
    }
}

struct Publish<'a> {
    settings: &'a MailchimpSettings,
    post: &'a Prepared,
}

impl Publish<'_> {
    /// After an interruption: the answer to the last call, if it was made, is lost.
    fn go_on(&self, memory: Memory) -> Result<Next, ConnectorError> {
        match memory.stage {
            // A draft may have been made: it is looked for, and never made twice for want of looking.
            Stage::Find | Stage::Sender | Stage::Create => Ok(self.find()),
            Stage::Content => self.fill(memory),
            Stage::Check => self.check(memory),
            // A test that may have gone out is not repeated.
            Stage::Test | Stage::Status | Stage::Send => self.look(memory),
        }
    }

    fn answered(&self, memory: Memory, answer: &Answer) -> Result<Next, ConnectorError> {
        match memory.stage {
            Stage::Find => self.found(answer),
            Stage::Sender => Ok(self.create(&sender(&api::read(answer)?))),
            Stage::Create => {
                let body = api::read(answer)?;
                self.fill(Memory { campaign: Some(created(&body)?), url: campaign::archive(&body), ..memory })
            }
            Stage::Content => {
                api::read(answer)?;
                self.check(memory)
            }
            Stage::Check => self.checked(memory, &api::read(answer)?),
            Stage::Test => {
                api::done(answer)?;
                self.send(memory)
            }
            Stage::Status => self.looked(memory, &api::read(answer)?),
            Stage::Send => sent(memory, answer),
        }
    }

    fn find(&self) -> Next {
        let mut url = api::address(self.settings, &["campaigns"]);
        url.query_pairs_mut()
            .append_pair("list_id", &self.post.destination)
            .append_pair("sort_field", "create_time")
            .append_pair("sort_dir", "DESC")
            .append_pair("count", NEWEST)
            .append_pair("fields", LISTED);
        let memory = Memory { stage: Stage::Find, campaign: None, url: None, looks: 0, sends: 0 };
        call(Request::new(Method::GET, url), Effect::Read, &memory)
    }

    /// What is there already is gone on with: it has our marker, so it is this target's.
    fn found(&self, answer: &Answer) -> Result<Next, ConnectorError> {
        let body = api::read(answer)?;
        let Some(known) = newest_tagged(&body, &self.post.marker)? else { return Ok(self.prepare()) };
        let id = api::id(known.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a campaign" })?;
        let memory =
            Memory { stage: Stage::Content, campaign: Some(id), url: campaign::archive(known), looks: 0, sends: 0 };
        match campaign::status(known)? {
            Status::Draft => self.fill(memory),
            Status::Sent => published(memory).map(Next::Done),
            Status::Scheduled | Status::Paused => Err(held_elsewhere()),
        }
    }

    fn prepare(&self) -> Next {
        if !campaign::lacks_sender(&campaign::options(self.post)) {
            return self.create(&campaign::Sender::default());
        }
        let mut url = api::address(self.settings, &["lists", &self.post.destination]);
        url.query_pairs_mut().append_pair("fields", "id,campaign_defaults");
        let memory = Memory { stage: Stage::Sender, campaign: None, url: None, looks: 0, sends: 0 };
        call(Request::new(Method::GET, url), Effect::Read, &memory)
    }

    fn create(&self, sender: &campaign::Sender) -> Next {
        let url = api::address(self.settings, &["campaigns"]);
        let body = Body::Json(campaign::draft(self.post, &campaign::options(self.post), sender));
        let memory = Memory { stage: Stage::Create, campaign: None, url: None, looks: 0, sends: 0 };
        call(Request { body, ..Request::new(Method::POST, url) }, Effect::Stage, &memory)
    }

    fn of_campaign(&self, memory: &Memory, rest: &[&str]) -> Result<Url, ConnectorError> {
        let id =
            memory.campaign.as_deref().ok_or(ConnectorError::Unreadable { what: "the campaign of our checkpoint" })?;
        Ok(api::address(self.settings, &[&["campaigns", id], rest].concat()))
    }

    fn fill(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let url = self.of_campaign(&memory, &["content"])?;
        let body = Body::Json(campaign::content(self.post, &campaign::options(self.post)));
        let memory = Memory { stage: Stage::Content, ..memory };
        Ok(call(Request { body, ..Request::new(Method::PUT, url) }, Effect::Stage, &memory))
    }

    fn check(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let url = self.of_campaign(&memory, &["send-checklist"])?;
        let memory = Memory { stage: Stage::Check, ..memory };
        Ok(call(Request::new(Method::GET, url), Effect::Read, &memory))
    }

    fn checked(&self, memory: Memory, body: &Value) -> Result<Next, ConnectorError> {
        let is_ready = body.get("is_ready").and_then(Value::as_bool);
        match is_ready.ok_or(ConnectorError::Unreadable { what: "`is_ready`" })? {
            true if campaign::options(self.post).test_emails.is_empty() => self.send(memory),
            true => self.test(memory),
            false if memory.looks < NOT_READY_LOOKS => {
                let memory = Memory { looks: memory.looks + 1, ..memory };
                Ok(Next::Wait { delay: NOT_READY_WAIT, checkpoint: Checkpoint::of(&memory) })
            }
            false => Err(not_ready(body)),
        }
    }

    fn test(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let url = self.of_campaign(&memory, &["actions", "test"])?;
        let body = Body::Json(campaign::test(&campaign::options(self.post)));
        let memory = Memory { stage: Stage::Test, ..memory };
        Ok(call(Request { body, ..Request::new(Method::POST, url) }, Effect::Stage, &memory))
    }

    fn look(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let mut url = self.of_campaign(&memory, &[])?;
        url.query_pairs_mut().append_pair("fields", "id,status,long_archive_url");
        let memory = Memory { stage: Stage::Status, ..memory };
        Ok(call(Request::new(Method::GET, url), Effect::Read, &memory))
    }

    fn looked(&self, memory: Memory, body: &Value) -> Result<Next, ConnectorError> {
        match campaign::status(body)? {
            Status::Draft => self.send(memory),
            Status::Sent => published(memory).map(Next::Done),
            Status::Scheduled | Status::Paused => Err(held_elsewhere()),
        }
    }

    fn send(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let url = self.of_campaign(&memory, &["actions", "send"])?;
        let memory = Memory { stage: Stage::Send, sends: memory.sends.saturating_add(1), ..memory };
        Ok(call(Request::new(Method::POST, url), Effect::Publish, &memory))
    }
}

fn call(request: Request, effect: Effect, memory: &Memory) -> Next {
    Next::Call { request, effect, checkpoint: Checkpoint::of(memory) }
}

/// The newest campaign with our marker, in a listing that begins with the newest.
///
/// # Errors
/// There is no list.
pub(super) fn newest_tagged<'a>(body: &'a Value, marker: &str) -> Result<Option<&'a Value>, ConnectorError> {
    let list = body.get("campaigns").and_then(Value::as_array);
    let list = list.ok_or(ConnectorError::Unreadable { what: "a list `campaigns`" })?;
    Ok(list.iter().find(|listed| campaign::is_tagged(listed, marker)))
}

fn sender(list: &Value) -> campaign::Sender {
    let text = |name: &str| {
        let text = list.get("campaign_defaults")?.get(name)?.as_str()?;
        (!text.trim().is_empty()).then(|| text.to_owned())
    };
    campaign::Sender { name: text("from_name"), address: text("from_email") }
}

fn created(body: &Value) -> Result<String, ConnectorError> {
    api::id(body.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a campaign" })
}

/// A refusal of the first sending comes before any effect. One of a later may say that the campaign was sent already.
fn sent(memory: Memory, answer: &Answer) -> Result<Next, ConnectorError> {
    match api::done(answer) {
        Ok(()) => published(memory).map(Next::Done),
        Err(ConnectorError::Rejected(refusal)) if memory.sends > 1 => Err(ConnectorError::Ambiguous(refusal)),
        Err(error) => Err(error),
    }
}

fn published(memory: Memory) -> Result<Published, ConnectorError> {
    let remote_id = memory.campaign.ok_or(ConnectorError::Unreadable { what: "the campaign of our checkpoint" })?;
    Ok(Published { remote_id, url: memory.url })
}

/// What the checklist says is in words for people, and in numbers: these are kept.
fn not_ready(body: &Value) -> ConnectorError {
    let items = body.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_error = |item: &&Value| item.get("type").and_then(Value::as_str) == Some("error");
    let numbers: Vec<String> = items
        .iter()
        .filter(is_error)
        .filter_map(|item| item.get("id")?.as_u64())
        .take(10)
        .map(|id| id.to_string())
        .collect();
    let text = "Mailchimp does not take the campaign for ready to be sent: its checklist at Mailchimp says what is missing. \
                Often the sender's domain is not verified, or the audience or segment is empty.";
    ConnectorError::Rejected(Refusal {
        platform_code: (!numbers.is_empty()).then(|| format!("checklist {}", numbers.join(","))),
        ..Refusal::ours("mailchimp.campaign.not_ready", Act::EndUser, text)
    })
}

/// Somebody set a time for the draft, or paused it. Whether it goes out is theirs to say.
fn held_elsewhere() -> ConnectorError {
    let text = "Somebody has scheduled or paused the campaign at Mailchimp: send it or delete it there.";
    ConnectorError::Rejected(Refusal::ours("mailchimp.campaign.held", Act::EndUser, text))
}

fn refused_before(finding: &Finding) -> ConnectorError {
    ConnectorError::Rejected(Refusal::ours(finding.rule, Act::Caller, &finding.message))
}
