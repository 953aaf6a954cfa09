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
            let version = rest.strip_prefix("-fpm").unwrap_or(rest);
            version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
    }

    /// The daemon that holds all that PM2 has started.
    pub(in crate::layers) fn is_pm2_daemon(&self) -> bool {
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
        self.words().any(|other| {
            other == word || other.split_once('=').is_some_and(|(name, _)| name == word)
        })
    }

    /// Whether it runs this program, itself or through an interpreter.
    pub(super) fn runs(&self, program: &str) -> bool {
        self.words().take(MOST_WORDS_BEFORE).any(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            name == program || name.strip_suffix(".js") == Some(program)
        })
    }

    fn is_python(&self) -> bool {
        self.words()
            .next()
            .is_some_and(|word| word.rsplit('/').next().unwrap_or(word).starts_with("python"))
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SPAWNED: &str = "python3 -c from multiprocessing.spawn import spawn_main; spawn_main()";
    const TRACKER: &str = "python3 -c from multiprocessing.resource_tracker import main;main(5)";

    #[rstest]
    #[case::gunicorn("python3 /v/bin/gunicorn a:a", "python3 /v/bin/gunicorn a:a", "gunicorn")]
    #[case::gunicorn_titles("gunicorn: master [a]", "gunicorn: worker [a]", "gunicorn")]
    #[case::gunicorn_module("python3 -m gunicorn a", "gunicorn: worker [a]", "gunicorn")]
    #[case::uvicorn_workers("python3 /v/bin/uvicorn a:a --workers 2", SPAWNED, "uvicorn-workers")]
    #[case::uvicorn_reload("python3 -m uvicorn a:a --reload", SPAWNED, "uvicorn-reload")]
    #[case::fastapi("python3 /v/bin/fastapi dev main.py", SPAWNED, "uvicorn-reload")]
    #[case::tracker("python3 /v/bin/uvicorn a:a --workers 2", TRACKER, "")]
    #[case::flask("python3 -m flask run --debug", "python3 -m flask run --debug", "flask-reload")]
    #[case::django("python3 manage.py runserver", "python3 manage.py runserver", "django-reload")]
    #[case::node("node --watch-path=./src a.js", "/usr/bin/node a.js", "node-watch")]
    #[case::nodemon("node /m/.bin/nodemon a.js", "/usr/bin/node a.js", "nodemon")]
    #[case::nodemon_file("node /m/nodemon/bin/nodemon.js a.js", "/usr/bin/node a.js", "nodemon")]
    #[case::pm2("PM2 v7.0.4: God Daemon (/root/.pm2)", "node /srv/a.js", "pm2")]
    #[case::plain_node("node server.js", "node child.js", "")]
    #[case::plain_python("python3 runner.py", "python3 -m gunicorn a:a", "")]
    #[case::a_shell_between("nodemon a.js", "sh -c node a.js", "")]
    #[case::a_shell_above("sh -c node --watch a.js", "node --watch a.js", "")]
    #[case::a_word_of_the_application("python3 a.py b c d e gunicorn", "gunicorn: worker [a]", "")]
    fn supervisors_are_known_by_shape(
        #[case] parent: &str,
        #[case] child: &str,
        #[case] expected: &str,
    ) {
        let kind = supervises(&Process::with_words(parent), &Process::with_words(child));
        assert_eq!(kind.map_or("", SupervisorKind::name), expected);
    }

    #[rstest]
    #[case("bash", true)]
    #[case("-zsh -l", true)]
    #[case("php-fpm8.2", true)]
    #[case("php8.2 a.php", true)]
    #[case("/usr/bin/java -jar a.jar", true)]
    #[case("python3 a.py", false)]
    #[case("shellinabox", false)]
    #[case("javac A.java", false)]
    fn some_programs_keep_variables_elsewhere(#[case] words: &str, #[case] expected: bool) {
        assert_eq!(Process::with_words(words).keeps_own_table(), expected);
    }
}
