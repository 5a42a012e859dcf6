//! The answer to a bulk request: one result for each post, in order, and never more than Lambda hands on.

use serde::Serialize;

use super::super::Accepted;
use crate::{
    http::Response,
    problem::{Code, Problem},
    view::PostView,
};

/// How many bytes the results may take in Lambda's answer, of which 6 MB are allowed: there the answer is a text within
/// JSON, and every quotation mark takes two bytes. What is left is for results that are not weighed, which are short.
pub(super) const ANSWER: usize = 5_000_000;

/// What became of many posts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkResults {
    /// How many are accepted, now or by an earlier request.
    pub accepted: usize,
    /// How many of these by an earlier request.
    pub replayed: usize,
    /// How many are not.
    pub refused: usize,
    /// What became of each, in the order of the request.
    pub results: Vec<BulkResult>,
}

/// What became of one of many posts: it has either a `post` or a `problem`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkResult {
    /// 202 for a post that is accepted; else the status of the problem.
    pub status: u16,
    /// The post as it was accepted, the same each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<PostView>,
    /// `true` if it was accepted by an earlier request; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub replayed: bool,
    /// Why it is not accepted. Pointers start at the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Whether a result has room in the answer.
pub(super) enum Weight {
    Fits,
    TooMuch,
}

/// The results so far, each written as it stands in the answer.
pub(super) struct Results {
    texts: Vec<Option<String>>,
    weight: usize,
    accepted: usize,
    replayed: usize,
}

impl Results {
    pub(super) fn of(posts: usize) -> Self {
        Self { texts: vec![None; posts], weight: 0, accepted: 0, replayed: 0 }
    }

    /// Keeps room for a post that is about to be accepted, if there is any.
    pub(super) fn weigh(&mut self, view: &PostView) -> Weight {
        self.keep(weight(view))
    }

    /// The problem as it fits into the answer: without its list of faults, if there is no room for it.
    pub(super) fn weigh_problem(&mut self, problem: Problem) -> Problem {
        match self.keep(weight(&problem)) {
            Weight::Fits => problem,
            Weight::TooMuch => Problem {
                detail: "The answer has no room for what is wrong: check this post alone.".into(),
                errors: Vec::new(),
                ..problem
            },
        }
    }

    fn keep(&mut self, weight: usize) -> Weight {
        if self.weight + weight > ANSWER {
            return Weight::TooMuch;
        }
        self.weight += weight;
        Weight::Fits
    }

    /// A post that was looked up, and for which no room was kept.
    pub(super) fn accept_found(&mut self, index: usize, accepted: &Accepted) {
        match self.weigh(&PostView::accepted(&accepted.post)) {
            Weight::Fits => self.accept(index, accepted),
            Weight::TooMuch => {
                let text =
                    "It was accepted before, and the answer has no room for it: send this post in another request.";
                self.refuse(index, Problem::new(Code::BodyTooLarge, text));
            }
        }
    }

    pub(super) fn accept(&mut self, index: usize, accepted: &Accepted) {
        self.accepted += 1;
        self.replayed += usize::from(accepted.replayed);
        let post = Some(PostView::accepted(&accepted.post));
        self.set(index, &BulkResult { status: 202, post, replayed: accepted.replayed, problem: None });
    }

    pub(super) fn refuse(&mut self, index: usize, problem: Problem) {
        self.set(index, &BulkResult { status: problem.status, post: None, replayed: false, problem: Some(problem) });
    }

    fn set(&mut self, index: usize, result: &BulkResult) {
        if let Some(slot) = self.texts.get_mut(index) {
            // Plain data with text keys: writing it as JSON cannot fail.
            *slot = serde_json::to_string(result).ok();
        }
    }

    /// How many are accepted, how many of these were before, how many are not.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.accepted, self.replayed, self.texts.len().saturating_sub(self.accepted))
    }

    /// The whole answer, as [`BulkResults`] describes it.
    pub(super) fn response(&self) -> Response {
        let (accepted, replayed, refused) = self.counts();
        let mut body = format!(r#"{{"accepted":{accepted},"replayed":{replayed},"refused":{refused},"results":["#);
        for (index, text) in self.texts.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            match text {
                Some(text) => body.push_str(text),
                None => body.push_str(&not_known()),
            }
        }
        body.push_str("]}\n");
        Response { status: 200, headers: vec![("content-type", "application/json".into())], cookies: Vec::new(), body }
    }

    /// Answers for every post that has no result yet.
    pub(super) fn fill(&mut self, problem: impl Fn(usize) -> Problem) {
        let open: Vec<usize> =
            self.texts.iter().enumerate().filter(|(_, text)| text.is_none()).map(|(index, _)| index).collect();
        for index in open {
            self.refuse(index, problem(index));
        }
    }
}

/// A post about which nothing is known any more.
fn not_known() -> String {
    let problem = Problem::new(Code::Unavailable, "It is not known whether the post was accepted; send it again.");
    let result = BulkResult { status: problem.status, post: None, replayed: false, problem: Some(problem) };
    serde_json::to_string(&result).unwrap_or_default()
}

/// How many bytes a value takes as JSON within JSON.
fn weight<T: Serialize>(value: &T) -> usize {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() + SHELL
}

/// What a result has around its post or problem.
const SHELL: usize = 64;
