//! A platform as pure functions: requests out, answers in; no I/O, no clock, no retry.
//!
//! A connector never sees a socket. [`driver`] runs it: it sends what the connector asks for, stores what must be on
//! disk first, and turns silence into [`Unknown`](driver::Ended). The facts behind every constant are in the module of
//! the platform.

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use url::Url;

mod call;
pub(crate) mod canonical;
mod checkpoint;
#[cfg(test)]
mod compliance;
pub mod driver;
mod error;
pub mod facebook;
mod files;
pub mod gbp;
pub mod instagram;
pub mod linkedin;
pub mod mailchimp;
mod meta;
pub mod oauth2;
mod retry_after;
pub mod settings;
pub mod source;
pub mod tiktok;
pub mod transport;

pub use call::{Answer, Authentication, Body, Effect, Request};
pub use checkpoint::Checkpoint;
pub use error::{Act, ConnectorError, Disposition, Refusal};

use crate::{
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials, AuthorizationCode, CodeVerifier, RefreshToken},
};

/// What a publish does next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and a call is the usual one")]
pub enum Next {
    /// Make this call, then come back with the answer and the checkpoint.
    Call {
        /// The call to make.
        request: Request,
        /// What it does at the platform, and so whether it may be repeated.
        effect: Effect,
        /// What to remember, stored before the call is made.
        checkpoint: Checkpoint,
    },
    /// Look at a file of the post, then come back with a [`Seen`](source::Seen) for an answer: nothing is called at the
    /// platform.
    Look {
        /// Which file.
        source: source::Source,
        /// What to remember.
        checkpoint: Checkpoint,
    },
    /// The platform is working: come back after this long.
    Wait {
        /// How long.
        delay: SignedDuration,
        /// What to remember meanwhile.
        checkpoint: Checkpoint,
    },
    /// The post is out.
    Done(Published),
}

/// A post as the platform knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The platform's id.
    pub remote_id: String,
    /// Where people see it, if the platform told us.
    pub url: Option<Url>,
}

/// A conversation that lives in memory only (so it may hold secrets): exchanges, listings, health checks, read-backs.
pub trait Flow<T>: Send {
    /// Reads the answer to the last call (`None` at the start) and says what is next.
    ///
    /// # Errors
    /// The platform refused, or its answer cannot be read.
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<T>, ConnectorError>;
}

/// What a [`Flow`] does next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, for as long as one call")]
pub enum Step<T> {
    /// Make this call, then come back with its answer.
    Call(Request),
    /// The conversation is over.
    Done(T),
}

/// Everything a connector needs to publish at one destination.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The platform's id of the Page, account, location or audience.
    pub destination: String,
    /// The content, already narrowed to this target.
    pub content: Content,
    /// What the target says beyond that.
    pub options: Option<Options>,
    /// A text that no other target has, now or ever: for platforms that take a name which only its owner sees.
    pub marker: String,
}

impl Prepared {
    /// Nothing yet, for this destination.
    #[must_use]
    pub fn at(destination: impl Into<String>) -> Self {
        Self { destination: destination.into(), content: Content::default(), options: None, marker: String::new() }
    }
}

/// Where the browser goes to give consent.
#[derive(Debug)]
pub struct AuthorizeRequest<'a> {
    /// Registered at the platform, matched there to the letter.
    pub redirect_uri: &'a Url,
    /// Comes back with the callback; single use.
    pub state: &'a str,
    /// Ask again for permissions that were declined before.
    pub ask_again: bool,
    /// The challenge in the form that [`Connector::pkce`] says, if it says one.
    pub challenge: Option<&'a str>,
}

/// How a platform wants the challenge of PKCE (RFC 7636). Its name there is `S256` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pkce {
    /// SHA-256 in base64url, as the RFC says.
    S256,
    /// SHA-256 in lower-case hexadecimal digits, as TikTok wants it.
    S256Hex,
}

/// What the callback brought.
#[derive(Debug)]
pub struct CodeGrant {
    /// The code to exchange.
    pub code: AuthorizationCode,
    /// The same redirect URI as in the [`AuthorizeRequest`].
    pub redirect_uri: Url,
    /// What the challenge in the [`AuthorizeRequest`] was made from, if there was one.
    pub verifier: Option<CodeVerifier>,
}

/// What a connection is made of, once the platform has granted it.
#[derive(Debug)]
pub struct Grant {
    /// The platform's id of the person or organization that gave consent: a reconnect must bring the same one.
    pub account: String,
    /// A name to show for it.
    pub account_name: String,
    /// The tokens of the grant itself.
    pub tokens: TokenSet,
    /// What was granted, of what was asked.
    pub scopes: Vec<String>,
    /// What was asked and not granted.
    pub missing_scopes: Vec<String>,
    /// Where this grant may publish.
    pub destinations: Vec<Destination>,
}

