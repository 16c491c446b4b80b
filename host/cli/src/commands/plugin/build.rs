//! `dpone plugin build`: the language's own tools, and the component put into the project once the
//! sandbox has let it in.

use super::project::Project;
use crate::Outcome;
use crate::args::Common;
use crate::context;
use crate::output::{self, errln, outln};
use dpone_builtins::project::Language;
use dpone_guests::{Caller, Packages, Target, Workspace};
use dpone_model::{Exit, Report, codes};
use dpone_run::plugins::author_sandbox;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

pub async fn build(common: &Common, dir: &Path) -> Outcome {
    let started = Instant::now();
    let project = Project::open(dir)?;
    let scratch = project.scratch();
    std::fs::create_dir_all(&scratch).map_err(|cause| io(&scratch, &cause))?;
    // Nothing in it belongs into version control, whatever the project ignores.
    let ignore = scratch.join(".gitignore");
    std::fs::write(&ignore, "*\n").map_err(|cause| io(&ignore, &cause))?;
    let made = match project.language {
        Language::Rust => rust(&project)?,
        Language::Python => python(&project)?,
        Language::JavaScript => javascript(&project)?,
    };
    let bytes = std::fs::read(&made).map_err(|cause| io(&made, &cause))?;
    let built = started.elapsed();
    let loaded = author_sandbox(&context::host(common)?)?.load(bytes, &project.name).await?;
    let component = project.component();
    put(&made, &component)?;
    let inspection = loaded.inspection();
    let identity = &inspection.identity;
    outln!("{}: {} {} {}", component.display(), inspection.kind, identity.name, identity.version);
    outln!("size    {} ({} bytes)", dpone_model::human::bytes(inspection.size), inspection.size);
    outln!("sha256  {}", identity.sha256);
    outln!("time    {:.1} s to build, {:.1} s to compile and load", built.as_secs_f64(), {
        started.elapsed().saturating_sub(built).as_secs_f64()
    });
    Ok(Exit::Ok)
}

fn rust(project: &Project) -> Result<PathBuf, Report> {
    // Cargo runs in the project's folder, so a relative path would mean another place to it.
    let (dir, out) = (absolute(&project.dir)?, absolute(&project.scratch())?);
    let workspace =
        Workspace { dir: &dir, out: &out, target: Target::Unknown, packages: Packages::Own, caller: Caller::Person };
    let built = dpone_guests::build_workspace(&workspace).map_err(|error| guests_report(&error))?;
    match built.as_slice() {
        [one] => Ok(one.path.clone()),
        [] => Err(Report::new(&codes::plugin::BUILD_FAILED, format!("{} makes no component", project.dir.display()))
            .hint("give its Cargo.toml a `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]`")),
        _ => Err(Report::new(
            &codes::plugin::BUILD_FAILED,
            format!("{} makes several components", project.dir.display()),
        )
        .hint("a project is one plugin; build the members of a workspace one by one")),
    }
}

fn guests_report(error: &dpone_guests::Error) -> Report {
    use dpone_guests::Error;
    match error {
        Error::Run { program, source } if source.kind() == std::io::ErrorKind::NotFound => {
            missing(program, "install Rust with rustup (https://rustup.rs), or your distribution's cargo")
        }
        Error::NoRustup { .. } => Report::new(&codes::plugin::TOOL_MISSING, error.to_string()),
        other => Report::new(&codes::plugin::BUILD_FAILED, other.to_string()),
    }
}

