//! Posts: each kind once, whatever is lost on the way.

use rstest::rstest;
use simulator::{
    Fault, FaultKind,
    tiktok::seed::{GARDEN, STUDIO},
};

use super::*;
use crate::connector::Effect;

#[tokio::test]
async fn every_kind_of_post_goes_out_once() {
    let bench = bench().await;
    let token = bench.token(BAKERY);
    let inbox = json!({"mode": "inbox"});
    for (content, options, is_draft) in [
        (bench.video(4_000_000), public(), false),
        (bench.video(25_000_000), public(), false),
        (far_video(), pulled(), false),
        (photos(), public(), false),
        (bench.video(4_000_000), inbox.clone(), true),
        (photos(), inbox, true),
    ] {
        let post = prepared(BAKERY, content, options);
        let before = bench.simulator.tiktok().videos(BAKERY).len();
        let (ended, _) = bench.publish(&token, &post).await;
        let Ended::Published(published) = ended else { panic!("{ended:?}") };
        let videos = bench.simulator.tiktok().videos(BAKERY);
        assert_eq!(videos.len() - before, usize::from(!is_draft));
        if is_draft {
            assert!(bench.simulator.tiktok().post_draft(&published.remote_id, "SELF_ONLY"));
        } else {
            assert!([Some(&videos[0].id), videos[0].publish_id.as_ref()].contains(&Some(&published.remote_id)));
            assert_eq!(videos[0].text, "Fresh bread");
        }
        bench.advance(61);
    }
}

#[tokio::test]
async fn f38_an_upload_goes_on_at_the_offset_that_tiktok_has() {
    let bench = bench().await;
    let tiktok = bench.simulator.tiktok();
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, bench.video(35_000_000), public()));
    let mut disk = Disk::default();
    // The first piece arrives and its answer is lost.
    tiktok.add_fault(Fault::new(FaultKind::LostAnswer).on_edge("PUT", "upload").times(1));
    let ended = bench.run(&token, &post, &mut disk, false).await;
    assert!(matches!(ended, Ended::Failed { disposition: Disposition::Retry(_), .. }), "{ended:?}");
    let ended = bench.run(&token, &post, &mut disk, false).await;
    assert!(matches!(ended, Ended::Waiting { publish_answered: true, .. }), "{ended:?}");
    assert_eq!((tiktok.tasks(BAKERY).len(), tiktok.tasks(BAKERY)[0].received), (1, Some(35_000_000)));
    let puts = tiktok.requests().into_iter().filter(|call| call.method == "PUT").count();
    // Three pieces, and the one that was there already.
    assert_eq!(puts, 4);
}

#[tokio::test]
async fn f38_an_upload_whose_address_died_is_begun_anew() {
    let bench = bench().await;
    let tiktok = bench.simulator.tiktok();
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, bench.video(25_000_000), public()));
    let mut disk = Disk::default();
    tiktok.add_fault(Fault::new(FaultKind::RefusedBefore).on_edge("PUT", "upload").times(1));
    bench.run(&token, &post, &mut disk, false).await;
    bench.advance(3_601);
    let ended = bench.run(&token, &post, &mut disk, false).await;
    assert!(matches!(ended, Ended::Waiting { publish_answered: true, .. }), "{ended:?}");
    assert_eq!(tiktok.tasks(BAKERY).len(), 2);
    bench.advance(10);
    assert_eq!(tiktok.videos(BAKERY).len(), 1);
}

#[rstest]
#[case::accepted_then_silence(FaultKind::LostAnswer, true)]
#[case::f35_failed_after_the_effect(FaultKind::Status500After, true)]
#[case::f35_failed_before_the_effect(FaultKind::Status500Before, false)]
#[case::reset_before_the_effect(FaultKind::RefusedBefore, false)]
#[tokio::test]
async fn f34_the_last_piece_of_an_upload_is_asked_about_by_its_id(#[case] kind: FaultKind, #[case] is_out: bool) {
    let bench = bench().await;
    let tiktok = bench.simulator.tiktok();
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, bench.video(4_000_000), public()));
    let since = bench.clock.now();
    tiktok.add_fault(Fault::new(kind).on_edge("PUT", "upload").times(1));
    let (ended, disk) = bench.publish(&token, &post).await;
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
    bench.advance(60);
    let asked = bench.read_back(&token, &post, &disk, since).await;
    if is_out {
        let Ok(ReadBack::Found(found)) = asked else { panic!("{asked:?}") };
        assert_eq!(found.remote_id, tiktok.videos(BAKERY)[0].id);
        return;
    }
    // Until the address has died, the bytes may still come.
    assert_eq!(asked.unwrap_err().disposition(), Disposition::Retry(None));
    bench.advance(3_900);
    let token = bench.token(BAKERY);
    assert_eq!(bench.read_back(&token, &post, &disk, since).await, Ok(ReadBack::Absent));
}

