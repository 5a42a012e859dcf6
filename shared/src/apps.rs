//! What proves that we are we: the apps at the platforms, and the key that signs cursors; fetched from Secrets Manager
//! when first needed, never during INIT.
//!
//! A secret is kept for five minutes. While Secrets Manager does not answer, the old value serves on; without one, the
//! failure is remembered for a moment, so that a burst of work does not become a burst of calls. One fetch at a time.
//!
//! A tenant may have an app of its own at a platform. Its connections say so, and so do the targets that go through them:
//! nobody asks Secrets Manager whether a tenant has one.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    sync::{Arc, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use tokio::sync::Mutex;

use crate::{
    aws::Failure,
    clock::Clock,
    hmac,
    ids::TenantId,
    platform::{AppOwner, Platform},
    secret::{AppCredentials, AppSecret, VerifyToken},
    telemetry::Chain,
    tenant::Tenant,
};

/// How long a fetched secret serves before it is fetched again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How long after a failed fetch, or after a fetch on demand, the next one is held back.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// More apps of tenants than this are not kept at a time.
const MOST_TENANT_APPS: usize = 500;
/// The shortest secret that may sign cursors.
const SHORTEST_SIGNING_KEY: usize = 32;

/// Why there is no secret to work with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not answer: it passes.
    #[error("Secrets Manager did not answer")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// Secrets Manager refused (no such secret, no right to it, its key disabled): an operator must act.
    #[error("Secrets Manager refused ({code})")]
    Refused {
        /// The code of Secrets Manager.
        code: String,
        /// The whole refusal.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The secret is there and not what it should be: an operator must set it right.
    #[error("the secret {secret} is unusable: {problem}")]
    Unusable {
        /// Which one: the name of the app's platform, or `signing key`.
        secret: &'static str,
        /// What is wrong with it, without any of its content.
        problem: &'static str,
    },
    /// This function was not given the secret of that platform.
    #[error("no app is configured for {0}")]
    NotConfigured(Platform),
}

/// What a fetch on demand brought.
#[derive(Debug, Clone)]
pub enum Refreshed<T> {
    /// The secret is another one now: worth another try.
    Changed(T),
    /// The secret is still the one that was refused.
    Same,
}

/// One secret, parsed and kept.
struct Cached<T> {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
    name: &'static str,
    parse: fn(&str) -> Result<T, &'static str>,
    clock: Arc<dyn Clock>,
    /// Locked over the fetch: whoever comes meanwhile waits for that one answer.
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Option<Arc<T>>,
    fetched_at: Option<Timestamp>,
    failure: Option<(SecretError, Timestamp)>,
}

impl<T> State<T> {
    fn fresh(&self, now: Timestamp, period: SignedDuration) -> Option<&Arc<T>> {
        let recent = self.fetched_at.is_some_and(|at| within(at, now, period));
        self.value.as_ref().filter(|_| recent)
    }

    fn recent_failure(&self, now: Timestamp) -> Option<&SecretError> {
        self.failure.as_ref().filter(|(_, at)| within(*at, now, PAUSE)).map(|(error, _)| error)
    }
}

/// Whether `now` is less than `period` after `at`. A clock that went backwards proves nothing: not within.
fn within(at: Timestamp, now: Timestamp, period: SignedDuration) -> bool {
    let age = now.duration_since(at);
    age >= SignedDuration::ZERO && age < period
}

impl<T> Cached<T> {
    fn new(
        client: aws_sdk_secretsmanager::Client,
        (name, arn): (&'static str, String),
        parse: fn(&str) -> Result<T, &'static str>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = State { value: None, fetched_at: None, failure: None };
        Self { client, arn, name, parse, clock, state: Mutex::new(state) }
    }

    async fn get(&self) -> Result<Arc<T>, SecretError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        match state.fresh(now, FRESH) {
            Some(value) => Ok(value.clone()),
            None => self.fetch(&mut state, now).await,
        }
    }

