//! Dead letters sent back to work through the API: what is out is never posted again.

use serde_json::{Value, json};
use shared::store::{AuditChain, AuditRecord};
use simulator::facebook::{Fault, FaultKind, seed};

use crate::{
    graveyard::{
        accept, give_token, never_sent, outcomes, pass, redrive, refused, refused_and_live, rows, take_token, targets,
        try_redrive,
    },
    world::World,
};

/// What the audit says of redrives.
async fn audit(world: &World) -> Vec<AuditRecord> {
    match world.store.audit_chain(world.caller.tenant).await.unwrap() {
        AuditChain::Whole(mut records) => {
            records.retain(|record| record.action == "dead_letters.redriven");
            records
        }
        AuditChain::BrokenAt(sequence) => panic!("broken at {sequence}"),
    }
}

#[tokio::test]
async fn f33_what_went_out_in_truth_is_already_live_and_posts_nothing() {
    let world = World::start().await;
    let id = refused_and_live(&world, &world.connected().await, "out after all").await;
    assert_eq!(world.page().len(), 1);
    world.advance(60);
    let mut body = targets([&id]);
    body["dry_run"] = json!(true);
    let view = redrive(&world, &body).await;
    assert_eq!((outcomes(&view), &view["targets"][0]["remote_id"]), (vec!["already_live"], &json!(world.page()[0].id)));
    assert_eq!(world.post(&id).await["state"], "failed", "a dry run changes nothing");

    let view = redrive(&world, &targets([&id])).await;
    assert_eq!((outcomes(&view), &view["counts"]["already_live"]), (vec!["already_live"], &json!(1)));
    let post = world.post(&id).await;
    assert_eq!((&post["state"], &post["targets"][0]["remote_id"]), (&json!("published"), &json!(world.page()[0].id)));
    pass(&world, 10, 30).await;
    assert_eq!(world.page().len(), 1);
    assert_eq!(world.events(&id).await, ["accepted", "started", "failed", "published"]);
    let dead = world.read("GET /v1/dead-letters", "/v1/dead-letters").await.unwrap();
    assert_eq!(dead["dead_letters"], json!([]));
}

#[tokio::test]
async fn what_was_refused_goes_out_once_after_the_platform_was_asked() {
    let world = World::start().await;
    let connection = world.connected().await;
    let (sent, unsent) = (refused(&world, &connection, "one").await, never_sent(&world, &connection, "two").await);
    let dead = world.read("GET /v1/dead-letters", "/v1/dead-letters").await.unwrap();
    let sent_flags: Vec<_> = dead["dead_letters"].as_array().unwrap().iter().map(|it| &it["publish_sent"]).collect();
    assert_eq!(sent_flags, [&json!(false), &json!(true)]);
    world.advance(60);
    let view = redrive(&world, &targets([&sent, &unsent])).await;
    assert_eq!(outcomes(&view), ["posts", "posts"]);
    assert_eq!(
        (&world.post(&sent).await["state"], &world.post(&unsent).await["state"]),
        (&json!("unknown"), &json!("queued"))
    );
    world.advance(2);
    world.pump().await;
    world.advance(1);
    world.drain().await;
    for id in [&sent, &unsent] {
        let post = world.post(id).await;
        assert_eq!((&post["state"], &post["targets"][0]["attempts"]), (&json!("published"), &json!(1)), "{post:#}");
    }
    assert_eq!(world.page().len(), 2);
    assert_eq!(
        world.events(&sent).await,
        ["accepted", "started", "failed", "unknown", "queued", "published"],
        "asked, and then published"
    );
    let timeline = world.read("GET /v1/posts/{post}/timeline", &format!("/v1/posts/{sent}/timeline")).await.unwrap();
    assert_eq!(timeline["entries"][3]["by"], world.caller.key.to_string());
    assert_eq!(timeline["entries"][3]["reason"]["code"], "dead_letter.redriven");
}

