//! `dpone`: reads the command line, calls a room, renders what it answers, and ends with the exit
//! code that the README documents.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod commands;
mod context;
mod local;
mod progress;
mod summary;
mod table;

use args::{Cli, Command};
use clap::Parser;
use dpone_model::{Exit, Report};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    if matches!(cli.command, Command::CompileComponent) {
        return dpone_sandbox::compile_child_main();
    }
    start_logging(&cli.common.log);
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
        eprintln!("{report}");
        return ExitCode::from(report.exit() as u8);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("error: the async runtime cannot start: {cause}");
            return ExitCode::from(Exit::Internal as u8);
        }
    };
    let outcome = runtime.block_on(async {
        let outcome = commands::dispatch(cli).await;
        local::stop().await;
        outcome
    });
    let exit = match outcome {
        Ok(exit) => exit,
        Err(report) => {
            eprintln!("{report}");
            report.exit()
        }
    };
    // A blocked read of stdin or a name look-up must not hold the process back.
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

fn start_logging(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| {
        eprintln!("warning: the log filter `{filter}` is not understood; logging warnings");
        tracing_subscriber::EnvFilter::new("warn")
    });
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_ansi(colours)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}

/// What a command answers: how the process ends, or why it failed.
pub type Outcome = Result<Exit, Report>;
