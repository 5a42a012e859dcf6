//! Videos and reels: from the file to what a Page shows.
//!
//! | way | calls before the publish | the publish |
//! |---|---|---|
//! | video, fetched | none | `POST /{page}/videos` with `file_url` |
//! | video, sent | a session, a call for each piece that Facebook asks for | `upload_phase=finish` |
//! | reel, fetched or sent | a session, the address or the bytes, looks until all of it is there | `upload_phase=finish` |
//!
//! Wherever there is a session the id of the video is in the checkpoint before the publish leaves, and the video itself says
//! afterwards whether it was published. A session becomes one video, however often it is finished.

mod figures;
mod plan;
mod preflight;
mod publish;
mod read_back;
mod requests;
mod status;

pub(super) use figures::FiguresFlow;
pub(super) use plan::{is_sent_by_us, is_video};
pub(super) use preflight::preflight;
pub(super) use publish::step;
pub(super) use read_back::{not_yet, status_flow};
pub(super) use requests::is_upload;

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
