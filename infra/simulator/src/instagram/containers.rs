//! Containers: what is taken, how long it takes, and what is published of it.

use super::access::Wish;
use super::error::GraphError;
use super::world::{Account, Container, Form, Holder, Media, World};
use crate::call::Call;
use crate::store;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const CONTAINERS_A_DAY: usize = 400;
const PARAMETERS: &str = "image_url video_url media_type caption children is_carousel_item share_to_feed cover_url \
    thumb_offset audio_name user_tags location_id collaborators alt_text trial_params is_ai_generated access_token \
    appsecret_proof";

impl World {
    /// `POST /{account}/media`.
    pub(crate) fn create_container(
        &mut self,
        holder: &Holder,
        named: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let account = self.account_named(holder, named)?.id;
        self.allow(holder, account, Wish::Publish)?;
        let unknown = call.params.names().find(|name| !PARAMETERS.split_whitespace().any(|known| known == *name));
        if let Some(unknown) = unknown {
            return Err(GraphError::parameter(format!("Unexpected parameter \"{unknown}\"")));
        }
        let made = recent(self.accounts.get(account).map(|account| account.made.as_slice()), now);
        if made >= CONTAINERS_A_DAY {
            return Err(GraphError::new(4, None, "Application request limit reached"));
        }
        let mut container = self.read_container(account, call, now)?;
        container.id = (17_900_000_000_000_000 + self.ids.object()).to_string();
        if let Some(account) = self.accounts.get_mut(account) {
            account.made.push(now);
        }
        let answer = json!({"id": container.id});
        self.containers.insert(container.id.clone(), container);
        Ok(answer)
    }

    fn read_container(&self, account: &'static str, call: &Call, now: Timestamp) -> Result<Container, GraphError> {
        let text = |name: &str| call.params.text(name).filter(|text| !text.is_empty());
        let is_child = call.params.flag("is_carousel_item")?.unwrap_or(false);
        let kind = text("media_type");
        let (image, video) = (text("image_url"), text("video_url"));
        let form = match kind.as_deref() {
            None | Some("IMAGE") => Form::Image,
            Some("VIDEO") if is_child => Form::Video,
            Some("REELS") if !is_child => Form::Reel,
            Some("STORIES") if !is_child => Form::Story,
            Some("CAROUSEL") if !is_child => Form::Carousel,
            Some(_) => return Err(GraphError::media(100, 2_207_023)),
        };
        let caption = text("caption");
        check_caption(caption.as_deref(), is_child || form == Form::Story)?;
        check_decorations(call, form, is_child)?;
        let (files, is_video) = match (form, image, video) {
            (Form::Carousel, None, None) => (self.read_children(account, call, now)?, false),
            (Form::Image | Form::Story, Some(image), None) => {
                self.check_image(&image)?;
                (vec![image], false)
            }
            (Form::Video | Form::Reel | Form::Story, None, Some(video)) => {
                self.check_address(&video)?;
                (vec![video], true)
            }
            (_, _, _) => return Err(GraphError::parameter("Exactly one of image_url and video_url is needed here")),
        };
        let takes = if is_video { self.settings.video_takes } else { self.settings.picture_takes };
        let fails = files.iter().find_map(|file| file_fails(file)).filter(|_| is_video);
        Ok(Container {
            id: String::new(),
            account,
            form,
            is_child,
            is_video,
            caption,
            alt_text: text("alt_text"),
            files,
            made: now,
            ready: now.checked_add(takes).unwrap_or(now),
            fails,
            is_published: false,
        })
    }

    fn read_children(&self, account: &str, call: &Call, now: Timestamp) -> Result<Vec<String>, GraphError> {
        let children = call.params.words("children")?;
        if !(2..=10).contains(&children.len()) {
            return Err(GraphError::media(100, 2_207_028));
        }
        let mut files = Vec::new();
        for id in children {
            let child = self.containers.get(&id).filter(|child| child.account == account && child.is_child);
            let child = child.ok_or_else(|| GraphError::media(24, 2_207_006))?;
            match child.status(now) {
                "FINISHED" => files.extend(child.files.iter().cloned()),
                "EXPIRED" => return Err(GraphError::media(-2, 2_207_020)),
                _ => return Err(GraphError::media(9007, 2_207_027)),
            }
        }
        Ok(files)
    }

    /// `POST /{account}/media_publish`.
    pub(crate) fn publish_container(
        &mut self,
        holder: &Holder,
        named: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let account = self.account_named(holder, named)?.id;
        self.allow(holder, account, Wish::Publish)?;
        let id = call.params.required("creation_id")?;
        let gone = || GraphError::media(24, 2_207_006);
        let container = self.containers.get(&id).filter(|container| container.account == account).ok_or_else(gone)?;
        if container.is_child {
            return Err(GraphError::parameter("A carousel item cannot be published"));
        }
        match container.status(now) {
            "FINISHED" => {}
            "EXPIRED" => return Err(GraphError::media(-2, 2_207_020)),
            // What was published is no longer there to be published.
            "PUBLISHED" => return Err(gone()),
            _ => return Err(GraphError::media(9007, 2_207_027)),
        }
        let published = recent(self.accounts.get(account).map(|account| account.published.as_slice()), now);
        if published >= self.settings.quota {
            return Err(GraphError::media(9, 2_207_042));
        }
        let container = container.clone();
        if let Some(container) = self.containers.get_mut(&id) {
            container.is_published = true;
        }
        if let Some(account) = self.accounts.get_mut(account) {
            account.published.push(now);
        }
        Ok(json!({"id": self.post(&container, now)}))
    }

