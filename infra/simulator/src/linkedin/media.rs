//! Files: announced, sent, processed.

use super::error::ApiError;
use super::world::{Asset, Caller, Part, Ready, World};
use crate::call::Call;
use crate::content::Content;
use crate::reply::Reply;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const PART: u64 = 4_194_304;
const UPLOAD_LIFE: SignedDuration = SignedDuration::from_hours(24);
const LARGEST_VIDEO: u64 = 500 * 1024 * 1024;
const SMALLEST_VIDEO: u64 = 75 * 1024;

/// The kind that a path names.
pub(crate) fn kind(path: &str) -> Option<&'static str> {
    match path {
        "images" => Some("image"),
        "videos" => Some("video"),
        "documents" => Some("document"),
        _ => None,
    }
}

impl Part {
    fn take(&mut self, tag: String, body: &Bytes, before: Option<Content>) {
        self.tag = Some(tag);
        self.came = body.first().map(|first| (body.len() as u64, *first));
        self.content = before.map(|mut content| {
            content.add(body);
            content
        });
    }
}

impl World {
    /// `POST /rest/{images,videos,documents}?action=…`.
    pub(crate) fn act_on_media(
        &mut self,
        caller: &Caller,
        kind: &'static str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Reply, ApiError> {
        let body = call.json().unwrap_or_default();
        let action = call.query.iter().find(|(name, _)| name == "action").map(|(_, value)| value.as_str());
        match (action, kind) {
            (Some("initializeUpload"), _) => {
                let wanted = body.get("initializeUploadRequest").ok_or_else(|| missing("initializeUploadRequest"))?;
                self.announce(caller, kind, wanted, now)
            }
            (Some("finalizeUpload"), "video") => {
                let wanted = body.get("finalizeUploadRequest").ok_or_else(|| missing("finalizeUploadRequest"))?;
                self.finalize(caller, wanted, now)
            }
            _ => Err(ApiError::bad("ILLEGAL_ARGUMENT", "There is no such action")),
        }
    }

    fn announce(
        &mut self,
        caller: &Caller,
        kind: &'static str,
        wanted: &Value,
        now: Timestamp,
    ) -> Result<Reply, ApiError> {
        let owner = wanted.get("owner").and_then(Value::as_str).ok_or_else(|| missing("owner"))?;
        self.may_write(caller, owner)?;
        let parts = if kind == "video" {
            let size = wanted.get("fileSizeBytes").and_then(Value::as_u64).ok_or_else(|| missing("fileSizeBytes"))?;
            if !(SMALLEST_VIDEO..=LARGEST_VIDEO).contains(&size) {
                return Err(ApiError::bad("INVALID_VALUE_FOR_FIELD", "fileSizeBytes is out of range"));
            }
            let firsts = (0..size.div_ceil(PART)).map(|number| number * PART);
            firsts
                .map(|first| Part { first, last: (first + PART).min(size) - 1, tag: None, came: None, content: None })
                .collect()
        } else {
            vec![Part { first: 0, last: u64::MAX, tag: None, came: None, content: None }]
        };
        let (key, id) = (self.ids.opaque("", 24), self.ids.opaque("C4E10AQ", 18));
        let urn = format!("urn:li:{kind}:{id}");
        let ends = now.checked_add(UPLOAD_LIFE).unwrap_or(now);
        let address = |number: usize| format!("{}/dms-uploads/{key}/{number}?ca=simulated&cn=part{number}", self.base);
        let value = if kind == "video" {
            let instructions: Vec<Value> = parts
                .iter()
                .enumerate()
                .map(|(number, part): (usize, &Part)| {
                    json!({"uploadUrl": address(number), "firstByte": part.first, "lastByte": part.last})
                })
                .collect();
            json!({
                "video": urn, "uploadToken": "", "uploadUrlsExpireAt": ends.as_millisecond(),
                "uploadInstructions": instructions,
            })
        } else {
            json!({"uploadUrl": address(0), "uploadUrlExpiresAt": ends.as_millisecond(), kind: urn})
        };
        let owner = owner.to_owned();
        self.assets.push(Asset { urn, kind, owner, key, parts, ends, ready: Ready::Waiting });
        Ok(Reply::json(200, &json!({ "value": value })))
    }

