//! What holds for the connector as a whole.

use super::{testing::*, *};

fn connector() -> Facebook {
    Facebook::new(FacebookSettings::default())
}

fn tokens() -> TokenSet {
    TokenSet {
        access: AccessToken::new("EAAP"),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    }
}

#[test]
fn a_login_is_renewed_by_a_new_login_only() {
    let error = connector().refresh_token(&app(), tokens()).err().unwrap();
    assert_eq!(error.refusal().code, "platform.unsupported");
}
