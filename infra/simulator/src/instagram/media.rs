//! Posts: listings, single ones, figures, deletion.

use super::access::Wish;
use super::error::GraphError;
use super::world::{Form, Holder, Media, World};
use crate::call::Call;
use crate::ids::figure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

const PAGE: usize = 25;
const STORY_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Which figures there are, by what a post became.
const OF_FEED: &str = "views reach likes comments saved shares reposts total_interactions follows profile_visits";
const OF_REELS: &str = "views reach likes comments saved shares reposts total_interactions ig_reels_avg_watch_time \
    ig_reels_video_view_total_time reels_skip_rate";
const OF_STORIES: &str = "views reach shares total_interactions follows profile_visits navigation replies";

impl World {
    fn render(&self, media: &Media, fields: &[String]) -> Value {
        let username = self.accounts.get(media.account).map_or("", |account| account.username);
        let mut whole = Map::new();
        let mut put = |name: &str, value: Value| whole.insert(name.to_owned(), value);
        put("id", media.id.as_str().into());
        if let Some(caption) = &media.caption {
            put("caption", caption.as_str().into());
        }
        put("media_type", media.kind().into());
        put("media_product_type", media.form.product().into());
        put("permalink", self.permalink(media).into());
        put("shortcode", media.shortcode.as_str().into());
        put("timestamp", media.at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string().into());
        put("username", username.into());
        whole.retain(|name, _| name == "id" || fields.iter().any(|field| field == name));
        Value::Object(whole)
    }

    /// `GET /{account}/media` and `/{account}/stories`.
    pub(crate) fn list_media(
        &self,
        holder: &Holder,
        (named, edge): (&str, &str),
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let account = self.account_named(holder, named)?.id;
        self.allow(holder, account, Wish::Look)?;
        let fields = call.params.words("fields")?;
        let (since, until) = (call.params.moment("since")?, call.params.moment("until")?);
        let limit = call.params.number("limit")?.unwrap_or(PAGE).clamp(1, 100);
        let offset = call.params.number("after")?.unwrap_or(0);
        let is_listed = |media: &&Media| {
            let is_story = media.form == Form::Story;
            let age = now.duration_since(media.at);
            is_story == (edge == "stories")
                && !(is_story && age >= STORY_LIFE)
                && age >= self.settings.listing_lag
                && since.is_none_or(|since| media.at >= since)
                && until.is_none_or(|until| media.at <= until)
        };
        let all: Vec<&Media> = self.media_of(account).into_iter().filter(is_listed).collect();
        let shown: Vec<Value> = all.iter().skip(offset).take(limit).map(|media| self.render(media, &fields)).collect();
        let mut answer = json!({ "data": shown });
        let end = offset.saturating_add(limit);
        if end < all.len()
            && let Some(members) = answer.as_object_mut()
        {
            members.insert("paging".to_owned(), self.paging(call, end));
        }
        Ok(answer)
    }

    /// The way to the next page: with a token in the query it holds that as well.
    pub(crate) fn paging(&self, call: &Call, after: usize) -> Value {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in call.query.iter().filter(|(name, _)| name != "after") {
            query.append_pair(name, value);
        }
        query.append_pair("after", &after.to_string());
        json!({"cursors": {"after": after.to_string()}, "next": format!("{}{}?{}", self.base, call.path, query.finish())})
    }

    /// `GET /{media}`.
    pub(crate) fn read_media(&self, holder: &Holder, id: &str, call: &Call) -> Result<Value, GraphError> {
        let media = self.media.get(id).ok_or_else(|| GraphError::missing(id))?;
        self.allow(holder, media.account, Wish::Look)?;
        Ok(self.render(media, &call.params.words("fields")?))
    }

    /// `GET /{media}/insights`: one unknown metric fails the whole call.
    pub(crate) fn insights(&self, holder: &Holder, id: &str, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let media = self.media.get(id).ok_or_else(|| GraphError::missing(id))?;
        self.allow(holder, media.account, Wish::Insights)?;
        let known = match media.form {
            Form::Image | Form::Video | Form::Carousel => OF_FEED,
            Form::Reel => OF_REELS,
            Form::Story => OF_STORIES,
        };
        let metrics = call.params.words("metric")?;
        if metrics.is_empty() {
            return Err(GraphError::parameter("The parameter metric is required."));
        }
        if let Some(unknown) = metrics.iter().find(|metric| !known.split_whitespace().any(|known| known == *metric)) {
            return Err(GraphError::parameter(format!("metric[0] must be a valid insights metric: {unknown}")));
        }
        let age = now.duration_since(media.at);
        // A story that fewer than five people have seen tells nothing.
        if media.form == Form::Story && age < SignedDuration::from_mins(10) {
            return Err(GraphError::new(10, None, "(#10) Not enough viewers for the media to show insights"));
        }
        let minutes = u64::try_from(age.as_secs() / 60).unwrap_or(0);
        let data: Vec<Value> = metrics
            .iter()
            .map(|metric| {
                let topic = format!("{id} {metric}");
                let value = u64::from(figure(self.ids.seed(), &topic, 40)) + minutes;
                json!({"name": metric, "period": "lifetime", "values": [{"value": value}], "id": format!("{id}/insights/{metric}/lifetime")})
            })
            .collect();
        Ok(json!({ "data": data }))
    }

    /// `DELETE /{media}`: for those who came through Facebook.
    pub(crate) fn delete_media(&mut self, holder: &Holder, id: &str) -> Result<Value, GraphError> {
        let media = self.media.get(id).ok_or_else(|| GraphError::missing(id))?;
        if matches!(holder, Holder::Account(_)) {
            return Err(GraphError::missing(id));
        }
        self.allow(holder, media.account, Wish::Delete)?;
        self.media.remove(id);
        Ok(json!({"success": true}))
    }
}
