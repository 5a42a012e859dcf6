//! The simulated LinkedIn by itself: what it takes, what it refuses, and in which words.

use bytes::Bytes;
use hyper::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::linkedin::seed::{ANN, BAKERY, BOB};
use simulator::linkedin::{MEMBER_APP, PAGE_APP};
use simulator::{Clock, InProcess, ManualClock, Options};

const PAGE_SCOPES: [&str; 3] = ["w_organization_social", "r_organization_social", "rw_organization_admin"];

struct Stage {
    simulator: InProcess,
    clock: ManualClock,
    token: String,
}

struct Answer {
    status: u16,
    id: Option<String>,
    etag: Option<String>,
    json: Value,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::new("2026-11-21T12:00:00Z".parse().unwrap());
        let options = Options { clock: Clock::Manual(clock.clone()), ..Options::default() };
        let simulator = InProcess::new(&options, "http://simulator.example");
        let token = simulator.linkedin().token(PAGE_APP.id, ANN, &PAGE_SCOPES).unwrap();
        Self { simulator, clock, token }
    }

    async fn send(&self, method: &str, path: &str, version: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/linkedin{path}"));
        if !path.contains("cn=part") || path.contains("picture") {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if let Some(version) = version {
            request = request.header("linkedin-version", version).header("x-restli-protocol-version", "2.0.0");
        }
        let request = request.header("content-type", "application/json").body(Bytes::from(body)).unwrap();
        let answer = self.simulator.answer(request).await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Answer {
            status: answer.status().as_u16(),
            id: header("x-restli-id"),
            etag: header("etag"),
            json: serde_json::from_slice(answer.body()).unwrap_or_default(),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some("202609"), body.to_string().into_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Some("202609"), Vec::new()).await
    }
}

fn text(author: &str, commentary: &str) -> Value {
    json!({
        "author": author, "commentary": commentary, "visibility": "PUBLIC", "lifecycleState": "PUBLISHED",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
    })
}

#[tokio::test]
async fn a_post_is_made_listed_and_taken_down() {
    let stage = Stage::new();
    let made = stage.post("/rest/posts", &text(BAKERY, "Fresh \\(bread\\) https://example.com")).await;
    assert_eq!((made.status, &made.json), (201, &Value::Null));
    let urn = made.id.unwrap();
    let listed = stage.get(&format!("/rest/posts?q=author&author={BAKERY}&count=20")).await;
    assert_eq!(listed.json["elements"][0]["id"], urn.as_str());
    assert_eq!(listed.json["elements"][0]["commentary"], "Fresh \\(bread\\) https://lnkd.in/e2");
    for _ in 0..2 {
        let path = format!("/rest/posts/{}", urn.replace(':', "%3A"));
        assert_eq!(stage.send("DELETE", &path, Some("202609"), Vec::new()).await.status, 204);
    }
    assert!(stage.simulator.linkedin().posts(BAKERY).is_empty());
}

#[tokio::test]
async fn what_is_not_escaped_cuts_the_text_and_is_not_told() {
    let stage = Stage::new();
    assert_eq!(stage.post("/rest/posts", &text(BAKERY, "Fresh (bread)")).await.status, 201);
    assert_eq!(stage.simulator.linkedin().posts(BAKERY)[0].shown, "Fresh ");
}

#[tokio::test]
async fn versions_are_asked_for_and_end() {
    let stage = Stage::new();
    let body = || text(BAKERY, "a").to_string().into_bytes();
    let missing = stage.send("POST", "/rest/posts", None, body()).await;
    assert_eq!((missing.status, missing.json["code"].as_str()), (400, Some("VERSION_MISSING")));
    for dead in ["202511", "202504", "209901"] {
        let refused = stage.send("POST", "/rest/posts", Some(dead), body()).await;
        assert_eq!((refused.status, refused.json["code"].as_str()), (426, Some("NONEXISTENT_VERSION")), "{dead}");
    }
    stage.clock.advance(SignedDuration::from_hours(24 * 20));
    assert_eq!(stage.send("POST", "/rest/posts", Some("202609"), body()).await.status, 201);
}

