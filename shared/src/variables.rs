//! Every environment variable that a function reads, by name. [`config`](crate::config) reads them; nothing else does.

use crate::platform::Platform;

/// Where this runs: `local`, `dev`, `staging` or `production`.
pub const ENVIRONMENT: &str = "POSTD_ENVIRONMENT";

/// The least severe log level that is written: `error`, `warn`, `info`, `debug` or `trace`. `info` when absent.
pub const LOG: &str = "POSTD_LOG";

/// Where the outside world reaches the API, without a trailing slash. When absent, it is derived from each request's
/// domain name.
pub const PUBLIC_URL: &str = "POSTD_PUBLIC_URL";

/// The name of the State table.
pub const STATE_TABLE: &str = "POSTD_STATE_TABLE";

/// The name of the Vault table.
pub const VAULT_TABLE: &str = "POSTD_VAULT_TABLE";

/// The ARN of the KMS key that wraps the data keys of the vault.
pub const TOKEN_KEY: &str = "POSTD_TOKEN_KEY";

/// After how many days a tenant seals with a new data key; 30 when absent.
pub const DATA_KEY_DAYS: &str = "POSTD_DATA_KEY_DAYS";

/// After how many messages a tenant seals with a new data key; 1,048,576 when absent.
pub const DATA_KEY_MESSAGES: &str = "POSTD_DATA_KEY_MESSAGES";

/// The URL of the queue of publish jobs.
pub const PUBLISH_QUEUE_URL: &str = "POSTD_PUBLISH_QUEUE_URL";

/// For how many hours a post keeps another from saying the same at the same destination; 0 or absent: not at all.
pub const DUPLICATE_WINDOW_HOURS: &str = "POSTD_DUPLICATE_WINDOW_HOURS";

/// After how many minutes figures are read anew for whoever asks; 15 when absent.
pub const FIGURES_MAX_AGE_MINUTES: &str = "POSTD_FIGURES_MAX_AGE_MINUTES";

/// The URL of the queue of publish jobs that have failed for good.
pub const DEAD_LETTER_QUEUE_URL: &str = "POSTD_DEAD_LETTER_QUEUE_URL";

/// The URL of the queue of stored webhook events.
pub const INBOUND_QUEUE_URL: &str = "POSTD_INBOUND_QUEUE_URL";

/// The ARN of the secret that holds our app at a platform.
#[must_use]
pub const fn app(platform: Platform) -> &'static str {
    match platform {
        Platform::Facebook => "POSTD_FACEBOOK_APP",
        Platform::Mailchimp => "POSTD_MAILCHIMP_APP",
        Platform::Tiktok => "POSTD_TIKTOK_APP",
        Platform::Gbp => "POSTD_GBP_APP",
        Platform::Linkedin => "POSTD_LINKEDIN_APP",
        Platform::LinkedinPage => "POSTD_LINKEDIN_PAGE_APP",
        Platform::Instagram => "POSTD_INSTAGRAM_APP",
    }
}

/// Which variables replace the hosts of a platform: a simulator or a recording proxy in the local cloud.
#[must_use]
pub const fn hosts(platform: Platform) -> &'static [&'static str] {
    match platform {
        Platform::Facebook => &[FACEBOOK_GRAPH_URL, FACEBOOK_DIALOG_URL, FACEBOOK_VIDEO_URL, FACEBOOK_UPLOAD_URL],
        Platform::Mailchimp => &[MAILCHIMP_LOGIN_URL, MAILCHIMP_API_URL],
        Platform::Tiktok => &[TIKTOK_API_URL, TIKTOK_LOGIN_URL],
        Platform::Gbp => {
            &[GBP_LOGIN_URL, GBP_TOKEN_URL, GBP_ACCOUNTS_URL, GBP_LOCATIONS_URL, GBP_POSTS_URL, GBP_KEYS_URL]
        }
        Platform::Linkedin | Platform::LinkedinPage => &[LINKEDIN_API_URL, LINKEDIN_OAUTH_URL],
        Platform::Instagram => &[
            INSTAGRAM_FACEBOOK_GRAPH_URL,
            INSTAGRAM_FACEBOOK_DIALOG_URL,
            INSTAGRAM_GRAPH_URL,
            INSTAGRAM_LOGIN_URL,
            INSTAGRAM_TOKEN_URL,
        ],
    }
}

