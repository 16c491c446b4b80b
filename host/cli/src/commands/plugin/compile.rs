//! `dpone plugin compile`: fills the cache of compiled components, for an image or a first run without a wait.

use crate::Outcome;
use crate::args::{Common, Format, PluginCompile};
use crate::context;
use crate::output::{self, outln};
use dpone_model::{Exit, Report, codes, human};
use dpone_run::Host;
use dpone_run::plugins::{Compiled, compile_ahead};
use dpone_run::{Request, check};
use std::path::Path;
use std::time::Duration;

/// A component to compile, under the name by which the command line or a manifest has it.
struct Component {
    uses: String,
    bytes: Vec<u8>,
}

pub async fn compile(common: &Common, args: PluginCompile) -> Outcome {
    let host = context::host(common)?;
    let mut components = Vec::new();
    if args.builtins {
        let of = |builtin: &dpone_builtins::Builtin| Component {
            uses: format!("builtin:{}", builtin.name),
            bytes: builtin.bytes.to_vec(),
        };
        components.extend(dpone_builtins::all().iter().map(of));
    }
    let mut failed = Vec::new();
    for named in &args.named {
        match find(&host, common, named).await {
            Ok(found) => components.extend(found),
            Err(report) => failed.push(report),
        }
    }
    let mut compiled = Vec::new();
    for Component { uses, bytes } in components {
        match compile_ahead(&host, bytes, &uses).await {
            Ok(one) => {
                if args.format != Format::Json {
                    print_line(&one);
                }
                compiled.push(one);
            }
            Err(report) => failed.push(report),
        }
    }
    if args.format == Format::Json {
        output::json(&compiled);
    }
    Report::all(failed).map_or(Ok(Exit::Ok), Err)
}

/// A component, or all of a manifest's.
async fn find(host: &Host, common: &Common, named: &str) -> Result<Vec<Component>, Report> {
    if !is_manifest(&host.workdir.join(named))? {
        let found = host.finder.find(named, &host.workdir).await?;
        return Ok(vec![Component { uses: named.to_owned(), bytes: found.bytes }]);
    }
    let request = Request { manifest: named.into(), profile: common.profile.clone(), ..Request::default() };
    let plugins = check(host, &request, None).await?.plugins;
    Ok(plugins.into_iter().map(|found| Component { uses: found.plugin.uses, bytes: found.bytes }).collect())
}

/// Whether it is a file that does not begin as WebAssembly does. What is no file is found as `uses` is.
fn is_manifest(path: &Path) -> Result<bool, Report> {
    use std::io::Read;
    if !path.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(4).read_to_end(&mut start));
    read.map_err(|cause| Report::new(&codes::disk::IO, format!("{}: {cause}", path.display())))?;
    Ok(start != b"\0asm")
}

fn print_line(compiled: &Compiled) {
    let how = if compiled.cached { "compiled before" } else { "compiled" };
    outln!(
        "{}  {} {}  {how} in {}",
        compiled.uses,
        compiled.identity.name,
        compiled.identity.version,
        human::duration(Duration::from_millis(compiled.compile_ms.into())),
    );
    outln!("    sha256 {}", compiled.identity.sha256);
    outln!("    {}", compiled.file.display());
}
