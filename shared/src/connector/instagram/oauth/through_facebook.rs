//! Facebook Login: code, short token, long token, what was granted, and the accounts that are linked to the person's Pages.

use http::Method;
use url::Url;

use super::{
    super::{accounts, accounts::Listing, asked, graph},
    code_refused,
};
use crate::{
    connector::{
        Answer, Authentication, CodeGrant, ConnectorError, Destination, Flow, Grant, Request, Step, TokenSet,
        meta::{
            debug_token::{self, Introspection},
            sign,
        },
        settings::InstagramSettings,
    },
    secret::{AccessToken, AppCredentials},
};

pub(in crate::connector::instagram) struct AuthenticateFlow {
    settings: InstagramSettings,
    app: AppCredentials,
    stage: Stage,
}

#[expect(clippy::large_enum_variant, reason = "one lives at a time, for one login")]
enum Stage {
    Start(CodeGrant),
    Exchanging,
    Extending,
    Introspecting { token: AccessToken },
    Naming { token: AccessToken, about: Introspection },
    Listing { token: AccessToken, about: Introspection, name: Option<String>, listing: Listing },
    Over,
}

impl AuthenticateFlow {
    pub(in crate::connector::instagram) fn new(
        settings: InstagramSettings,
        app: AppCredentials,
        grant: CodeGrant,
    ) -> Self {
        Self { settings, app, stage: Stage::Start(grant) }
    }

    // These addresses carry the app's secret, as Meta documents it; requests never show their query.
    fn token_request(&self, parameters: &[(&str, &str)]) -> Request {
        let mut url = graph::edge(&self.settings, &["oauth", "access_token"]);
        url.query_pairs_mut()
            .append_pair("client_id", &self.app.client_id)
            .append_pair("client_secret", self.app.client_secret.expose())
            .extend_pairs(parameters);
        Request { authentication: Authentication::Complete, ..Request::new(Method::GET, url) }
    }

    fn signed(&self, url: Url, token: &AccessToken) -> Request {
        sign::signed(Request::new(Method::GET, url), token, &self.app)
    }

    fn grant(
        &self,
        token: AccessToken,
        about: &Introspection,
        name: Option<String>,
        mut destinations: Vec<Destination>,
    ) -> Result<Grant, ConnectorError> {
        let account = about.user_id.clone().ok_or(ConnectorError::Unreadable { what: "the person's id" })?;
        refuse_unticked(&mut destinations, about.ticked.as_deref());
        Ok(Grant {
            account_name: name.unwrap_or_else(|| account.clone()),
            account,
            missing_scopes: about.missing(self.settings.scopes()),
            scopes: about.scopes.clone(),
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
                let short = read_token(graph::expect(answer)?).map_err(code_refused)?;
                let parameters = [("grant_type", "fb_exchange_token"), ("fb_exchange_token", short.expose())];
                Ok((Stage::Extending, Step::Call(self.token_request(&parameters))))
            }
            Stage::Extending => {
                let token = read_token(graph::expect(answer)?)?;
                let request = debug_token::request(&asked(&self.settings), &self.app, &token);
                Ok((Stage::Introspecting { token }, Step::Call(request)))
            }
            Stage::Introspecting { token } => {
                let about = debug_token::read(graph::expect(answer)?, &asked(&self.settings), &self.app)?;
                let request = self.signed(graph::fields(&self.settings, &["me"], "id,name"), &token);
                Ok((Stage::Naming { token, about }, Step::Call(request)))
            }
            Stage::Naming { token, about } => {
                // The name is for showing only: a grant does not fail for the lack of one.
                let name = graph::read(graph::expect(answer)?).ok().and_then(|body| graph::name(body.get("name")));
                let listing = Listing::new(self.settings.clone());
                let request = self.signed(listing.first_page(), &token);
                Ok((Stage::Listing { token, about, name, listing }, Step::Call(request)))
            }
            Stage::Listing { token, about, name, mut listing } => {
                if let Some(url) = listing.take(graph::expect(answer)?)? {
                    let request = self.signed(url, &token);
                    return Ok((Stage::Listing { token, about, name, listing }, Step::Call(request)));
                }
                let grant = self.grant(token, &about, name, listing.finish())?;
                Ok((Stage::Over, Step::Done(grant)))
            }
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

impl Flow<Grant> for AuthenticateFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Grant>, ConnectorError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let (stage, step) = self.step(stage, answer)?;
        self.stage = stage;
        Ok(step)
    }
}

fn read_token(answer: &Answer) -> Result<AccessToken, ConnectorError> {
    let body = graph::read(answer)?;
    graph::token(body.get("access_token")).ok_or(ConnectorError::Unreadable { what: "an `access_token`" })
}

fn refuse_unticked(destinations: &mut [Destination], ticked: Option<&[String]>) {
    let Some(ticked) = ticked else { return };
    for destination in destinations.iter_mut().filter(|destination| !ticked.contains(&destination.id)) {
        let message = "Publishing to this account was not granted; connect again and tick it.";
        destination.refusal.get_or_insert_with(|| accounts::refusal("instagram.account.not_granted", message));
    }
}
