//! Where a grant may publish: the member itself, or the Pages at which it has a role.

use std::collections::{BTreeMap, VecDeque};

use http::Method;
use serde_json::Value;

use super::{Profile, api};
use crate::connector::{
    Act, Answer, ConnectorError, Destination, Flow, Refusal, Request, Step, settings::LinkedinSettings,
};

const PAGE_SIZE: usize = 100;
const MOST_PAGES: usize = 50;
/// Each name is a call of its own: there are no batches in the first tier of the API.
const MOST_NAMES: usize = 100;
/// Roles that may publish. The second has two spellings.
const POSTING_ROLES: [&str; 3] = ["ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN"];

/// Reads where a grant may publish, page by page.
pub(super) struct Listing {
    settings: LinkedinSettings,
    profile: Profile,
    start: usize,
    pages: usize,
    who: Option<(String, String)>,
    /// Whether each Page may be published to.
    found: BTreeMap<String, bool>,
    unnamed: Option<VecDeque<String>>,
    names: BTreeMap<String, String>,
}

impl Listing {
    pub(super) fn new(settings: &LinkedinSettings, profile: Profile) -> Self {
        Self {
            settings: settings.clone(),
            profile,
            start: 0,
            pages: 0,
            who: None,
            found: BTreeMap::new(),
            unnamed: None,
            names: BTreeMap::new(),
        }
    }

    pub(super) fn first_call(&self) -> Request {
        match self.profile {
            Profile::Member => {
                let mut url = self.settings.api_url.clone();
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().extend(["v2", "userinfo"]);
                }
                Request::new(Method::GET, url)
            }
            Profile::Page => self.page(),
        }
    }

    fn page(&self) -> Request {
        let query = format!("q=roleAssignee&state=APPROVED&start={}&count={PAGE_SIZE}", self.start);
        api::restli(api::call(&self.settings, Method::GET, "organizationAcls", Some(&query)), "FINDER")
    }

    /// Takes an answer, and says what to ask next.
    ///
    /// # Errors
    /// LinkedIn refused, or its answer cannot be read.
    pub(super) fn take(&mut self, answer: &Answer) -> Result<Option<Request>, ConnectorError> {
        match self.profile {
            Profile::Member => self.take_member(&api::read(answer)?).map(|()| None),
            Profile::Page if self.unnamed.is_some() => self.take_name(answer),
            Profile::Page => self.take_page(&api::read(answer)?),
        }
    }

    fn take_member(&mut self, body: &Value) -> Result<(), ConnectorError> {
        let member = body.get("sub").and_then(Value::as_str).map(|sub| format!("urn:li:person:{sub}"));
        let member = member.filter(|urn| api::id_of(urn, &["person"]).is_some());
        let member = member.ok_or(ConnectorError::Unreadable { what: "a `sub`" })?;
        let name = api::name(body.get("name")).unwrap_or_else(|| member.clone());
        self.names.insert(member.clone(), name.clone());
        self.found.insert(member.clone(), true);
        self.who = Some((member, name));
        Ok(())
    }

    fn take_page(&mut self, body: &Value) -> Result<Option<Request>, ConnectorError> {
        let elements = api::elements(body)?;
        for element in elements {
            let names = ["organization", "organizationTarget", "organizationalTarget"];
            let urn =
                names.into_iter().find_map(|name| api::urn(element.get(name), &["organization", "organizationBrand"]));
            // A role at something that is no organization is none of ours.
            let Some(urn) = urn else { continue };
            let text = |name: &str| element.get(name).and_then(Value::as_str).unwrap_or_default();
            let may = POSTING_ROLES.contains(&text("role")) && text("state") == "APPROVED";
            *self.found.entry(urn).or_default() |= may;
            if let Some(person) = api::urn(element.get("roleAssignee"), &["person"]) {
                self.who.get_or_insert((person.clone(), person));
            }
        }
        self.pages += 1;
        if api::has_next(body) || (body.pointer("/paging/links").is_none() && elements.len() >= PAGE_SIZE) {
            if self.pages >= MOST_PAGES {
                return Err(ConnectorError::Unreadable { what: "an end of the listing" });
            }
            self.start = self.start.saturating_add(elements.len().max(1));
            return Ok(Some(self.page()));
        }
        self.unnamed = Some(self.found.keys().take(MOST_NAMES).cloned().collect());
        Ok(self.next_name())
    }

    fn take_name(&mut self, answer: &Answer) -> Result<Option<Request>, ConnectorError> {
        let asked = self.unnamed.as_mut().and_then(VecDeque::pop_front);
        let asked = asked.ok_or(ConnectorError::Unreadable { what: "no answer after the end" })?;
        match api::read(answer) {
            Ok(body) => {
                if let Some(name) = api::name(body.get("localizedName")) {
                    self.names.insert(asked, name);
                }
            }
            // A role that may not read the Page may still be listed; it goes by its number then.
            Err(ConnectorError::Rejected(_)) => {}
            Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "linkedin.permission.missing" => {}
            Err(error) => return Err(error),
        }
        Ok(self.next_name())
    }

    fn next_name(&self) -> Option<Request> {
        let id = api::id_of(self.unnamed.as_ref()?.front()?, &["organization", "organizationBrand"])?;
        Some(api::call(&self.settings, Method::GET, &format!("organizations/{id}"), None))
    }

    /// Who gave consent, as far as LinkedIn tells.
    pub(super) fn who(&self) -> Option<(String, String)> {
        self.who.clone()
    }

    pub(super) fn finish(self) -> Vec<Destination> {
        let Self { found, names, .. } = self;
        let destination = |(id, may): (String, bool)| Destination {
            name: names.get(&id).cloned().unwrap_or_else(|| id.clone()),
            id,
            refusal: (!may).then(role_missing),
            token: None,
        };
        found.into_iter().map(destination).collect()
    }
}

fn role_missing() -> Refusal {
    let text =
        "This person may not publish for the Page: a super admin of the Page can give the role of a content admin.";
    Refusal::ours("linkedin.page.role_missing", Act::EndUser, text)
}

pub(super) struct AccountsFlow(pub(super) Listing);

impl Flow<Vec<Destination>> for AccountsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Vec<Destination>>, ConnectorError> {
        let Some(answer) = answer else { return Ok(Step::Call(self.0.first_call())) };
        if let Some(request) = self.0.take(answer)? {
            return Ok(Step::Call(request));
        }
        let empty = Listing::new(&self.0.settings, self.0.profile);
        Ok(Step::Done(std::mem::replace(&mut self.0, empty).finish()))
    }
}
