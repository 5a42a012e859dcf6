//! Many posts: what accepting and publishing one costs in time, CPU, memory and calls.

use std::time::{Duration, Instant};

use emulators::Counts;
use jiff::Timestamp;
use serde_json::Value;
use simulator::facebook::{Fault, FaultKind};

use super::Failure;
use super::process::{self, Memory};
use super::report::Report;
use super::scene::{Logged, Scene};

/// Posts that warm things up and do not count.
const WARM_UP: u32 = 100;
/// Posts that count.
pub(crate) const POSTS: u32 = 2_000;
/// Posts whose way from acceptance to publication is timed.
const WAYS: u32 = 200;
/// KiB of memory of a warm consumer: the limit that postd sets itself (docs/performance.md).
const MEMORY_LIMIT: f64 = 16.0;
/// Microseconds of CPU per published target: the limit that postd sets itself (docs/performance.md).
const CPU_LIMIT: f64 = 160.0;
/// Batches whose platform takes a second for each answer.
const SLOW_BATCHES: u32 = 10;
/// Milliseconds: the limit that postd sets itself. One after another they would take ten seconds.
const SLOW_BATCH_LIMIT: f64 = 1_500.0;
const PATIENCE: Duration = Duration::from_secs(30);

/// What [`POSTS`] posts of one target each have used.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) accepted: Counts,
    pub(crate) published: Counts,
    /// As many posts, accepted in bulk.
    pub(crate) accepted_in_bulk: Counts,
    pub(crate) publish_log: Logged,
    pub(crate) bulk_log: Logged,
    pub(crate) consumer_log: Logged,
}

/// Accepts the posts one after another, then publishes them in batches of ten.
pub(crate) async fn run(scene: &mut Scene, report: &mut Report) -> Result<Counted, Failure> {
    let (accepted, publish_log) = accept(scene, report).await?;
    let (published, consumer_log) = publish(scene, report).await?;
    let (accepted_in_bulk, bulk_log) = accept_in_bulk(scene, report).await?;
    Ok(Counted { accepted, published, accepted_in_bulk, publish_log, bulk_log, consumer_log })
}

/// Accepts as many posts again, a thousand to a request, and publishes them without looking.
async fn accept_in_bulk(scene: &mut Scene, report: &mut Report) -> Result<(Counts, Logged), Failure> {
    let section = "4. Accept in bulk: POST /v1/posts/bulk, 1,000 posts to a request";
    let pid = scene.process("publish")?;
    scene.logged("publish");
    scene.answered("publish");
    let (before, counts) = (process::cpu(pid)?, counts(scene)?);
    for _ in 0..POSTS / 1_000 {
        scene.accept_many(1_000).await?;
    }
    let used = process::cpu(pid)?.saturating_sub(before);
    report.spread(section, "publish function, hand-over to answer", scene.answered("publish"), None);
    report.number(section, "CPU per post, publish function", (per_post(used), "us"), None);
    let spent = (self::counts(scene)?.since(&counts), scene.logged("publish"));
    scene.drain().await?;
    Ok(spent)
}

async fn accept(scene: &mut Scene, report: &mut Report) -> Result<(Counts, Logged), Failure> {
    let section = "4. Accept: POST /v1/posts through the local gateway, one after another";
    scene.cloud.recycle("publish").await?;
    for _ in 0..WARM_UP {
        scene.accept().await?;
    }
    let pid = scene.process("publish")?;
    scene.logged("publish");
    scene.answered("publish");
    scene.answered("authorizer");
    let (before, counts) = (process::cpu(pid)?, counts(scene)?);
    let mut took = Vec::new();
    for _ in 0..POSTS {
        let began = Instant::now();
        scene.accept().await?;
        took.push(began.elapsed());
    }
    let used = process::cpu(pid)?.saturating_sub(before);
    report.spread(section, "request to 202, seen by the caller", took, None);
    report.spread(section, "publish function, hand-over to answer", scene.answered("publish"), None);
    report.number(section, "CPU per request, publish function", (per_post(used), "us"), None);
    let asked = scene.answers("authorizer");
    report.note(section, "authorizer", format!("{asked} events in {POSTS} requests: its answers are cached for 60 s"));
    Ok((self::counts(scene)?.since(&counts), scene.logged("publish")))
}

