//! Whose grant it is: one login is one account, which is its own and only destination.

use http::Method;
use serde_json::Value;

use super::{api, sign};
use crate::connector::{
    Act, Answer, ConnectorError, Destination, Flow, Health, Refusal, Request, Step, TokenSet, settings::TiktokSettings,
};

const DIRECT: &str = "video.publish";
const DRAFT: &str = "video.upload";

/// Asks who it is. A field outside of the granted scopes would fail the whole call.
pub(super) fn request(settings: &TiktokSettings, scopes: &[String]) -> Request {
    let has_profile = scopes.iter().any(|scope| scope == "user.info.profile");
    let fields = if has_profile { "open_id,display_name,username" } else { "open_id,display_name" };
    api::get(settings, &["v2", "user", "info"], fields)
}

/// Reads the answer. Without `scopes`, what may be done there is not known.
pub(super) fn read(answer: &Answer, scopes: Option<&[String]>) -> Result<Destination, ConnectorError> {
    let data = api::read(answer)?;
    let user = data.get("user").ok_or(ConnectorError::Unreadable { what: "`user`" })?;
    let id = api::id(user.get("open_id")).ok_or(ConnectorError::Unreadable { what: "an `open_id`" })?;
    let name = api::name(user.get("display_name")).or_else(|| api::name(user.get("username")));
    let may_post = scopes.is_none_or(|scopes| scopes.iter().any(|scope| scope == DIRECT || scope == DRAFT));
    let text = "Posting at this account was not granted: connect it again and allow it.";
    let refusal = (!may_post).then(|| Refusal::ours("tiktok.account.not_granted", Act::EndUser, text));
    Ok(Destination { name: name.unwrap_or_else(|| id.clone()), id, refusal, token: None })
}

/// The destinations of a grant.
pub(super) struct AccountsFlow(Option<Request>);

impl AccountsFlow {
    pub(super) fn new(settings: &TiktokSettings) -> Self {
        Self(Some(request(settings, &[])))
    }
}

impl Flow<Vec<Destination>> for AccountsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Vec<Destination>>, ConnectorError> {
        match self.0.take() {
            Some(request) => Ok(Step::Call(request)),
            None => read(api::expect(answer)?, None).map(|destination| Step::Done(vec![destination])),
        }
    }
}

/// Asks whether a grant still works: who it is, and whether it may still post.
pub(super) struct HealthFlow {
    tokens: TokenSet,
    asked: Vec<Asked>,
    next: Option<Request>,
    creator: Option<Request>,
}

enum Asked {
    Who,
    Creator,
}

impl HealthFlow {
    pub(super) fn new(settings: &TiktokSettings, tokens: &TokenSet, needed: &[String]) -> Self {
        let signed = |request| sign::signed(request, &tokens.access);
        let creator = needed.iter().any(|scope| scope == DIRECT).then(|| {
            let path = ["v2", "post", "publish", "creator_info", "query"];
            signed(Request::new(Method::POST, api::url(&settings.api_url, &path)))
        });
        Self { tokens: tokens.clone(), asked: Vec::new(), next: Some(signed(request(settings, &[]))), creator }
    }

    fn healthy(&self, missing_scopes: Vec<String>) -> Step<Health> {
        Step::Done(Health {
            access_expires_at: self.tokens.access_expires_at,
            data_access_expires_at: self.tokens.data_access_expires_at,
            missing_scopes,
        })
    }
}

impl Flow<Health> for HealthFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        if let Some(request) = self.next.take() {
            self.asked.push(Asked::Who);
            return Ok(Step::Call(request));
        }
        let answer = api::expect(answer)?;
        match self.asked.pop() {
            Some(Asked::Who) => {
                read(answer, None)?;
                match self.creator.take() {
                    None => Ok(self.healthy(Vec::new())),
                    Some(request) => {
                        self.asked.push(Asked::Creator);
                        Ok(Step::Call(request))
                    }
                }
            }
            Some(Asked::Creator) => match api::read(answer) {
                Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "tiktok.permission.missing" => {
                    Ok(self.healthy(vec![DIRECT.into()]))
                }
                Err(error @ (ConnectorError::Unauthorized(_) | ConnectorError::Operator(_))) => Err(error),
                // A ban, a cap, a full minute: the connection is there.
                Ok(_)
                | Err(
                    ConnectorError::RateLimited { .. }
                    | ConnectorError::Unavailable(_)
                    | ConnectorError::Transient(_)
                    | ConnectorError::Rejected(_)
                    | ConnectorError::Ambiguous(_)
                    | ConnectorError::Unreadable { .. }
                    | ConnectorError::Unsupported { .. },
                ) => Ok(self.healthy(Vec::new())),
            },
            None => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

/// The videos that a call asks for, with what is told of them.
pub(super) fn videos(data: &Value) -> Result<&[Value], ConnectorError> {
    let list = data.get("videos").and_then(Value::as_array);
    list.map(Vec::as_slice).ok_or(ConnectorError::Unreadable { what: "a list `videos`" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::testing::*, *};
    use crate::connector::compliance::instance::tokens;

    #[test]
    fn a_lost_permission_to_post_is_told_and_a_ban_is_no_end() {
        for (code, missing) in
            [("scope_not_authorized", vec!["video.publish".to_owned()]), ("spam_risk_too_many_posts", vec![])]
        {
            let mut flow = HealthFlow::new(&TiktokSettings::default(), &tokens("act.1"), &["video.publish".into()]);
            called(flow.advance(None));
            called(flow.advance(Some(&ok(&json!({"user": {"open_id": "-1"}})))));
            let health = done(flow.advance(Some(&refused(200, code))));
            assert_eq!(health.missing_scopes, missing, "{code}");
        }
    }

    #[test]
    fn an_account_where_nothing_may_be_posted_says_so() {
        let answer = ok(&json!({"user": {"open_id": "-1", "display_name": "Ada"}}));
        let read = |scopes: &[String]| super::read(&answer, Some(scopes)).unwrap().refusal.map(|refusal| refusal.code);
        assert_eq!(read(&["video.list".into()]).as_deref(), Some("tiktok.account.not_granted"));
        assert_eq!(read(&["video.upload".into()]), None);
    }
}