    fn post(&mut self, container: &Container, now: Timestamp) -> String {
        let number = self.ids.object();
        let shortcode = self.ids.opaque("", 11);
        self.put_out(Media {
            id: (17_855_000_000_000_000 + number).to_string(),
            account: container.account,
            form: container.form,
            is_video: container.is_video,
            caption: container.caption.clone(),
            alt_text: container.alt_text.clone(),
            files: container.files.clone(),
            at: now,
            shortcode,
            by_app: true,
            number,
        })
    }

    /// `GET /{account}/content_publishing_limit`.
    pub(crate) fn publishing_limit(&self, account: &Account, now: Timestamp) -> Value {
        let used = recent(Some(account.published.as_slice()), now);
        let config = json!({"quota_total": self.settings.quota, "quota_duration": 86_400});
        json!({"data": [{"quota_usage": used, "config": config}]})
    }
}

impl Container {
    /// What it says of itself.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        if self.is_published {
            "PUBLISHED"
        } else if now.duration_since(self.made) >= DAY {
            "EXPIRED"
        } else if now < self.ready {
            "IN_PROGRESS"
        } else if self.fails.is_some() {
            "ERROR"
        } else {
            "FINISHED"
        }
    }

    pub(crate) fn render(&self, now: Timestamp) -> Value {
        let code = self.status(now);
        let words = match (code, self.fails) {
            ("ERROR", Some(subcode)) => format!("Error: Media upload has failed with error code {subcode}"),
            ("FINISHED", _) => "Finished: Media has been uploaded and it is ready to be published.".to_owned(),
            ("IN_PROGRESS", _) => "In Progress: Media is still being processed.".to_owned(),
            ("EXPIRED", _) => "Expired: Media was not published within 24 hours.".to_owned(),
            (_, _) => "Published: Media has been successfully published.".to_owned(),
        };
        json!({"id": self.id, "status_code": code, "status": words})
    }
}

fn recent(times: Option<&[Timestamp]>, now: Timestamp) -> usize {
    times.unwrap_or_default().iter().filter(|time| now.duration_since(**time) < DAY).count()
}

fn check_caption(caption: Option<&str>, is_forbidden: bool) -> Result<(), GraphError> {
    let Some(caption) = caption else { return Ok(()) };
    if is_forbidden {
        return Err(GraphError::parameter("caption is not supported here"));
    }
    if caption.chars().count() > 2_200 {
        return Err(GraphError::media(36_004, 2_207_010));
    }
    let begin_with =
        |sign: char| caption.split_whitespace().filter(|word| word.starts_with(sign) && word.len() > 1).count();
    if begin_with('#') > 30 || begin_with('@') > 20 {
        return Err(GraphError::parameter("Too many hashtags or mentions"));
    }
    Ok(())
}

fn check_decorations(call: &Call, form: Form, is_child: bool) -> Result<(), GraphError> {
    let refuse = |name: &str| Err(GraphError::parameter(format!("{name} is not supported for this media type")));
    let given = |name: &str| call.params.text(name).is_some();
    for name in ["share_to_feed", "cover_url", "thumb_offset", "audio_name", "trial_params"] {
        if given(name) && form != Form::Reel {
            return refuse(name);
        }
    }
    for name in ["collaborators", "location_id"] {
        if given(name) && (is_child || form == Form::Story) {
            return refuse(name);
        }
    }
    if given("is_ai_generated") && is_child {
        return refuse("is_ai_generated");
    }
    if given("alt_text") && form != Form::Image {
        return refuse("alt_text");
    }
    if call.params.text("alt_text").is_some_and(|text| text.chars().count() > 1_000) {
        return Err(GraphError::parameter("alt_text is too long"));
    }
    if call.params.list("collaborators")?.len() > 3 {
        return Err(GraphError::parameter("Too many collaborators"));
    }
    for tag in call.params.list("user_tags")? {
        let within = |name: &str| tag.get(name).and_then(Value::as_f64).is_some_and(|at| (0.0..=1.0).contains(&at));
        if tag.get("username").and_then(Value::as_str).is_none() || !within("x") || !within("y") {
            return Err(GraphError::media(100, 2_207_035));
        }
    }
    Ok(())
}

impl World {
    /// Only public https addresses are fetched, and what stands there is judged by the address; and those of the store of
    /// uploads, which gave everything out a moment ago.
    fn check_address(&self, address: &str) -> Result<(), GraphError> {
        if store::holds(self.files_url.as_deref(), address) { Ok(()) } else { check_address(address) }
    }

    fn check_image(&self, address: &str) -> Result<(), GraphError> {
        self.check_address(address)?;
        check_image(address)
    }
}

fn check_address(address: &str) -> Result<(), GraphError> {
    let url = Url::parse(address).ok().filter(|url| url.scheme() == "https" && address.is_ascii());
    let is_public = url.as_ref().and_then(Url::host_str).is_some_and(|host| !host.ends_with(".invalid"));
    if is_public { Ok(()) } else { Err(GraphError::media(9004, 2_207_052)) }
}

fn check_image(address: &str) -> Result<(), GraphError> {
    let path = address.to_ascii_lowercase();
    if [".png", ".gif", ".webp", ".bmp"].iter().any(|ending| path.ends_with(ending)) {
        return Err(GraphError::media(36_001, 2_207_005));
    }
    if path.contains("too-large") {
        return Err(GraphError::media(36_000, 2_207_004));
    }
    if path.contains("too-wide") {
        return Err(GraphError::media(36_003, 2_207_009));
    }
    Ok(())
}

/// What becomes of a video, by what its address says of it.
fn file_fails(address: &str) -> Option<i64> {
    [("wrong-format", 2_207_026), ("slow-host", 2_207_003), ("broken-upload", 2_207_082)]
        .into_iter()
        .find_map(|(word, subcode)| address.contains(word).then_some(subcode))
}
