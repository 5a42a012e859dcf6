//! The tenants of a run, each with one connection to three places.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use shared::{
    connect::{NewLogin, store_login},
    connector::TokenSet,
    http::Caller,
    ids::{ConnectionId, KeyId, TenantId},
    platform::{AppOwner, Platform},
    scope::Scopes,
    secret::AccessToken,
    store::{Actor, AuditAction, AuditEntry, Connection, ConnectionState, SavedDestination},
    telemetry::Function,
    tenant::Tenant,
    vault::Expected,
};
use uuid::Uuid;

use crate::{
    cloud::{Cloud, SetUpError},
    scenario::Way,
    watch,
};

/// One of them.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who calls for it.
    pub caller: Caller,
    /// Its connection.
    pub connection: ConnectionId,
    /// Its Page.
    pub page: String,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Tenants {
    /// By number.
    pub members: BTreeMap<usize, Member>,
}

/// Makes `count` tenants, with tokens in the vault.
///
/// # Errors
/// The store or the vault refuse.
pub async fn set_up(cloud: &Cloud, count: usize) -> Result<Tenants, SetUpError> {
    let refused = |error: &dyn std::error::Error| SetUpError::Tenants(error.to_string());
    let parts = cloud.process(Function::Oauth);
    let (store, vault) = (parts.store(), parts.vault());
    let pages = cloud.platforms.facebook_tokens();
    let mut tenants = Tenants::default();
    for number in 0..count {
        let id = |kind: u64| Uuid::from_u64_pair(kind, number as u64 + 1);
        let tenant = Tenant::simulated(TenantId::from(id(1)));
        let connection = ConnectionId::from(id(2));
        let Some((page, page_token)) = pages.get(number % pages.len().max(1)) else { continue };
        let tokens: Vec<(String, String)> = Way::ALL
            .into_iter()
            .map(|way| {
                let place = way.destination(number, page);
                let token = if way == Way::OneCall { page_token.clone() } else { cloud.platforms.model_token(&place) };
                (place, token)
            })
            .collect();
        let row = connection_row(cloud, connection, &tokens);
        let next_check = row.created_at.saturating_add(SignedDuration::from_hours(24 * 300)).unwrap_or(row.created_at);
        let sealed: Vec<_> = tokens.iter().map(|(place, token)| (place.clone(), AccessToken::new(token))).collect();
        let access = watch::secret(&format!("grant {number}"), 64);
        cloud.watch.keep(&format!("the grant of tenant {number}"), &access);
        for (place, token) in &tokens {
            cloud.watch.keep(&format!("the token of {place}"), token.trim_start_matches("EAAP"));
        }
        let grant = TokenSet {
            access: AccessToken::new(&access),
            access_expires_at: None,
            data_access_expires_at: None,
            refresh: None,
            refresh_expires_at: None,
        };
        let login = NewLogin {
            connection: &row,
            tokens: &grant,
            destinations: &sealed,
            expected: Expected::Absent,
            next_check,
            changes_health: false,
            entry: &AuditEntry::new(row.created_at, Actor::Postd, AuditAction::Connected, connection),
        };
        store_login(&store, &vault, tenant, login).await.map_err(|error| refused(&error))?;
        let caller = Caller { tenant, key: KeyId::from(id(3)), scopes: Scopes::ALL };
        tenants.members.insert(number, Member { caller, connection, page: page.clone() });
    }
    Ok(tenants)
}

fn connection_row(cloud: &Cloud, id: ConnectionId, tokens: &[(String, String)]) -> Connection {
    let now = cloud.time.now();
    Connection {
        id,
        platform: Platform::Facebook,
        account: "account".into(),
        account_name: "Account".into(),
        app: AppOwner::Shared,
        end_user: None,
        state: ConnectionState::Active,
        reason: None,
        scopes: Vec::new(),
        missing_scopes: Vec::new(),
        destinations: tokens
            .iter()
            .map(|(place, _)| SavedDestination { id: place.clone(), name: place.clone(), refusal: None })
            .collect(),
        connected_at: Some(now),
        created_at: now,
        updated_at: now,
        checked_at: None,
        access_expires_at: None,
        data_access_expires_at: None,
        renews: false,
        refresh_expires_at: None,
        token_version: None,
        last_event: None,
    }
}
