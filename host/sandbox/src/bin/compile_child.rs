//! The compile child as a program of its own, for tests: the `dpone` binary carries the same code
//! behind a hidden argument.

fn main() -> std::process::ExitCode {
    dpone_sandbox::compile_child_main()
}
