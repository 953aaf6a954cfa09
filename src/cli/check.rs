//! `stalekey check`: one pass, a report, an exit code.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};

use clap::{Args, ValueEnum};

use super::{
    Exit, Failure, complain,
    setting::{self, DeepArguments, RunArguments},
    terminal, trust,
};
use crate::{
    domain::{
        diagnosis::Severity,
        snapshot::{Progress, Snapshot},
        verdict::Verdict,
    },
    engine::{self, Setup},
    report,
};

/// How to report, and what counts as a failure.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Options {
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// From which severity on the exit code is 1
    #[arg(long, value_enum, default_value_t)]
    pub fail_on: FailOn,
}

/// The formats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people
    #[default]
    Human,
    /// The contract for programs
    Json,
}

/// What counts as a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// A layer that fails, or will
    #[default]
    Error,
    /// Also what works and should not be left so
    Warning,
    /// Nothing
    Never,
}

/// Runs one pass over the user's inventory.
pub(super) fn run(
    arguments: &RunArguments,
    deep: DeepArguments,
    options: Options,
) -> Result<Exit, Failure> {
    let user = setting::user()?;
    let setup = Setup { deep: deep.deep(), ..setting::setup(arguments, &user)? };
    pass(setup, options, arguments)
}

/// Runs one pass over any setup, and reports it.
pub(super) fn pass(
    setup: Setup,
    options: Options,
    arguments: &RunArguments,
) -> Result<Exit, Failure> {
    let mut line = ProgressLine::new();
    let snapshot = engine::check(setup, |picture| line.show(picture.progress))
        .map_err(|_| Failure::Message("error: The system gives no runtime".to_owned()))?;
    line.clear();
    let exit = exit_of(&snapshot, options.fail_on);
    let format = match options.format {
        Format::Human => report::Format::Human,
        Format::Json => report::Format::Json,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    report::write(&snapshot, format, terminal::style(), exit.code(), &mut out)?;
    out.flush()?;
    drop(out);
    if let Some(untrusted) = &snapshot.untrusted {
        complain(&trust::notice(untrusted, arguments));
    }
    Ok(exit)
}

/// 4 before 1 before 3 before 0.
fn exit_of(snapshot: &Snapshot, fail_on: FailOn) -> Exit {
    let found =
        |severity: Severity| snapshot.findings.iter().any(|finding| finding.severity <= severity);
    let wrong = snapshot.rows.iter().any(|row| row.verdict.is_error());
    let failed = match fail_on {
        FailOn::Never => false,
        FailOn::Error => wrong || found(Severity::Error),
        FailOn::Warning => wrong || found(Severity::Warning),
    };
    let proven = |verdict| !matches!(verdict, Verdict::Unproven | Verdict::Unreadable);
    if snapshot.untrusted.is_some() {
        Exit::Untrusted
    } else if failed {
        Exit::Finding
    } else if snapshot.rows.iter().all(|row| proven(row.verdict)) {
        Exit::Success
    } else {
        Exit::Unproven
    }
}

/// `checked 12 of 87` on standard error, when a person watches.
struct ProgressLine {
    watched: bool,
    shown: Option<Progress>,
}

impl ProgressLine {
    fn new() -> Self {
        Self { watched: io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, progress: Progress) {
        if self.watched && self.shown != Some(progress) {
            self.shown = Some(progress);
            let _ =
                write!(io::stderr(), "\r\u{1b}[Kchecked {} of {}", progress.done, progress.total);
        }
    }

    fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
