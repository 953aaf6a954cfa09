//! When a process started, to within a tick of the kernel.

use jiff::Timestamp;

/// Turns clock ticks since boot into a time. `/proc/stat`'s boot time is a whole second and would
/// misjudge close calls, so the two clocks of the kernel are compared instead.
pub(super) struct Clock {
    boot: Option<Timestamp>,
    ticks_per_second: u64,
}

impl Clock {
    pub(super) fn now() -> Self {
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        Self { boot: boot_time(), ticks_per_second }
    }

    /// The beginning of the tick: the kernel cuts a start off to it, so the true one is at most a
    /// tick later.
    pub(super) fn at(&self, ticks: u64) -> Option<Timestamp> {
        let nanoseconds = u128::from(ticks) * 1_000_000_000 / u128::from(self.ticks_per_second);
        let since_boot = std::time::Duration::from_nanos(u64::try_from(nanoseconds).ok()?);
        self.boot?.checked_add(since_boot).ok()
    }
}

#[cfg(target_os = "linux")]
fn boot_time() -> Option<Timestamp> {
    use rustix::time::{ClockId, clock_gettime};
    let wall = clock_gettime(ClockId::Realtime);
    let since_boot = clock_gettime(ClockId::Boottime);
    let wall = Timestamp::new(wall.tv_sec, i32::try_from(wall.tv_nsec).ok()?).ok()?;
    let seconds = u64::try_from(since_boot.tv_sec).ok()?;
    let nanoseconds = u32::try_from(since_boot.tv_nsec).ok()?;
    wall.checked_sub(std::time::Duration::new(seconds, nanoseconds)).ok()
}

#[cfg(not(target_os = "linux"))]
const fn boot_time() -> Option<Timestamp> {
    None
}
