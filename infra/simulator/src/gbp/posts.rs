//! Local posts: made, read, listed, changed, deleted.

use super::error::ApiError;
use super::handle::Gbp;
use super::listing::listed;
use super::validate;
use super::world::{Caller, Post, State, World};
use crate::call::Call;
use crate::client;
use crate::consent::is_loopback;
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

impl Gbp {
    /// `POST /v4/accounts/{a}/locations/{l}/localPosts`: Google fetches the photo before it answers.
    pub(crate) async fn create(
        &self,
        caller: &Caller,
        (account, location): (&str, &str),
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        self.world().may_post(caller, (account, location))?;
        let (said, photos) = validate::post(call)?;
        for photo in &photos {
            fetch(photo).await?;
        }
        let mut world = self.world();
        world.edit(location, now)?;
        let id = world.make((account, location), said, &photos, now);
        world.posts.get(&id).map(view).ok_or_else(ApiError::missing)
    }
}

/// A photo on this machine is fetched; others are believed.
async fn fetch(url: &Url) -> Result<(), ApiError> {
    let failed = || ApiError::validation(1000, "media", "Fetching image failed.");
    if !is_loopback(url) {
        return if url.scheme() == "https" { Ok(()) } else { Err(failed()) };
    }
    match client::call(Method::GET, url, &[("user-agent", "Google-PageRenderer")], String::new()).await {
        Ok((200, bytes)) if bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"\xff\xd8") => Ok(()),
        Ok(_) | Err(_) => Err(failed()),
    }
}

impl World {
    fn may_post(&self, caller: &Caller, (account, location): (&str, &str)) -> Result<(), ApiError> {
        let location = self.place(caller, account, location)?;
        if location.has_voice { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// Makes a post; its name.
    pub(crate) fn make(
        &mut self,
        (account, location): (&str, &str),
        said: Map<String, Value>,
        photos: &[Url],
        now: Timestamp,
    ) -> String {
        let number = self.ids.object();
        let ready_at = now.saturating_add(self.processing_takes).unwrap_or(now);
        let mut post = Post {
            account: account.to_owned(),
            location: location.to_owned(),
            id: format!("{}", 4_611_686_018_427_387_904 + number),
            said,
            photos: photos.iter().map(|url| url.as_str().to_owned()).collect(),
            state: State::Processing,
            will_be_rejected: false,
            created: now,
            updated: now,
            ready_at,
            by_api: true,
        };
        post.will_be_rejected = self.rejects > 0 || has_telephone_number(post.text());
        self.rejects = self.rejects.saturating_sub(1);
        let name = post.name();
        self.posts.insert(name.clone(), post);
        self.settle(now);
        name
    }

    fn own(&self, caller: &Caller, (account, location): (&str, &str), id: &str) -> Result<&Post, ApiError> {
        self.place(caller, account, location)?;
        // A location is one, whichever of its accounts it is reached through.
        let own = |post: &&Post| post.location == location && post.id == id;
        self.posts.values().find(own).ok_or_else(ApiError::missing)
    }

    /// `GET …/localPosts/{id}`.
    pub(crate) fn read_post(&self, caller: &Caller, place: (&str, &str), id: &str) -> Result<Value, ApiError> {
        self.own(caller, place, id).map(view)
    }

    /// `GET …/localPosts`, in an order that means nothing.
    pub(crate) fn list_posts(
        &self,
        caller: &Caller,
        (account, location): (&str, &str),
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        self.place(caller, account, location)?;
        let size = match call.params.text("pageSize") {
            None => 20,
            Some(text) => text
                .parse::<usize>()
                .ok()
                .filter(|size| (1..=100).contains(size))
                .ok_or_else(|| ApiError::invalid("pageSize is out of range."))?,
        };
        let is_shown = |post: &&Post| post.location == location && now.duration_since(post.created) >= self.listing_lag;
        let all: Vec<&Post> = self.posts.values().filter(is_shown).collect();
        let first: usize = match call.params.text("pageToken") {
            None => 0,
            Some(token) => token
                .strip_prefix("posts-")
                .and_then(|position| position.parse().ok())
                .ok_or_else(|| ApiError::invalid("The page token is invalid."))?,
        };
        // No page is full, so that whoever reads one only misses something.
        let size = std::cmp::min(size, 3);
        let shown: Vec<Value> = all.iter().skip(first).take(size).map(|post| view(post)).collect();
        let next = (first + size < all.len()).then(|| format!("posts-{}", first + size));
        Ok(listed("localPosts", shown, next))
    }

    /// `PATCH …/localPosts/{id}`: only what the mask lists.
    pub(crate) fn edit_post(
        &mut self,
        caller: &Caller,
        (account, location): (&str, &str),
        id: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let name = self.own(caller, (account, location), id)?.name();
        let mask = call.params.text("updateMask").unwrap_or_default();
        if mask.is_empty() {
            return Err(ApiError::invalid("The update mask is required."));
        }
        let (said, _) = validate::post(call)?;
        self.edit(location, now)?;
        let post = self.posts.get_mut(&name).ok_or_else(ApiError::missing)?;
        for field in mask.split(',') {
            match said.get(field) {
                Some(value) => post.said.insert(field.to_owned(), value.clone()),
                None => post.said.remove(field),
            };
        }
        post.updated = now;
        Ok(view(post))
    }

    /// `DELETE …/localPosts/{id}`.
    pub(crate) fn delete_post(
        &mut self,
        caller: &Caller,
        (account, location): (&str, &str),
        id: &str,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let name = self.own(caller, (account, location), id)?.name();
        self.edit(location, now)?;
        self.posts.remove(&name);
        Ok(json!({}))
    }
}

/// Seven digits, with whatever stands between them in a telephone number.
fn has_telephone_number(text: &str) -> bool {
    let mut digits = 0;
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits += 1;
            if digits >= 7 {
                return true;
            }
        } else if !matches!(character, ' ' | '-' | '/' | '(' | ')' | '+') {
            digits = 0;
        }
    }
    false
}

fn view(post: &Post) -> Value {
    let mut view = post.said.clone();
    let search = format!("https://local.google.com/place?id={}&use=posts&lpsid={}", post.location, post.id);
    for (name, value) in [
        ("name", Value::from(post.name())),
        ("state", post.state.name().into()),
        ("createTime", post.created.to_string().into()),
        ("updateTime", post.updated.to_string().into()),
        ("searchUrl", search.into()),
    ] {
        view.insert(name.to_owned(), value);
    }
    if !post.photos.is_empty() {
        // Google shows its own copy.
        let copy = |number: usize| {
            let name = format!("accounts/{}/locations/{}/media/localPosts/{number}", post.account, post.location);
            json!({"name": name, "mediaFormat": "PHOTO", "googleUrl": "https://lh3.googleusercontent.com/simulated"})
        };
        view.insert("media".to_owned(), (0..post.photos.len()).map(copy).collect::<Vec<_>>().into());
    }
    Value::Object(view)
}
