//! A publish of several steps whose process dies at any moment.

use std::task::{Context, Poll, Waker};

use super::*;

/// A world that stands still at the `lasts`th effect, before or after it: whoever waits for it waits for ever.
#[derive(Clone)]
struct Effects {
    lasts: usize,
    takes_effect: bool,
    done: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<usize>>,
}

impl Effects {
    async fn happens(&self, what: String) {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            *seen += 1;
            *seen - 1
        };
        if number < self.lasts || self.takes_effect {
            self.done.lock().unwrap().push(what);
        }
        if number >= self.lasts {
            std::future::pending::<()>().await;
        }
    }
}

impl Transport for Effects {
    fn send(&self, request: Request, _: Duration) -> Sending<'_> {
        Box::pin(async move {
            self.happens(request.url.path().to_owned()).await;
            answer(200, "{}")
        })
    }
}

impl Journal for Effects {
    type Error = ();

    async fn before_step(&mut self, intent: Option<&Intent>, checkpoint: &Checkpoint) -> Result<(), ()> {
        let kind = if intent.is_some() { "intent" } else { "checkpoint" };
        self.happens(format!("{kind} {}", checkpoint.0.keys().next().cloned().unwrap_or_default())).await;
        Ok(())
    }
}

/// What has taken effect of a publish that goes on from `checkpoint` and dies like that; and whether it came to its end.
fn run(checkpoint: &Checkpoint, lasts: usize, takes_effect: bool) -> (Vec<String>, bool) {
    let effects = Effects { lasts, takes_effect, done: Arc::default(), seen: Arc::default() };
    let (connector, bench) = (three_steps(), bench(Vec::new()));
    let mut calls = Calls::new(&effects, &connector, &bench.app, Some(&bench.token), bench.budget);
    let first = FirstStep::plan(&connector, &post(), checkpoint).unwrap();
    let (post, mut journal) = (post(), effects.clone());
    let has_ended = {
        let publish = std::pin::pin!(run_publish(&mut calls, &post, first, FirstRecord::NotStored, &mut journal));
        match publish.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended == Ended::Published(is_out()),
            Poll::Pending => false,
        }
    };
    let done = effects.done.lock().unwrap().clone();
    (done, has_ended)
}

fn count(effects: &[String], what: &str) -> usize {
    effects.iter().filter(|effect| *effect == what).count()
}

#[tokio::test]
async fn f38_killed_at_any_effect_a_publish_of_three_steps_stages_twice_at_most_and_publishes_once() {
    let (whole, ended) = run(&Checkpoint::default(), usize::MAX, true);
    assert!(ended);
    assert_eq!(whole, ["/stage", "intent staged", "/publish", "checkpoint published", "/read"]);
    let mut asked_about = 0;
    for lasts in 0..whole.len() {
        for takes_effect in [false, true] {
            let (mut effects, ended) = run(&Checkpoint::default(), lasts, takes_effect);
            assert!(!ended);
            if effects.iter().any(|effect| effect.starts_with("intent")) {
                // From here on the platform is asked, and nothing is simply sent again.
                asked_about += 1;
            } else {
                assert_eq!(count(&effects, "/publish"), 0, "no publish leaves without an intent on disk");
                // Nothing was stored, so the next attempt begins anew.
                let (again, ended) = run(&Checkpoint::default(), usize::MAX, true);
                assert!(ended);
                effects.extend(again);
            }
            let (stages, publishes) = (count(&effects, "/stage"), count(&effects, "/publish"));
            assert!((1..=2).contains(&stages) && publishes <= 1, "{effects:?}");
        }
    }
    assert_eq!(asked_about, 7, "from the moment that the intent is stored");
}
