//! Faults on demand: what goes wrong, where, how often.

use crate::ids::Ids;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call takes effect; then nothing comes for `hold_seconds` (0: at once), and the connection closes.
    AcceptedThenTimeout,
    /// The call takes effect; the connection closes at once, without an answer.
    LostAnswer,
    /// The call takes effect; the answer breaks off half way.
    TruncatedAnswer,
    /// The connection is reset before anything happens.
    RefusedBefore,
    /// The call takes effect, and is answered with a 5xx `status`, and with the platform's body for it.
    #[serde(rename = "status_500_after")]
    Status500After,
    /// Nothing happens, and the call is answered with a 5xx `status`, and with the platform's body for it.
    #[serde(rename = "status_500_before")]
    Status500Before,
    /// The call is refused with `code`, `subcode`, `name`, `status` and `message`, as far as the platform has such things;
    /// with `after`, it takes effect nevertheless.
    Error,
    /// The call is refused as one too many, to be tried again after `minutes`.
    RateLimited,
    /// The call waits `milliseconds` before anything happens.
    Slow,
    /// The call takes effect at once; its answer comes after `milliseconds`.
    LateAnswer,
    /// The next webhook is sent twice.
    WebhookDuplicate,
    /// The next two webhooks arrive in the wrong order.
    WebhookReorder,
    /// The next webhook carries a signature that is not ours.
    WebhookBadSignature,
    /// The next webhook is never sent.
    WebhookLost,
}

impl FaultKind {
    /// Whether it strikes webhooks rather than calls.
    #[must_use]
    pub fn strikes_webhooks(self) -> bool {
        match self {
            Self::WebhookDuplicate | Self::WebhookReorder | Self::WebhookBadSignature | Self::WebhookLost => true,
            Self::AcceptedThenTimeout
            | Self::LostAnswer
            | Self::TruncatedAnswer
            | Self::RefusedBefore
            | Self::Status500After
            | Self::Status500Before
            | Self::Error
            | Self::RateLimited
            | Self::Slow
            | Self::LateAnswer => false,
        }
    }
}

/// One fault and its scope. Fields that its kind does not read are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only calls about this Page, account, audience; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Only this edge. On Facebook: `feed`, `photos`, `published_posts`, `oauth/access_token`, `debug_token`, `node` (an
    /// object itself)… Elsewhere: the name of the call, as the platform's documentation has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How often it strikes; absent: until removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How likely it strikes a matching call, decided by the seed; absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The platform's error number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// The platform's second error number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcode: Option<i64>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The platform's word for the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The platform's error message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether an `error` is answered after the call took effect.
    #[serde(default)]
    pub after: bool,
    /// Minutes until a rate-limited caller may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u64>,
    /// How slow, or how late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// How long a silent connection stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u64>,
}

impl Fault {
    /// A fault that strikes every call until removed.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            page: None,
            edge: None,
            method: None,
            count: None,
            probability: None,
            code: None,
            subcode: None,
            status: None,
            name: None,
            message: None,
            after: false,
            minutes: None,
            milliseconds: None,
            hold_seconds: None,
        }
    }

    /// A refusal with this status and the platform's word for it.
    #[must_use]
    pub fn refusal(status: u16, name: &str) -> Self {
        Self { status: Some(status), name: Some(name.to_owned()), ..Self::new(FaultKind::Error) }
    }

    /// A refusal with Graph's code and subcode.
    #[must_use]
    pub fn error(code: i64, subcode: Option<i64>) -> Self {
        Self { code: Some(code), subcode, ..Self::new(FaultKind::Error) }
    }

    /// Strikes calls about this Page, account or audience only.
    #[must_use]
    pub fn on_page(self, page: &str) -> Self {
        Self { page: Some(page.to_owned()), ..self }
    }

    /// Strikes calls of this method and edge only.
    #[must_use]
    pub fn on_edge(self, method: &str, edge: &str) -> Self {
        Self { method: Some(method.to_owned()), edge: Some(edge.to_owned()), ..self }
    }

    /// Strikes that often.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Strikes with that probability.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }

    fn matches(&self, scope: &Scope<'_>) -> bool {
        let agrees = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        !self.kind.strikes_webhooks()
            && agrees(&self.page, scope.page.unwrap_or_default())
            && agrees(&self.edge, scope.edge)
            && agrees(&self.method, scope.method)
    }
}

/// What a call is about, as far as faults care.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) page: Option<&'a str>,
    pub(crate) edge: &'a str,
    pub(crate) method: &'a str,
}

/// The faults that are set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    set: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.set.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.set.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.set
    }

    /// The first fault that strikes a call.
    pub(crate) fn strike(&mut self, scope: &Scope<'_>, dice: &mut Ids) -> Option<Fault> {
        self.take(dice, |fault| fault.matches(scope))
    }

    /// The first fault that strikes the next webhook of a Page, account or audience.
    pub(crate) fn strike_webhook(&mut self, page: &str, dice: &mut Ids) -> Option<Fault> {
        self.take(dice, |fault| {
            fault.kind.strikes_webhooks() && fault.page.as_deref().is_none_or(|wanted| wanted == page)
        })
    }

    fn take(&mut self, dice: &mut Ids, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
        for (position, fault) in self.set.iter_mut().enumerate() {
            if !matches(fault) || fault.probability.is_some_and(|probability| dice.chance() >= probability) {
                continue;
            }
            let struck = fault.clone();
            if let Some(count) = &mut fault.count {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.set.remove(position);
                }
            }
            return Some(struck);
        }
        None
    }
}
