//! Where secrets are seen while everything goes well, and while much does not: nowhere but where each belongs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use canary::{Scanner, Survey};
use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use http::{Method, StatusCode};
use local::demo::{self, Report, Style, browser::Client};
use serde_json::{Value, json};
use shared::connector::settings::HostPolicy;
use shared::connector::transport::{HttpTransport, Sending, Transport};
use shared::connector::{Answer, Authentication, Body, Request};
use simulator::facebook::{Fault, FaultKind, seed};
use url::Url;

use crate::support::System;
use crate::tenant::{GRACES, Tenant};

/// What a caller or a browser has sent and was answered.
struct Exchange {
    method: Method,
    url: Url,
    answer: Answer,
}

/// A way over which everything is written down.
struct Recorded {
    over: HttpTransport,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Transport for Recorded {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let (method, url) = (request.method.clone(), request.url.clone());
            let answer = self.over.send(request, deadline).await?;
            let copy = Answer { status: answer.status, headers: answer.headers.clone(), body: answer.body.clone() };
            lock(&self.exchanges).push(Exchange { method, url, answer: copy });
            Ok(answer)
        })
    }
}

/// Where the demo is told to.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Operation, request and answer of a call to AWS.
type AwsCall = (String, Vec<u8>, Vec<u8>);

/// A cloud of which everything is seen.
struct Stage {
    system: System,
    way: Arc<Recorded>,
    told: Told,
    /// Every call to AWS.
    aws: Arc<Mutex<Vec<AwsCall>>>,
    /// Every call to the platform.
    calls: Arc<Mutex<Vec<simulator::Seen>>>,
}

impl Stage {
    fn new() -> Self {
        let parameters = [("LogLevel", "trace"), ("FacebookSettleSeconds", "1")];
        let system = System::start_with(&parameters, |options| options.schedules = true);
        let (aws, calls) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (requests, seen) = (Arc::clone(&aws), Arc::clone(&calls));
        system.cloud.emulators().unwrap().tap(emulators::Tap::new(move |operation, request, answer| {
            lock(&requests).push((operation.to_owned(), request.to_vec(), answer.to_vec()));
        }));
        system.cloud.simulator().unwrap().tap(simulator::Tap::new(move |call| lock(&seen).push(call)));
        let over = HttpTransport::new(HostPolicy::StandIn);
        let way = Arc::new(Recorded { over, exchanges: Mutex::default() });
        Self { system, way, told: Told::default(), aws, calls }
    }

    fn api(&self) -> &str {
        self.system.cloud.api_url()
    }

    fn client(&self, key: &str) -> Client {
        Client::over(Arc::clone(&self.way) as Arc<dyn Transport>, self.api(), &self.system.cloud.simulator_url(), key)
    }

