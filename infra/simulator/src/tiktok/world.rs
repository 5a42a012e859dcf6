//! Everything the simulated TikTok knows: accounts, grants, what is being published, videos.

use super::error::ApiError;
use crate::content::Content;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::log::Log;
use crate::outbox::Outbox;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Direct posts of an account in a day, over all apps.
const POSTS_A_DAY: usize = 15;
/// Drafts that may wait.
pub(crate) const MOST_DRAFTS: usize = 5;
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// An account.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are an account's own switches")]
pub(crate) struct Account {
    pub(crate) open_id: &'static str,
    pub(crate) union_id: &'static str,
    pub(crate) username: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) is_private: bool,
    pub(crate) is_banned: bool,
    pub(crate) comment_disabled: bool,
    pub(crate) duet_disabled: bool,
    pub(crate) stitch_disabled: bool,
    pub(crate) max_seconds: u32,
}

impl Account {
    /// Who may see what it posts.
    pub(crate) fn privacy_levels(&self) -> [&'static str; 3] {
        let widest = if self.is_private { "FOLLOWER_OF_CREATOR" } else { "PUBLIC_TO_EVERYONE" };
        [widest, "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    }
}

/// An authorization code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) open_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) issued: Timestamp,
    pub(crate) is_used: bool,
}

/// A login, which ends as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) open_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) is_over: bool,
}

/// A token of a login.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) login: usize,
    pub(crate) ends: Timestamp,
    /// Only the newest refresh token works.
    pub(crate) is_used: bool,
}

/// How the files of a post come.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Upload { size: u64, chunk: u64, count: u64, received: u64, content: Content, token: String },
    Pull(Vec<String>),
}

/// Where a post stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes are awaited.
    Receiving,
    /// Since then.
    Processing(Timestamp),
    InInbox,
    Complete,
    Failed(String),
}

/// What an init began.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) open_id: String,
    pub(crate) source: Source,
    pub(crate) is_photo: bool,
    pub(crate) is_inbox: bool,
    pub(crate) text: String,
    pub(crate) privacy: String,
    pub(crate) created: Timestamp,
    pub(crate) step: Step,
    pub(crate) video: Option<String>,
}

/// A video (or photos) of an account.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) id: String,
    pub(crate) open_id: String,
    pub(crate) text: String,
    pub(crate) privacy: String,
    pub(crate) is_photo: bool,
    pub(crate) created: Timestamp,
    /// When moderation lets it be seen; never, if it is not for everyone.
    pub(crate) public_at: Option<Timestamp>,
    pub(crate) is_told: bool,
    pub(crate) publish_id: Option<String>,
}

/// The whole state.
pub(crate) struct World {
    /// Where the simulated TikTok can be reached.
    pub(crate) base: String,
    pub(crate) ids: Ids,
    pub(crate) accounts: BTreeMap<&'static str, Account>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) logins: Vec<Login>,
    pub(crate) access: BTreeMap<String, Token>,
    pub(crate) refresh: BTreeMap<String, Token>,
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) videos: Vec<Video>,
    pub(crate) quotas: BTreeMap<(usize, &'static str), VecDeque<Timestamp>>,
    /// Domains that files may be fetched from, with all below them.
    pub(crate) domains: Vec<String>,
    pub(crate) is_audited: bool,
    pub(crate) is_capped: bool,
    pub(crate) strict: bool,
    pub(crate) processing_takes: SignedDuration,
    pub(crate) moderation_takes: SignedDuration,
    /// What the next posts fail with, once they are processed.
    pub(crate) failures: VecDeque<String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) login: usize,
    pub(crate) account: Account,
    pub(crate) scopes: Vec<String>,
}

impl Caller {
    pub(crate) fn needs(&self, scope: &str) -> Result<(), ApiError> {
        if self.scopes.iter().any(|granted| granted == scope) { Ok(()) } else { Err(ApiError::scope(scope)) }
    }
}

impl World {
    /// Who makes a call with this token.
    pub(crate) fn caller(&self, token: Option<&str>, now: Timestamp) -> Result<Caller, ApiError> {
        let token = token.and_then(|token| self.access.get(token)).ok_or_else(ApiError::token)?;
        let login = self.logins.get(token.login).filter(|login| !login.is_over && token.ends > now);
        let login = login.ok_or_else(ApiError::token)?;
        let account = self.accounts.get(login.open_id.as_str()).cloned().ok_or_else(ApiError::token)?;
        Ok(Caller { login: token.login, account, scopes: login.scopes.clone() })
    }

