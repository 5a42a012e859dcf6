//! Connect sessions: single use, bound to the browser that opened them, gone after a quarter of an hour.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Store, StoreError, from_row, keys, text, time_to_live, to_row, unavailable};
use crate::{
    ids::{ConnectionId, KeyId, SessionId, TenantId},
    platform::{AppOwner, Platform},
};

/// One run of the OAuth flow. It is found by the hash of its state parameter, never by the parameter itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id that the caller knows.
    pub id: SessionId,
    /// Whose connection this will be. The session itself proves it: only an authorized caller makes one.
    pub(crate) tenant: TenantId,
    /// The key that began it; absent in sessions of older builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_by: Option<KeyId>,
    /// Where the grant is to come from.
    pub platform: Platform,
    /// Whose app the person is asked to trust.
    #[serde(default, skip_serializing_if = "AppOwner::is_shared")]
    pub app: AppOwner,
    /// What the caller calls the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// Where the browser goes at the end.
    pub return_url: Url,
    /// The connection to renew, if it is not a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<ConnectionId>,
    /// SHA-256 of the cookie that the opening browser was given, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// Past this it counts as gone, whether DynamoDB has removed it or not (F62).
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub ends_at: Timestamp,
}

impl Store {
    /// Stores a new session under the hash of its state parameter.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_session(&self, state_hash: &str, session: &Session) -> Result<(), StoreError> {
        let mut row = to_row("session", keys::session(state_hash), keys::SESSION.to_owned(), session)?;
        row.insert("expires_at".into(), time_to_live(session.ends_at));
        self.put_unique("store a session", row).await
    }

    /// Binds a session to the browser that opens it; a second opening takes the place of the first. `None` if there is no
    /// such session any more.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn open_session(
        &self,
        state_hash: &str,
        browser: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::session(state_hash)))
            .key("sk", text(keys::SESSION))
            .update_expression("SET browser = :browser")
            .condition_expression("attribute_exists(pk) AND ends_at > :now")
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_values(":browser", text(browser))
            .expression_attribute_values(":now", super::millis(now));
        match self.conditional("open a session", builder).await? {
            Ok(item) => from_row("session", item).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Takes a session out, once: of many callbacks at the same moment one gets it. It is given only to the platform and
    /// the browser that it belongs to; to others it does not exist, and stays.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn take_session(
        &self,
        state_hash: &str,
        platform: Platform,
        browser: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let outcome = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(keys::session(state_hash)))
            .key("sk", text(keys::SESSION))
            .condition_expression(
                "attribute_exists(pk) AND ends_at > :now AND platform = :platform AND browser = :browser",
            )
            .expression_attribute_values(":now", super::millis(now))
            .expression_attribute_values(":platform", text(platform))
            .expression_attribute_values(":browser", text(browser))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match outcome {
            Ok(output) => output.attributes.map(|item| from_row("session", item)).transpose(),
            Err(error) => match error.as_service_error() {
                Some(failed) if failed.is_conditional_check_failed_exception() => Ok(None),
                _ => Err(unavailable("take a session")(error)),
            },
        }
    }
}
