//! Commands and deliveries in every order: what goes out is what the last command said, once or not at all (F25).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::{consume::Message, ids::PostId};

use crate::{
    edits::{cancel, edit},
    world::World,
};

/// One thing that may happen to a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// It is created: version 1.
    Create,
    /// It is edited, by somebody who read the version before this.
    EditTo(u64),
    /// It is called off.
    Cancel,
    /// A job of this version is delivered, whether the version is there or not.
    Deliver(u64),
}

/// Every order of `events`.
fn orders(events: &[Event]) -> BTreeSet<Vec<Event>> {
    if events.is_empty() {
        return BTreeSet::from([Vec::new()]);
    }
    let mut all = BTreeSet::new();
    for (index, first) in events.iter().enumerate() {
        let mut rest = events.to_vec();
        rest.remove(index);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, *first);
            order
        }));
    }
    all
}

/// Every order of everything that can be left out of `events`.
fn all_orders(events: &[Event]) -> BTreeSet<Vec<Event>> {
    let subsets = (0..1_usize << events.len()).map(|chosen| {
        let some: Vec<Event> =
            events.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1).map(|(_, event)| *event).collect();
        orders(&some)
    });
    subsets.flatten().collect()
}

/// What must be true of a post in between, told from the commands and deliveries alone.
#[derive(Debug, Default)]
struct Model {
    version: Option<u64>,
    cancelled: bool,
    published: Option<u64>,
}

impl Model {
    fn happens(&mut self, event: Event) {
        let open = self.version.is_some() && !self.cancelled && self.published.is_none();
        match event {
            Event::Create => self.version = Some(1),
            Event::EditTo(to) if open && self.version == Some(to - 1) => self.version = Some(to),
            Event::Cancel if open => self.cancelled = true,
            Event::Deliver(version) if open && self.version == Some(version) => self.published = Some(version),
            Event::EditTo(_) | Event::Cancel | Event::Deliver(_) => {}
        }
    }

    /// What stands on the Page after all jobs have been delivered.
    fn out(&self) -> Option<u64> {
        if self.cancelled { None } else { self.published.or(self.version) }
    }
}

struct Story<'a> {
    world: &'a World,
    body: Value,
    key: String,
    id: PostId,
}

impl Story<'_> {
    fn text(&self, version: u64) -> String {
        format!("{} version {version}", self.key)
    }

    /// Makes it happen; whether a command was accepted.
    async fn happens(&self, event: Event) -> bool {
        let id = self.id.to_string();
        match event {
            Event::Create => self.world.create_keyed(&self.key, &self.body).await.is_ok(),
            Event::EditTo(to) => {
                let changes = json!({ "content": { "text": self.text(to) } });
                edit(self.world, &id, &(to - 1).to_string(), &changes).await.is_ok()
            }
            Event::Cancel => cancel(self.world, &id, None).await.is_ok(),
            Event::Deliver(version) => {
                let tenant = self.world.caller.tenant.id();
                let body = json!({ "v": 1, "tenant": tenant, "post": id, "target": "t1", "version": version });
                let message =
                    Message { id: "m".into(), receipt_handle: "none".into(), receives: 1, body: body.to_string() };
                self.world.consumer.batch(vec![message], std::time::Duration::from_secs(6)).await;
                true
            }
        }
    }
}

async fn tell(orders: BTreeSet<Vec<Event>>) {
    let world = World::start().await;
    let connection = world.connected().await;
    let tenant = world.caller.tenant.id().to_string();
    let mut expected = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let key = format!("story-{number}");
        let story = Story {
            id: PostId::derived(&[&tenant, "POST /v1/posts", &key]),
            body: json!({ "content": { "text": format!("{key} version 1") }, "targets": [{ "connection": connection }] }),
            world: &world,
            key,
        };
        let mut model = Model::default();
        for event in order {
            let before = (model.version, model.cancelled);
            model.happens(*event);
            let accepted = story.happens(*event).await;
            let changed = before != (model.version, model.cancelled);
            let command = !matches!(event, Event::Deliver(_));
            // A second cancellation is one, too.
            let again = *event == Event::Cancel && model.cancelled;
            assert_eq!(accepted, !command || changed || again, "{event:?} of {order:?}: {model:?}");
        }
        expected.extend(model.out().map(|version| story.text(version)));
    }
    // Now everything that was queued on the way comes, and comes again.
    for _ in 0..3 {
        world.drain().await;
        world.advance(200);
        world.dispatcher.tick().await.unwrap();
    }
    let mut out: Vec<String> = world.page().into_iter().filter_map(|post| post.message).collect();
    out.sort();
    expected.sort();
    assert_eq!(out, expected);
    assert!(expected.len() > orders.len() / 4, "the stories go nowhere");
    assert!(world.receive(&world.dead_letter_queue, 0).await.is_empty());
}

#[tokio::test]
async fn f25_an_edit_and_a_cancellation_in_any_order_with_their_jobs() {
    use Event::{Cancel, Create, Deliver, EditTo};
    Box::pin(tell(all_orders(&[Create, EditTo(2), Cancel, Deliver(1), Deliver(2)]))).await;
}

#[tokio::test]
async fn f25_two_edits_in_any_order_with_the_jobs_of_what_they_replace() {
    use Event::{Create, Deliver, EditTo};
    Box::pin(tell(orders(&[Create, EditTo(2), EditTo(3), Deliver(1), Deliver(2)]))).await;
}

#[tokio::test]
async fn f25_two_edits_in_any_order_with_the_jobs_that_they_bring() {
    use Event::{Create, Deliver, EditTo};
    Box::pin(tell(orders(&[Create, EditTo(2), EditTo(3), Deliver(2), Deliver(3)]))).await;
}
