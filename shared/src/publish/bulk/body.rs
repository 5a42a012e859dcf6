//! The body of a bulk request: taken apart, so that a post that cannot be read costs only itself.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::super::NewBulkPost;
use crate::{
    http,
    problem::{Code, Fault, Problem},
};

/// The largest body of a bulk request, in bytes. Lambda takes 6 MB for the whole event, in which every quotation mark of
/// the body takes two bytes.
pub const MAX_BULK_BODY: usize = 4 * 1024 * 1024;
/// How many posts one request may have.
pub const MAX_BULK_POSTS: usize = 1_000;

/// Many posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkPosts {
    /// The posts: 1 to 1,000.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 1000))]
    pub posts: Vec<NewBulkPost>,
}

/// The same, not yet read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    posts: Counted<'a>,
}

/// The texts of the posts.
pub(super) struct Posts<'a>(pub(super) Vec<&'a RawValue>);

/// As many texts as may be, and how many there were.
struct Counted<'a> {
    texts: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Counted<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counter)
    }
}

struct Counter;

impl<'de> Visitor<'de> for Counter {
    type Value = Counted<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of posts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while texts.len() < MAX_BULK_POSTS {
            let Some(text) = list.next_element()? else { return Ok(Counted { count: texts.len(), texts }) };
            texts.push(text);
        }
        let mut count = texts.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Counted { texts, count })
    }
}

/// Takes a body apart.
pub(super) fn posts(body: &[u8]) -> Result<Posts<'_>, Problem> {
    if body.len() > MAX_BULK_BODY {
        let text = format!(
            "The body has {} bytes; at most {MAX_BULK_BODY} are taken. Send the posts in several requests: each has a \
             key of its own, so it does not matter which goes where.",
            body.len()
        );
        return Err(Problem::new(Code::BodyTooLarge, text));
    }
    let Counted { texts, count } = http::read_json::<Body<'_>>(body)?.posts;
    if !(1..=MAX_BULK_POSTS).contains(&count) {
        let text = format!("A request has 1 to {MAX_BULK_POSTS} posts; this one has {count}.");
        return Err(Problem::invalid(vec![Fault::new("/posts", "posts.count", text)]));
    }
    Ok(Posts(texts))
}
