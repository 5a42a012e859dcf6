//! Everything in one process: the real use cases over the real SDK against the emulators and the simulator, on a clock
//! that only moves when told.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use bytes::Bytes;
use emulators::{Emulators, Projection, Queue as QueueDescription, Table};
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::{
    apps::{Apps, SigningKeys},
    authorize::{self, Authorizer, NewKey},
    aws::Clients,
    bucket::Bucket,
    clock::{Clock, ManualClock},
    config,
    connect::{ConnectFlow, ReturnUrls},
    connector::{
        Body, Connector, Request as Call,
        settings::{HostPolicy, InstagramSettings, Settings},
        transport::{HttpTransport, Transport},
    },
    connectors::Connectors,
    consume::{Consumer, Message, Pace},
    dispatch::Dispatcher,
    health::HealthCheck,
    http::{Caller, Request, Response},
    media::Library,
    offboarding::{self, Offboarding},
    platform::Platform,
    problem::{Code, Problem},
    publish::Publisher,
    queue::{self, DeadLetters, Queue},
    reach::Reach,
    read::Reader,
    redrive::Redriver,
    store::{Actor, Store},
    telemetry::{Function, Metrics},
    vault::Vault,
    webhook::{Inbound, PublishedKeys, Receiver},
};
use simulator::{Simulator, facebook::seed};
use url::Url;

/// What the consumer function is given, in real time: enough on a busy machine. A platform that never answers is waited for
/// until the longest call is over.
const TIME_LEFT: Duration = Duration::from_secs(30);
const VISIBILITY: i32 = 180;
/// Where tenants' own apps are kept.
pub(crate) const TENANT_APPS: &str = "postd/test/tenants";

/// Where callers upload their files.
pub(crate) const BUCKET: &str = "media";
/// For how many days posts may use a file.
pub(crate) const MEDIA_DAYS: u16 = 7;

