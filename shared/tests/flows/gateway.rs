//! The way of a request as API Gateway drives it: the authorizer's answer, then the event with it, then the use case that
//! knows the route.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    http::{
        Request, Response,
        gateway::{self, Front},
    },
    limit::Limits,
    problem::Problem,
};

use crate::{ingress::front, world::World};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) body: String,
}

impl Answer {
    /// The code of a problem; empty if it is none.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The API of a world, behind its authorizer.
pub(crate) struct Gateway<'a> {
    pub(crate) world: &'a World,
    front: Front,
}

impl<'a> Gateway<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let plenty = Limits { tenant: 1_000_000, public: 1_000_000, oauth: 1_000_000, ..Limits::default() };
        Self { world, front: front(world, &world.clock, plenty) }
    }

    /// What the authorizer lets API Gateway hand on, for a key.
    pub(crate) async fn context(&self, key: &str) -> Value {
        let identity = self.world.authorizer.identify(&format!("Bearer {key}")).await.unwrap();
        serde_json::to_value(gateway::authorized(identity)).unwrap()["context"].clone()
    }

    /// Sends a request to `route` whose braces are filled with `parameters`, in order.
    pub(crate) async fn send(&self, context: &Value, route: &str, parameters: &[String], sent: &Sent) -> Answer {
        let (method, pattern) = route.split_once(' ').unwrap_or(("GET", "/nowhere"));
        let mut values = parameters.iter();
        let (mut path, mut named) = (Vec::new(), serde_json::Map::new());
        for part in pattern.split('/') {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => {
                    let value = values.next().unwrap();
                    named.insert(name.to_owned(), json!(value));
                    path.push(value.clone());
                }
                None => path.push(part.to_owned()),
            }
        }
        let event = json!({
            "version": "2.0", "routeKey": route, "rawPath": path.join("/"), "rawQueryString": sent.query,
            "headers": sent.headers, "pathParameters": named, "body": sent.body.to_string(),
            "requestContext": {
                "routeKey": route, "domainName": "api.example.com",
                "http": { "method": method, "path": path.join("/"), "sourceIp": "203.0.113.7" },
                "authorizer": { "lambda": context },
            },
        });
        let handle = |request| self.handle(request);
        let answer = gateway::answer(serde_json::from_value(event).unwrap(), &self.front, handle).await;
        let answer = serde_json::to_value(answer).unwrap();
        Answer { status: answer["statusCode"].as_u64().unwrap(), body: answer["body"].as_str().unwrap().to_owned() }
    }

    /// Whichever use case knows the route. The reader comes last: it answers for all that nobody knows.
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let (world, time) = (self.world, Duration::from_secs(30));
        if request.route.contains("/webhooks/") {
            // It goes by the method alone.
            return Box::pin(world.receiver.handle(request)).await;
        }
        let outcome = Box::pin(world.publisher.handle(request.clone())).await;
        let unknown =
            |outcome: &Result<Response, Problem>| matches!(outcome, Err(problem) if problem.code == "route.unknown");
        if !unknown(&outcome) {
            return outcome;
        }
        let outcome = Box::pin(world.connect.handle(request.clone())).await;
        if !unknown(&outcome) {
            return outcome;
        }
        let outcome = Box::pin(world.redriver.handle(request.clone(), time)).await;
        if !unknown(&outcome) {
            return outcome;
        }
        Box::pin(world.reader.handle(request)).await
    }
}

/// What a request carries besides its path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) body: Value,
    pub(crate) headers: Value,
    pub(crate) query: String,
}

/// How many parameters the path of `route` has.
pub(crate) fn parameters(route: &str) -> usize {
    route.matches('{').count()
}
