//! `dpone plugin`: what there is, what one asks for, how one is made, lock files and registries.

mod build;
mod compile;
mod new;
mod project;
mod test;

use super::inspect;
use crate::Outcome;
use crate::args::{Common, Format, ManifestArgs, Plugin, PluginDemands, WindowArgs};
use crate::context;
use crate::output::{self, outln};
use dpone_model::{Exit, Report};
use dpone_run::plugins::sandbox;
use dpone_sandbox::Inspection;

pub async fn plugin(common: &Common, args: Plugin) -> Outcome {
    match args {
        Plugin::List => list(common).await,
        Plugin::Inspect { plugin, require_signed, format } => {
            let demands = PluginDemands { require_signed, ..PluginDemands::default() };
            let host = context::demanding_host(common, &demands)?;
            inspect::print(&dpone_run::authority::inspect(&host, &plugin).await?, format);
            Ok(Exit::Ok)
        }
        Plugin::Lock(manifest) => lock(common, &manifest).await,
        Plugin::Push { file, to, format } => push(common, &file, &to, format).await,
        Plugin::Compile(args) => compile::compile(common, args).await,
        Plugin::New(args) => new::new(&args),
        Plugin::Build { dir } => build::build(common, &dir).await,
        Plugin::Test(args) => test::test(common, args).await,
    }
}

async fn lock(common: &Common, manifest: &ManifestArgs) -> Outcome {
    let (host, request) = context::of_manifest(common, &PluginDemands::default(), manifest, &WindowArgs::default())?;
    let locked = dpone_run::authority::lock(&host, &request).await?;
    outln!("{}: {} plugins locked", locked.file.display(), locked.plugins);
    match locked.grown.as_deref() {
        None => {}
        Some([]) => outln!("nothing has changed or grown since the last lock"),
        Some(lines) => {
            outln!("the lock before did not allow:");
            lines.iter().for_each(|line| outln!("  {line}"));
        }
    }
    Ok(Exit::Ok)
}

async fn push(common: &Common, file: &std::path::Path, to: &str, format: Format) -> Outcome {
    let host = context::host(common)?;
    let pushed = dpone_run::authority::push(&host, file, to).await?;
    match format {
        Format::Json => output::json(&serde_json::json!({ "uses": pushed.to_string() })),
        Format::Text | Format::Md => outln!("{pushed}"),
    }
    Ok(Exit::Ok)
}

async fn list(common: &Common) -> Outcome {
    let host = context::host(common)?;
    let sandbox = sandbox(&host)?;
    for builtin in dpone_builtins::all() {
        let loaded = sandbox.load(builtin.bytes.to_vec(), builtin.name).await?;
        print_line(&format!("builtin:{}", builtin.name), loaded.inspection());
    }
    for folder in &host.finder.plugin_path {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        files.sort();
        for file in files {
            let shown = file.display().to_string();
            let loaded = match host.finder.find(&shown, &host.workdir).await {
                Ok(found) => sandbox.load(found.bytes, &found.from).await,
                Err(report) => Err(report),
            };
            match loaded {
                Ok(loaded) => print_line(&shown, loaded.inspection()),
                Err(report) => outln!("{shown}  refused: {}", Report::message(&report)),
            }
        }
    }
    Ok(Exit::Ok)
}

fn print_line(uses: &str, inspection: &Inspection) {
    outln!(
        "{uses:<32} {:<10} {} {}",
        inspection.kind.to_string(),
        inspection.identity.version,
        short(&inspection.identity.sha256)
    );
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
