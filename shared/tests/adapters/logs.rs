//! What a test logged. A test runs on one thread, so one subscriber for all of them keeps what each thread writes; a
//! subscriber per test would race with other tests for the interest that `tracing` caches per line of code.

use std::{cell::RefCell, io, sync::Once};

use shared::telemetry;
use tracing::level_filters::LevelFilter;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the log from now on.
pub(crate) fn keep() {
    static SET_UP: Once = Once::new();
    SET_UP.call_once(|| {
        tracing::subscriber::set_global_default(telemetry::subscriber(LevelFilter::TRACE, || Lines)).unwrap();
    });
}

/// Everything that the test which asks has logged.
pub(crate) fn of_this_test() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
