//! Accounts and audiences.

use super::error::ApiError;
use super::fields::{only, page};
use super::world::{Audience, Caller, World};
use crate::call::Call;
use serde_json::{Value, json};

/// `GET /3.0/`.
pub(crate) fn root(caller: &Caller) -> Value {
    let (account, person) = (&caller.account, &caller.person);
    json!({
        "account_id": account.id,
        "login_id": person.id,
        "account_name": account.name,
        "email": person.email,
        "first_name": person.name.split(' ').next(),
        "last_name": person.name.split(' ').next_back(),
        "username": person.email,
        "role": person.role,
        "pricing_plan_type": "monthly",
        "pro_enabled": account.is_premium,
        "account_timezone": "UTC",
    })
}

impl World {
    /// `GET /3.0/lists`.
    pub(crate) fn list_audiences(&self, caller: &Caller, call: &Call) -> Result<Value, ApiError> {
        only(call, &["count", "offset", "sort_field", "sort_dir", "since_date_created", "before_date_created"])?;
        let own: Vec<&Audience> =
            self.audiences.values().filter(|audience| audience.account == caller.account.id).collect();
        let total = own.len();
        let lists: Vec<Value> = page(call, own)?.into_iter().map(|audience| self.audience_object(audience)).collect();
        Ok(json!({
            "lists": lists,
            "total_items": total,
            "constraints": {"may_create": true, "max_instances": 10, "current_total_instances": total},
        }))
    }

    /// `GET /3.0/lists/{id}`.
    pub(crate) fn read_audience(&self, caller: &Caller, id: &str) -> Result<Value, ApiError> {
        self.audience(caller, id).map(|audience| self.audience_object(audience)).ok_or_else(ApiError::missing)
    }

    fn audience_object(&self, audience: &Audience) -> Value {
        let campaigns =
            self.campaigns.values().filter(|campaign| campaign.list.as_deref() == Some(audience.id)).count();
        json!({
            "id": audience.id,
            "web_id": audience.web_id,
            "name": audience.name,
            "permission_reminder": "You signed up for this.",
            "campaign_defaults": {
                "from_name": audience.from_name,
                "from_email": audience.from_email,
                "subject": "",
                "language": "en",
            },
            "stats": {"member_count": audience.members, "unsubscribe_count": 0, "cleaned_count": 0, "campaign_count": campaigns},
        })
    }

    /// `GET /3.0/lists/{id}/segments`.
    pub(crate) fn list_segments(&self, caller: &Caller, id: &str, call: &Call) -> Result<Value, ApiError> {
        only(call, &["count", "offset", "type"])?;
        let audience = self.audience(caller, id).ok_or_else(ApiError::missing)?;
        let total = audience.segments.len();
        let segments = page(call, audience.segments.iter().collect())?;
        let segments: Vec<Value> = segments
            .into_iter()
            .map(|(id, members)| json!({"id": id, "name": format!("Segment {id}"), "member_count": members, "type": "saved", "list_id": audience.id}))
            .collect();
        Ok(json!({"segments": segments, "list_id": audience.id, "total_items": total}))
    }
}

/// `GET /3.0/verified-domains`.
pub(crate) fn verified_domains(caller: &Caller) -> Value {
    let domains: Vec<Value> = caller
        .account
        .verified_domains
        .iter()
        .map(|domain| json!({"domain": domain, "verified": true, "authenticated": true}))
        .collect();
    json!({"domains": domains, "total_items": domains.len()})
}
