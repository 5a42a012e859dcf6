//! Videos and reels of a Page: what is known of each, and how it gets from its file to a post.

mod listing;
mod reels;
mod sessions;
mod status;

pub(crate) use status::grown;

use super::error::GraphError;
use super::photos::Download;
use super::publish::is_public;
use super::spec;
use super::world::{Post, Visibility, World};
use crate::call::Call;
use crate::content::Content;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

/// No video is smaller.
const SMALLEST: u64 = 1_024;
/// No video is larger.
const LARGEST: u64 = 10_000_000_000;
/// A title is shorter than this.
const TITLE_LIMIT: usize = 255;

/// Where a video is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Among the posts.
    Video,
    /// Among the reels.
    Reel,
}

/// A video, from the moment it has an id.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) id: String,
    pub(crate) page: String,
    pub(crate) form: Form,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) place: Option<String>,
    /// Where Facebook fetched it from; nothing, if it was sent.
    pub(crate) source: Option<String>,
    /// The session that its pieces come by.
    pub(crate) session: Option<String>,
    /// How many bytes it has, where that was said.
    pub(crate) size: Option<u64>,
    pub(crate) received: u64,
    /// What that adds up to.
    pub(crate) content: Content,
    pub(crate) created: Timestamp,
    /// When all of its file was there.
    pub(crate) whole: Option<Timestamp>,
    /// When Facebook has worked on it.
    pub(crate) ready: Option<Timestamp>,
    /// When it was published, ready or not.
    pub(crate) finished: Option<Timestamp>,
    /// Why Facebook can make nothing of it.
    pub(crate) fails: Option<i64>,
    /// The post that shows it.
    pub(crate) post: Option<String>,
}

/// What becomes of videos.
#[derive(Clone, Debug)]
pub(crate) struct VideoRules {
    /// How long Facebook works on each.
    pub(crate) takes: SignedDuration,
    /// How large the pieces are that it asks for.
    pub(crate) piece: u64,
    /// What the next videos fail with, once they are whole.
    pub(crate) failures: Vec<i64>,
    /// After how many bytes the next upload of a reel breaks off.
    pub(crate) cut: Option<u64>,
}

impl Default for VideoRules {
    fn default() -> Self {
        Self { takes: SignedDuration::from_secs(10), piece: 1_048_576, failures: Vec::new(), cut: None }
    }
}

/// What people read beside a video, checked.
struct Words {
    title: Option<String>,
    description: Option<String>,
    place: Option<String>,
}

fn read_words(call: &Call) -> Result<Words, GraphError> {
    let text = |name: &str| call.params.text(name).filter(|text| !text.is_empty());
    let (title, description) = (text("title"), text("description"));
    super::publish::check_text(description.as_deref())?;
    if title.as_deref().is_some_and(|title| title.chars().count() >= TITLE_LIMIT) {
        return Err(GraphError::parameter(format!("Param title must be shorter than {TITLE_LIMIT} characters")));
    }
    call.params.flag("is_ai_generated")?;
    Ok(Words { title, description, place: text("place") })
}

/// 389: what stands at an address cannot be had.
fn unreachable() -> GraphError {
    GraphError::new(389, "(#389) Unable to fetch video file from URL.").subcode(1_363_057)
}

/// Checks where a video is to be fetched from.
fn check_source(address: &str, download: &Download) -> Result<(), GraphError> {
    let url = Url::parse(address).map_err(|_| GraphError::parameter("Param file_url must be a valid URI"))?;
    let host = url.host_str().unwrap_or_default();
    match download {
        Download::Done(bytes) if (bytes.len() as u64) < SMALLEST => return Err(too_small()),
        Download::Done(_) => return Ok(()),
        Download::Failed => return Err(unreachable()),
        Download::NotTried => {}
    }
    let is_theirs = host == "fbcdn.net" || host.ends_with(".fbcdn.net");
    if url.scheme() != "https" || !address.is_ascii() || !is_public(&url) || is_theirs {
        return Err(unreachable());
    }
    Ok(())
}

fn too_small() -> GraphError {
    GraphError::new(382, "(#382) The video file you tried to upload is too small. Please try again with a larger file.")
        .subcode(1_363_022)
}