#[tokio::test]
async fn the_same_text_within_ten_minutes_is_a_duplicate() {
    let stage = Stage::new();
    let first = stage.post("/rest/posts", &text(BAKERY, "a")).await.id.unwrap();
    let second = stage.post("/rest/posts", &text(BAKERY, "a")).await;
    assert_eq!(second.status, 422);
    assert_eq!(second.json["errorDetails"]["inputErrors"][0]["code"], "DUPLICATE_POST");
    assert!(second.json["message"].as_str().unwrap().ends_with(&first));
    stage.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(stage.post("/rest/posts", &text(BAKERY, "a")).await.status, 201);
}

#[tokio::test]
async fn an_author_takes_the_right_app_and_the_right_role() {
    let mut stage = Stage::new();
    assert_eq!(stage.post("/rest/posts", &text("urn:li:person:782bbtaQ", "a")).await.status, 403);
    stage.token = stage.simulator.linkedin().token(PAGE_APP.id, BOB, &PAGE_SCOPES).unwrap();
    assert_eq!(stage.post("/rest/posts", &text(BAKERY, "a")).await.status, 403);
    stage.token = stage.simulator.linkedin().token(MEMBER_APP.id, ANN, &["w_member_social"]).unwrap();
    let refused = stage.post("/rest/posts", &text(BAKERY, "a")).await;
    assert_eq!((refused.status, refused.json.get("code")), (400, None));
    assert_eq!(stage.post("/rest/posts", &text("urn:li:person:782bbtaQ", "a")).await.status, 201);
    assert_eq!(stage.get("/rest/posts?q=author&author=urn:li:person:782bbtaQ").await.status, 403);
}

#[tokio::test]
async fn a_video_is_sent_in_parts_and_waited_for() {
    let stage = Stage::new();
    let size = 4_194_304 + 100;
    let wanted = json!({"owner": BAKERY, "fileSizeBytes": size, "uploadCaptions": false, "uploadThumbnail": false});
    let announced =
        stage.post("/rest/videos?action=initializeUpload", &json!({ "initializeUploadRequest": wanted })).await;
    let value = &announced.json["value"];
    let mut tags = Vec::new();
    for instruction in value["uploadInstructions"].as_array().unwrap() {
        let url = instruction["uploadUrl"].as_str().unwrap();
        let path = url.strip_prefix("http://simulator.example/linkedin").unwrap();
        let length = instruction["lastByte"].as_u64().unwrap() - instruction["firstByte"].as_u64().unwrap() + 1;
        let bytes = vec![7; usize::try_from(length).unwrap()];
        let sent = stage.send("PUT", path, None, bytes).await;
        assert_eq!(sent.status, 200);
        tags.push(sent.etag.unwrap().trim_matches('"').to_owned());
    }
    let finalize = |tags: Vec<String>| json!({"finalizeUploadRequest": {"video": value["video"], "uploadToken": "", "uploadedPartIds": tags}});
    let wrong: Vec<String> = tags.iter().rev().cloned().collect();
    assert_eq!(stage.post("/rest/videos?action=finalizeUpload", &finalize(wrong)).await.status, 400);
    let early = json!({"media": {"id": value["video"]}});
    let mut body = text(BAKERY, "a");
    body["content"] = early;
    assert_eq!(stage.post("/rest/posts", &body).await.json["code"], "MEDIA_ASSET_WAITING_UPLOAD");
    assert_eq!(stage.post("/rest/videos?action=finalizeUpload", &finalize(tags)).await.status, 200);
    let path = format!("/rest/videos/{}", value["video"].as_str().unwrap().replace(':', "%3A"));
    assert_eq!(stage.get(&path).await.json["status"], "PROCESSING");
    stage.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(stage.get(&path).await.json["status"], "AVAILABLE");
    let made = stage.post("/rest/posts", &body).await;
    assert!(made.id.unwrap().starts_with("urn:li:ugcPost:"));
}

