//! A tenant, or its tokens, that are deleted while a post is on its way.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};
use http::Method;
use jiff::SignedDuration;
use shared::{
    authorize::delete_tenant,
    clock::{Clock as _, ManualClock},
    connector::{
        Request,
        transport::{Sending, Transport},
    },
    consume::Consumer,
    ids::ConnectionId,
    store::{Actor, Store},
    tenant::Tenant,
    vault::Vault,
};
use simulator::facebook::{Fault, FaultKind};
use tokio::{runtime::Handle, task::block_in_place};

use crate::world::World;

const TOKEN_READ: &str = "GetItem of a token";
const PUBLISH: &str = "publish";
/// How a job finds its post, and whether its tenant is deleted.
const TENANT_READ: &str = "BatchGetItem";

/// Everything that a consumer does to the world, in order; just before one of these effects a deed is done.
#[derive(Debug, Clone)]
struct Effects(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    vault: Vault,
    tenant: Tenant,
    connection: ConnectionId,
    store: Store,
    clock: ManualClock,
    deed: Deed,
    /// Counted from 0.
    deletes_before: usize,
    seen: Mutex<Vec<String>>,
}

/// What is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// The connection's tokens are deleted.
    Tokens,
    /// The tenant is marked as deleted.
    Tenant,
    /// The same, and this process stands still until its lease is over.
    TenantAndSleep,
}

impl Watched {
    #[expect(clippy::disallowed_methods, reason = "what an operator does")]
    async fn act(&self) {
        match self.deed {
            Deed::Tokens => self.vault.delete_connection(self.tenant, self.connection).await.unwrap(),
            Deed::Tenant | Deed::TenantAndSleep => {
                let now = self.clock.now();
                delete_tenant(&self.store, self.tenant.id(), Actor::Postd, now).await.unwrap();
                if self.deed == Deed::TenantAndSleep {
                    self.clock.advance(SignedDuration::from_mins(10));
                }
            }
        }
    }
}

impl Effects {
    fn happens(&self, what: &str) {
        let watched = &self.0;
        let number = {
            let mut seen = watched.seen.lock().unwrap();
            seen.push(what.to_owned());
            seen.len() - 1
        };
        if number == watched.deletes_before {
            block_in_place(|| Handle::current().block_on(watched.act()));
        }
    }

    fn seen(&self) -> Vec<String> {
        self.0.seen.lock().unwrap().clone()
    }
}

impl Intercept for Effects {
    fn name(&self) -> &'static str {
        "Effects"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let operation = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let is_token =
            operation == Some("GetItem") && body.contains(r#""TableName":"Vault""#) && body.contains("CONN#");
        self.happens(if is_token { TOKEN_READ } else { operation.unwrap_or("unnamed") });
        Ok(())
    }
}

/// The way to the platform: what leaves is an effect, and so is what comes back.
struct Wire {
    effects: Effects,
    inner: Arc<dyn Transport>,
}

impl Transport for Wire {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let is_publish = request.method == Method::POST;
            self.effects.happens(if is_publish { PUBLISH } else { "question" });
            let answer = self.inner.send(request, deadline).await;
            self.effects.happens("answer");
            answer
        })
    }
}

/// What became of one post.
struct Outcome {
    effects: Vec<String>,
    state: String,
    reason: String,
    /// How often it is on the Page.
    copies: usize,
}

/// The same where there is nothing else: jobs of other posts would work beside it.
async fn publishes_alone(what: (Option<FaultKind>, Deed, usize)) -> Outcome {
    let mut world = Box::pin(World::start()).await;
    let connection = Box::pin(world.connected()).await;
    Box::pin(publishes(&mut world, &connection, what)).await
}