/// A virtual environment of the project's own, made anew when the SDK or the project file changes.
fn python(project: &Project) -> Result<PathBuf, Report> {
    let scratch = absolute(&project.scratch())?;
    let (venv, mark) = (scratch.join("venv"), scratch.join("installed"));
    let python = venv.join("bin/python");
    let wanted = inputs(project)?;
    let hint = "install Python 3.10 or newer with venv and pip (Debian: `apt install python3 python3-venv`)";
    if std::fs::read_to_string(&mark).ok().as_deref() != Some(&wanted) || !python.exists() {
        note("making a virtual environment in .dpone-build and installing the SDK's build tools, once");
        // The mark goes first, so that an installation that stops half-way is not taken for a whole one.
        let _ = std::fs::remove_file(&mark);
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv), &project.dir, hint)?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(install.arg("./vendor/dpone-sdk[build]").args(python_requirements(project)?), &project.dir, hint)?;
        std::fs::write(&mark, &wanted).map_err(|cause| io(&mark, &cause))?;
    }
    let out = new_output(&scratch)?;
    let mut build = Command::new(&python);
    build.args(["-m", "dpone_sdk.build", ".", "--wit", "vendor/wit", "--out"]).arg(&out);
    run(&mut build, &project.dir, hint)?;
    Ok(out)
}

/// The project's dependencies besides the SDK, which is vendored: the strings of
/// `project.dependencies`.
fn python_requirements(project: &Project) -> Result<Vec<String>, Report> {
    let file = project.dir.join("pyproject.toml");
    let text = std::fs::read_to_string(&file).map_err(|cause| io(&file, &cause))?;
    Ok(requirements(&text))
}

fn requirements(pyproject: &str) -> Vec<String> {
    let table = pyproject.lines().skip_while(|line| line.trim() != "[project]").skip(1);
    let table: Vec<&str> = table.take_while(|line| !line.starts_with('[')).collect();
    let text = table.join("\n");
    let Some((_, list)) =
        text.split_once("\ndependencies").or_else(|| text.strip_prefix("dependencies").map(|t| ("", t)))
    else {
        return Vec::new();
    };
    let Some(list) = list.trim_start().strip_prefix('=').and_then(|list| list.trim_start().strip_prefix('[')) else {
        return Vec::new();
    };
    let (mut found, mut rest) = (Vec::new(), list);
    // Brackets occur inside of the strings too (`name[extra]`), so the strings are taken one by one.
    while let Some(at) = rest.find(['"', '\'', ']', '#']) {
        let (mark, after) = rest.get(at..at + 1).zip(rest.get(at + 1..)).unwrap_or_default();
        rest = match mark {
            "#" => after.split_once('\n').map_or("", |(_, next)| next),
            "]" | "" => break,
            quote => {
                let (text, next) = after.split_once(quote).unwrap_or((after, ""));
                found.push(text.to_owned());
                next
            }
        };
    }
    let is_sdk = |text: &String| {
        let rest = text.strip_prefix("dpone-sdk").or_else(|| text.strip_prefix("dpone_sdk"));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-_.".contains(c)))
    };
    found.retain(|text| !is_sdk(text));
    found
}

/// The packages are installed once, and again when the SDK or the project file changes.
fn javascript(project: &Project) -> Result<PathBuf, Report> {
    let scratch = absolute(&project.scratch())?;
    let mark = scratch.join("installed");
    let wanted = inputs(project)?;
    let hint = "install Node.js 20 or newer with npm (Debian: `apt install nodejs npm`)";
    let is_there = project.dir.join("node_modules").is_dir();
    if std::fs::read_to_string(&mark).ok().as_deref() != Some(&wanted) || !is_there {
        note("installing the project's packages, once");
        let _ = std::fs::remove_file(&mark);
        let mut install = Command::new("npm");
        run(install.args(["install", "--no-audit", "--no-fund"]), &project.dir, hint)?;
        std::fs::write(&mark, &wanted).map_err(|cause| io(&mark, &cause))?;
    }
    let out = new_output(&scratch)?;
    let mut build = Command::new("npx");
    // Never a package of that name that npx would fetch.
    build.args(["--no", "--", "dpone-sdk-build", ".", "--wit", "vendor/wit", "--out"]).arg(&out);
    run(&mut build, &project.dir, hint)?;
    Ok(out)
}