    /// One request as somebody makes it who has no key, or a wrong one.
    async fn ask(&self, method: Method, path: &str, headers: &[(&'static str, &str)], body: Body) -> StatusCode {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let url = format!("{}{path}", self.api()).parse().unwrap();
        let request = Request { method, url, headers: all, body, authentication: Authentication::Complete };
        self.way.send(request, Duration::from_secs(30)).await.unwrap().status
    }

    async fn tell_the_demo(&self) {
        let mut report = Report::new(Style::Text, Box::new(self.told.clone()));
        demo::tell(self.client(self.system.cloud.api_key()), &mut report).await.unwrap();
    }

    /// What the platform would say of a call if it repeated all that it has seen.
    fn everything_said(&self) -> String {
        let tokens: Vec<String> = self.system.facebook().secrets().into_iter().map(|(_, secret)| secret).collect();
        format!("Malformed access token EAAP{} of the app {}", tokens.join(" AQ"), simulator::APP_SECRET)
    }

    async fn fail_to_publish(&self, client: &Client, tenant: &Tenant<'_>) {
        let connection = client.connect(seed::GRACE, &GRACES).await.unwrap();
        let told = |fault: Fault| Fault { message: Some(self.everything_said()), ..fault };
        let on = |fault: Fault, page| fault.on_page(page).on_edge("POST", "feed").times(1);
        self.system.facebook().add_fault(told(on(Fault::error(987_654, None), seed::GARDEN)));
        let late = Fault { milliseconds: Some(60_000), ..Fault::new(FaultKind::LateAnswer) };
        self.system.facebook().add_fault(on(late, seed::HARDWARE));
        self.system.facebook().add_fault(told(on(Fault::error(100, None), seed::BOOKSHOP)));
        let mut posts = Vec::new();
        for (page, ends) in [(seed::GARDEN, "published"), (seed::HARDWARE, "published"), (seed::BOOKSHOP, "failed")] {
            posts.push((tenant.publish(&connection, page, &format!("Nothing of this is secret: {page}")).await, ends));
        }
        for (post, ends) in posts {
            assert_eq!(tenant.settled(&post).await["state"], ends, "{post}");
            client.read(&format!("/v1/posts/{post}")).await.unwrap();
            client.read(&format!("/v1/posts/{post}/timeline")).await.unwrap();
        }
        client.read("/v1/dead-letters").await.unwrap();
        let filter = json!({ "filter": {}, "dry_run": true });
        client.api(Method::POST, "/v1/dead-letters/redrive", (Some(filter), &[]), 200).await.unwrap();

        // The token is refused, in many words.
        let dead = Fault { message: Some(self.everything_said()), ..Fault::error(190, Some(460)) };
        self.system.facebook().add_fault(on(dead, seed::GARDEN));
        self.system.facebook().revoke_user(seed::GRACE, 460);
        tenant.publish(&connection, seed::GARDEN, "Too late for the token.").await;
        let path = format!("/v1/connections/{connection}");
        let reconnect = async || (client.read(&path).await.unwrap()["state"] == "reconnect").then_some(());
        self.system.eventually("the connection asks for its owner", reconnect).await;
    }

    async fn fail_to_connect(&self, client: &Client) {
        let fault = Fault { message: Some(self.everything_said()), ..Fault::error(100, Some(36_009)) };
        self.system.facebook().add_fault(fault.on_edge("GET", "oauth/access_token").times(1));
        let body = json!({ "platform": "facebook", "return_url": "https://app.example.com/connected" });
        let session = client.api(Method::POST, "/v1/connect/sessions", (Some(body), &[]), 201).await.unwrap();
        let session = session.json().unwrap();
        let back = client.consent(session["url"].as_str().unwrap(), seed::ADA, &[seed::BAKERY]).await.unwrap();
        assert!(back.query().unwrap().contains("error=exchange_failed"), "{back}");
        let callback = "/v1/oauth/facebook/callback?state=nobodys&code=nothing";
        assert_eq!(self.ask(Method::GET, callback, &[("cookie", "postd-connect=nobodys")], Body::Empty).await, 404);
        // A link that was used opens no second time.
        let used = session["url"].as_str().unwrap().trim_start_matches(self.api());
        assert_eq!(self.ask(Method::GET, used, &[], Body::Empty).await, 404);
    }

    async fn fail_to_get_in(&self, key: &str) {
        for wrong in [format!("Bearer {key}0"), format!("Basic {key}"), format!("Bearer {}", &key[..key.len() - 4])] {
            let asked = self.ask(Method::GET, "/v1/posts", &[("authorization", &wrong)], Body::Empty).await;
            assert_eq!(asked, 401);
        }
        let right = format!("Bearer {key}");
        let broken = Body::Json(json!({ "content": { "text": 1 }, "targets": key }));
        let asked = self.ask(Method::POST, "/v1/posts", &[("authorization", &right)], broken).await;
        assert!(asked.is_client_error());
        let forged = [("x-hub-signature-256", &*format!("sha256={}", "0".repeat(64)))];
        let delivery = Body::Json(json!({ "object": "page", "entry": [] }));
        assert_eq!(self.ask(Method::POST, "/webhooks/facebook", &forged, delivery).await, 401);
        for (token, expected) in [("another", 403), (simulator::VERIFY_TOKEN, 200)] {
            let path =
                format!("/webhooks/facebook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
            assert_eq!(self.ask(Method::GET, &path, &[], Body::Empty).await, expected);
        }
    }

    /// Everything that must not be seen.
    async fn canaries(&self) -> Scanner {
        let secrets = self.system.aws().secrets_manager();
        let signing = secrets.get_secret_value().secret_id(self.system.resource("SigningKey")).send().await.unwrap();
        self.system.keep_secret("the signing key", signing.secret_string().unwrap());
        for (number, key) in self.system.cloud.emulators().unwrap().key_material().await.iter().enumerate() {
            self.system.keep_secret(&format!("master key {number}"), key);
        }
        for (operation, _, answer) in lock(&self.aws).iter().filter(|(operation, ..)| operation.starts_with("KMS.")) {
            let answer: Value = serde_json::from_slice(answer).unwrap();
            if let Some(key) = answer["Plaintext"].as_str() {
                self.system.keep_secret(&format!("data key of {operation}"), BASE64.decode(key.as_bytes()).unwrap());
            }
        }
        for Exchange { url, answer, .. } in lock(&self.way.exchanges).iter() {
            let state = url.query_pairs().find(|(name, _)| name == "state").filter(|(_, state)| state != "nobodys");
            if let Some((_, state)) = state {
                self.system.keep_secret("state", state.as_bytes());
            }
            if let Some(cookie) = answer.headers.get(SET_COOKIE).map(|cookie| cookie.to_str().unwrap()) {
                let value = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
                self.system.keep_secret("cookie", value);
            }
        }
        self.system.secrets().clone()
    }

    /// What `survey` is to see, place by place.
    async fn show(&self, survey: &mut Survey<'_>) {
        survey.look("output of the demo", &*lock(&self.told.0));
        for line in self.system.log() {
            survey.look(&format!("log of {}", line.source), line.text);
        }
        for (operation, request, _) in lock(&self.aws).iter() {
            survey.look(&format!("request {operation}"), request);
        }
        for table in ["StateTable", "VaultTable"] {
            let client = self.system.aws().dynamodb();
            let scan = client.scan().table_name(self.system.resource(table));
            let mut rows = scan.into_paginator().items().send();
            while let Some(row) = rows.next().await {
                survey.look(&format!("row of {table}"), format!("{:?}", row.unwrap()));
            }
        }
        for queue in ["PublishQueue", "DeadLetterQueue", "InboundQueue", "InboundDeadLetterQueue"] {
            for body in self.system.cloud.emulators().unwrap().message_bodies(&self.system.resource(queue)) {
                survey.look(&format!("message in {queue}"), body);
            }
        }
        for Exchange { method, url, answer } in
            lock(&self.way.exchanges).iter().filter(|exchange| exchange.url.as_str().starts_with(self.api()))
        {
            let opening = url.path().starts_with("/v1/connect/") && method == Method::GET;
            let path = if opening { "/v1/connect/{session}" } else { url.path() };
            let place = format!("answer {} to {method} {path}", answer.status.as_u16());
            survey.look(&place, format!("{:?}", answer.headers));
            survey.look(&place, &answer.body);
        }
        for call in lock(&self.calls).iter() {
            let what = format!("{} {}", call.method, call.path);
            survey.look(&format!("address of {what}"), &call.address);
            survey.look(&format!("body of {what}"), &call.body);
            for (name, value) in &call.headers {
                survey.look(&format!("header {name} of {what}"), value);
            }
        }
    }
}

/// Where secrets belong, and why.
fn allow(survey: &mut Survey<'_>) {
    let by_graph = "the Graph API takes it as a parameter of a GET";
    survey.allow("address of GET /facebook/v26.0/oauth/access_token", "the app's secret", by_graph);
    survey.allow("address of GET /facebook/v26.0/oauth/access_token", "code", by_graph);
    survey.allow(
        "address of GET /facebook/v26.0/oauth/access_token",
        "token",
        "a short token is exchanged for a long one",
    );
    survey.allow("address of GET /facebook/v26.0/debug_token", "token", "it is asked about");
    survey.allow(&format!("header {AUTHORIZATION} of"), "token", "that is the header for it");
    survey.allow(&format!("header {AUTHORIZATION} of"), "the app's secret", "it is a part of the app's own token");
    survey.allow("answer 201 to POST /v1/connect/sessions", "state", "whoever opens the address begins the login");
    survey.allow("answer 303 to GET /v1/connect/{session}", "state", "the platform brings it back");
    survey.allow("answer 303 to GET /v1/connect/{session}", "cookie", "the browser has to show it again");
    // A browser's own way, through the platform's pages: not postd's to keep.
    survey.allow("address of GET /facebook/v26.0/dialog/oauth", "state", "the browser takes it to the platform");
    survey.allow("body of POST /facebook/v26.0/dialog/oauth", "state", "and through its form");
}

/// Everything at once on one cloud: what is told, logged, stored, sent, answered and called is searched for every secret in
/// every form.
#[tokio::test]
async fn f56_the_demo_and_all_that_fails_after_it_show_no_secret_but_where_it_belongs() {
    let stage = Stage::new();
    stage.tell_the_demo().await;
    let tenant = Tenant::new(&stage.system).await;
    let client = stage.client(&tenant.key);
    stage.fail_to_get_in(&tenant.key).await;
    stage.fail_to_connect(&client).await;
    stage.fail_to_publish(&client, &tenant).await;
    for function in ["dispatch", "refresh", "health"] {
        stage.system.invoke(function, &json!({})).await.unwrap();
    }

    let scanner = stage.canaries().await;
    let mut survey = Survey::new(&scanner);
    allow(&mut survey);
    stage.show(&mut survey).await;

    // Silence means something: each place had something in it, and each kind of secret was there to be found.
    for place in
        ["output of the demo", "row of StateTable", "row of VaultTable", "answer 401", "answer 404", "answer 303"]
    {
        assert!(survey.seen(place) > 0, "{place}");
    }
    for function in ["oauth", "publish", "consumer", "dispatch", "webhooks", "inbound", "authorizer", "health", "api"] {
        assert!(survey.seen(&format!("log of {function}")) > 0, "{function}");
    }
    for request in ["DynamoDB.PutItem", "DynamoDB.UpdateItem", "DynamoDB.TransactWriteItems", "SQS.SendMessage"] {
        assert!(survey.seen(&format!("request {request}")) > 0, "{request}");
    }
    for kind in ["token", "code", "state", "cookie", "an API key", "the app's secret", "the verify token"] {
        assert!(scanner.names().any(|name| name.starts_with(kind)), "{kind}");
    }
    for kind in ["the signing key", "master key", "data key"] {
        assert!(scanner.names().any(|name| name.starts_with(kind)), "{kind}");
    }
    assert_eq!(survey.end(), Vec::<String>::new());
    stage.system.assert_discreet();
    if let Some(shared) = System::shared_so_far() {
        shared.assert_discreet();
    }
}

/// Runs the program as people do, and searches what it prints and what its functions log for `secrets`; what it printed.
fn told_discreetly(arguments: &[&str], secrets: &[(String, &str)]) -> String {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_local"))
        .args(arguments)
        .args(["--log-level", "trace", "--template", template])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&program.stdout).into_owned();
    let logged = String::from_utf8_lossy(&program.stderr);
    let last: Vec<&str> = logged.lines().rev().take(20).collect();
    assert!(program.status.success(), "{said}\n{last:#?}");
    let mut scanner = Scanner::default();
    for (name, secret) in secrets {
        scanner.keep(name, secret).unwrap();
    }
    for (what, text) in [("output", &*said), ("log", &*logged)] {
        let mut survey = Survey::new(&scanner);
        survey.look(what, text);
        assert_eq!((survey.seen(what), survey.end()), (1, Vec::new()));
        // Tokens and codes begin so, API keys end so.
        let tokens = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.starts_with("EAAP"));
        assert_eq!(tokens.count(), 0, "{what}");
        let keys = text.split(|letter: char| !letter.is_ascii_hexdigit()).filter(|word| word.len() == 64);
        assert_eq!(keys.count(), 0, "{what}");
    }
    assert!(logged.contains("DEBUG"), "the functions tell all they can");
    said
}

fn secrets_of(platform: &str) -> [(String, &'static str); 2] {
    let app = simulator::app(platform).unwrap();
    [(format!("the secret of {platform}'s app"), app.secret), (format!("{platform}'s verify token"), app.verify_token)]
}

#[test]
fn f56_the_demo_as_people_run_it_prints_no_secret() {
    told_discreetly(&["demo"], &secrets_of("facebook"));
}

#[test]
fn f56_the_demo_of_all_platforms_holds_and_prints_no_secret() {
    let mut secrets: Vec<_> = shared::platform::Platform::ALL.iter().flat_map(|one| secrets_of(one.name())).collect();
    secrets.push(("what signs Mailchimp's webhooks".to_owned(), simulator::mailchimp::SIGNING_SECRET));
    let said = told_discreetly(&["demo", "--all"], &secrets);
    assert!(said.contains("All of it held: 6 platforms, "), "{said}");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
