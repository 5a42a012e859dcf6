//! Files that callers upload for their posts: straight into the bucket, under an address that is signed for one file of one
//! type and one length. postd never carries their bytes; it looks at a few of them to know what they are.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

mod movie;
mod orientation;
mod probe;
mod rules;
mod sign;
mod view;

pub use rules::NewMedia;
pub use sign::sign;
pub use view::{MediaState, MediaView, RejectedView, UploadView};

use crate::{
    bucket::{Binding, Bucket, BucketError},
    clock::Clock,
    connector::canonical::{canonical, sha256_hex},
    content::{self, Content},
    http::{Caller, Request, Response},
    ids::MediaId,
    problem::{Code, Fault, Problem},
    store::{Probed, Store, Upload},
    telemetry::Chain,
    tenant::Tenant,
};
use probe::{Failure, Ranges};

/// How long an address for an upload is good.
const UPLOAD_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// How many uploads one request may name: each may have to be looked at.
const MOST: usize = 200;
/// How many uploads are looked at side by side.
const AT_ONCE: usize = 8;

/// Takes files in, and tells what they are.
#[derive(Clone)]
pub struct Library {
    /// Where they are announced.
    pub store: Store,
    /// Where they are.
    pub bucket: Bucket,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For how many days posts may use a file; the bucket keeps it no shorter.
    pub days: u16,
}

/// The uploads that a request names, as far as its tenant has them.
#[derive(Debug, Default)]
pub(crate) struct Uploads(BTreeMap<MediaId, Upload>);

