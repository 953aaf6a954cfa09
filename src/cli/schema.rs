//! `stalekey schema`: what an editor, or a program that reads the contract, needs.

use std::io::{self, Write as _};

use super::{Exit, Failure, arguments::SchemaOf};
use crate::{inventory, report};

pub(super) fn run(of: SchemaOf) -> Result<Exit, Failure> {
    let schema = match of {
        SchemaOf::Inventory => inventory::schema(),
        SchemaOf::Check => report::json::schema(),
        SchemaOf::Plan => report::requests::schema(),
        SchemaOf::Report => report::machine::schema(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{schema:#}")?;
    Ok(Exit::Success)
}
