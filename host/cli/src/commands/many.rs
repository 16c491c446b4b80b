//! `dpone run` of several manifests, and of a tenant's: each tenant, or each manifest, has a process of its
//! own.

use crate::Outcome;
use crate::args::{Common, Format, Resume, Run};
use crate::context;
use crate::output::{self, outln};
use crate::summary::{summary, to_markdown};
use dpone_connections::Profile;
use dpone_manifest::Tenant;
use dpone_model::{Exit, Report, RunId, codes, foreign};
use dpone_run::cancel::Cancel;
use dpone_run::tenancy::{Owned, PolicyFile, home_of};
use dpone_workers::{Ended, Group, Job, Supervisor, supervise};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A run as the command line names it, and whose it is.
struct Named {
    name: String,
    tenant: Option<String>,
}

/// Runs that are to be, and those that are refused before they begin.
struct Work {
    named: Vec<Named>,
    groups: Vec<Group>,
    refused: BTreeMap<usize, Ended>,
}

pub async fn run(common: &Common, args: Run) -> Outcome {
    let workdir = context::workdir()?;
    let job = |manifest: &PathBuf| Job {
        manifest: manifest.clone(),
        params: args.params.iter().cloned().collect(),
        from: args.window.from.clone(),
        to: args.window.to.clone(),
        max_pages: args.window.max_pages,
        advance_state: args.advance_state,
        resume: None,
    };
    let jobs = args.manifests.iter().map(job).collect();
    let profile = context::profile(common, &workdir)?;
    let work = match &args.policy.policy {
        Some(policy) => tenants(&profile, &workdir, policy, jobs)?,
        None => manifests(&workdir, jobs),
    };
    let supervisor = Supervisor {
        launch: context::launch(common, &workdir, &args.demands)?,
        at_once: args.jobs.map_or_else(cores, usize::from),
        local: context::local_services(common, &workdir, &profile),
        cancel: Cancel::default(),
    };
    go(supervisor, work, args.format).await
}

/// Goes on with a tenant's run, which is found by its journal.
pub async fn resume(common: &Common, run_id: &RunId, args: Resume) -> Outcome {
    let workdir = context::workdir()?;
    let policy = args.policy.policy.unwrap_or_default();
    let policy = PolicyFile::read(&workdir, &policy)?;
    let is_owner = |tenant: &&Tenant| has_journal(&home_of(&workdir, &tenant.name), run_id);
    let owners: Vec<_> = policy.policy.tenants.iter().filter(is_owner).collect();
    let [owner] = owners.as_slice() else {
        // A tenant writes in its own folder what it likes, another's run id included.
        let whose = owners.iter().map(|tenant| tenant.name.as_str()).collect::<Vec<_>>().join(", ");
        let whose =
            if whose.is_empty() { "no tenant has".to_owned() } else { format!("several tenants have ({whose})") };
        let report = Report::new(&codes::usage::UNKNOWN_RUN, format!("{whose} a journal of {run_id}"));
        return Err(report.hint("`dpone journal list` in a tenant's folder, .dpone/tenants/NAME, shows its own"));
    };
    let profile = context::profile(common, &workdir)?;
    let tenancy = context::tenancy(&policy, owner, &workdir, &profile)?;
    let mended = args.manifest.map(|manifest| mended(&policy, owner, &workdir, &manifest)).transpose()?;
    let job = Job { resume: Some(run_id.to_string()), manifest: mended.unwrap_or_default(), ..Job::default() };
    let work = Work {
        named: vec![Named { name: run_id.to_string(), tenant: Some(owner.name.clone()) }],
        groups: vec![Group::of_tenant(tenancy, &workdir, vec![(0, job)])?],
        refused: BTreeMap::new(),
    };
    let supervisor = Supervisor {
        launch: context::launch(common, &workdir, &args.demands)?,
        at_once: 1,
        local: context::local_services(common, &workdir, &profile),
        cancel: Cancel::default(),
    };
    go(supervisor, work, args.format).await
}

/// A mended manifest of the run's own tenant, without links.
fn mended(policy: &PolicyFile, tenant: &Tenant, workdir: &Path, manifest: &Path) -> Result<PathBuf, Report> {
    let owned = policy.owner(workdir, manifest)?;
    if owned.tenant.name == tenant.name {
        return Ok(owned.manifest);
    }
    let message =
        format!("{} is of the tenant `{}`, the run of `{}`", manifest.display(), owned.tenant.name, tenant.name);
    Err(Report::new(&codes::usage::OTHER_EXTRACT, message).hint("name a manifest of the run's own tenant"))
}