impl Library {
    /// `POST /v1/media`.
    pub(crate) async fn create(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&[])?;
        let key = request.idempotency_key()?;
        let wanted: NewMedia = request.json()?;
        rules::check(&wanted)?;
        if self.store.is_deleted(caller.tenant).await.map_err(unavailable)? {
            return Err(Problem::tenant_deleted());
        }
        let now = self.now();
        let upload = self.announced(&caller, wanted, key.map(|key| (request.route.as_str(), key)), now);
        let earlier = self.store.put_upload(caller.tenant, &upload).await.map_err(unavailable)?;
        let (upload, replayed) = match earlier {
            None => (upload, false),
            Some(earlier) if earlier.request_fingerprint == upload.request_fingerprint => (earlier, true),
            Some(_) => {
                let text = "Send the first body again, or choose a new Idempotency-Key.";
                return Err(Problem::new(Code::IdempotencyMismatch, text));
            }
        };
        if !replayed {
            let tenant = caller.tenant.id();
            tracing::info!(%tenant, media = %upload.id, size = upload.size, "an upload is awaited");
        }
        let mut view = MediaView::of(&upload, now);
        if view.state == MediaState::AwaitingUpload {
            view.upload = Some(self.place(caller.tenant, &upload, now).await?);
        }
        let location = format!("/v1/media/{}", upload.id);
        let response = Response::json(201, &view).with_header("location", location);
        Ok(if replayed { response.with_header("idempotency-replayed", "true") } else { response })
    }

    /// `GET /v1/media/{media}`.
    pub(crate) async fn show(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&[])?;
        let id: MediaId = request.parameter("media", Code::MediaUnknown)?;
        let found = self.store.upload(caller.tenant, id).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| Problem::new(Code::MediaUnknown, "None of your uploads has this id."))?;
        let upload = self.look(caller.tenant, found, self.now()).await?;
        Ok(Response::json(200, &MediaView::of(&upload, self.now())))
    }

    /// The uploads that `contents` name, each looked at if nobody has yet.
    pub(crate) async fn find<'a>(
        &self,
        tenant: Tenant,
        contents: impl Iterator<Item = &'a Content>,
        now: Timestamp,
    ) -> Result<Uploads, Problem> {
        let mut wanted: Vec<MediaId> = contents
            .flat_map(|content| content.uploads().filter_map(|(_, url)| content::upload_of(url)).collect::<Vec<_>>())
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(Uploads::default());
        }
        if wanted.len() > MOST {
            let text = format!("The request names {} uploads; at most {MOST} are looked at.", wanted.len());
            return Err(Problem::invalid(vec![Fault::new("", "media.too_many_uploads", text)]));
        }
        let mut found = self.store.uploads(tenant, &wanted).await.map_err(unavailable)?;
        for id in &wanted {
            // It may have been announced a moment ago.
            if !found.iter().any(|upload| upload.id == *id) {
                found.extend(self.store.upload(tenant, *id).await.map_err(unavailable)?);
            }
        }
        let (mut looked_at, mut waiting) = (BTreeMap::new(), found.into_iter());
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE
                && let Some(upload) = waiting.next()
            {
                let library = self.clone();
                tasks.spawn(async move { library.look(tenant, upload, now).await });
            }
            let Some(done) = tasks.join_next().await else { break };
            let upload = done.map_err(|error| {
                tracing::error!(error = %Chain(&error), "the look at an upload was lost");
                Problem::new(Code::Unavailable, "Nothing was done; send the same request again.")
            })??;
            looked_at.insert(upload.id, upload);
        }
        Ok(Uploads(looked_at))
    }

    fn announced(&self, caller: &Caller, wanted: NewMedia, key: Option<(&str, &str)>, now: Timestamp) -> Upload {
        let id = match key {
            Some((route, key)) => MediaId::derived(&[&caller.tenant.id().to_string(), route, key]),
            None => MediaId::new(),
        };
        // Plain data with text keys: writing it as JSON cannot fail.
        let request_fingerprint = sha256_hex(&canonical(&serde_json::to_value(&wanted).unwrap_or_default()));
        let later = |by| now.saturating_add(by).unwrap_or(Timestamp::MAX);
        Upload {
            id,
            content_type: wanted.content_type,
            size: wanted.size,
            file_name: wanted.file_name,
            created_at: now,
            upload_until: later(UPLOAD_WITHIN),
            usable_until: later(SignedDuration::from_hours(24 * i64::from(self.days))),
            request_fingerprint,
            probed: None,
        }
    }

    /// Where an upload goes, and with which headers.
    async fn place(&self, tenant: Tenant, upload: &Upload, now: Timestamp) -> Result<UploadView, Problem> {
        let binding = Binding { content_type: &upload.content_type, size: upload.size };
        let left = Duration::try_from(upload.upload_until.duration_since(now)).unwrap_or_default();
        let life = left.max(Duration::from_secs(1));
        let signed = self.bucket.sign_upload((tenant, upload.id), &binding, life).await.map_err(unread)?;
        Ok(UploadView::new(&signed, &binding, upload.upload_until))
    }

    /// Finds out what an upload is, once it is there.
    async fn look(&self, tenant: Tenant, upload: Upload, now: Timestamp) -> Result<Upload, Problem> {
        if upload.probed.is_some() || now >= upload.usable_until {
            return Ok(upload);
        }
        let place = (tenant, upload.id);
        let Some(head) = self.bucket.head(place).await.map_err(unread)? else { return Ok(upload) };
        let mut file = Stored { bucket: &self.bucket, place };
        let probed = match probe::probe(&mut file, head.length, &upload.content_type).await {
            Ok(facts) if head.length == upload.size => Probed::Good(facts),
            Ok(_) => Probed::Bad(probe::Unfit::OtherType.code().to_owned()),
            Err(Failure::Unfit(unfit)) => Probed::Bad(unfit.code().to_owned()),
            Err(Failure::Unread(error)) => return Err(unread(error)),
        };
        let is_good = matches!(probed, Probed::Good(_));
        tracing::info!(tenant = %tenant.id(), media = %upload.id, is_good, "an upload was looked at");
        let upload = Upload { probed: Some(probed), ..upload };
        self.store.keep_probed(tenant, &upload).await.map_err(unavailable)?;
        Ok(upload)
    }

    /// The time, to the millisecond: that is what the store keeps.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl Uploads {
    /// Everything that is wrong with the uploads that a content names, for a post that goes out at `goes_out`. Pointers begin in
    /// the content.
    pub(crate) fn faults(&self, content: &Content, goes_out: Timestamp, now: Timestamp) -> Vec<Fault> {
        let fault = |pointer: String, (code, text): (&str, String)| Fault::new(pointer, code, text);
        let kind_of = |pointer: &str| {
            let index = pointer.split('/').nth(2).and_then(|index| index.parse::<usize>().ok());
            let media = index.and_then(|index| content.media.get(index))?;
            Some(if pointer.ends_with("/thumbnail") { content::MediaKind::Image } else { media.kind })
        };
        let found = content.uploads().filter_map(|(pointer, url)| {
            let upload = content::upload_of(url).and_then(|id| self.0.get(&id));
            let kind = kind_of(&pointer)?;
            rules::unusable(upload, kind, goes_out, now).map(|wrong| fault(pointer, wrong))
        });
        found.collect()
    }

    /// A content with the facts of its uploads.
    pub(crate) fn with_facts<'a>(&self, content: &'a Content) -> Cow<'a, Content> {
        if self.0.is_empty() || content.uploads().next().is_none() {
            return Cow::Borrowed(content);
        }
        let mut content = content.clone();
        for media in &mut content.media {
            let upload = content::upload_of(&media.url).and_then(|id| self.0.get(&id));
            if let Some(Probed::Good(facts)) = upload.and_then(|upload| upload.probed.as_ref()) {
                media.known.facts = Some(facts.clone());
            }
        }
        Cow::Owned(content)
    }
}

/// An upload in the bucket.
struct Stored<'a> {
    bucket: &'a Bucket,
    place: (Tenant, MediaId),
}

impl Ranges for Stored<'_> {
    type Error = BucketError;

    async fn read(&mut self, first: u64, length: u64) -> Result<Bytes, BucketError> {
        self.bucket.read(self.place, first, length).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: crate::store::StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer");
    Problem::new(Code::Unavailable, "It is not known whether anything was done; send the same request again.")
}

fn unread(error: BucketError) -> Problem {
    tracing::error!(%error, "the bucket of uploads cannot be used");
    Problem::new(Code::Unavailable, "The uploads cannot be reached; send the same request again.")
}
