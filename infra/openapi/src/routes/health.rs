//! Whether postd is well.

use shared::{
    problem::Code,
    read::{HealthView, QueueHealthView},
};
use utoipa::openapi::{HttpMethod, RefOr, Schema, path::OperationBuilder};

use super::{Route, add};
use crate::{
    answers::{Access::Public, json, operation},
    examples,
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(HttpMethod::Get, "/health", health()), Route::new(HttpMethod::Get, "/health/queue", queue())]
}

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<HealthView>(schemas);
    add::<QueueHealthView>(schemas);
}

fn health() -> OperationBuilder {
    let description = "Asks the table and the queue, and says how long each took to answer.";
    operation(Public, ("health", "getHealth"), ("Is postd well?", description), &[])
        .response("200", json("Everything answers.", "HealthView", examples::health("ok")))
        .response("503", json("Something does not answer.", "HealthView", examples::health("failing")))
}

fn queue() -> OperationBuilder {
    let description = "Approximate figures of the queue of publish jobs and of its dead letters.";
    let silent = (Code::Unavailable, "The queue did not answer; try again.");
    operation(Public, ("health", "getQueueHealth"), ("How far behind is postd?", description), &[silent])
        .response("200", json("The figures.", "QueueHealthView", examples::queue_health()))
}
