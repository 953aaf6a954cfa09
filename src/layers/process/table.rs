//! The running processes as `/proc` shows them: read by hand, with the exact error of every file.
//! Other systems are asked through [`Told`].
//!
//! Nothing is attached to, written or signalled. Only the environment of a process that a layer
//! names is read.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{
    clock::Clock,
    live::{self, Live, Symbols},
    service::supervises,
    sockets,
};
use crate::domain::{
    inert::{inert, inert_bytes, inert_within},
    running::SupervisorKind,
};

/// How many generations of one service, or of any family, are followed.
const MOST_GENERATIONS: usize = 64;
/// The most of an environment block that is read.
const ENVIRONMENT_CAP: usize = 4 << 20;

/// One process, as far as selecting and describing it needs.
#[derive(Clone)]
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
    /// The same in ticks of the kernel: with the pid, what no other process ever has.
    pub(super) start_ticks: u64,
    /// Where its code and its stack begin: chosen at random when a program is started, inherited
    /// by what it forks. `None` where the kernel does not tell.
    image: Option<(u64, u64)>,
}

impl Process {
    /// The joined arguments, for matching only.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }
}

#[cfg(test)]
impl Process {
    /// A process that was started with these words.
    pub(super) fn with_words(words: &str) -> Self {
        let program = words.split(' ').next().unwrap_or_default();
        Self {
            pid: 2,
            parent: 1,
            name: String::new(),
            command_line: Zeroizing::new(words.to_owned()),
            program: program.rsplit('/').next().unwrap_or_default().to_owned(),
            user_id: 0,
            started_at: None,
            start_ticks: 0,
            image: None,
        }
    }
}

/// What a system lists of a process.
pub(super) struct Listing<'a> {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Inert.
    pub(super) name: String,
    /// Each with a NUL behind it.
    pub(super) arguments: &'a [u8],
    pub(super) user_id: u32,
    pub(super) started_at: Option<Timestamp>,
    pub(super) start_ticks: u64,
    pub(super) image: Option<(u64, u64)>,
}

impl Process {
    /// With what its words tell.
    pub(super) fn of(listing: Listing<'_>) -> Self {
        let Listing { pid, parent, name, arguments, user_id, started_at, start_ticks, image } =
            listing;
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
        Self { pid, parent, name, command_line, program, user_id, started_at, start_ticks, image }
    }
}

/// What a system without `/proc` is asked about one process.
pub(super) trait Told: Send + Sync {
    /// The folder it works in.
    fn folder(&self, pid: u32) -> Option<PathBuf>;
    /// What it was launched with.
    fn launch_environment(&self, pid: u32) -> LaunchEnvironment;
    /// When the process that has this number now started, in the unit of its listing.
    fn start(&self, pid: u32) -> Option<u64>;
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
    /// The system shows none: denied, or there is none.
    NotShown,
    /// Another failure.
    Failed,
}

/// The processes at one moment.
#[derive(Default)]
pub struct ProcessTable {
    root: PathBuf,
    processes: HashMap<u32, Process>,
    children: HashMap<u32, Vec<u32>>,
    users: HashMap<u32, String>,
    supported: bool,
    /// Who is asked in the place of `/proc`.
    told: Option<Box<dyn Told>>,
}

impl ProcessTable {
    /// Lists the processes of this system.
    #[cfg(target_os = "linux")]
    pub fn of_this_system() -> Self {
        Self::below(Path::new("/proc"), Path::new("/etc/passwd"))
    }

    /// Lists the processes of this system.
    #[cfg(not(target_os = "linux"))]
    pub fn of_this_system() -> Self {
        super::system::table()
    }

    /// The processes that a system without `/proc` lists.
    #[cfg(any(not(target_os = "linux"), test))]
    pub(super) fn told(
        processes: Vec<Process>,
        users: HashMap<u32, String>,
        told: Box<dyn Told>,
    ) -> Self {
        let mut table = Self { users, told: Some(told), supported: true, ..Self::default() };
        for process in processes {
            table.add(process);
        }
        table
    }

    fn add(&mut self, process: Process) {
        self.children.entry(process.parent).or_default().push(process.pid);
        self.processes.insert(process.pid, process);
    }

