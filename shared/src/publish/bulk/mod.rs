//! Many posts in one request: each is accepted or refused by itself, in the order in which they came.
//!
//! A request is as safe to repeat as its posts are: each has a key of its own. Everything about it is bounded: the body,
//! the posts, their targets, the answer, what is in flight at once, and the time.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

mod answer;
mod body;
mod flow;

use answer::{ANSWER, Results, Weight};
pub use answer::{BulkResult, BulkResults};
use body::Posts;
pub use body::{BulkPosts, MAX_BULK_BODY, MAX_BULK_POSTS};
use flow::{Deadline, Flow, Item, Lookup};

use super::{NewBulkPost, NewPost, Publisher, build, duplicates, post_id, request_fingerprint, validate};
use crate::{
    http::{self, Caller, Request, Response},
    problem::{Code, Fault, Problem},
    view::PostView,
};

/// How many targets all posts of one request may have together.
pub const MAX_BULK_TARGETS: usize = 5_000;

/// A post of the request that could be read.
struct Read {
    index: usize,
    key: String,
    wanted: NewPost,
}

impl Publisher {
    pub(super) async fn bulk(&self, request: &Request, time_left: Duration) -> Result<Response, Problem> {
        let deadline = Deadline::after(time_left);
        let caller = request.caller()?;
        request.only_queries(&[])?;
        let posts = body::posts(&request.body)?;
        let now = self.now();
        let mut results = Results::of(posts.0.len());
        let read = read(&posts, &mut results);
        let named = read.iter().flat_map(|read| &read.wanted.targets).map(|target| target.connection).collect();
        let connections = validate::connections(&self.store, caller.tenant, named).await?;
        let contents = read.iter().flat_map(|read| validate::contents(&read.wanted));
        let uploads = self.media.find(caller.tenant, contents, now).await?;
        let known = validate::Known { connections: &connections, uploads: &uploads, connectors: &self.connectors };
        let mut flow = Flow::new(self, caller, now, deadline);
        for Read { index, key, wanted } in read {
            let id = post_id(&caller, &request.route, &key);
            let fingerprint = request_fingerprint(&wanted);
            match validate::check_against(&known, &wanted, now) {
                Ok(validated) => {
                    let post = build(id, caller, fingerprint, validated, now);
                    match results.weigh(&PostView::accepted(&post)) {
                        Weight::Fits => flow.push(self.item(index, post, wanted.allow_duplicate, now)),
                        Weight::TooMuch => results.refuse(index, no_room()),
                    }
                }
                Err(faults) => {
                    let problem = results.weigh_problem(Problem::invalid(faults));
                    flow.look_up(Lookup { index, id, fingerprint, problem });
                }
            }
        }
        flow.run(&mut results).await;
        Ok(tell(&caller, &results, now, self.now()))
    }

    fn item(&self, index: usize, post: crate::post::Post, allow_duplicate: bool, now: Timestamp) -> Item {
        let contents = if self.duplicate_window.is_some() { duplicates::fingerprints(&post) } else { Vec::new() };
        Item::new(index, post, (allow_duplicate, contents), now)
    }
}

/// Reads each post by itself, up to the bound on targets; refuses those that cannot be read.
fn read(posts: &Posts<'_>, results: &mut Results) -> Vec<Read> {
    let mut keys = BTreeSet::new();
    let mut targets = 0_usize;
    let mut all = Vec::new();
    for (index, text) in posts.0.iter().enumerate() {
        let (key, wanted) = match http::read_json::<NewBulkPost>(text.get().as_bytes()) {
            Ok(post) => post.split(),
            Err(problem) => {
                let problem = results.weigh_problem(problem);
                results.refuse(index, problem);
                continue;
            }
        };
        if let Err(problem) = check_key(&key, &mut keys) {
            results.refuse(index, problem);
            continue;
        }
        if let Err(problem) = validate::size(&wanted) {
            results.refuse(index, problem);
            continue;
        }
        // What is refused for its number of targets has nothing looked up for it.
        let counted = if validate::has_a_count_that_is_allowed(&wanted) { wanted.targets.len() } else { 0 };
        if targets + counted > MAX_BULK_TARGETS {
            results.refuse(index, too_many_targets());
            continue;
        }
        targets += counted;
        all.push(Read { index, key, wanted });
    }
    all
}

fn check_key(key: &str, keys: &mut BTreeSet<String>) -> Result<(), Problem> {
    let fault = |code, text: &str| Problem::invalid(vec![Fault::new("/idempotency_key", code, text)]);
    if !http::is_idempotency_key(key) {
        return Err(fault("idempotency.key_invalid", "A key has 1 to 255 visible ASCII characters."));
    }
    if !keys.insert(key.to_owned()) {
        return Err(fault("idempotency.key_repeated", "Another post before this one has the same key."));
    }
    Ok(())
}

fn too_many_targets() -> Problem {
    let text = format!("The posts before this one have nearly {MAX_BULK_TARGETS} targets: send it in another request.");
    Problem::new(Code::BodyTooLarge, text)
}

fn no_room() -> Problem {
    let text = format!("The answer would have more than {ANSWER} bytes: send this post in another request.");
    Problem::new(Code::BodyTooLarge, text)
}

fn tell(caller: &Caller, results: &Results, began: Timestamp, now: Timestamp) -> Response {
    let (accepted, replayed, refused) = results.counts();
    let tenant = caller.tenant.id();
    let took = now.duration_since(began).as_millis();
    tracing::info!(%tenant, accepted, replayed, refused, duration_ms = %took, "accepted in bulk");
    results.response()
}
