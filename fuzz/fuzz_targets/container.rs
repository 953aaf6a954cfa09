#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| (stalekey_fuzz::target("container").run)(bytes));