async fn publish(scene: &mut Scene, report: &mut Report) -> Result<(Counts, Logged), Failure> {
    let cpu = "5. From accept to published";
    scene.cloud.recycle("consumer").await?;
    scene.cloud.provision("consumer").await?;
    let pid = scene.process("consumer")?;
    tell(report, "consumer after INIT, before its first event", process::memory(pid)?);
    deliver(scene, WARM_UP).await?;
    tell(report, "consumer, warm, after 100 jobs", process::memory(pid)?);
    scene.logged("consumer");
    scene.answered("consumer");
    let shown = scene.published();
    let (before, counts, began) = (process::cpu(pid)?, counts(scene)?, Instant::now());
    deliver(scene, POSTS).await?;
    let (took, after) = (began.elapsed(), self::counts(scene)?);
    let used = process::cpu(pid)?.saturating_sub(before);
    if scene.published() != shown + POSTS as usize {
        return Err(format!("{} posts are on the Page, {shown} and {POSTS} were expected", scene.published()).into());
    }
    tell(report, "consumer, warm, after 2,100 jobs", process::memory(pid)?);
    report.number(cpu, "CPU per published target, consumer, batches of 10", (per_post(used), "us"), Some(CPU_LIMIT));
    report.spread(cpu, "consumer, one batch of 10, hand-over to answer", scene.answered("consumer"), None);
    report.number(cpu, "wall time per target, one consumer, all on this machine", (per_post(took), "us"), None);
    Ok((after.since(&counts), scene.logged("consumer")))
}

/// Hands over full batches.
async fn deliver(scene: &Scene, jobs: u32) -> Result<(), Failure> {
    for _ in 0..jobs / 10 {
        let messages = scene.cloud.deliver("consumer").await?;
        if messages != 10 {
            return Err(format!("a batch had {messages} messages instead of 10").into());
        }
    }
    Ok(())
}

fn tell(report: &mut Report, what: &str, memory: Memory) {
    let section = "3. Memory";
    let mib = |kib: u32| f64::from(kib) / 1024.0;
    report.number(section, format!("{what}: PSS"), (mib(memory.proportional), "MiB"), Some(MEMORY_LIMIT));
    report.number(section, format!("{what}: RSS"), (mib(memory.resident), "MiB"), None);
    report.number(section, format!("{what}: peak RSS (VmHWM)"), (mib(memory.peak), "MiB"), None);
}

fn per_post(all: Duration) -> f64 {
    all.as_secs_f64() * 1e6 / f64::from(POSTS)
}

fn counts(scene: &Scene) -> Result<Counts, Failure> {
    Ok(scene.cloud.emulators().ok_or("the emulators are gone")?.counts())
}

/// Ten jobs in one batch, each of them published by one call that the platform answers after a second.
pub(crate) async fn slow_batches(scene: &mut Scene, report: &mut Report) -> Result<(), Failure> {
    let facebook = scene.cloud.simulator().ok_or("the simulator is gone")?.facebook().clone();
    facebook.add_fault(Fault { milliseconds: Some(1_000), ..Fault::new(FaultKind::Slow) }.on_edge("POST", "feed"));
    scene.answered("consumer");
    for _ in 0..SLOW_BATCHES {
        for _ in 0..10 {
            scene.accept().await?;
        }
        deliver(scene, 10).await?;
    }
    facebook.clear_faults();
    let what = "consumer, one batch of 10, platform answers after 1 s";
    report.spread("5. From accept to published", what, scene.answered("consumer"), Some(SLOW_BATCH_LIMIT));
    Ok(())
}

/// What the post itself says: from `created_at` to the `updated_at` of its published target, both of this machine's clock.
pub(crate) async fn from_accept_to_published(scene: &mut Scene, report: &mut Report) -> Result<(), Failure> {
    let (mut ways, mut overtaken) = (Vec::new(), 0_u32);
    for round in 0..WAYS + 10 {
        let began = Instant::now();
        let id = scene.accept().await?;
        let mut events = 0_u32;
        let way = loop {
            next_answer(scene, began).await?;
            events += 1;
            let post = scene.client.read(&format!("/v1/posts/{id}")).await?;
            if let Some(way) = way(&post) {
                break way;
            }
        };
        // The first ones start the functions.
        if round >= 10 {
            ways.push(way);
            overtaken += u32::from(events > 1);
        }
    }
    let section = "5. From accept to published";
    report.spread(section, "created_at to updated_at of the published target", ways, None);
    let text = format!("{overtaken} of {WAYS}: the message was read before its post was there, and came back at once");
    report.note(section, "posts that took more than one event", text);
    Ok(())
}

/// Waits until the consumer has answered an event. Listening costs nothing; asking the API over and over would.
async fn next_answer(scene: &Scene, began: Instant) -> Result<(), Failure> {
    while scene.answers("consumer") == 0 {
        if began.elapsed() > PATIENCE {
            return Err(format!("a post is not published after {} s", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(1)).await;
    }
    scene.answered("consumer");
    Ok(())
}

fn way(post: &Value) -> Option<Duration> {
    let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    let target = post.get("targets")?.get(0)?;
    (target.get("state")? == "published").then_some(())?;
    let way = instant(target.get("updated_at")?)?.duration_since(instant(post.get("created_at")?)?);
    Duration::try_from(way).ok()
}