#[tokio::test]
async fn another_set_of_scopes_ends_the_tokens_before() {
    let stage = Stage::new();
    assert_eq!(stage.get("/rest/organizationAcls?q=roleAssignee").await.status, 200);
    stage.simulator.linkedin().token(PAGE_APP.id, ANN, &["r_organization_admin"]).unwrap();
    let refused = stage.get("/rest/organizationAcls?q=roleAssignee").await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (401, Some("REVOKED_ACCESS_TOKEN")));
}

#[tokio::test]
async fn a_day_has_so_many_calls_and_midnight_brings_new_ones() {
    let stage = Stage::new();
    stage.simulator.linkedin().set_quotas(100, 1);
    assert_eq!(stage.get("/rest/organizationAcls?q=roleAssignee").await.status, 200);
    let refused = stage.get("/rest/organizationAcls?q=roleAssignee").await;
    assert_eq!(refused.status, 429);
    assert!(refused.json["message"].as_str().unwrap().contains("MEMBER DAY"));
    stage.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(stage.get("/rest/organizationAcls?q=roleAssignee").await.status, 200);
}

impl Stage {
    async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let encoded = |value: &str| value.replace(':', "%3A").replace('/', "%2F");
        let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let form = form.join("&");
        let request = Request::builder().method("POST").uri(format!("/linkedin{path}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = self.simulator.answer(request.body(Bytes::from(form)).unwrap()).await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            id: None,
            etag: None,
            json: serde_json::from_slice(answer.body()).unwrap_or_default(),
        }
    }
}

#[tokio::test]
async fn a_refresh_token_stays_the_same_and_its_life_counts_down() {
    let stage = Stage::new();
    let back = "https://postd.example/back";
    let client = [("client_id", PAGE_APP.id), ("client_secret", PAGE_APP.secret)];
    let code = stage.simulator.linkedin().code(PAGE_APP.id, ANN, &PAGE_SCOPES, back).unwrap();
    let exchange =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", back), client[0], client[1]];
    let first = stage.form("/oauth/v2/accessToken", &exchange).await;
    assert_eq!((first.status, first.json["refresh_token_expires_in"].as_i64()), (200, Some(365 * 86_400)));
    assert_eq!(first.json["scope"], PAGE_SCOPES.join(","));
    assert_eq!(stage.form("/oauth/v2/accessToken", &exchange).await.status, 400, "a code is good once");
    let refresh = first.json["refresh_token"].as_str().unwrap().to_owned();
    let renewal = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), client[0], client[1]];
    stage.clock.advance(SignedDuration::from_hours(24 * 50));
    let second = stage.form("/oauth/v2/accessToken", &renewal).await;
    assert_eq!(second.json["refresh_token"], refresh.as_str());
    assert_eq!(second.json["refresh_token_expires_in"].as_i64(), Some(315 * 86_400));
    assert_ne!(second.json["access_token"], first.json["access_token"]);
    stage.clock.advance(SignedDuration::from_hours(24 * 315));
    let ended = stage.form("/oauth/v2/accessToken", &renewal).await;
    assert_eq!((ended.status, ended.json["error"].as_str()), (400, Some("invalid_request")));
}

#[tokio::test]
async fn a_member_s_login_brings_no_refresh_token_and_a_token_tells_of_itself() {
    let stage = Stage::new();
    let back = "https://postd.example/back";
    let client = [("client_id", MEMBER_APP.id), ("client_secret", MEMBER_APP.secret)];
    let code = stage.simulator.linkedin().code(MEMBER_APP.id, BOB, &["openid", "w_member_social"], back).unwrap();
    let exchange =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", back), client[0], client[1]];
    let brought = stage.form("/oauth/v2/accessToken", &exchange).await;
    assert_eq!((brought.status, brought.json.get("refresh_token")), (200, None));
    let token = brought.json["access_token"].as_str().unwrap().to_owned();
    let ask = [("token", token.as_str()), client[0], client[1]];
    let told = stage.form("/oauth/v2/introspectToken", &ask).await;
    assert_eq!((told.json["active"].as_bool(), told.json["status"].as_str()), (Some(true), Some("active")));
    stage.clock.advance(SignedDuration::from_hours(24 * 60));
    let told = stage.form("/oauth/v2/introspectToken", &ask).await;
    assert_eq!((told.json["active"].as_bool(), told.json["status"].as_str()), (Some(false), Some("expired")));
    let wrong = [("token", token.as_str()), client[0], ("client_secret", "guess")];
    assert_eq!(stage.form("/oauth/v2/introspectToken", &wrong).await.status, 401);
}