/// Where a tool is to write. What an earlier build left goes, so that it is never taken for this one's.
fn new_output(scratch: &Path) -> Result<PathBuf, Report> {
    let out = scratch.join("component.wasm");
    match std::fs::remove_file(&out) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(io(&out, &cause)),
        _ => Ok(out),
    }
}

/// Runs a tool in the project's folder. What it says goes to stderr as it comes: stdout is for results.
fn run(command: &mut Command, dir: &Path, hint: &str) -> Result<(), Report> {
    let program = command.get_program().to_string_lossy().into_owned();
    let shown: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
    command.current_dir(dir).stdin(Stdio::null()).stdout(output::messages_of_a_child());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let name = Path::new(&program).file_name().map_or(program.clone(), |n| n.to_string_lossy().into_owned());
            let message = format!("`{name} {}` ended with {status}; what it said is above", shown.join(" "));
            Err(Report::new(&codes::plugin::BUILD_FAILED, message))
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Err(missing(&program, hint)),
        Err(cause) => Err(Report::new(&codes::plugin::BUILD_FAILED, format!("cannot run {program}: {cause}"))),
    }
}

/// Digest of everything that an installation depends on: the project's own place too, which a virtual
/// environment has in its files.
fn inputs(project: &Project) -> Result<String, Report> {
    let root = project.dir.canonicalize().map_err(|cause| io(&project.dir, &cause))?;
    let mut hash = Sha256::new();
    let mut files = vec![root.join(project.language.project_file())];
    files_below(&root.join("vendor/dpone-sdk"), &mut files)?;
    for file in files {
        let content = std::fs::read(&file).map_err(|cause| io(&file, &cause))?;
        for part in [file.as_os_str().as_encoded_bytes(), &content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// Sorted, without what builds of the SDK leave there.
fn files_below(dir: &Path, found: &mut Vec<PathBuf>) -> Result<(), Report> {
    const LITTER: [&str; 4] = ["node_modules", "__pycache__", "build/lib", "dpone_sdk.egg-info"];
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<_> = entries.map_err(|cause| io(dir, &cause))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if LITTER.iter().any(|litter| path.ends_with(litter)) {
            continue;
        }
        if path.is_dir() {
            files_below(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Copies beside the target and renames, so that a manifest that names the component never sees
/// half of it.
fn put(made: &Path, component: &Path) -> Result<(), Report> {
    let name = component.file_name().unwrap_or_default().to_string_lossy();
    let beside = component.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let put = std::fs::copy(made, &beside).and_then(|_| std::fs::rename(&beside, component));
    put.map_err(|cause| {
        let _ = std::fs::remove_file(&beside);
        io(component, &cause)
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Report> {
    std::path::absolute(path).map_err(|cause| io(path, &cause))
}

fn missing(program: &str, hint: &str) -> Report {
    Report::new(&codes::plugin::TOOL_MISSING, format!("{program} is not installed")).hint(hint)
}

fn note(text: &str) {
    errln!("note: {text}");
}

fn io(path: &Path, cause: &std::io::Error) -> Report {
    Report::new(&codes::disk::IO, format!("{}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_besides_the_sdk_are_installed() {
        for (text, expected) in [
            ("[project]\nname = \"a\"\ndependencies = [\"dpone-sdk\"]\n", vec![]),
            (
                "[project]\ndependencies = [\n  \"dpone-sdk[build]>=0.1\", # ours\n  'python-dateutil[x]>=2',\n]\n",
                vec!["python-dateutil[x]>=2"],
            ),
            ("[project]\nname = \"a\"\n[tool.x]\ndependencies = [\"b\"]\n", vec![]),
            ("[project]\ndependencies = [\"dpone-sdk-extra\"]\n", vec!["dpone-sdk-extra"]),
        ] {
            assert_eq!(requirements(text), expected, "{text}");
        }
    }
}
