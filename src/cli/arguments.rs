//! The command line.

use std::{
    ffi::OsString,
    io::{self, Write as _},
};

use clap::{
    Args, CommandFactory as _, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    Exit, audit, check, confirm, demo, fingerprint, history, init, providers, report,
    setting::{DeepArguments, RunArguments},
    trust,
};

/// Names the layer that still holds the old API key.
///
/// Without a command: the dashboard on a terminal, one pass and a table elsewhere.
#[derive(Debug, Parser)]
#[command(name = "stalekey", version, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub deep: DeepArguments,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// One pass over every layer, for terminals, scripts and CI
    Check {
        #[command(flatten)]
        run: RunArguments,
        #[command(flatten)]
        deep: DeepArguments,
        #[command(flatten)]
        options: check::Options,
    },
    /// Find the layers below this folder, and write an inventory of them
    Init(init::Options),
    /// Before a rotation: every place of a key, what would break, and the state that is left behind
    Audit {
        #[command(flatten)]
        run: RunArguments,
        #[command(flatten)]
        options: audit::Options,
    },
    /// After a rotation: whether every layer has moved, the new key works and the old one is refused
    Confirm {
        #[command(flatten)]
        run: RunArguments,
        #[command(flatten)]
        options: confirm::Options,
    },
    /// What was recorded of rotations; `verify` checks that nothing was changed
    History(history::Options),
    /// The page of a diagnosis, e.g. `stalekey explain SK201`; without a code, all of them
    Explain {
        /// SK201
        code: Option<String>,
    },
    /// Fingerprint and mask of a key on standard input, or in a variable
    Fingerprint(fingerprint::Options),
    /// The catalogue of providers, everything about one, or what this inventory would send
    Providers {
        #[command(flatten)]
        options: providers::Options,
        #[command(flatten)]
        run: RunArguments,
    },
    /// What this machine holds, without its keys, to be a `report` layer elsewhere
    Report {
        #[command(flatten)]
        run: RunArguments,
        #[command(flatten)]
        options: report::Options,
    },
    /// What this inventory asks for beyond looking at its own folder; accepts it, or takes that back
    Trust(trust::Options),
    /// A sample environment with a loopback provider: no network and no keys needed
    Demo(demo::Options),
    /// The JSON Schema of the inventory, or of what `--format json` writes
    Schema {
        /// Which one
        #[arg(value_enum, default_value_t = SchemaOf::Inventory)]
        of: SchemaOf,
    },
    /// Completions for a shell
    Completions {
        /// Which one
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// A process of the demo; ends when its standard input does
    #[command(name = "demo-process", hide = true)]
    DemoProcess(DemoProcess),
}

#[derive(Debug, Args)]
pub(super) struct DemoProcess {
    /// Tells the processes of several demos apart
    #[arg(long)]
    _demo: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// stalekey.toml
    Inventory,
    /// The output of `check --format json`
    Check,
    /// The output of `providers --plan --format json`
    Plan,
    /// What `report` writes
    Report,
}

impl Arguments {
    /// Reads the command line. Help and version go to standard output.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Exit> {
        Self::try_parse_from(arguments).map_err(|error| {
            let error = without_values(error);
            let text = error.render();
            if error.use_stderr() {
                let _ = write!(io::stderr(), "{text}");
                Exit::Usage
            } else {
                let _ = write!(io::stdout(), "{text}");
                Exit::Success
            }
        })
    }

    /// The command line as people see it, for completions: hidden commands are no part of it.
    pub(super) fn definition() -> clap::Command {
        let whole = Self::command();
        let shown = whole.get_subcommands().filter(|command| !command.is_hide_set());
        clap::Command::new("stalekey")
            .version(env!("CARGO_PKG_VERSION"))
            .args_conflicts_with_subcommands(true)
            .args(whole.get_arguments())
            .subcommands(shown)
    }
}

/// What was typed may be a key by mistake (SECURITY P4, P5): only names of flags are repeated.
fn without_values(mut error: clap::Error) -> clap::Error {
    let hidden = || ContextValue::String("…".to_owned());
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidSubcommand] {
        if error.get(kind).is_some() {
            error.insert(kind, hidden());
        }
    }
    let is_plain_flag = |text: &str| {
        text.starts_with("--")
            && text.len() < 24
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(text)) = error.get(ContextKind::InvalidArg)
        && !is_plain_flag(text)
    {
        error.insert(ContextKind::InvalidArg, hidden());
        // The tip repeats the argument: `to pass '…' as a value, use '-- …'`.
        error.remove(ContextKind::Suggested);
    }
    error
}
