//! Posts: made, listed, read, counted, deleted.

use super::error::ApiError;
use super::little;
use super::media::missing;
use super::world::{Caller, Post, World};
use crate::call::Call;
use crate::ids::figure;
use crate::reply::Reply;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const FIELDS: [&str; 8] = [
    "author",
    "commentary",
    "visibility",
    "distribution",
    "lifecycleState",
    "isReshareDisabledByAuthor",
    "content",
    "reshareContext",
];
const DUPLICATE_WINDOW: SignedDuration = SignedDuration::from_mins(10);

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| missing(name))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, ApiError> {
    value.get(name).and_then(Value::as_array).ok_or_else(|| missing(name))
}

fn invalid(what: &str) -> ApiError {
    ApiError::bad("INVALID_VALUE_FOR_FIELD", what)
}

impl World {
    /// `POST /rest/posts`.
    pub(crate) fn create(&mut self, caller: &Caller, call: &Call, now: Timestamp) -> Result<Reply, ApiError> {
        let body =
            call.json().filter(Value::is_object).ok_or_else(|| ApiError::bad("BAD_REQUEST", "No JSON object"))?;
        for name in body.as_object().into_iter().flat_map(|members| members.keys()) {
            if !FIELDS.contains(&name.as_str()) {
                let message =
                    format!("Unpermitted fields present in REQUEST_BODY: Data Processing Exception: [/{name}]");
                return Err(ApiError { code: None, ..ApiError::new(403, "", &message) });
            }
        }
        let author = text(&body, "author")?.to_owned();
        self.may_write(caller, &author)?;
        let commentary = text(&body, "commentary")?.to_owned();
        if length(&commentary) > 3_000 {
            return Err(ApiError::bad("FIELD_LENGTH_TOO_LONG", "commentary is too long"));
        }
        let visibility = text(&body, "visibility")?.to_owned();
        let is_page = author.starts_with("urn:li:organization:");
        if !["PUBLIC", "LOGGED_IN", "CONNECTIONS"].contains(&visibility.as_str())
            || (is_page && visibility == "CONNECTIONS")
        {
            return Err(invalid("visibility"));
        }
        if text(&body, "lifecycleState")? != "PUBLISHED" {
            return Err(invalid("lifecycleState"));
        }
        let distribution = body.get("distribution").ok_or_else(|| missing("distribution"))?;
        if !["MAIN_FEED", "NONE"].contains(&text(distribution, "feedDistribution")?) {
            return Err(invalid("feedDistribution"));
        }
        let content = body.get("content").cloned();
        let kind = match &content {
            Some(content) => self.check_content(content, &author, now)?,
            None if commentary.trim().is_empty() => {
                return Err(ApiError::bad("INVALID_VALUE_BLANK_FIELD", "commentary is blank"));
            }
            None => "share",
        };
        if self.settings.refuse_duplicates
            && let Some(twin) = self.posts.iter().rev().find(|post| {
                post.author == author
                    && post.commentary == commentary
                    && now.duration_since(post.created) < DUPLICATE_WINDOW
            })
        {
            return Err(ApiError::duplicate(&twin.urn));
        }
        let urn = format!("urn:li:{kind}:{}", self.next_id(now));
        let reshare_disabled = body.get("isReshareDisabledByAuthor").and_then(Value::as_bool).unwrap_or(false);
        self.posts.push(Post {
            urn: urn.clone(),
            author,
            commentary,
            content,
            visibility,
            reshare_disabled,
            created: now,
            is_deleted: false,
            by_api: true,
        });
        Ok(Reply::empty(201).header("x-restli-id", &urn))
    }

