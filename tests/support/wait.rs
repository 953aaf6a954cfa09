//! Waiting for what has to happen.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Waits for a condition; the watchdog only ends a test that would never end.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let watchdog = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < watchdog, "waited in vain: {what}");
        // Whatever has to happen needs the processor more than this.
        thread::park_timeout(Duration::from_millis(5));
    }
}
