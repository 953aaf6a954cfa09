//! The running processes where there is no `/proc`: as the system's own calls list them.
//!
//! They tell less. A start is known to the whole second. An empty environment is one that was denied
//! or one that is empty, and nobody can tell which, so it is never "absent". What a process holds now,
//! who listens on a port, containers and units are not told at all.

use std::{collections::HashMap, ffi::OsString, os::unix::ffi::OsStrExt as _, path::PathBuf};

use jiff::Timestamp;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind, Users};
use zeroize::Zeroizing;

use super::table::{LaunchEnvironment, Listing, Process, ProcessTable, Told};
use crate::domain::inert::{inert, inert_bytes};

/// The processes of this system.
pub(super) fn table() -> ProcessTable {
    let Ok(system) = refreshed(ProcessesToUpdate::All, facts()) else {
        return ProcessTable::default();
    };
    let mut folders = HashMap::new();
    let mut processes = Vec::new();
    for process in system.processes().values() {
        let pid = process.pid().as_u32();
        if let Some(folder) = process.cwd() {
            folders.insert(pid, folder.to_owned());
        }
        processes.extend(described(process));
    }
    // A user without a name is told by its number.
    let users = Users::new_with_refreshed_list().map_or_else(
        |_| HashMap::new(),
        |users| users.iter().map(|user| (**user.id(), inert(user.name()))).collect(),
    );
    ProcessTable::told(processes, users, Box::new(Calls { folders }))
}

fn facts() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing()
        .with_cmd(UpdateKind::Always)
        .with_cwd(UpdateKind::Always)
        .with_user(UpdateKind::Always)
        .without_tasks()
}

fn refreshed(
    which: ProcessesToUpdate<'_>,
    kind: ProcessRefreshKind,
) -> Result<System, sysinfo::Error> {
    let mut system = System::new()?;
    system.refresh_processes_specifics(which, true, kind);
    Ok(system)
}

/// `None` without a user: the system then tells nothing else of it either.
fn described(process: &sysinfo::Process) -> Option<Process> {
    let words = process.cmd();
    let mut block = Zeroizing::new(Vec::with_capacity(block_length(words)));
    for word in words {
        block.extend_from_slice(word.as_bytes());
        block.push(0);
    }
    Some(Process::of(Listing {
        pid: process.pid().as_u32(),
        parent: process.parent().map_or(0, Pid::as_u32),
        name: inert_bytes(process.name().as_bytes()),
        arguments: &block,
        user_id: **process.user_id()?,
        started_at: Timestamp::from_second(i64::try_from(process.start_time()).ok()?).ok(),
        start_ticks: process.start_time(),
        image: None,
    }))
}

fn block_length(words: &[OsString]) -> usize {
    words.iter().map(|word| word.len() + 1).sum()
}

/// What is asked of one process, when a layer names it.
struct Calls {
    folders: HashMap<u32, PathBuf>,
}

impl Told for Calls {
    fn folder(&self, pid: u32) -> Option<PathBuf> {
        self.folders.get(&pid).cloned()
    }

