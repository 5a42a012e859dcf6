//! What becomes of posts while the vault cannot ask KMS.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};

use crate::world::World;

/// KMS, which answers or does not.
#[derive(Debug, Clone, Default)]
struct Kms {
    is_silent: Arc<AtomicBool>,
}

impl Intercept for Kms {
    fn name(&self) -> &'static str {
        "Kms"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let is_for_kms = target.starts_with("TrentService.");
        if is_for_kms && self.is_silent.load(Ordering::Relaxed) { Err("no answer".into()) } else { Ok(()) }
    }
}

async fn half_a_minute(world: &World) {
    world.advance(30);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

#[tokio::test]
async fn f50_while_kms_is_silent_a_consumer_that_knows_the_tenant_publishes_and_what_another_holds_goes_out_later() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let kms = Kms::default();
    let warm = Arc::new(world.sandbox_through(kms.clone()));
    let cold = Arc::new(world.sandbox_through(kms.clone()));
    world.consumer = warm.clone();
    let first = world.accept(&connection, "first").await;
    world.drain().await;
    assert_eq!(world.state(&first).await, "published");
    world.advance(180);

    kms.is_silent.store(true, Ordering::Relaxed);
    world.consumer = cold;
    let held = world.accept(&connection, "held").await;
    world.drain().await;
    assert_eq!(world.state(&held).await, "waiting");
    for round in 0..8 {
        half_a_minute(&world).await;
        let target = &world.post(&held).await["targets"][0];
        assert_eq!((&target["state"], &target["reason"]["code"]), (&"waiting".into(), &"vault.unavailable".into()));
        let text = format!("round {round}");
        let post = world.accept(&connection, &text).await;
        let other = std::mem::replace(&mut world.consumer, warm.clone());
        world.drain().await;
        assert_eq!(world.state(&post).await, "published", "{text}, three to seven minutes after KMS was last heard");
        world.consumer = other;
    }

    kms.is_silent.store(false, Ordering::Relaxed);
    half_a_minute(&world).await;
    assert_eq!(world.state(&held).await, "published");
    let messages: Vec<_> = world.page().into_iter().filter_map(|post| post.message).collect();
    assert_eq!(messages.len(), 10, "each once: {messages:?}");
    assert_eq!(messages.iter().filter(|message| *message == "held").count(), 1);
}
