//! `dpone`: reads the command line, calls a room, renders what it answers, and ends with the exit
//! code that the README documents.

mod args;
mod commands;
mod context;
mod local;
mod logging;
mod output;
mod progress;
mod summary;
mod table;

use args::{Cli, Command};
use clap::Parser;
use dpone_model::{Exit, Report, codes};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return ended(command_line(&answer), false),
    };
    if matches!(cli.command, Command::CompileComponent) {
        return dpone_sandbox::compile_child_main();
    }
    let does_work = cli.command.does_work();
    logging::start(&cli.common.log, cli.common.log_format);
    let confined = match &cli.command {
        Command::Worker => match context::program() {
            Ok(program) => return dpone_workers::worker_main(&program),
            Err(report) => Err(report),
        },
        Command::Confined { arguments } => {
            let arguments = std::iter::once("dpone".to_owned()).chain(arguments.clone());
            context::confine().map(|()| cli = Cli::parse_from(arguments))
        }
        _ => Ok(()),
    };
    if let Err(report) = confined {
        return ended(failed(&report), does_work);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            let message = format!("the async runtime cannot start: {cause}");
            return ended(failed(&Report::new(&codes::internal::BUG, message)), does_work);
        }
    };
    let outcome = runtime.block_on(async {
        let outcome = commands::dispatch(cli).await;
        local::stop().await;
        outcome
    });
    let exit = outcome.unwrap_or_else(|report| failed(&report));
    // A blocked read of stdin or a name look-up must not hold the process back.
    runtime.shutdown_background();
    ended(exit, does_work)
}

/// Prints what a command line gets instead of a command: help, the version, or what is wrong with it.
fn command_line(answer: &clap::Error) -> Exit {
    output::command_line(answer);
    if answer.use_stderr() { Exit::Usage } else { Exit::Ok }
}

fn failed(report: &Report) -> Exit {
    output::error(report);
    report.exit()
}

fn ended(exit: Exit, does_work: bool) -> ExitCode {
    ExitCode::from(output::settle(exit, does_work) as u8)
}

/// The outcome of a command: how the process ends, or why it failed.
pub type Outcome = Result<Exit, Report>;
