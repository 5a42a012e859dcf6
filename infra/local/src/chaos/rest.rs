//! After the last kill: waits until every target has come to an end and no message is left, and does meanwhile what the
//! runbook asks of an operator.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client as Queues;
use aws_sdk_sqs::types::QueueAttributeName;
use local::Cloud;
use serde_json::Value;
use shared::aws::Clients;

use super::api::Api;
use super::callers::Accepted;
use super::killer::Kills;
use super::plan::{Pace, Plan};
use super::report::say;
use super::verdict::is_terminal;
use super::{Failure, field, pause};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// A dead consumer's claim holds until 5 s after the end of its time.
const LONGEST_LEASE: Duration = Duration::from_secs(16);
/// A little more than the visibility timeout.
const VISIBILITY: Duration = Duration::from_secs(61);

pub(crate) struct Rest<'a> {
    cloud: &'a Cloud,
    api: &'a Api<'a>,
    plan: &'a Plan,
    queues: Queues,
    /// The posts as last seen.
    views: RefCell<BTreeMap<String, Value>>,
    /// Messages that were moved back from the dead letter queue.
    moved: Cell<u64>,
}

impl<'a> Rest<'a> {
    pub(crate) fn new(cloud: &'a Cloud, api: &'a Api<'a>, plan: &'a Plan) -> Self {
        let queues = Clients::at(&cloud.aws_url()).sqs();
        Self { cloud, api, plan, queues, views: RefCell::default(), moved: Cell::new(0) }
    }

    /// Waits for rest, as long as the plan allows: every target at its end and no message but those of dead letters. Whether it
    /// came.
    pub(crate) async fn come(&self, accepted: &[Accepted], kills: &Kills<'_>) -> Result<bool, Failure> {
        let ends = Instant::now() + self.plan.pace.patience();
        let mut gives_back = true;
        while Instant::now() < ends {
            let finished = self.look(accepted).await?;
            let queue = self.api.read("/health/queue").await?;
            let figure = |name: &str| field(&queue, name).as_u64().unwrap_or(u64::MAX);
            // Once all have come to an end, what was given back may be at work again, and what fails then has failed for good:
            // giving it back once more would never end.
            gives_back &= !finished;
            if finished && figure("/visible") + figure("/in_flight") + figure("/delayed") == 0 {
                // Some were looked at before their last message was worked off.
                self.views.borrow_mut().clear();
                if self.look(accepted).await? {
                    return Ok(true);
                }
            }
            let dead = figure("/dead_letters");
            if gives_back && dead > 0 {
                self.move_back(dead).await?;
            }
            self.hurry(kills).await?;
            pause(LOOK).await;
        }
        Ok(false)
    }

    /// Looks at every post that had not come to its end. Whether all have.
    async fn look(&self, accepted: &[Accepted]) -> Result<bool, Failure> {
        let mut finished = true;
        for post in accepted {
            if self.views.borrow().get(&post.id).is_some_and(is_finished) {
                continue;
            }
            let view = self.api.read(&format!("/v1/posts/{}", post.id)).await?;
            finished &= is_finished(&view);
            self.views.borrow_mut().insert(post.id.clone(), view);
        }
        Ok(finished)
    }

    /// Gives everything in the dead letter queue back to the consumers. Targets that have failed are in there too: these
    /// are tried once more.
    async fn move_back(&self, count: u64) -> Result<(), Failure> {
        let (dead, publish) = (self.arn("DeadLetterQueue").await?, self.arn("PublishQueue").await?);
        // The destination is named: what a consumer has sent there itself has no queue that it came from.
        self.queues.start_message_move_task().source_arn(dead).destination_arn(publish).send().await?;
        self.moved.set(self.moved.get() + count);
        Ok(say(&format!("        {count} messages moved back from the dead letter queue"))?)
    }

    async fn arn(&self, queue: &'static str) -> Result<String, Failure> {
        let url = self.cloud.resource(queue).ok_or("the template lacks a queue")?;
        let name = QueueAttributeName::QueueArn;
        let answer = self.queues.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await?;
        let arn = answer.attributes.and_then(|mut attributes| attributes.remove(&name));
        Ok(arn.ok_or("a queue has no ARN")?)
    }

    /// At a quick pace, and once no dead consumer's claim holds any more: what is hidden or delayed comes now.
    async fn hurry(&self, kills: &Kills<'_>) -> Result<(), Failure> {
        let at_work = self.cloud.environments("consumer").iter().any(|consumer| consumer.busy);
        if self.plan.pace == Pace::Real || at_work || kills.quiet() < LONGEST_LEASE {
            return Ok(());
        }
        self.cloud.emulators().ok_or("the emulators are gone")?.advance(VISIBILITY);
        Ok(self.cloud.fire_schedule("dispatch").await?)
    }

    /// The posts as last seen.
    pub(crate) fn views(&self) -> BTreeMap<String, Value> {
        self.views.borrow().clone()
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.get()
    }

    /// How many targets stand where, as last seen.
    pub(crate) fn states(&self) -> BTreeMap<String, u32> {
        let mut states = BTreeMap::new();
        for view in self.views.borrow().values() {
            for target in targets(view) {
                *states.entry(field(target, "/state").as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        states
    }
}

fn targets(view: &Value) -> impl Iterator<Item = &Value> {
    field(view, "/targets").as_array().into_iter().flatten()
}

fn is_finished(view: &Value) -> bool {
    targets(view).all(|target| field(target, "/state").as_str().is_some_and(is_terminal))
}
