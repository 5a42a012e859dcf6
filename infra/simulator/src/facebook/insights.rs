//! Insights of Pages and posts: live metrics only, and one wrong name spoils the whole call.

use super::error::GraphError;
use super::render::time;
use super::spec;
use super::tokens::Caller;
use super::videos::grown;
use super::world::World;
use crate::call::Call;
use crate::ids::figure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Page metrics alive since the removals of November 2025 and June 2026.
const PAGE_METRICS: &str = "page_media_view page_total_media_view_unique page_post_engagements page_follows \
    page_daily_follows page_daily_follows_unique page_daily_unfollows_unique page_views_total page_total_actions";
/// Post metrics alive since then.
const POST_METRICS: &str = "post_media_view post_total_media_view_unique post_activity_by_action_type \
    post_activity_by_action_type_unique post_reactions_by_type_total post_clicks post_clicks_by_type post_video_views";
const LONGEST_RANGE: SignedDuration = SignedDuration::from_hours(90 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Pages with fewer fans have no figures.
const FEWEST_FANS: u64 = 100;

impl World {
    /// `GET /{page}/insights`.
    pub(crate) fn page_insights(
        &self,
        caller: &Caller,
        page: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let fans = self.page(page)?.fans;
        self.strict(call, "GET", "insights", &[spec::PAGE_INSIGHTS_GET])?;
        self.may_read_insights(caller, page)?;
        let metrics = metrics(call, PAGE_METRICS)?;
        let period = period(call, "day")?;
        let days = days(call, now)?;
        if fans < FEWEST_FANS {
            return Ok(json!({"data": []}));
        }
        let data: Vec<Value> = metrics.iter().map(|metric| self.page_metric(page, metric, &period, &days)).collect();
        Ok(json!({ "data": data }))
    }

    /// `GET /{post}/insights`.
    pub(crate) fn post_insights(
        &self,
        caller: &Caller,
        id: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let post = self.posts.get(id).ok_or_else(|| GraphError::missing("get", id))?;
        self.strict(call, "GET", "insights", &[spec::POST_INSIGHTS_GET])?;
        self.may_read_insights(caller, &post.page)?;
        let metrics = metrics(call, POST_METRICS)?;
        period(call, "lifetime")?;
        let figure = |topic: &str| {
            let figure = figure(self.ids.seed(), &format!("{id} {topic}"), 400);
            // Those of a video grow for two days.
            if post.video.is_some() { grown(figure, post.created, now) } else { figure.into() }
        };
        let data: Vec<Value> = metrics
            .iter()
            .map(|metric| {
                let value = match metric.as_str() {
                    "post_reactions_by_type_total" => json!({"like": figure("like"), "love": figure("love")}),
                    "post_clicks_by_type" => json!({"link clicks": figure("link"), "other clicks": figure("other")}),
                    "post_activity_by_action_type" | "post_activity_by_action_type_unique" => {
                        json!({"like": figure("like"), "share": figure("share")})
                    }
                    _ => figure(metric).into(),
                };
                item(id, metric, "lifetime", &json!([{ "value": value }]))
            })
            .collect();
        Ok(json!({ "data": data }))
    }

    fn may_read_insights(&self, caller: &Caller, page: &str) -> Result<(), GraphError> {
        let user = self.as_page(caller, page, "get")?;
        self.allowed(&user, page, "pages_read_engagement")?;
        self.allowed(&user, page, "read_insights")?;
        self.tasked(&user, page, "ANALYZE")
    }

    fn page_metric(&self, page: &str, metric: &str, period: &str, days: &[Timestamp]) -> Value {
        let values: Vec<Value> = days
            .iter()
            .map(|day| {
                let total = figure(self.ids.seed(), &format!("{page} {metric} {}", day.as_second()), 900);
                let value = if metric == "page_media_view" {
                    json!({"is_from_ads": total / 10, "is_not_from_ads": total - total / 10})
                } else {
                    total.into()
                };
                json!({"value": value, "end_time": time(*day)})
            })
            .collect();
        item(page, metric, period, &values.into())
    }
}

fn item(id: &str, metric: &str, period: &str, values: &Value) -> Value {
    let title = metric.replace('_', " ");
    json!({
        "id": format!("{id}/insights/{metric}/{period}"),
        "name": metric,
        "period": period,
        "title": title,
        "description": format!("Simulated figures of {title}"),
        "values": values,
    })
}

fn metrics(call: &Call, alive: &str) -> Result<Vec<String>, GraphError> {
    let metrics = call.params.words("metric")?;
    if metrics.is_empty() {
        return Err(GraphError::parameter("The parameter metric is required."));
    }
    if metrics.iter().all(|metric| spec::lists(alive, metric)) {
        return Ok(metrics);
    }
    Err(GraphError::parameter("The value must be a valid insights metric"))
}

fn period(call: &Call, default: &str) -> Result<String, GraphError> {
    if let Some(preset) = call.params.text("date_preset")
        && !spec::lists(spec::DATE_PRESETS, &preset)
    {
        return Err(GraphError::parameter("Param date_preset is not one of the known presets"));
    }
    let period = call.params.text("period").unwrap_or_else(|| default.to_owned());
    if spec::lists(spec::INSIGHT_PERIODS, &period) {
        return Ok(period);
    }
    Err(GraphError::parameter(format!(
        "Param period must be one of {{{}}} - got \"{period}\".",
        spec::INSIGHT_PERIODS.split_ascii_whitespace().collect::<Vec<_>>().join(", ")
    )))
}

/// The ends of the days asked for; the last two when nothing is said.
fn days(call: &Call, now: Timestamp) -> Result<Vec<Timestamp>, GraphError> {
    let until = call.params.moment("until")?.unwrap_or(now);
    let since = call.params.moment("since")?.or_else(|| until.checked_sub(DAY * 2).ok()).unwrap_or(until);
    let range = until.duration_since(since);
    if range > LONGEST_RANGE || range < SignedDuration::ZERO {
        return Err(GraphError::parameter("There cannot be more than 90 days (7776000 s) between since and until"));
    }
    let mut days = Vec::new();
    let mut day = since;
    while let Ok(next) = day.checked_add(DAY)
        && next <= until
    {
        days.push(next);
        day = next;
    }
    Ok(days)
}