/// What the names of the secrets begin with that hold the apps of tenants: `{prefix}/{tenant}/{platform}`. When absent, no
/// tenant has an app of its own.
pub const TENANT_APPS: &str = "POSTD_TENANT_APPS";

/// The name of the bucket of uploads.
pub const MEDIA_BUCKET: &str = "POSTD_MEDIA_BUCKET";

/// For how many days posts may use an upload; 7 when absent. The bucket must keep it no shorter.
pub const MEDIA_DAYS: &str = "POSTD_MEDIA_DAYS";

/// The ARN of the secret that signs cursors.
pub const SIGNING_KEY: &str = "POSTD_SIGNING_KEY";

/// Replaces `https://graph.facebook.com`: a simulator or a recording proxy in the local cloud.
pub const FACEBOOK_GRAPH_URL: &str = "POSTD_FACEBOOK_GRAPH_URL";

/// Replaces `https://www.facebook.com`, where the consent dialog lives.
pub const FACEBOOK_DIALOG_URL: &str = "POSTD_FACEBOOK_DIALOG_URL";

/// Replaces `https://graph-video.facebook.com`, which takes the videos of Pages.
pub const FACEBOOK_VIDEO_URL: &str = "POSTD_FACEBOOK_VIDEO_URL";

/// Replaces `https://rupload.facebook.com`, which takes reels.
pub const FACEBOOK_UPLOAD_URL: &str = "POSTD_FACEBOOK_UPLOAD_URL";

/// Replaces the version of the Graph API, such as `v26.0`.
pub const FACEBOOK_GRAPH_VERSION: &str = "POSTD_FACEBOOK_GRAPH_VERSION";

/// Replaces how many seconds after an unknown outcome a Page's feed can be trusted.
pub const FACEBOOK_SETTLE_SECONDS: &str = "POSTD_FACEBOOK_SETTLE_SECONDS";

/// Replaces `https://login.mailchimp.com`, where the consent page and the exchange of codes are.
pub const MAILCHIMP_LOGIN_URL: &str = "POSTD_MAILCHIMP_LOGIN_URL";

/// Replaces `https://api.mailchimp.com`; what stands in for it gets the data centre as the first segment of the path.
pub const MAILCHIMP_API_URL: &str = "POSTD_MAILCHIMP_API_URL";

/// Replaces how many seconds after an unknown outcome a campaign's status can be trusted.
pub const MAILCHIMP_SETTLE_SECONDS: &str = "POSTD_MAILCHIMP_SETTLE_SECONDS";

/// Which login Instagram accounts are connected with: `facebook` or `instagram`; `facebook` when absent.
pub const INSTAGRAM_LOGIN: &str = "POSTD_INSTAGRAM_LOGIN";

/// Replaces `https://graph.facebook.com` for Instagram accounts that are connected through Facebook.
pub const INSTAGRAM_FACEBOOK_GRAPH_URL: &str = "POSTD_INSTAGRAM_FACEBOOK_GRAPH_URL";

/// Replaces `https://www.facebook.com`, where Instagram accounts are connected through Facebook.
pub const INSTAGRAM_FACEBOOK_DIALOG_URL: &str = "POSTD_INSTAGRAM_FACEBOOK_DIALOG_URL";

/// Replaces `https://graph.instagram.com`.
pub const INSTAGRAM_GRAPH_URL: &str = "POSTD_INSTAGRAM_GRAPH_URL";

/// Replaces `https://www.instagram.com`, where the consent page of Instagram Login lives.
pub const INSTAGRAM_LOGIN_URL: &str = "POSTD_INSTAGRAM_LOGIN_URL";

/// Replaces `https://api.instagram.com`, where Instagram Login exchanges codes.
pub const INSTAGRAM_TOKEN_URL: &str = "POSTD_INSTAGRAM_TOKEN_URL";

/// Replaces the version of the Graph API for Instagram, such as `v26.0`.
pub const INSTAGRAM_GRAPH_VERSION: &str = "POSTD_INSTAGRAM_GRAPH_VERSION";

