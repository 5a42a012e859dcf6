//! `GET /{page}/videos` and `/video_reels`.

use super::super::error::GraphError;
use super::super::paging::{self, Entry};
use super::super::render;
use super::super::tokens::Caller;
use super::super::world::World;
use super::{Form, Video};
use crate::call::Call;
use jiff::Timestamp;
use serde_json::Value;

impl World {
    /// The videos or reels of a Page that are out, newest first.
    pub(crate) fn list_videos(
        &self,
        caller: &Caller,
        page: &str,
        form: Form,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let user = self.as_page(caller, page, "get")?;
        self.allowed(&user, page, "pages_read_engagement")?;
        let fields = render::requested(call, &["description", "updated_time", "id"])?;
        let since = call.params.moment("since")?.unwrap_or(Timestamp::MIN);
        let until = call.params.moment("until")?.unwrap_or(Timestamp::MAX);
        let is_listed = |video: &&Video| {
            let is_here = video.page == page && video.form == form && video.post.is_some();
            is_here && (since..=until).contains(&video.created)
        };
        let newest_first = |video: &Video| u64::MAX - video.id.parse::<u64>().unwrap_or_default();
        let mut entries: Vec<Entry<&Video>> = self
            .videos
            .values()
            .filter(is_listed)
            .map(|video| Entry { key: format!("{:020}", newest_first(video)), item: video })
            .collect();
        entries.sort_by(|left, right| left.key.cmp(&right.key));
        let slice = paging::slice(entries, call, &self.base, false)?;
        let videos = slice.items.into_iter().map(|video| self.video_object(video, &fields, now));
        let data: Vec<Value> = videos.collect::<Result<_, _>>()?;
        Ok(paging::envelope(&data, slice.paging))
    }
}
