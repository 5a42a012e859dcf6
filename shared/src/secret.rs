//! Secrets are types: none can be serialized or displayed, `Debug` prints `[redacted]`, and each lets its value out
//! through one method whose name says what for.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

macro_rules! secret {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the value in; it is zeroized when the last clone is dropped.
            #[must_use]
            pub fn new(value: impl Into<String>) -> Self {
                Self(SecretString::from(value.into()))
            }

            /// The value itself, to be put on the wire or under a seal and nowhere else.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret!(
    /// A platform's access token (user, page, organization: whatever a call is made with).
    AccessToken
);
secret!(
    /// A platform's refresh token.
    RefreshToken
);
secret!(
    /// The secret of our app at a platform: signs calls, webhooks and code exchanges.
    AppSecret
);
secret!(
    /// What a platform sends back during a webhook handshake, chosen by us.
    VerifyToken
);
secret!(
    /// An OAuth authorization code: worth a grant until it is exchanged.
    AuthorizationCode
);
secret!(
    /// What proves, at the exchange of a code, that the same session asked for it (PKCE, RFC 7636).
    CodeVerifier
);

/// Our app at one platform, with everything that proves we are it.
#[derive(Debug, Clone)]
pub struct AppCredentials {
    /// The public identifier of the app.
    pub client_id: String,
    /// The current secret.
    pub client_secret: AppSecret,
    /// The secret before the last rotation; webhooks signed with it are still accepted.
    pub previous_client_secret: Option<AppSecret>,
    /// Compared with `hub.verify_token` in a webhook handshake.
    pub webhook_verify_token: VerifyToken,
    /// The verify token before the last rotation; a handshake with it is still answered.
    pub previous_webhook_verify_token: Option<VerifyToken>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        let credentials = AppCredentials {
            client_id: "123".into(),
            client_secret: AppSecret::new("hunter2"),
            previous_client_secret: Some(AppSecret::new("hunter1")),
            webhook_verify_token: VerifyToken::new("hunter0"),
            previous_webhook_verify_token: Some(VerifyToken::new("hunter2")),
        };
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("AppSecret([redacted])"));
    }
}
