//! What the process does for the keys that pass through it, before anything else (SECURITY P).

use std::{
    env,
    io::{self, Write as _},
    panic,
};

use crate::demo;

/// No core dumps, no reading by others, no payloads in panic messages.
pub fn protect_this_process() {
    hide_panic_payloads();
    // The demo's processes are there to be looked at; their keys are synthetic.
    if env::args_os().nth(1).is_some_and(|argument| argument == demo::PROCESS_SUBCOMMAND) {
        return;
    }
    forbid_dumps();
}

/// A payload can quote a key: only the place is printed (SECURITY P3).
fn hide_panic_payloads() {
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let _ = writeln!(io::stderr(), "stalekey: internal error{place}; please report this place");
    }));
}

/// Where a limit cannot be set, the other one still holds; neither is worth refusing to work.
fn forbid_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
