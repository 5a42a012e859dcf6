//! What is done to a grant or a post afterwards: give the grant back, take a post down.

use http::Method;

use super::graph;
use crate::connector::{Answer, ConnectorError, Flow, Request, Step, settings::FacebookSettings};

/// One call whose answer is `{"success": true}`.
pub(super) struct OneCall {
    request: Option<Request>,
    read: fn(&Answer) -> Result<(), ConnectorError>,
}

impl Flow<()> for OneCall {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        match self.request.take() {
            Some(request) => Ok(Step::Call(request)),
            None => (self.read)(graph::expect(answer)?).map(Step::Done),
        }
    }
}

/// Takes every permission of the app back: `DELETE /{person}/permissions`.
pub(super) fn revoke(settings: &FacebookSettings, account: &str) -> OneCall {
    let url = graph::edge(settings, &[account, "permissions"]);
    OneCall { request: Some(Request::new(Method::DELETE, url)), read: |answer| graph::succeeded(&graph::read(answer)?) }
}

/// Takes a post down: `DELETE /{post}`.
pub(super) fn delete_post(settings: &FacebookSettings, remote_id: &str) -> OneCall {
    let url = graph::edge(settings, &[remote_id]);
    OneCall { request: Some(Request::new(Method::DELETE, url)), read: deleted }
}

// Meta opens deletion to selected apps only. To the others it answers "permission missing", which no reconnect cures.
fn deleted(answer: &Answer) -> Result<(), ConnectorError> {
    match graph::read(answer) {
        Ok(body) => graph::succeeded(&body),
        // What is gone is down. Meta says the same of what it hides from us, and this Page's own token sees all that postd
        // has put there.
        Err(ConnectorError::Ambiguous(refusal)) if refusal.code == "facebook.object.missing" => Ok(()),
        Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "facebook.permission.missing" => {
            Err(ConnectorError::Unsupported {
                platform: "facebook",
                what: "delete this post",
                reason: "Meta lets only selected apps delete posts; delete it on the Page",
            })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{super::testing::*, *};

    #[test]
    fn a_grant_is_given_back_and_a_post_taken_down_by_one_call_each() {
        for (mut flow, path) in [
            (revoke(&FacebookSettings::default(), "218471"), "/v26.0/218471/permissions"),
            (delete_post(&FacebookSettings::default(), "100_5"), "/v26.0/100_5"),
        ] {
            let request = called(flow.advance(None));
            assert_eq!((request.method, request.url.path()), (Method::DELETE, path));
            done(flow.advance(Some(&ok(&json!({"success": true})))));
        }
    }

    #[rstest]
    #[case::capability(3)]
    #[case::permission(10)]
    #[case::page(200)]
    fn an_app_that_may_not_delete_says_so(#[case] code: i64) {
        let mut flow = delete_post(&FacebookSettings::default(), "100_5");
        called(flow.advance(None));
        let error = flow.advance(Some(&refused(403, code, None))).unwrap_err();
        assert!(matches!(error, ConnectorError::Unsupported { what: "delete this post", .. }), "{error:?}");
    }

    #[test]
    fn what_is_gone_is_down() {
        let mut flow = delete_post(&FacebookSettings::default(), "100_5");
        called(flow.advance(None));
        done(flow.advance(Some(&refused(400, 100, Some(33)))));
        let mut flow = delete_post(&FacebookSettings::default(), "100_5");
        called(flow.advance(None));
        flow.advance(Some(&refused(500, 100, Some(33)))).unwrap_err();
    }

    #[test]
    fn a_dead_token_stays_a_dead_token() {
        let mut flow = delete_post(&FacebookSettings::default(), "100_5");
        called(flow.advance(None));
        let error = flow.advance(Some(&refused(400, 190, Some(463)))).unwrap_err();
        assert_eq!(error.refusal().code, "facebook.token.expired");
    }

    #[test]
    fn anything_but_success_is_no_success() {
        for body in [json!({}), json!({"success": false}), json!({"success": "true"})] {
            let mut flow = delete_post(&FacebookSettings::default(), "100_5");
            called(flow.advance(None));
            assert!(flow.advance(Some(&ok(&body))).is_err(), "{body}");
        }
    }
}
