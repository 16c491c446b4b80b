//! Options of a mutation test and its loop.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Cases to run at least.
    pub cases: u64,
    /// Of the first case; each further one has the next number.
    pub seed: u64,
    /// How long to go on beyond `cases`.
    pub time: Duration,
}

impl Options {
    /// Reads `--cases N --seed S --minutes M`; what is not given stays at `cases` cases, seed 1, no time.
    pub fn parse(arguments: impl IntoIterator<Item = String>, cases: u64) -> Result<Self, String> {
        let mut options = Self { cases, seed: 1, time: Duration::ZERO };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let text = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
            let number: u64 = text.parse().map_err(|_| format!("{name} needs a number, not `{text}`"))?;
            match name.as_str() {
                "--cases" => options.cases = number,
                "--seed" => options.seed = number,
                "--minutes" => options.time = Duration::from_secs(number.saturating_mul(60)),
                _ => return Err(format!("unknown argument {name}; there are --cases, --seed and --minutes")),
            }
        }
        Ok(options)
    }
}

/// Runs cases, given their seeds, until all are done or one fails. A panic is a failure too.
/// The command line decides how many; `cases` where it does not say.
pub fn run(name: &str, cases: u64, mut case: impl FnMut(u64) -> Result<(), String>) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1), cases) {
        Ok(options) => options,
        Err(problem) => {
            say(&problem);
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let mut done = 0;
    while done < options.cases || start.elapsed() < options.time {
        let seed = options.seed.wrapping_add(done);
        let result = catch_unwind(AssertUnwindSafe(|| case(seed)));
        if let Err(what) = result.unwrap_or_else(|_| Err("a panic".to_owned())) {
            say(&format!("{name}: {what}\nseen again with --seed {seed} --cases 1"));
            return ExitCode::FAILURE;
        }
        done += 1;
    }
    say(&format!("{name}: {done} cases from seed {} in {:.1} s", options.seed, start.elapsed().as_secs_f64()));
    ExitCode::SUCCESS
}

fn say(text: &str) {
    // Whoever closes the output does not want to read it.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(text.split_whitespace().map(str::to_owned), 10)
    }

    #[test]
    fn options_have_defaults_and_bounds() {
        let options = |cases, seed, minutes: u64| Ok(Options { cases, seed, time: Duration::from_secs(minutes * 60) });
        assert_eq!(parse(""), options(10, 1, 0));
        assert_eq!(parse("--minutes 3 --seed 9 --cases 0"), options(0, 9, 3));
        for bad in ["--cases", "--cases x", "--cases -1", "--what 1", "5 6"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
