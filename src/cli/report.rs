//! `stalekey report`: what this machine holds, without its keys, to be a layer elsewhere.

use std::{
    io::{self, BufWriter, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{
    Exit, Failure,
    setting::{self, RunArguments},
};
use crate::{
    domain::{inert::inert, snapshot::Snapshot},
    engine::{self, Setup},
    report::machine::{self, Reporter},
};

/// Where the report goes.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file to write, for the user alone; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Read the question of another machine from standard input, and answer it alone: `-`
    #[arg(long, value_name = "-", hide = true)]
    layer: Option<Question>,
}

/// Where a question is read from: standard input, and nowhere else.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Question {
    /// Standard input
    #[value(name = "-")]
    Input,
}

/// The most that a question may have.
const MOST_BYTES: u64 = 1 << 20;

pub(super) fn run(arguments: &RunArguments, options: &Options) -> Result<Exit, Failure> {
    let user = setting::user()?;
    let setup = match options.layer {
        Some(Question::Input) => setting::setup_of_question(&question()?, &user)?,
        None => setting::setup(arguments, &user)?,
    };
    let (snapshot, reporter) = look(setup)?;
    if options.output == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        machine::write(&snapshot, &reporter, &mut out)?;
        return Ok(Exit::Success);
    }
    write_file(&options.output, &snapshot, &reporter)?;
    let rows = snapshot.rows.len();
    let name = inert(&options.output.to_string_lossy());
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(
        io::stderr(),
        "wrote {rows} rows to {name}; elsewhere: kind = \"report\", path = \"…\""
    );
    Ok(Exit::Success)
}

/// What another machine wants to know: an inventory of one layer, whose salt is a key of its run.
fn question() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
    read.map_err(|_| Failure::Message("error: The question could not be read".to_owned()))?;
    Ok(text)
}

/// One pass over everything.
fn look(setup: Setup) -> Result<(std::sync::Arc<Snapshot>, Reporter), Failure> {
    let reporter = Reporter { host: host_name(), scheme: setup.fingerprint_key.scheme() };
    let snapshot = engine::check(setup, |_| {})
        .map_err(|_| Failure::Message("error: The system gives no runtime".to_owned()))?;
    Ok((snapshot, reporter))
}

/// The name of this machine, as it calls itself.
fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    (!name.is_empty()).then(|| inert(&name))
}

/// Written beside its place and moved there: whoever reads it sees all of it or what was there before
/// (SECURITY P6).
fn write_file(path: &Path, snapshot: &Snapshot, reporter: &Reporter) -> Result<(), Failure> {
    let failed = |error: &io::Error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such folder",
            ErrorKind::PermissionDenied => "permission denied",
            ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
            ErrorKind::StorageFull => "the disk is full",
            ErrorKind::IsADirectory => "it is a folder",
            _ => "the system refused",
        };
        let name = inert(&path.to_string_lossy());
        let hint = "hint: name a file in a folder that you can write, or `-` for standard output";
        Failure::Message(format!("error: {name}: the report could not be written: {why}\n\n{hint}"))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    if path.is_dir() {
        return Err(failed(&ErrorKind::IsADirectory.into()));
    }
    // Its mode is 0600 from the beginning.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    let mut out = BufWriter::new(&mut file);
    machine::write(snapshot, reporter, &mut out).map_err(|error| failed(&error))?;
    drop(out);
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map(drop).map_err(|error| failed(&error.error))
}
