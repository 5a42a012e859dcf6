//! Facebook Login, for all that is published to through it: code, short token, long token, what was granted, and where its token
//! may publish.

use http::Method;
use url::Url;

use super::{
    debug_token::{self, Asked, Introspection},
    graph,
    listing::Listing,
    sign,
};
use crate::{
    connector::{
        Act, Answer, Authentication, CodeGrant, ConnectorError, Destination, Flow, Grant, Refusal, Request, Step,
        TokenSet,
    },
    secret::{AccessToken, AppCredentials},
};

/// What a platform brings of its own.
pub(in crate::connector) struct Login<L> {
    /// The edge `oauth/access_token`.
    pub(in crate::connector) token: Url,
    /// The edge `me`.
    pub(in crate::connector) me: Url,
    /// Where and how the new token is asked about.
    pub(in crate::connector) asked: Asked,
    /// The scopes that were asked for.
    pub(in crate::connector) scopes: Vec<String>,
    /// Where may be published to.
    pub(in crate::connector) listing: L,
    /// What is said of a code that is not taken.
    pub(in crate::connector) code_refused: Words,
    /// What is said of a destination that the person did not tick.
    pub(in crate::connector) not_ticked: Words,
}

/// A code of ours and what it means.
#[derive(Debug, Clone, Copy)]
pub(in crate::connector) struct Words {
    pub(in crate::connector) code: &'static str,
    pub(in crate::connector) message: &'static str,
}

impl Words {
    /// A code that Meta does not take is used up, expired or meant for another redirect URI; no token has died.
    pub(in crate::connector) fn instead_of(self, error: ConnectorError) -> ConnectorError {
        match error {
            ConnectorError::Unauthorized(refusal)
            | ConnectorError::Rejected(refusal)
            | ConnectorError::Ambiguous(refusal) => ConnectorError::Rejected(Refusal {
                code: self.code.into(),
                message: self.message.into(),
                act: Act::EndUser,
                ..refusal
            }),
            other @ (ConnectorError::RateLimited { .. }
            | ConnectorError::Unavailable(_)
            | ConnectorError::Transient(_)
            | ConnectorError::Operator(_)
            | ConnectorError::Unreadable { .. }
            | ConnectorError::Unsupported { .. }) => other,
        }
    }
}

/// The flow from a code to a grant.
pub(in crate::connector) struct AuthenticateFlow<L> {
    login: Login<L>,
    app: AppCredentials,
    stage: Stage,
}

enum Stage {
    Start(CodeGrant),
    Exchanging,
    Extending,
    Introspecting { token: AccessToken },
    Naming { token: AccessToken, about: Introspection },
    Listing { token: AccessToken, about: Introspection, name: Option<String> },
    Over,
}

impl<L: Listing> AuthenticateFlow<L> {
    pub(in crate::connector) fn new(login: Login<L>, app: AppCredentials, grant: CodeGrant) -> Self {
        Self { login, app, stage: Stage::Start(grant) }
    }

    // These addresses carry the app's secret, as Meta documents it; requests never show their query.
    fn token_request(&self, parameters: &[(&str, &str)]) -> Request {
        let mut url = self.login.token.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.app.client_id)
            .append_pair("client_secret", self.app.client_secret.expose())
            .extend_pairs(parameters);
        Request { authentication: Authentication::Complete, ..Request::new(Method::GET, url) }
    }

    fn signed(&self, url: Url, token: &AccessToken) -> Step<Grant> {
        Step::Call(sign::signed(Request::new(Method::GET, url), token, &self.app))
    }

    fn read_token(&self, answer: Option<&Answer>) -> Result<AccessToken, ConnectorError> {
        let body = graph::read(graph::expect(answer)?, self.login.asked.errors)?;
        graph::token(body.get("access_token")).ok_or(ConnectorError::Unreadable { what: "an `access_token`" })
    }

    fn grant(
        &mut self,
        token: AccessToken,
        about: Introspection,
        name: Option<String>,
    ) -> Result<Grant, ConnectorError> {
        let missing_scopes = about.missing(&self.login.scopes);
        let account = about.user_id.ok_or(ConnectorError::Unreadable { what: "the person's id" })?;
        let mut destinations = self.login.listing.finish();
        refuse_unticked(&mut destinations, about.ticked.as_deref(), self.login.not_ticked);
        Ok(Grant {
            account_name: name.unwrap_or_else(|| account.clone()),
            account,
            missing_scopes,
            scopes: about.scopes,
            tokens: TokenSet {
                access: token,
                access_expires_at: about.expires_at,
                data_access_expires_at: about.data_access_expires_at,
                refresh: None,
                refresh_expires_at: None,
            },
            destinations,
        })
    }

    fn step(&mut self, stage: Stage, answer: Option<&Answer>) -> Result<(Stage, Step<Grant>), ConnectorError> {
        match stage {
            Stage::Start(grant) => {
                let parameters = [("redirect_uri", grant.redirect_uri.as_str()), ("code", grant.code.expose())];
                Ok((Stage::Exchanging, Step::Call(self.token_request(&parameters))))
            }
            Stage::Exchanging => {
                let refused = self.login.code_refused;
                let short = self.read_token(answer).map_err(|error| refused.instead_of(error))?;
                let parameters = [("grant_type", "fb_exchange_token"), ("fb_exchange_token", short.expose())];
                Ok((Stage::Extending, Step::Call(self.token_request(&parameters))))
            }
            Stage::Extending => {
                let token = self.read_token(answer)?;
                let request = debug_token::request(&self.login.asked, &self.app, &token);
                Ok((Stage::Introspecting { token }, Step::Call(request)))
            }
            Stage::Introspecting { token } => {
                let about = debug_token::read(graph::expect(answer)?, &self.login.asked, &self.app)?;
                let mut url = self.login.me.clone();
                url.query_pairs_mut().append_pair("fields", "id,name");
                let call = self.signed(url, &token);
                Ok((Stage::Naming { token, about }, call))
            }
            Stage::Naming { token, about } => {
                // The name is for showing only: a grant does not fail for the lack of one.
                let body = graph::read(graph::expect(answer)?, self.login.asked.errors).ok();
                let name = body.and_then(|body| graph::name(body.get("name")));
                let call = self.signed(self.login.listing.first_page(), &token);
                Ok((Stage::Listing { token, about, name }, call))
            }
            Stage::Listing { token, about, name } => match self.login.listing.take(graph::expect(answer)?)? {
                Some(url) => {
                    let call = self.signed(url, &token);
                    Ok((Stage::Listing { token, about, name }, call))
                }
                None => Ok((Stage::Over, Step::Done(self.grant(token, about, name)?))),
            },
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

impl<L: Listing> Flow<Grant> for AuthenticateFlow<L> {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Grant>, ConnectorError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let (stage, step) = self.step(stage, answer)?;
        self.stage = stage;
        Ok(step)
    }
}

fn refuse_unticked(destinations: &mut [Destination], ticked: Option<&[String]>, words: Words) {
    let Some(ticked) = ticked else { return };
    for destination in destinations.iter_mut().filter(|destination| !ticked.contains(&destination.id)) {
        destination.refusal.get_or_insert_with(|| Refusal::ours(words.code, Act::EndUser, words.message));
    }
}
