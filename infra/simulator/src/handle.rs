//! What every handle on a simulated platform is and can do: one world behind a lock, faults, the log of calls, webhooks.

/// Makes the handle on a simulated platform. Where it is used there have to be the platform's `World`, with `faults`, `log`
/// and `outbox`, and a function `fresh(&Options, &str) -> World`. In braces may stand what else it hears as one who
/// [`Sends`](crate::outbox::Sends).
macro_rules! handle {
    ($(#[$documentation:meta])* $platform:ident $({ $($hears:tt)* })?) => {
        $(#[$documentation])*
        #[derive(Clone)]
        pub struct $platform {
            inner: std::sync::Arc<Inner>,
        }

        struct Inner {
            world: std::sync::Mutex<World>,
            options: $crate::options::Options,
            base: String,
            /// Rings when a webhook may be due.
            bell: tokio::sync::Notify,
        }

        impl std::fmt::Debug for $platform {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($platform)).field("base", &self.inner.base).finish_non_exhaustive()
            }
        }

        impl $platform {
            pub(crate) fn new(options: $crate::options::Options, base: String) -> Self {
                let world = std::sync::Mutex::new(fresh(&options, &base));
                Self { inner: std::sync::Arc::new(Inner { world, options, base, bell: tokio::sync::Notify::new() }) }
            }

            /// Sets a fault; faults are tried in the order in which they were set, and one strikes a call.
            pub fn add_fault(&self, fault: $crate::faults::Fault) {
                self.world().faults.add(fault);
            }

            /// Removes all faults.
            pub fn clear_faults(&self) {
                self.world().faults.clear();
            }

            /// The faults that are still set.
            #[must_use]
            pub fn faults(&self) -> Vec<$crate::faults::Fault> {
                self.world().faults.list().to_vec()
            }

            /// The calls so far, oldest first.
            #[must_use]
            pub fn requests(&self) -> Vec<$crate::log::LoggedCall> {
                self.world().log.entries()
            }

            /// Forgets the calls so far.
            pub fn clear_requests(&self) {
                self.world().log.clear();
            }

            /// The webhooks that were delivered or given up.
            #[must_use]
            pub fn sent_webhooks(&self) -> Vec<$crate::outbox::SentWebhook> {
                self.world().outbox.sent()
            }

            /// How many webhooks wait, for their first try or another one.
            #[must_use]
            pub fn pending_webhooks(&self) -> usize {
                self.world().outbox.pending()
            }

            pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
                // A panic while the world was locked is a bug that its own test reports; the data is still usable.
                self.inner.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
            }

            pub(crate) fn now(&self) -> jiff::Timestamp {
                self.inner.options.clock.now()
            }

            pub(crate) fn ring(&self) {
                self.inner.bell.notify_one();
            }
        }

        impl $crate::outbox::Sends for $platform {
            fn clock(&self) -> &$crate::clock::Clock {
                &self.inner.options.clock
            }

            fn bell(&self) -> &tokio::sync::Notify {
                &self.inner.bell
            }

            fn with_outbox<T>(&self, work: impl FnOnce(&mut $crate::outbox::Outbox) -> T) -> T {
                work(&mut self.world().outbox)
            }

            $($($hears)*)?
        }
    };
}
pub(crate) use handle;
