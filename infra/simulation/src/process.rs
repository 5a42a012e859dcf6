//! A process of a function: it can die at any effect, stand still, and see another time than the others.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::{sync::Notify, time::Instant};

use crate::{fault::Fault, time};

/// One execution environment.
#[derive(Debug)]
pub struct Process {
    /// Tells it from the others in a trace.
    pub name: String,
    dead: AtomicBool,
    death: Notify,
    frozen_until: Mutex<Option<Instant>>,
    struck: Mutex<Vec<Fault>>,
}

impl Process {
    /// A process that runs.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self {
            name,
            dead: AtomicBool::new(false),
            death: Notify::new(),
            frozen_until: Mutex::new(None),
            struck: Mutex::default(),
        }
    }

    /// Remembers that something went wrong with one of its effects.
    pub fn strike(&self, fault: Fault) {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// What went wrong with its effects so far.
    #[must_use]
    pub fn struck(&self) -> Vec<Fault> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it at once: nothing that it has begun goes on.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.death.notify_waiters();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Resolves when it has ended.
    pub async fn death(&self) {
        let death = self.death.notified();
        if !self.is_dead() {
            death.await;
        }
    }

    /// Lets it stand still until then.
    pub fn freeze(&self, until: Instant) {
        *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Resolves when it runs.
    pub async fn thaw(&self) {
        loop {
            let frozen = *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner);
            match frozen {
                Some(until) if until > Instant::now() => time::until(until).await,
                Some(_) | None => return,
            }
        }
    }
}
