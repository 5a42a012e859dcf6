//! The simulated Mailchimp, rule by rule, without a socket.

#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod login;
#[cfg(test)]
mod support;