/// A worker for each manifest.
fn manifests(workdir: &Path, jobs: Vec<Job>) -> Work {
    let name = |job: &Job| job.manifest.display().to_string();
    let named = jobs.iter().map(|job| Named { name: name(job), tenant: None }).collect();
    let group = |(number, job): (usize, Job)| Group {
        name: name(&job),
        workdir: workdir.to_owned(),
        tenancy: None,
        jobs: vec![(number, job)],
    };
    Work { named, groups: jobs.into_iter().enumerate().map(group).collect(), refused: BTreeMap::new() }
}

/// A worker for each tenant. A manifest that is nobody's, or a tenant that cannot be set up, stops its own
/// runs alone.
fn tenants(profile: &Profile, workdir: &Path, policy: &Path, jobs: Vec<Job>) -> Result<Work, Report> {
    let policy = PolicyFile::read(workdir, policy)?;
    let mut work = Work { named: Vec::new(), groups: Vec::new(), refused: BTreeMap::new() };
    for (number, mut job) in jobs.into_iter().enumerate() {
        let name = job.manifest.display().to_string();
        let owner = policy.owner(workdir, &job.manifest);
        let tenant = owner.as_ref().ok().map(|owned| owned.tenant.name.clone());
        let placed = owner.and_then(|Owned { tenant, manifest }| {
            // A worker works in its tenant's folder.
            job.manifest = manifest;
            if let Some(group) = work.groups.iter_mut().find(|group| group.name == tenant.name) {
                group.jobs.push((number, job));
                return Ok(());
            }
            let tenancy = context::tenancy(&policy, tenant, workdir, profile)?;
            work.groups.push(Group::of_tenant(tenancy, workdir, vec![(number, job)])?);
            Ok(())
        });
        if let Err(report) = placed {
            work.refused.insert(number, Ended::without_run(&report));
        }
        work.named.push(Named { name, tenant });
    }
    Ok(work)
}

async fn go(supervisor: Supervisor, work: Work, format: Format) -> Outcome {
    context::stop_on_signal(&supervisor.cancel);
    let Work { named, groups, mut refused } = work;
    let tell = |number: usize, ended: &Ended| {
        if format != Format::Json
            && let Some(named) = named.get(number)
        {
            print_ended(named, ended, format);
        }
    };
    refused.iter().for_each(|(number, ended)| tell(*number, ended));
    let mut ended = supervise(&supervisor, groups, tell).await;
    ended.append(&mut refused);
    if format == Format::Json {
        print_json(&named, &ended);
    } else if named.len() > 1 {
        let done = ended.values().filter(|ended| ended.exit == 0).count();
        outln!("{done} of {} runs succeeded", named.len());
    }
    let failed = ended.values().map(|ended| ended.exit).find(|exit| *exit != 0);
    Ok(failed.map_or(Exit::Ok, |code| Exit::of_code(code).unwrap_or(Exit::Internal)))
}

/// A worker's words stand behind its manifest's name, and further lines of it are indented: no tenant
/// can speak for another.
fn print_ended(named: &Named, ended: &Ended, format: Format) {
    let whose = named.tenant.as_ref().map(|tenant| format!(" ({tenant})")).unwrap_or_default();
    let name = foreign::one_line(&named.name);
    let how = if ended.exit == 0 { "succeeded" } else { "failed" };
    let summary = summary(&ended.report, ended.artifact.as_deref(), ended.remedy, named.tenant.is_some());
    if format == Format::Md {
        output::outcome(&format!("# {name}{whose}: {how}\n"));
        summary.iter().for_each(|summary| output::document(&format!("{}\n", to_markdown(summary))));
    } else {
        output::outcome(&format!("{name}{whose}: {how}"));
        summary.iter().flat_map(|summary| summary.lines()).for_each(|line| outln!("  {line}"));
    }
    if let Some(error) = &ended.error {
        let fields = serde_json::json!({ "manifest": named.name, "tenant": named.tenant, "exit_code": ended.exit });
        let text = format!("{name}{whose}: {}", error.replace('\n', "\n  "));
        output::messages("ERROR", &text, fields.as_object().cloned());
    }
}

fn print_json(named: &[Named], ended: &BTreeMap<usize, Ended>) {
    let entry = |(number, ended): (&usize, &Ended)| {
        let named = named.get(*number);
        serde_json::json!({
            "manifest": named.map(|named| &named.name),
            "tenant": named.and_then(|named| named.tenant.as_ref()),
            "exit_code": ended.exit,
            "error": ended.error,
            "report": ended.report,
        })
    };
    let entries: Vec<_> = ended.iter().map(entry).collect();
    output::outcome_json(&entries);
}

fn has_journal(home: &Path, run_id: &RunId) -> bool {
    let pipelines = std::fs::read_dir(home.join(".dpone/journal")).into_iter().flatten().flatten();
    pipelines.into_iter().any(|pipeline| pipeline.path().join(run_id.as_str()).is_dir())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
