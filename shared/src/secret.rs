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
    /// The secrets of single webhooks, on platforms where each has one of its own.
    pub webhook_secrets: Vec<AppSecret>,
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use secrecy::SecretBox;
    use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

    use super::*;

    /// Compiles only if no such type is such a thing: with it, both implementations would fit, and the compiler could not
    /// choose.
    macro_rules! none_is {
        ($trait:path: $($type:ty),+ $(,)?) => {$(
            const _: fn() = || {
                trait Ambiguous<Witness> {
                    fn chosen() {}
                }
                enum Proof {}
                impl<T: ?Sized> Ambiguous<()> for T {}
                impl<T: ?Sized + $trait> Ambiguous<Proof> for T {}
                <$type as Ambiguous<_>>::chosen();
            };
        )+};
    }

    /// The same of every secret.
    macro_rules! no_secret_is {
        ($($trait:path),+ $(,)?) => {$(
            none_is!($trait: AccessToken, RefreshToken, AppSecret, VerifyToken);
            none_is!($trait: AuthorizationCode, CodeVerifier, AppCredentials);
        )+};
    }

    no_secret_is!(fmt::Display, serde::Serialize, AsRef<str>, std::ops::Deref);

    /// Compiles only if the value is overwritten when it is dropped.
    fn is_zeroized<T: ZeroizeOnDrop>(_value: &T) {}

    #[test]
    fn f57_every_secret_is_zeroized_when_it_is_dropped() {
        is_zeroized(&AccessToken::new("a").0);
        is_zeroized(&RefreshToken::new("a").0);
        is_zeroized(&AppSecret::new("a").0);
        is_zeroized(&VerifyToken::new("a").0);
        is_zeroized(&AuthorizationCode::new("a").0);
        is_zeroized(&CodeVerifier::new("a").0);
    }

    /// Counts how often it was zeroized.
    struct Witness(Arc<AtomicUsize>);

    impl Zeroize for Witness {
        fn zeroize(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn f57_what_secrets_are_kept_in_zeroizes_on_drop_and_not_before() {
        let count = Arc::new(AtomicUsize::new(0));
        let kept = SecretBox::new(Box::new(Witness(Arc::clone(&count))));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        drop(kept);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(Zeroizing::new(Witness(Arc::clone(&count))));
        assert_eq!(count.load(Ordering::Relaxed), 2);
        // And what that does to a text.
        let mut text: Box<str> = "kVq8sB2xY7pTn0Lw".into();
        text.zeroize();
        assert!(text.bytes().all(|byte| byte == 0));
    }

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        let credentials = AppCredentials {
            client_id: "123".into(),
            client_secret: AppSecret::new("hunter2"),
            previous_client_secret: Some(AppSecret::new("hunter1")),
            webhook_verify_token: VerifyToken::new("hunter0"),
            previous_webhook_verify_token: Some(VerifyToken::new("hunter2")),
            webhook_secrets: vec![AppSecret::new("hunter3")],
        };
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("AppSecret([redacted])"));
    }
}
