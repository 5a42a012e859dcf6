//! An account that was connected, one destination of it, and what was put out there: as the API tells it, and as the
//! platform's own side shows it.

use std::time::Instant;

use http::Method;
use serde_json::{Value, json};

use super::Chapter;
use super::likeness::{unlike, with};
use crate::demo::steps::{Failure, Look, field, list, same, text};

/// Stands in what is expected for the id of the post.
pub(super) const POST: &str = "{post}";

/// Where an account is, and who connects it.
pub(super) struct Connect<'c> {
    /// The platform's name in the API, and at the simulator.
    pub(super) platform: &'static str,
    /// What the person ticks on the login page.
    pub(super) chosen: &'c [(&'c str, &'c str)],
    /// Where is published.
    pub(super) destination: String,
    /// What the platform shows of our app there, out of the simulator's state.
    pub(super) shows: fn(&Value, &str) -> Vec<Value>,
    /// Where the platform's ids stand in what it shows.
    pub(super) ids: &'static [&'static str],
    /// A part of the path of the call that publishes.
    pub(super) call: &'static str,
}

/// What is to go out, and what the platform has to show then.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) content: Value,
    /// The target's options, under the platform's name; null if there are none.
    pub(super) options: Value,
    pub(super) shown: Value,
}

/// A post that is out.
#[derive(Debug, Clone)]
pub(super) struct Out {
    pub(super) name: &'static str,
    pub(super) post: String,
    pub(super) remote_id: String,
    shown: Value,
}

/// A connected account.
pub(super) struct Account<'a> {
    pub(super) chapter: &'a Chapter<'a>,
    pub(super) platform: &'static str,
    pub(super) connection: String,
    destination: String,
    shows: fn(&Value, &str) -> Vec<Value>,
    ids: &'static [&'static str],
    call: &'static str,
    pub(super) out: Vec<Out>,
    /// The mark of the token that the account was last published with.
    token: Option<String>,
    /// Whether it was changed since: the next publish has to come with another.
    pub(super) is_changed: bool,
}

impl<'a> Account<'a> {
    /// A person connects an account through the platform's login page.
    pub(super) async fn connect(chapter: &'a Chapter<'a>, title: &str, connect: Connect<'_>) -> Result<Self, Failure> {
        let began = Instant::now();
        let Connect { platform, chosen, destination, shows, ids, call } = connect;
        let connection = chapter.steps.client.login(platform, chosen, None).await?;
        let out = Vec::new();
        let (token, is_changed) = (None, false);
        let account = Self { chapter, platform, connection, destination, shows, ids, call, out, token, is_changed };
        let view = account.view().await?;
        same("the connection's state", field(&view, "/state"), "active")?;
        let mut lines = vec![format!("{} is active, as {}", account.connection, text(&view, "account_name")?)];
        let mut may_publish = false;
        for place in list(&view, "/destinations") {
            let usable = field(place, "/usable") == true;
            may_publish |= usable && field(place, "/id") == account.destination.as_str();
            let may = if usable { "may publish" } else { "may not publish" };
            lines.push(format!("{}  {}: {may}", text(place, "id")?, text(place, "name")?));
        }
        if !may_publish {
            return Err(format!("the connection may not publish at {}", account.destination).into());
        }
        chapter.told.step(title, began, lines);
        Ok(account)
    }

    /// The connection, as the API tells it.
    pub(super) async fn view(&self) -> Result<Value, Failure> {
        self.chapter.steps.client.read(&format!("/v1/connections/{}", self.connection)).await
    }

    /// Publishes each kind, and finds each on the platform's own side, once and as it was meant.
    pub(super) async fn publish(&mut self, title: &str, kinds: Vec<Kind>) -> Result<(), Failure> {
        let began = Instant::now();
        let mut accepted = Vec::new();
        for kind in kinds {
            accepted.push((self.create(&kind).await?, kind));
        }
        let mut lines = Vec::new();
        for (id, kind) in accepted {
            let post = self.chapter.steps.settled(&id).await?;
            let out = Self::out(&id, &kind, &post)?;
            lines.push(format!("{:<14}  {} -> {}", out.name, out.post, out.remote_id));
            self.out.push(out);
        }
        self.chapter.steps.eventually(async || self.stands().await).await?;
        self.token = self.newest_token().await?;
        self.chapter.told.out(lines.len());
        lines.push(format!("the platform shows each of them once and as it was meant, {} in all", self.out.len()));
        self.chapter.told.step(title, began, lines);
        Ok(())
    }

