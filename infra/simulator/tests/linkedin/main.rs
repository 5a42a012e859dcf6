//! The simulated LinkedIn, rule by rule, without a socket.

#[cfg(test)]
mod rules;
