//! The running processes as `/proc` shows them: read by hand, with the exact error of every file.
//!
//! Nothing is attached to, written or signalled. Only the environment of a process that a layer
//! names is read.

use std::{
    collections::HashMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::domain::inert::{inert, inert_bytes, inert_within};

/// How many processes of one program may be each other's parents.
const MOST_GENERATIONS: usize = 64;
/// The most of an environment block that is read.
const ENVIRONMENT_CAP: usize = 4 << 20;

/// One process, as far as selecting and describing it needs.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// The kernel's short name of it (at most 15 bytes).
    pub name: String,
    /// Arguments joined with spaces. They may hold keys: for selecting only, never shown.
    command_line: Zeroizing<String>,
    /// File name of the program it was started as.
    pub program: String,
    /// Numeric user.
    pub user_id: u32,
    /// When it started.
    pub started_at: Option<Timestamp>,
}

impl Process {
    /// The joined arguments, for matching only.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }
}

/// What the launch environment of a process shows.
pub enum LaunchEnvironment {
    /// The block, as it was at start; `NAME=value` separated by NUL.
    Block(Zeroizing<Vec<u8>>),
    /// The process has overwritten it.
    Erased,
    /// The user may not read it.
    NoPermission,
    /// It has exited, or is a kernel thread.
    Gone,
    /// Another failure.
    Failed,
}

/// The processes at one moment.
#[derive(Debug, Default)]
pub struct ProcessTable {
    root: PathBuf,
    processes: HashMap<u32, Process>,
    users: HashMap<u32, String>,
    supported: bool,
}

impl ProcessTable {
    /// Lists the processes of this system.
    pub fn of_this_system() -> Self {
        Self::below(Path::new("/proc"), Path::new("/etc/passwd"))
    }

    /// Lists the processes below another `/proc`.
    pub fn below(root: &Path, passwd: &Path) -> Self {
        let mut table = Self { root: root.to_owned(), ..Self::default() };
        let Ok(entries) = fs::read_dir(root) else { return table };
        let clock = Clock::now();
        for entry in entries.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            if let Some(process) = pid.and_then(|pid| table.process(pid, &clock)) {
                table.processes.insert(process.pid, process);
            }
        }
        table.supported = cfg!(target_os = "linux") && root.join("self").exists();
        table.users = users(passwd);
        table
    }

    /// Whether this system shows its processes this way.
    pub fn is_supported(&self) -> bool {
        self.supported
    }

    /// The processes that fit, by pid. stalekey itself is never among them.
    pub fn select(&self, fits: impl Fn(&Process) -> bool) -> Vec<&Process> {
        let own = std::process::id();
        let mut chosen: Vec<&Process> =
            self.processes.values().filter(|process| process.pid != own && fits(process)).collect();
        chosen.sort_unstable_by_key(|process| process.pid);
        chosen
    }

    /// The name of a user, or the number when it has none.
    pub fn user(&self, user_id: u32) -> String {
        self.users.get(&user_id).cloned().unwrap_or_else(|| user_id.to_string())
    }

    /// The oldest ancestor that is the same program: the one whose environment was inherited. A
    /// worker's own start time is no evidence.
    pub fn oldest_ancestor<'a>(&'a self, process: &'a Process) -> &'a Process {
        let mut oldest = process;
        for _ in 0..MOST_GENERATIONS {
            match self.processes.get(&oldest.parent) {
                Some(parent) if parent.program == process.program && parent.pid != oldest.pid => {
                    oldest = parent;
                }
                _ => break,
            }
        }
        oldest
    }

    /// The container a process runs in, by its control group.
    pub fn container(&self, pid: u32) -> Option<String> {
        let text = fs::read_to_string(self.file(pid, "cgroup")).ok()?;
        text.lines().find_map(container_in)
    }

    /// What the process was launched with.
    pub fn launch_environment(&self, pid: u32) -> LaunchEnvironment {
        use std::io::Read as _;
        // Room from the start, so that no copy of a key is left behind by growing.
        let mut block = Zeroizing::new(Vec::with_capacity(128 << 10));
        let read = fs::File::open(self.file(pid, "environ"))
            .and_then(|file| file.take(ENVIRONMENT_CAP as u64).read_to_end(&mut block));
        match read {
            Ok(0) => LaunchEnvironment::Gone,
            Ok(_) if block.iter().all(|byte| *byte == 0) || !block.contains(&b'=') => {
                LaunchEnvironment::Erased
            }
            Ok(_) => LaunchEnvironment::Block(block),
            Err(error) => match (error.kind(), error.raw_os_error()) {
                (ErrorKind::PermissionDenied, _) => LaunchEnvironment::NoPermission,
                (ErrorKind::NotFound, _) => LaunchEnvironment::Gone,
                (_, Some(code)) if code == rustix::io::Errno::SRCH.raw_os_error() => {
                    LaunchEnvironment::Gone
                }
                _ => LaunchEnvironment::Failed,
            },
        }
    }

    fn file(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    fn process(&self, pid: u32, clock: &Clock) -> Option<Process> {
        let stat = fs::read(self.file(pid, "stat")).ok()?;
        let (name, parent, start_ticks) = parse_stat(&stat)?;
        let arguments = Zeroizing::new(fs::read(self.file(pid, "cmdline")).unwrap_or_default());
        let first = arguments.split(|byte| *byte == 0).next().unwrap_or_default();
        let program = first.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        // A process may write a whole sentence over its first argument; the kernel's name is then
        // the better one.
        let plain = !program.is_empty() && !program.contains(&b' ') && !program.contains(&b'=');
        let program =
            if plain { inert_within(&String::from_utf8_lossy(program), 60) } else { name.clone() };
        let joined: Vec<u8> =
            arguments.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
        let command_line = Zeroizing::new(String::from_utf8_lossy(&joined).trim_end().to_owned());
        drop(Zeroizing::new(joined));
        let user_id = fs::metadata(self.root.join(pid.to_string()))
            .map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata))
            .ok()?;
        let started_at = clock.at(start_ticks);
        Some(Process { pid, parent, name, command_line, program, user_id, started_at })
    }
}