/// What is wrong with a reel, by what its address says of it.
fn fails_by_name(address: &str) -> Option<i64> {
    [("wrong-shape", 1_363_040), ("too-few-pixels", 1_363_127), ("too-long", 1_363_128), ("slow-frames", 1_363_129)]
        .into_iter()
        .find_map(|(word, code)| address.contains(word).then_some(code))
}

/// An upload that cannot go on; the text says nothing.
fn upload_problem(subcode: i64) -> GraphError {
    GraphError::new(6000, "There was a problem uploading your video. Please try uploading it again.").subcode(subcode)
}

impl World {
    /// A new video without a file.
    fn new_video(&mut self, page: &str, form: Form, now: Timestamp) -> Video {
        Video {
            id: (800_000_000_000_000 + self.ids.object()).to_string(),
            page: page.to_owned(),
            form,
            title: None,
            description: None,
            place: None,
            source: None,
            session: None,
            size: None,
            received: 0,
            content: Content::default(),
            created: now,
            whole: None,
            ready: None,
            finished: None,
            fails: None,
            post: None,
        }
    }

    /// All of the file is there: Facebook begins to work on it.
    fn begin_work(&mut self, video: &mut Video, now: Timestamp) {
        video.whole = Some(now);
        video.ready = now.checked_add(self.video_rules.takes).ok();
        let rules = &mut self.video_rules;
        let on_demand = if rules.failures.is_empty() { None } else { Some(rules.failures.remove(0)) };
        video.fails = on_demand.or_else(|| video.source.as_deref().and_then(fails_by_name));
    }

    /// `POST /{page}/videos` without a session: Facebook fetches the file.
    pub(crate) fn create_video(
        &mut self,
        page: &str,
        call: &Call,
        download: &Download,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let source = call.params.text("file_url").filter(|url| !url.is_empty());
        let Some(source) = source else {
            return Err(GraphError::new(100, "(#100) No video file was selected").subcode(1_363_020));
        };
        let words = read_words(call)?;
        check_source(&source, download)?;
        let video = self.new_video(page, Form::Video, now);
        let Words { title, description, place: _ } = words;
        let mut video = Video { title, description, source: Some(source), finished: Some(now), ..video };
        self.begin_work(&mut video, now);
        let answer = serde_json::json!({"id": video.id});
        self.videos.insert(video.id.clone(), video);
        Ok(answer)
    }

    /// Shows the videos that were published and that Facebook has worked on.
    pub(crate) fn settle_videos(&mut self, now: Timestamp) {
        let is_due = |video: &&Video| {
            video.post.is_none()
                && video.fails.is_none()
                && video.finished.is_some()
                && video.ready.is_some_and(|ready| ready <= now)
        };
        let due: Vec<Video> = self.videos.values().filter(is_due).cloned().collect();
        for video in due {
            let at = video.finished.max(video.ready).unwrap_or(now);
            let post = Post {
                id: String::new(),
                page: video.page.clone(),
                message: video.description.clone(),
                link: None,
                photos: Vec::new(),
                video: Some(video.id.clone()),
                place: video.place.clone(),
                created: at,
                recorded: at,
                updated: at,
                visibility: Visibility::Published,
                by_app: true,
                hidden: false,
                pinned: false,
                number: 0,
            };
            self.keep(post, &[], now);
        }
    }

    /// The video of a post, if it shows one.
    pub(crate) fn video_of(&self, post: &Post) -> Option<&Video> {
        self.videos.get(post.video.as_ref()?)
    }

    /// Whether a post is on no list of posts: reels are not.
    pub(crate) fn is_reel(&self, post: &Post) -> bool {
        self.video_of(post).is_some_and(|video| video.form == Form::Reel)
    }

    /// Where a person can look at a video.
    pub(crate) fn video_link(&self, video: &Video) -> String {
        match video.form {
            Form::Video => format!("{}/{}/videos/{}", self.base, video.page, video.id),
            Form::Reel => format!("{}/reel/{}", self.base, video.id),
        }
    }
}

/// What `POST /{page}/videos` and `/video_reels` take.
pub(crate) const POST_TABLES: [&str; 1] = [spec::VIDEOS_POST];
