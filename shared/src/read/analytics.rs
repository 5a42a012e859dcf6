//! The figures of a post, target by target: what was read last. Where that is too old, a consumer is asked to read anew.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::{Reader, store_failed};
use crate::{
    connector::{Act, Refusal},
    figures::{Collection, CollectionState, Figures},
    http::{Request, Response},
    ids::{PostId, TargetId},
    platform::Platform,
    post::{Post, TargetSpec},
    problem::{Code, Problem},
    queue::Errand,
    removal::RemovalState,
    target::{State, Target},
    tenant::Tenant,
    view::ReasonView,
};

/// What `by` may say.
const BY_DAY: &str = "day";

/// The figures of a post.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnalyticsView {
    /// The post.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub post: PostId,
    /// Its targets, in the caller's order.
    pub targets: Vec<TargetFiguresView>,
}

/// How the figures of a target stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FiguresState {
    /// It is not out, so it has none.
    NotPublished,
    /// It was taken down: these are the last ones.
    Removed,
    /// They are being read; what was read before is shown meanwhile. Ask again in some seconds.
    Collecting,
    /// They were read a short while ago.
    Current,
    /// They could not be read; what was read before is shown.
    Failed,
    /// The platform has none.
    Unsupported,
}

/// The figures of a target.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetFiguresView {
    /// The id within the post: `t1`, `t2`, …
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: TargetId,
    /// The platform.
    pub platform: Platform,
    /// The platform's id of the destination.
    pub destination: String,
    /// How they stand.
    pub state: FiguresState,
    /// When they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub as_of: Option<Timestamp>,
    /// By the platform's own names; what it does not tell is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<BTreeMap<String, u64>>,
    /// Why there are none, or none that are newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
    /// Day by day (UTC), the newest first, if that was asked for: as they stood when they were last read on that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<DayView>>,
}

/// The figures of a target as they stood on one day.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayView {
    /// The day (UTC).
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub day: Date,
    /// When they were read.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub as_of: Timestamp,
    /// By the platform's own names.
    pub figures: BTreeMap<String, u64>,
}

impl From<Figures> for DayView {
    fn from(figures: Figures) -> Self {
        Self { day: figures.day(), as_of: figures.as_of, figures: figures.values }
    }
}

impl Reader {
    pub(super) async fn analytics(&self, request: &Request) -> Result<Response, Problem> {
        let by_day = by_day(request)?;
        // It may begin a round, which is a write.
        self.alive(request).await?;
        let tenant = request.caller()?.tenant;
        let summary = self.summary(request).await?;
        let post = &summary.post;
        let known = self.store.collections(tenant, post.id, post.targets().map(|(id, _)| id));
        let known = known.await.map_err(store_failed)?;
        let (mut views, mut to_read) = (Vec::new(), Vec::new());
        for (id, spec) in post.targets() {
            let known = known.iter().find(|row| row.target == id);
            let row = summary.target(id);
            // Where another was faster, what is known is shown as it stands.
            let round = match row.filter(|row| can_be_read(row)) {
                Some(_) => self.begin(tenant, post, id, known).await?,
                None => None,
            };
            to_read.extend(round.as_ref().map(|_| id));
            let mut view = TargetFiguresView::of(id, spec, row, round.as_ref().or(known));
            if by_day {
                let days = self.store.figures_by_day(tenant, post.id, id).await.map_err(store_failed)?;
                view.days = Some(days.into_iter().map(DayView::from).collect());
            }
            views.push(view);
        }
        // A round whose job is lost is over in two minutes, and whoever asks then begins another.
        self.send(tenant, post, &to_read, Errand::Figures).await;
        Ok(Response::json(200, &AnalyticsView { post: post.id, targets: views }))
    }

    /// Begins a round, if what is known is too old and nobody is faster.
    async fn begin(
        &self,
        tenant: Tenant,
        post: &Post,
        target: TargetId,
        known: Option<&Collection>,
    ) -> Result<Option<Collection>, Problem> {
        let now = self.clock.now();
        if known.is_some_and(|known| !known.is_stale(self.figures_max_age, now)) {
            return Ok(None);
        }
        let next = Collection::next(known, target, now);
        let written = self.store.put_collection(tenant, post.id, &next, known.map(|known| known.round)).await;
        Ok(written.map_err(store_failed)?.then_some(next))
    }
}

fn by_day(request: &Request) -> Result<bool, Problem> {
    request.only_queries(&["by"])?;
    match request.query("by") {
        None => Ok(false),
        Some(BY_DAY) => Ok(true),
        Some(_) => Err(Problem::new(Code::QueryInvalid, "`by` is `day`, or left out.")),
    }
}

fn is_removed(row: &Target) -> bool {
    row.removal.as_ref().is_some_and(|removal| removal.state == RemovalState::Removed)
}

fn can_be_read(row: &Target) -> bool {
    row.state == State::Published && row.remote_id.is_some() && !is_removed(row)
}

impl TargetFiguresView {
    fn of(id: TargetId, spec: &TargetSpec, row: Option<&Target>, known: Option<&Collection>) -> Self {
        let (state, reason) = standing(row, known);
        let latest = known.and_then(|known| known.latest.clone());
        Self {
            id,
            platform: spec.platform,
            destination: spec.destination.clone(),
            state,
            as_of: latest.as_ref().map(|figures| figures.as_of),
            figures: latest.map(|figures| figures.values),
            reason: reason.as_ref().map(ReasonView::from),
            days: None,
        }
    }
}

fn standing(row: Option<&Target>, known: Option<&Collection>) -> (FiguresState, Option<Refusal>) {
    let Some(row) = row.filter(|row| row.state == State::Published) else {
        let text = "Only what is published has figures.";
        return (FiguresState::NotPublished, Some(Refusal::ours("figures.not_published", Act::Nobody, text)));
    };
    if is_removed(row) {
        let text = "The post was taken down: these are its last figures, if there are any.";
        return (FiguresState::Removed, Some(Refusal::ours("figures.removed", Act::Nobody, text)));
    }
    if row.remote_id.is_none() {
        let text = "postd does not know the platform's id of this post, as a person said that it is out.";
        return (FiguresState::Unsupported, Some(Refusal::ours("figures.id_unknown", Act::Nobody, text)));
    }
    let Some(known) = known else {
        // Another has begun at this very moment, and it cannot be seen yet.
        return (FiguresState::Collecting, None);
    };
    let state = match known.state {
        CollectionState::Collecting => FiguresState::Collecting,
        CollectionState::Current => FiguresState::Current,
        CollectionState::Failed => FiguresState::Failed,
        CollectionState::Unsupported => FiguresState::Unsupported,
    };
    (state, known.problem.clone())
}
