//! pam_env, given a `.env`-style file: the engine of `/etc/environment`.

use crate::{
    domain::reading::Yield,
    formats::{Contents, Environment, Refusal, shell},
};

#[expect(clippy::unnecessary_wraps, reason = "every engine of the registry has this shape")]
/// Reads a file as pam_env does at login, where there is no environment yet: a name alone leaves
/// nothing behind.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let mut contents = shell::parse(shell::Shell::EnvironmentFile, bytes, environment);
    for occurrence in &mut contents.occurrences {
        occurrence.wins &= occurrence.yields != Yield::Unset;
    }
    Ok(contents)
}
