//! `stalekey completions bash`.

use std::io::{self, Write as _};

use super::{Exit, Failure, arguments::Arguments};

pub(super) fn run(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::definition(), "stalekey", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Success)
}
