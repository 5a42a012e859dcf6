//! Campaigns: making, changing, listing, reading, deleting them.

use super::error::ApiError;
use super::fields::{only, page};
use super::world::{Caller, Campaign, Status, World};
use crate::call::Call;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const KINDS: [&str; 5] = ["regular", "plaintext", "absplit", "rss", "variate"];
const MEMBERS: [&str; 8] =
    ["type", "recipients", "settings", "tracking", "variate_settings", "rss_opts", "social_card", "content_type"];
const SETTINGS: [&str; 16] = [
    "subject_line",
    "preview_text",
    "title",
    "from_name",
    "reply_to",
    "to_name",
    "folder_id",
    "template_id",
    "authenticate",
    "auto_footer",
    "inline_css",
    "use_conversation",
    "auto_tweet",
    "auto_fb_post",
    "fb_comments",
    "drag_and_drop",
];
const FLAGS: [&str; 5] = ["authenticate", "auto_footer", "inline_css", "use_conversation", "fb_comments"];
const TRACKING: [&str; 6] = ["opens", "html_clicks", "text_clicks", "goal_tracking", "ecomm360", "google_analytics"];
const VARIATE: [&str; 7] =
    ["winner_criteria", "wait_time", "test_size", "subject_lines", "send_times", "from_names", "reply_to_addresses"];
const WINNERS: [&str; 4] = ["opens", "clicks", "manual", "total_revenue"];
const LONGEST_LINE: usize = 150;

type Errors = Vec<(String, String)>;

impl World {
    /// `POST /3.0/campaigns`.
    pub(crate) fn create_campaign(&mut self, caller: &Caller, call: &Call, now: Timestamp) -> Result<Value, ApiError> {
        caller.may_write()?;
        let body = object(call)?;
        let mut errors = Errors::new();
        self.check(caller, &body, true, &mut errors);
        if !errors.is_empty() {
            return Err(ApiError::invalid(errors));
        }
        let id = self.new_id();
        let web_id = self.ids.object();
        let mut campaign = Campaign {
            id: id.clone(),
            web_id,
            kind: text(&body, "type").unwrap_or_default().to_owned(),
            list: None,
            recipients: json!({}),
            settings: Map::new(),
            tracking: json!({"opens": true, "html_clicks": true, "text_clicks": false}),
            variate_settings: None,
            content: None,
            status: Status::Save,
            created: now,
            recipient_count: 0,
            emails_sent: 0,
            tests: Vec::new(),
            by_api: true,
        };
        self.apply(&body, &mut campaign);
        let answer = self.campaign_object(&campaign);
        self.campaigns.insert(id, campaign);
        Ok(answer)
    }

    /// `PATCH /3.0/campaigns/{id}`.
    pub(crate) fn edit_campaign(&mut self, caller: &Caller, id: &str, call: &Call) -> Result<Value, ApiError> {
        caller.may_write()?;
        let mut campaign = self.campaign(caller, id)?.clone();
        if campaign.status != Status::Save {
            return Err(ApiError::bad("This campaign cannot be edited."));
        }
        let body = object(call)?;
        let mut errors = Errors::new();
        self.check(caller, &body, false, &mut errors);
        if !errors.is_empty() {
            return Err(ApiError::invalid(errors));
        }
        self.apply(&body, &mut campaign);
        let answer = self.campaign_object(&campaign);
        self.campaigns.insert(id.to_owned(), campaign);
        Ok(answer)
    }

    fn apply(&self, body: &Map<String, Value>, campaign: &mut Campaign) {
        if let Some(recipients) = body.get("recipients") {
            campaign.recipients = recipients.clone();
            campaign.list = recipients.get("list_id").and_then(Value::as_str).map(str::to_owned);
        }
        if let Some(settings) = body.get("settings").and_then(Value::as_object) {
            campaign.settings.extend(settings.clone());
        }
        if let Some(tracking) = body.get("tracking") {
            campaign.tracking = tracking.clone();
        }
        if let Some(variate) = body.get("variate_settings") {
            campaign.variate_settings = Some(variate.clone());
        }
        campaign.recipient_count = self.recipients_of(campaign);
    }

    fn recipients_of(&self, campaign: &Campaign) -> u64 {
        let Some(audience) = campaign.list.as_deref().and_then(|list| self.audiences.get(list)) else { return 0 };
        match campaign.recipients.get("segment_opts") {
            None => audience.members,
            Some(segment) => match segment.get("saved_segment_id").and_then(Value::as_u64) {
                Some(saved) => audience.segments.get(&saved).copied().unwrap_or(0),
                // Conditions are met by a third.
                None => audience.members / 3,
            },
        }
    }

