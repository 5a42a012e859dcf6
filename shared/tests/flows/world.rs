//! Everything in one process: the real use cases over the real SDK against the emulators and the simulator, on a clock
//! that only moves when told.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use bytes::Bytes;
use emulators::Emulators;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::{
    apps::{Apps, SigningKeys},
    authorize::{self, Authorizer, NewKey},
    aws::Clients,
    clock::{Clock, ManualClock},
    connect::{ConnectFlow, ReturnUrls},
    connector::{
        Connector,
        settings::{HostPolicy, Settings},
        transport::{HttpTransport, Transport},
    },
    connectors::Connectors,
    consume::{Consumer, Message},
    dispatch::Dispatcher,
    health::HealthCheck,
    http::{Caller, Request, Response},
    offboarding::Offboarding,
    problem::{Code, Problem},
    publish::Publisher,
    queue::Queue,
    reach::Reach,
    read::Reader,
    redrive::Redriver,
    store::{Actor, Store},
    telemetry::Function,
    vault::Vault,
    webhook::{Inbound, Receiver},
};
use simulator::{Simulator, facebook::seed};

mod logins;
mod parts;
mod resources;

use parts::Parts;
pub(crate) use parts::settings;
use resources::Resources;

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
