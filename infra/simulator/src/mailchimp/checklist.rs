//! Whether a campaign can be sent.

use super::error::ApiError;
use super::world::{Caller, Campaign, World};
use serde_json::{Value, json};

impl World {
    /// `GET /3.0/campaigns/{id}/send-checklist`.
    pub(crate) fn checklist(&self, caller: &Caller, id: &str) -> Result<Value, ApiError> {
        let campaign = self.campaign(caller, id)?;
        let missing = missing(caller, campaign);
        let items: Vec<Value> = if missing.is_empty() {
            vec![
                json!({"type": "success", "id": 101, "heading": "All good", "details": "Your campaign is ready to send."}),
            ]
        } else {
            let item = |(id, heading): &(u64, &str)| json!({"type": "error", "id": id, "heading": heading, "details": "Made by the simulator."});
            missing.iter().map(item).collect()
        };
        Ok(json!({"is_ready": missing.is_empty(), "items": items}))
    }
}

/// What keeps a campaign from being sent.
pub(crate) fn missing(caller: &Caller, campaign: &Campaign) -> Vec<(u64, &'static str)> {
    let mut missing = Vec::new();
    if campaign.list.is_none() {
        missing.push((201, "No audience"));
    } else if campaign.recipient_count == 0 {
        missing.push((202, "There are no recipients"));
    }
    let variants = |name: &str| {
        let list = campaign.variate_settings.as_ref().and_then(|variate| variate.get(name)?.as_array());
        list.is_some_and(|list| !list.is_empty())
    };
    if campaign.setting("subject_line").is_none() && !variants("subject_lines") {
        missing.push((301, "No subject"));
    }
    if campaign.setting("from_name").is_none() && !variants("from_names") {
        missing.push((302, "No sender"));
    }
    match campaign.setting("reply_to") {
        None if !variants("reply_to_addresses") => missing.push((303, "No address")),
        Some(address) if !is_verified(caller, address) => missing.push((304, "The domain is not verified")),
        None | Some(_) => {}
    }
    let has_content = campaign.content.as_ref().is_some_and(|content| {
        [&content.html, &content.plain_text].into_iter().flatten().any(|text| !text.trim().is_empty())
    });
    if !has_content {
        missing.push((401, "No content"));
    }
    missing
}

fn is_verified(caller: &Caller, address: &str) -> bool {
    let domain = address.rsplit('@').next().unwrap_or_default();
    caller.account.verified_domains.contains(&domain)
}