    /// Checks what hangs on a post, and says what kind of post it makes.
    fn check_content(&self, content: &Value, author: &str, now: Timestamp) -> Result<&'static str, ApiError> {
        let members = content.as_object().filter(|members| members.len() == 1);
        let (name, value) = members.and_then(|members| members.iter().next()).ok_or_else(|| invalid("content"))?;
        match name.as_str() {
            "media" => {
                let id = text(value, "id")?;
                self.usable(id, &["image", "video", "document"], author, now)?;
                alt_text(value)?;
                if id.starts_with("urn:li:document:") {
                    text(value, "title")?;
                }
                Ok(if id.starts_with("urn:li:image:") { "share" } else { "ugcPost" })
            }
            "multiImage" => {
                let images = list(value, "images")?;
                if !(2..=20).contains(&images.len()) {
                    return Err(invalid("images"));
                }
                for image in images {
                    self.usable(text(image, "id")?, &["image"], author, now)?;
                    alt_text(image)?;
                }
                Ok("share")
            }
            "article" => {
                text(value, "source")?;
                text(value, "title")?;
                if let Some(thumbnail) = value.get("thumbnail").and_then(Value::as_str) {
                    self.usable(thumbnail, &["image"], author, now)?;
                }
                Ok("share")
            }
            "poll" => {
                let options = list(value, "options")?;
                let duration = value.get("settings").ok_or_else(|| missing("settings"))?;
                let duration = text(duration, "duration")?;
                let is_fine = length(text(value, "question")?) <= 140
                    && (2..=4).contains(&options.len())
                    && options
                        .iter()
                        .all(|option| text(option, "text").is_ok_and(|text| (1..=30).contains(&length(text))))
                    && ["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"].contains(&duration);
                if is_fine { Ok("share") } else { Err(invalid("poll")) }
            }
            _ => Err(invalid("content")),
        }
    }

    fn post(&self, urn: &str) -> Result<&Post, ApiError> {
        self.posts.iter().find(|post| post.urn == urn && !post.is_deleted).ok_or_else(ApiError::missing)
    }

    /// `GET /rest/posts?q=author`, newest first; nobody may list a member's posts.
    pub(crate) fn list_posts(&self, caller: &Caller, call: &Call, now: Timestamp) -> Result<Reply, ApiError> {
        let query = |name: &str| call.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let author = query("author").filter(|_| query("q") == Some("author")).ok_or_else(|| missing("author"))?;
        caller.may("r_organization_social", "posts.FINDER-author")?;
        if !self.has_role(caller, author, &["ADMINISTRATOR", "CONTENT_ADMINISTRATOR"]) {
            return Err(ApiError::denied("posts.FINDER-author"));
        }
        let number = |name: &str, otherwise: usize| query(name).map_or(Ok(otherwise), str::parse);
        let (Ok(start), Ok(count)) = (number("start", 0), number("count", 10)) else { return Err(invalid("count")) };
        if count > 100 {
            return Err(invalid("count"));
        }
        let visible = self.posts.iter().rev().filter(|post| {
            post.author == author && !post.is_deleted && now.duration_since(post.created) >= self.settings.listing_lag
        });
        let all: Vec<&Post> = visible.collect();
        let page: Vec<Value> = all.iter().skip(start).take(count).map(|post| object(post)).collect();
        let mut links = Vec::new();
        if start + page.len() < all.len() {
            let href = format!("/rest/posts?q=author&start={}&count={count}", start + page.len());
            links.push(json!({"rel": "next", "href": href, "type": "application/json"}));
        }
        let paging = json!({"start": start, "count": count, "total": all.len(), "links": links});
        Ok(Reply::json(200, &json!({"elements": page, "paging": paging})))
    }

    /// `GET /rest/posts/{urn}`.
    pub(crate) fn read_post(&self, caller: &Caller, urn: &str) -> Result<Reply, ApiError> {
        caller.may("r_organization_social", "posts.GET")?;
        Ok(Reply::json(200, &object(self.post(urn)?)))
    }

    /// `DELETE /rest/posts/{urn}`: as often as one likes.
    pub(crate) fn delete_post(&mut self, caller: &Caller, urn: &str) -> Result<Reply, ApiError> {
        let author = self.posts.iter().find(|post| post.urn == urn).map(|post| post.author.clone());
        self.may_write(caller, &author.ok_or_else(ApiError::missing)?)?;
        for post in self.posts.iter_mut().filter(|post| post.urn == urn) {
            post.is_deleted = true;
        }
        Ok(Reply::empty(204))
    }

    /// `GET /rest/organizationalEntityShareStatistics`: figures that grow; a post that nobody has seen is left out.
    pub(crate) fn statistics(&self, caller: &Caller, call: &Call, now: Timestamp) -> Result<Reply, ApiError> {
        let query = |name: &str| call.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let organization = query("organizationalEntity").ok_or_else(|| missing("organizationalEntity"))?;
        caller.may("rw_organization_admin", "organizationalEntityShareStatistics.FINDER")?;
        if !self.has_role(caller, organization, &["ADMINISTRATOR"]) {
            return Err(ApiError::denied("organizationalEntityShareStatistics.FINDER"));
        }
        let mut elements = Vec::new();
        for (list, name) in [("shares", "share"), ("ugcPosts", "ugcPost")] {
            let wanted = query(list).and_then(|list| list.strip_prefix("List(")?.strip_suffix(')')).unwrap_or_default();
            for urn in wanted.split(',').filter(|urn| urn.starts_with(&format!("urn:li:{name}:"))) {
                let Ok(post) = self.post(urn) else { continue };
                let minutes = u32::try_from(now.duration_since(post.created).as_mins()).unwrap_or(u32::MAX);
                let seen = minutes.saturating_mul(1 + figure(self.ids.seed(), urn, 9));
                if post.author != organization || seen == 0 {
                    continue;
                }
                elements.push(json!({
                    "organizationalEntity": organization, name: urn,
                    "totalShareStatistics": {
                        "impressionCount": seen, "uniqueImpressionsCount": seen / 2, "clickCount": seen / 10,
                        "likeCount": seen / 20, "commentCount": seen / 50, "shareCount": seen / 100, "engagement": 0.05,
                    },
                }));
            }
        }
        Ok(Reply::json(200, &json!({"elements": elements, "paging": {"start": 0, "count": 10, "links": []}})))
    }
}

fn alt_text(value: &Value) -> Result<(), ApiError> {
    let alt_text = value.get("altText").and_then(Value::as_str).unwrap_or_default();
    if length(alt_text) <= 4_086 { Ok(()) } else { Err(ApiError::bad("FIELD_LENGTH_TOO_LONG", "altText")) }
}

fn object(post: &Post) -> Value {
    let at = post.created.as_millisecond() + 200;
    let mut object = json!({
        "id": post.urn, "author": post.author, "commentary": little::listed(&post.commentary),
        "visibility": post.visibility, "lifecycleState": "PUBLISHED", "createdAt": at, "publishedAt": at,
        "lastModifiedAt": at + 9_600, "isReshareDisabledByAuthor": post.reshare_disabled,
        "lifecycleStateInfo": {"isEditedByAuthor": false},
        "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": []},
    });
    if let (Some(members), Some(content)) = (object.as_object_mut(), &post.content) {
        members.insert("content".to_owned(), content.clone());
    }
    object
}
