//! Which files are taken in, and when a post may use one. The one place that says so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::probe::Unfit;
use crate::{
    content::MediaKind,
    problem::{Code, Fault, Problem},
    store::{Probed, Upload},
};

const MIB: u64 = 1024 * 1024;
/// TikTok takes no larger videos, and nobody takes larger ones; S3 takes 5 GiB at once.
const LARGEST_VIDEO: u64 = 4 * 1024 * MIB;
/// Far above what any platform takes.
const LARGEST_PICTURE: u64 = 64 * MIB;
const LARGEST_DOCUMENT: u64 = 128 * MIB;
const LONGEST_NAME: usize = 255;

/// Every type that is taken in. What a platform takes of these, its own rules say.
const TYPES: [(&str, MediaKind); 15] = [
    ("image/jpeg", MediaKind::Image),
    ("image/png", MediaKind::Image),
    ("image/gif", MediaKind::Image),
    ("image/webp", MediaKind::Image),
    ("image/bmp", MediaKind::Image),
    ("image/tiff", MediaKind::Image),
    ("image/heic", MediaKind::Image),
    ("video/mp4", MediaKind::Video),
    ("video/quicktime", MediaKind::Video),
    ("video/webm", MediaKind::Video),
    ("application/pdf", MediaKind::Document),
    ("application/msword", MediaKind::Document),
    ("application/vnd.ms-powerpoint", MediaKind::Document),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", MediaKind::Document),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", MediaKind::Document),
];

/// A file that is about to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMedia {
    /// Its media type, such as `image/jpeg`, without parameters. The upload is bound to it.
    pub content_type: String,
    /// How many bytes it has. The upload is bound to that as well.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub size: u64,
    /// Its name, for people: up to 255 characters, kept and shown and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub file_name: Option<String>,
}

/// Refuses what is not taken in.
///
/// # Errors
/// 422 with what is wrong, or 413.
pub(super) fn check(wanted: &NewMedia) -> Result<(), Problem> {
    let mut faults = Vec::new();
    let kind = kind_of(&wanted.content_type);
    if kind.is_none() {
        let known: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        let text = format!("Files of this type are not taken; these are: {}.", known.join(", "));
        faults.push(Fault::new("/content_type", "upload.type_unsupported", text));
    }
    if wanted.size == 0 {
        faults.push(Fault::new("/size", "upload.empty", "A file has at least one byte."));
    }
    if wanted.file_name.as_deref().is_some_and(|name| !is_name(name)) {
        let text = format!("A name has 1 to {LONGEST_NAME} characters, none of them a control character.");
        faults.push(Fault::new("/file_name", "upload.file_name", text));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let largest = kind.map_or(0, largest);
    if wanted.size > largest {
        let text = format!("The file has {} bytes; of its type, at most {largest} are taken.", wanted.size);
        return Err(Problem::new(Code::UploadTooLarge, text));
    }
    Ok(())
}

/// Why a post that goes out at `goes_out` cannot use an upload as a file of `kind`: a code, and words.
pub(super) fn unusable(
    upload: Option<&Upload>,
    kind: MediaKind,
    goes_out: Timestamp,
    now: Timestamp,
) -> Option<(&'static str, String)> {
    let Some(upload) = upload else {
        return Some(("media.unknown", "None of your uploads has this id.".to_owned()));
    };
    if now >= upload.usable_until {
        let text = "The upload has expired: upload the file again.";
        return Some(("media.expired", text.to_owned()));
    }
    match &upload.probed {
        None if now >= upload.upload_until => {
            return Some(("media.expired", "The file was not uploaded in time: announce it anew.".to_owned()));
        }
        None => {
            let text = "The file is not there yet: upload it first, then publish.";
            return Some(("media.not_uploaded", text.to_owned()));
        }
        Some(Probed::Bad(code)) => {
            let known = if code == Unfit::Corrupt.code() { Unfit::Corrupt } else { Unfit::OtherType };
            return Some((known.code(), Unfit::text(code).to_owned()));
        }
        Some(Probed::Good(_)) => {}
    }
    if goes_out >= upload.usable_until {
        let text = format!("The file is kept until {}, and the post goes out after that.", upload.usable_until);
        return Some(("media.expires_too_early", text));
    }
    if kind_of(&upload.content_type) != Some(kind) {
        let text = format!("The upload is of the type {}, and the post calls it another kind.", upload.content_type);
        return Some(("media.kind_mismatch", text));
    }
    None
}

/// What kind of file a media type is; `None` if it is not taken.
fn kind_of(content_type: &str) -> Option<MediaKind> {
    TYPES.iter().find(|(name, _)| *name == content_type).map(|(_, kind)| *kind)
}

fn largest(kind: MediaKind) -> u64 {
    match kind {
        MediaKind::Image => LARGEST_PICTURE,
        MediaKind::Video => LARGEST_VIDEO,
        MediaKind::Document => LARGEST_DOCUMENT,
    }
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn wanted(content_type: &str, size: u64) -> NewMedia {
        NewMedia { content_type: content_type.to_owned(), size, file_name: None }
    }

    #[rstest]
    #[case("image/jpeg", 1, "")]
    #[case("image/jpeg", LARGEST_PICTURE, "")]
    #[case("image/jpeg", LARGEST_PICTURE + 1, "upload.too_large")]
    #[case("video/mp4", LARGEST_VIDEO, "")]
    #[case("video/mp4", LARGEST_VIDEO + 1, "upload.too_large")]
    #[case("application/pdf", LARGEST_DOCUMENT + 1, "upload.too_large")]
    #[case("image/jpeg", 0, "upload.empty")]
    #[case("image/svg+xml", 1, "upload.type_unsupported")]
    #[case("text/html", 1, "upload.type_unsupported")]
    #[case("image/jpeg; charset=x", 1, "upload.type_unsupported")]
    fn files_are_taken_by_type_and_size(#[case] content_type: &str, #[case] size: u64, #[case] expected: &str) {
        let code = check(&wanted(content_type, size)).err().map_or_else(String::new, |problem| {
            let fault = problem.errors.first().map(|fault| fault.code.clone());
            fault.unwrap_or_else(|| problem.code.to_owned())
        });
        assert_eq!(code, expected);
    }

    #[rstest]
    #[case("", false)]
    #[case("a.png", true)]
    #[case("a\r\nb", false)]
    #[case(&"é".repeat(255), true)]
    #[case(&"é".repeat(256), false)]
    fn names_are_for_people(#[case] name: &str, #[case] is_taken: bool) {
        let wanted = NewMedia { file_name: Some(name.to_owned()), ..wanted("image/png", 1) };
        assert_eq!(check(&wanted).is_ok(), is_taken);
    }
}