pub(crate) struct World {
    pub(crate) emulators: Emulators,
    pub(crate) simulator: Simulator,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) reader: Reader,
    pub(crate) connect: ConnectFlow,
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) health: HealthCheck,
    pub(crate) receiver: Receiver,
    pub(crate) inbound: Inbound,
    pub(crate) redriver: Redriver,
    pub(crate) offboarding: Offboarding,
    pub(crate) authorizer: Authorizer,
    pub(crate) caller: Caller,
    pub(crate) key: String,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) publish_queue: String,
    pub(crate) inbound_queue: String,
    pub(crate) dead_letter_queue: String,
    parts: Parts,
    simulator_clock: simulator::ManualClock,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// A world whose platform is another than the simulated one.
    pub(crate) async fn start_with(stand_in: Option<(Arc<dyn Connector>, Arc<dyn Transport>)>) -> Self {
        Self::build(stand_in, |_| {}).await
    }

    /// A world whose platforms are spoken to with other settings than the usual ones.
    pub(crate) async fn start_set(change: impl FnOnce(&mut Settings)) -> Self {
        Self::build(None, change).await
    }

    async fn build(
        stand_in: Option<(Arc<dyn Connector>, Arc<dyn Transport>)>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let clock = ManualClock::at(start);
        let simulator_clock = simulator::ManualClock::new(start);
        let emulators = Emulators::start(emulators::Options::default()).await.unwrap();
        let s3_clock = clock.clone();
        emulators.keep_time_of_s3(Box::new(move || u64::try_from(s3_clock.now().as_millisecond()).unwrap()));
        let simulator = Simulator::start(simulator::Options {
            clock: simulator::Clock::Manual(simulator_clock.clone()),
            files_url: Some(format!("{}/{BUCKET}/", emulators.endpoint_url())),
            ..simulator::Options::default()
        })
        .await
        .unwrap();
        let clients = Clients::at(&emulators.endpoint_url());
        let resources = Resources::create(&emulators).await;

        let (connectors, transport): (_, Arc<dyn Transport>) = if let Some((connector, transport)) = stand_in {
            (Connectors::new(Settings::default()).with(connector), transport)
        } else {
            // The simulator has files as well.
            let reach = Reach::with_local_hosts(simulator.address().to_string().parse().unwrap());
            let transport = HttpTransport::new(HostPolicy::StandIn).reaching(reach.clone());
            let mut settings = settings(&simulator);
            change(&mut settings);
            (Connectors::new(settings).reaching(reach), Arc::new(transport))
        };
        let parts = Parts { clock: Arc::new(clock.clone()), connectors, transport, clients, resources };
        let store = parts.store();
        let authorizer = Authorizer::new(store.clone(), parts.clock.clone());
        let (caller, key) = new_tenant(&store, &authorizer, start).await;
        Self {
            publisher: parts.publisher(),
            reader: parts.reader(),
            connect: parts.connect(),
            consumer: Arc::new(parts.consumer()),
            dispatcher: parts.dispatcher(),
            health: parts.health(),
            receiver: parts.receiver(),
            inbound: parts.inbound(),
            redriver: parts.redriver(),
            offboarding: parts.offboarding(),
            authorizer,
            caller,
            key,
            store,
            sqs: parts.clients.sqs(),
            publish_queue: parts.resources.publish_queue.clone(),
            inbound_queue: parts.resources.inbound_queue.clone(),
            dead_letter_queue: parts.resources.dead_letter_queue.clone(),
            emulators,
            simulator,
            clock,
            parts,
            simulator_clock,
        }
    }

    /// A consumer that shares nothing with the others but what is outside: another sandbox.
    pub(crate) fn sandbox(&self) -> Consumer {
        self.parts.consumer()
    }

    /// Another sandbox whose calls to DynamoDB, SQS and KMS pass through `calls`.
    pub(crate) fn sandbox_through(&self, calls: impl Intercept + Clone + 'static) -> Consumer {
        let clients = &self.parts.clients;
        let dynamodb = clients.dynamodb().config().to_builder().interceptor(calls.clone()).build();
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb);
        let sqs = clients.sqs().config().to_builder().interceptor(calls.clone()).build();
        let kms = clients.kms().config().to_builder().interceptor(calls).build();
        let config = self.parts.vault_config();
        Consumer {
            store: Store::new(dynamodb.clone(), "State"),
            queue: Queue::new(aws_sdk_sqs::Client::from_conf(sqs), &self.publish_queue),
            vault: Vault::new(
                aws_sdk_kms::Client::from_conf(kms),
                dynamodb,
                &config,
                Function::Consumer,
                self.parts.clock.clone(),
            ),
            ..self.sandbox()
        }
    }

    /// Another sandbox of `functions/health` or `functions/refresh`.
    pub(crate) fn health_sandbox(&self) -> HealthCheck {
        self.parts.health()
    }

    /// Another one whose calls to DynamoDB and KMS pass through `calls`.
    pub(crate) fn health_sandbox_through(&self, calls: impl Intercept + Clone + 'static) -> HealthCheck {
        let Consumer { store, vault, .. } = self.sandbox_through(calls);
        HealthCheck { store, vault, ..self.parts.health() }
    }

    /// The connect function in another sandbox, whose calls to DynamoDB and KMS pass through `calls`.
    pub(crate) fn connect_through(&self, calls: impl Intercept + Clone + 'static) -> ConnectFlow {
        let clients = &self.parts.clients;
        let dynamodb = clients.dynamodb().config().to_builder().interceptor(calls.clone()).build();
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb);
        let kms = clients.kms().config().to_builder().interceptor(calls).build();
        let config = self.parts.vault_config();
        let (kms, clock) = (aws_sdk_kms::Client::from_conf(kms), self.parts.clock.clone());
        ConnectFlow {
            store: Store::new(dynamodb.clone(), "State"),
            vault: Vault::new(kms, dynamodb, &config, Function::Oauth, clock),
            ..self.parts.connect()
        }
    }

    /// The apps as another sandbox finds them, whose calls to Secrets Manager pass through `calls`.
    pub(crate) fn apps_through(&self, calls: impl Intercept + 'static) -> Apps {
        let secrets = self.secrets_through(calls);
        let apps = Apps::new(secrets, self.parts.clock.clone());
        let secrets = self.parts.resources.apps.iter();
        let apps = secrets.fold(apps, |apps, (platform, secret)| apps.with(*platform, secret));
        apps.with_tenants(TENANT_APPS)
    }

    /// The reading function in another sandbox, whose calls to Secrets Manager pass through `calls`.
    pub(crate) fn reader_through(&self, calls: impl Intercept + 'static) -> Reader {
        let (secret, clock) = (&self.parts.resources.signing_key, self.parts.clock.clone());
        Reader { signing_keys: SigningKeys::new(self.secrets_through(calls), secret, clock), ..self.parts.reader() }
    }

    fn secrets_through(&self, calls: impl Intercept + 'static) -> aws_sdk_secretsmanager::Client {
        let config = self.parts.clients.secrets_manager().config().to_builder().interceptor(calls).build();
        aws_sdk_secretsmanager::Client::from_conf(config)
    }

    /// Another sandbox that deletes tenants, whose calls to DynamoDB and KMS pass through `calls`.
    pub(crate) fn offboarding_through(&self, calls: impl Intercept + Clone + 'static) -> Offboarding {
        let Consumer { store, vault, .. } = self.sandbox_through(calls);
        Offboarding { store, vault, platforms: Some(self.parts.platforms()), clock: self.parts.clock.clone() }
    }

    /// Another sandbox that works off what platforms said, whose calls to DynamoDB pass through `calls`.
    pub(crate) fn inbound_through(&self, calls: impl Intercept + Clone + 'static) -> Inbound {
        let Consumer { store, vault, .. } = self.sandbox_through(calls);
        Inbound { store, vault, ..self.parts.inbound() }
    }

    /// Works off everything that the platforms said.
    pub(crate) async fn understand(&self) {
        let messages = self.receive(&self.inbound_queue, 60).await;
        assert!(self.inbound.batch(messages.clone()).await.is_empty());
        for message in &messages {
            self.delete(&self.inbound_queue, message).await;
        }
    }

    /// The client that stores are made with.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.parts.clients.dynamodb()
    }

    /// Everything in the queue is lost.
    pub(crate) async fn lose_messages(&self) {
        self.sqs.purge_queue().queue_url(&self.publish_queue).send().await.unwrap();
    }

    /// Looks through the whole table.
    pub(crate) async fn sweep(&self) -> shared::dispatch::Sweep {
        let sweep = self.dispatcher.sweep(0, 1).await.unwrap();
        assert!(sweep.finished, "{sweep:?}");
        sweep
    }

    /// Accepts an immediate post through `connection`; its id.
    pub(crate) async fn accept(&self, connection: &str, text: &str) -> String {
        let body = serde_json::json!({ "content": { "text": text }, "targets": [{ "connection": connection }] });
        self.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Where a post stands.
    pub(crate) async fn state(&self, id: &str) -> String {
        self.post(id).await["state"].as_str().unwrap().to_owned()
    }

    /// Works on what is visible with a consumer of its own kind, and answers the queue.
    pub(crate) async fn pump_with(&self, consumer: &Arc<Consumer>) -> usize {
        let messages = self.receive(&self.publish_queue, VISIBILITY).await;
        let count = messages.len();
        let returned = consumer.batch(messages.clone(), TIME_LEFT).await;
        for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
            self.delete(&self.publish_queue, message).await;
        }
        count
    }

    /// What every clock shows, in seconds.
    pub(crate) fn clock_seconds(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Moves every clock there is.
    pub(crate) fn advance(&self, seconds: i64) {
        let by = SignedDuration::from_secs(seconds);
        self.clock.advance(by);
        self.simulator_clock.advance(by);
        self.emulators.advance(Duration::from_secs(u64::try_from(seconds).unwrap()));
    }

    /// A request of this world's tenant.
    pub(crate) fn request(&self, route: &str, path: &str, body: &Value) -> Request {
        let (method, pattern) = route.split_once(' ').unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parameters = pattern
            .split('/')
            .zip(path.split('/'))
            .filter_map(|(name, value)| Some((name.strip_prefix('{')?.strip_suffix('}')?.to_owned(), value.to_owned())))
            .collect();
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        Request {
            route: route.into(),
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.into(),
            parameters,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: HeaderMap::new(),
            cookies: Vec::new(),
            body,
            caller: Ok(self.caller),
            base: "http://127.0.0.1:8080".parse().unwrap(),
        }
    }

    pub(crate) async fn create(&self, body: &Value) -> Result<Value, Problem> {
        let response = self.publisher.handle(self.request("POST /v1/posts", "/v1/posts", body)).await?;
        assert_eq!(response.status, 202);
        Ok(serde_json::from_str(&response.body).unwrap())
    }

    pub(crate) async fn create_keyed(&self, key: &str, body: &Value) -> Result<Response, Problem> {
        let mut request = self.request("POST /v1/posts", "/v1/posts", body);
        request.headers.insert("idempotency-key", key.parse().unwrap());
        self.publisher.handle(request).await
    }

    pub(crate) async fn read(&self, route: &str, path: &str) -> Result<Value, Problem> {
        let response = self.reader.handle(self.request(route, path, &Value::Null)).await?;
        Ok(serde_json::from_str(&response.body).unwrap())
    }

    pub(crate) async fn post(&self, id: &str) -> Value {
        self.read("GET /v1/posts/{post}", &format!("/v1/posts/{id}")).await.unwrap()
    }

    /// What happened to a post, in order.
    pub(crate) async fn events(&self, id: &str) -> Vec<String> {
        let timeline = self.read("GET /v1/posts/{post}/timeline", &format!("/v1/posts/{id}/timeline")).await.unwrap();
        let entries = timeline["entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
    }

    /// Receives what is visible, works on it and answers the queue like the event source mapping does. How many messages
    /// there were.
    pub(crate) async fn pump(&self) -> usize {
        self.pump_with(&self.consumer).await
    }

    /// Works until nothing is visible any more.
    pub(crate) async fn drain(&self) {
        for _ in 0..100 {
            if self.pump().await == 0 {
                return;
            }
        }
        panic!("the queue does not run empty");
    }

    pub(crate) async fn receive(&self, queue: &str, visibility: i32) -> Vec<Message> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .visibility_timeout(visibility)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .unwrap();
        received
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(|message| Message {
                receives: message.attributes.unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
                    .parse()
                    .unwrap(),
                id: message.message_id.unwrap(),
                receipt_handle: message.receipt_handle.unwrap(),
                body: message.body.unwrap(),
            })
            .collect()
    }

    pub(crate) async fn delete(&self, queue: &str, message: &Message) {
        self.sqs.delete_message().queue_url(queue).receipt_handle(&message.receipt_handle).send().await.unwrap();
    }

    /// Makes a connection the way a browser does, as `user` with `pages` ticked; what the return address was told.
    pub(crate) async fn connect_as(&self, user: &str, pages: &[&str], session: &Value) -> Url {
        let (dialog, cookie) = self.open(session).await;
        let callback = self.consent(&dialog, user, pages, "continue").await;
        self.finish(&callback, &cookie).await
    }

    /// Begins a session and opens its page: where that leads, and the cookie that it gives.
    pub(crate) async fn open(&self, session: &Value) -> (Url, String) {
        let request = self.request("POST /v1/connect/sessions", "/v1/connect/sessions", session);
        let response = self.connect.handle(request).await.unwrap();
        let view: Value = serde_json::from_str(&response.body).unwrap();
        let url: Url = view["url"].as_str().unwrap().parse().unwrap();
        let page =
            self.connect.handle(self.request("GET /v1/connect/{session}", url.path(), &Value::Null)).await.unwrap();
        assert_eq!(page.status, 303, "{}", page.body);
        let cookie = page.cookies[0].split(';').next().unwrap().to_owned();
        (location(&page), cookie)
    }

    /// Fills in the platform's page; where it sends the browser.
    pub(crate) async fn consent(&self, dialog: &Url, user: &str, pages: &[&str], action: &str) -> Url {
        let mut form: Vec<(String, String)> = dialog.query_pairs().into_owned().collect();
        form.push(("user".into(), user.into()));
        form.push(("action".into(), action.into()));
        form.extend(pages.iter().map(|page| ("pages".to_owned(), (*page).to_owned())));
        let mut address = dialog.clone();
        address.set_query(None);
        let mut call = Call::new(Method::POST, address);
        call.body = Body::Form(form);
        let answer = self.parts.transport.send(call, Duration::from_secs(5)).await.unwrap();
        answer.headers["location"].to_str().unwrap().parse().unwrap()
    }

    /// Lets the browser come back; where it is sent then.
    pub(crate) async fn finish(&self, callback: &Url, cookie: &str) -> Url {
        location(&self.call_back(callback, cookie).await)
    }

    pub(crate) async fn call_back(&self, callback: &Url, cookie: &str) -> Response {
        let path = format!("{}?{}", callback.path(), callback.query().unwrap_or_default());
        let mut request = self.request("GET /v1/oauth/{platform}/callback", &path, &Value::Null);
        request.cookies = vec![cookie.to_owned()];
        self.connect.handle(request).await.unwrap_or_else(Response::from)
    }

    /// The usual connection: Ada with her bakery. Its id.
    pub(crate) async fn connected(&self) -> String {
        let session = serde_json::json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
        // A whole login is a large future to carry along in every test.
        let back = Box::pin(self.connect_as(seed::ADA, &[seed::BAKERY], &session)).await;
        let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
        id.into_owned()
    }

    /// A connection to two of Ada's Pages, the bakery's and the bookshop's.
    pub(crate) async fn connect_two_pages(&self) -> String {
        let session = serde_json::json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
        let back = self.connect_as(seed::ADA, &[seed::BAKERY, seed::BOOKSHOP], &session).await;
        let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
        id.into_owned()
    }

    /// What our app put on the bakery's Page, the newest first. (People write there, too.)
    pub(crate) fn page(&self) -> Vec<simulator::facebook::PostView> {
        let mut posts = self.simulator.facebook().page(seed::BAKERY).unwrap().posts;
        posts.retain(|post| post.application.is_some());
        posts
    }

    /// A second tenant beside this one.
    pub(crate) async fn other_tenant(&self) -> Caller {
        new_tenant(&self.store, &self.authorizer, self.clock.now()).await.0
    }
}