#[tokio::test]
async fn a_dry_run_asks_the_platform_and_writes_nothing() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [
        refused(&world, &connection, "refused").await,
        refused_and_live(&world, &connection, "live").await,
        never_sent(&world, &connection, "never sent").await,
    ];
    world.advance(60);
    let (state, vault) = (rows(&world, "State").await, rows(&world, "Vault").await);
    let before = world.emulators.counts();
    let mut body = targets(&ids);
    body["dry_run"] = json!(true);
    let view = redrive(&world, &body).await;
    let spent = world.emulators.counts().since(&before);
    assert_eq!((outcomes(&view), &view["dry_run"]), (vec!["posts", "already_live", "posts"], &json!(true)));
    assert!(spent.write_units() < 0.1 && spent.iter().all(|(name, _)| !name.starts_with("SQS.")), "{spent:#?}");
    assert_eq!((rows(&world, "State").await, rows(&world, "Vault").await), (state, vault));
    assert!(view["targets"].as_array().unwrap().iter().all(|target| target["next_at"].is_null()));
    assert_eq!(audit(&world).await, []);
    // The real run does what was said.
    assert_eq!(outcomes(&redrive(&world, &targets(&ids)).await), outcomes(&view));
    pass(&world, 4, 30).await;
    assert_eq!(world.page().len(), 3);
}

#[tokio::test]
async fn f13_two_redrives_at_once_post_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [refused(&world, &connection, "sent").await, never_sent(&world, &connection, "never sent").await];
    world.advance(60);
    let body = targets(&ids);
    let (one, other) = tokio::join!(redrive(&world, &body), redrive(&world, &body));
    for place in 0..2 {
        let mut both = [outcomes(&one)[place], outcomes(&other)[place]];
        both.sort_unstable();
        assert_eq!(both, ["not_failed", "posts"]);
    }
    pass(&world, 4, 30).await;
    assert_eq!(world.page().len(), 2);
    assert_eq!(outcomes(&redrive(&world, &body).await), ["not_failed", "not_failed"]);
    assert_eq!(audit(&world).await.len(), 3, "every run is told");
}

#[tokio::test]
async fn the_list_is_filtered_and_paged_and_a_cursor_is_good_for_its_tenant_alone() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(refused(&world, &connection, &format!("refused {number}")).await);
        world.advance(10);
    }
    ids.push(never_sent(&world, &connection, "never sent").await);
    let list = async |world: &World, query: &str| {
        let view = world.read("GET /v1/dead-letters", &format!("/v1/dead-letters?{query}")).await?;
        let posts: Vec<_> = view["dead_letters"].as_array().unwrap().iter().map(|it| it["post"].clone()).collect();
        Ok::<_, shared::problem::Problem>((posts, view["next_cursor"].as_str().map(str::to_owned)))
    };
    let latest: Vec<Value> = ids.iter().rev().map(|id| json!(id)).collect();
    for (query, expected) in [
        ("", &latest[..]),
        ("platform=facebook", &latest[..]),
        ("code=connection.token_missing", &latest[..1]),
        ("act=end_user", &latest[..1]),
        ("act=operator", &latest[..0]),
        (&format!("connection={connection}&act=caller"), &latest[1..]),
        ("connection=con_0193f0a1b2c37d4e8f90a1b2c3d4e5f6", &latest[..0]),
        ("from=2026-11-21T10:00:40Z", &latest[..2]),
        ("to=2026-11-21T10:00:10Z", &latest[4..]),
        ("from=2026-11-21T10:00:10Z&to=2026-11-21T10:00:20%2B00:00", &latest[3..5]),
        ("from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", &latest[..0]),
    ] {
        assert_eq!(list(&world, query).await.unwrap(), (expected.to_vec(), None), "{query}");
    }
    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let after = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let (posts, next) = list(&world, &format!("limit=2&act=caller{after}")).await.unwrap();
        assert!(posts.len() <= 2);
        paged.extend(posts);
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(paged, latest[1..], "every one once");
    for query in ["platform=myspace", "connection=1", "act=me", "from=yesterday", "to=1", "limit=0", "state=failed"] {
        assert_eq!(list(&world, query).await.unwrap_err().code, "query.invalid", "{query}");
    }
    let cursor = format!("cursor={}", cursor.unwrap());
    let posts = world.read("GET /v1/posts", &format!("/v1/posts?{cursor}")).await.unwrap_err();
    assert_eq!(posts.code, "query.invalid", "another listing's cursor");
    world.caller = world.other_tenant().await;
    assert_eq!(list(&world, &cursor).await.unwrap_err().code, "query.invalid", "another tenant's cursor");
    assert_eq!(list(&world, "").await.unwrap(), (Vec::new(), None));
}