    /// Lists the processes below another `/proc`.
    pub fn below(root: &Path, passwd: &Path) -> Self {
        let mut table = Self { root: root.to_owned(), ..Self::default() };
        let Ok(entries) = fs::read_dir(root) else { return table };
        let clock = Clock::now();
        for entry in entries.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            if let Some(process) = pid.and_then(|pid| table.process(pid, &clock)) {
                table.add(process);
            }
        }
        table.supported = root.join("self").exists();
        table.users = users(passwd);
        table
    }

    /// Whether this system shows its processes this way.
    pub fn is_supported(&self) -> bool {
        self.supported
    }

    /// The processes that fit, by pid. stalekey itself is never among them.
    pub(in crate::layers) fn select(&self, fits: impl Fn(&Process) -> bool) -> BTreeSet<u32> {
        let own = std::process::id();
        self.processes
            .values()
            .filter(|process| process.pid != own && fits(process))
            .map(|process| process.pid)
            .collect()
    }

    /// The process with this number.
    pub(in crate::layers) fn get(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// Every process.
    pub(in crate::layers) fn all(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    /// The children of a process.
    pub(in crate::layers) fn children(&self, pid: u32) -> impl Iterator<Item = &Process> {
        self.children.get(&pid).into_iter().flatten().filter_map(|pid| self.get(*pid))
    }

    /// These processes and all that descend from them, but stalekey itself.
    pub(in crate::layers) fn with_descendants(&self, chosen: BTreeSet<u32>) -> BTreeSet<u32> {
        let mut all = BTreeSet::new();
        let mut next: Vec<u32> = chosen.into_iter().collect();
        while let Some(pid) = next.pop() {
            if pid != std::process::id() && all.insert(pid) {
                next.extend(self.children(pid).map(|child| child.pid));
            }
        }
        all
    }

    /// What stalekey was started from.
    pub(super) fn own_ancestors(&self) -> BTreeSet<u32> {
        let mut ancestors = BTreeSet::new();
        let mut next = self.get(std::process::id()).map(|own| own.parent);
        while let Some(parent) = next.and_then(|pid| self.get(pid)) {
            next = ancestors.insert(parent.pid).then_some(parent.parent);
        }
        ancestors
    }

    /// The name of a user, or the number when it has none.
    pub fn user(&self, user_id: u32) -> String {
        self.users.get(&user_id).cloned().unwrap_or_else(|| user_id.to_string())
    }

    /// What starts this process again and again, when it is known by its shape. Many start theirs
    /// through a shell.
    pub(super) fn supervisor(&self, process: &Process) -> Option<(&Process, SupervisorKind)> {
        let parent = self.get(process.parent)?;
        let supervisor =
            if parent.is_shell_for_another() { self.get(parent.parent)? } else { parent };
        supervises(supervisor, process).map(|kind| (supervisor, kind))
    }

    /// The oldest ancestor of the same service: the one whose environment was inherited. A worker's
    /// own start time is no evidence.
    pub fn oldest_ancestor<'a>(&'a self, process: &'a Process) -> &'a Process {
        let mut oldest = process;
        for _ in 0..MOST_GENERATIONS {
            let Some(parent) = self.get(oldest.parent) else { break };
            let forked = parent.image.is_some() && parent.image == oldest.image;
            let same = parent.program == oldest.program
                && !parent.command_line.is_empty()
                && parent.command_line == oldest.command_line;
            oldest = match self.supervisor(oldest) {
                // PM2 runs for months, and gives each start an environment of its own.
                Some((supervisor, kind)) if kind != SupervisorKind::Pm2 => supervisor,
                _ if forked || same => parent,
                _ => break,
            };
        }
        oldest
    }

    /// The container a process runs in, by its control group.
    pub fn container(&self, pid: u32) -> Option<String> {
        self.control_groups(pid)?.lines().find_map(container_in)
    }

    /// Whether a process belongs to this unit of systemd.
    pub(super) fn is_of_unit(&self, pid: u32, unit: &str) -> bool {
        let text = self.control_groups(pid).unwrap_or_default();
        text.lines().any(|line| line.split('/').skip(1).any(|part| part == unit))
    }

    /// The service of systemd that a process belongs to; a session of a user is none.
    pub(super) fn unit(&self, pid: u32) -> Option<String> {
        let text = self.control_groups(pid)?;
        text.lines().find_map(|line| {
            let unit = line.rsplit('/').find(|part| part.ends_with(".service"))?;
            (!unit.starts_with("user@")).then(|| unit.to_owned())
        })
    }

    /// The processes of a control group and of those below it.
    pub(in crate::layers) fn of_control_group(&self, path: &str) -> BTreeSet<u32> {
        let beneath = |own: &str| {
            own.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.select(|process| {
            let text = self.control_groups(process.pid).unwrap_or_default();
            text.lines().any(|line| line.splitn(3, ':').nth(2).is_some_and(beneath))
        })
    }

    fn control_groups(&self, pid: u32) -> Option<String> {
        if self.told.is_some() {
            return None;
        }
        fs::read_to_string(self.file(pid, "cgroup")).ok()
    }

    /// The folder a process works in; `None` where it may not be seen.
    pub(in crate::layers) fn folder(&self, pid: u32) -> Option<PathBuf> {
        if let Some(told) = &self.told {
            return told.folder(pid);
        }
        fs::read_link(self.file(pid, "cwd")).ok()
    }

    /// Whether it can be known here who listens on a port, and which unit of systemd has started what.
    pub(super) fn tells_ports(&self) -> bool {
        self.told.is_none()
    }

    /// Who listens on a port.
    pub(super) fn listeners(&self, port: u16) -> sockets::Listeners {
        sockets::listeners(&self.root, self.processes.keys().copied(), port)
    }

    /// Whether `/proc` hides the processes of other users from this one.
    pub(in crate::layers) fn hides_others(&self) -> bool {
        if self.told.is_some() {
            return false;
        }
        let mounts = fs::read_to_string(self.root.join("self/mountinfo")).unwrap_or_default();
        let hides = |option: &str| {
            matches!(option, "hidepid=1" | "hidepid=2" | "hidepid=invisible" | "hidepid=noaccess")
        };
        mounts.lines().any(|line| {
            line.contains(" - proc ") && line.rsplit(' ').next().unwrap_or("").split(',').any(hides)
        })
    }

    /// What the process was launched with.
    pub fn launch_environment(&self, pid: u32) -> LaunchEnvironment {
        use std::io::Read as _;
        if let Some(told) = &self.told {
            return told.launch_environment(pid);
        }
        // Room from the start, so that no copy of a key is left behind by growing.
        let mut block = Zeroizing::new(Vec::with_capacity(128 << 10));
        let read = fs::File::open(self.file(pid, "environ"))
            .and_then(|file| file.take(ENVIRONMENT_CAP as u64).read_to_end(&mut block));
        match read {
            // Neither a kernel thread nor one that has ended has a program. One that may not be seen is
            // no reason to say so.
            Ok(0)
                if fs::read_link(self.file(pid, "exe"))
                    .is_err_and(|error| error.kind() == ErrorKind::NotFound) =>
            {
                LaunchEnvironment::Gone
            }
            Ok(0) => LaunchEnvironment::Block(block),
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

    /// What the environment of the process holds now.
    pub(super) fn live_environment(
        &self,
        pid: u32,
        wanted: &BTreeSet<&str>,
        symbols: &Symbols,
    ) -> Live {
        if self.told.is_some() {
            return Live::Unsupported;
        }
        live::read(&self.root.join(pid.to_string()), wanted, symbols)
    }

    /// Whether this process still runs; another may have got its number.
    pub(super) fn still_runs(&self, process: &Process) -> bool {
        if let Some(told) = &self.told {
            return told.start(process.pid) == Some(process.start_ticks);
        }
        fs::read(self.file(process.pid, "stat"))
            .ok()
            .and_then(|stat| parse_stat(&stat))
            .is_some_and(|stat| stat.start_ticks == process.start_ticks)
    }

    fn file(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    fn process(&self, pid: u32, clock: &Clock) -> Option<Process> {
        let Stat { name, parent, start_ticks, image } =
            parse_stat(&fs::read(self.file(pid, "stat")).ok()?)?;
        let arguments = Zeroizing::new(fs::read(self.file(pid, "cmdline")).unwrap_or_default());
        let user_id = fs::metadata(self.root.join(pid.to_string()))
            .map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata))
            .ok()?;
        let started_at = clock.at(start_ticks);
        Some(Process::of(Listing {
            pid,
            parent,
            name,
            arguments: &arguments,
            user_id,
            started_at,
            start_ticks,
            image,
        }))
    }
}

/// When the process of this `stat` started, in ticks of the kernel.
pub(super) fn start_ticks(stat: &[u8]) -> Option<u64> {
    parse_stat(stat).map(|stat| stat.start_ticks)
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    /// Clock ticks since boot.
    start_ticks: u64,
    image: Option<(u64, u64)>,
}

/// The name stands in parentheses and may itself hold any byte, so the last parenthesis counts.
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = inert_bytes(stat.get(open + 1..close)?.trim_ascii());
    let rest = std::str::from_utf8(stat.get(close + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // The kernel writes 0 where the user may not know.
    let image = number(23).zip(number(25)).filter(|(_, stack)| *stack != 0);
    Some(Stat { name, parent: fields.get(1)?.parse().ok()?, start_ticks: number(19)?, image })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let mut line = b"42 (a) b (c) S 7 ".to_vec();
        line.extend_from_slice("0 ".repeat(17).as_bytes());
        line.extend_from_slice(b"123456 0 0 0 11 0 12 0\n");
        let expected = Stat {
            name: "a) b (c".to_owned(),
            parent: 7,
            start_ticks: 123_456,
            image: Some((11, 12)),
        };
        assert_eq!(parse_stat(&line), Some(expected));
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

    /// A `/proc` of our own making.
    struct Proc(tempfile::TempDir);

    impl Proc {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// A process with its parent, the place of its stack, and its words.
        fn with(self, pid: u32, parent: u32, stack: u64, words: &str) -> Self {
            let folder = self.0.path().join(pid.to_string());
            fs::create_dir(&folder).unwrap();
            let zeros = "0 ".repeat(17);
            let stat = format!("{pid} (x) S {parent} {zeros}{pid} 0 0 0 {stack} 0 {stack} 0\n");
            fs::write(folder.join("stat"), stat).unwrap();
            fs::write(folder.join("cmdline"), words.replace(' ', "\0")).unwrap();
            fs::write(folder.join("cgroup"), "0::/system.slice/api.service\n").unwrap();
            self
        }

        fn table(&self) -> ProcessTable {
            ProcessTable::below(self.0.path(), Path::new("/etc/passwd"))
        }
    }

    fn oldest(table: &ProcessTable, pid: u32) -> u32 {
        table.oldest_ancestor(table.get(pid).unwrap()).pid
    }

    #[test]
    fn the_environment_comes_from_the_oldest_of_the_same_service() {
        let proc = Proc::new()
            .with(10, 1, 5, "bash -l")
            .with(20, 10, 6, "python3 runner.py")
            .with(30, 20, 7, "python3 /usr/bin/gunicorn app:app")
            .with(31, 30, 7, "gunicorn: worker [app:app]")
            .with(40, 20, 8, "node --watch server.js")
            .with(41, 40, 9, "node server.js")
            .with(50, 20, 1, "nodemon server.js")
            .with(51, 50, 2, "sh -c node server.js")
            .with(52, 51, 3, "node server.js")
            .with(60, 1, 4, "PM2 v7.0.4: God Daemon (/root/.pm2)")
            .with(61, 60, 11, "node /srv/api.js");
        let table = proc.table();
        assert_eq!(oldest(&table, 31), 30, "forked");
        assert_eq!(oldest(&table, 41), 40, "watched");
        assert_eq!(oldest(&table, 52), 50, "watched, through a shell");
        assert_eq!(oldest(&table, 30), 30, "the same interpreter is not the same service");
        assert_eq!(oldest(&table, 61), 61, "PM2 gives an environment of its own");
    }

    #[test]
    fn families_and_units_are_followed() {
        let proc = Proc::new()
            .with(10, 1, 1, "a")
            .with(20, 10, 2, "b")
            .with(30, 20, 3, "c")
            .with(40, 1, 4, "d");
        let table = proc.table();
        assert_eq!(table.with_descendants(BTreeSet::from([10])), BTreeSet::from([10, 20, 30]));
        assert!(table.is_of_unit(10, "api.service"));
        assert!(!table.is_of_unit(10, "pi.service"));
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
        let runs = table.still_runs(&process);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.program, "sleep");
        assert_eq!(process.command_line(), "sleep 60");
        let started = process.started_at.unwrap();
        assert!(started.duration_since(before).abs().as_secs_f64() < 1.0, "{started} {before}");
        assert!(
            matches!(environment, LaunchEnvironment::Block(block) if &**block == b"CANARY=value\0")
        );
        assert!(runs && !table.still_runs(&process));
    }
}
