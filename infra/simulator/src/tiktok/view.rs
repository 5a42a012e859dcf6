//! What a person may see of the world: no token, no code.

use super::world::{Source, Step, World};
use crate::faults::Fault;
use crate::outbox::SentWebhook;
use jiff::Timestamp;
use serde::Serialize;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateView {
    /// The accounts.
    pub accounts: Vec<AccountView>,
    /// The faults that are set.
    pub faults: Vec<Fault>,
    /// How many webhooks wait.
    pub pending_webhooks: usize,
    /// The finished ones.
    pub sent_webhooks: Vec<SentWebhook>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its id for this app.
    pub open_id: String,
    /// Its name.
    pub display_name: String,
    /// Whether only followers see it.
    pub is_private: bool,
    /// Its videos, newest first.
    pub videos: Vec<VideoView>,
    /// What was begun, oldest first.
    pub tasks: Vec<TaskView>,
}

/// A video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VideoView {
    /// Its id.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Who may see it.
    pub privacy: String,
    /// Whether it is photos.
    pub is_photo: bool,
    /// Whether everyone sees it by now.
    pub is_public: bool,
    /// The publish that it came by, if it was not made in the app.
    pub publish_id: Option<String>,
}

/// What an init began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskView {
    /// The id of the publish.
    pub id: String,
    /// `receiving`, `processing`, `in_inbox`, `complete` or `failed`.
    pub step: &'static str,
    /// Why it failed.
    pub fail_reason: Option<String>,
    /// How many bytes came, of an upload.
    pub received: Option<u64>,
    /// The SHA-256 of what came, of an upload.
    pub sha256: Option<String>,
    /// The addresses to fetch.
    pub urls: Vec<String>,
    /// Whether it is a draft.
    pub is_inbox: bool,
}

impl StateView {
    pub(crate) fn of(world: &World, now: Timestamp) -> Self {
        let account = |open_id: &str, display_name: &str, is_private| AccountView {
            open_id: open_id.to_owned(),
            display_name: display_name.to_owned(),
            is_private,
            videos: videos(world, open_id, now),
            tasks: tasks(world, open_id),
        };
        Self {
            accounts: world
                .accounts
                .values()
                .map(|known| account(known.open_id, known.display_name, known.is_private))
                .collect(),
            faults: world.faults.list().to_vec(),
            pending_webhooks: world.outbox.pending(),
            sent_webhooks: world.outbox.sent(),
        }
    }
}

fn videos(world: &World, open_id: &str, now: Timestamp) -> Vec<VideoView> {
    let own = world.videos.iter().rev().filter(|video| video.open_id == open_id);
    let view = |video: &super::world::Video| VideoView {
        id: video.id.clone(),
        text: video.text.clone(),
        privacy: video.privacy.clone(),
        is_photo: video.is_photo,
        is_public: video.public_at.is_some_and(|at| at <= now),
        publish_id: video.publish_id.clone(),
    };
    own.map(view).collect()
}

fn tasks(world: &World, open_id: &str) -> Vec<TaskView> {
    let mut own: Vec<_> = world.tasks.values().filter(|task| task.open_id == open_id).collect();
    own.sort_by_key(|task| (task.created, task.id.clone()));
    let view = |task: &super::world::Task| {
        let (received, sha256, urls) = match &task.source {
            Source::Upload { received, content, .. } => (Some(*received), Some(content.sha256()), Vec::new()),
            Source::Pull(urls) => (None, None, urls.clone()),
        };
        let (step, fail_reason) = match &task.step {
            Step::Receiving => ("receiving", None),
            Step::Processing(_) => ("processing", None),
            Step::InInbox => ("in_inbox", None),
            Step::Complete => ("complete", None),
            Step::Failed(reason) => ("failed", Some(reason.clone())),
        };
        TaskView { id: task.id.clone(), step, fail_reason, received, sha256, urls, is_inbox: task.is_inbox }
    };
    own.into_iter().map(view).collect()
}