/// The tokens of one grant.
#[derive(Debug, Clone)]
pub struct TokenSet {
    /// Used for calls.
    pub access: AccessToken,
    /// When the platform said it ends; `None` if it never does.
    pub access_expires_at: Option<Timestamp>,
    /// When the platform stops giving data without a new login.
    pub data_access_expires_at: Option<Timestamp>,
    /// Used for the next access token, where the platform has such a thing.
    pub refresh: Option<RefreshToken>,
    /// When the platform said that `refresh` ends; `None` if it did not say, or never does.
    pub refresh_expires_at: Option<Timestamp>,
}

/// Whose token posts are published with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOf {
    /// Each destination has one of its own.
    Destination,
    /// All destinations are reached with the access token of the grant.
    Grant,
}

/// A place that a connection may publish to.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The platform's id.
    pub id: String,
    /// A name to show.
    pub name: String,
    /// Whether this grant may publish there, and if not, why.
    pub refusal: Option<Refusal>,
    /// Its own token, where the platform gives each place one (Facebook Pages).
    pub token: Option<AccessToken>,
}

/// Whether a connection still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// When the token ends, as far as the platform told.
    pub access_expires_at: Option<Timestamp>,
    /// When reads stop without a new login, as far as the platform told.
    pub data_access_expires_at: Option<Timestamp>,
    /// Scopes that the connection needs and no longer has.
    pub missing_scopes: Vec<String>,
}

/// What a post must look like to be recognised at the platform after an unknown outcome.
#[derive(Debug, Clone)]
pub struct Fingerprint {
    /// Where it was to go.
    pub destination: String,
    /// What it said.
    pub content: Content,
    /// What its target said beyond that.
    pub options: Option<Options>,
    /// The [`Prepared::marker`] that it was published with.
    pub marker: String,
    /// No earlier than this (the intent's time; the connector subtracts its own allowance for clock skew).
    pub not_before: Timestamp,
    /// The time of asking.
    pub now: Timestamp,
    /// Ids at the platform that are known to belong to other posts of ours: two posts may say the same on purpose.
    pub exclude: Vec<String>,
    /// What the publish had remembered when it was lost sight of: a container's or upload's id tells more than a listing.
    pub checkpoint: Checkpoint,
}

impl Fingerprint {
    /// The fingerprint of a post that left at `not_before`, looked for at `now`.
    #[must_use]
    pub fn of(post: &Prepared, not_before: Timestamp, now: Timestamp) -> Self {
        Self {
            destination: post.destination.clone(),
            content: post.content.clone(),
            options: post.options.clone(),
            marker: post.marker.clone(),
            not_before,
            now,
            exclude: Vec::new(),
            checkpoint: Checkpoint::default(),
        }
    }
}

/// What the platform says about a publish whose outcome nobody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBack {
    /// It is out, and this is it.
    Found(Published),
    /// The listing proves that it is not out: it may be sent again.
    Absent,
    /// The platform took it and refused it afterwards, for good: it is not out and does not come out any more.
    Refused(Refusal),
    /// The platform cannot tell: a person must.
    Undecided {
        /// Why, in words for that person.
        reason: &'static str,
    },
}

/// A rule that a post breaks, found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Stable, such as `facebook.text.too_long`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub rule: &'static str,
    /// JSON pointer into the content, such as `/text`, or to the target's `/options`.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Figures of one published post; what the platform does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Analytics(pub std::collections::BTreeMap<String, u64>);

/// What a platform told us without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Repeats of one event have one key.
    pub dedupe_key: String,
    /// The platform's id of the account that it concerns: how the event finds its connections.
    pub account: String,
    /// What happened.
    pub kind: WebhookKind,
    /// When, by the platform's clock.
    pub occurred_at: Option<Timestamp>,
}

/// The kinds of events that postd acts upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookKind {
    /// A post appeared, ours or a person's.
    PostPublished {
        /// The platform's id.
        remote_id: String,
    },
    /// A post was taken down.
    PostRemoved {
        /// The platform's id.
        remote_id: String,
    },
    /// The grant ended or shrank.
    ConnectionRevoked,
    /// Kept as it came; nothing acts upon it.
    Other {
        /// The platform's name for it, cut to a bounded length.
        name: String,
    },
}

/// A webhook delivery as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct WebhookDelivery<'a> {
    /// The headers; names are lower-case.
    pub headers: &'a http::HeaderMap,
    /// The query of the address, decoded.
    pub query: &'a [(String, String)],
    /// The raw bytes: a signature covers these and no re-serialised form of them.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

/// What a platform told about a person with a signed request: that they have removed our app, or want to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// The platform's id of the person, as our app knows them.
    pub account: String,
    /// When it was signed, in whole seconds.
    pub issued_at: Option<Timestamp>,
    /// The request itself: the same one comes out the same, and nobody else can make it.
    pub text: String,
}

