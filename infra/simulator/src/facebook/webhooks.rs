//! The handshake that opens a subscription.

use super::error::GraphError;
use super::handle::Facebook;
use super::outbox::USER_AGENT;
use crate::client;
use hyper::Method;
use url::Url;

impl Facebook {
    /// Asks the callback to answer a challenge.
    pub(crate) async fn shake_hands(&self, callback: &Url, verify_token: &str) -> Result<(), GraphError> {
        let refuse = |reason: String| {
            let message = format!("(#2200) Callback verification failed with the following errors: {reason}");
            Err(GraphError::new(2200, message))
        };
        let challenge = 1_000_000_000 + self.world().ids.object();
        let mut url = callback.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge.to_string())
            .append_pair("hub.verify_token", verify_token);
        match client::call(Method::GET, &url, &[("user-agent", USER_AGENT)], String::new()).await {
            Ok((200, body)) if body == challenge.to_string() => Ok(()),
            Ok((200, _)) => refuse("the challenge was not echoed".to_owned()),
            Ok((status, _)) => refuse(format!("HTTP Status Code = {status}")),
            Err(error) => refuse(error.to_string()),
        }
    }
}
