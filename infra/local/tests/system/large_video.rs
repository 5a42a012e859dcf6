//! A video of 300 MB, which we pass on piece by piece: through consumers that have no time for all of it and no memory for
//! much of it, one of which is killed in the middle.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shared::variables;
use simulator::Simulator;
use simulator::facebook::seed as facebook;

use crate::media_server::{self, MediaServer};
use crate::support::System;
use crate::tenant::{ADAS, Tenant};

const TEXT: &str = "The whole film";
const LENGTH: u64 = 300_000_000;
/// What one consumer may occupy at most, all in all.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;
/// In the eight seconds that a consumer of ten has for its calls, little more than half of the video comes at this speed.
const BYTES_PER_SECOND: u64 = 20_000_000;
/// How long all of it may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(8);
/// When the consumer dies: in the middle of a piece, on most machines.
const DIES_AT: u64 = 50_000_000;

/// A platform that takes bytes.
struct Place {
    platform: &'static str,
    user: &'static str,
    /// The Pages that the person ticks, where there are such.
    pages: &'static [&'static str],
    /// What a target says beside its connection.
    target: fn() -> Value,
    /// What came of each file that was begun.
    files: fn(&Simulator) -> Vec<Came>,
    /// How many posts people see.
    posts: fn(&Simulator) -> usize,
}

/// What came of a file.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    length: u64,
    sha256: Option<String>,
}

/// The most that each consumer has ever occupied, by its process.
#[derive(Default)]
struct Memory(BTreeMap<i32, u64>);

impl Memory {
    /// Looks at all consumers that are alive.
    fn look(&mut self, system: &System) {
        for consumer in system.cloud.environments("consumer") {
            // It may be gone by now; what it had is known from the last look.
            if let Some(peak) = peak(consumer.pid) {
                self.0.insert(consumer.pid, peak);
            }
        }
    }
}

