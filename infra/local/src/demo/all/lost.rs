//! The platform takes a post, and its answer is lost: postd says that it does not know, asks, and sends nothing twice.

use std::time::Instant;

use http::Method;
use serde_json::{Value, json};

use super::account::{Account, Kind, Out};
use super::likeness::unlike;
use crate::demo::browser;
use crate::demo::steps::{Failure, field, list, text};

impl Account<'_> {
    /// Loses the answer to the call at `edge`, which publishes `kind`; postd finds out that it is out.
    pub(super) async fn lose(&mut self, edge: (&str, &str), kind: Kind) -> Result<(), Failure> {
        let began = Instant::now();
        let (id, post) = self.publish_and_lose(edge, &kind).await?;
        let out = Self::out(&id, &kind, &post)?;
        self.found(out).await?;
        let mut lines = self.uncertain(&id).await?;
        lines.push(format!("the platform shows it once, among {} of ours", self.out.len()));
        lines.extend(self.came_with_new_token().await?);
        let title = "The platform takes a post and its answer is lost: postd asks instead of posting twice";
        self.chapter.told.step(title, began, lines);
        Ok(())
    }

    /// Loses the answer where nobody may ask the platform: a person looks, and says that it is out.
    pub(super) async fn lose_for_a_person(&mut self, edge: (&str, &str), kind: Kind) -> Result<(), Failure> {
        let began = Instant::now();
        let (id, post) = self.publish_and_lose(edge, &kind).await?;
        if field(&post, "/state") != "needs_review" {
            return Err(format!("{id} is {}, and nobody can know", field(&post, "/state")).into());
        }
        let shown = self.shown().await?;
        let known = |entry: &&Value| !self.out.iter().any(|out| self.id_of(entry) == Some(out.remote_id.as_str()));
        let unknown: Vec<&Value> = shown.iter().filter(known).collect();
        let [entry] = unknown.as_slice() else {
            return Err(format!("the platform shows it {} times", unknown.len()).into());
        };
        if let Some(difference) = unlike(entry, &kind.shown) {
            return Err(format!("of {}, {difference}", kind.name).into());
        }
        let remote_id = self.id_of(entry).ok_or("what the platform shows has no id")?;
        let mut lines = self.uncertain(&id).await?;
        let seen = json!({ "as": "published", "remote_id": remote_id });
        let path = format!("/v1/posts/{id}/targets/t1/resolve");
        let answer = self.chapter.steps.client.api(Method::POST, &path, (Some(seen), &[]), 200).await?;
        let out = Self::out(&id, &kind, &browser::json(&answer)?)?;
        self.found(out).await?;
        lines.push("a person looks, and tells postd that it is there: published".to_owned());
        lines.push(format!("the platform shows it once, among {} of ours", self.out.len()));
        lines.extend(self.came_with_new_token().await?);
        let title = "An answer is lost where nobody may ask the platform: postd asks a person, and sends nothing again";
        self.chapter.told.step(title, began, lines);
        Ok(())
    }

    async fn publish_and_lose(&self, (method, edge): (&str, &str), kind: &Kind) -> Result<(String, Value), Failure> {
        let fault = json!({ "kind": "lost_answer", "method": method, "edge": edge, "count": 1 });
        self.chapter.control(self.platform, "faults", fault).await?;
        let id = self.create(kind).await?;
        let post = self.chapter.steps.settled(&id).await?;
        Ok((id, post))
    }

    async fn found(&mut self, out: Out) -> Result<(), Failure> {
        self.out.push(out);
        self.chapter.steps.eventually(async || self.stands().await).await?;
        self.chapter.told.out(1);
        Ok(())
    }

    /// What happened to it; it has to have been unknown in between.
    async fn uncertain(&self, id: &str) -> Result<Vec<String>, Failure> {
        let timeline = self.chapter.steps.client.read(&format!("/v1/posts/{id}/timeline")).await?;
        let mut events = list(&timeline, "/entries").iter().map(|entry| text(entry, "event"));
        if !events.any(|event| event.is_ok_and(|event| event == "unknown")) {
            return Err(format!("nobody was told that the outcome of {id} was unknown").into());
        }
        self.chapter.steps.timeline(id).await
    }
}
