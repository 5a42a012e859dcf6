//! `POST /{page}/photos`: a photo by address or upload, posted at once or staged.

use super::error::GraphError;
use super::publish::{check_text, is_public, read_visibility};
use super::render;
use super::spec;
use super::tokens::Caller;
use super::world::{Photo, Post, Visibility, World};
use crate::call::Call;
use crate::consent::is_loopback;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

const LARGEST_PHOTO: usize = 4 * 1024 * 1024;
const TEMPORARY_LIFE: SignedDuration = SignedDuration::from_hours(24);
const FORMATS: [&str; 7] = ["jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff"];
/// What an answer may hold besides a photo's own fields.
const ANSWER_FIELDS: &str = "post_id permalink_url";

/// What came of looking at a photo's address beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Download {
    /// Not on this machine: taken on trust.
    NotTried,
    Failed,
    Done(Bytes),
}

impl World {
    /// `POST /{page}/photos`.
    pub(crate) fn create_photo(
        &mut self,
        caller: &Caller,
        page: &str,
        call: &Call,
        download: &Download,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        self.may_publish(caller, page, "post")?;
        self.strict(call, "POST", "photos", &[spec::PHOTOS_POST, "source"])?;
        let fields = render::requested(call, &["id", "post_id"])?;
        render::check(&fields, "Photo", &[spec::PHOTO_FIELDS, ANSWER_FIELDS])?;
        let source = read_source(call, download)?;
        let caption = ["caption", "message", "name"].iter().find_map(|name| call.params.text(name));
        check_text(caption.as_deref())?;
        let visibility = read_visibility(call, now)?;
        let temporary = call.params.flag("temporary")?.unwrap_or(false);
        if temporary && visibility == Visibility::Published {
            return Err(GraphError::parameter("A temporary photo must be unpublished"));
        }
        let silent = call.params.flag("no_story")?.unwrap_or(false);
        let photo = Photo {
            id: (900_000_000_000_000 + self.ids.object()).to_string(),
            page: page.to_owned(),
            caption: caption.filter(|text| !text.is_empty()),
            alt_text: call.params.text("alt_text_custom"),
            source,
            created: now,
            expires: temporary.then(|| now.checked_add(TEMPORARY_LIFE).unwrap_or(now)),
            post: None,
        };
        let id = photo.id.clone();
        let post = post_of(&photo, visibility, now);
        if !silent && post.visibility != Visibility::Unpublished {
            self.refuse_duplicate_photo(&photo)?;
            self.photos.insert(id.clone(), photo);
            self.keep(post, &[], now);
        } else {
            self.photos.insert(id.clone(), photo);
        }
        let photo = self.photos.get(&id).ok_or_else(|| GraphError::missing("post", &id))?;
        self.photo_object(photo, &fields, ANSWER_FIELDS)
    }

    /// 506 for the same photo with the same caption twice in a row.
    fn refuse_duplicate_photo(&self, photo: &Photo) -> Result<(), GraphError> {
        let newest = self.posts_of(&photo.page).into_iter().max_by_key(|post| post.number);
        let shown = newest.and_then(|post| post.photos.first()).and_then(|id| self.photos.get(id));
        let same = shown.is_some_and(|shown| {
            shown.caption.is_some() && shown.caption == photo.caption && shown.source == photo.source
        });
        if same && self.settings.refuse_duplicates {
            return Err(GraphError::new(506, "(#506) Duplicate status message").subcode(1_455_006));
        }
        Ok(())
    }

    /// `GET /{page}/photos`: photos that are posted.
    pub(crate) fn photos_of(&self, page: &str) -> Vec<&Photo> {
        let mut photos: Vec<&Photo> =
            self.photos.values().filter(|photo| photo.page == page && photo.post.is_some()).collect();
        photos.sort_by(|left, right| right.id.cmp(&left.id));
        photos
    }

    /// `DELETE /{photo}`: its post goes with it when it shows nothing else.
    pub(crate) fn delete_photo(&mut self, caller: &Caller, id: &str, now: Timestamp) -> Result<Value, GraphError> {
        let photo = self.photos.get(id).cloned().ok_or_else(|| GraphError::missing("delete", id))?;
        self.may_publish(caller, &photo.page, "delete")?;
        self.photos.remove(id);
        if let Some(post) = photo.post
            && self.posts.get(&post).is_some_and(|post| post.photos.len() == 1)
        {
            self.announce_post(&post, "remove", now);
            self.posts.remove(&post);
        }
        Ok(json!({"success": true}))
    }
}

fn post_of(photo: &Photo, visibility: Visibility, now: Timestamp) -> Post {
    Post {
        id: String::new(),
        page: photo.page.clone(),
        message: photo.caption.clone(),
        link: None,
        photos: vec![photo.id.clone()],
        video: None,
        place: None,
        created: now,
        recorded: now,
        updated: now,
        visibility,
        by_app: true,
        hidden: false,
        pinned: false,
        number: 0,
    }
}

fn read_source(call: &Call, download: &Download) -> Result<String, GraphError> {
    let url = call.params.text("url").filter(|url| !url.is_empty());
    match (url, call.files.get("source")) {
        (Some(_), Some(_)) => Err(GraphError::parameter("Only one of url and source may be given")),
        (None, None) => Err(GraphError::new(324, "(#324) Requires upload file")),
        (None, Some(bytes)) => check_image(bytes).map(|()| "attached upload".to_owned()),
        (Some(url), None) => check_address(&url, download).map(|()| url),
    }
}

/// The address to look at beforehand: only what is served on this machine.
pub(crate) fn local_address(call: &Call) -> Option<Url> {
    let named = ["url", "file_url"].iter().find_map(|name| call.params.text(name));
    let url = Url::parse(&named.or_else(|| call.header("file_url").map(str::to_owned))?).ok()?;
    (url.scheme() == "http" && is_loopback(&url)).then_some(url)
}

fn check_address(url: &str, download: &Download) -> Result<(), GraphError> {
    let unreachable = || {
        GraphError::new(324, "(#324) Missing or invalid image file")
            .subcode(2_069_019)
            .for_people("Error Processing Image", "The image could not be downloaded from the address.")
    };
    let parsed = Url::parse(url).map_err(|_| GraphError::parameter("Param url must be a valid URI"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(GraphError::parameter("Param url must be a valid URI"));
    }
    match download {
        Download::Done(bytes) => return check_image(bytes),
        Download::Failed => return Err(unreachable()),
        Download::NotTried if !is_public(&parsed) => return Err(unreachable()),
        Download::NotTried => {}
    }
    // Without looking, the name has to do: an ending that is no image is refused, no ending is taken on trust.
    let file = parsed.path().rsplit('/').next().unwrap_or_default();
    match file.rsplit_once('.') {
        Some((_, ending)) if !FORMATS.contains(&ending.to_ascii_lowercase().as_str()) => Err(bad_format()),
        Some(_) | None => Ok(()),
    }
}

fn check_image(bytes: &Bytes) -> Result<(), GraphError> {
    if bytes.len() > LARGEST_PHOTO {
        return Err(GraphError::invalid(
            1_366_046,
            "Can't Read Files",
            "Your photos couldn't be uploaded. Photos should be less than 4 MB and saved as JPG, PNG, GIF or TIFF files.",
        ));
    }
    let beginnings: [&[u8]; 6] = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*"];
    if beginnings.iter().any(|beginning| bytes.starts_with(beginning)) { Ok(()) } else { Err(bad_format()) }
}

fn bad_format() -> GraphError {
    GraphError::invalid(1_349_125, "Invalid Image Format", "The image format is not supported.")
}