    fn check(&self, caller: &Caller, body: &Map<String, Value>, is_new: bool, errors: &mut Errors) {
        only_known(body, "", &MEMBERS, errors);
        match text(body, "type") {
            Some(kind) if KINDS.contains(&kind) => {}
            None if !is_new && !body.contains_key("type") => {}
            Some(_) | None => errors.push(("type".into(), "This value should be one of the allowed types.".into())),
        }
        if let Some(recipients) = member(body, "recipients", errors) {
            only_known(&recipients, "recipients", &["list_id", "segment_opts", "segment_text"], errors);
            self.check_recipients(caller, &recipients, errors);
        }
        if let Some(settings) = member(body, "settings", errors) {
            check_settings(&settings, errors);
        }
        if let Some(tracking) = member(body, "tracking", errors) {
            only_known(&tracking, "tracking", &TRACKING, errors);
            if text(&tracking, "google_analytics").is_some_and(|name| name.len() > 50) {
                errors.push(("tracking.google_analytics".into(), "This value is too long.".into()));
            }
        }
        let variate = member(body, "variate_settings", errors);
        match (text(body, "type"), variate) {
            (Some("variate"), Some(variate)) => check_variate(&variate, errors),
            (Some("variate"), None) => {
                errors.push(("variate_settings".into(), "This value should not be blank.".into()));
            }
            (_, Some(_)) => errors.push(("variate_settings".into(), "Only for variate campaigns.".into())),
            (_, None) => {}
        }
    }

    fn check_recipients(&self, caller: &Caller, recipients: &Map<String, Value>, errors: &mut Errors) {
        let audience = text(recipients, "list_id").and_then(|list| self.audience(caller, list));
        let Some(audience) = audience else {
            errors.push(("recipients.list_id".into(), "The list does not exist.".into()));
            return;
        };
        let Some(segment) = recipients.get("segment_opts").and_then(Value::as_object) else { return };
        let saved = segment.get("saved_segment_id");
        let conditions = segment.get("conditions").and_then(Value::as_array);
        let matching = text(segment, "match");
        match (saved, conditions) {
            (Some(saved), None) => {
                if saved.as_u64().is_none_or(|saved| !audience.segments.contains_key(&saved)) {
                    errors.push((
                        "recipients.segment_opts.saved_segment_id".into(),
                        "The segment does not exist.".into(),
                    ));
                }
            }
            (None, Some(conditions)) => {
                let is_whole = |condition: &Value| {
                    ["condition_type", "field", "op"]
                        .iter()
                        .all(|name| condition.get(name).is_some_and(Value::is_string))
                };
                let is_right = matches!(matching, Some("any" | "all"))
                    && (1..=5).contains(&conditions.len())
                    && conditions.iter().all(is_whole);
                if !is_right {
                    errors.push(("recipients.segment_opts".into(), "The conditions are not valid.".into()));
                }
            }
            (Some(_), Some(_)) | (None, None) => {
                errors.push(("recipients.segment_opts".into(), "Give a saved segment or conditions.".into()));
            }
        }
    }

    /// `GET /3.0/campaigns`.
    pub(crate) fn list_campaigns(&self, caller: &Caller, call: &Call) -> Result<Value, ApiError> {
        only(
            call,
            &[
                "count",
                "offset",
                "type",
                "status",
                "list_id",
                "since_create_time",
                "before_create_time",
                "sort_field",
                "sort_dir",
            ],
        )?;
        let text = |name: &str| call.params.text(name);
        if text("sort_field").is_some_and(|field| !matches!(field.as_str(), "create_time" | "send_time")) {
            return Err(ApiError::field("sort_field", "This value should be one of create_time, send_time."));
        }
        let since: Option<Timestamp> = text("since_create_time").and_then(|text| text.parse().ok());
        let is_wanted = |campaign: &&Campaign| {
            let is_own = campaign.list.as_deref().is_some_and(|list| self.audience(caller, list).is_some());
            is_own
                && text("list_id").is_none_or(|list| campaign.list.as_ref() == Some(&list))
                && text("status").is_none_or(|status| campaign.status.name() == status)
                && text("type").is_none_or(|kind| campaign.kind == kind)
                && since.is_none_or(|since| campaign.created > since)
        };
        let mut found: Vec<&Campaign> = self.campaigns.values().filter(is_wanted).collect();
        found.sort_by_key(|campaign| (campaign.created, campaign.web_id));
        if text("sort_dir").as_deref() == Some("DESC") {
            found.reverse();
        }
        let total = found.len();
        let campaigns: Vec<Value> =
            page(call, found)?.into_iter().map(|campaign| self.campaign_object(campaign)).collect();
        Ok(json!({"campaigns": campaigns, "total_items": total}))
    }

    /// `DELETE /3.0/campaigns/{id}`.
    pub(crate) fn delete_campaign(&mut self, caller: &Caller, id: &str) -> Result<(), ApiError> {
        caller.may_write()?;
        match self.campaign(caller, id)?.status {
            Status::Sending(_) => Err(ApiError::method("The campaign is being sent and cannot be deleted.")),
            Status::Schedule(_) => Err(ApiError::bad("The campaign is scheduled: unschedule it first.")),
            Status::Save | Status::Sent(_) | Status::Canceled(_) => {
                self.campaigns.remove(id);
                Ok(())
            }
        }
    }

