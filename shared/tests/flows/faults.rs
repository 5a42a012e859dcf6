//! Ways for AWS to fail between us and it: an answer that gets lost, a request that is refused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        http::HttpResponse,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
};
use shared::{aws::Clients, publish::Publisher, queue::Queue, store::Store};

use crate::world::World;

const TARGET: &str = "x-amz-target";
/// A service that nobody has: what is sent to it has no effect.
const NOWHERE: &str = "Nowhere.";

/// What happens to calls of one operation.
#[derive(Debug, Clone)]
enum Fault {
    /// It takes effect, and the SDK sees a broken answer.
    LostAnswer,
    /// It has no effect, and this is the answer.
    Answer(u16, String),
}

/// The faults to come, in order; each happens once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    coming: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    /// What each task has just sent, and whether it went nowhere: a task makes one call after another.
    sent: Arc<Mutex<Sent>>,
}

type Sent = HashMap<Option<tokio::task::Id>, (String, bool)>;

impl Faults {
    /// A publisher like the world's whose calls these faults befall.
    pub(crate) fn publisher(&self, world: &World) -> Publisher {
        let clients = Clients::at(&world.emulators.endpoint_url());
        let dynamodb = clients.dynamodb().config().to_builder().interceptor(self.clone()).build();
        let sqs = clients.sqs().config().to_builder().interceptor(self.clone()).build();
        Publisher {
            store: Store::new(aws_sdk_dynamodb::Client::from_conf(dynamodb), "State"),
            queue: Queue::new(aws_sdk_sqs::Client::from_conf(sqs), &world.publish_queue),
            ..world.publisher.clone()
        }
    }

    /// The answer to the next call of `operation` is lost on its way, as often as that.
    pub(crate) fn lose_answers(&self, operation: &'static str, times: usize) {
        self.add(operation, &Fault::LostAnswer, times);
    }

    /// The next call of `operation` has no effect and is answered like this, as often as that.
    pub(crate) fn answer(&self, operation: &'static str, (status, body): (u16, &str), times: usize) {
        self.add(operation, &Fault::Answer(status, body.to_owned()), times);
    }

    /// Nothing fails any more.
    pub(crate) fn end(&self) {
        self.coming.lock().unwrap().clear();
    }

    /// How many faults have not happened yet.
    pub(crate) fn left(&self) -> usize {
        self.coming.lock().unwrap().len()
    }

    fn add(&self, operation: &'static str, fault: &Fault, times: usize) {
        self.coming.lock().unwrap().extend(std::iter::repeat_n((operation, fault.clone()), times));
    }

    fn take(&self, operation: &str, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut coming = self.coming.lock().unwrap();
        let first = coming.iter().position(|(of, fault)| *of == operation && wanted(fault))?;
        Some(coming.remove(first).1)
    }
}

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "Faults"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = operation(context.request().headers().get(TARGET));
        let is_answered = |(of, fault): &(&str, Fault)| *of == operation && matches!(fault, Fault::Answer(..));
        let nowhere = self.coming.lock().unwrap().iter().any(is_answered);
        if nowhere {
            context.request_mut().headers_mut().insert(TARGET, format!("{NOWHERE}{operation}"));
        }
        self.sent.lock().unwrap().insert(tokio::task::try_id(), (operation, nowhere));
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let sent = self.sent.lock().unwrap().remove(&tokio::task::try_id());
        let fault = sent.and_then(|(operation, nowhere)| {
            self.take(&operation, |fault| matches!(fault, Fault::Answer(..)) == nowhere)
        });
        let (status, body) = match fault {
            Some(Fault::Answer(status, body)) => (status, body),
            Some(Fault::LostAnswer) => (500, String::new()),
            None => return Ok(()),
        };
        *context.response_mut() = HttpResponse::new(status.try_into()?, body.into());
        Ok(())
    }
}

fn operation(target: Option<&str>) -> String {
    target.and_then(|target| target.split_once('.')).map_or("", |(_, operation)| operation).to_owned()
}
