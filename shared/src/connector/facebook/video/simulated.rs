//! Videos and reels, connector and driver and transport together, against the simulated Facebook over HTTP.

use rstest::rstest;
use serde_json::{Value, json};
use simulator::facebook::{Fault, FaultKind, seed::BAKERY};

use super::super::simulated::{Bench, bench};
use crate::connector::{Analytics, Checkpoint, Connector, driver::Ended};

/// Publishes, run after run, until it is out; its id.
async fn published(bench: &Bench, content: &Value, options: &Value) -> String {
    let mut checkpoint = Checkpoint::default();
    for _ in 0..20 {
        match bench.go_on(BAKERY, content.clone(), Some(options.clone()), &checkpoint).await {
            Ended::Published(published) => return published.remote_id,
            Ended::Waiting { checkpoint: stored, .. } => checkpoint = stored,
            other @ (Ended::Failed { .. }
            | Ended::Unknown { .. }
            | Ended::OutOfTime { .. }
            | Ended::NotSent { .. }
            | Ended::Withheld { .. }
            | Ended::JournalLost(())) => panic!("{other:?}"),
        }
    }
    panic!("no end")
}

fn film(url: &str) -> Value {
    json!({"text": "Fresh bread", "media": [{"url": url, "kind": "video"}]})
}

#[rstest]
#[case::fetched(json!({}), false)]
#[case::sent(json!({"source": "file_upload"}), true)]
#[case::a_reel_fetched(json!({"placement": "reel"}), false)]
#[case::a_reel_sent(json!({"placement": "reel", "source": "file_upload"}), true)]
#[tokio::test]
async fn every_way_goes_out_once_has_figures_and_is_taken_down(#[case] options: Value, #[case] is_sent: bool) {
    let bench = bench().await;
    let facebook = bench.simulator.facebook();
    facebook.set_video_takes(jiff::SignedDuration::ZERO);
    let sample = format!("{}/_simulator/sample.mp4?size=2500000", bench.simulator.url());
    let address = if is_sent { sample.as_str() } else { "https://cdn.example.com/a.mp4" };
    let video = published(&bench, &film(address), &options).await;
    let videos = facebook.page(BAKERY).unwrap().videos;
    assert_eq!((videos.len(), videos[0].id.as_str(), videos[0].state), (1, video.as_str(), "published"));
    assert_eq!(videos[0].received, if is_sent { 2_500_000 } else { 0 });
    let token = bench.page_token(BAKERY);
    let figures = bench.connector.post_analytics(&video).unwrap();
    let Analytics(figures) = bench.flow(figures, Some(&token)).await.unwrap();
    for metric in bench.connector.settings().metrics.iter().map(String::as_str).chain(["views"]) {
        assert!(figures.contains_key(metric), "{metric}");
    }
    bench.flow(bench.connector.delete_post(&video).unwrap(), Some(&token)).await.unwrap();
    assert!(facebook.page(BAKERY).unwrap().videos.is_empty());
}

#[tokio::test]
async fn a_video_that_cannot_be_fetched_is_tried_again() {
    let bench = bench().await;
    let ended = bench.go_on(BAKERY, film("https://nowhere.invalid/a.mp4"), None, &Checkpoint::default()).await;
    let Ended::Failed { error, disposition, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "facebook.video.not_fetched");
    assert_eq!(disposition, crate::connector::Disposition::Retry(None));
}

#[tokio::test]
async fn a_dead_token_at_the_host_for_files_asks_for_a_new_login() {
    let bench = bench().await;
    bench.simulator.facebook().add_fault(Fault::error(190, Some(463)).on_edge("POST", "video-upload").times(1));
    let options = Some(json!({"placement": "reel"}));
    let ended = bench.go_on(BAKERY, film("https://cdn.example.com/a.mp4"), options, &Checkpoint::default()).await;
    let Ended::Failed { error, disposition, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "facebook.token.expired");
    assert_eq!(disposition, crate::connector::Disposition::Reconnect);
    assert!(bench.simulator.facebook().requests().iter().any(|call| call.fault == Some(FaultKind::Error)));
}
