//! The program's dashboard on a pseudo-terminal, as a person has it.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const LINES: u16 = 40;
const COLUMNS: u16 = 130;
/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program on a terminal; it ends with the test.
pub(crate) struct OnTerminal {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    input: Box<dyn std::io::Write + Send>,
    output: mpsc::Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// Everything that was ever printed.
    pub(crate) printed: Vec<u8>,
}

impl OnTerminal {
    /// Starts what a [`Command`] describes.
    pub(crate) fn start(command: &Command) -> Self {
        let size = PtySize { rows: LINES, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env_clear();
        for (name, value) in command.get_envs() {
            builder.env(name, value.expect("a variable that is set"));
        }
        builder.env("TERM", "xterm-256color");
        builder.cwd(command.get_current_dir().expect("a folder"));
        let child = pair.slave.spawn_command(builder).expect("it starts");
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let size = |count| NonZeroU16::new(count).expect("some");
        let input = pair.master.take_writer().expect("its input");
        let parser = vt100::Parser::new(size(LINES), size(COLUMNS), 0);
        Self { child, _master: pair.master, input, output, parser, printed: Vec::new() }
    }

    /// Reads until this stands on the screen.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Reads until what is on the screen is what the test wants.
    pub(crate) fn wait(&mut self, what: &str, satisfied: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !satisfied(&self.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(error) => panic!("no {what}: {error}\n{}", self.screen()),
            }
        }
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Types.
    pub(crate) fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).expect("it listens");
        self.input.flush().expect("it listens");
    }

    /// Reads to the end of what it prints; gives its exit code.
    pub(crate) fn end(&mut self) -> u32 {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.take(&bytes);
        }
        self.child.wait().expect("it ends").exit_code()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.printed.extend_from_slice(bytes);
        self.parser.process(bytes);
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