/// Replaces how many seconds after an unknown outcome the word of a container can be trusted.
pub const INSTAGRAM_SETTLE_SECONDS: &str = "POSTD_INSTAGRAM_SETTLE_SECONDS";

/// Replaces `https://open.tiktokapis.com`: a simulator or a recording proxy in the local cloud.
pub const TIKTOK_API_URL: &str = "POSTD_TIKTOK_API_URL";

/// Replaces `https://www.tiktok.com`, where the consent page lives.
pub const TIKTOK_LOGIN_URL: &str = "POSTD_TIKTOK_LOGIN_URL";

/// Whether logins at TikTok carry PKCE: `on` (when absent) or `off`.
pub const TIKTOK_PKCE: &str = "POSTD_TIKTOK_PKCE";

/// Replaces how many seconds after an unknown outcome TikTok is asked about it.
pub const TIKTOK_SETTLE_SECONDS: &str = "POSTD_TIKTOK_SETTLE_SECONDS";

/// Replaces `https://accounts.google.com`, where the consent page is.
pub const GBP_LOGIN_URL: &str = "POSTD_GBP_LOGIN_URL";

/// Replaces `https://oauth2.googleapis.com`, where codes and tokens are exchanged and grants given back.
pub const GBP_TOKEN_URL: &str = "POSTD_GBP_TOKEN_URL";

/// Replaces `https://mybusinessaccountmanagement.googleapis.com`, which lists accounts.
pub const GBP_ACCOUNTS_URL: &str = "POSTD_GBP_ACCOUNTS_URL";

/// Replaces `https://mybusinessbusinessinformation.googleapis.com`, which lists locations.
pub const GBP_LOCATIONS_URL: &str = "POSTD_GBP_LOCATIONS_URL";

/// Replaces `https://mybusiness.googleapis.com`, which posts.
pub const GBP_POSTS_URL: &str = "POSTD_GBP_POSTS_URL";

/// Replaces `https://www.googleapis.com`, where the keys are that Google signs with.
pub const GBP_KEYS_URL: &str = "POSTD_GBP_KEYS_URL";

/// Replaces how many seconds after an unknown outcome a location's list of posts can be trusted.
pub const GBP_SETTLE_SECONDS: &str = "POSTD_GBP_SETTLE_SECONDS";

/// The e-mail address of the service account that Pub/Sub pushes notifications with; without it none is taken.
pub const GBP_PUSH_ACCOUNT: &str = "POSTD_GBP_PUSH_ACCOUNT";

/// Replaces `https://api.linkedin.com`, for members and Pages alike.
pub const LINKEDIN_API_URL: &str = "POSTD_LINKEDIN_API_URL";

/// Replaces `https://www.linkedin.com`, where the consent dialog and the exchange of codes are.
pub const LINKEDIN_OAUTH_URL: &str = "POSTD_LINKEDIN_OAUTH_URL";

/// Replaces the version of LinkedIn's API, such as `202609`.
pub const LINKEDIN_VERSION: &str = "POSTD_LINKEDIN_VERSION";

/// Replaces how many seconds after an unknown outcome the listing of a Page's posts can be trusted.
pub const LINKEDIN_SETTLE_SECONDS: &str = "POSTD_LINKEDIN_SETTLE_SECONDS";

/// Hosts of this machine that addresses of callers may lead to in the local cloud, and nowhere else: `127.0.0.1:8081`, with
/// commas between them.
pub const LOCAL_HOSTS: &str = "POSTD_LOCAL_HOSTS";

/// How many requests a tenant may make in a minute.
pub const LIMIT_TENANT: &str = "POSTD_LIMIT_TENANT";

/// How many requests to public routes one address may make in a minute.
pub const LIMIT_PUBLIC: &str = "POSTD_LIMIT_PUBLIC";

/// How many logins one address may begin, and how many finish, in a minute.
pub const LIMIT_OAUTH: &str = "POSTD_LIMIT_OAUTH";

/// Whose requests are not counted: networks such as `10.0.0.0/8`, with commas between them.
pub const INTERNAL_NETWORKS: &str = "POSTD_INTERNAL_NETWORKS";
