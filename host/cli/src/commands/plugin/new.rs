//! `dpone plugin new`: a project that builds, with the SDK of this host and a first recorded case.

use crate::Outcome;
use crate::args::{PluginLanguage, PluginNew};
use crate::output::outln;
use dpone_builtins::project::{self, Language, Names};
use dpone_model::{Exit, Report, codes};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

pub fn new(args: &PluginNew) -> Outcome {
    let names = Names::of(&args.name).map_err(|why| {
        Report::new(&codes::usage::PLUGIN_NAME, format!("`{}` cannot name a plugin", args.name)).hint(why)
    })?;
    let language = language(args.lang);
    let files = project::files(args.kind.name(), language, &names);
    if files.is_empty() {
        let has: Vec<_> = project::languages().map(Language::name).collect();
        let message = format!("there is no template for {}; this build has {}", language.name(), has.join(", "));
        return Err(Report::new(&codes::usage::NO_SUCH_LANGUAGE, message));
    }
    let folder = if args.dir == Path::new(".") { names.name.clone().into() } else { args.dir.join(&names.name) };
    write_whole(&folder, &files)?;
    let shown = folder.display();
    outln!("wrote {shown}: {} {} in {}", args.kind.name(), names.name, language.name());
    outln!("next:");
    outln!("  dpone plugin build {shown}");
    outln!("  dpone plugin test {shown}");
    outln!("  dpone plugin inspect {}", folder.join(format!("{}.wasm", names.name)).display());
    Ok(Exit::Ok)
}

fn language(language: PluginLanguage) -> Language {
    match language {
        PluginLanguage::Rust => Language::Rust,
        PluginLanguage::Python => Language::Python,
        PluginLanguage::Javascript => Language::JavaScript,
    }
}

/// Writes the files beside the folder and renames them into place, so that it is there whole or not
/// at all.
fn write_whole(folder: &Path, files: &[(String, Cow<'static, [u8]>)]) -> Result<(), Report> {
    if folder.symlink_metadata().is_ok() {
        return Err(Report::new(&codes::usage::FOLDER_EXISTS, format!("{} is there already", folder.display()))
            .hint("choose another name, or another folder with --dir"));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let scratch = Scratch(folder.with_file_name(format!(".{name}.{}.new", std::process::id())));
    for (path, content) in files {
        let path = scratch.0.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, content)).map_err(|cause| io(&path, &cause))?;
    }
    std::fs::rename(&scratch.0, folder).map_err(|cause| io(folder, &cause))
}

/// A folder that goes when it is not renamed.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is not there any more where everything went well.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn io(path: &Path, cause: &std::io::Error) -> Report {
    Report::new(&codes::disk::IO, format!("{}: {cause}", path.display()))
}
