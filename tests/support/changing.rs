//! A program of our own that changes its environment when it is told to.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// It says `ready`, and after each line that it is told, that it has done so.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;

int main(void) {
    static char line[1 << 17];
    static char *own[3];
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *rest = strchr(line, ' ');
        if (rest) *rest++ = 0;
        if (!strcmp(line, "put")) putenv(strdup(rest));
        if (!strcmp(line, "unset")) unsetenv(rest);
        if (!strcmp(line, "clear")) clearenv();
        if (!strcmp(line, "twice")) {
            /* The first of two wins. */
            char *space = strchr(rest, ' ');
            *space = 0;
            own[0] = strdup(rest);
            own[1] = strdup(space + 1);
            environ = own;
        }
        if (!strcmp(line, "erase")) {
            char **entry = environ, **copy = calloc(1024, sizeof *copy);
            for (int i = 0; entry[i]; i++) {
                copy[i] = strdup(entry[i]);
                memset(entry[i], 0, strlen(entry[i]));
            }
            environ = copy;
        }
        if (!strcmp(line, "hide")) prctl(PR_SET_DUMPABLE, 0);
        if (!strcmp(line, "fork") && fork() == 0) {
            prctl(PR_SET_PDEATHSIG, 9);
            for (;;) pause();
        }
        puts("done");
        fflush(stdout);
    }
    return 0;
}
"#;

/// How the program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    /// With the C library of the system.
    Dynamically,
    /// The same at a fixed address, with a copy of `environ` of its own.
    AtAFixedPlace,
    /// With everything inside.
    Statically,
    /// The same without its table of symbols.
    Stripped,
}

/// It, running until the test is over.
pub(crate) struct Changing {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Changing {
    /// Starts it under this name, with these variables alone. `None`, with a word on the test's
    /// output, where it cannot be compiled.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn start(linked: Linked, name: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let Some(program) = compiled(linked) else {
            println!("skipped: nothing compiles C here, {linked:?}");
            return None;
        };
        let mut command = Command::new(program);
        command.arg0(name);
        Some(Self::run(command, variables))
    }

    /// Starts it with a root folder and mounts of its own, as in a container, where this user may
    /// do that.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn start_in_a_container(folder: &Path, variables: &[(&str, &str)]) -> Option<Self> {
        const PIVOT: &str = "mount --bind \"$1\" \"$1\" && cd \"$1\" && pivot_root . old";
        let ready = compiled(Linked::Dynamically).filter(|program| furnish(folder, program));
        let script = format!("{PIVOT} && exec /changing");
        let pivot = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", script, "sh"]).arg(folder);
            command
        };
        let works = |mut command: Command| command.output().is_ok_and(|it| it.status.success());
        if ready.is_none() || !works(pivot(PIVOT)) {
            println!("skipped: this user can make no container of its own");
            return None;
        }
        Some(Self::run(pivot(&script), variables))
    }

    fn run(mut command: Command, variables: &[(&str, &str)]) -> Self {
        let mut child = command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut started = Self { child, input, output };
        started.hear("ready");
        started
    }

    /// Tells it what to do, and waits until it has.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").and_then(|()| self.input.flush()).expect("it listens");
        self.hear("done");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn hear(&mut self, expected: &str) {
        let mut said = String::new();
        self.output.read_line(&mut said).expect("it speaks");
        assert_eq!(said.trim_end(), expected);
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts a program and the libraries that it names into a folder, as they stand in this system.
fn furnish(folder: &Path, program: &Path) -> bool {
    let Ok(names) = Command::new("ldd").arg(program).output() else { return false };
    let names = String::from_utf8_lossy(&names.stdout).into_owned();
    let libraries = names.split_ascii_whitespace().filter(|word| word.starts_with('/'));
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().expect("a folder above")).expect("folders");
        fs::copy(from, to).is_ok()
    };
    fs::create_dir_all(folder.join("old")).expect("a folder");
    copy(program, &folder.join("changing"))
        && libraries
            .map(Path::new)
            .all(|path| copy(path, &folder.join(path.strip_prefix("/").expect("a whole path"))))
}

fn compiled(linked: Linked) -> Option<PathBuf> {
    let options: &[&str] = match linked {
        Linked::Dynamically => &["-pie", "-fPIE"],
        Linked::AtAFixedPlace => &["-no-pie", "-fno-PIE"],
        Linked::Statically => &["-static"],
        Linked::Stripped => &["-static", "-s"],
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    // Tests run side by side, and a program that runs cannot be written.
    let draft = tempfile::Builder::new().prefix("changing").tempdir_in(&folder).ok()?;
    let (source, program) = (draft.path().join("changing.c"), draft.path().join("changing"));
    fs::write(&source, SOURCE).ok()?;
    let compiles = Command::new("cc")
        .args(options)
        .args([source.as_os_str(), "-o".as_ref(), program.as_os_str()])
        .output()
        .is_ok_and(|output| output.status.success());
    if !compiles {
        return None;
    }
    let known = folder.join(format!("changing-{linked:?}"));
    fs::rename(&program, &known).ok()?;
    Some(known)
}