    /// Fetches although the value is fresh, unless that was done a moment ago.
    async fn fetch_now(&self) -> Result<Arc<T>, SecretError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        match state.fresh(now, PAUSE) {
            Some(value) => Ok(value.clone()),
            None => self.fetch(&mut state, now).await,
        }
    }

    async fn fetch(&self, state: &mut State<T>, now: Timestamp) -> Result<Arc<T>, SecretError> {
        let error = match state.recent_failure(now) {
            Some(error) => error.clone(),
            None => match self.ask().await {
                Ok(value) => {
                    let value = Arc::new(value);
                    *state = State { value: Some(value.clone()), fetched_at: Some(now), failure: None };
                    return Ok(value);
                }
                Err(error) => {
                    tracing::warn!(secret = self.name, error = %Chain(&error), "a secret could not be fetched");
                    state.failure = Some((error.clone(), now));
                    error
                }
            },
        };
        state.value.clone().ok_or(error)
    }

    async fn ask(&self) -> Result<T, SecretError> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await.map_err(failed)?;
        let unusable = |problem| SecretError::Unusable { secret: self.name, problem };
        let text = SecretString::from(answer.secret_string.ok_or(unusable("it is not text"))?);
        (self.parse)(text.expose_secret()).map_err(unusable)
    }
}

fn failed(failure: impl Into<Failure>) -> SecretError {
    let Failure { refusal, cause: source } = failure.into();
    match refusal {
        Some(code) => SecretError::Refused { code, source },
        None => SecretError::Unavailable(source),
    }
}

/// The apps that a function may use.
pub struct Apps {
    client: aws_sdk_secretsmanager::Client,
    clock: Arc<dyn Clock>,
    secrets: BTreeMap<Platform, Cached<AppCredentials>>,
    tenants: Option<TenantApps>,
}

/// The apps of tenants: `{prefix}/{tenant}/{platform}`.
struct TenantApps {
    prefix: String,
    cached: std::sync::Mutex<BTreeMap<(TenantId, Platform), TenantApp>>,
}

type TenantApp = Arc<Cached<AppCredentials>>;

impl fmt::Debug for Apps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Apps").field("platforms", &self.secrets.keys()).finish_non_exhaustive()
    }
}

impl Apps {
    /// No apps yet; [`Self::with`] adds them. Nothing is fetched.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, clock: Arc<dyn Clock>) -> Self {
        Self { client, clock, secrets: BTreeMap::new(), tenants: None }
    }

    /// Adds the app of `platform`, kept in the secret with this ARN.
    #[must_use]
    pub fn with(mut self, platform: Platform, secret_arn: impl Into<String>) -> Self {
        let cached =
            Cached::new(self.client.clone(), (platform.name(), secret_arn.into()), parse_app, self.clock.clone());
        self.secrets.insert(platform, cached);
        self
    }

    /// Adds the apps that tenants have of their own, kept in secrets named `{prefix}/{tenant}/{platform}`.
    #[must_use]
    pub fn with_tenants(mut self, prefix: impl Into<String>) -> Self {
        self.tenants = Some(TenantApps { prefix: prefix.into(), cached: std::sync::Mutex::default() });
        self
    }

    fn tenants_secret(&self, tenant: TenantId, platform: Platform) -> Result<TenantApp, SecretError> {
        let tenants = self.tenants.as_ref().ok_or(SecretError::NotConfigured(platform))?;
        let mut cached = tenants.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MOST_TENANT_APPS && !cached.contains_key(&(tenant, platform)) {
            cached.pop_first();
        }
        let new = || {
            let (name, id) = ("app of a tenant", format!("{}/{tenant}/{platform}", tenants.prefix));
            Arc::new(Cached::new(self.client.clone(), (name, id), parse_tenants_app, self.clock.clone()))
        };
        Ok(cached.entry((tenant, platform)).or_insert_with(new).clone())
    }

    /// The credentials of the app that a connection of `tenant` was made with, at most five minutes old unless Secrets
    /// Manager is down.
    ///
    /// # Errors
    /// There is no value to work with, not even an old one.
    pub async fn credentials_of(
        &self,
        tenant: Tenant,
        platform: Platform,
        owner: AppOwner,
    ) -> Result<Arc<AppCredentials>, SecretError> {
        match owner {
            AppOwner::Shared => self.credentials(platform).await,
            AppOwner::Tenant => self.tenants_secret(tenant.id(), platform)?.get().await,
        }
    }

    /// Like [`Self::refresh_after_auth_failure`], for the app that a connection of `tenant` was made with.
    ///
    /// # Errors
    /// There is no value to work with, not even an old one.
    pub async fn refresh_of(
        &self,
        tenant: Tenant,
        (platform, owner): (Platform, AppOwner),
        refused: &AppCredentials,
    ) -> Result<Refreshed<Arc<AppCredentials>>, SecretError> {
        match owner {
            AppOwner::Shared => self.refresh_after_auth_failure(platform, refused).await,
            AppOwner::Tenant => Ok(compared(self.tenants_secret(tenant.id(), platform)?.fetch_now().await?, refused)),
        }
    }

    fn secret(&self, platform: Platform) -> Result<&Cached<AppCredentials>, SecretError> {
        self.secrets.get(&platform).ok_or(SecretError::NotConfigured(platform))
    }

    /// The app's credentials, at most five minutes old unless Secrets Manager is down.
    ///
    /// # Errors
    /// There is no value to work with, not even an old one.
    pub async fn credentials(&self, platform: Platform) -> Result<Arc<AppCredentials>, SecretError> {
        self.secret(platform)?.get().await
    }

    /// Fetches the credentials again because the platform refused `refused`: they may just have been rotated. At most
    /// one fetch in ten seconds is made.
    ///
    /// # Errors
    /// There is no value to work with, not even an old one.
    pub async fn refresh_after_auth_failure(
        &self,
        platform: Platform,
        refused: &AppCredentials,
    ) -> Result<Refreshed<Arc<AppCredentials>>, SecretError> {
        Ok(compared(self.secret(platform)?.fetch_now().await?, refused))
    }
}