/// One post is published, and the deed is done before the effect of that number.
async fn publishes(
    world: &mut World,
    connection: &str,
    (fault, deed, deletes_before): (Option<FaultKind>, Deed, usize),
) -> Outcome {
    let tokens = world.dynamodb().scan().table_name("Vault").send().await.unwrap().items.unwrap();
    let effects = Effects(Arc::new(Watched {
        vault: world.sandbox().vault,
        tenant: world.caller.tenant,
        connection: connection.parse().unwrap(),
        store: world.store.clone(),
        clock: world.clock.clone(),
        deed,
        deletes_before,
        seen: Mutex::default(),
    }));
    let through = world.sandbox_through(effects.clone());
    let wire = Wire { effects: effects.clone(), inner: through.transport.clone() };
    world.consumer = Arc::new(Consumer { transport: Arc::new(wire), ..through });
    let facebook = world.simulator.facebook();
    facebook.clear_faults();
    if let Some(kind) = fault {
        facebook.add_fault(Fault::new(kind).on_edge("POST", "feed").times(1));
    }
    let text = format!("{fault:?} {deed:?} {deletes_before}");
    let id = world.accept(connection, &text).await;
    world.drain().await;
    // Minutes for what is tried again; then days, as a question that stays open for one becomes a person's.
    for seconds in [60, 60, 60, 90_000, 90_000] {
        if ["published", "failed", "needs_review"].contains(&world.state(&id).await.as_str()) {
            break;
        }
        world.advance(seconds);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
    // For the next post.
    for row in tokens {
        world.dynamodb().put_item().table_name("Vault").set_item(Some(row)).send().await.unwrap();
    }
    let target = world.post(&id).await["targets"][0].clone();
    Outcome {
        effects: effects.seen(),
        state: target["state"].as_str().unwrap().to_owned(),
        reason: target["reason"]["code"].as_str().unwrap_or_default().to_owned(),
        copies: world.page().iter().filter(|post| post.message.as_ref() == Some(&text)).count(),
    }
}

/// No call leaves with tokens that are gone, but one for which the token was read before.
fn assert_no_call_without_a_token(effects: &[String], deletes_before: usize) {
    let mut token_in_hand = false;
    for (number, effect) in effects.iter().enumerate() {
        match effect.as_str() {
            TOKEN_READ => token_in_hand = number < deletes_before,
            PUBLISH if number >= deletes_before => {
                assert!(token_in_hand, "{number} of {effects:?}, deleted before {deletes_before}");
                token_in_hand = false;
            }
            _ => {}
        }
    }
}

/// The tokens go after the mark; this is about them alone: even a consumer that saw no mark cannot publish without a token.
/// What was already on its way with a token in hand may arrive, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f87_whenever_the_tokens_are_deleted_nothing_leaves_without_one_and_the_end_is_true() {
    let mut world = Box::pin(World::start()).await;
    let connection = Box::pin(world.connected()).await;
    let faults = [None, Some(FaultKind::LostAnswer), Some(FaultKind::Status500Before)];
    for fault in faults {
        let undisturbed = publishes(&mut world, &connection, (fault, Deed::Tokens, usize::MAX)).await;
        assert_eq!((undisturbed.state.as_str(), undisturbed.copies), ("published", 1), "{fault:?}");
        let mut ends = std::collections::BTreeSet::new();
        for number in 0.. {
            let outcome = publishes(&mut world, &connection, (fault, Deed::Tokens, number)).await;
            let what = format!("{fault:?}, deleted before {number} of {:?}", outcome.effects);
            if outcome.effects.len() <= number {
                // It was over before that: two runs need not take as many effects.
                assert_eq!((outcome.state.as_str(), outcome.copies), ("published", 1), "{what}");
                break;
            }
            assert_no_call_without_a_token(&outcome.effects, number);
            match outcome.state.as_str() {
                "published" => assert_eq!(outcome.copies, 1, "{what}"),
                "failed" => {
                    assert_eq!((outcome.copies, outcome.reason.as_str()), (0, "connection.token_missing"), "{what}");
                }
                // Sent, and no way to ask what became of it.
                "needs_review" => {
                    assert_eq!(outcome.reason, "connection.token_missing", "{what}");
                    assert!(outcome.effects.iter().any(|effect| effect == PUBLISH), "{what}");
                }
                other => panic!("{other}: {what}"),
            }
            ends.insert(outcome.state);
        }
        assert!(ends.contains("failed") && ends.contains("published"), "{fault:?}: {ends:?}");
    }
}

/// Whatever was seen of the tenant before the mark may come to its end, within the lease; whatever looks after it is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f87_whenever_a_tenant_is_marked_no_job_that_looks_after_that_claims_or_publishes_anything() {
    for fault in [None, Some(FaultKind::LostAnswer), Some(FaultKind::Status500Before)] {
        let undisturbed = publishes_alone((fault, Deed::Tenant, usize::MAX)).await;
        assert_eq!((undisturbed.state.as_str(), undisturbed.copies), ("published", 1), "{fault:?}");
        let mut ends = std::collections::BTreeSet::new();
        for number in 0.. {
            let outcome = publishes_alone((fault, Deed::Tenant, number)).await;
            let what = format!("{fault:?}, marked before {number} of {:?}", outcome.effects);
            assert!(outcome.copies <= 1, "{what}");
            if outcome.effects.len() <= number {
                // It was over before that: two runs need not take as many effects.
                assert_eq!((outcome.state.as_str(), outcome.copies), ("published", 1), "{what}");
                break;
            }
            let mut sees_it_alive = false;
            for (place, effect) in outcome.effects.iter().enumerate() {
                match effect.as_str() {
                    TENANT_READ => sees_it_alive = place < number,
                    PUBLISH | "UpdateItem" | "TransactWriteItems" | "PutItem" => {
                        assert!(sees_it_alive, "{place}, {what}");
                    }
                    _ => {}
                }
            }
            // What is said of it is true, or it was never said to its end.
            match outcome.state.as_str() {
                "published" => assert_eq!(outcome.copies, 1, "{what}"),
                "queued" | "retrying" => assert_eq!(outcome.copies, 0, "{what}"),
                "running" | "unknown" => {}
                other => panic!("{other}: {what}"),
            }
            ends.insert(outcome.state);
        }
        assert!(ends.contains("queued") && ends.len() > 1, "{fault:?}: {ends:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f87_a_consumer_that_stood_still_since_it_saw_the_tenant_alive_publishes_nothing() {
    let undisturbed = publishes_alone((None, Deed::Tenant, usize::MAX)).await;
    let leaves = undisturbed.effects.iter().position(|effect| effect == PUBLISH).unwrap();
    for number in 1..leaves {
        let outcome = publishes_alone((None, Deed::TenantAndSleep, number)).await;
        let what = format!("stood still before {number} of {:?}", outcome.effects);
        assert_eq!(outcome.copies, 0, "{what}");
        assert!(!outcome.effects.iter().any(|effect| effect == PUBLISH), "{what}");
    }
}