#[tokio::test]
async fn a_filter_redrives_what_it_matches_and_says_so_in_the_audit() {
    let world = World::start().await;
    let connection = world.connected().await;
    let refused = refused(&world, &connection, "refused").await;
    let unsent = never_sent(&world, &connection, "never sent").await;
    world.advance(60);
    let body = json!({ "filter": { "platform": "facebook", "act": "end_user", "to": "2026-11-21T11:00:00Z" } });
    let view = redrive(&world, &body).await;
    assert_eq!(
        (outcomes(&view), &view["targets"][0]["post"], &view["more"]),
        (vec!["posts"], &json!(unsent), &json!(false))
    );
    assert_eq!(world.post(&refused).await["state"], "failed", "not matched");
    let records = audit(&world).await;
    let details: Vec<(&str, &str)> =
        records[0].details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        details,
        [
            ("filter_act", "end_user"),
            ("filter_platform", "facebook"),
            ("filter_to", "2026-11-21T11:00:00Z"),
            ("more", "false"),
            ("posts", "1"),
        ]
    );
    assert_eq!(
        (records[0].actor.as_str(), records[0].action.as_str()),
        (&*world.caller.key.to_string(), "dead_letters.redriven")
    );
}

#[tokio::test]
async fn f42_at_most_five_a_second_go_out_per_connection() {
    let world = World::start().await;
    let connection = world.connected().await;
    let token = take_token(&world, &connection).await;
    for number in 0..12 {
        accept(&world, &connection, &format!("number {number}")).await;
    }
    world.drain().await;
    give_token(&world, token).await;
    let view = redrive(&world, &json!({ "filter": {} })).await;
    let mut times: Vec<jiff::Timestamp> =
        view["targets"].as_array().unwrap().iter().map(|it| it["next_at"].as_str().unwrap().parse().unwrap()).collect();
    times.sort_unstable();
    let after: Vec<i128> = times.iter().map(|at| at.duration_since(times[0]).as_millis()).collect();
    assert_eq!(after, (0..12).map(|number| number * 200).collect::<Vec<_>>());
    let mut out = Vec::new();
    for _second in 0..4 {
        world.drain().await;
        out.push(world.page().len());
        world.advance(1);
    }
    assert_eq!(out, [1, 6, 11, 12]);
}

#[tokio::test]
async fn f23_a_redriven_target_whose_message_is_lost_is_found_by_dispatch() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = never_sent(&world, &connection, "lost message").await;
    redrive(&world, &targets([&id])).await;
    assert_eq!(world.receive(&world.publish_queue, 43_200).await.len(), 1, "nobody ever works on it");
    pass(&world, 4, 30).await;
    assert_eq!((&world.post(&id).await["state"], world.page().len()), (&json!("published"), 1));
}

#[tokio::test]
async fn f09_the_targets_of_another_tenant_are_as_unknown_as_those_that_never_were() {
    let mut world = World::start().await;
    let id = never_sent(&world, &world.connected().await, "theirs").await;
    world.caller = world.other_tenant().await;
    let before = rows(&world, "State").await;
    let mut body = targets([&id, &shared::ids::PostId::new().to_string()]);
    body["dry_run"] = json!(true);
    let view = redrive(&world, &body).await;
    assert_eq!(outcomes(&view), ["not_found", "not_found"]);
    assert_eq!(rows(&world, "State").await, before);
    body["dry_run"] = json!(false);
    assert_eq!(outcomes(&redrive(&world, &body).await), ["not_found", "not_found"]);
    assert_eq!(outcomes(&redrive(&world, &json!({ "filter": {} })).await), Vec::<&str>::new());
    world.drain().await;
    assert_eq!(world.page().len(), 0);
}

