//! The simulated Google Business Profile, rule by rule, without a socket.

#[cfg(test)]
mod posts;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tokens;
