//! Call budgets: per Page (rolling day) and for the app (rolling hour), and the headers that tell how much is left.

use super::error::GraphError;
use super::tokens::Caller;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

const PAGE_WINDOW: SignedDuration = SignedDuration::from_hours(24);
const APP_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// 4800 calls a day for each of ten engaged people.
const PAGE_BUDGET: u32 = 48_000;
/// 200 calls an hour for each of fifty users.
const APP_BUDGET: u32 = 10_000;

/// The calls that count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pages: BTreeMap<String, VecDeque<Timestamp>>,
    app: VecDeque<Timestamp>,
    /// Budgets that differ from the formula.
    pub(crate) page_budgets: BTreeMap<String, u32>,
    pub(crate) app_budget: Option<u32>,
}

impl Limits {
    /// Counts a call; refuses it when the budget is used up. A refused call counts as well: calling on extends the block.
    pub(crate) fn spend(&mut self, caller: &Caller, now: Timestamp) -> Result<(), GraphError> {
        if let Caller::Page { page, .. } = caller {
            let budget = self.page_budget(page);
            let calls = self.pages.entry(page.clone()).or_default();
            forget(calls, now, PAGE_WINDOW);
            let exhausted = calls.len() >= budget as usize;
            calls.push_back(now);
            if exhausted {
                let position = calls.len().saturating_sub(budget as usize);
                let frees = calls.get(position).copied().unwrap_or(now);
                return Err(GraphError::throttled_page(minutes_until(frees, PAGE_WINDOW, now)));
            }
            return Ok(());
        }
        forget(&mut self.app, now, APP_WINDOW);
        let exhausted = self.app.len() >= self.app_budget.unwrap_or(APP_BUDGET) as usize;
        self.app.push_back(now);
        if exhausted { Err(GraphError::throttled_app()) } else { Ok(()) }
    }

    /// The usage headers of an answer: names and JSON.
    pub(crate) fn headers(&self, caller: &Caller, wait_minutes: Option<u64>) -> Vec<(&'static str, String)> {
        if let Caller::Page { page, .. } = caller {
            let used = self.pages.get(page).map_or(0, VecDeque::len);
            let share = if wait_minutes.is_some() { 100 } else { percent(used, self.page_budget(page)) };
            let usage = json!({ page: [{
                "type": "pages",
                "call_count": share,
                "total_cputime": share / 4,
                "total_time": share / 3,
                "estimated_time_to_regain_access": wait_minutes.unwrap_or(0),
            }]});
            return vec![("x-business-use-case-usage", usage.to_string())];
        }
        let share = percent(self.app.len(), self.app_budget.unwrap_or(APP_BUDGET));
        let usage = json!({"call_count": share, "total_cputime": share / 4, "total_time": share / 3});
        vec![("x-app-usage", usage.to_string())]
    }

    fn page_budget(&self, page: &str) -> u32 {
        self.page_budgets.get(page).copied().unwrap_or(PAGE_BUDGET)
    }
}

fn forget(calls: &mut VecDeque<Timestamp>, now: Timestamp, window: SignedDuration) {
    while calls.front().is_some_and(|call| now.duration_since(*call) >= window) {
        calls.pop_front();
    }
}

fn percent(used: usize, budget: u32) -> usize {
    (used * 100 / (budget.max(1) as usize)).min(100)
}

fn minutes_until(oldest: Timestamp, window: SignedDuration, now: Timestamp) -> u64 {
    let rest = window - now.duration_since(oldest);
    u64::try_from((rest.as_secs() + 59) / 60).unwrap_or(0).max(1)
}
