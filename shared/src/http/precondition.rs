//! Versions of a post in headers: `ETag` tells the one that an answer shows, `If-Match` the one that a request means.

use super::{Request, Response};
use crate::problem::{Code, Problem};

impl Request {
    /// Refuses a request that means another version than `current`. Without `If-Match` it means whatever is there.
    ///
    /// # Errors
    /// 412; 400 if the header is not one entity tag.
    pub fn only_if_at(&self, current: u64) -> Result<(), Problem> {
        match self.if_match()? {
            Some(tag) if tag != current.to_string() => Err(at_another_version()),
            Some(_) | None => Ok(()),
        }
    }

    /// What stands between the quotes of `If-Match`, if the header is there.
    ///
    /// # Errors
    /// 400: it is not one entity tag as an answer's `ETag` carried it.
    pub fn if_match(&self) -> Result<Option<&str>, Problem> {
        let mut values = self.headers.get_all(http::header::IF_MATCH).iter();
        let (first, more) = (values.next(), values.next());
        let Some(first) = first else { return Ok(None) };
        let tag = first.to_str().ok().and_then(|value| value.trim().strip_prefix('"')?.strip_suffix('"'));
        tag.filter(|tag| more.is_none() && !tag.is_empty() && !tag.contains('"')).map(Some).ok_or_else(|| {
            let text = "Send the `ETag` of the post as it came, such as `If-Match: \"1\"`: one, not weak, not `*`.";
            Problem::new(Code::HeaderInvalid, text)
        })
    }
}

impl Response {
    /// The same, saying which version of the post it shows.
    #[must_use]
    pub fn at_version(self, version: u64) -> Self {
        self.with_header("etag", format!("\"{version}\""))
    }
}

/// The refusal of a request that means another version than there is.
#[must_use]
pub fn at_another_version() -> Problem {
    let text = "The post was changed since you read it: read it again, and send its new `ETag` if you still mean it.";
    Problem::new(Code::PreconditionFailed, text)
}