fn compared(current: Arc<AppCredentials>, refused: &AppCredentials) -> Refreshed<Arc<AppCredentials>> {
    let secret = |secret: &Option<AppSecret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let token = |token: &Option<VerifyToken>| token.as_ref().map(|token| token.expose().to_owned());
    let same = current.client_id == refused.client_id
        && current.client_secret.expose() == refused.client_secret.expose()
        && secret(&current.previous_client_secret) == secret(&refused.previous_client_secret)
        && current.webhook_verify_token.expose() == refused.webhook_verify_token.expose()
        && token(&current.previous_webhook_verify_token) == token(&refused.previous_webhook_verify_token)
        && current
            .webhook_secrets
            .iter()
            .map(AppSecret::expose)
            .eq(refused.webhook_secrets.iter().map(AppSecret::expose));
    if same { Refreshed::Same } else { Refreshed::Changed(current) }
}

/// The secret as an operator writes it. No `Debug`: it is plain for a moment.
#[derive(Deserialize)]
struct StoredApp {
    client_id: Option<String>,
    client_secret: Option<AppText>,
    webhook_verify_token: Option<AppText>,
    previous_client_secret: Option<AppText>,
    previous_webhook_verify_token: Option<AppText>,
    #[serde(default)]
    webhook_secrets: Vec<AppText>,
}

/// A field that is zeroized when it is dropped.
struct AppText(SecretString);

impl<'de> Deserialize<'de> for AppText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl AppText {
    fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

fn parse_app(text: &str) -> Result<AppCredentials, &'static str> {
    let app = parse_tenants_app(text)?;
    if app.webhook_verify_token.expose().is_empty() {
        return Err("`webhook_verify_token` is missing");
    }
    Ok(app)
}

/// Nothing comes in from the app of a tenant, so it needs no verify token: an empty one never verifies.
fn parse_tenants_app(text: &str) -> Result<AppCredentials, &'static str> {
    let stored: StoredApp = serde_json::from_str(text).map_err(|_| "it is not a JSON object of strings")?;
    let given = |field: Option<AppText>| field.filter(|value| !value.text().is_empty());
    let client_id = stored.client_id.filter(|id| !id.is_empty()).ok_or("`client_id` is missing")?;
    let client_secret = given(stored.client_secret).ok_or("`client_secret` is missing")?;
    let verify = stored.webhook_verify_token.as_ref().map_or("", AppText::text);
    Ok(AppCredentials {
        client_id,
        client_secret: AppSecret::new(client_secret.text()),
        previous_client_secret: given(stored.previous_client_secret).map(|value| AppSecret::new(value.text())),
        webhook_verify_token: VerifyToken::new(verify),
        previous_webhook_verify_token: given(stored.previous_webhook_verify_token)
            .map(|value| VerifyToken::new(value.text())),
        webhook_secrets: stored.webhook_secrets.iter().map(|value| AppSecret::new(value.text())).collect(),
    })
}

/// Signs what we hand out and want to recognise when it comes back, such as cursors.
pub struct SigningKey(hmac::Key);

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey([redacted])")
    }
}

/// A signature that does not belong to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

