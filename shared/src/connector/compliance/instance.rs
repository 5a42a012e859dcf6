//! What a connector brings to the suite.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    connector::{
        Answer, Checkpoint, CodeGrant, Connector, ConnectorError, Disposition, Effect, Fingerprint, Flow, Next,
        Prepared, Request, Step, TokenSet,
    },
    content::Content,
    options::Options,
    secret::{AccessToken, AppCredentials, AuthorizationCode, CodeVerifier},
};

/// A connector with default settings, and what is recorded of its platform.
pub(crate) struct Instance {
    pub(crate) connector: Box<dyn Connector>,
    pub(crate) app: AppCredentials,
    pub(crate) tokens: TokenSet,
    /// The hosts that its calls go to.
    pub(crate) hosts: &'static [&'static str],
    /// Every kind of post that the platform takes, each with the answers to its publish.
    pub(crate) kinds: Vec<Kind>,
    /// Every line of the error table.
    pub(crate) refusals: Vec<Refused>,
    /// An error of the documented form whose code nobody knows.
    pub(crate) unknown_refusal: Answer,
    /// Every limit that a preflight knows.
    pub(crate) limits: Vec<Limit>,
    /// Each conversation with the answers of one that goes well.
    pub(crate) conversations: Vec<(Conversation, Vec<Answer>)>,
    /// A page of the destinations that always has a next one.
    pub(crate) endless: Option<Answer>,
    /// Whose grant is given back, and which post is asked about and taken down.
    pub(crate) account: &'static str,
    pub(crate) remote_id: &'static str,
    /// Which kind, by its place, is looked for in read-backs.
    pub(crate) looked_for: usize,
    /// Whether ids are numbers, so that they may be too large for a `double`.
    pub(crate) has_numeric_ids: bool,
    /// Reads a time as the platform writes it, with examples: each documented form, and what is none.
    pub(crate) times: Option<Times>,
    /// Deliveries that the platform signed.
    pub(crate) signed: Vec<Signed>,
    /// The same delivery in two spellings.
    pub(crate) respelled: Vec<Respelled>,
    /// Where the token may stand in an address, if anywhere: the platform documents no other way there.
    pub(crate) token_in_address: &'static [&'static str],
    /// Words and names that its answers are made of.
    pub(crate) words: &'static [&'static str],
    pub(crate) names: &'static [&'static str],
}

/// How times are read.
pub(crate) struct Times {
    pub(crate) read: fn(&str) -> Option<Timestamp>,
    pub(crate) examples: &'static [(&'static str, Option<&'static str>)],
}

/// A kind of post, and the platform's answers to its calls, looks at files included.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) post: Prepared,
    pub(crate) answers: Vec<Answer>,
    pub(crate) remote_id: &'static str,
}

/// A refusal, and what it means.
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) answer: Answer,
    pub(crate) code: &'static str,
    pub(crate) after_publish: Disposition,
    pub(crate) otherwise: Disposition,
}

/// What is written before it is a post.
#[derive(Clone, Default)]
pub(crate) struct Draft {
    pub(crate) content: Content,
    pub(crate) options: Option<Options>,
}

impl Draft {
    pub(crate) fn new(content: Value, options: Option<Value>) -> Self {
        Self {
            content: serde_json::from_value(content).unwrap(),
            options: options.map(|options| serde_json::from_value(options).unwrap()),
        }
    }
}

/// A limit: what just keeps it, and what is just beyond.
pub(crate) struct Limit {
    pub(crate) rule: &'static str,
    pub(crate) within: Draft,
    pub(crate) beyond: Draft,
}

/// A conversation that is not a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversation {
    Authenticate,
    Refresh,
    Revoke,
    FetchAccounts,
    /// Ends with the post found.
    ReadBack,
    Delete,
    Analytics,
    Health,
}

impl Conversation {
    pub(crate) const ALL: [Self; 8] = [
        Self::Authenticate,
        Self::Refresh,
        Self::Revoke,
        Self::FetchAccounts,
        Self::ReadBack,
        Self::Delete,
        Self::Analytics,
        Self::Health,
    ];
}

/// A delivery with the headers and the query that the platform sent it with.
pub(crate) struct Signed {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Timestamp,
}

/// One delivery, written twice.
pub(crate) struct Respelled(pub(crate) &'static str, pub(crate) &'static str);

/// An answer.
pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() }
}

/// An answer in JSON.
pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    with_header(answer(status, body.to_string()), "content-type", "application/json")
}

pub(crate) fn with_header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    answer
}

/// What a conversation ended with, for those who need not know more.
pub(crate) type Ending = Result<(), ConnectorError>;

