//! `set -a; . file` in bash: the file is a program, read by the shell's own scanner.

use crate::formats::{
    Contents, Environment, Refusal,
    shell::{End, Scan, Shell, scan},
};

/// Reads a file as `set -a; . file` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let how = Scan { shell: Shell::Bash, exports_all: true };
    match scan(bytes, environment, how) {
        (contents, End::Reached) => Ok(contents),
        (_, End::ShellExits(position)) => Err(Refusal {
            position: Some(position),
            reason: "the shell ends while it reads the file",
        }),
    }
}