    fn launch_environment(&self, pid: u32) -> LaunchEnvironment {
        let kind = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always).without_tasks();
        let pid = Pid::from_u32(pid);
        let Ok(system) = refreshed(ProcessesToUpdate::Some(&[pid]), kind) else {
            return LaunchEnvironment::Failed;
        };
        let Some(process) = system.process(pid) else { return LaunchEnvironment::Gone };
        let entries = process.environ();
        // Room from the start, so that no copy of a key is left behind by growing.
        let mut block = Zeroizing::new(Vec::with_capacity(block_length(entries)));
        for entry in entries {
            block.extend_from_slice(entry.as_bytes());
            block.push(0);
        }
        if block.contains(&b'=') {
            LaunchEnvironment::Block(block)
        } else {
            LaunchEnvironment::NotShown
        }
    }

    fn start(&self, pid: u32) -> Option<u64> {
        let pid = Pid::from_u32(pid);
        let kind = ProcessRefreshKind::nothing().without_tasks();
        let system = refreshed(ProcessesToUpdate::Some(&[pid]), kind).ok()?;
        Some(system.process(pid)?.start_time())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A process of this test, which ends with it.
    struct Started(Child);

    impl Started {
        fn new(program: &str, words: &[&str], folder: &std::path::Path) -> Self {
            let child = Command::new(program)
                .args(words)
                .env_clear()
                .env("CANARY", "a value")
                .env("EMPTY", "")
                .current_dir(folder)
                .spawn()
                .expect("a program of every system");
            let started = Self(child);
            // Between fork and exec a child still shows its parent's name and environment.
            while ProcessTable::of_this_system()
                .get(started.pid())
                .is_none_or(|process| process.program != program)
            {
                std::thread::yield_now();
            }
            started
        }

        fn pid(&self) -> u32 {
            self.0.id()
        }

        fn end(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    impl Drop for Started {
        fn drop(&mut self) {
            self.end();
        }
    }

    fn block(environment: LaunchEnvironment) -> Vec<u8> {
        match environment {
            LaunchEnvironment::Block(block) => block.to_vec(),
            _ => panic!("an environment of our own is shown"),
        }
    }

    #[test]
    fn both_ways_tell_the_same_of_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let started = Started::new("sleep", &["61"], folder.path());
        let (by_hand, by_calls) = (ProcessTable::of_this_system(), table());
        let pid = started.pid();
        let (ours, theirs) = (by_hand.get(pid).unwrap(), by_calls.get(pid).unwrap());
        assert_eq!(theirs.pid, ours.pid);
        assert_eq!(theirs.parent, ours.parent);
        assert_eq!(theirs.name, ours.name);
        assert_eq!(theirs.program, "sleep");
        assert_eq!(theirs.command_line(), "sleep 61");
        assert_eq!(theirs.command_line(), ours.command_line());
        assert_eq!(theirs.user_id, ours.user_id);
        assert_eq!(by_calls.user(theirs.user_id), by_hand.user(ours.user_id));
        assert_eq!(by_calls.folder(pid), by_hand.folder(pid));
        let apart = theirs.started_at.unwrap().duration_since(ours.started_at.unwrap());
        // Both the start and, on Linux, the boot that it counts from are cut off to a second.
        assert!(apart.abs().as_secs_f64() <= 2.0, "to the second: {apart}");
        assert_eq!(block(by_calls.launch_environment(pid)), block(by_hand.launch_environment(pid)));
    }

    #[test]
    fn every_process_of_ours_is_listed_and_no_thread_is() {
        let folder = tempfile::tempdir().unwrap();
        let started = Started::new("sleep", &["62"], folder.path());
        let ended = std::thread::spawn(table).join().unwrap();
        let own = std::process::id();
        assert!(ended.is_supported());
        assert!(ended.children(own).any(|child| child.pid == started.pid()));
        let is_own = |process: &Process| process.command_line() == "sleep 62";
        assert_eq!(ended.select(is_own).len(), 1);
        assert!(ended.select(|process| process.pid == own).is_empty(), "stalekey itself is no row");
    }

    #[test]
    fn what_has_ended_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut started = Started::new("sleep", &["63"], folder.path());
        let table = table();
        let process = table.get(started.pid()).unwrap().clone();
        assert!(table.still_runs(&process));
        started.end();
        assert!(!table.still_runs(&process));
        assert!(matches!(table.launch_environment(process.pid), LaunchEnvironment::Gone));
    }

    /// Denied and empty look alike, so neither is "launched without".
    #[test]
    fn an_empty_environment_is_not_shown() {
        let mut child = Command::new("sleep").arg("64").env_clear().spawn().unwrap();
        let shown = table().launch_environment(child.id());
        let _ = child.kill();
        let _ = child.wait();
        assert!(matches!(shown, LaunchEnvironment::NotShown));
    }

    /// What only `/proc` tells.
    #[test]
    fn nothing_is_made_up() {
        let table = table();
        let own = std::process::id();
        assert!(!table.tells_ports() && ProcessTable::of_this_system().tells_ports());
        assert_eq!(table.container(own), None);
        assert!(!table.is_of_unit(own, "init.scope") && !table.hides_others());
        let live = table.live_environment(
            own,
            &std::collections::BTreeSet::from(["PATH"]),
            &crate::layers::process::Symbols::default(),
        );
        assert!(matches!(live, crate::layers::process::live::Live::Unsupported));
    }
}
