//! Everything the simulated Mailchimp knows: accounts, people, audiences, campaigns, grants, webhooks.

use super::error::ApiError;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::log::Log;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An account, which lives in one data centre.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) data_centre: String,
    /// Whether its plan allows to stop what is being sent.
    pub(crate) is_premium: bool,
    pub(crate) verified_domains: Vec<&'static str>,
    /// Templates with the areas that can be filled.
    pub(crate) templates: BTreeMap<u64, Vec<&'static str>>,
}

/// A person, who has a role in one account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) account: &'static str,
    pub(crate) role: String,
    pub(crate) is_disabled: bool,
}

/// An audience.
#[derive(Clone, Debug)]
pub(crate) struct Audience {
    pub(crate) id: &'static str,
    pub(crate) web_id: u64,
    pub(crate) account: &'static str,
    pub(crate) name: &'static str,
    pub(crate) members: u64,
    pub(crate) from_name: &'static str,
    pub(crate) from_email: &'static str,
    /// Saved segments, with how many members each has.
    pub(crate) segments: BTreeMap<u64, u64>,
}

/// Where a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Save,
    Schedule(Timestamp),
    /// Since then.
    Sending(Timestamp),
    Sent(Timestamp),
    Canceled(Timestamp),
}

impl Status {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Save => "save",
            Self::Schedule(_) => "schedule",
            Self::Sending(_) => "sending",
            Self::Sent(_) => "sent",
            Self::Canceled(_) => "canceled",
        }
    }
}

/// What a campaign says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) html: Option<String>,
    pub(crate) plain_text: Option<String>,
    pub(crate) template: Option<u64>,
}

/// A campaign.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub(crate) id: String,
    pub(crate) web_id: u64,
    pub(crate) kind: String,
    pub(crate) list: Option<String>,
    pub(crate) recipients: Value,
    pub(crate) settings: Map<String, Value>,
    pub(crate) tracking: Value,
    pub(crate) variate_settings: Option<Value>,
    pub(crate) content: Option<Content>,
    pub(crate) status: Status,
    pub(crate) created: Timestamp,
    pub(crate) recipient_count: u64,
    pub(crate) emails_sent: u64,
    /// Test mails: to whom, and of which kind.
    pub(crate) tests: Vec<(Vec<String>, String)>,
    /// Made or sent through the API, and not by hand.
    pub(crate) by_api: bool,
}

impl Campaign {
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// A grant.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) person: String,
    pub(crate) is_dead: bool,
}

/// An authorization code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) person: String,
    pub(crate) redirect_uri: String,
    pub(crate) issued: Timestamp,
    pub(crate) used: bool,
}

/// A webhook of an audience.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) list: String,
    pub(crate) url: String,
    pub(crate) events: BTreeMap<String, bool>,
    pub(crate) sources: BTreeMap<String, bool>,
    pub(crate) signing_secret: Option<String>,
    pub(crate) is_disabled: bool,
}

/// The whole state.
pub(crate) struct World {
    /// Where the simulated Mailchimp can be reached.
    pub(crate) base: String,
    pub(crate) ids: Ids,
    pub(crate) accounts: BTreeMap<&'static str, Account>,
    pub(crate) people: BTreeMap<&'static str, Person>,
    pub(crate) audiences: BTreeMap<&'static str, Audience>,
    pub(crate) campaigns: BTreeMap<String, Campaign>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    /// How long a campaign takes to be sent.
    pub(crate) sending_takes: SignedDuration,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) person: Person,
    pub(crate) account: Account,
}

impl Caller {
    /// Whether the role may do more than look.
    pub(crate) fn may_write(&self) -> Result<(), ApiError> {
        if self.person.role == "viewer" {
            return Err(ApiError::forbidden("You do not have permission to access the requested operation."));
        }
        Ok(())
    }

    /// Whether the role may send.
    pub(crate) fn may_send(&self) -> Result<(), ApiError> {
        if self.person.role == "author" {
            return Err(ApiError::forbidden("You do not have permission to access the requested operation."));
        }
        self.may_write()
    }
}

impl World {
    /// Who makes a call with this token at this data centre.
    pub(crate) fn caller(&self, token: Option<&str>, data_centre: Option<&str>) -> Result<Caller, ApiError> {
        let token = token.filter(|token| !token.is_empty()).ok_or_else(ApiError::key_missing)?;
        let token = self.tokens.get(token).filter(|token| !token.is_dead).ok_or_else(ApiError::key_invalid)?;
        let person = self.people.get(token.person.as_str()).cloned().ok_or_else(ApiError::key_invalid)?;
        let account = self.accounts.get(person.account).cloned().ok_or_else(ApiError::key_invalid)?;
        if data_centre.is_some_and(|asked| asked != account.data_centre) {
            return Err(ApiError::key_invalid());
        }
        if person.is_disabled {
            return Err(ApiError::new(403, "User Disabled", "This account has been deactivated."));
        }
        Ok(Caller { person, account })
    }

    /// Issues a token for a person.
    pub(crate) fn issue_token(&mut self, person: &str) -> String {
        let token = self.ids.opaque("", 32).to_ascii_lowercase();
        self.tokens.insert(token.clone(), Token { person: person.to_owned(), is_dead: false });
        token
    }

    /// An audience of the caller's account.
    pub(crate) fn audience(&self, caller: &Caller, id: &str) -> Option<&Audience> {
        self.audiences.get(id).filter(|audience| audience.account == caller.account.id)
    }

    /// A campaign of the caller's account.
    pub(crate) fn campaign(&self, caller: &Caller, id: &str) -> Result<&Campaign, ApiError> {
        let campaign = self.campaigns.get(id).ok_or_else(ApiError::missing)?;
        let is_own = campaign.list.as_deref().is_none_or(|list| self.audience(caller, list).is_some());
        if is_own { Ok(campaign) } else { Err(ApiError::missing()) }
    }

    /// Ten hexadecimal digits.
    pub(crate) fn new_id(&mut self) -> String {
        let number = self.ids.object();
        let text = self.ids.opaque("", 16);
        let hexadecimal = data_encoding::HEXLOWER.encode(text.as_bytes());
        format!("{}{number:03x}", hexadecimal.chars().skip(10).take(7).collect::<String>())
    }

    /// Lets happen what is due: scheduled campaigns begin, those that are being sent go on.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let mut finished = Vec::new();
        let takes = self.sending_takes;
        for campaign in self.campaigns.values_mut() {
            if let Status::Schedule(at) = campaign.status
                && at <= now
            {
                campaign.status = Status::Sending(at);
            }
            let Status::Sending(since) = campaign.status else { continue };
            let done = now.duration_since(since);
            if done >= takes {
                campaign.emails_sent = campaign.recipient_count;
                campaign.status = Status::Sent(since.saturating_add(takes).unwrap_or(since));
                finished.push(campaign.id.clone());
            } else {
                let (done, takes) = (done.as_secs().unsigned_abs(), takes.as_secs().unsigned_abs().max(1));
                campaign.emails_sent = campaign.recipient_count.saturating_mul(done) / takes;
            }
        }
        for id in finished {
            self.announce_campaign(&id, "sent", now);
        }
    }
}
