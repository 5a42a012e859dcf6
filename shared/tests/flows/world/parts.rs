//! The use cases, each put together out of the same parts.

use std::sync::Arc;

use shared::{
    apps::{Apps, SigningKeys},
    aws::Clients,
    bucket::Bucket,
    clock::Clock,
    config,
    connect::ConnectFlow,
    connector::{
        settings::{HostPolicy, InstagramSettings, Settings},
        transport::Transport,
    },
    connectors::Connectors,
    consume::{Consumer, Pace},
    dispatch::Dispatcher,
    health::HealthCheck,
    media::Library,
    offboarding::{self, Offboarding},
    publish::Publisher,
    queue::{self, DeadLetters, Queue},
    read::Reader,
    redrive::Redriver,
    store::Store,
    telemetry::{Function, Metrics},
    vault::Vault,
    webhook::{Inbound, PublishedKeys, Receiver},
};
use simulator::Simulator;

use super::{BUCKET, MEDIA_DAYS, TENANT_APPS, resources::Resources};

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
pub(super) struct Parts {
    pub(super) clients: Clients,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) connectors: Connectors,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) resources: Resources,
}

impl Parts {
    pub(super) fn store(&self) -> Store {
        Store::new(self.clients.dynamodb(), "State")
    }

    pub(super) fn queue(&self) -> Queue {
        Queue::new(self.clients.sqs(), &self.resources.publish_queue)
    }

    pub(super) fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.clients.sqs(), &self.resources.dead_letter_queue)
    }

    pub(super) fn vault_config(&self) -> config::Vault {
        config::Vault {
            table: "Vault".into(),
            token_key: self.resources.token_key.clone(),
            data_keys: config::DataKeyLimits::default(),
        }
    }

    pub(super) fn vault(&self) -> Vault {
        let (kms, dynamodb) = (self.clients.kms(), self.clients.dynamodb());
        Vault::new(kms, dynamodb, &self.vault_config(), Function::Consumer, self.clock.clone())
    }

    pub(super) fn apps(&self) -> Apps {
        let none = Apps::new(self.clients.secrets_manager(), self.clock.clone());
        self.resources
            .apps
            .iter()
            .fold(none, |apps, (platform, secret)| apps.with(*platform, secret))
            .with_tenants(TENANT_APPS)
    }

    pub(super) fn metrics(&self, function: Function) -> Metrics {
        Metrics::new(function, self.clock.clone())
    }

    pub(super) fn publisher(&self) -> Publisher {
        Publisher {
            store: self.store(),
            queue: self.queue(),
            connectors: self.connectors.clone(),
            media: self.library(),
            clock: self.clock.clone(),
            duplicate_window: None,
        }
    }

    pub(super) fn bucket(&self) -> Bucket {
        self.clients.bucket(BUCKET, self.clock.clone())
    }

    pub(super) fn library(&self) -> Library {
        Library { store: self.store(), bucket: self.bucket(), clock: self.clock.clone(), days: MEDIA_DAYS }
    }

    pub(super) fn reader(&self) -> Reader {
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

    pub(super) fn connect(&self) -> ConnectFlow {
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

    pub(super) fn consumer(&self) -> Consumer {
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

    pub(super) fn dispatcher(&self) -> Dispatcher {
        Dispatcher {
            store: self.store(),
            queue: self.queue(),
            clock: self.clock.clone(),
            metrics: self.metrics(Function::Dispatch),
        }
    }

    pub(super) fn health(&self) -> HealthCheck {
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

    pub(super) fn redriver(&self) -> Redriver {
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

    pub(super) fn receiver(&self) -> Receiver {
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

    pub(super) fn inbound(&self) -> Inbound {
        Inbound {
            store: self.store(),
            vault: self.vault(),
            connectors: self.connectors.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn offboarding(&self) -> Offboarding {
        Offboarding {
            store: self.store(),
            vault: self.vault(),
            platforms: Some(self.platforms()),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn platforms(&self) -> offboarding::Platforms {
        offboarding::Platforms {
            apps: self.apps(),
            connectors: self.connectors.clone(),
            transport: self.transport.clone(),
        }
    }
}
