//! Access tokens: whose they are, how long they live, what kills them, what they may do.

use super::error::GraphError;
use super::graph::UPLOADS;
use super::world::World;
use crate::call::Call;
use crate::signature;
use crate::{APP_ID, APP_SECRET};
use jiff::{SignedDuration, Timestamp};

/// Short user tokens live one to two hours.
pub(crate) const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Long user tokens live about sixty days.
pub(crate) const LONG_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// A login opens the data for ninety days.
pub(crate) const DATA_ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A code waits that long for its exchange.
pub(crate) const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// What every token begins with.
pub(crate) const TOKEN_WORD: &str = "EAAP";
/// What every authorization code begins with.
pub(crate) const CODE_WORD: &str = "AQ";

/// An authorization code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) user: String,
    pub(crate) redirect_uri: String,
    pub(crate) issued: Timestamp,
    pub(crate) used: bool,
}

/// An issued token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) user: String,
    /// The Page it speaks for; `None`: for the user.
    pub(crate) page: Option<String>,
    pub(crate) issued: Timestamp,
    /// `None`: never.
    pub(crate) expires: Option<Timestamp>,
    /// The subcode with which it was killed.
    pub(crate) killed: Option<i64>,
    /// The user token it came from.
    pub(crate) parent: Option<String>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The app itself, by id and secret.
    App,
    /// A person.
    User { user: String, token: String },
    /// A Page, on behalf of a person.
    Page { page: String, user: String },
}

impl Caller {
    /// The user behind the token.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::App => None,
            Self::User { user, .. } | Self::Page { user, .. } => Some(user),
        }
    }
}

impl World {
    /// Who makes `call`, provided the token works now.
    pub(crate) fn caller(&self, call: &Call, now: Timestamp) -> Result<Caller, GraphError> {
        let text = call
            .token()
            .ok_or_else(|| GraphError::new(104, "An access token is required to request this resource."))?;
        self.check_proof(call, &text)?;
        if is_app_token(&text) {
            return Ok(Caller::App);
        }
        let token = self.tokens.get(&text).ok_or_else(GraphError::unparsable_token)?;
        if let Some(error) = self.fatal(token, now) {
            return Err(error);
        }
        Ok(match &token.page {
            Some(page) => Caller::Page { page: page.clone(), user: token.user.clone() },
            None => Caller::User { user: token.user.clone(), token: text },
        })
    }

    fn check_proof(&self, call: &Call, token: &str) -> Result<(), GraphError> {
        let refusal = |message: &str| GraphError { kind: "GraphMethodException", ..GraphError::new(100, message) };
        match call.params.text("appsecret_proof") {
            Some(proof) if signature::equal(&proof, &signature::hexadecimal(APP_SECRET, token.as_bytes())) => Ok(()),
            Some(_) => Err(refusal("Invalid appsecret_proof provided in the API argument")),
            // Where files go, none is documented.
            None if call.segments().first() == Some(&UPLOADS) => Ok(()),
            None if self.settings.require_proof && !is_app_token(token) => {
                Err(refusal("API calls from the server require an appsecret_proof argument"))
            }
            None => Ok(()),
        }
    }

    /// Why a token is dead, if it is.
    pub(crate) fn fatal(&self, token: &Token, now: Timestamp) -> Option<GraphError> {
        if let Some(subcode) = token.killed {
            return Some(GraphError::dead_token(subcode));
        }
        if token.expires.is_some_and(|expires| expires <= now) {
            return Some(GraphError::dead_token(463));
        }
        if !self.grants.contains_key(&token.user) {
            return Some(GraphError::dead_token(458));
        }
        let page = token.page.as_deref()?;
        let has_role = self.users.get(&token.user).is_some_and(|user| user.roles.contains_key(page));
        (!has_role).then(|| GraphError::dead_token(492))
    }

