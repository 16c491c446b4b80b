//! The kit on a plugin of `tests/components`, as an author would use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    dpone_testkit::main(dpone_harness::components::ENVELOPE, "tests/cases")
}
