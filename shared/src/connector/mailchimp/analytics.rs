//! The figures of a campaign, from its report. Rates are written per million, because Mailchimp writes some as fractions of
//! one and others as percents.

use http::Method;
use serde_json::Value;

use super::api;
use crate::connector::{
    Act, Analytics, Answer, ConnectorError, Flow, Refusal, Request, Step, settings::MailchimpSettings,
};

/// Where a figure stands in a report, and what it is called.
const COUNTS: [(&str, &str); 14] = [
    ("/emails_sent", "emails_sent"),
    ("/opens/opens_total", "opens_total"),
    ("/opens/unique_opens", "unique_opens"),
    ("/clicks/clicks_total", "clicks_total"),
    ("/clicks/unique_clicks", "unique_clicks"),
    ("/clicks/unique_subscriber_clicks", "unique_subscriber_clicks"),
    ("/unsubscribed", "unsubscribed"),
    ("/abuse_reports", "abuse_reports"),
    ("/bounces/hard_bounces", "hard_bounces"),
    ("/bounces/soft_bounces", "soft_bounces"),
    ("/bounces/syntax_errors", "syntax_errors"),
    ("/forwards/forwards_count", "forwards_count"),
    ("/forwards/forwards_opens", "forwards_opens"),
    ("/ecommerce/total_orders", "total_orders"),
];

/// Rates, and what makes one of them a whole.
const RATES: [(&str, &str, f64); 4] = [
    ("/opens/open_rate", "open_rate_ppm", 1.0),
    ("/clicks/click_rate", "click_rate_ppm", 1.0),
    ("/list_stats/open_rate", "audience_open_rate_ppm", 100.0),
    ("/list_stats/click_rate", "audience_click_rate_ppm", 100.0),
];

pub(super) struct AnalyticsFlow(Option<Request>);

impl AnalyticsFlow {
    pub(super) fn new(settings: &MailchimpSettings, campaign: &str) -> Self {
        let url = api::address(settings, &["reports", campaign]);
        Self(api::is_id(campaign).then(|| Request::new(Method::GET, url)))
    }
}

impl Flow<Analytics> for AnalyticsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        match (self.0.take(), answer) {
            (Some(request), None) => Ok(Step::Call(request)),
            (_, Some(answer)) => read(answer).map(Step::Done),
            (None, None) => Err(ConnectorError::Unreadable { what: "the id of a campaign" }),
        }
    }
}

fn read(answer: &Answer) -> Result<Analytics, ConnectorError> {
    let report = match api::read(answer) {
        // There is no report before the campaign is sent.
        Err(ConnectorError::Rejected(refusal)) if refusal.code == "mailchimp.object.missing" => {
            let message = "Mailchimp has no report of the campaign yet.".into();
            return Err(ConnectorError::Transient(Refusal {
                code: "mailchimp.report.missing".into(),
                message,
                act: Act::Nobody,
                ..refusal
            }));
        }
        report => report?,
    };
    let mut figures = Analytics::default();
    for (pointer, name) in COUNTS {
        if let Some(count) = report.pointer(pointer).and_then(Value::as_u64) {
            figures.0.insert(name.to_owned(), count);
        }
    }
    for (pointer, name, whole) in RATES {
        if let Some(rate) = report.pointer(pointer).and_then(Value::as_f64).and_then(|rate| per_million(rate / whole)) {
            figures.0.insert(name.to_owned(), rate);
        }
    }
    let of = |name: &str| figures.0.get(name).copied();
    if let Some(sent) = of("emails_sent") {
        let bounced = [of("hard_bounces"), of("soft_bounces"), of("syntax_errors")];
        let bounced: u64 = bounced.into_iter().flatten().fold(0, u64::saturating_add);
        figures.0.insert("delivered".to_owned(), sent.saturating_sub(bounced));
    }
    if figures.0.is_empty() {
        return Err(ConnectorError::Unreadable { what: "the figures of a report" });
    }
    Ok(figures)
}

/// A fraction of one, in millionths; what is no fraction of one is no rate.
fn per_million(rate: f64) -> Option<u64> {
    let millionths = (0.0..=1.0).contains(&rate).then(|| (rate * 1e6).round())?;
    format!("{millionths:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, Some(0))]
    #[case(0.42, Some(420_000))]
    #[case(1.0, Some(1_000_000))]
    #[case(1.5, None)]
    #[case(-0.1, None)]
    #[case(f64::NAN, None)]
    fn a_rate_is_a_part_of_a_million(#[case] rate: f64, #[case] expected: Option<u64>) {
        assert_eq!(per_million(rate), expected);
    }
}