    /// Counts a call against a quota of a sliding minute.
    pub(crate) fn count(
        &mut self,
        caller: &Caller,
        quota: &'static str,
        most: usize,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let calls = self.quotas.entry((caller.login, quota)).or_default();
        while calls.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            calls.pop_front();
        }
        if calls.len() >= most {
            return Err(ApiError::new(429, "rate_limit_exceeded", "The API rate limit was exceeded."));
        }
        calls.push_back(now);
        Ok(())
    }

    /// Bans and caps: told with 200 when the account is asked about, with 403 when it posts.
    pub(crate) fn may_post(&self, account: &Account, status: u16, now: Timestamp) -> Result<(), ApiError> {
        if account.is_banned {
            return Err(ApiError::new(
                status,
                "spam_risk_user_banned_from_posting",
                "The user is banned from posting.",
            ));
        }
        if self.is_capped {
            return Err(ApiError::new(
                status,
                "reached_active_user_cap",
                "The daily quota for active users was reached.",
            ));
        }
        let is_counted = |task: &&Task| {
            let failed = matches!(task.step, Step::Failed(_) | Step::Receiving);
            task.open_id == account.open_id && !task.is_inbox && !failed && now.duration_since(task.created) < DAY
        };
        if self.tasks.values().filter(is_counted).count() >= POSTS_A_DAY {
            return Err(ApiError::new(
                status,
                "spam_risk_too_many_posts",
                "The daily post cap of the user is reached.",
            ));
        }
        Ok(())
    }

    /// Drafts that wait for the person.
    pub(crate) fn drafts(&self, open_id: &str, now: Timestamp) -> usize {
        let waits = |task: &&Task| {
            let is_open = matches!(task.step, Step::InInbox | Step::Processing(_) | Step::Receiving);
            task.open_id == open_id && task.is_inbox && is_open && now.duration_since(task.created) < DAY
        };
        self.tasks.values().filter(waits).count()
    }

    /// Lets happen what is due.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let due: Vec<(String, Timestamp)> = self
            .tasks
            .values()
            .filter_map(|task| match task.step {
                Step::Processing(since) => {
                    let done = since.saturating_add(self.processing_takes).unwrap_or(since);
                    (done <= now).then(|| (task.id.clone(), done))
                }
                Step::Receiving | Step::InInbox | Step::Complete | Step::Failed(_) => None,
            })
            .collect();
        for (id, done) in due {
            self.finish(&id, done);
        }
        let public: Vec<usize> = self
            .videos
            .iter()
            .enumerate()
            .filter(|(_, video)| !video.is_told && video.public_at.is_some_and(|at| at <= now))
            .map(|(position, _)| position)
            .collect();
        for position in public {
            let Some(video) = self.videos.get_mut(position) else { continue };
            video.is_told = true;
            let (video, at) = (video.clone(), video.public_at.unwrap_or(now));
            if let Some(publish_id) = &video.publish_id {
                self.tell_public(&video, publish_id, "post.publish.publicly_available", at);
            }
        }
    }

    fn finish(&mut self, id: &str, at: Timestamp) {
        let failure = self.failures.pop_front();
        let Some(task) = self.tasks.get_mut(id) else { return };
        if let Some(reason) = failure {
            task.step = Step::Failed(reason.clone());
            let task = task.clone();
            self.tell_task(&task, "post.publish.failed", Some(&reason), at);
        } else if task.is_inbox {
            task.step = Step::InInbox;
            let task = task.clone();
            self.tell_task(&task, "post.publish.inbox_delivered", None, at);
        } else {
            self.publish(id, at);
        }
    }

    /// The post appears.
    pub(crate) fn publish(&mut self, id: &str, at: Timestamp) {
        let video_id = self.new_video_id();
        let takes = self.moderation_takes;
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.step = Step::Complete;
        task.video = Some(video_id.clone());
        let task = task.clone();
        let is_for_everyone = task.privacy == "PUBLIC_TO_EVERYONE";
        self.videos.push(Video {
            id: video_id,
            open_id: task.open_id.clone(),
            text: task.text.clone(),
            privacy: task.privacy.clone(),
            is_photo: task.is_photo,
            created: at,
            public_at: is_for_everyone.then(|| at.saturating_add(takes).unwrap_or(at)),
            is_told: false,
            publish_id: Some(task.id.clone()),
        });
        self.tell_task(&task, "post.publish.complete", None, at);
    }

    /// Beyond 53 bits, as real ones are.
    pub(crate) fn new_video_id(&mut self) -> String {
        (7_602_997_517_160_000_001_u64 + self.ids.object()).to_string()
    }

    /// The public id of a post, once there is one.
    pub(crate) fn public_id(&self, task: &Task, now: Timestamp) -> Option<u64> {
        let id = task.video.as_ref()?;
        let video = self.videos.iter().find(|video| video.id == *id)?;
        video.public_at.filter(|at| *at <= now)?;
        id.parse().ok()
    }
}