impl SigningKey {
    /// The key made of `secret`; `None` if it is too short to be one.
    #[must_use]
    pub fn from_secret(secret: &str) -> Option<Self> {
        (secret.len() >= SHORTEST_SIGNING_KEY).then(|| Self(hmac::Key::new(secret.as_bytes())))
    }

    /// The signature of `message` for one use, named by `context`: what was signed for another use does not verify.
    #[must_use]
    pub fn sign(&self, context: &str, message: &[u8]) -> [u8; 32] {
        self.0.sign(&framed(context, message))
    }

    /// Checks a signature, in a time that does not tell where it differs.
    ///
    /// # Errors
    /// It was made with another key, for another use or over another message.
    pub fn verify(&self, context: &str, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.0.verify(&framed(context, message), signature).map_err(|_| BadSignature)
    }
}

/// The length in front keeps context and message apart.
fn framed(context: &str, message: &[u8]) -> Vec<u8> {
    let length = u64::try_from(context.len()).unwrap_or(u64::MAX).to_be_bytes();
    [&length, context.as_bytes(), message].concat()
}

/// The signing key, fetched when first needed.
pub struct SigningKeys(Cached<SigningKey>);

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKeys")
    }
}

impl SigningKeys {
    /// The key in the secret with this ARN. Nothing is fetched.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, secret_arn: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let parse = |text: &str| SigningKey::from_secret(text).ok_or("it is shorter than 32 bytes");
        Self(Cached::new(client, ("signing key", secret_arn.into()), parse, clock))
    }

    /// The key.
    ///
    /// # Errors
    /// There is no value to work with, not even an old one.
    pub async fn current(&self) -> Result<Arc<SigningKey>, SecretError> {
        self.0.get().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str =
        r#"{"client_id":"1","client_secret":"s","webhook_verify_token":"v","previous_client_secret":"p","note":"x"}"#;

    #[test]
    fn an_app_is_read_with_and_without_a_previous_secret() {
        let app = parse_app(FULL).unwrap();
        assert_eq!((app.client_id.as_str(), app.client_secret.expose()), ("1", "s"));
        assert_eq!(app.previous_client_secret.map(|secret| secret.expose().to_owned()).as_deref(), Some("p"));
        let without = FULL.replace("previous_client_secret", "something_else");
        assert!(parse_app(&without).unwrap().previous_client_secret.is_none());
    }

    #[test]
    fn an_app_of_a_tenant_needs_no_verify_token() {
        let without = FULL.replace("webhook_verify_token", "something_else");
        assert!(parse_tenants_app(&without).unwrap().webhook_verify_token.expose().is_empty());
        assert!(parse_app(&without).is_err());
    }

    #[test]
    fn a_missing_or_empty_field_is_named_and_no_value_is_shown() {
        for field in ["client_id", "client_secret", "webhook_verify_token"] {
            let missing = FULL.replace(&format!("\"{field}\""), "\"canary\"");
            assert_eq!(parse_app(&missing).unwrap_err(), format!("`{field}` is missing"));
        }
        assert!(parse_app(r#"{"client_id":""}"#).unwrap_err().contains("client_id"));
        for wrong in ["", "canary", "[]", r#"{"client_id":1}"#] {
            assert_eq!(parse_app(wrong).unwrap_err(), "it is not a JSON object of strings");
        }
    }

    #[test]
    fn a_signature_holds_for_its_key_context_and_message_only() {
        let key = SigningKey::from_secret("0123456789abcdef0123456789abcdef").unwrap();
        let other = SigningKey::from_secret("0123456789abcdef0123456789abcdeF").unwrap();
        let signature = key.sign("cursor", b"message");
        assert_eq!(key.verify("cursor", b"message", &signature), Ok(()));
        assert_eq!(key.verify("cursor", b"messagE", &signature), Err(BadSignature));
        assert_eq!(key.verify("cursorm", b"essage", &signature), Err(BadSignature));
        assert_eq!(key.verify("cursor", b"message", &signature[..31]), Err(BadSignature));
        assert_eq!(other.verify("cursor", b"message", &signature), Err(BadSignature));
    }

    #[test]
    fn a_short_secret_signs_nothing() {
        assert!(SigningKey::from_secret("0123456789abcdef0123456789abcde").is_none());
        assert_eq!(format!("{:?}", SigningKey::from_secret(&"x".repeat(32)).unwrap()), "SigningKey([redacted])");
    }
}