/// A flow of any kind.
pub(crate) trait Talk {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Option<Request>, ConnectorError>;
}

struct Of<T>(Box<dyn Flow<T>>);

impl<T> Talk for Of<T> {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Option<Request>, ConnectorError> {
        Ok(match self.0.advance(answer)? {
            Step::Call(request) => Some(request),
            Step::Done(_) => None,
        })
    }
}

impl Instance {
    pub(crate) fn name(&self) -> &'static str {
        self.connector.platform().name()
    }

    pub(crate) fn code(&self) -> CodeGrant {
        let platform = self.name();
        let redirect_uri = format!("https://postd.example/v1/oauth/{platform}/callback").parse().unwrap();
        let verifier = self.connector.pkce().map(|_| CodeVerifier::new("the-verifier"));
        CodeGrant { code: AuthorizationCode::new("authorization-code"), redirect_uri, verifier }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let kind = &self.kinds[self.looked_for];
        let at = |text: &str| text.parse().unwrap();
        Fingerprint::of(&kind.post, at("2026-11-21T10:00:00Z"), at("2026-11-21T11:00:00Z"))
    }

    /// Begins a conversation, if the platform has it.
    pub(crate) fn begin(&self, conversation: Conversation) -> Result<Box<dyn Talk>, ConnectorError> {
        fn of<T: 'static>(flow: Box<dyn Flow<T>>) -> Box<dyn Talk> {
            Box::new(Of(flow))
        }
        let connector = &self.connector;
        Ok(match conversation {
            Conversation::Authenticate => of(connector.authenticate(&self.app, self.code())),
            Conversation::Refresh => of(connector.refresh_token(&self.app, self.tokens.clone())?),
            Conversation::Revoke => of(connector.revoke(self.account)?),
            Conversation::FetchAccounts => of(connector.fetch_accounts()),
            Conversation::ReadBack => of(connector.read_back(&self.app, self.fingerprint())),
            Conversation::Delete => of(connector.delete_post(self.remote_id)?),
            Conversation::Analytics => of(connector.post_analytics(self.remote_id)?),
            Conversation::Health => of(connector.health_check(&self.app, &self.tokens, &[])),
        })
    }

    /// Every call that is made in publishes and conversations which go well.
    pub(crate) fn every_request(&self) -> Vec<(String, Request)> {
        let mut requests = Vec::new();
        for kind in &self.kinds {
            for step in self.walk(kind) {
                requests.extend(step.request.map(|request| (kind.name.to_owned(), request)));
            }
        }
        for (conversation, answers) in &self.conversations {
            let mut talk = self.begin(*conversation).unwrap();
            let mut next = talk.advance(None);
            for answer in answers {
                let Ok(Some(request)) = next else { break };
                requests.push((format!("{conversation:?}"), request));
                next = talk.advance(Some(answer));
            }
        }
        requests
    }

    /// Publishes a post on its recorded answers, as the driver would.
    pub(crate) fn walk(&self, kind: &Kind) -> Vec<Stepped> {
        let mut steps = Vec::new();
        let mut answers = kind.answers.iter();
        let mut next = self.connector.publish(&kind.post, &Checkpoint::default(), None).unwrap();
        for _ in 0..200 {
            let (request, effect, checkpoint) = match next {
                Next::Done(published) => {
                    assert_eq!(published.remote_id, kind.remote_id, "{}", kind.name);
                    assert_eq!(answers.count(), 0, "{}: answers that nobody asked for", kind.name);
                    return steps;
                }
                Next::Wait { checkpoint, .. } => {
                    next = self.connector.publish(&kind.post, &checkpoint, None).unwrap();
                    continue;
                }
                Next::Call { request, effect, checkpoint } => (Some(request), effect, checkpoint),
                Next::Look { checkpoint, .. } => (None, Effect::Read, checkpoint),
            };
            let answer = answers.next().unwrap_or_else(|| panic!("{}: one more call: {request:?}", kind.name)).clone();
            next = self.connector.publish(&kind.post, &checkpoint, Some(&answer)).unwrap();
            steps.push(Stepped { request, effect, checkpoint, answer });
        }
        panic!("{}: no end", kind.name)
    }
}

/// One step of a publish. A look at a file has no request.
pub(crate) struct Stepped {
    pub(crate) request: Option<Request>,
    pub(crate) effect: Effect,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) answer: Answer,
}

/// Tokens of a grant that never ends.
pub(crate) fn tokens(access: &str) -> TokenSet {
    TokenSet {
        access: AccessToken::new(access),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    }
}
