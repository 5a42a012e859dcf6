//! Platform simulators.
