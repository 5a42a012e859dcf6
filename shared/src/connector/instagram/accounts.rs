//! Which accounts a grant reaches, and whether postd may publish there: through Facebook those that are linked to the Pages
//! of a person, through Instagram the one that logged in.

use http::Method;
use serde_json::Value;
use url::Url;

use super::graph;
use crate::{
    connector::{
        Act, Answer, ConnectorError, Destination, Flow, Health, Refusal, Request, Step, TokenSet,
        meta::{listing, sign},
        settings::{InstagramSettings, instagram::InstagramLogin},
    },
    secret::AccessToken,
};

const MOST_PAGES: usize = 50;
const TASK: &str = "CREATE_CONTENT";
const LINKED: &str = "id,name,access_token,tasks,instagram_business_account{id,username,name}";
const MYSELF: &str = "id,user_id,username,name,account_type";

/// The listing under way.
pub(super) struct Listing {
    settings: InstagramSettings,
    found: Vec<Destination>,
    pages: usize,
}

impl Listing {
    pub(super) fn new(settings: InstagramSettings) -> Self {
        Self { settings, found: Vec::new(), pages: 0 }
    }

    fn take_pages(&mut self, answer: &Answer) -> Result<Option<Url>, ConnectorError> {
        let body = graph::read(answer)?;
        for page in graph::entries(&body)? {
            // A Page without one has no account, or a personal one.
            let Some(account) = page.get("instagram_business_account") else { continue };
            let what = "the id of an Instagram account";
            let id = graph::id(account.get("id")).ok_or(ConnectorError::Unreadable { what })?;
            if self.found.iter().all(|known| known.id != id) {
                self.found.push(linked(id, account, page));
            }
        }
        self.pages += 1;
        let next = graph::next_page(&body, &self.settings)?;
        if next.is_some() && self.pages >= MOST_PAGES {
            return Err(ConnectorError::Unreadable { what: "an end to the list of Pages" });
        }
        Ok(next)
    }
}

impl listing::Listing for Listing {
    fn first_page(&self) -> Url {
        match self.settings.login {
            InstagramLogin::Facebook => {
                let mut url = graph::fields(&self.settings, &["me", "accounts"], LINKED);
                url.query_pairs_mut().append_pair("limit", "100");
                url
            }
            InstagramLogin::Instagram => myself(&self.settings),
        }
    }

    fn take(&mut self, answer: &Answer) -> Result<Option<Url>, ConnectorError> {
        match self.settings.login {
            InstagramLogin::Facebook => self.take_pages(answer),
            InstagramLogin::Instagram => {
                let about = Myself::read(answer)?;
                self.found = vec![about.destination()];
                Ok(None)
            }
        }
    }

    fn finish(&mut self) -> Vec<Destination> {
        std::mem::take(&mut self.found)
    }
}

fn linked(id: String, account: &Value, page: &Value) -> Destination {
    let token = graph::token(page.get("access_token"));
    let tasks = page.get("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let refusal = if !tasks.iter().any(|task| task.as_str() == Some(TASK)) {
        let message = "The person may not create content on the linked Page: a Page admin has to grant that task.";
        Some(refusal("instagram.page.task_missing", message))
    } else if token.is_none() {
        let message = "Meta gave no access to the linked Page; connect again and tick it.";
        Some(refusal("instagram.page.token_missing", message))
    } else {
        None
    };
    let name = graph::name(account.get("username")).or_else(|| graph::name(account.get("name")));
    Destination { name: name.unwrap_or_else(|| id.clone()), id, refusal, token }
}

/// Where an account asks about itself.
pub(super) fn myself(settings: &InstagramSettings) -> Url {
    graph::fields(settings, &["me"], MYSELF)
}

/// The account that logged in with Instagram.
#[derive(Debug)]
pub(super) struct Myself {
    /// What calls are made with.
    id: String,
    /// What webhooks and signed requests name it by.
    pub(super) user_id: String,
    pub(super) name: String,
    is_professional: bool,
}

impl Myself {
    pub(super) fn read(answer: &Answer) -> Result<Self, ConnectorError> {
        let body = graph::read(answer)?;
        let user_id = graph::id(body.get("user_id"));
        let id = graph::id(body.get("id")).or_else(|| user_id.clone());
        let id = id.ok_or(ConnectorError::Unreadable { what: "the id of the account" })?;
        let kind = body.get("account_type").and_then(Value::as_str);
        Ok(Self {
            user_id: user_id.unwrap_or_else(|| id.clone()),
            name: graph::name(body.get("username")).unwrap_or_else(|| id.clone()),
            // Where the kind is not told, the first publish will tell.
            is_professional: kind.is_none_or(|kind| matches!(kind, "BUSINESS" | "MEDIA_CREATOR" | "CREATOR")),
            id,
        })
    }

    pub(super) fn destination(&self) -> Destination {
        let message = "Only professional accounts can be published to: switch the account in Instagram's settings.";
        let refusal = (!self.is_professional).then(|| refusal("instagram.account.not_professional", message));
        Destination { id: self.id.clone(), name: self.name.clone(), refusal, token: None }
    }
}

/// A reason why an account cannot be published to, for its owner.
pub(super) fn refusal(code: &str, message: &str) -> Refusal {
    Refusal::ours(code, Act::EndUser, message)
}

/// Asks with a token of Instagram Login for its own account: whether it works is all that can be learnt.
pub(super) struct AliveFlow {
    request: Option<Request>,
    access_expires_at: Option<jiff::Timestamp>,
}

impl AliveFlow {
    pub(super) fn new(settings: &InstagramSettings, tokens: &TokenSet) -> Self {
        let request = Some(with_token(Request::new(Method::GET, myself(settings)), &tokens.access));
        Self { request, access_expires_at: tokens.access_expires_at }
    }
}

impl Flow<Health> for AliveFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        if let Some(request) = self.request.take() {
            return Ok(Step::Call(request));
        }
        Myself::read(graph::expect(answer)?)?;
        Ok(Step::Done(Health {
            access_expires_at: self.access_expires_at,
            data_access_expires_at: None,
            missing_scopes: Vec::new(),
        }))
    }
}

/// A call of Instagram Login with its own token.
pub(super) fn with_token(mut request: Request, token: &AccessToken) -> Request {
    sign::bearer(&mut request, token.expose());
    request.authentication = crate::connector::Authentication::Complete;
    request
}