/// The peak of a process's resident memory in bytes: `VmHWM`.
fn peak(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The post goes out once and whole, whatever happens to those who work on it.
async fn goes_out_once(place: &Place) {
    let media = MediaServer::start(LENGTH, BYTES_PER_SECOND).await;
    let system = System::start_with(&[("ConsumerTimeout", "10"), ("PublishVisibilityTimeout", "60")], |options| {
        options.environment.insert(variables::LOCAL_HOSTS.to_owned(), media.host());
    });
    let simulator = || system.cloud.simulator().unwrap();
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect_at(place.platform, place.user, place.pages).await;
    let mut memory = Memory::default();

    let mut target = (place.target)();
    target["connection"] = connection.into();
    let content = json!({"text": TEXT, "media": [{"url": media.url(), "kind": "video"}]});
    let body = json!({ "content": content, "targets": [target] });
    let answer = tenant.post("/v1/posts", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let post = answer.json()["id"].as_str().unwrap().to_owned();

    let came = || (place.files)(simulator()).iter().map(|file| file.length).max().unwrap_or_default();
    let look = async || {
        memory.look(&system);
        (came() >= DIES_AT).then_some(())
    };
    system.eventually("the upload has begun", look).await;
    kill_the_consumer(&system);
    let look = async || system.cloud.environments("consumer").iter().all(|one| !one.busy).then_some(());
    system.eventually("the consumer is dead", look).await;
    assert!(came() < LENGTH, "it died in the middle");
    assert_eq!((place.posts)(simulator()), 0);

    // The visibility timeout passes: the message comes back, and waits for the dead consumer's lease.
    system.turn_the_queues_clock(Duration::from_secs(61));
    let path = format!("/v1/posts/{post}");
    let look = async || {
        memory.look(&system);
        let view = tenant.read(&path).await;
        let ended = ["published", "failed", "expired", "needs_review"];
        ended.contains(&view["state"].as_str().unwrap()).then_some(view)
    };
    let view = system.within(PATIENCE, "the post has ended", look).await;
    assert_eq!(view["state"], "published", "{view}");
    // The one that died, and the one that brought it to its end, over as many runs as it took.
    assert_eq!(view["targets"][0]["attempts"], 2, "{view}");

    let whole = Came { length: LENGTH, sha256: Some(media_server::sha256(LENGTH)) };
    assert_eq!((place.files)(simulator()), [whole], "one file was begun, and it came whole");
    assert_eq!((place.posts)(simulator()), 1);
    memory.look(&system);
    assert!(memory.0.len() >= 2, "the dead consumer and its successor were looked at: {:?}", memory.0);
    eprintln!("{}: the consumers occupied at most {:?} bytes", place.platform, memory.0.values());
    assert!(memory.0.values().all(|peak| *peak < MOST_MEMORY), "{:?}", memory.0);
}

/// Kills the consumer that is at work, as the end of its machine would.
fn kill_the_consumer(system: &System) {
    let busy: Vec<i32> =
        system.cloud.environments("consumer").iter().filter(|one| one.busy).map(|one| one.pid).collect();
    let [pid] = busy.as_slice() else { panic!("not one consumer is at work: {busy:?}") };
    let pid = rustix::process::Pid::from_raw(*pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

const TIKTOK: Place = Place {
    platform: "tiktok",
    user: simulator::tiktok::seed::BAKERY,
    pages: &[],
    target: || {
        let chosen = json!({
            "privacy_level": "PUBLIC_TO_EVERYONE", "allow_comment": true, "allow_duet": false, "allow_stitch": false,
        });
        json!({"options": {"tiktok": chosen}})
    },
    files: |simulator| {
        let tasks = simulator.tiktok().tasks(simulator::tiktok::seed::BAKERY);
        tasks.into_iter().map(|task| Came { length: task.received.unwrap_or_default(), sha256: task.sha256 }).collect()
    },
    posts: |simulator| simulator.tiktok().videos(simulator::tiktok::seed::BAKERY).len(),
};

const LINKEDIN: Place = Place {
    platform: "linkedin",
    user: simulator::linkedin::seed::ANN,
    pages: &[],
    target: || json!({"destination": format!("urn:li:person:{}", simulator::linkedin::seed::ANN)}),
    files: |simulator| {
        let files = simulator.linkedin().files();
        files.into_iter().map(|file| Came { length: file.length, sha256: file.sha256 }).collect()
    },
    posts: |simulator| {
        let author = format!("urn:li:person:{}", simulator::linkedin::seed::ANN);
        simulator.linkedin().posts(&author).iter().filter(|post| post.by_api).count()
    },
};

const FACEBOOK: Place = Place {
    platform: "facebook",
    user: facebook::ADA,
    pages: &ADAS,
    target: || json!({"destination": facebook::BAKERY, "options": {"facebook": {"source": "file_upload"}}}),
    files: |simulator| {
        let page = simulator.facebook().page(facebook::BAKERY).unwrap();
        page.videos.into_iter().map(|file| Came { length: file.received, sha256: Some(file.sha256) }).collect()
    },
    posts: |simulator| {
        let page = simulator.facebook().page(facebook::BAKERY).unwrap();
        page.posts.iter().filter(|post| post.message.as_deref() == Some(TEXT)).count()
    },
};

#[tokio::test]
async fn f38_a_video_of_300_mb_reaches_facebook_once_and_whole_though_its_consumer_is_killed() {
    Box::pin(goes_out_once(&FACEBOOK)).await;
}

#[tokio::test]
async fn f38_a_video_of_300_mb_reaches_tiktok_once_and_whole_though_its_consumer_is_killed() {
    Box::pin(goes_out_once(&TIKTOK)).await;
}

#[tokio::test]
async fn f38_a_video_of_300_mb_reaches_linkedin_once_and_whole_though_its_consumer_is_killed() {
    Box::pin(goes_out_once(&LINKEDIN)).await;
}
