//! Which processes of this user were launched with a variable; their names only are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::table::{LaunchEnvironment, Process, ProcessTable};

/// Shells and what people and sessions hold open: they hand variables on, and send no key.
const SESSIONS: &[&str] = &[
    "bash",
    "csh",
    "dash",
    "fish",
    "init",
    "ksh",
    "login",
    "screen",
    "sh",
    "ssh-agent",
    "sshd",
    "su",
    "sudo",
    "systemd",
    "tcsh",
    "tmux",
    "tmux: server",
    "zsh",
];

/// Processes of one program, in one folder, of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// File name of the program.
    pub program: String,
    /// The file that an interpreter runs, where there is one of that name: `server.js`.
    pub script: Option<String>,
    /// The folder that it works in.
    pub folder: Option<PathBuf>,
    /// The service of systemd that it belongs to.
    pub unit: Option<String>,
    /// It runs in a container, seen from here.
    pub in_container: bool,
    /// The wanted variables that it was launched with.
    pub variables: BTreeSet<String>,
    /// How many there are.
    pub count: usize,
}

/// What processes have in common that are one layer.
type Same = (String, Option<String>, Option<PathBuf>, Option<String>, bool);

impl ProcessTable {
    /// The processes of this user that hold one of these variables, but shells, sessions,
    /// supervisors, and what stalekey was started from.
    pub fn holders(&self, wanted: &BTreeSet<&str>) -> Vec<Holder> {
        let me = rustix::process::geteuid().as_raw();
        let own = self.own_ancestors();
        let supervisors: BTreeSet<u32> = self
            .all()
            .filter_map(|process| self.supervisor(process).map(|(supervisor, _)| supervisor.pid))
            .collect();
        let here = self.container(std::process::id());
        let mut holders: BTreeMap<Same, Holder> = BTreeMap::new();
        let is_meant = |process: &&Process| {
            let session = process.program.trim_start_matches('-');
            process.user_id == me
                && process.pid != std::process::id()
                && !own.contains(&process.pid)
                && !supervisors.contains(&process.pid)
                && !SESSIONS.contains(&session)
        };
        for process in self.all().filter(is_meant) {
            let LaunchEnvironment::Block(block) = self.launch_environment(process.pid) else {
                continue;
            };
            let variables = names(&block, wanted);
            if variables.is_empty() || !self.still_runs(process) {
                continue;
            }
            let folder = self.folder(process.pid);
            let container = self.container(process.pid);
            let same = (
                process.program.clone(),
                script(process, folder.as_deref()),
                folder,
                self.unit(process.pid),
                container.is_some() && container != here,
            );
            let holder = holders.entry(same).or_insert_with_key(|same| Holder {
                program: same.0.clone(),
                script: same.1.clone(),
                folder: same.2.clone(),
                unit: same.3.clone(),
                in_container: same.4,
                variables: BTreeSet::new(),
                count: 0,
            });
            holder.variables.extend(variables);
            holder.count += 1;
        }
        holders.into_values().collect()
    }
}

/// The wanted names in a block of `NAME=value`.
fn names(block: &[u8], wanted: &BTreeSet<&str>) -> BTreeSet<String> {
    block
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let equals = entry.iter().position(|byte| *byte == b'=')?;
            let name = std::str::from_utf8(entry.get(..equals)?).ok()?;
            wanted.contains(name).then(|| name.to_owned())
        })
        .collect()
}

/// The first argument that is no flag, when a file of that name is there: a key that was typed as an
/// argument is none, and is not repeated (SECURITY P5).
fn script(process: &Process, folder: Option<&Path>) -> Option<String> {
    let word = process.command_line().split(' ').skip(1).find(|word| !word.starts_with('-'))?;
    let path = Path::new(word);
    let name = path.file_name()?.to_str()?;
    let is_file = if path.is_absolute() { path.is_file() } else { folder?.join(path).is_file() };
    (is_file && name.contains('.') && name.len() <= 60).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_and_nothing_else() {
        let block = b"A=1\0OPENAI_API_KEY=v\0=x\0OPENAI_API_KEY_2=v\0HF_TOKEN\0";
        let wanted = BTreeSet::from(["OPENAI_API_KEY", "HF_TOKEN"]);
        assert_eq!(names(block, &wanted), BTreeSet::from(["OPENAI_API_KEY".to_owned()]));
    }

    #[test]
    fn a_script_is_a_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.js"), "").unwrap();
        let of = |words: &str| script(&Process::with_words(words), Some(folder.path()));
        assert_eq!(of("node --watch server.js x"), Some("server.js".to_owned()));
        assert_eq!(of("node other.js"), None);
        assert_eq!(of("curl sk-something"), None);
    }
}
