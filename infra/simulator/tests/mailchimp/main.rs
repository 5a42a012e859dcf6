//! The simulated Mailchimp, rule by rule; without a socket, but for webhooks.

#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod login;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
