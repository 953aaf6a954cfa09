//! Vite 8's `loadEnv`: Node's own parser, then dotenv-expand over the parsed object.
//!
//! The parser is that of the Node that Vite runs on. The object is in the order of the names, and
//! a reference sees the environment before the file, later lines included.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{dotenv_expand, node, node_20},
};

/// Reads a file as Vite does on Node 20.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    expanded(node_20::parse(bytes, environment)?, environment)
}

/// Reads a file as Vite does on Node 22 and later.
pub(super) fn read_on_node_22(
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    expanded(node::parse(bytes, environment)?, environment)
}

/// What Vite makes of what the parser has read, of one file or of several.
pub(super) fn expanded(contents: Contents, environment: &Environment) -> Result<Contents, Refusal> {
    let mut contents =
        dotenv_expand::second_pass(contents, environment, false, dotenv_expand::expand)?;
    dotenv_expand::end_at_nul(&mut contents);
    Ok(contents)
}
