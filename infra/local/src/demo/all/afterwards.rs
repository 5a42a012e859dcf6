//! What can be done with a post that is out: reading its figures, and taking it down.

use std::time::Instant;

use http::Method;
use serde_json::Value;

use super::account::{Account, Out};
use crate::demo::browser;
use crate::demo::steps::{Failure, field, text};

/// How many figures a line shows.
const SHOWN: usize = 4;

impl Account<'_> {
    /// The API tells the figures of a post, as the platform has them.
    pub(super) async fn figures(&self, name: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let target = self.current_figures(name).await?;
        let figures = field(&target, "/figures").as_object().filter(|figures| !figures.is_empty());
        let figures = figures.ok_or_else(|| format!("{name} has no figures: {target}"))?;
        let shown: Vec<String> = figures.iter().take(SHOWN).map(|(name, value)| format!("{name} {value}")).collect();
        let more = figures.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let lines = vec![format!("{name}: {}{more}", shown.join(", "))];
        self.chapter.told.step("The API tells the figures of a post", began, lines);
        Ok(())
    }

    /// The platform leaves out what nobody has seen yet, and was asked.
    pub(super) async fn unseen(&self, name: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let target = self.current_figures(name).await?;
        let figures = field(&target, "/figures").as_object().map_or(0, serde_json::Map::len);
        let lines =
            vec![format!("{name}: {figures} figures; the platform tells none until somebody has seen the post")];
        self.chapter.told.step("The API tells the figures of a post", began, lines);
        Ok(())
    }

    async fn current_figures(&self, name: &str) -> Result<Value, Failure> {
        let target = self.read_figures(self.named(name)?).await?;
        if field(&target, "/state") != "current" || field(&target, "/as_of").is_null() {
            return Err(format!("the figures of {name} were not read: {target}").into());
        }
        Ok(target)
    }

    /// The platform has no figures of posts, or not for this app: the API says so, with this code.
    pub(super) async fn no_figures(&self, name: &str, state: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let target = self.read_figures(self.named(name)?).await?;
        if field(&target, "/state") != state {
            return Err(format!("the figures of {name} are {}: {target}", field(&target, "/state")).into());
        }
        let reason = field(&target, "/reason");
        let lines = vec![format!("{name}: {state}, {}: {}", text(reason, "code")?, text(reason, "message")?)];
        self.chapter.told.step("The API tells that there are no figures, and why", began, lines);
        Ok(())
    }

    async fn read_figures(&self, out: &Out) -> Result<Value, Failure> {
        let path = format!("/v1/posts/{}/analytics", out.post);
        self.chapter
            .steps
            .eventually(async || {
                let view = self.chapter.steps.client.read(&path).await?;
                let target = field(&view, "/targets/0").clone();
                let is_read = field(&target, "/state") != "collecting";
                Ok(if is_read { Ok(target) } else { Err(format!("the figures of {} are still read", out.name)) })
            })
            .await
    }

    /// The API takes a post down, and the platform shows it no more.
    pub(super) async fn take_down(&mut self, name: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let position = self.out.iter().position(|out| out.name == name).ok_or("there is no such post")?;
        let removal = self.unpublish(&self.named(name)?.post).await?;
        if field(&removal, "/state") != "removed" {
            return Err(format!("{name} was not taken down: {removal}").into());
        }
        let gone = self.out.remove(position);
        self.chapter.steps.eventually(async || self.stands().await).await?;
        let lines = vec![
            format!("{name}, {}: removed", gone.remote_id),
            format!("the platform shows it no more, and the other {} as before", self.out.len()),
        ];
        self.chapter.told.step("The API takes a post down", began, lines);
        Ok(())
    }

    /// The platform lets nobody take a post down: the API says so, and the post stays.
    pub(super) async fn cannot_take_down(&self, name: &str, state: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let removal = self.unpublish(&self.named(name)?.post).await?;
        if field(&removal, "/state") != state {
            return Err(format!("the removal of {name} is {removal}").into());
        }
        self.chapter.steps.eventually(async || self.stands().await).await?;
        let problem = field(&removal, "/problem");
        let lines = vec![
            format!("{name}: {state}, {}: {}", text(problem, "code")?, text(problem, "message")?),
            format!("the platform shows all {} as before", self.out.len()),
        ];
        self.chapter.told.step("The API tells that a post cannot be taken down, and why", began, lines);
        Ok(())
    }

    /// Asks for the removal of a post, and waits for its end.
    pub(super) async fn unpublish(&self, post: &str) -> Result<Value, Failure> {
        let path = format!("/v1/posts/{post}");
        let asked = format!("{path}?unpublish=true");
        let answer = self.chapter.steps.client.api(Method::DELETE, &asked, (None, &[]), 202).await?;
        if field(&browser::json(&answer)?, "/targets/0/removal/state") != "requested" {
            return Err(format!("the removal of {post} was not taken on").into());
        }
        self.chapter
            .steps
            .eventually(async || {
                let view = self.chapter.steps.client.read(&path).await?;
                let removal = field(&view, "/targets/0/removal").clone();
                let is_over = field(&removal, "/state") != "requested";
                Ok(if is_over { Ok(removal) } else { Err(format!("{post} is still taken down: {removal}")) })
            })
            .await
    }

    fn named(&self, name: &str) -> Result<&Out, Failure> {
        self.out.iter().find(|out| out.name == name).ok_or_else(|| format!("no {name} is out").into())
    }
}
