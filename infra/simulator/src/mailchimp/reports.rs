//! Reports: what became of the mails. Figures depend on the seed and the hours since the campaign was sent.

use super::error::ApiError;
use super::world::{Caller, Status, World};
use crate::ids::figure;
use jiff::Timestamp;
use serde_json::{Value, json};

impl World {
    /// `GET /3.0/reports/{id}`.
    pub(crate) fn report(&self, caller: &Caller, id: &str, now: Timestamp) -> Result<Value, ApiError> {
        let campaign = self.campaign(caller, id)?;
        let (Status::Sent(at) | Status::Canceled(at) | Status::Sending(at)) = campaign.status else {
            return Err(ApiError::missing());
        };
        let sent = campaign.emails_sent;
        let hours = now.duration_since(at).as_hours().clamp(0, 48).unsigned_abs();
        let part = |topic: &str, percent: u32| {
            let share = u64::from(figure(self.ids.seed(), &format!("{id}/{topic}"), percent));
            sent * share * hours / 4_800
        };
        let hard = sent / 60;
        let delivered = sent.saturating_sub(hard);
        let (unique_opens, unique_clicks) = (part("opens", 60), part("clicks", 20));
        let rate = |count: u64| if delivered == 0 { 0.0 } else { ratio(count, delivered) };
        Ok(json!({
            "id": id,
            "campaign_title": campaign.setting("title"),
            "type": campaign.kind,
            "list_id": campaign.list,
            "emails_sent": sent,
            "abuse_reports": 0,
            "unsubscribed": part("unsubscribed", 3),
            "send_time": super::campaigns::moment(at),
            "bounces": {"hard_bounces": hard, "soft_bounces": 0, "syntax_errors": 0},
            "forwards": {"forwards_count": 0, "forwards_opens": 0},
            "opens": {"opens_total": unique_opens * 2, "unique_opens": unique_opens, "open_rate": rate(unique_opens), "last_open": ""},
            "clicks": {"clicks_total": unique_clicks, "unique_clicks": unique_clicks, "unique_subscriber_clicks": unique_clicks, "click_rate": rate(unique_clicks), "last_click": ""},
            // In percent, unlike the rates above.
            "list_stats": {"sub_rate": 1.0, "unsub_rate": 0.5, "open_rate": 41.5, "click_rate": 3.2},
            "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0, "currency_code": "USD"},
            "delivery_status": {"enabled": false},
        }))
    }
}

fn ratio(count: u64, of: u64) -> f64 {
    let part = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    part(count) / part(of)
}