#[tokio::test]
async fn f34_a_pull_whose_id_was_lost_is_looked_for_among_the_videos() {
    let bench = bench().await;
    let tiktok = bench.simulator.tiktok();
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, far_video(), pulled()));
    let _earlier = tiktok.write_by_hand(BAKERY, "Fresh bread");
    bench.advance(120);
    let since = bench.clock.now();
    tiktok.add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "video/init").times(1));
    let (ended, disk) = bench.publish(&token, &post).await;
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
    // It is not listed before it is processed and looked at: that proves nothing.
    assert_eq!(bench.read_back(&token, &post, &disk, since).await.unwrap_err().disposition(), Disposition::Retry(None));
    bench.advance(60);
    let Ok(ReadBack::Found(found)) = bench.read_back(&token, &post, &disk, since).await else { panic!("not found") };
    assert_eq!(found.remote_id, tiktok.videos(BAKERY)[0].id);
    // A twin by a person makes it a question for a person.
    let _twin = tiktok.write_by_hand(BAKERY, "Fresh bread");
    let asked = bench.read_back(&token, &post, &disk, since).await;
    assert!(matches!(asked, Ok(ReadBack::Undecided { .. })), "{asked:?}");
}

#[tokio::test]
async fn a_private_pull_whose_id_was_lost_is_for_a_person() {
    let bench = bench().await;
    let mut options = pulled();
    options["privacy_level"] = "SELF_ONLY".into();
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, far_video(), options));
    let since = bench.clock.now();
    bench.simulator.tiktok().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "video/init").times(1));
    let (_, disk) = bench.publish(&token, &post).await;
    bench.advance(66 * 60);
    let asked = bench.read_back(&token, &post, &disk, since).await;
    assert!(matches!(asked, Ok(ReadBack::Undecided { .. })), "{asked:?}");
}

#[rstest]
#[case::for_good("picture_size_check_failed", Some("tiktok.media.picture_size"))]
#[case::for_now("internal", None)]
#[tokio::test]
async fn what_tiktok_refuses_afterwards_is_not_out(#[case] reason: &str, #[case] code: Option<&str>) {
    let bench = bench().await;
    bench.simulator.tiktok().fail_next(reason);
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, bench.video(4_000_000), public()));
    let since = bench.clock.now();
    let (ended, disk) = bench.publish(&token, &post).await;
    // The driver never takes a later step's word for what a publish came to: it is asked once more.
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
    match (bench.read_back(&token, &post, &disk, since).await.unwrap(), code) {
        (ReadBack::Refused(refusal), Some(code)) => assert_eq!(refusal.code, code),
        (ReadBack::Absent, None) => {}
        (other, _) => panic!("{other:?}"),
    }
    assert_eq!(bench.simulator.tiktok().videos(BAKERY).len(), 0);
}

#[rstest]
#[case::public_at_a_private_account(GARDEN, "tiktok.privacy.not_offered")]
#[case::comments_are_off(STUDIO, "tiktok.comment.disabled")]
#[tokio::test]
async fn an_account_is_asked_before_each_post(#[case] account: &str, #[case] code: &str) {
    let bench = bench().await;
    let (token, post) = (bench.token(account), prepared(account, bench.video(4_000_000), public()));
    let (ended, _) = bench.publish(&token, &post).await;
    let Ended::Failed { error, effect: Effect::Read, disposition: Disposition::Fail } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(error.refusal().code, code);
    assert_eq!(bench.simulator.tiktok().tasks(account).len(), 0);
}

#[tokio::test]
async fn bans_caps_and_an_app_without_audit_are_told_apart() {
    let bench = bench().await;
    let tiktok = bench.simulator.tiktok();
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, far_video(), pulled()));
    let code = async || {
        let (ended, _) = bench.publish(&token, &post).await;
        let Ended::Failed { error, disposition, .. } = ended else { panic!("{ended:?}") };
        (error.refusal().code, disposition)
    };
    tiktok.set_banned(BAKERY, true);
    assert_eq!(code().await, ("tiktok.account.banned".to_owned(), Disposition::Fail));
    tiktok.set_banned(BAKERY, false);
    tiktok.set_capped(true);
    assert_eq!(code().await.0, "tiktok.rate.active_users");
    tiktok.set_capped(false);
    tiktok.set_audited(false);
    assert_eq!(code().await, ("tiktok.app.unaudited".to_owned(), Disposition::Operator));
    tiktok.set_audited(true);
    let elsewhere = json!({"media": [{"url": "https://cdn.example.net/a.mp4", "kind": "video"}]});
    let (ended, _) = bench.publish(&token, &prepared(BAKERY, elsewhere, pulled())).await;
    let Ended::Failed { error, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "tiktok.media.domain_unverified");
}

#[tokio::test]
async fn a_seventh_post_within_a_minute_waits_for_the_next() {
    let bench = bench().await;
    let (token, post) = (bench.token(BAKERY), prepared(BAKERY, far_video(), pulled()));
    for _ in 0..6 {
        let ended = bench.run(&token, &post, &mut Disk::default(), false).await;
        assert!(matches!(ended, Ended::Waiting { publish_answered: true, .. }), "{ended:?}");
    }
    let ended = bench.run(&token, &post, &mut Disk::default(), false).await;
    let Ended::Failed { error, disposition, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "tiktok.rate.calls");
    assert_eq!(disposition, Disposition::Retry(Some(SignedDuration::from_mins(1))));
}