#[tokio::test]
async fn a_file_belongs_to_its_author_and_is_looked_at_by_who_may_read() {
    let mut stage = Stage::new();
    let wanted = |owner: &str| json!({"initializeUploadRequest": {"owner": owner}});
    let announced = stage.post("/rest/images?action=initializeUpload", &wanted(BAKERY)).await;
    let image = announced.json["value"]["image"].as_str().unwrap().to_owned();
    let url = announced.json["value"]["uploadUrl"].as_str().unwrap();
    let path = url.strip_prefix("http://simulator.example/linkedin").unwrap().to_owned();
    // `send` leaves the token out where parts of videos go.
    assert_eq!(stage.send("PUT", &path, None, vec![7; 9]).await.status, 401);
    let path = format!("{path}&picture");
    assert_eq!(stage.send("PUT", &path, None, vec![7; 9]).await.status, 201);
    stage.clock.advance(SignedDuration::from_secs(2));
    let mut body = text("urn:li:person:782bbtaQ", "a");
    body["content"] = json!({"media": {"id": image}});
    stage.token = stage.simulator.linkedin().token(MEMBER_APP.id, ANN, &["w_member_social"]).unwrap();
    let looked = stage.get(&format!("/rest/images/{}", image.replace(':', "%3A"))).await;
    assert_eq!(looked.status, 403, "a token that may only write is not shown it");
    let refused = stage.post("/rest/posts", &body).await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (400, Some("INVALID_VALUE_FOR_FIELD")));
    let announced = stage.post("/rest/documents?action=initializeUpload", &wanted("urn:li:person:782bbtaQ")).await;
    assert!(announced.json["value"]["document"].as_str().unwrap().starts_with("urn:li:document:"));
    assert_eq!(stage.post("/rest/images?action=initializeUpload", &wanted(BAKERY)).await.status, 400);
}

#[tokio::test]
async fn a_sample_comes_in_parts_as_they_are_asked_for() {
    let stage = Stage::new();
    let part = |range: Option<&'static str>| {
        let mut request = Request::builder().uri("/linkedin/_simulator/sample.mp4?size=3000000");
        if let Some(range) = range {
            request = request.header("range", range);
        }
        stage.simulator.answer(request.body(Bytes::new()).unwrap())
    };
    let whole = part(None).await.unwrap();
    assert_eq!((whole.status().as_u16(), whole.body().len()), (200, 3_000_000));
    let piece = part(Some("bytes=1048576-2097151")).await.unwrap();
    assert_eq!((piece.status().as_u16(), piece.body().len()), (206, 1_048_576));
    assert_eq!(piece.headers()["content-range"], "bytes 1048576-2097151/3000000");
    assert!(piece.body().iter().all(|byte| *byte == 1));
}

#[tokio::test]
async fn figures_are_of_posts_that_somebody_has_seen() {
    let stage = Stage::new();
    let urn = stage.post("/rest/posts", &text(BAKERY, "a")).await.id.unwrap();
    let path = format!(
        "/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity={BAKERY}&shares=List({urn})"
    );
    assert_eq!(stage.get(&path).await.json["elements"], json!([]));
    stage.clock.advance(SignedDuration::from_hours(1));
    let figures = stage.get(&path).await;
    assert_eq!(figures.json["elements"][0]["share"], urn.as_str());
    assert!(figures.json["elements"][0]["totalShareStatistics"]["impressionCount"].as_u64().unwrap() > 0);
}
