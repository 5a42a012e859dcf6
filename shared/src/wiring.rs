//! What each function is made of: its configuration, its clients, its use case. Everything is built once, in INIT.

use std::sync::Arc;

use crate::{
    apps::{Apps, SigningKeys},
    authorize::Authorizer,
    aws::Clients,
    aws_clock::AwsClock,
    bucket::Bucket,
    clock::{Clock, SystemClock},
    config::{
        self, BadConfiguration, Core, DeadLetterQueue, Environment, InboundQueue, Platforms, PublishQueue, Section,
        Signing, Variables,
    },
    connect::ConnectFlow,
    connector::transport::{HttpTransport, Transport},
    connectors::{Connectors, Ending},
    consume::{Consumer, Pace},
    dispatch::Dispatcher,
    health::HealthCheck,
    http::gateway::Front,
    limit::{Limiter, Limits},
    media::Library,
    offboarding::{self, Offboarding},
    publish::Publisher,
    queue::{self, DeadLetters, Queue},
    reach::Reach,
    read::Reader,
    redrive::Redriver,
    refresh::Round,
    store::Store,
    telemetry::{self, Function, Metrics},
    vault::Vault,
    webhook::{Inbound, PublishedKeys, Receiver},
};

/// A use case, and what stands in front of it.
#[derive(Debug)]
pub struct Wired<T> {
    /// The use case.
    pub app: T,
    /// Who may call how often, and where.
    pub front: Front,
}

/// What `functions/refresh` does with each tick.
pub struct Refresh {
    /// Renews tokens.
    pub round: Arc<Round>,
    /// Deletes tenants.
    pub offboarding: Offboarding,
}

/// What every function has.
struct Base {
    core: Core,
    clients: Clients,
    clock: Arc<dyn Clock>,
    function: Function,
}

impl Base {
    /// Reads the configuration and starts the log, then warms up what the first event would pay for.
    async fn of<S: Section>(function: Function, variables: &dyn Variables) -> Result<(Self, S), BadConfiguration> {
        let (core, rest) = config::read::<(Core, S)>(variables)?;
        telemetry::init(core.log);
        let clock = Arc::new(AwsClock::over(Arc::new(SystemClock)));
        let clients = Clients::from_environment(&clock).await;
        clients.warm_up(&core.state_table).await;
        Ok((Self { core, clients, clock, function }, rest))
    }

    fn store(&self) -> Store {
        Store::new(self.clients.dynamodb(), &self.core.state_table)
    }

    fn vault(&self, config: &config::Vault) -> Vault {
        Vault::new(self.clients.kms(), self.clients.dynamodb(), config, self.function, self.clock.clone())
    }

    fn apps(&self, apps: config::Apps) -> Apps {
        let none = Apps::new(self.clients.secrets_manager(), self.clock.clone());
        let shared = apps.secrets.into_iter().fold(none, |apps, (platform, secret)| apps.with(platform, secret));
        match apps.tenants {
            Some(prefix) => shared.with_tenants(prefix),
            None => shared,
        }
    }

    fn queue(&self, config: PublishQueue) -> Queue {
        Queue::new(self.clients.sqs(), config.url)
    }

    fn bucket(&self, media: &config::Media) -> Bucket {
        self.clients.bucket(&media.bucket, self.clock.clone())
    }

    fn metrics(&self) -> Metrics {
        Metrics::new(self.function, self.clock.clone())
    }

    fn reach(platforms: &Platforms) -> Reach {
        Reach::with_local_hosts(platforms.local_hosts.clone().unwrap_or_default())
    }

    fn transport(&self, platforms: &Platforms) -> Arc<dyn Transport> {
        let transport = HttpTransport::new(self.core.environment.platform_hosts()).reaching(Self::reach(platforms));
        transport.warm_up();
        Arc::new(transport)
    }

    fn connectors(&self, platforms: &Platforms) -> Connectors {
        let connectors = Connectors::new(platforms.settings.clone()).reaching(Self::reach(platforms));
        let today = self.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        for Ending { platform, version, ends } in connectors.versions_ending(today) {
            tracing::error!(%platform, version, %ends, "this version of the platform's API ends soon, or has ended");
        }
        connectors
    }

    fn wired<T>(self, app: T, limits: Limits) -> Wired<T> {
        let limiter = Limiter::new(self.store(), limits, self.clock.clone(), self.metrics());
        Wired { app, front: Front { public_url: self.core.public_url, limiter } }
    }
}

/// `functions/authorizer`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn authorizer(variables: &dyn Variables) -> Result<Authorizer, BadConfiguration> {
    let (base, ()) = Base::of::<()>(Function::Authorizer, variables).await?;
    Ok(Authorizer::new(base.store(), base.clock.clone()))
}

/// `functions/publish`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn publisher(variables: &dyn Variables) -> Result<Wired<Publisher>, BadConfiguration> {
    type Sections = (PublishQueue, Platforms, config::Duplicates, config::Media, Limits);
    let (base, (queue, platforms, duplicates, media, limits)) =
        Base::of::<Sections>(Function::Publish, variables).await?;
    let app = Publisher {
        store: base.store(),
        queue: base.queue(queue),
        connectors: base.connectors(&platforms),
        media: Library {
            store: base.store(),
            bucket: base.bucket(&media),
            clock: base.clock.clone(),
            days: media.days,
        },
        clock: base.clock.clone(),
        duplicate_window: duplicates.window,
    };
    Ok(base.wired(app, limits))
}

