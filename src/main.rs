//! Parse arguments, run, exit code; nothing else.

use std::{alloc::System, process::ExitCode};

use stalekey::{cli, protection};
use zeroizing_alloc::ZeroAlloc;

/// Freed memory is wiped: keys pass through buffers of libraries too (SECURITY P2).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    protection::protect_this_process();
    cli::run(std::env::args_os())
}
