//! `stalekey explain SK201`: the page of a diagnosis.

use std::io::{self, Write as _};

use super::{Exit, Failure};
use crate::domain::diagnosis::{self, REGISTRY};

pub(super) fn run(code: Option<&str>) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    let Some(code) = code else {
        for diagnosis in REGISTRY {
            writeln!(out, "{}  {}", diagnosis.code, diagnosis.title)?;
        }
        return Ok(Exit::Success);
    };
    match diagnosis::find(code) {
        Some(diagnosis) => {
            write!(out, "{}", diagnosis.page)?;
            Ok(Exit::Success)
        }
        None => Err(Failure::Message(
            "error: There is no such diagnosis\n\nhint: `stalekey explain` lists them".to_owned(),
        )),
    }
}
