//! From an upload's name in a post to an address that opens it, for one use.

use url::Url;

use crate::{
    bucket::{Bucket, BucketError},
    connector::Prepared,
    content::{SignedUrl, upload_of},
    tenant::Tenant,
};

/// What goes out, with an address for each upload of the tenant that it names. It is signed anew for every use, and what is
/// remembered of a publish holds none of it.
///
/// # Errors
/// Nothing was signed.
pub async fn sign(bucket: &Bucket, tenant: Tenant, mut prepared: Prepared) -> Result<Prepared, BucketError> {
    for media in &mut prepared.content.media {
        media.known.address = address(bucket, tenant, Some(&media.url)).await?;
        media.known.thumbnail = address(bucket, tenant, media.thumbnail.as_ref()).await?;
    }
    Ok(prepared)
}

async fn address(bucket: &Bucket, tenant: Tenant, url: Option<&Url>) -> Result<Option<SignedUrl>, BucketError> {
    match url.and_then(upload_of) {
        Some(media) => bucket.sign_download((tenant, media)).await.map(Some),
        None => Ok(None),
    }
}
