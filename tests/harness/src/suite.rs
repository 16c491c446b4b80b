//! Suites that need something this machine may not have: where it is not there, their cases count as
//! ignored, not as passed, and a line says what is missing.

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

/// A case by its name.
pub type Case = (&'static str, fn());

/// Names the cases after their functions: `cases![a_first_one, a_second_one]`.
#[macro_export]
macro_rules! cases {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}

/// Runs the cases as the standard harness would. `missing` says why they cannot be run.
pub fn run(suite: &str, missing: Option<String>, cases: &'static [Case]) -> ExitCode {
    if let Some(missing) = &missing {
        println!("SKIPPED: {suite} ({} cases): {missing}", cases.len());
    }
    let trial = |(name, case): &'static Case| {
        Trial::test(*name, move || {
            case();
            Ok(())
        })
        .with_ignored_flag(missing.is_some())
    };
    libtest_mimic::run(&Arguments::from_args(), cases.iter().map(trial).collect()).exit_code()
}

/// The first of these environment variables that is not set, as the reason not to run.
pub fn unset(variables: &[&str]) -> Option<String> {
    let missing = variables.iter().find(|name| std::env::var_os(name).is_none())?;
    Some(format!("{missing} is not set, see .ci/services.sh"))
}
