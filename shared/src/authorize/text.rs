//! How a key is spelled.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use uuid::Uuid;

use crate::{
    ids::{KeyId, TenantId},
    tenant::Tenant,
};

const PREFIX: &str = "postd";

/// The whole key.
pub(super) fn spell(environment: &str, tenant: Tenant, key: KeyId, secret: &str) -> String {
    format!("{PREFIX}_{environment}_{}{}_{secret}", tenant.id().uuid().simple(), key.uuid().simple())
}

/// The key of an `Authorization` header.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The tenant and the id that a key claims, and its secret.
pub(super) fn parse(key: &str) -> Option<(TenantId, KeyId, &str)> {
    let mut parts = key.split('_');
    let (prefix, _environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if prefix != PREFIX || parts.next().is_some() || id.len() != 64 || !id.is_ascii() || secret.len() != 64 {
        return None;
    }
    let (tenant, key) = id.split_at(32);
    let uuid = |text| Uuid::try_parse(text).ok();
    Some((TenantId::from(uuid(tenant)?), KeyId::from(uuid(key)?), secret))
}

/// What is stored of a secret.
pub(super) fn hash(secret: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_key_of_our_shape_is_looked_up() {
        let id = "0193f0a1b2c37d4e8f90a1b2c3d4e5f60193f0a1b2c37d4e8f90a1b2c3d4e5f7";
        let secret = "a".repeat(64);
        let key = format!("postd_local_{id}_{secret}");
        assert!(parse(bearer(&format!("Bearer {key}")).unwrap()).is_some());
        assert!(bearer(&format!("bearer {key}")).is_some());
        for wrong in [
            String::new(),
            key.replace("postd", "stripe"),
            key.replace(&secret, "short"),
            format!("{key}_more"),
            key.replace(id, &"ü".repeat(32)),
            format!("postd_local_{}_{secret}", "x".repeat(64)),
        ] {
            assert!(parse(&wrong).is_none(), "{wrong}");
        }
        assert!(bearer(&format!("Basic {key}")).is_none());
    }

    #[test]
    fn a_key_is_read_as_it_was_spelled() {
        let (tenant, key, secret) = (Tenant::verified(TenantId::new()), KeyId::new(), "b".repeat(64));
        assert_eq!(parse(&spell("dev", tenant, key, &secret)), Some((tenant.id(), key, secret.as_str())));
    }
}
