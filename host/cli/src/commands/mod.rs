//! One module a command; each calls a room and renders its answer.

mod check;
mod connections;
mod doctor;
mod explain;
mod inspect;
mod journal;
mod many;
mod plan;
mod plugin;
mod record;
mod run;
mod runs;
mod schema;
mod state;
mod tenant;
mod topic;

use crate::Outcome;
use crate::args::{Cli, Command, Local};
use crate::output::Results;
use clap::CommandFactory;
use dpone_model::Exit;
use std::io::Write;

/// Calls the command that was asked for. What is done for a tenant is done in a process of its own.
pub async fn dispatch(cli: Cli) -> Outcome {
    let common = cli.common;
    if let Some(tenants) = tenant::of(&cli.command) {
        return tenant::delegate(&common, tenants).await;
    }
    match cli.command {
        Command::Run(args) => run::run(&common, args).await,
        Command::Resume(args) => run::resume(&common, args).await,
        Command::Check(args) => check::check(&common, args).await,
        Command::Plan(args) => plan::plan(&common, args).await,
        Command::Doctor => doctor::doctor(&common).await,
        Command::State(args) => state::state(&common, args).await,
        Command::Topic(args) => topic::topic(&common, args).await,
        Command::Local(Local::Up) => crate::local::up(&common).await,
        Command::Journal(args) => journal::journal(args),
        Command::Runs(args) => runs::runs(&common, &args),
        Command::Connections(args) => connections::connections(&common, args).await,
        Command::Plugin(args) => plugin::plugin(&common, args).await,
        Command::Record(args) => record::record(&common, args).await,
        Command::Explain { code } => explain::explain(code.as_deref()),
        Command::Schema { of, format } => schema::schema(of, format),
        Command::Completions { shell } => {
            // It panics where it cannot write, which it always can to memory.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "dpone", &mut script);
            let _ = Results.write_all(&script);
            Ok(Exit::Ok)
        }
        // These are done before there is a runtime.
        Command::CompileComponent | Command::Worker | Command::Confined { .. } => Ok(Exit::Usage),
    }
}
