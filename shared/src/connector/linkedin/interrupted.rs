//! Publishes of posts with files that break off on the way, against the simulated LinkedIn.

use rstest::rstest;
use serde_json::json;
use simulator::{Fault, FaultKind};

use super::{
    Profile,
    simulated::{Disk, bench},
};
use crate::connector::{Disposition, driver::Ended};

#[rstest]
#[case::member(Profile::Member)]
#[case::page(Profile::Page)]
#[tokio::test]
async fn f38_killed_after_any_checkpoint_a_post_with_files_goes_on_and_is_out_once(#[case] profile: Profile) {
    let bench = bench(profile).await;
    for (number, content) in bench.with_files().into_iter().enumerate() {
        let mut crashes = 0;
        for dies_at in 1.. {
            let text = format!("kind {number} killed at {dies_at}");
            let mut content = content.clone();
            content["text"] = text.as_str().into();
            let post = bench.post(&content, None);
            let mut disk = Disk { dies_at: Some(dies_at), ..Disk::default() };
            let mut ended = bench.publish_from(&post, &mut disk).await;
            let died = matches!(ended, Ended::JournalLost(()));
            if died {
                assert_eq!(bench.posts_that_say(&text), 0, "{text}");
                disk.dies_at = None;
                ended = bench.publish_from(&post, &mut disk).await;
                crashes += 1;
            }
            assert!(matches!(ended, Ended::Published(_)), "{text}: {ended:?}");
            assert_eq!(bench.posts_that_say(&text), 1, "{text}");
            if !died {
                break;
            }
        }
        assert!(crashes >= 4, "kind {number}: {crashes}");
    }
}

#[rstest]
#[case::announced("POST", "media")]
#[case::sent("PUT", "upload")]
#[case::looked_at("GET", "status")]
#[tokio::test]
async fn f38_a_step_whose_answer_is_lost_is_gone_on_with_and_makes_one_post(#[case] method: &str, #[case] edge: &str) {
    let bench = bench(Profile::Page).await;
    for (number, mut content) in bench.with_files().into_iter().enumerate() {
        let text = format!("kind {number}");
        content["text"] = text.as_str().into();
        let post = bench.post(&content, None);
        bench.simulator.linkedin().add_fault(Fault::new(FaultKind::LostAnswer).on_edge(method, edge).times(2));
        let mut disk = Disk::default();
        for _ in 0..2 {
            let ended = bench.publish_from(&post, &mut disk).await;
            assert!(matches!(ended, Ended::Failed { disposition: Disposition::Retry(_), .. }), "{text}: {ended:?}");
        }
        let ended = bench.publish_from(&post, &mut disk).await;
        assert!(matches!(ended, Ended::Published(_)), "{text}: {ended:?}");
        assert_eq!(bench.posts_that_say(&text), 1);
    }
}

#[tokio::test]
async fn f38_a_video_whose_end_was_told_and_not_answered_is_not_sent_again() {
    let bench = bench(Profile::Page).await;
    let post = bench.post(&json!({"text": "See", "media": [bench.video()]}), None);
    let lost = Fault::new(FaultKind::LostAnswer).on_edge("POST", "finalize").times(1);
    bench.simulator.linkedin().add_fault(lost);
    let mut disk = Disk::default();
    let ended = bench.publish_from(&post, &mut disk).await;
    assert!(matches!(ended, Ended::Failed { disposition: Disposition::Retry(_), .. }), "{ended:?}");
    let ended = bench.publish_from(&post, &mut disk).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
    assert_eq!(bench.simulator.linkedin().state().files.len(), 1);
}

#[tokio::test]
async fn an_address_of_an_upload_that_has_expired_is_asked_for_anew() {
    let bench = bench(Profile::Page).await;
    for (number, mut content) in bench.with_files().into_iter().enumerate() {
        content["text"] = format!("kind {number}").into();
        let refusal = Fault::refusal(400, "EXPIRED_UPLOAD_URL");
        bench.simulator.linkedin().add_fault(refusal.on_edge("PUT", "upload").times(1));
        let ended = bench.publish(&bench.post(&content, None)).await;
        assert!(matches!(ended, Ended::Published(_)), "{number}: {ended:?}");
    }
}
