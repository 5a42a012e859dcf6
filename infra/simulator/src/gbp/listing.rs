//! Accounts and locations. Pages are shorter than asked for, as an API may make them.

use super::error::ApiError;
use super::world::{Account, Caller, Location, World};
use crate::call::Call;
use serde_json::{Map, Value, json};

/// How many accounts, and how many locations, a page has at most.
const SHORT_PAGES: (usize, usize) = (1, 2);
/// What a mask may name.
const FIELDS: [&str; 10] = [
    "name",
    "title",
    "storeCode",
    "languageCode",
    "storefrontAddress",
    "websiteUri",
    "phoneNumbers",
    "categories",
    "openInfo",
    "metadata",
];

/// One page of a list, and the token of the next one.
fn page<'a, T>(
    call: &Call,
    all: &'a [T],
    (most, short): (usize, usize),
) -> Result<(&'a [T], Option<String>), ApiError> {
    let size = match call.params.text("pageSize") {
        None => short,
        Some(text) => match text.parse::<usize>() {
            Ok(size) if (1..=most).contains(&size) => size.min(short),
            Ok(_) | Err(_) => return Err(ApiError::invalid("pageSize is out of range.")),
        },
    };
    let first = match call.params.text("pageToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|position| position.parse().ok())
            .ok_or_else(|| ApiError::invalid("The page token is invalid."))?,
    };
    let rest = all.get(first..).unwrap_or_default();
    let next = (rest.len() > size).then(|| format!("page-{}", first + size));
    Ok((rest.get(..size).unwrap_or(rest), next))
}

pub(crate) fn listed(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    let mut body = Map::new();
    // Google leaves out what is empty.
    if !entries.is_empty() {
        body.insert(name.to_owned(), entries.into());
    }
    if let Some(next) = next {
        body.insert("nextPageToken".to_owned(), next.into());
    }
    Value::Object(body)
}

impl World {
    /// `GET /v1/accounts`.
    pub(crate) fn list_accounts(&self, caller: &Caller, call: &Call) -> Result<Value, ApiError> {
        let mut all: Vec<&Account> =
            caller.person.accounts.iter().filter_map(|account| self.accounts.get(account)).collect();
        all.sort_by_key(|account| account.kind != "PERSONAL");
        let (shown, next) = page(call, &all, (20, SHORT_PAGES.0))?;
        let view = |account: &&Account| {
            json!({
                "name": format!("accounts/{}", account.id),
                "accountName": account.name,
                "type": account.kind,
                "role": "PRIMARY_OWNER",
                "verificationState": "UNVERIFIED",
                "vettedState": "NOT_VETTED",
            })
        };
        Ok(listed("accounts", shown.iter().map(view).collect(), next))
    }

    /// `GET /v1/accounts/{account}/locations`.
    pub(crate) fn list_locations(&self, caller: &Caller, account: &str, call: &Call) -> Result<Value, ApiError> {
        let mask = mask(call)?;
        let account = self.accounts.get(account).filter(|account| caller.person.accounts.contains(&account.id));
        let account = account.ok_or_else(ApiError::forbidden)?;
        let all: Vec<&Location> = account.locations.iter().filter_map(|id| self.locations.get(id)).collect();
        let (shown, next) = page(call, &all, (100, SHORT_PAGES.1))?;
        Ok(listed("locations", shown.iter().map(|location| view(location, &mask)).collect(), next))
    }

    /// `GET /v1/locations/{location}`.
    pub(crate) fn read_location(&self, caller: &Caller, location: &str, call: &Call) -> Result<Value, ApiError> {
        let mask = mask(call)?;
        Ok(view(self.reached(caller, location)?, &mask))
    }

    /// `GET /v1/locations/{location}/VoiceOfMerchantState`.
    pub(crate) fn voice(&self, caller: &Caller, location: &str) -> Result<Value, ApiError> {
        let location = self.reached(caller, location)?;
        Ok(if location.has_voice {
            json!({"hasVoiceOfMerchant": true, "hasBusinessAuthority": true})
        } else {
            json!({"verify": {"hasPendingVerification": false}})
        })
    }

    pub(crate) fn reached(&self, caller: &Caller, location: &str) -> Result<&Location, ApiError> {
        let is_reached = caller
            .person
            .accounts
            .iter()
            .any(|account| self.accounts.get(account).is_some_and(|account| account.locations.contains(&location)));
        self.locations.get(location).filter(|_| is_reached).ok_or_else(ApiError::missing)
    }
}

/// Without a mask there is no answer.
fn mask(call: &Call) -> Result<Vec<String>, ApiError> {
    let mask = call.params.text("readMask").unwrap_or_default();
    let fields: Vec<String> = mask.split(',').filter_map(|path| path.split('.').next()).map(str::to_owned).collect();
    if mask.is_empty() || fields.iter().any(|field| !FIELDS.contains(&field.as_str())) {
        return Err(ApiError::invalid("Invalid field mask provided"));
    }
    Ok(fields)
}

fn view(location: &Location, mask: &[String]) -> Value {
    let mut metadata = json!({"placeId": format!("ChIJ{}", location.id), "mapsUri": "https://maps.google.com/?cid=1"});
    // What is false is left out, and `canOperateLocalPost` is not told any more.
    if let (true, Some(metadata)) = (location.has_voice, metadata.as_object_mut()) {
        metadata.insert("hasVoiceOfMerchant".to_owned(), true.into());
    }
    let mut all = json!({
        "name": format!("locations/{}", location.id),
        "title": location.title,
        "languageCode": "en",
        "storefrontAddress": {"locality": location.locality, "regionCode": "DE"},
        "metadata": metadata,
    });
    if let Some(members) = all.as_object_mut() {
        members.retain(|name, _| mask.contains(name));
    }
    all
}
