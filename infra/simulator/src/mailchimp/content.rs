//! What a campaign says.

use super::campaigns::{object, only_known, text};
use super::error::ApiError;
use super::world::{Caller, Content, Status, World};
use crate::call::Call;
use serde_json::{Value, json};

impl World {
    /// `PUT /3.0/campaigns/{id}/content`.
    pub(crate) fn put_content(&mut self, caller: &Caller, id: &str, call: &Call) -> Result<Value, ApiError> {
        caller.may_write()?;
        let campaign = self.campaign(caller, id)?;
        if campaign.status != Status::Save {
            return Err(ApiError::bad("The content of this campaign cannot be changed any more."));
        }
        let body = object(call)?;
        let mut errors = Vec::new();
        only_known(&body, "", &["html", "plain_text", "url", "template", "archive", "variate_contents"], &mut errors);
        let ways = ["html", "url", "template", "archive"].iter().filter(|way| body.contains_key(**way)).count();
        if ways > 1 || (ways == 0 && !body.contains_key("plain_text") && !body.contains_key("variate_contents")) {
            errors.push((String::new(), "Give exactly one of html, url, template, archive.".into()));
        }
        if campaign.kind == "plaintext" && ways > 0 {
            errors.push(("html".into(), "A plaintext campaign has no HTML.".into()));
        }
        for name in ["html", "plain_text", "url"] {
            if body.get(name).is_some_and(|value| !value.is_string()) {
                errors.push((name.into(), "This value should be of type string.".into()));
            }
        }
        let template = body.get("template").map(|template| template.get("id").and_then(Value::as_u64).unwrap_or(0));
        if let Some(template) = template {
            match caller.account.templates.get(&template) {
                None => errors.push(("template.id".into(), "The template does not exist.".into())),
                Some(areas) => {
                    let sections = body.get("template").and_then(|template| template.get("sections")?.as_object());
                    let unknown = sections.into_iter().flatten().find(|(area, _)| !areas.contains(&area.as_str()));
                    if let Some((area, _)) = unknown {
                        errors.push((format!("template.sections.{area}"), "The template has no such area.".into()));
                    }
                }
            }
        }
        if !errors.is_empty() {
            return Err(ApiError::invalid(errors));
        }
        let sections = body.get("template").and_then(|template| template.get("sections")?.as_object());
        let filled =
            sections.map(|sections| sections.values().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"));
        let html = text(&body, "html").map(str::to_owned).or(filled);
        let plain_text = text(&body, "plain_text").map(str::to_owned);
        // Plain text is made of the HTML where none is given.
        let plain_text = plain_text.or_else(|| html.as_deref().map(without_tags));
        let content = Content { html, plain_text, template };
        let answer = content_object(&content);
        if let Some(campaign) = self.campaigns.get_mut(id) {
            campaign.content = Some(content);
        }
        Ok(answer)
    }

    /// `GET /3.0/campaigns/{id}/content`.
    pub(crate) fn read_content(&self, caller: &Caller, id: &str) -> Result<Value, ApiError> {
        Ok(content_object(&self.campaign(caller, id)?.content.clone().unwrap_or_default()))
    }
}

fn content_object(content: &Content) -> Value {
    let html = content.html.clone().unwrap_or_default();
    json!({"plain_text": content.plain_text.clone().unwrap_or_default(), "html": html, "archive_html": html})
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => inside = false,
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text.trim().to_owned()
}
