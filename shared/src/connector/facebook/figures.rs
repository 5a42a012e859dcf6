//! How the figures of a post are read.

use serde_json::json;

use super::{testing::*, *};
use crate::connector::Step;

fn flow() -> AnalyticsFlow {
    AnalyticsFlow::new(
        graph::edge(&FacebookSettings::default(), &["100_5", "insights"]),
        FacebookSettings::default().metrics,
        &classify::ERRORS,
    )
}

#[test]
fn figures_are_numbers_or_maps_of_numbers() {
    let mut flow = flow();
    let request = called(flow.advance(None));
    assert_eq!(request.url.path(), "/v26.0/100_5/insights");
    assert!(request.url.query().unwrap().starts_with("metric=post_media_view%2C"));
    let body = json!({"data": [
        {"name": "post_media_view", "period": "lifetime", "values": [{"value": 7}]},
        {"name": "post_media_view", "period": "day", "values": [{"value": 1}]},
        {"name": "post_clicks", "total_value": {"value": 3}},
        {"name": "post_reactions_by_type_total", "values": [{"value": {"like": 2, "wow": 1, "odd": "x"}}]},
        {"name": "broken"},
    ]});
    let Analytics(figures) = done(flow.advance(Some(&ok(&body))));
    let expected = [
        ("post_clicks", 3),
        ("post_media_view", 7),
        ("post_reactions_by_type_total", 3),
        ("post_reactions_by_type_total.like", 2),
        ("post_reactions_by_type_total.wow", 1),
    ];
    assert_eq!(figures, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[test]
fn one_dead_metric_does_not_blank_the_others() {
    let mut flow = flow();
    called(flow.advance(None));
    let mut step = flow.advance(Some(&refused(400, 100, None)));
    let mut asked = 0;
    loop {
        match step.unwrap() {
            Step::Done(Analytics(figures)) => {
                assert_eq!(figures, [("post_clicks".to_owned(), 4)].into());
                break;
            }
            Step::Call(request) => {
                asked += 1;
                let body = json!({"data": [{"name": "post_clicks", "values": [{"value": 4}]}]});
                let is_alive = request.url.query() == Some("metric=post_clicks");
                let answer = if is_alive { ok(&body) } else { refused(400, 100, None) };
                step = flow.advance(Some(&answer));
            }
        }
    }
    assert_eq!(asked, FacebookSettings::default().metrics.len());
}

#[test]
fn a_dead_token_ends_the_questions() {
    let mut flow = flow();
    called(flow.advance(None));
    called(flow.advance(Some(&refused(400, 100, None))));
    assert!(flow.advance(Some(&refused(400, 190, Some(463)))).is_err());
}