#[tokio::test]
async fn what_is_no_dead_letter_is_left_alone() {
    let world = World::start().await;
    let connection = world.connected().await;
    let published = accept(&world, &connection, "published").await;
    world.drain().await;
    let waiting = accept(&world, &connection, "has no row yet").await;
    let mut body = targets([&published, &waiting]);
    body["targets"].as_array_mut().unwrap().push(json!({ "post": published, "target": "t2" }));
    body["targets"].as_array_mut().unwrap().push(json!({ "post": published, "target": "t1" }));
    assert_eq!(outcomes(&redrive(&world, &body).await), ["not_failed", "not_failed", "not_found"]);
}

#[tokio::test]
async fn what_needs_its_owner_stays_a_dead_letter() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [refused(&world, &connection, "sent").await, never_sent(&world, &connection, "never sent").await];
    world.advance(60);
    let token = take_token(&world, &connection).await;
    let view = redrive(&world, &targets(&ids)).await;
    assert_eq!(outcomes(&view), ["needs_reconnect", "needs_reconnect"]);
    assert_eq!(view["targets"][0]["reason"]["code"], "connection.token_missing");
    give_token(&world, token).await;

    world.simulator.facebook().revoke_user(seed::ADA, 460);
    let mut body = targets(&ids);
    body["dry_run"] = json!(true);
    let path = format!("/v1/connections/{connection}");
    let state = async || world.read("GET /v1/connections/{connection}", &path).await.unwrap()["state"].clone();
    // The platform says so for the one about which it is asked; a dry run does not write that down.
    assert_eq!(outcomes(&redrive(&world, &body).await)[0], "needs_reconnect");
    assert_eq!(state().await, "active");
    assert_eq!(outcomes(&redrive(&world, &targets(&ids[..1])).await), ["needs_reconnect"]);
    assert_eq!(state().await, "reconnect");
    assert_eq!(outcomes(&redrive(&world, &body).await), ["needs_reconnect", "needs_reconnect"]);
    for id in &ids {
        assert_eq!(world.post(id).await["state"], "failed");
    }
}

#[tokio::test]
async fn f22_what_is_late_goes_out_only_with_a_new_time_that_holds_against_the_posts_own() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [refused(&world, &connection, "sent").await, never_sent(&world, &connection, "never sent").await];
    world.advance(3 * 86_400);
    assert_eq!(outcomes(&redrive(&world, &targets(&ids)).await), ["expired", "expired"]);
    pass(&world, 4, 30).await;
    assert_eq!((&world.post(&ids[0]).await["state"], world.page().len()), (&json!("failed"), 0));

    let mut body = targets(&ids);
    body["not_after"] = json!("2026-11-24T12:00:00Z");
    assert_eq!(outcomes(&redrive(&world, &body).await), ["posts", "posts"]);
    assert_eq!(world.post(&ids[0]).await["targets"][0]["not_after"], "2026-11-24T12:00:00Z");
    pass(&world, 4, 30).await;
    for id in &ids {
        assert_eq!(world.post(id).await["state"], "published", "{:#}", world.post(id).await);
    }
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn f22_past_the_new_time_a_redriven_target_expires() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [refused(&world, &connection, "sent").await, never_sent(&world, &connection, "never sent").await];
    world.advance(60);
    let mut body = targets(&ids);
    // Earlier than the post's own.
    body["not_after"] = json!("2026-11-21T10:30:00Z");
    assert_eq!(outcomes(&redrive(&world, &body).await), ["posts", "posts"]);
    world.advance(3_600);
    pass(&world, 2, 30).await;
    for id in &ids {
        assert_eq!(world.post(id).await["state"], "expired");
    }
    assert_eq!(world.page().len(), 0);
}

