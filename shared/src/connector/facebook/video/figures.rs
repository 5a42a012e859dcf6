//! The figures of a video: its views, and those of the post that shows it.

use http::Method;
use serde_json::Value;

use super::super::{classify::ERRORS, graph};
use crate::connector::{
    Analytics, Answer, ConnectorError, Flow, Request, Step, meta::insights::AnalyticsFlow, settings::FacebookSettings,
};

/// A video has no insights of its own: it names its post, and that is asked.
pub(in crate::connector::facebook) struct FiguresFlow {
    settings: FacebookSettings,
    video: String,
    asked: Asked,
    views: Option<u64>,
}

enum Asked {
    Nothing,
    Video,
    Post(AnalyticsFlow),
}

impl FiguresFlow {
    pub(in crate::connector::facebook) fn new(settings: FacebookSettings, video: &str) -> Self {
        Self { settings, video: video.into(), asked: Asked::Nothing, views: None }
    }

    fn done(&self, Analytics(mut figures): Analytics) -> Step<Analytics> {
        figures.extend(self.views.map(|views| ("views".to_owned(), views)));
        Step::Done(Analytics(figures))
    }
}

/// The post of a video: `{page}_{post}`, of which some answers leave out the Page.
fn post_of(body: &Value) -> Option<String> {
    let post = graph::id(body.get("post_id"))?;
    if post.contains('_') {
        return Some(post);
    }
    Some(format!("{}_{post}", graph::id(body.pointer("/from/id"))?))
}

impl Flow<Analytics> for FiguresFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        let step = match &mut self.asked {
            Asked::Nothing => {
                self.asked = Asked::Video;
                let mut url = graph::edge(&self.settings, &[&self.video]);
                url.query_pairs_mut().append_pair("fields", "post_id,views,from{id}");
                return Ok(Step::Call(Request::new(Method::GET, url)));
            }
            Asked::Video => {
                let body = graph::read(graph::expect(answer)?)?;
                self.views = graph::number(body.get("views"));
                let Some(post) = post_of(&body) else { return Ok(self.done(Analytics::default())) };
                let edge = graph::edge(&self.settings, &[&post, "insights"]);
                let mut flow = AnalyticsFlow::new(edge, self.settings.metrics.clone(), &ERRORS);
                let step = flow.advance(None)?;
                self.asked = Asked::Post(flow);
                step
            }
            Asked::Post(flow) => flow.advance(answer)?,
        };
        Ok(match step {
            Step::Call(request) => Step::Call(request),
            Step::Done(figures) => self.done(figures),
        })
    }
}
