//! The bytes of a video: in order, one piece at a time, to an address that is good for an hour.

use super::world::{Source, Step, World};
use crate::call::{Call, Unreadable};
use crate::reply::Reply;
use crate::stage::Acted;
use bytes::Bytes;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};

const LIFE: SignedDuration = SignedDuration::from_hours(1);
const TYPES: [&str; 3] = ["video/mp4", "video/quicktime", "video/webm"];

struct Range {
    first: u64,
    last: u64,
    total: u64,
}

fn range(text: &str) -> Option<Range> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok();
    Some(Range { first: number(first)?, last: number(last)?, total: number(total)? })
}

fn empty(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Bytes::new(), broken: false }
}

fn refuse(status: u16, code: &str) -> Acted {
    Acted::refused(empty(status), code)
}

impl World {
    /// `PUT` to an upload address.
    pub(crate) fn receive(&mut self, call: &Call, now: Timestamp) -> Acted {
        let wanted = |name: &str| call.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let Some(task) = wanted("upload_id").and_then(|id| self.tasks.get_mut(&id)) else {
            return refuse(404, "no_such_task");
        };
        let Source::Upload { size, chunk, count, received, content, token } = &mut task.source else {
            return refuse(404, "no_such_task");
        };
        if wanted("upload_token").as_deref() != Some(token.as_str()) {
            return refuse(404, "no_such_task");
        }
        if now.duration_since(task.created) >= LIFE {
            return refuse(403, "expired");
        }
        let kind = call.header("content-type").unwrap_or_default();
        let range = call.header("content-range").and_then(range);
        let (true, true, Some(range)) = (call.method == Method::PUT, TYPES.contains(&kind), range) else {
            return refuse(400, "malformed");
        };
        let length = range.last.checked_sub(range.first).map(|length| length + 1);
        let is_whole = u64::try_from(call.body.len()).ok() == length && call.problem != Some(Unreadable::Body);
        if range.total != *size || !is_whole || call.bearer.is_some() {
            return refuse(400, "malformed");
        }
        let (end, total) = (range.last + 1, *size);
        if range.first != *received || task.step != Step::Receiving {
            let reply = empty(416).header("content-range", &format!("bytes 0-{received}/{total}"));
            return Acted::refused(reply, "out_of_order");
        }
        let is_piece = end == total || (end.is_multiple_of(*chunk) && end / *chunk < *count);
        if !is_piece || end > total {
            return refuse(400, "malformed");
        }
        *received = end;
        content.add(&call.body);
        if end == total {
            task.step = Step::Processing(now);
            return Acted::accepted(empty(201));
        }
        Acted::accepted(empty(206).header("content-range", &format!("bytes 0-{end}/{total}")))
    }
}
