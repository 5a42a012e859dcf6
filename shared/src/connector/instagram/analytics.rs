//! The figures of a post. Which ones there are depends on what the post became.

use http::Method;
use serde_json::Value;

use super::{classify, graph};
use crate::connector::{
    Analytics, Answer, ConnectorError, Flow, Request, Step, meta::insights::AnalyticsFlow, settings::InstagramSettings,
};

pub(super) struct FiguresFlow {
    settings: InstagramSettings,
    remote_id: String,
    asked: Asked,
}

enum Asked {
    Nothing,
    Kind,
    Figures { flow: AnalyticsFlow, is_story: bool },
}

impl FiguresFlow {
    pub(super) fn new(settings: InstagramSettings, remote_id: String) -> Self {
        Self { settings, remote_id, asked: Asked::Nothing }
    }

    fn figures(&self, product: &str) -> AnalyticsFlow {
        let metrics = match product {
            "REELS" => &self.settings.reel_metrics,
            "STORY" => &self.settings.story_metrics,
            _ => &self.settings.metrics,
        };
        let edge = graph::edge(&self.settings, &[&self.remote_id, "insights"]);
        AnalyticsFlow::new(edge, metrics.clone(), &classify::ERRORS)
    }
}

impl Flow<Analytics> for FiguresFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        match &mut self.asked {
            Asked::Nothing => {
                self.asked = Asked::Kind;
                let url = graph::fields(&self.settings, &[&self.remote_id], "id,media_product_type");
                Ok(Step::Call(Request::new(Method::GET, url)))
            }
            Asked::Kind => {
                let body = graph::read(graph::expect(answer)?)?;
                let product = body.get("media_product_type").and_then(Value::as_str).unwrap_or_default();
                let mut flow = self.figures(product);
                let first = flow.advance(None);
                self.asked = Asked::Figures { flow, is_story: product == "STORY" };
                first
            }
            // A story that few people have seen has no figures, and says so with the code of a missing permission.
            Asked::Figures { flow, is_story } => match flow.advance(answer) {
                Err(error) if *is_story && error.refusal().platform_code.as_deref() == Some("10") => {
                    Ok(Step::Done(Analytics::default()))
                }
                step => step,
            },
        }
    }
}