pub(crate) fn location(response: &Response) -> Url {
    let (_, location) = response.headers.iter().find(|(name, _)| *name == "location").expect("a redirect");
    location.parse().unwrap()
}

async fn new_tenant(store: &Store, authorizer: &Authorizer, now: Timestamp) -> (Caller, String) {
    let return_urls = ["https://app.example.com/done", "https://example.com/"].map(|url| url.parse().unwrap());
    let return_urls = ReturnUrls::new(return_urls).unwrap();
    let (tenant, _) = authorize::create_tenant(store, "Example", &return_urls, Actor::Postd, now).await.unwrap();
    let key =
        authorize::create_key(store, tenant, &NewKey::unlimited("local", "test"), Actor::Postd, now).await.unwrap();
    let identity = authorizer.identify(&format!("Bearer {}", key.expose())).await.unwrap();
    let identity = identity.map_err(Code::name).unwrap();
    (Caller { tenant: identity.tenant, key: identity.key, scopes: identity.scopes }, key.expose().to_owned())
}

/// The settings of every platform, with the simulated ones in their places.
pub(crate) fn settings(simulator: &Simulator) -> Settings {
    let (mut settings, facebook) = (Settings::default(), simulator.url_of("facebook"));
    settings.facebook.set_graph_url(&facebook, HostPolicy::StandIn).unwrap();
    settings.facebook.set_dialog_url(&facebook, HostPolicy::StandIn).unwrap();
    settings.facebook.set_video_url(&facebook, HostPolicy::StandIn).unwrap();
    settings.facebook.set_upload_url(&facebook, HostPolicy::StandIn).unwrap();
    let mailchimp = simulator.url_of("mailchimp");
    settings.mailchimp.set_login_url(&mailchimp, HostPolicy::StandIn).unwrap();
    settings.mailchimp.set_api_url(&mailchimp, HostPolicy::StandIn).unwrap();
    let tiktok = simulator.url_of("tiktok");
    settings.tiktok.set_api_url(&tiktok, HostPolicy::StandIn).unwrap();
    settings.tiktok.set_login_url(&tiktok, HostPolicy::StandIn).unwrap();
    let gbp = simulator.url_of("gbp");
    settings.gbp.set_login_url(&gbp, HostPolicy::StandIn).unwrap();
    settings.gbp.set_token_url(&gbp, HostPolicy::StandIn).unwrap();
    settings.gbp.set_accounts_url(&gbp, HostPolicy::StandIn).unwrap();
    settings.gbp.set_locations_url(&gbp, HostPolicy::StandIn).unwrap();
    settings.gbp.set_posts_url(&gbp, HostPolicy::StandIn).unwrap();
    settings.gbp.set_keys_url(&gbp, HostPolicy::StandIn).unwrap();
    settings.gbp.set_push_account(simulator::gbp::PUSH_ACCOUNT).unwrap();
    let linkedin = simulator.url_of("linkedin");
    settings.linkedin.set_api_url(&linkedin, HostPolicy::StandIn).unwrap();
    settings.linkedin.set_oauth_url(&linkedin, HostPolicy::StandIn).unwrap();
    let instagram = simulator.url_of("instagram");
    for set in [
        InstagramSettings::set_facebook_graph_url,
        InstagramSettings::set_facebook_dialog_url,
        InstagramSettings::set_graph_url,
        InstagramSettings::set_login_url,
        InstagramSettings::set_token_url,
    ] {
        set(&mut settings.instagram, &instagram, HostPolicy::StandIn).unwrap();
    }
    settings
}