    /// `PUT /dms-uploads/{key}/{number}`: with a token for pictures and documents, without one for parts of videos.
    pub(crate) fn upload(&mut self, key: &str, number: &str, call: &Call, now: Timestamp) -> Result<Reply, ApiError> {
        let is_video = self.assets.iter().any(|asset| asset.key == key && asset.kind == "video");
        match (is_video, call.bearer.is_some()) {
            (true, true) => return Err(ApiError::bad("ILLEGAL_ARGUMENT", "Only one way to authenticate is allowed")),
            (false, false) => return Err(ApiError::token("EMPTY_ACCESS_TOKEN")),
            (true, false) | (false, true) => {}
        }
        if !is_video {
            self.caller(call, now)?;
        }
        let (takes, fails) = (self.settings.processing_takes, self.settings.fail_next_file);
        let tag = self.ids.opaque("", 32).to_ascii_lowercase();
        let asset = self.assets.iter_mut().find(|asset| asset.key == key).ok_or_else(ApiError::missing)?;
        if asset.ends <= now {
            return Err(ApiError::bad("EXPIRED_UPLOAD_URL", "The upload URL has expired"));
        }
        let length = u64::try_from(call.body.len()).unwrap_or(u64::MAX);
        let number = number.parse::<usize>().map_err(|_| ApiError::missing())?;
        let before = match number.checked_sub(1) {
            None => Some(Content::default()),
            Some(before) => asset.parts.get(before).and_then(|part| part.content.clone()),
        };
        let part = asset.parts.get_mut(number).ok_or_else(ApiError::missing)?;
        if is_video {
            if length != part.last - part.first + 1 {
                return Err(ApiError::bad("INVALID_VALUE_FOR_FIELD", "The part has another length"));
            }
            part.take(tag.clone(), &call.body, before);
            // What came after it added up with what was here before.
            asset.parts.iter_mut().skip(number + 1).for_each(|later| later.content = None);
            return Ok(Reply::empty(200).header("etag", &format!("\"{tag}\"")));
        }
        if length == 0 {
            return Err(ApiError::bad("INVALID_VALUE_BLANK_FIELD", "The file is empty"));
        }
        part.take(tag, &call.body, before);
        asset.ready = if fails { Ready::Failed } else { Ready::Processing(now.checked_add(takes).unwrap_or(now)) };
        self.settings.fail_next_file = false;
        Ok(Reply::empty(201))
    }

    fn finalize(&mut self, caller: &Caller, wanted: &Value, now: Timestamp) -> Result<Reply, ApiError> {
        let urn = wanted.get("video").and_then(Value::as_str).ok_or_else(|| missing("video"))?;
        wanted.get("uploadToken").and_then(Value::as_str).ok_or_else(|| missing("uploadToken"))?;
        let given =
            wanted.get("uploadedPartIds").and_then(Value::as_array).ok_or_else(|| missing("uploadedPartIds"))?;
        let given: Vec<Option<String>> = given.iter().map(|tag| tag.as_str().map(str::to_owned)).collect();
        let owner = self.assets.iter().find(|asset| asset.urn == urn).map(|asset| asset.owner.clone());
        self.may_write(caller, &owner.ok_or_else(ApiError::missing)?)?;
        let (takes, fails) = (self.settings.processing_takes, self.settings.fail_next_file);
        let asset = self.assets.iter_mut().find(|asset| asset.urn == urn).ok_or_else(ApiError::missing)?;
        if asset.ready != Ready::Waiting {
            return Err(ApiError::bad("ILLEGAL_ARGUMENT", "The upload is finalized"));
        }
        let tags: Vec<Option<String>> = asset.parts.iter().map(|part| part.tag.clone()).collect();
        if tags != given || tags.contains(&None) {
            return Err(ApiError::bad(
                "ILLEGAL_ARGUMENT",
                "The parts are not those that were uploaded, in their order",
            ));
        }
        asset.ready = if fails { Ready::Failed } else { Ready::Processing(now.checked_add(takes).unwrap_or(now)) };
        self.settings.fail_next_file = false;
        Ok(Reply::empty(200))
    }

    /// `GET /rest/{images,videos,documents}/{urn}`. Who may only write is not shown it.
    pub(crate) fn read_media(&self, caller: &Caller, urn: &str, now: Timestamp) -> Result<Reply, ApiError> {
        let asset = self.assets.iter().find(|asset| asset.urn == urn).ok_or_else(ApiError::missing)?;
        caller.may("r_organization_social", &format!("{}s.GET", asset.kind))?;
        let status = match asset.ready {
            Ready::Waiting => "WAITING_UPLOAD",
            Ready::Processing(until) if until > now => "PROCESSING",
            Ready::Processing(_) => "AVAILABLE",
            Ready::Failed => "PROCESSING_FAILED",
        };
        Ok(Reply::json(200, &json!({"id": urn, "owner": asset.owner, "status": status})))
    }

    /// Whether a file may be in a post of `owner`.
    pub(crate) fn usable(&self, urn: &str, kinds: &[&str], owner: &str, now: Timestamp) -> Result<(), ApiError> {
        let known = self.assets.iter().find(|asset| asset.urn == urn && kinds.contains(&asset.kind));
        let asset = known.ok_or_else(|| ApiError::bad("INVALID_URN_ID", "The file is not known"))?;
        if asset.owner != owner {
            return Err(ApiError::bad("INVALID_VALUE_FOR_FIELD", "The file belongs to somebody else"));
        }
        match asset.ready {
            Ready::Processing(until) if until <= now => Ok(()),
            Ready::Waiting | Ready::Processing(_) => {
                Err(ApiError::bad("MEDIA_ASSET_WAITING_UPLOAD", "The file is not ready"))
            }
            Ready::Failed => Err(ApiError::bad("MEDIA_ASSET_PROCESSING_FAILED", "The file came to nothing")),
        }
    }
}

pub(crate) fn missing(field: &str) -> ApiError {
    ApiError::bad("MISSING_FIELD", &format!("{field} is missing"))
}
