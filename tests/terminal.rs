//! The dashboard on a real pseudo-terminal, in a process of its own: this test binary, started again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/dashboard.rs"]
mod support;

use std::{
    env,
    io::{Read, Write},
    num::NonZeroU16,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use stalekey::tui::{self, Exit, Handle, Options};
use support::incident;

const ROLE: &str = "STALEKEY_TERMINAL_TEST_ROLE";
const LINES: u16 = 30;
const COLUMNS: u16 = 100;
/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the process on the pseudo-terminal does; without a role it is a test that passes.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let (snapshots, watching) = tokio::sync::watch::channel(Arc::new(incident()));
    let (commands, wishes) = tokio::sync::mpsc::channel(8);
    let start = || {
        assert!(role != "panic", "this payload must not be printed");
        Handle { snapshots: watching, commands }
    };
    let exit = tui::run(start, Options::default()).unwrap();
    drop((snapshots, wishes));
    match exit {
        Exit::Quit => println!("left by a key"),
        Exit::Signal(number) => println!("left by signal {number}"),
    }
}

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    input: Box<dyn Write + Send>,
    output: mpsc::Receiver<Vec<u8>>,
    parser: vt100::Parser,
    before: rustix::termios::Termios,
}

impl Terminal {
    fn start(role: &str) -> Self {
        let size = PtySize { rows: LINES, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = modes(&*pair.master);
        let mut command = CommandBuilder::new(env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, role);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let size = |count| NonZeroU16::new(count).unwrap();
        let input = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(size(LINES), size(COLUMNS), 0);
        Self { child, master: pair.master, input, output, parser, before }
    }

    /// Reads until what is on screen satisfies the test.
    fn wait(&mut self, what: &str, satisfied: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !satisfied(self.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(error) => {
                    panic!("no {what}: {error}\n{}", self.parser.screen().contents())
                }
            }
        }
    }

    fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    fn pid(&self) -> Pid {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        Pid::from_raw(pid).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn assert_given_back(&self) {
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen());
        assert!(!screen.hide_cursor());
        let modes = modes(&*self.master);
        assert_eq!(modes.local_modes, self.before.local_modes);
        assert_eq!(modes.input_modes, self.before.input_modes);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modes(master: &dyn MasterPty) -> rustix::termios::Termios {
    let path = master.tty_name().unwrap();
    let terminal = std::fs::OpenOptions::new().read(true).open(path).unwrap();
    rustix::termios::tcgetattr(&terminal).unwrap()
}

#[test]
fn a_key_leaves_and_the_terminal_is_as_before() {
    let mut terminal = Terminal::start("dashboard");
    terminal.wait_for("api workers (pid 4182)");
    assert!(terminal.parser.screen().alternate_screen());
    terminal.send("q");
    terminal.wait_for("left by a key");
    terminal.assert_given_back();
}

/// Once only the first key was taken: the stream had been given a waker that wakes nobody.
#[test]
fn keys_are_taken_one_after_another() {
    let mut terminal = Terminal::start("dashboard");
    terminal.wait_for("api workers (pid 4182)");
    for (keys, text) in
        [("/", "11 of 11"), ("~", "1 of 11"), ("\x7f", "11 of 11"), ("\r", "filter")]
    {
        terminal.send(keys);
        terminal.wait_for(text);
    }
    terminal.send("q");
    terminal.wait_for("left by a key");
}

#[test]
fn a_signal_leaves_and_the_terminal_is_as_before() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut terminal = Terminal::start("dashboard");
        terminal.wait_for("api workers (pid 4182)");
        terminal.signal(signal);
        terminal.wait_for(&format!("left by signal {}", signal.as_raw()));
        terminal.assert_given_back();
    }
}

#[test]
fn ctrl_z_stops_and_continuing_draws_everything_again() {
    let mut terminal = Terminal::start("dashboard");
    terminal.wait_for("api workers (pid 4182)");
    terminal.send("\x1a");
    terminal.wait("shell", |screen| !screen.alternate_screen());
    // The screen is given back a moment before the stop.
    let (_, status) =
        waitpid(Some(terminal.pid()), WaitOptions::UNTRACED).unwrap().expect("a child");
    assert!(status.stopped());
    terminal.signal(Signal::CONT);
    terminal.wait("dashboard", vt100::Screen::alternate_screen);
    terminal.wait_for("api workers (pid 4182)");
    terminal.send("q");
    terminal.wait_for("left by a key");
    terminal.assert_given_back();
}

#[test]
fn a_panic_gives_the_terminal_back_and_prints_a_place_without_its_payload() {
    let mut terminal = Terminal::start("panic");
    terminal.wait_for("error: stalekey stopped at tests/terminal.rs:");
    terminal.assert_given_back();
    assert!(!terminal.parser.screen().contents().contains("payload"));
}
