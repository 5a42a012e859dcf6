//! Embedded emulators.
