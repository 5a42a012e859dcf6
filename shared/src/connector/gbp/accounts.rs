//! Lists the locations of a login: all accounts, then all locations of each, every page of both.
//!
//! A location may be reached through several accounts. It is listed once, under the first of them in an order that does not
//! depend on Google's, because its account is a part of its name with us.

use std::cmp::Reverse;

use http::Method;
use serde_json::Value;
use url::Url;

use super::api;
use crate::connector::{Act, Answer, ConnectorError, Destination, Flow, Refusal, Request, Step, settings::GbpSettings};

/// All pages of all listings together; a driver makes no more calls than 250.
const MOST_PAGES: usize = 200;
/// Without a mask there is no answer.
const MASK: &str = "name,title,storeCode,storefrontAddress.locality,metadata";

/// A listing under way, whoever signs its calls.
pub(super) struct Listing {
    settings: GbpSettings,
    /// Accounts whose locations are still to be listed: personal or not, and the id.
    accounts: Vec<(bool, String)>,
    stage: Stage,
    found: Vec<Destination>,
    pages: usize,
}

enum Stage {
    Accounts,
    Locations { account: String },
}

impl Listing {
    pub(super) fn new(settings: GbpSettings) -> Self {
        Self { settings, accounts: Vec::new(), stage: Stage::Accounts, found: Vec::new(), pages: 0 }
    }

    pub(super) fn first_page(&self) -> Url {
        let mut url = api::address(&self.settings.accounts_url, &["v1", "accounts"]);
        url.query_pairs_mut().append_pair("pageSize", "20");
        url
    }

    fn locations(&self, account: &str) -> Url {
        let mut url = api::address(&self.settings.locations_url, &["v1", "accounts", account, "locations"]);
        url.query_pairs_mut().append_pair("readMask", MASK).append_pair("pageSize", "100");
        url
    }

    /// Takes in one answer and says where the next page is.
    ///
    /// # Errors
    /// The platform refused, its answer cannot be read, or the listing has no end.
    pub(super) fn take(&mut self, answer: &Answer) -> Result<Option<Url>, ConnectorError> {
        let body = api::read(answer)?;
        self.pages += 1;
        let this = match &self.stage {
            Stage::Accounts => {
                for entry in api::entries(&body, "accounts")? {
                    self.accounts.push(account(entry)?);
                }
                self.first_page()
            }
            Stage::Locations { account } => {
                let account = account.clone();
                for entry in api::entries(&body, "locations")? {
                    self.add(&account, entry)?;
                }
                self.locations(&account)
            }
        };
        let next = match api::next_page(&body)? {
            Some(token) => {
                let mut url = this;
                url.query_pairs_mut().append_pair("pageToken", &token);
                Some(url)
            }
            None => self.next_account(),
        };
        if next.is_some() && self.pages >= MOST_PAGES {
            return Err(ConnectorError::Unreadable { what: "an end to the list of locations" });
        }
        Ok(next)
    }

    fn next_account(&mut self) -> Option<Url> {
        if matches!(self.stage, Stage::Accounts) {
            // Taken from the back: personal accounts first, then the others, each in the order of their ids.
            let order = |(is_personal, id): &(bool, String)| Reverse((!*is_personal, id.len(), id.clone()));
            self.accounts.sort_by_cached_key(order);
            self.accounts.dedup();
        }
        let (_, account) = self.accounts.pop()?;
        let url = self.locations(&account);
        self.stage = Stage::Locations { account };
        Some(url)
    }

    fn add(&mut self, account: &str, entry: &Value) -> Result<(), ConnectorError> {
        let name = entry.get("name").and_then(Value::as_str).and_then(|name| api::ids(name, ["locations"]));
        let location = name.as_deref().and_then(<[&str]>::first);
        let location = location.ok_or(ConnectorError::Unreadable { what: "the name of a location" })?;
        let ending = format!("/locations/{location}");
        if self.found.iter().all(|known| !known.id.ends_with(&ending)) {
            let id = format!("accounts/{account}{ending}");
            let name = title(entry).unwrap_or_else(|| (*location).to_owned());
            self.found.push(Destination { id, name, refusal: refusal(entry), token: None });
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Vec<Destination> {
        std::mem::take(&mut self.found)
    }
}

fn account(entry: &Value) -> Result<(bool, String), ConnectorError> {
    let name = entry.get("name").and_then(Value::as_str).and_then(|name| api::ids(name, ["accounts"]));
    let id = name.as_deref().and_then(<[&str]>::first);
    let id = id.ok_or(ConnectorError::Unreadable { what: "the name of an account" })?;
    Ok((entry.get("type").and_then(Value::as_str) == Some("PERSONAL"), (*id).to_owned()))
}

/// The title, and the town or the store's own code, because chains have many locations of one title.
fn title(entry: &Value) -> Option<String> {
    let title = api::name(entry.get("title"))?;
    let beside = api::name(entry.pointer("/storefrontAddress/locality")).or_else(|| api::name(entry.get("storeCode")));
    Some(match beside {
        Some(beside) => format!("{title} ({beside})"),
        None => title,
    })
}

/// Why nothing can be posted there. Google leaves out what is false; `canOperateLocalPost` says nothing any more.
fn refusal(entry: &Value) -> Option<Refusal> {
    let metadata = entry.get("metadata")?.as_object()?;
    let has_voice = metadata.get("hasVoiceOfMerchant").and_then(Value::as_bool) == Some(true);
    let is_duplicate = metadata.get("duplicateLocation").is_some_and(|of| of.as_str().is_some_and(|of| !of.is_empty()));
    if is_duplicate {
        let text = "Google takes this location for a duplicate of another one: resolve that in the Business Profile.";
        return Some(Refusal::ours("gbp.location.duplicate", Act::EndUser, text));
    }
    let text =
        "The location is not verified, or is suspended: see to that in the Business Profile, then connect again.";
    (!has_voice).then(|| Refusal::ours("gbp.location.not_verified", Act::EndUser, text))
}

/// Lists the locations with calls that the driver signs.
pub(super) struct AccountsFlow(pub(super) Listing);

impl Flow<Vec<Destination>> for AccountsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Vec<Destination>>, ConnectorError> {
        let next = match answer {
            None => Some(self.0.first_page()),
            Some(answer) => self.0.take(answer)?,
        };
        Ok(match next {
            Some(url) => Step::Call(Request::new(Method::GET, url)),
            None => Step::Done(self.0.finish()),
        })
    }
}