/// What the use cases are made of.
struct Parts {
    clients: Clients,
    clock: Arc<dyn Clock>,
    connectors: Connectors,
    transport: Arc<dyn Transport>,
    resources: Resources,
}

impl Parts {
    fn store(&self) -> Store {
        Store::new(self.clients.dynamodb(), "State")
    }

    fn queue(&self) -> Queue {
        Queue::new(self.clients.sqs(), &self.resources.publish_queue)
    }

    fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.clients.sqs(), &self.resources.dead_letter_queue)
    }

    fn vault_config(&self) -> config::Vault {
        config::Vault {
            table: "Vault".into(),
            token_key: self.resources.token_key.clone(),
            data_keys: config::DataKeyLimits::default(),
        }
    }

    fn vault(&self) -> Vault {
        let (kms, dynamodb) = (self.clients.kms(), self.clients.dynamodb());
        Vault::new(kms, dynamodb, &self.vault_config(), Function::Consumer, self.clock.clone())
    }

    fn apps(&self) -> Apps {
        let none = Apps::new(self.clients.secrets_manager(), self.clock.clone());
        self.resources
            .apps
            .iter()
            .fold(none, |apps, (platform, secret)| apps.with(*platform, secret))
            .with_tenants(TENANT_APPS)
    }

    fn metrics(&self, function: Function) -> Metrics {
        Metrics::new(function, self.clock.clone())
    }

    fn publisher(&self) -> Publisher {
        Publisher {
            store: self.store(),
            queue: self.queue(),
            connectors: self.connectors.clone(),
            media: self.library(),
            clock: self.clock.clone(),
            duplicate_window: None,
        }
    }

    fn bucket(&self) -> Bucket {
        self.clients.bucket(BUCKET, self.clock.clone())
    }

    fn library(&self) -> Library {
        Library { store: self.store(), bucket: self.bucket(), clock: self.clock.clone(), days: MEDIA_DAYS }
    }

    fn reader(&self) -> Reader {
        let signing_key = &self.resources.signing_key;
        Reader {
            store: self.store(),
            queue: self.queue(),
            dead_letters: self.dead_letters(),
            signing_keys: SigningKeys::new(self.clients.secrets_manager(), signing_key, self.clock.clone()),
            clock: self.clock.clone(),
            figures_max_age: config::Figures::MAX_AGE,
        }
    }

    fn connect(&self) -> ConnectFlow {
        ConnectFlow {
            store: self.store(),
            vault: self.vault(),
            apps: self.apps(),
            connectors: self.connectors.clone(),
            transport: self.transport.clone(),
            clock: self.clock.clone(),
            allow_loopback: true,
        }
    }

    fn consumer(&self) -> Consumer {
        Consumer {
            store: self.store(),
            queue: self.queue(),
            dead_letters: self.dead_letters(),
            vault: self.vault(),
            apps: self.apps(),
            connectors: self.connectors.clone(),
            bucket: self.bucket(),
            transport: self.transport.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics(Function::Consumer),
            pace: Pace::default(),
        }
    }

    fn dispatcher(&self) -> Dispatcher {
        Dispatcher {
            store: self.store(),
            queue: self.queue(),
            clock: self.clock.clone(),
            metrics: self.metrics(Function::Dispatch),
        }
    }

    fn health(&self) -> HealthCheck {
        HealthCheck {
            store: self.store(),
            vault: self.vault(),
            apps: self.apps(),
            connectors: self.connectors.clone(),
            transport: self.transport.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics(Function::Health),
        }
    }

    fn redriver(&self) -> Redriver {
        Redriver {
            store: self.store(),
            queue: self.queue(),
            vault: self.vault(),
            apps: self.apps(),
            connectors: self.connectors.clone(),
            transport: self.transport.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics(Function::Redrive),
        }
    }

    fn receiver(&self) -> Receiver {
        Receiver {
            store: self.store(),
            queue: queue::Inbound::new(self.clients.sqs(), &self.resources.inbound_queue),
            apps: self.apps(),
            keys: PublishedKeys::new(self.transport.clone()),
            connectors: self.connectors.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics(Function::Webhooks),
        }
    }

    fn inbound(&self) -> Inbound {
        Inbound {
            store: self.store(),
            vault: self.vault(),
            connectors: self.connectors.clone(),
            clock: self.clock.clone(),
        }
    }

    fn offboarding(&self) -> Offboarding {
        Offboarding {
            store: self.store(),
            vault: self.vault(),
            platforms: Some(self.platforms()),
            clock: self.clock.clone(),
        }
    }

    fn platforms(&self) -> offboarding::Platforms {
        offboarding::Platforms {
            apps: self.apps(),
            connectors: self.connectors.clone(),
            transport: self.transport.clone(),
        }
    }
}