    /// A campaign as the API shows it.
    pub(crate) fn campaign_object(&self, campaign: &Campaign) -> Value {
        let send_time = match campaign.status {
            Status::Save => String::new(),
            Status::Schedule(at) | Status::Sending(at) | Status::Sent(at) | Status::Canceled(at) => moment(at),
        };
        let list = campaign.list.as_deref().and_then(|list| self.audiences.get(list));
        json!({
            "id": campaign.id,
            "web_id": campaign.web_id,
            "type": campaign.kind,
            "create_time": moment(campaign.created),
            "archive_url": format!("{}/archive/{}", self.base, campaign.id),
            "long_archive_url": format!("{}/archive/{}", self.base, campaign.id),
            "status": campaign.status.name(),
            "emails_sent": campaign.emails_sent,
            "send_time": send_time,
            "content_type": if campaign.content.as_ref().is_some_and(|content| content.template.is_some()) { "template" } else { "html" },
            "recipients": {
                "list_id": campaign.list,
                "list_is_active": true,
                "list_name": list.map(|list| list.name),
                "recipient_count": campaign.recipient_count,
                "segment_opts": campaign.recipients.get("segment_opts"),
            },
            "settings": campaign.settings,
            "variate_settings": campaign.variate_settings,
            "tracking": campaign.tracking,
            "delivery_status": {"enabled": matches!(campaign.status, Status::Sending(_)), "status": campaign.status.name(), "emails_sent": campaign.emails_sent},
        })
    }
}

/// A time as Mailchimp writes it.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// The body of a call, which must be an object.
pub(crate) fn object(call: &Call) -> Result<Map<String, Value>, ApiError> {
    let parse = || ApiError::new(400, "JSON Parse Exception", "We encountered an unspecified JSON parsing error.");
    match call.json() {
        Some(Value::Object(members)) => Ok(members),
        Some(_) | None => Err(parse()),
    }
}

pub(crate) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn member(body: &Map<String, Value>, name: &str, errors: &mut Errors) -> Option<Map<String, Value>> {
    match body.get(name) {
        None => None,
        Some(Value::Object(members)) => Some(members.clone()),
        Some(_) => {
            errors.push((name.into(), "This value should be of type object.".into()));
            None
        }
    }
}

pub(crate) fn only_known(members: &Map<String, Value>, base: &str, known: &[&str], errors: &mut Errors) {
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        let field = if base.is_empty() { name.clone() } else { format!("{base}.{name}") };
        errors.push((field, "This field is not known.".into()));
    }
}

fn check_settings(settings: &Map<String, Value>, errors: &mut Errors) {
    only_known(settings, "settings", &SETTINGS, errors);
    for (name, value) in settings {
        let is_right =
            if FLAGS.contains(&name.as_str()) { value.is_boolean() } else { value.is_string() || value.is_number() };
        if !is_right && SETTINGS.contains(&name.as_str()) {
            errors.push((format!("settings.{name}"), "This value is of another type.".into()));
        }
    }
    for name in ["subject_line", "preview_text", "from_name", "to_name"] {
        if text(settings, name).is_some_and(|text| text.chars().count() > LONGEST_LINE) {
            errors.push((format!("settings.{name}"), "This value is too long.".into()));
        }
    }
    if text(settings, "reply_to").is_some_and(|address| !is_email(address)) {
        errors.push(("settings.reply_to".into(), "This value is not a valid email address.".into()));
    }
}

fn check_variate(variate: &Map<String, Value>, errors: &mut Errors) {
    only_known(variate, "variate_settings", &VARIATE, errors);
    let mut refuse = |name: &str| errors.push((format!("variate_settings.{name}"), "This value is not valid.".into()));
    if !text(variate, "winner_criteria").is_some_and(|criteria| WINNERS.contains(&criteria)) {
        refuse("winner_criteria");
    }
    if variate.get("test_size").is_some_and(|size| !size.as_u64().is_some_and(|size| (10..=100).contains(&size))) {
        refuse("test_size");
    }
    if variate.get("wait_time").is_some_and(|wait| wait.as_u64().is_none()) {
        refuse("wait_time");
    }
    let lists = ["subject_lines", "from_names", "reply_to_addresses", "send_times"];
    let given =
        lists.iter().filter(|name| variate.get(**name).and_then(Value::as_array).is_some_and(|list| !list.is_empty()));
    if given.count() == 0 {
        refuse("subject_lines");
    }
}

/// Whether a text is an address.
pub(crate) fn is_email(address: &str) -> bool {
    let parts: Vec<&str> = address.split('@').collect();
    let [name, domain] = parts.as_slice() else { return false };
    !name.is_empty() && domain.contains('.') && !address.contains(char::is_whitespace)
}