/// Name, parent and start in clock ticks since boot. The name stands in parentheses and may itself
/// hold any byte, so the last parenthesis counts.
fn parse_stat(stat: &[u8]) -> Option<(String, u32, u64)> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = inert_bytes(stat.get(open + 1..close)?);
    let rest = std::str::from_utf8(stat.get(close + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some((name, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

/// `/docker/<64 hex>`, `docker-<64 hex>.scope`, `libpod-<64 hex>` … in one line of a control group.
fn container_in(line: &str) -> Option<String> {
    let path = line.rsplit(':').next()?;
    path.split(['/', '-', '.', '_'])
        .rfind(|part| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
}

fn users(passwd: &Path) -> HashMap<u32, String> {
    let text = fs::read_to_string(passwd).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let id = fields.nth(1)?.parse().ok()?;
            Some((id, inert(name)))
        })
        .collect()
}

/// Turns clock ticks since boot into a time. `/proc/stat`'s boot time is a whole second and would
/// misjudge close calls, so the two clocks of the kernel are compared instead.
struct Clock {
    boot: Option<Timestamp>,
    ticks_per_second: u64,
}

impl Clock {
    fn now() -> Self {
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        Self { boot: boot_time(), ticks_per_second }
    }

    fn at(&self, ticks: u64) -> Option<Timestamp> {
        // The kernel cuts a start off to the tick before it: the middle of the tick is the best
        // guess.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let mut line = b"42 (a) b (c) S 7 ".to_vec();
        line.extend_from_slice("0 ".repeat(17).as_bytes());
        line.extend_from_slice(b"123456 0 0\n");
        assert_eq!(parse_stat(&line), Some(("a) b (c".to_owned(), 7, 123_456)));
    }

    #[test]
    fn containers_are_known_by_their_control_group() {
        let id = "0123456789abcdef".repeat(4);
        for line in [
            format!("0::/docker/{id}"),
            format!("12:cpu:/system.slice/docker-{id}.scope"),
            format!("0::/libpod_parent/libpod-{id}"),
            format!("0::/kubepods/besteffort/pod1/{id}"),
        ] {
            assert_eq!(container_in(&line).as_deref(), Some(id.as_str()), "{line}");
        }
        assert_eq!(container_in("0::/user.slice/user-0.slice/session-1.scope"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_is_listed_with_its_start_and_environment() {
        let before = Timestamp::now();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env_clear()
            .env("CANARY", "value")
            .spawn()
            .unwrap();
        // Between fork and exec a child still shows its parent's name and environment.
        let table = loop {
            let table = ProcessTable::of_this_system();
            if table.processes.get(&child.id()).is_some_and(|process| process.name == "sleep") {
                break table;
            }
        };
        let process = table.processes[&child.id()].clone();
        let environment = table.launch_environment(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.program, "sleep");
        assert_eq!(process.command_line(), "sleep 60");
        let started = process.started_at.unwrap();
        assert!(started.duration_since(before).abs().as_secs_f64() < 1.0, "{started} {before}");
        assert!(
            matches!(environment, LaunchEnvironment::Block(block) if &**block == b"CANARY=value\0")
        );
    }
}