#[tokio::test]
async fn f34_where_the_platform_cannot_be_asked_it_is_asked_later_and_before_anything_is_posted() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [refused_and_live(&world, &connection, "live").await, refused(&world, &connection, "refused").await];
    // A moment after the publish the listing cannot be trusted yet.
    assert_eq!(outcomes(&redrive(&world, &json!({ "filter": {}, "dry_run": true })).await), ["asks_first"; 2]);
    world.advance(60);
    let down = Fault::new(FaultKind::Status500Before).on_edge("GET", "published_posts").times(3);
    world.simulator.facebook().add_fault(down);
    let view = redrive(&world, &targets(&ids)).await;
    assert_eq!(outcomes(&view), ["asks_first"; 2]);
    assert_eq!(world.post(&ids[0]).await["state"], "unknown");
    pass(&world, 10, 30).await;
    for id in &ids {
        assert_eq!(world.post(id).await["state"], "published");
    }
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn f46_dead_twins_of_which_one_is_out_are_left_to_a_person() {
    let world = World::start().await;
    world.simulator.facebook().set_refuse_duplicates(false);
    let connection = world.connected().await;
    let ids = [refused(&world, &connection, "twin").await, refused_and_live(&world, &connection, "twin").await];
    world.advance(60);
    let view = redrive(&world, &targets(&ids)).await;
    assert_eq!(outcomes(&view), ["needs_review", "needs_review"]);
    assert_eq!(view["targets"][0]["reason"]["code"], "read_back.undecided");
    pass(&world, 4, 30).await;
    for id in &ids {
        assert_eq!(world.post(id).await["state"], "needs_review");
    }
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_dead_letter_does_not_make_its_living_twin_doubtful() {
    let world = World::start().await;
    world.simulator.facebook().set_refuse_duplicates(false);
    let connection = world.connected().await;
    refused(&world, &connection, "again").await;
    let lost = Fault::new(FaultKind::LostAnswer).on_edge("POST", "feed").times(1);
    world.simulator.facebook().add_fault(lost);
    let id = accept(&world, &connection, "again").await;
    world.drain().await;
    pass(&world, 4, 30).await;
    assert_eq!((&world.post(&id).await["state"], world.page().len()), (&json!("published"), 1));
}

#[tokio::test]
async fn requests_that_cannot_be_understood_are_refused_with_pointers() {
    let world = World::start().await;
    let one = json!({ "post": shared::ids::PostId::new(), "target": "t1" });
    let cases = [
        (json!({}), "", "redrive.scope"),
        (json!({ "targets": [one], "filter": {} }), "", "redrive.scope"),
        (json!({ "targets": [] }), "/targets", "redrive.count"),
        (json!({ "targets": vec![one.clone(); 501] }), "/targets", "redrive.count"),
        (json!({ "filter": { "from": "now" } }), "/filter/from", "filter.not_an_instant"),
        (json!({ "filter": { "to": "2026-11-21" } }), "/filter/to", "filter.not_an_instant"),
        (json!({ "filter": { "state": "failed" } }), "/filter/state", "body.shape"),
        (json!({ "filter": {}, "dryrun": true }), "/dryrun", "body.shape"),
        (json!({ "filter": {}, "not_after": "soon" }), "/not_after", "not_after.not_an_instant"),
        (json!({ "filter": {}, "not_after": "2026-11-21T10:00:00Z" }), "/not_after", "not_after.too_early"),
    ];
    for (body, pointer, code) in cases {
        let problem = try_redrive(&world, &body).await.unwrap_err();
        let fault = &problem.errors[0];
        assert_eq!((problem.status, fault.pointer.as_str(), fault.code.as_str()), (422, pointer, code), "{body}");
    }
    let mut request = world.request("POST /v1/dead-letters/redrive", "/x", &json!({ "filter": {} }));
    request.caller = Err(shared::problem::Code::KeyUnknown);
    let time_left = std::time::Duration::from_secs(28);
    assert_eq!(world.redriver.handle(request, time_left).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn f30_what_time_does_not_suffice_for_is_told_and_left_alone() {
    let world = World::start().await;
    let id = never_sent(&world, &world.connected().await, "no time").await;
    let request = world.request("POST /v1/dead-letters/redrive", "/v1/dead-letters/redrive", &targets([&id]));
    let response = world.redriver.handle(request, std::time::Duration::from_secs(3)).await.unwrap();
    assert!(response.body.contains(r#""not_reached":1}"#), "{}", response.body);
    assert_eq!(world.post(&id).await["state"], "failed");
}