/// `functions/consumer`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn consumer(variables: &dyn Variables) -> Result<Arc<Consumer>, BadConfiguration> {
    type Sections = (config::Vault, PublishQueue, DeadLetterQueue, config::Apps, Platforms, config::Media);
    let (base, (vault, queue, dead, app, platforms, media)) =
        Base::of::<Sections>(Function::Consumer, variables).await?;
    Ok(Arc::new(Consumer {
        store: base.store(),
        queue: base.queue(queue),
        dead_letters: DeadLetters::new(base.clients.sqs(), dead.url),
        vault: base.vault(&vault),
        apps: base.apps(app),
        connectors: base.connectors(&platforms),
        bucket: base.bucket(&media),
        transport: base.transport(&platforms),
        clock: base.clock.clone(),
        metrics: base.metrics(),
        pace: Pace::default(),
    }))
}

/// `functions/dispatch`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn dispatcher(variables: &dyn Variables) -> Result<Dispatcher, BadConfiguration> {
    let (base, queue) = Base::of::<PublishQueue>(Function::Dispatch, variables).await?;
    Ok(Dispatcher { store: base.store(), queue: base.queue(queue), clock: base.clock.clone(), metrics: base.metrics() })
}

/// `functions/oauth`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn connect_flow(variables: &dyn Variables) -> Result<Wired<ConnectFlow>, BadConfiguration> {
    type Sections = (config::Vault, config::Apps, Platforms, Limits);
    let (base, (vault, app, platforms, limits)) = Base::of::<Sections>(Function::Oauth, variables).await?;
    let app = ConnectFlow {
        store: base.store(),
        vault: base.vault(&vault),
        apps: base.apps(app),
        connectors: base.connectors(&platforms),
        transport: base.transport(&platforms),
        clock: base.clock.clone(),
        allow_loopback: base.core.environment == Environment::Local,
    };
    Ok(base.wired(app, limits))
}

/// `functions/health`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn health_check(variables: &dyn Variables) -> Result<HealthCheck, BadConfiguration> {
    type Sections = (config::Vault, config::Apps, Platforms);
    let (base, (vault, app, platforms)) = Base::of::<Sections>(Function::Health, variables).await?;
    Ok(HealthCheck {
        store: base.store(),
        vault: base.vault(&vault),
        apps: base.apps(app),
        connectors: base.connectors(&platforms),
        transport: base.transport(&platforms),
        clock: base.clock.clone(),
        metrics: base.metrics(),
    })
}

/// `functions/refresh`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn refresh(variables: &dyn Variables) -> Result<Refresh, BadConfiguration> {
    type Sections = (config::Vault, config::Apps, Platforms);
    let (base, (vault, app, platforms)) = Base::of::<Sections>(Function::Refresh, variables).await?;
    let connectors = base.connectors(&platforms);
    let transport = base.transport(&platforms);
    let health = HealthCheck {
        store: base.store(),
        vault: base.vault(&vault),
        apps: base.apps(app.clone()),
        connectors: connectors.clone(),
        transport: transport.clone(),
        clock: base.clock.clone(),
        metrics: base.metrics(),
    };
    let offboarding = Offboarding {
        store: base.store(),
        vault: base.vault(&vault),
        platforms: Some(offboarding::Platforms { apps: base.apps(app), connectors, transport }),
        clock: base.clock.clone(),
    };
    Ok(Refresh { round: Arc::new(Round { health }), offboarding })
}

/// `functions/webhooks`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn receiver(variables: &dyn Variables) -> Result<Wired<Receiver>, BadConfiguration> {
    type Sections = (InboundQueue, config::Apps, Platforms, Limits);
    let (base, (queue, app, platforms, limits)) = Base::of::<Sections>(Function::Webhooks, variables).await?;
    let app = Receiver {
        store: base.store(),
        queue: queue::Inbound::new(base.clients.sqs(), queue.url),
        apps: base.apps(app),
        keys: PublishedKeys::new(base.transport(&platforms)),
        connectors: base.connectors(&platforms),
        clock: base.clock.clone(),
        metrics: base.metrics(),
    };
    Ok(base.wired(app, limits))
}

/// `functions/inbound`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn inbound(variables: &dyn Variables) -> Result<Inbound, BadConfiguration> {
    let (base, (vault, platforms)) = Base::of::<(config::Vault, Platforms)>(Function::Inbound, variables).await?;
    Ok(Inbound {
        store: base.store(),
        vault: base.vault(&vault),
        connectors: base.connectors(&platforms),
        clock: base.clock.clone(),
    })
}

/// `functions/api`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn reader(variables: &dyn Variables) -> Result<Wired<Reader>, BadConfiguration> {
    type Sections = (PublishQueue, DeadLetterQueue, Signing, config::Figures, Limits);
    let (base, (queue, dead, signing, figures, limits)) = Base::of::<Sections>(Function::Api, variables).await?;
    let app = Reader {
        store: base.store(),
        queue: base.queue(queue),
        dead_letters: DeadLetters::new(base.clients.sqs(), dead.url),
        signing_keys: SigningKeys::new(base.clients.secrets_manager(), signing.secret, base.clock.clone()),
        clock: base.clock.clone(),
        figures_max_age: figures.max_age,
    };
    Ok(base.wired(app, limits))
}

/// `functions/redrive`.
///
/// # Errors
/// The configuration, with every bad variable.
pub async fn redriver(variables: &dyn Variables) -> Result<Wired<Redriver>, BadConfiguration> {
    type Sections = (config::Vault, PublishQueue, config::Apps, Platforms, Limits);
    let (base, (vault, queue, app, platforms, limits)) = Base::of::<Sections>(Function::Redrive, variables).await?;
    let app = Redriver {
        store: base.store(),
        queue: base.queue(queue),
        vault: base.vault(&vault),
        apps: base.apps(app),
        connectors: base.connectors(&platforms),
        transport: base.transport(&platforms),
        clock: base.clock.clone(),
        metrics: base.metrics(),
    };
    Ok(base.wired(app, limits))
}