    /// Has a post accepted; its id.
    pub(super) async fn create(&self, kind: &Kind) -> Result<String, Failure> {
        let mut target = json!({ "connection": self.connection, "destination": self.destination });
        if let (false, Some(members)) = (kind.options.is_null(), target.as_object_mut()) {
            members.insert("options".to_owned(), json!({ self.platform: kind.options }));
        }
        self.chapter.steps.create(&json!({ "content": kind.content, "targets": [target] }), None).await
    }

    /// What is out of a post that was published.
    pub(super) fn out(id: &str, kind: &Kind, post: &Value) -> Result<Out, Failure> {
        if field(post, "/state") != "published" {
            let reason = field(post, "/targets/0/reason");
            return Err(format!("{} is {}: {reason}", kind.name, field(post, "/state")).into());
        }
        let remote_id = text(field(post, "/targets/0"), "remote_id")?.to_owned();
        Ok(Out { name: kind.name, post: id.to_owned(), remote_id, shown: with(&kind.shown, POST, id) })
    }

    /// What the platform shows of our app at the destination.
    pub(super) async fn shown(&self) -> Result<Vec<Value>, Failure> {
        let state = self.chapter.steps.client.control_of(self.platform, Method::GET, "state", None).await?;
        Ok((self.shows)(&state, &self.destination))
    }

    /// The id under which the platform shows something.
    pub(super) fn id_of<'v>(&self, entry: &'v Value) -> Option<&'v str> {
        self.ids.iter().find_map(|name| entry.get(*name).and_then(Value::as_str))
    }

    fn is(&self, entry: &Value, remote_id: &str) -> bool {
        self.ids.iter().any(|name| entry.get(*name).and_then(Value::as_str) == Some(remote_id))
    }

    /// Whether the platform shows what is out, each once and as it was meant, and nothing else of ours.
    pub(super) async fn stands(&self) -> Look<()> {
        let entries = self.shown().await?;
        for out in &self.out {
            let found: Vec<&Value> = entries.iter().filter(|entry| self.is(entry, &out.remote_id)).collect();
            let [entry] = found.as_slice() else {
                return Ok(Err(format!("the platform shows {} {} times: {}", out.name, found.len(), out.remote_id)));
            };
            if let Some(difference) = unlike(entry, &out.shown) {
                return Ok(Err(format!("of {}, {difference}", out.name)));
            }
        }
        if entries.len() == self.out.len() {
            return Ok(Ok(()));
        }
        Ok(Err(format!("the platform shows {} posts of ours instead of {}", entries.len(), self.out.len())))
    }

    /// The mark of the token that the newest publish at the platform came with.
    async fn newest_token(&self) -> Result<Option<String>, Failure> {
        let calls = self.calls().await?;
        let newest = calls.iter().rev().find(|call| {
            let is_it = field(call, "/path").as_str().is_some_and(|path| path.contains(self.call));
            is_it && field(call, "/method") == "POST" && field(call, "/took_effect") == true
        });
        Ok(newest.and_then(|call| field(call, "/token_mark").as_str()).map(str::to_owned))
    }

    /// After a publish: if the token was changed before it, that the publish came with another one.
    pub(super) async fn came_with_new_token(&mut self) -> Result<Option<String>, Failure> {
        let new = self.newest_token().await?;
        let old = std::mem::replace(&mut self.token, new.clone());
        if !std::mem::take(&mut self.is_changed) {
            return Ok(None);
        }
        match (old, new) {
            (Some(old), Some(new)) if old != new => {
                Ok(Some(format!("it came with the new token: {new} where {old} came before")))
            }
            _ => Err("the post came with the old token".into()),
        }
    }

    /// The calls that the platform has seen.
    pub(super) async fn calls(&self) -> Result<Vec<Value>, Failure> {
        let seen = self.chapter.steps.client.control_of(self.platform, Method::GET, "requests", None).await?;
        let calls = seen.get("requests").unwrap_or(&seen);
        Ok(calls.as_array().cloned().unwrap_or_default())
    }
}