    /// Issues a user token.
    pub(crate) fn issue_user_token(&mut self, user: &str, life: SignedDuration, now: Timestamp) -> String {
        let text = self.ids.opaque(TOKEN_WORD, 96);
        let token = Token {
            user: user.to_owned(),
            page: None,
            issued: now,
            expires: now.checked_add(life).ok(),
            killed: None,
            parent: None,
        };
        self.tokens.insert(text.clone(), token);
        text
    }

    /// The Page token that belongs to a user token: without an expiry date when that one is long-lived.
    pub(crate) fn page_token(&mut self, user_token: &str, page: &str, now: Timestamp) -> Option<String> {
        let known = self.tokens.iter().find(|(_, token)| {
            token.parent.as_deref() == Some(user_token) && token.page.as_deref() == Some(page) && token.killed.is_none()
        });
        if let Some((text, _)) = known {
            return Some(text.clone());
        }
        let parent = self.tokens.get(user_token)?.clone();
        let long = parent.expires.is_none_or(|expires| expires.duration_since(parent.issued) > SHORT_LIFE * 2);
        let token = Token {
            page: Some(page.to_owned()),
            issued: now,
            expires: if long { None } else { parent.expires },
            parent: Some(user_token.to_owned()),
            ..parent
        };
        let text = self.ids.opaque(TOKEN_WORD, 112);
        self.tokens.insert(text.clone(), token);
        Some(text)
    }

    /// Insists on a login that is young enough for data to be read.
    pub(crate) fn readable(&self, user: &str, now: Timestamp) -> Result<(), GraphError> {
        let last_login = self.grants.get(user).map(|grant| grant.last_login);
        if last_login.is_some_and(|login| now.duration_since(login) >= DATA_ACCESS_LIFE) {
            let message = "The user's data access has expired; the user must log in to the app again";
            return Err(GraphError::permission(10, message));
        }
        Ok(())
    }

    /// Insists on a token of this Page.
    pub(crate) fn as_page(&self, caller: &Caller, page: &str, method: &str) -> Result<String, GraphError> {
        match caller {
            Caller::Page { page: own, user } if own == page => Ok(user.clone()),
            Caller::Page { .. } => Err(GraphError::missing(method, page)),
            Caller::User { user, .. } => {
                let knows = self.users.get(user).is_some_and(|user| user.roles.contains_key(page));
                if knows {
                    let message = "A page access token is required to request this resource.";
                    Err(GraphError::permission(210, message))
                } else {
                    Err(GraphError::missing(method, page))
                }
            }
            Caller::App => {
                Err(GraphError::permission(210, "A page access token is required to request this resource."))
            }
        }
    }

    /// Insists on a permission for this Page.
    pub(crate) fn allowed(&self, user: &str, page: &str, scope: &str) -> Result<(), GraphError> {
        let grant = self.grants.get(user).ok_or_else(|| GraphError::dead_token(458))?;
        if grant.scopes.contains(scope) && grant.pages.contains(page) {
            return Ok(());
        }
        Err(missing_scope(scope))
    }

    /// Insists on a task of the user at the Page.
    pub(crate) fn tasked(&self, user: &str, page: &str, task: &str) -> Result<(), GraphError> {
        let tasks = self.users.get(user).and_then(|user| user.roles.get(page));
        if tasks.is_some_and(|tasks| tasks.contains(&task)) {
            return Ok(());
        }
        let message = format!(
            "The user does not have sufficient administrative permission on the Page: the {task} task is required"
        );
        Err(GraphError::permission(200, &message))
    }
}

fn missing_scope(scope: &str) -> GraphError {
    match scope {
        "pages_read_engagement" => {
            GraphError::permission(283, "Requires pages_read_engagement permission to manage the object")
        }
        "read_insights" | "pages_read_user_content" => {
            GraphError::permission(10, &format!("This endpoint requires the '{scope}' permission"))
        }
        _ => GraphError::permission(200, &format!("Requires {scope} permission to manage the object")),
    }
}

/// Whether `text` is the app's own token, `id|secret`.
pub(crate) fn is_app_token(text: &str) -> bool {
    signature::equal(text, &format!("{APP_ID}|{APP_SECRET}"))
}
