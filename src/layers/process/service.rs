//! Services that are known by the shape of their processes: which one starts which again.

use super::table::Process;
use crate::domain::running::SupervisorKind;

/// A name counts as a program only where an interpreter's words end: `python3 -m gunicorn`,
/// `/usr/bin/python3 /srv/venv/bin/gunicorn`, `node /srv/node_modules/.bin/nodemon`.
const MOST_WORDS_BEFORE: usize = 4;

/// Shells, and interpreters that give a program variables out of a table of their own: what they do
/// with `environ` is not what the program sees.
const OWN_TABLES: [&str; 12] =
    ["bash", "sh", "dash", "zsh", "ksh", "mksh", "fish", "tcsh", "ash", "busybox", "java", "php"];

const SHELLS: usize = 10;

impl Process {
    /// Whether its program keeps variables in a table of its own.
    pub(super) fn keeps_own_table(&self) -> bool {
        OWN_TABLES.iter().any(|name| self.is_program(name))
    }

    /// `sh -c …`, there for what it has started.
    pub(super) fn is_shell_for_another(&self) -> bool {
        OWN_TABLES[..SHELLS].iter().any(|name| self.is_program(name))
            && self.words().nth(1) == Some("-c")
    }

    /// `php8.2` and `php-fpm` are `php`; `-bash` is a login's `bash`.
    fn is_program(&self, name: &str) -> bool {
        let program = self.program.trim_start_matches('-');
        let rest = program.strip_prefix(name);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest == "-fpm" || rest.starts_with(|c: char| c.is_ascii_digit())
        })
    }

    /// The daemon that holds all that PM2 has started.
    pub(super) fn is_pm2_daemon(&self) -> bool {
        self.command_line().starts_with("PM2 ") && self.command_line().contains(": God Daemon")
    }

    /// Threads of the kernel and what has ended have no arguments.
    pub(super) fn has_words(&self) -> bool {
        !self.command_line().is_empty()
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.command_line().split(' ').filter(|word| !word.is_empty())
    }

    fn has(&self, word: &str) -> bool {
        self.words().any(|other| other == word || other.split_once('=').is_some_and(|(name, _)| name == word))
    }

    /// Whether it runs this program, itself or through an interpreter.
    fn runs(&self, program: &str) -> bool {
        self.words().take(MOST_WORDS_BEFORE).any(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            name == program || name.strip_suffix(".js") == Some(program)
        })
    }

    fn is_python(&self) -> bool {
        self.words().next().is_some_and(|word| {
            word.rsplit('/').next().unwrap_or(word).starts_with("python")
        })
    }

    /// What Python's `multiprocessing` starts; not the one that only counts what they share.
    fn is_spawned_by_python(&self) -> bool {
        self.command_line().contains("multiprocessing.spawn")
    }

    fn is_gunicorn(&self) -> bool {
        self.command_line().starts_with("gunicorn: ") || self.runs("gunicorn")
    }
}

/// What `parent` is to `child`, when it starts it again and again.
pub(super) fn supervises(parent: &Process, child: &Process) -> Option<SupervisorKind> {
    if parent.is_shell_for_another() || child.is_shell_for_another() {
        return None;
    }
    let same_words = parent.command_line() == child.command_line();
    if parent.is_gunicorn() && child.is_gunicorn() {
        return Some(SupervisorKind::Gunicorn);
    }
    if (parent.runs("uvicorn") || parent.runs("fastapi")) && child.is_spawned_by_python() {
        let reloads = parent.has("--reload") || parent.words().any(|word| word == "dev");
        return Some(if reloads {
            SupervisorKind::UvicornReload
        } else {
            SupervisorKind::UvicornWorkers
        });
    }
    if parent.runs("flask") && parent.has("run") && same_words {
        return Some(SupervisorKind::FlaskReload);
    }
    if parent.is_python() && parent.has("runserver") && same_words {
        return Some(SupervisorKind::DjangoReload);
    }
    let watches = |word: &str| word.starts_with("--watch");
    if parent.runs("node") && parent.words().any(watches) && child.runs("node") {
        return Some(SupervisorKind::NodeWatch);
    }
    if parent.runs("nodemon") {
        return Some(SupervisorKind::Nodemon);
    }
    parent.is_pm2_daemon().then_some(SupervisorKind::Pm2)
}
