//! What this system lets a test see of other processes.

use std::fs;

/// Whether this system lets a process read the memory of one that it has not started.
pub(crate) fn memory_can_be_read() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").expect("our own status");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("its line");
    let effective = u64::from_str_radix(effective.trim(), 16).expect("a number");
    effective >> 19 & 1 == 1 || matches!(scope.trim(), "" | "0")
}
