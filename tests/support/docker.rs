//! A Docker engine of the test's own, in a folder of its own.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::wait::until;

/// The image that every container is of: one static busybox.
pub(crate) const IMAGE: &str = "stalekey-busybox";

/// A running engine. It ends with the test, and all that it runs.
pub(crate) struct Docker {
    daemon: Child,
    folder: TempDir,
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skipped(why: &str) {
    println!("skipped: {why}");
}

impl Docker {
    /// Starts one; `None`, with a word on the test's output, where that cannot be had.
    pub(crate) fn start() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skipped("only root can start an engine of its own");
            return None;
        }
        for program in ["dockerd", "docker", "tar"] {
            if !Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success())
            {
                skipped(&format!("no {program}"));
                return None;
            }
        }
        let paths = ["/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox"];
        let Some(busybox) = paths.map(Path::new).into_iter().find(|path| path.exists()) else {
            skipped("no busybox");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let log = fs::File::create(at("log")).expect("a file");
        let daemon = Command::new("dockerd")
            .arg("--host")
            .arg(format!("unix://{}", at("docker.sock").display()))
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("docker.pid"))
            .args(["--storage-driver", "vfs", "--bridge=none", "--iptables=false"])
            .args(["--ip6tables=false", "--ip-masq=false", "--ip-forward=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the same file"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("the daemon starts");
        let mut docker = Self { daemon, folder };
        let answers = until("the engine answers or ends", || {
            if docker.daemon.try_wait().expect("our own child").is_some() {
                return Some(false);
            }
            docker.run(&["version"]).status.success().then_some(true)
        });
        if !answers {
            skipped("this system does not let an engine start");
            return None;
        }
        docker.import(busybox);
        let tried = docker.run(&["run", "--rm", "--network", "none", IMAGE, "true"]);
        if !tried.status.success() {
            let why = String::from_utf8_lossy(&tried.stderr).into_owned();
            skipped(&format!("this system does not let a container run: {}", why.trim()));
            return None;
        }
        Some(docker)
    }

    /// As `DOCKER_HOST` has it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Runs the engine's command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(arguments).env("DOCKER_HOST", self.host()).env_remove("DOCKER_CONTEXT");
        command.env("HOME", self.folder.path()).stdin(Stdio::null()).output().expect("it runs")
    }

    /// The same, where it has to work.
    pub(crate) fn must(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, busybox: &Path) {
        let image = self.path("image");
        fs::create_dir(&image).expect("a folder");
        fs::copy(busybox, image.join("busybox")).expect("a copy");
        let tar = self.path("image.tar");
        let mut pack = Command::new("tar");
        pack.arg("-C").arg(&image).arg("-cf").arg(&tar).arg("busybox");
        assert!(pack.status().expect("it runs").success());
        let tar = tar.to_str().expect("a path that is text");
        self.must(&["import", "-c", "ENTRYPOINT [\"/busybox\"]", tar, IMAGE]);
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        if self.daemon.try_wait().ok().flatten().is_none() {
            let listed = self.run(&["ps", "--all", "--quiet"]);
            let ids = String::from_utf8_lossy(&listed.stdout).into_owned();
            for id in ids.split_whitespace() {
                let _ = self.run(&["rm", "--force", id]);
            }
            let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        }
        let _ = self.daemon.wait();
        // Its name for "no network" stays mounted; without that the folder could not be removed.
        for entry in fs::read_dir(self.path("exec/netns")).into_iter().flatten().flatten() {
            let _ = Command::new("umount").arg(entry.path()).output();
        }
    }
}
