//! `dpone plugin test`: a project's component on its recorded cases.

use super::project::Project;
use crate::Outcome;
use crate::args::{Common, Format, PluginTest};
use crate::context;
use crate::output::{self, outln};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dpone_model::human::bytes;
use dpone_model::{Exit, Report, codes};
use dpone_run::plugins::trial_sandbox;
use dpone_trial::{Trials, Tried};
use serde_json::json;

pub async fn test(common: &Common, args: PluginTest) -> Outcome {
    let project = Project::open(&args.dir)?;
    let component = project.component();
    let shown = component.display().to_string();
    let content = dpone_model::file::read(&component, dpone_model::file::MAX_COMPONENT_BYTES).map_err(|cause| {
        Report::new(&codes::plugin::NOT_FOUND, format!("{shown}: {cause}"))
            .hint(format!("build it first: `dpone plugin build {}`", args.dir.display()))
    })?;
    let folder = args.dir.join("cases");
    let cases = Dir::open_ambient_dir(&folder, ambient_authority()).map_err(|cause| {
        Report::new(&codes::plugin::NO_CASES, format!("{}: {cause}", folder.display()))
            .hint("`dpone record RUN --out cases/NAME` makes a case of a run")
    })?;
    let sandbox = trial_sandbox(&context::host(common)?)?;
    let plugin = sandbox.load(content, &project.name).await?;
    let identity = plugin.inspection().identity.clone();
    let trials = Trials::new(sandbox, plugin, cases, &folder.display().to_string());
    let mut tried = Vec::new();
    for name in trials.names(args.filter.as_deref())? {
        tried.push(trials.run(&name, args.update).await?);
    }
    let failed = tried.iter().filter(|case| !case.passed).count();
    if args.format == Format::Json {
        output::json(&json!({ "plugin": identity, "passed": failed == 0, "cases": tried }));
    } else {
        tried.iter().for_each(print);
        outln!("{} of {} cases passed", tried.len() - failed, tried.len());
    }
    // The failures stand on stdout with the cases; the exit code tells scripts.
    Ok(if failed == 0 { Exit::Ok } else { Exit::Quality })
}

fn print(case: &Tried) {
    let Tried { name, passed, updated, problems, notes, used } = case;
    let verdict = match (passed, updated) {
        (true, true) => "updated",
        (true, false) => "passed",
        (false, _) => "FAILED",
    };
    outln!(
        "{name:<24} {verdict:<8} {} pages, {} records, {} fuel a record, peak memory {}",
        used.pages,
        used.records,
        used.fuel_per_record,
        bytes(used.peak_memory_bytes)
    );
    problems.iter().flat_map(|problem| problem.lines()).for_each(|line| outln!("  {line}"));
    notes.iter().for_each(|note| outln!("  note: {note}"));
}
