//! Arguments, one file per command, exit codes. Nothing is judged or drawn here.

mod arguments;
mod audit;
mod check;
mod completions;
mod confirm;
mod dashboard;
mod demo;
mod explain;
mod fingerprint;
mod history;
mod init;
mod operator;
mod providers;
mod report;
mod schema;
mod setting;
mod terminal;
mod trust;
mod user_salt;
mod welcome;

use std::{
    ffi::OsString,
    io::{self, ErrorKind, IsTerminal as _, Write as _},
    process::ExitCode,
};

use arguments::{Arguments, Command};

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success,
    /// Something is wrong with a layer.
    Finding,
    /// The call or the inventory is wrong.
    Usage,
    /// Nothing wrong was found, but something could not be proven.
    Unproven,
    /// The inventory asks for what nobody has trusted.
    Untrusted,
    /// A signal ended it.
    Signal(u8),
}

impl Exit {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Finding => 1,
            Self::Usage => 2,
            Self::Unproven => 3,
            Self::Untrusted => 4,
            Self::Signal(number) => 128 + number,
        }
    }
}

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// A message for people, complete with place and next step; it quotes no secret.
    Message(String),
    /// There is no inventory anywhere.
    NoInventory {
        /// The places.
        looked_in: Vec<String>,
    },
    /// Writing failed.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs the command that the arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::read(arguments) {
        Ok(arguments) => arguments,
        Err(exit) => return ExitCode::from(exit.code()),
    };
    let exit = match dispatch(arguments) {
        Ok(exit) => exit,
        // The reader of a pipe has gone: it has seen what it wanted to see.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Exit::Success,
        Err(Failure::Output(_)) => complain("error: The output could not be written"),
        Err(Failure::Message(message)) => complain(&message),
        Err(Failure::NoInventory { looked_in }) => {
            complain(&welcome::without_inventory(&looked_in))
        }
    };
    ExitCode::from(exit.code())
}

fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        None if io::stdout().is_terminal() => dashboard::run(&arguments.run, arguments.deep),
        None => check::run(&arguments.run, arguments.deep, check::Options::default()),
        Some(Command::Check { run, deep, options }) => check::run(&run, deep, options),
        Some(Command::Audit { run, options }) => audit::run(&run, &options),
        Some(Command::Confirm { run, options }) => confirm::run(&run, &options),
        Some(Command::History(options)) => history::run(&options),
        Some(Command::Explain { code }) => explain::run(code.as_deref()),
        Some(Command::Fingerprint(options)) => fingerprint::run(&options),
        Some(Command::Providers { options, run }) => providers::run(&options, &run),
        Some(Command::Report { run, options }) => report::run(&run, &options),
        Some(Command::Trust(options)) => trust::run(&options),
        Some(Command::Init(options)) => init::run(options),
        Some(Command::Demo(options)) => demo::run(&options),
        Some(Command::Schema { of }) => schema::run(of),
        Some(Command::Completions { shell }) => completions::run(shell),
        Some(Command::DemoProcess(_)) => Ok(demo::child()),
    }
}

/// Says what is wrong on standard error.
fn complain(message: &str) -> Exit {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{message}");
    Exit::Usage
}
