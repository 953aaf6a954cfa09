//! Who a record is of.

use std::env;

use crate::domain::inert::inert;

/// `user@machine`, inert.
pub(super) fn operator() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .filter_map(env::var_os)
        .find(|name| !name.is_empty())
        .map_or_else(
            || format!("user {}", rustix::process::getuid().as_raw()),
            |name| name.to_string_lossy().into_owned(),
        );
    let machine = rustix::system::uname();
    inert(&format!("{user}@{}", machine.nodename().to_string_lossy()))
}
