//! What people do about posts later: change what they say, tell what became of them, send back to work what failed.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    aws::text,
    callers::{Caller, Edited, TRIES},
    oracle::Publication,
    scenario::{Scenario, Wish},
    time,
};

/// How long after the last event a person looks at an account: nothing can come late any more.
const LATER: Duration = Duration::from_hours(1);

/// A target of which only a person can say whether it is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Which wish its post was.
    pub wish: usize,
    /// The post's id.
    pub post: String,
    /// The target's id within it.
    pub target: String,
    /// Where it goes to.
    pub place: String,
}

impl Caller {
    /// Changes a post, if it was accepted and nothing of it has begun.
    pub async fn edit(&self, index: usize, wish: &Wish) {
        let (accepted, Some(edit)) = (self.book().get(&index).cloned(), &wish.edit) else { return };
        let Some(accepted) = accepted else { return };
        let path = format!("/v1/posts/{}", accepted.id);
        let Some((version, _)) = self.read(wish, &path).await else { return };
        let mut body = json!({ "content": { "text": edit.text } });
        // An edit that moves nothing leaves the time as it is.
        let mut not_before = accepted.goes_out;
        if let (Some(ahead), Some(fields)) = (edit.ahead, body.as_object_mut()) {
            not_before = self.after(ahead);
            fields.insert("schedule".into(), json!({ "at": not_before.to_string() }));
        }
        self.may_say(wish, &edit.text, not_before);
        self.note_edit(index, Edited::Perhaps);
        for _ in 0..TRIES {
            let header = Some(("if-match", version.as_str()));
            match self.send("PATCH /v1/posts/{post}", &path, wish.tenant, header, &body).await {
                Some(Ok(_)) => return self.note_done(index, wish),
                Some(Err(problem)) if problem.retryable => {}
                // Somebody was faster, or an answer of ours was lost.
                Some(Err(problem)) if problem.code == "precondition.failed" => {
                    let now = self.read(wish, &path).await;
                    if now.is_some_and(|(_, text)| text == edit.text) {
                        self.note_done(index, wish);
                    }
                    return;
                }
                Some(Err(_)) => return,
                None => {}
            }
            time::pass(Duration::from_secs(5)).await;
        }
    }

    /// A post's version, as `If-Match` wants it, and what it says.
    async fn read(&self, wish: &Wish, path: &str) -> Option<(String, String)> {
        for _ in 0..TRIES {
            let answer = self.send("GET /v1/posts/{post}", path, wish.tenant, None, &Value::Null).await;
            if let Some(Ok(response)) = answer {
                let (_, tag) = response.headers.iter().find(|(name, _)| *name == "etag")?;
                let view: Value = serde_json::from_str(&response.body).ok()?;
                return Some((tag.clone(), view.get("content")?.get("text")?.as_str()?.to_owned()));
            }
            time::pass(Duration::from_secs(5)).await;
        }
        None
    }

    fn note_edit(&self, index: usize, edited: Edited) {
        if let Some(accepted) = self.book().get_mut(&index) {
            accepted.edited = edited;
        }
    }

    /// From here on what the post said before must not go out.
    fn note_done(&self, index: usize, wish: &Wish) {
        self.note_edit(index, Edited::Surely);
        let now = self.cloud.time.now();
        for place in self.places(wish) {
            self.cloud.oracle.allow((place, wish.text.clone()), |allowance| allowance.cancelled_at = Some(now));
        }
    }

    /// At the end: which posts were edited. What a caller was told was done is done.
    pub async fn settle_edits(&self, scenario: &Scenario) {
        for accepted in self.accepted() {
            let Some(wish) = scenario.wishes.get(accepted.wish) else { continue };
            let (Some(edit), true) = (&wish.edit, accepted.edited != Edited::Not) else { continue };
            let read = self.read(wish, &format!("/v1/posts/{}", accepted.id)).await;
            let done = read.is_some_and(|(_, text)| text == edit.text);
            if accepted.edited == Edited::Surely && !done {
                self.cloud.oracle.violated("I11", &format!("the edit of {:?} was lost", wish.text));
            }
            if done {
                self.cloud.oracle.edited();
            }
            self.note_edit(accepted.wish, if done { Edited::Surely } else { Edited::Not });
        }
    }

    /// Looks at the accounts, and says of each target whether it is there.
    pub async fn resolve(&self, doubts: Vec<Doubt>, scenario: &Scenario) {
        time::pass(LATER).await;
        let publications = self.cloud.oracle.publications();
        // What another target is said to be is not this one.
        let mut taken = self.known_posts();
        let mut answers = Vec::with_capacity(doubts.len());
        for doubt in doubts {
            let Some(wish) = scenario.wishes.get(doubt.wish) else { continue };
            let ours =
                |post: &&Publication| post.destination == doubt.place && wish.texts().any(|text| text == post.text);
            let there = publications.iter().filter(ours).find(|post| !taken.contains(&post.remote_id));
            let body = there.map_or_else(
                || json!({ "as": "not_published" }),
                |post| json!({ "as": "published", "remote_id": post.remote_id }),
            );
            taken.extend(there.map(|post| post.remote_id.clone()));
            let path = format!("/v1/posts/{}/targets/{}/resolve", doubt.post, doubt.target);
            answers.push((path, wish.tenant, body));
        }
        for (path, tenant, body) in answers {
            self.insist("POST /v1/posts/{post}/targets/{target}/resolve", &path, tenant, &body).await;
        }
    }

    /// The platforms' ids of all that is said to be out.
    fn known_posts(&self) -> BTreeSet<String> {
        let rows = self.cloud.aws.state();
        rows.iter().filter_map(|(_, row)| text(row, "remote_id").map(str::to_owned)).collect()
    }

    /// Sends everything of every tenant that failed back to work, after a look at what that would mean.
    pub async fn redrive(&self) {
        let route = "POST /v1/dead-letters/redrive";
        for tenant in self.tenants.members.keys() {
            for dry_run in [true, false] {
                let body = json!({ "dry_run": dry_run, "filter": {} });
                self.insist(route, "/v1/dead-letters/redrive", *tenant, &body).await;
            }
        }
    }

    /// Sends a request until somebody says yes or no.
    async fn insist(&self, route: &str, path: &str, tenant: usize, body: &Value) {
        for _ in 0..TRIES {
            match self.send(route, path, tenant, None, body).await {
                Some(Err(problem)) if problem.retryable => {}
                Some(Ok(_) | Err(_)) => return,
                None => {}
            }
            time::pass(Duration::from_secs(5)).await;
        }
    }
}
