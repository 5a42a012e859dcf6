//! The figures of a post: totals over its life, of public videos only.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    accounts, api, requests,
    status::{self, Status},
};
use crate::connector::{
    Act, Analytics, Answer, ConnectorError, Flow, Refusal, Request, Step, settings::TiktokSettings,
};

const FIGURES: [&str; 4] = ["view_count", "like_count", "comment_count", "share_count"];

/// Asks for the figures; of a post that is known by the id of its publish, for its public id first.
pub(super) struct AnalyticsFlow {
    settings: TiktokSettings,
    remote_id: String,
    stage: Stage,
}

enum Stage {
    Start,
    Resolving,
    Counting(String),
    Over,
}

impl AnalyticsFlow {
    pub(super) fn new(settings: TiktokSettings, remote_id: &str) -> Self {
        Self { settings, remote_id: remote_id.into(), stage: Stage::Start }
    }

    fn count(&mut self, video: String) -> Step<Analytics> {
        let mut request =
            api::post(&self.settings, &["v2", "video", "query"], json!({ "filters": { "video_ids": [video] } }));
        request.url.query_pairs_mut().append_pair("fields", &format!("id,{}", FIGURES.join(",")));
        self.stage = Stage::Counting(video);
        Step::Call(request)
    }

    fn resolve(&mut self) -> Request {
        self.stage = Stage::Resolving;
        requests::status(&self.settings, &self.remote_id)
    }
}

impl Flow<Analytics> for AnalyticsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Start if api::is_video_id(&self.remote_id) => Ok(self.count(self.remote_id.clone())),
            Stage::Start => Ok(Step::Call(self.resolve())),
            Stage::Resolving => match status::read(api::expect(answer)?)? {
                Status::Out { videos } => {
                    videos.into_iter().next().map(|video| self.count(video)).ok_or_else(not_public)
                }
                Status::Working { .. } | Status::InInbox | Status::Failed(_) => Err(not_public()),
            },
            Stage::Counting(video) => {
                let data = api::read(api::expect(answer)?)?;
                let is_it = |entry: &&Value| entry.get("id").and_then(api::video_id).as_deref() == Some(video.as_str());
                let entry = accounts::videos(&data)?.iter().find(is_it).ok_or_else(not_public)?;
                let figure = |name: &&str| Some(((*name).to_owned(), entry.get(*name)?.as_u64()?));
                Ok(Step::Done(Analytics(FIGURES.iter().filter_map(figure).collect::<BTreeMap<_, _>>())))
            }
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

fn not_public() -> ConnectorError {
    let text = "TikTok tells figures of public videos only, and this post is not public, or not yet.";
    ConnectorError::Rejected(Refusal::ours("tiktok.video.not_public", Act::Nobody, text))
}
