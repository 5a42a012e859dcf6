//! Lists the Pages of a grant, all pages of the listing, and says of each whether postd may publish there.

use serde_json::Value;
use url::Url;

use super::graph;
use crate::connector::{Act, Answer, ConnectorError, Destination, Refusal, meta::listing, settings::FacebookSettings};

const MOST_PAGES: usize = 50;
const TASK: &str = "CREATE_CONTENT";

/// The listing under way.
pub(super) struct Listing {
    settings: FacebookSettings,
    found: Vec<Destination>,
    pages: usize,
}

impl Listing {
    pub(super) fn new(settings: FacebookSettings) -> Self {
        Self { settings, found: Vec::new(), pages: 0 }
    }
}

impl listing::Listing for Listing {
    fn first_page(&self) -> Url {
        let mut url = graph::edge(&self.settings, &["me", "accounts"]);
        url.query_pairs_mut().append_pair("fields", "id,name,access_token,tasks").append_pair("limit", "100");
        url
    }

    fn take(&mut self, answer: &Answer) -> Result<Option<Url>, ConnectorError> {
        let body = graph::read(answer)?;
        for entry in graph::entries(&body)? {
            let id = graph::id(entry.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a Page" })?;
            if self.found.iter().all(|known| known.id != id) {
                self.found.push(destination(id, entry));
            }
        }
        self.pages += 1;
        let next = graph::next_page(&body, &self.settings)?;
        if next.is_some() && self.pages >= MOST_PAGES {
            return Err(ConnectorError::Unreadable { what: "an end to the list of Pages" });
        }
        Ok(next)
    }

    fn finish(&mut self) -> Vec<Destination> {
        std::mem::take(&mut self.found)
    }
}

fn destination(id: String, entry: &Value) -> Destination {
    let token = graph::token(entry.get("access_token"));
    let tasks = entry.get("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let refusal = if !tasks.iter().any(|task| task.as_str() == Some(TASK)) {
        let message = "The person may not create content on this Page: a Page admin has to grant that task.";
        Some(refusal("facebook.page.task_missing", message))
    } else if token.is_none() {
        Some(refusal("facebook.page.token_missing", "Facebook gave no access to this Page; connect again and tick it."))
    } else {
        None
    };
    let name = graph::name(entry.get("name")).unwrap_or_else(|| id.clone());
    Destination { id, name, refusal, token }
}

/// A reason why a Page cannot be published to, for its owner.
pub(super) fn refusal(code: &str, message: &str) -> Refusal {
    Refusal { code: code.into(), message: message.into(), platform_code: None, trace_id: None, act: Act::EndUser }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::testing::*, *};
    use crate::connector::{Flow as _, meta::listing::AccountsFlow};

    fn flow() -> AccountsFlow<Listing> {
        AccountsFlow(Listing::new(FacebookSettings::default()))
    }

    fn page(id: &str, tasks: &[&str]) -> Value {
        json!({"id": id, "name": format!("Page {id}"), "access_token": format!("EAAP{id}"), "tasks": tasks})
    }

    #[test]
    fn every_page_of_the_listing_is_read_even_after_an_empty_one() {
        let mut flow = flow();
        let request = called(flow.advance(None));
        let expected = "https://graph.facebook.com/v26.0/me/accounts?fields=id%2Cname%2Caccess_token%2Ctasks&limit=100";
        assert_eq!(request.url.as_str(), expected);
        let next = "https://graph.facebook.com/v26.0/218471/accounts?after=QVF";
        let first = json!({"data": [page("1", &["CREATE_CONTENT"])], "paging": {"next": next}});
        assert_eq!(called(flow.advance(Some(&ok(&first)))).url.as_str(), next);
        let empty = json!({"data": [], "paging": {"next": next}});
        called(flow.advance(Some(&ok(&empty))));
        let last = json!({"data": [page("1", &["CREATE_CONTENT"]), page("2", &["MODERATE"])]});
        let found = done(flow.advance(Some(&ok(&last))));
        assert_eq!(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(found[0].token.as_ref().unwrap().expose(), "EAAP1");
        assert!(found[0].refusal.is_none());
    }

    #[test]
    fn a_page_without_the_task_or_the_token_is_listed_and_refused() {
        let mut flow = flow();
        called(flow.advance(None));
        let body = json!({"data": [
            page("1", &["MODERATE", "ANALYZE"]),
            {"id": "2", "name": "No tasks", "access_token": "EAAP"},
            {"id": "3", "tasks": ["CREATE_CONTENT"]},
        ]});
        let found = done(flow.advance(Some(&ok(&body))));
        let codes: Vec<_> = found.iter().map(|found| found.refusal.as_ref().unwrap().code.as_str()).collect();
        let expected = ["facebook.page.task_missing", "facebook.page.task_missing", "facebook.page.token_missing"];
        assert_eq!(codes, expected);
        assert_eq!(found[2].name, "3");
    }

    #[test]
    fn f44_a_listing_without_end_is_given_up() {
        let mut flow = flow();
        called(flow.advance(None));
        let body = ok(&json!({"data": [], "paging": {"next": "https://graph.facebook.com/v26.0/1/accounts"}}));
        let calls = (0..1000).take_while(|_| flow.advance(Some(&body)).is_ok()).count();
        assert_eq!(calls, MOST_PAGES - 1);
    }

    #[test]
    fn no_ticked_page_is_an_empty_list_and_no_error() {
        let mut flow = flow();
        called(flow.advance(None));
        assert!(done(flow.advance(Some(&ok(&json!({"data": []}))))).is_empty());
    }
}
