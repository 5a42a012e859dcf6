//! The bucket of uploads: what is signed for callers and platforms, and what postd reads there itself.
//!
//! Everything is asked with a query that is signed by Signature Version 4 (`aws-sigv4`, which the SDK brings along), over the
//! HTTP client that fetches callers' files. The SDK's own client has all of S3 in it, for four kinds of request without a
//! body. A signed address is as good as the file: it goes where it is needed and into no log.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use url::Url;

use crate::{
    clock::Clock,
    content::SignedUrl,
    ids::MediaId,
    reach::{
        Reach,
        client::{Call, Fetcher, SystemResolver},
    },
    tenant::Tenant,
};

/// For what postd asks itself, at once.
const OWN: Duration = Duration::from_mins(5);
/// How long a platform may take until it has pulled a file. TikTok gives up after an hour; a signature ends with the
/// credentials of its signer in any case, and Lambda's last for hours.
const PULLED_WITHIN: Duration = Duration::from_hours(2);
/// For one request of our own, from its name's resolution to the last byte.
const CALL: Duration = Duration::from_secs(5);

/// Where uploads are, and what they are asked with.
#[derive(Clone)]
pub struct Bucket {
    /// With a slash at its end; none if the name makes no address.
    base: Option<Url>,
    region: String,
    credentials: Option<SharedCredentialsProvider>,
    clock: Arc<dyn Clock>,
    /// Made when it is first needed: most invocations ask for no file.
    client: Arc<OnceLock<Fetcher>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bucket").field("base", &self.base.as_ref().map(Url::as_str)).finish_non_exhaustive()
    }
}

/// Why nothing was signed or read. None of these shows an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// There is no bucket that could be asked.
    #[error("the bucket cannot be addressed")]
    Unaddressable,
    /// There are no credentials to sign with.
    #[error("there are no credentials to sign with")]
    Credentials,
    /// The request cannot be signed.
    #[error("the request cannot be signed")]
    Unsignable,
    /// S3 does not answer.
    #[error("S3 does not answer")]
    NoAnswer,
    /// S3 refuses, with this status.
    #[error("S3 refuses with {0}")]
    Refused(StatusCode),
}

/// What S3 says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many bytes it has.
    pub length: u64,
    /// Its media type.
    pub content_type: Option<String>,
}

/// What an upload is bound to: nothing else is taken under its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The media type.
    pub content_type: &'a str,
    /// The number of bytes.
    pub size: u64,
}

impl Binding<'_> {
    /// The headers that the upload must carry as they are. The last one lets it take place once: what was looked at is what
    /// is published.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("content-length", self.size.to_string()),
            ("content-type", self.content_type.to_owned()),
            ("if-none-match", "*".to_owned()),
        ]
    }
}

impl Bucket {
    /// The bucket `name`. With an `endpoint`, which stands in for all of AWS, its name is a part of the path.
    #[must_use]
    pub fn new(
        name: &str,
        region: &str,
        endpoint: Option<&str>,
        credentials: Option<SharedCredentialsProvider>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let base = match endpoint {
            Some(endpoint) => format!("{}/{name}/", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.s3.{region}.{suffix}/"),
        };
        Self { base: Url::parse(&base).ok(), region: region.to_owned(), credentials, clock, client: Arc::default() }
    }

    /// The address under which a caller may put an upload, once, for as long as `life`.
    ///
    /// # Errors
    /// Nothing was signed.
    pub async fn sign_upload(
        &self,
        place: (Tenant, MediaId),
        binding: &Binding<'_>,
        life: Duration,
    ) -> Result<SignedUrl, BucketError> {
        let headers = binding.headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.sign(&Method::PUT, place, &headers, life).await
    }

    /// The address under which a platform finds an upload.
    ///
    /// # Errors
    /// Nothing was signed.
    pub async fn sign_download(&self, place: (Tenant, MediaId)) -> Result<SignedUrl, BucketError> {
        self.sign(&Method::GET, place, &[], PULLED_WITHIN).await
    }

    /// What S3 says of an upload; `None` if there is none.
    ///
    /// # Errors
    /// S3 does not answer, or refuses.
    pub async fn head(&self, place: (Tenant, MediaId)) -> Result<Option<Head>, BucketError> {
        let answer = self.ask(Method::HEAD, place, HeaderMap::new()).await?;
        match answer.status() {
            StatusCode::OK => {
                let text = |name| answer.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
                let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
                let content_type = text(header::CONTENT_TYPE).map(str::to_owned);
                Ok(Some(Head { length: length.ok_or(BucketError::NoAnswer)?, content_type }))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(refused(status)),
        }
    }

    /// A range of an upload, at most `length` bytes from `first` on.
    ///
    /// # Errors
    /// S3 does not answer, or refuses.
    pub async fn read(&self, place: (Tenant, MediaId), first: u64, length: u64) -> Result<Bytes, BucketError> {
        let last = first.saturating_add(length.saturating_sub(1));
        let range = HeaderValue::try_from(format!("bytes={first}-{last}")).map_err(|_| BucketError::Unsignable)?;
        let answer = self.ask(Method::GET, place, HeaderMap::from_iter([(header::RANGE, range)])).await?;
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(refused(answer.status()));
        }
        let limit = usize::try_from(length).map_err(|_| BucketError::Unsignable)?;
        let body = tokio::time::timeout(CALL, Limited::new(answer.into_body(), limit).collect());
        Ok(body.await.map_err(|_| BucketError::NoAnswer)?.map_err(|_| BucketError::NoAnswer)?.to_bytes())
    }

    async fn ask(
        &self,
        method: Method,
        place: (Tenant, MediaId),
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, BucketError> {
        let url = self.sign(&method, place, &[], OWN).await?.expose().clone();
        let client = self.client.get_or_init(|| Fetcher::new(Reach::default(), Arc::new(SystemResolver)));
        let call = Call { method, headers, ..Call::get(url) };
        let answer = tokio::time::timeout(CALL, client.open_own(call)).await.map_err(|_| BucketError::NoAnswer)?;
        answer.map_err(|_| BucketError::NoAnswer)
    }

    async fn sign(
        &self,
        method: &Method,
        (tenant, media): (Tenant, MediaId),
        headers: &[(&str, &str)],
        life: Duration,
    ) -> Result<SignedUrl, BucketError> {
        let path = format!("{}/{media}", tenant.id());
        let base = self.base.as_ref().ok_or(BucketError::Unaddressable)?;
        let mut url = base.join(&path).map_err(|_| BucketError::Unaddressable)?;
        let provider = self.credentials.as_ref().ok_or(BucketError::Credentials)?;
        let credentials = provider.provide_credentials().await.map_err(|_| BucketError::Credentials)?;
        let identity = Identity::from(credentials);
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::from(self.clock.now()))
            .settings(settings(life))
            .build()
            .map_err(|_| BucketError::Unsignable)?
            .into();
        let body = SignableBody::UnsignedPayload;
        let request = SignableRequest::new(method.as_str(), url.as_str(), headers.iter().copied(), body)
            .map_err(|_| BucketError::Unsignable)?;
        let signed = sign(request, &params).map_err(|_| BucketError::Unsignable)?;
        url.query_pairs_mut().extend_pairs(signed.output().params());
        Ok(SignedUrl::new(url))
    }
}

/// As S3 wants it: everything in the query, the path as it is.
fn settings(life: Duration) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.expires_in = Some(life);
    settings
}

fn refused(status: StatusCode) -> BucketError {
    if status.is_server_error() { BucketError::NoAnswer } else { BucketError::Refused(status) }
}
