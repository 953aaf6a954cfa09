//! What this system lets a test see of other processes.

use std::{fs, process::Command};

/// Whether this system lets a process read the memory of one that it has not started.
pub(crate) fn memory_can_be_read() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").expect("our own status");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("its line");
    let effective = u64::from_str_radix(effective.trim(), 16).expect("a number");
    effective >> 19 & 1 == 1 || matches!(scope.trim(), "" | "0")
}

/// The same command as a root that may not read the memory of others: what a user is to whom Yama
/// denies it. `None` where that cannot be had.
pub(crate) fn without_memory(command: &Command) -> Option<Command> {
    let reduced = || {
        let mut reduced = Command::new("setpriv");
        reduced.args(["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]);
        reduced
    };
    let works = reduced().arg("true").output().is_ok_and(|it| it.status.success());
    if !rustix::process::geteuid().is_root() || !memory_can_be_read() || !works {
        return None;
    }
    let mut reduced = reduced();
    reduced.arg(command.get_program()).args(command.get_args()).env_clear();
    reduced.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    reduced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    reduced.current_dir(command.get_current_dir()?);
    Some(reduced)
}
