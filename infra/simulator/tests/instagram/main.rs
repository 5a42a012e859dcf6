//! The simulated Instagram over HTTP, rule by rule.

#[cfg(test)]
mod login;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