/// Why a signed request is not acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedRequestError {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(&'static str),
    /// The platform has not signed it.
    #[error("the platform has not signed it")]
    NotSigned,
    /// The platform has no such thing.
    #[error("the platform has no signed requests")]
    Unsupported,
}

/// A platform, as pure functions. One compliance suite runs against every implementation.
pub trait Connector: Send + Sync {
    /// Which platform this is.
    fn platform(&self) -> Platform;

    /// The issuer that the platform names in its answer to a login (RFC 9207), if it names one.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// The version of the platform's API that calls are made with, and the day on which it ends, where one is known.
    fn version_ends(&self) -> Option<(&str, Date)> {
        None
    }

    /// Whether the platform takes PKCE, and in which form.
    fn pkce(&self) -> Option<Pkce> {
        None
    }

    /// Where the browser goes to give consent.
    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url;

    /// Turns the callback's code into a grant with its destinations.
    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>>;

    /// Whose token this platform's posts are published with.
    fn token_of(&self) -> TokenOf {
        TokenOf::Destination
    }

    /// Renews the tokens of a grant. The call that uses the refresh token is the last one of the flow: whatever is lost
    /// after it may be the only copy of its successor. What the answer leaves out stays as it was.
    ///
    /// # Errors
    /// [`ConnectorError::Unsupported`] where only a new login renews.
    fn refresh_token(&self, app: &AppCredentials, tokens: TokenSet) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError>;

    /// Gives the grant back.
    ///
    /// # Errors
    /// [`ConnectorError::Unsupported`] where the platform has no such call.
    fn revoke(&self, account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError>;

    /// Lists the destinations of a grant, all pages of them. The calls are made with the grant's own token.
    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>>;

    /// Everything about `content` and the target's `options` that this platform would refuse, found without asking it.
    /// Pointers begin in the content, or with `/options`.
    fn preflight(&self, content: &Content, options: Option<&Options>) -> Vec<Finding>;

    /// The next step of a publish, from what is remembered and the last answer.
    ///
    /// # Errors
    /// The platform refused, or its answer cannot be read.
    fn publish(
        &self,
        post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError>;

    /// Whether a publish that was proved absent goes on from its checkpoint. It does where the platform publishes what was
    /// prepared once only: whatever becomes of the first call in the end, it and the next cannot both make a post. Otherwise the
    /// publish begins anew.
    fn goes_on_after_absence(&self) -> bool {
        false
    }

    /// How long after an unknown outcome the platform's listing can be trusted.
    fn settle_time(&self) -> SignedDuration;

    /// Looks for a post whose publish nobody saw the end of.
    fn read_back(&self, app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>>;

    /// Takes a post down.
    ///
    /// # Errors
    /// [`ConnectorError::Unsupported`] where the platform has no such call.
    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError>;

    /// The figures of a post.
    ///
    /// # Errors
    /// [`ConnectorError::Unsupported`] where the platform has no such call.
    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError>;

    /// Asks whether `tokens` still work; `needed` are the scopes that the connection was made with.
    fn health_check(&self, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>>;

    /// Attaches the token to a call, the way this platform wants it (header, proof).
    fn sign(&self, request: &mut Request, token: &AccessToken, app: &AppCredentials);

    /// How long the platform asks us to hold back, from the usage figures on any answer.
    fn usage_wait(&self, answer: &Answer) -> Option<SignedDuration>;

    /// Answers a webhook handshake: the text to send back, or `None` if it is not for us.
    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String>;

    /// Whether the delivery comes from the platform, by any current or previous secret, in constant time.
    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool;

    /// Checks and reads the body of a signed request, by any current or previous secret, in constant time.
    ///
    /// # Errors
    /// It is none, or this platform has none.
    fn signed_request(&self, _app: &AppCredentials, _body: &[u8]) -> Result<SignedRequest, SignedRequestError> {
        Err(SignedRequestError::Unsupported)
    }

    /// Whether a delivery that nobody signed came in a way that only the platform knows. It is taken for a hint: it changes
    /// nothing, and makes us look for ourselves.
    fn is_webhook_hint(&self, _app: &AppCredentials, _delivery: WebhookDelivery<'_>) -> bool {
        false
    }

    /// Where the platform publishes the keys that it signs deliveries with, if it has such keys. They change, so whoever takes
    /// deliveries in fetches them from there and keeps them for a while.
    fn webhook_keys(&self) -> Option<Request> {
        None
    }

    /// Whether the delivery comes from the platform, by the keys in the answer to [`Self::webhook_keys`].
    fn is_signed_with(&self, _keys: &Answer, _app: &AppCredentials, _delivery: WebhookDelivery<'_>) -> bool {
        false
    }

    /// Reads a verified delivery; one delivery may hold many events, and unknown ones are kept.
    ///
    /// # Errors
    /// The body is not what this platform sends.
    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError>;
}
