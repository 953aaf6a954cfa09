//! What a person has to do where the kernel does not let stalekey look.

use std::fs;

/// `CAP_SYS_PTRACE` in the kernel's list.
const MAY_TRACE: u32 = 19;

/// Who stalekey runs as, and what the kernel keeps from it.
pub(super) struct Rights {
    user_id: u32,
    may_trace: bool,
    /// `kernel.yama.ptrace_scope`; 0 where there is no Yama.
    scope: u8,
}

impl Rights {
    pub(super) fn of_this_process() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
        Self {
            user_id: rustix::process::geteuid().as_raw(),
            may_trace: effective.is_some_and(|set| set >> MAY_TRACE & 1 == 1),
            scope: number("/proc/sys/kernel/yama/ptrace_scope").unwrap_or(0),
        }
    }

    /// How to see what a process of this user was launched with.
    pub(super) fn to_see_launch(&self, user_id: u32, user: &str) -> String {
        match (self.user_id, user_id) {
            (0, _) => self.with_capability(),
            (_, 0) => "run stalekey as root".to_owned(),
            (own, other) if own == other => {
                "it has more rights than its user: run stalekey as root".to_owned()
            }
            _ => format!("run stalekey as `{user}` or as root"),
        }
    }

    /// How to see what a process holds now, where its launch environment may be seen.
    pub(super) fn to_see_live(&self) -> String {
        let scope = self.scope;
        match (self.user_id, scope) {
            (_, 3) => "nobody may read it (kernel.yama.ptrace_scope = 3); a restart makes it sure"
                .to_owned(),
            (0, _) => self.with_capability(),
            (_, 0) => "run stalekey as root".to_owned(),
            _ => format!(
                "run stalekey as root or with CAP_SYS_PTRACE (kernel.yama.ptrace_scope = {scope})"
            ),
        }
    }

    /// How to see more than the list of other users' processes.
    pub(super) fn to_see_others(&self) -> String {
        if self.user_id == 0 { self.with_capability() } else { "run stalekey as root".to_owned() }
    }

    fn with_capability(&self) -> String {
        if cfg!(not(target_os = "linux")) {
            return "this system does not show it, to root neither".to_owned();
        }
        if self.may_trace {
            "run stalekey as root of the host: this root is one of a user namespace".to_owned()
        } else {
            "run stalekey with CAP_SYS_PTRACE (in a container: --cap-add SYS_PTRACE)".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::another_user(1000, 0, 33, "run stalekey as `www` or as root")]
    #[case::roots(1000, 0, 0, "run stalekey as root")]
    #[case::more_rights(1000, 0, 1000, "it has more rights than its user: run stalekey as root")]
    #[case::root_without_rights(
        0,
        0,
        33,
        "run stalekey with CAP_SYS_PTRACE (in a container: --cap-add SYS_PTRACE)"
    )]
    fn who_sees_what_it_was_launched_with(
        #[case] own: u32,
        #[case] scope: u8,
        #[case] other: u32,
        #[case] expected: &str,
    ) {
        let rights = Rights { user_id: own, may_trace: false, scope };
        assert_eq!(rights.to_see_launch(other, "www"), expected);
    }

    #[rstest]
    #[case(1000, 1, "root or with CAP_SYS_PTRACE (kernel.yama.ptrace_scope = 1)")]
    #[case(1000, 2, "root or with CAP_SYS_PTRACE (kernel.yama.ptrace_scope = 2)")]
    #[case(1000, 3, "nobody may read it (kernel.yama.ptrace_scope = 3)")]
    #[case(0, 3, "nobody may read it (kernel.yama.ptrace_scope = 3)")]
    #[case(0, 1, "with CAP_SYS_PTRACE")]
    #[case(1000, 0, "as root")]
    fn who_sees_what_it_holds_now(#[case] own: u32, #[case] scope: u8, #[case] expected: &str) {
        let said = Rights { user_id: own, may_trace: false, scope }.to_see_live();
        assert!(said.contains(expected), "{said}");
    }
}
