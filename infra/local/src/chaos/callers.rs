//! The tenant's backend: it has posts accepted, at once or with a time, and says some things twice.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::clock::{Clock as _, SystemClock};
use simulator::facebook::seed;

use super::api::Api;
use super::dice::Dice;
use super::killer::Kills;
use super::plan::Plan;
use super::{Failure, pause};
use local::demo::browser;

/// Posts that are accepted before anybody dies.
const AHEAD_OF_KILLS: u64 = 20;
/// The longest that a post waits for a kill: with nothing to do there is nobody to kill.
const LONGEST_TURN: Duration = Duration::from_millis(500);

/// A post that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    /// No other post says this.
    pub(crate) text: String,
    /// Target ids and the Pages that they name.
    pub(crate) targets: Vec<(String, String)>,
}

/// A request, which may be repeated.
#[derive(Debug)]
struct Sent {
    key: String,
    body: Value,
    answer: Vec<u8>,
}

pub(crate) struct Callers<'a> {
    api: &'a Api<'a>,
    plan: &'a Plan,
    /// Pages, and the connections that publish there.
    pages: Vec<(&'static str, String)>,
    accepted: RefCell<Vec<Accepted>>,
    scheduled: Cell<u32>,
    repeated: Cell<u32>,
}

impl<'a> Callers<'a> {
    /// Two people connect their Pages.
    pub(crate) async fn connect(api: &'a Api<'a>, plan: &'a Plan) -> Result<Self, Failure> {
        let people = [
            (seed::ADA, vec![seed::BAKERY, seed::ODDITIES, seed::BOOKSHOP]),
            (seed::GRACE, vec![seed::GARDEN, seed::HARDWARE]),
        ];
        let mut pages = Vec::new();
        for (person, theirs) in people {
            let connection = api.client.connect(person, &theirs).await?;
            pages.extend(theirs.into_iter().map(|page| (page, connection.clone())));
        }
        let (scheduled, repeated) = (Cell::new(0), Cell::new(0));
        Ok(Self { api, plan, pages, accepted: RefCell::default(), scheduled, repeated })
    }

    /// Has all posts accepted, in step with the kills.
    pub(crate) async fn run(&self, kills: &Kills<'_>) -> Result<(), Failure> {
        let mut dice = Dice::new(self.plan.seed, 1);
        let mut earlier = Vec::new();
        for number in 0..self.plan.posts {
            self.turn(number, kills).await;
            let sent = self.accept(number, &mut dice).await?;
            if dice.chance(20) {
                self.repeat(&sent).await?;
            }
            earlier.push(sent);
            if dice.chance(10)
                && let Some(sent) = dice.one_of(&earlier)
            {
                self.repeat(sent).await?;
            }
        }
        Ok(())
    }

    /// Waits until as many consumers have died as this post's number asks for, or long enough.
    async fn turn(&self, number: u32, kills: &Kills<'_>) {
        let ends = Instant::now() + LONGEST_TURN;
        let due = u64::from(number).saturating_sub(AHEAD_OF_KILLS) * u64::from(self.plan.kills);
        while u64::from(kills.in_flight()) * u64::from(self.plan.posts) < due && Instant::now() < ends {
            pause(Duration::from_millis(10)).await;
        }
    }

    /// Has one post accepted.
    async fn accept(&self, number: u32, dice: &mut Dice) -> Result<Sent, Failure> {
        let text = format!("Chaos {} number {number}: fresh bread from six, rolls from seven.", self.plan.seed);
        let body = self.body(&text, dice)?;
        let key = format!("chaos-{}-{number}", self.plan.seed);
        let answer = self.api.accept(&body, &key).await?;
        let post = browser::json(&answer)?;
        let said = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let targets = post.get("targets").and_then(Value::as_array).into_iter().flatten();
        let targets = targets.map(|target| Some((said(target, "id")?, said(target, "destination")?))).collect();
        let (id, targets) = said(&post, "id").zip(targets).ok_or("an accepted post has no id")?;
        self.accepted.borrow_mut().push(Accepted { id, text, targets });
        Ok(Sent { key, body, answer: answer.body.to_vec() })
    }

    fn body(&self, text: &str, dice: &mut Dice) -> Result<Value, Failure> {
        let photo = json!([{ "url": "https://bakery.example.com/oven.jpg", "kind": "image" }]);
        let content = match dice.between(0, 99) {
            0..15 => json!({ "text": text, "link": "https://bakery.example.com/menu" }),
            15..30 => json!({ "text": text, "media": photo }),
            // The platform refuses links to itself.
            30..32 => json!({ "text": text, "link": "https://www.facebook.com/example/posts/1" }),
            _text_alone => json!({ "text": text }),
        };
        let mut pages: Vec<&(&str, String)> = self.pages.iter().collect();
        let mut targets = Vec::new();
        for _ in 0..dice.between(1, 3) {
            let chosen = *dice.one_of(&pages).ok_or("there is no Page left")?;
            pages.retain(|page| page.0 != chosen.0);
            targets.push(json!({ "connection": chosen.1, "destination": chosen.0 }));
        }
        let [near, far] = self.plan.pace.ahead();
        let ahead = match dice.between(0, 99) {
            0..25 => dice.between(near.0, near.1),
            25..30 => dice.between(far.0, far.1),
            _at_once => 0,
        };
        let body = json!({ "content": content, "targets": targets });
        let mut body = body.as_object().cloned().unwrap_or_default();
        let now = SystemClock.now();
        let in_seconds = |seconds: u64| -> Result<Value, Failure> {
            Ok(json!(now.saturating_add(SignedDuration::from_secs(i64::try_from(seconds)?))?.to_string()))
        };
        if ahead > 0 {
            self.scheduled.set(self.scheduled.get() + 1);
            body.insert("schedule".to_owned(), json!({ "at": in_seconds(ahead)? }));
        }
        if dice.chance(3) {
            let patience = self.plan.pace.shortest_life();
            body.insert("not_after".to_owned(), in_seconds(ahead + patience)?);
        }
        Ok(Value::Object(body))
    }

    /// Says it again: the answer must be the same, to the byte.
    async fn repeat(&self, sent: &Sent) -> Result<(), Failure> {
        let answer = self.api.accept(&sent.body, &sent.key).await?;
        if answer.body != sent.answer {
            return Err(format!("the answer to the repeated request {} differs from the first", sent.key).into());
        }
        self.repeated.set(self.repeated.get() + 1);
        Ok(())
    }

    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.accepted.borrow().clone()
    }

    /// How many posts are accepted.
    pub(crate) fn count(&self) -> usize {
        self.accepted.borrow().len()
    }

    pub(crate) fn scheduled(&self) -> u32 {
        self.scheduled.get()
    }

    pub(crate) fn repeated(&self) -> u32 {
        self.repeated.get()
    }
}
