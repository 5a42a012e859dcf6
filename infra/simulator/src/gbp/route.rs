//! Which call is which: the hosts of the real thing are told apart by their paths.

use crate::call::Call;

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Authorize,
    Token,
    Revoke,
    Keys,
    Accounts,
    Locations(String),
    Location(String),
    Voice(String),
    Notifications(String),
    Figures(String),
    Posts(String, String),
    Post(String, String, String),
    Nowhere,
}

impl Place {
    pub(crate) fn of(call: &Call) -> Self {
        let own = |text: &str| text.to_owned();
        match call.segments().as_slice() {
            ["o", "oauth2", "v2", "auth"] => Self::Authorize,
            ["token"] => Self::Token,
            ["revoke"] => Self::Revoke,
            ["oauth2", "v3", "certs"] => Self::Keys,
            ["v1", "accounts"] => Self::Accounts,
            ["v1", "accounts", account, "locations"] => Self::Locations(own(account)),
            ["v1", "accounts", account, "notificationSetting"] => Self::Notifications(own(account)),
            ["v1", "locations", location, "VoiceOfMerchantState"] => Self::Voice(own(location)),
            ["v1", "locations", location] => match location.strip_suffix(":fetchMultiDailyMetricsTimeSeries") {
                Some(location) => Self::Figures(own(location)),
                None => Self::Location(own(location)),
            },
            ["v4", "accounts", account, "locations", location, "localPosts"] => {
                Self::Posts(own(account), own(location))
            }
            ["v4", "accounts", account, "locations", location, "localPosts", post] => {
                Self::Post(own(account), own(location), own(post))
            }
            _ => Self::Nowhere,
        }
    }

    /// What faults call it.
    pub(crate) const fn edge(&self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Keys => "certs",
            Self::Accounts => "accounts",
            Self::Locations(_) => "locations",
            Self::Location(_) => "location",
            Self::Voice(_) => "VoiceOfMerchantState",
            Self::Notifications(_) => "notificationSetting",
            Self::Figures(_) => "fetchMultiDailyMetricsTimeSeries",
            Self::Posts(..) => "localPosts",
            Self::Post(..) => "localPost",
            Self::Nowhere => "nowhere",
        }
    }

    /// Which API it belongs to: each is enabled, and counted, on its own.
    pub(crate) const fn service(&self) -> &'static str {
        match self {
            Self::Authorize | Self::Token | Self::Revoke | Self::Keys | Self::Nowhere => "",
            Self::Accounts => "mybusinessaccountmanagement.googleapis.com",
            Self::Locations(_) | Self::Location(_) => "mybusinessbusinessinformation.googleapis.com",
            Self::Voice(_) => "mybusinessverifications.googleapis.com",
            Self::Notifications(_) => "mybusinessnotifications.googleapis.com",
            Self::Figures(_) => "businessprofileperformance.googleapis.com",
            Self::Posts(..) | Self::Post(..) => "mybusiness.googleapis.com",
        }
    }

    /// The destination that it is about, if it is about one.
    pub(crate) fn destination(&self) -> Option<String> {
        match self {
            Self::Posts(account, location) | Self::Post(account, location, _) => {
                Some(format!("accounts/{account}/locations/{location}"))
            }
            Self::Authorize
            | Self::Token
            | Self::Revoke
            | Self::Keys
            | Self::Accounts
            | Self::Locations(_)
            | Self::Location(_)
            | Self::Voice(_)
            | Self::Notifications(_)
            | Self::Figures(_)
            | Self::Nowhere => None,
        }
    }
}
