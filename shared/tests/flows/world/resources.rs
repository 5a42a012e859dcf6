//! The tables, queues, keys and secrets that the template describes, in the emulators.

use emulators::{Emulators, Projection, Queue as QueueDescription, Table};
use shared::platform::Platform;

use super::{BUCKET, MEDIA_DAYS};

/// What the template describes, as far as the flows need it.
pub(super) struct Resources {
    pub(super) publish_queue: String,
    pub(super) dead_letter_queue: String,
    pub(super) inbound_queue: String,
    pub(super) token_key: String,
    pub(super) apps: Vec<(Platform, String)>,
    pub(super) signing_key: String,
}

impl Resources {
    pub(super) async fn create(emulators: &Emulators) -> Self {
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