/// What the template describes, as far as the flows need it.
struct Resources {
    publish_queue: String,
    dead_letter_queue: String,
    inbound_queue: String,
    token_key: String,
    apps: Vec<(Platform, String)>,
    signing_key: String,
}

impl Resources {
    async fn create(emulators: &Emulators) -> Self {
        let state = Table::new("State", "pk")
            .with_sort_key("sk")
            .with_index("due", "due_shard", "due_at", Projection::KeysOnly)
            .with_index("attention", "attention_group", "attention_at", Projection::All)
            .with_time_to_live("expires_at");
        emulators.create_table(&state).unwrap();
        let expires_after_days = Some(u32::from(MEDIA_DAYS));
        emulators.create_bucket(&emulators::Bucket { name: BUCKET.into(), expires_after_days });
        emulators.create_table(&Table::new("Vault", "pk").with_sort_key("sk")).unwrap();
        let dead = QueueDescription::new("publish-dead").with_attribute("MessageRetentionPeriod", "1209600");
        let dead = emulators.create_queue(&dead).await.unwrap();
        let publish = QueueDescription::new("publish").with_redrive(&dead.arn, 6);
        let mut apps = Vec::new();
        for platform in Platform::ALL {
            let app = simulator::app(platform.name()).unwrap();
            let app = serde_json::json!({
                "client_id": app.id, "client_secret": app.secret, "webhook_verify_token": app.verify_token,
            });
            let secret = emulators.create_secret(platform.name(), &app.to_string()).await.unwrap();
            apps.push((*platform, secret));
        }
        Self {
            publish_queue: emulators.create_queue(&publish).await.unwrap().url,
            dead_letter_queue: dead.url,
            inbound_queue: emulators.create_queue(&QueueDescription::new("inbound")).await.unwrap().url,
            token_key: emulators.create_key("alias/tokens").await.unwrap(),
            apps,
            signing_key: emulators.create_secret("signing", &"s".repeat(64)).await.unwrap(),
        }
    }
}
