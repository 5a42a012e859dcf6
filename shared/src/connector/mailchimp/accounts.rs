//! Lists the audiences of an account, all pages of the listing.

use http::Method;
use url::Url;

use super::api;
use crate::connector::{
    Act, Answer, ConnectorError, Destination, Flow, Refusal, Request, Step, settings::MailchimpSettings,
};

const MOST_PAGES: usize = 50;
const PAGE: usize = 100;

/// A listing under way, whoever signs its calls.
pub(super) struct Listing {
    settings: MailchimpSettings,
    may_send: bool,
    found: Vec<Destination>,
    pages: usize,
}

impl Listing {
    pub(super) fn new(settings: MailchimpSettings, may_send: bool) -> Self {
        Self { settings, may_send, found: Vec::new(), pages: 0 }
    }

    /// The page that comes next.
    pub(super) fn page(&self) -> Url {
        let mut url = api::address(&self.settings, &["lists"]);
        url.query_pairs_mut()
            .append_pair("count", &PAGE.to_string())
            .append_pair("offset", &(self.pages * PAGE).to_string())
            .append_pair("fields", "lists.id,lists.name,total_items");
        url
    }

    /// Takes in one answer and says where the next page is. The documented total is the end, and an empty page is none.
    ///
    /// # Errors
    /// The platform refused, its answer cannot be read, or the listing has no end.
    pub(super) fn take(&mut self, answer: &Answer) -> Result<Option<Url>, ConnectorError> {
        let body = api::read(answer)?;
        let lists = body.get("lists").and_then(serde_json::Value::as_array);
        let total = body.get("total_items").and_then(serde_json::Value::as_u64);
        let (Some(lists), Some(total)) = (lists, total) else {
            return Err(ConnectorError::Unreadable { what: "a list `lists` and its total" });
        };
        for entry in lists {
            let id = api::id(entry.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of an audience" })?;
            if self.found.iter().all(|known| known.id != id) {
                let name = api::name(entry.get("name")).unwrap_or_else(|| id.clone());
                let refusal = (!self.may_send).then(role_missing);
                self.found.push(Destination { id, name, refusal, token: None });
            }
        }
        self.pages += 1;
        let is_over = u64::try_from(self.pages * PAGE).is_ok_and(|seen| seen >= total);
        if !is_over && self.pages >= MOST_PAGES {
            return Err(ConnectorError::Unreadable { what: "an end to the list of audiences" });
        }
        Ok((!is_over).then(|| self.page()))
    }

    pub(super) fn finish(&mut self) -> Vec<Destination> {
        std::mem::take(&mut self.found)
    }
}

fn role_missing() -> Refusal {
    let text = "The person's role at Mailchimp may not send campaigns: a manager, admin or owner has to connect.";
    Refusal::ours("mailchimp.role.may_not_send", Act::EndUser, text)
}

/// Lists the audiences with calls that the driver signs.
pub(super) struct AccountsFlow(pub(super) Listing);

impl Flow<Vec<Destination>> for AccountsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Vec<Destination>>, ConnectorError> {
        let next = match answer {
            None => Some(self.0.page()),
            Some(answer) => self.0.take(answer)?,
        };
        Ok(match next {
            Some(url) => Step::Call(Request::new(Method::GET, url)),
            None => Step::Done(self.0.finish()),
        })
    }
}
