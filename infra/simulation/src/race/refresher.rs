//! One process that wants to renew the grant of a race.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use shared::{
    apps::Apps,
    aws::Clients,
    aws_clock::AwsClock,
    clock::Clock,
    config,
    connector::{
        driver::Budget,
        facebook::Facebook,
        settings::{FacebookSettings, Settings},
        transport::Transport,
    },
    connectors::Connectors,
    health::HealthCheck,
    platform::{AppOwner, Platform},
    refresh::{Refreshed, Why, Wish},
    store::Store,
    telemetry::{Function, Metrics},
    vault::{Purpose, Vault},
};

use super::{Stage, people, server::Carriage};
use crate::{
    fault::Mishap,
    plane::Plane,
    process::Process,
    time::{self, ProcessClock},
    ways::Ways,
    wire::Wire,
};

/// Where the token endpoint stands.
pub const TOKENS: &str = "http://127.0.0.1:7/token";
/// How far a process's clock may be off, in milliseconds, either way: five minutes.
const OFFSET: u64 = 300_000;
/// How long a job waits for another's renewal, and how long its own may take.
const PATIENCE: Duration = Duration::from_secs(3);
const TAKES: Duration = Duration::from_secs(12);

/// A process, and what its function is made of.
pub(super) struct Refreshing {
    stage: Stage,
    pub(super) process: Arc<Process>,
    pub(super) health: HealthCheck,
    refused_at: Arc<Mutex<Option<u64>>>,
}

impl Refreshing {
    pub(super) fn new(stage: &Stage, function: Function) -> Self {
        let ahead = if stage.plane.mishap(Mishap::ClockOffset) {
            let drawn = i64::try_from(stage.plane.chance(2 * OFFSET)).unwrap_or(0);
            SignedDuration::from_millis(drawn - i64::try_from(OFFSET).unwrap_or(0))
        } else {
            SignedDuration::ZERO
        };
        Self::on(stage, function, &stage.plane, ahead)
    }

    /// One that nothing goes wrong with.
    pub(super) fn calm(stage: &Stage, function: Function) -> Self {
        Self::on(stage, function, &stage.calm, SignedDuration::ZERO)
    }

    fn on(stage: &Stage, function: Function, plane: &Arc<Plane>, ahead: SignedDuration) -> Self {
        let number = stage.server.next_process();
        let process = Arc::new(Process::new(format!("{}-{number}", function.name())));
        let wire = Wire { aws: Arc::clone(&stage.aws), plane: Arc::clone(plane), process: Arc::clone(&process) };
        let clock = Arc::new(AwsClock::over(Arc::new(ProcessClock { time: stage.time, ahead })));
        let clients = Clients::listening(stage.configuration.to_builder().http_client(wire).build(), &clock);
        let clock: Arc<dyn Clock> = clock;
        let refused_at = Arc::default();
        let carriage = Carriage {
            server: Arc::clone(&stage.server),
            plane: Arc::clone(plane),
            process: Arc::clone(&process),
            refused_at: Arc::clone(&refused_at),
        };
        let transport: Arc<dyn Transport> = Arc::new(carriage);
        let names = &stage.aws.names;
        let vault = config::Vault {
            table: "Vault".into(),
            token_key: names.token_key.clone(),
            data_keys: config::DataKeyLimits::default(),
        };
        let health = HealthCheck {
            store: Store::new(clients.dynamodb(), "State"),
            vault: Vault::new(clients.kms(), clients.dynamodb(), &vault, function, clock.clone()),
            apps: Apps::new(clients.secrets_manager(), clock.clone())
                .with(Platform::Facebook, names.facebook_app.clone()),
            connectors: Connectors::new(Settings::default())
                .with(Arc::new(Ways(Facebook::new(FacebookSettings::default())))),
            transport,
            metrics: Metrics::silent(function, clock.clone()),
            clock,
        };
        Self { stage: stage.clone(), process, health, refused_at }
    }

    /// Works until it is done, dies, or is killed at its deadline.
    pub(super) async fn work(&self, deadline: Duration) {
        let killed = async {
            time::pass(deadline).await;
            self.process.kill();
        };
        tokio::select! {
            biased;
            () = self.process.death() => {}
            () = killed => {}
            () = self.renew() => {}
        }
    }

    async fn renew(&self) {
        let (tenant, connection) = people::ids();
        let Ok((_, came_with)) = self.health.vault.grant(tenant, connection, Purpose::Publish).await else { return };
        let outcome = self.once(came_with, PATIENCE).await;
        self.stage
            .plane
            .note(|| format!("      {} came with {came_with}: {}", self.process.name, told(outcome.as_ref())));
        if matches!(outcome, Some(Refreshed::Ended(_))) {
            self.judge(came_with);
        }
    }

    /// Tries once; none if the store does not answer.
    pub(super) async fn once(&self, came_with: u64, patience: Duration) -> Option<Refreshed> {
        let (tenant, connection) = people::ids();
        let wish = Wish {
            tenant,
            connection,
            platform: Platform::Facebook,
            app: AppOwner::Shared,
            came_with,
            why: Why::Ending,
            patience,
            budget: Budget::lasting(TAKES),
        };
        self.health.refresher().refresh(&wish).await.ok()
    }

    /// It believed a refusal: there must have been no newer token when that arrived.
    fn judge(&self, came_with: u64) {
        let refused_at = *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refused_at) = refused_at else { return };
        let newer = |(at, version): &(u64, i64)| {
            *at < refused_at && u64::try_from(*version).is_ok_and(|version| version > came_with)
        };
        if self.stage.aws.grants().iter().any(newer) {
            let what = format!(
                "{} ended the connection though a newer token was stored when it was refused",
                self.process.name
            );
            self.stage.oracle.violated("F49", &what);
        }
    }
}

fn told(outcome: Option<&Refreshed>) -> String {
    match outcome {
        None => "the store did not answer".into(),
        Some(Refreshed::Renewed { version, .. }) => format!("renewed to {version}"),
        Some(Refreshed::Later { reason, .. }) => format!("later, {}", reason.code),
        Some(Refreshed::Ended(reason)) => format!("ended, {}", reason.code),
        Some(Refreshed::Useless) => "useless".into(),
        Some(Refreshed::Unsupported) => "unsupported".into(),
    }
}
