//! A plugin's project on disk: its language, its name, and where its component goes.

use dpone_builtins::project::Language;
use dpone_model::{Place, Report, codes};
use std::path::{Path, PathBuf};

pub struct Project {
    pub dir: PathBuf,
    pub language: Language,
    pub name: String,
}

impl Project {
    /// Knows the language by its project file, which also names the plugin.
    pub fn open(dir: &Path) -> Result<Self, Report> {
        let found = Language::ALL.into_iter().find(|language| dir.join(language.project_file()).is_file());
        let language = found.ok_or_else(|| {
            let files = Language::ALL.map(Language::project_file).join(", ");
            let message = format!("{} has none of {files}", dir.display());
            Report::new(&codes::plugin::NO_PROJECT, message)
                .hint("name the project's folder, or write a new one with `dpone plugin new`")
        })?;
        let file = dir.join(language.project_file());
        let text = std::fs::read_to_string(&file)
            .map_err(|cause| Report::new(&codes::disk::IO, format!("{}: {cause}", file.display())))?;
        let name = match language {
            Language::Rust => toml_name(&text, "[package]"),
            Language::Python => toml_name(&text, "[project]"),
            Language::JavaScript => json_name(&text),
        };
        let is_name = |name: &String| {
            !name.is_empty()
                && name.len() <= 64
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let name = name.filter(is_name).ok_or_else(|| {
            let place = Place::Named { what: "file".into(), name: file.display().to_string() };
            Report::new(
                &codes::plugin::NO_PROJECT,
                "the project's name is missing, or no name of 1 to 64 letters, digits or `-_.`",
            )
            .at(place)
            .hint("the component is named after it")
        })?;
        Ok(Self { dir: dir.to_owned(), language, name })
    }

    /// `NAME.wasm` in the project's folder.
    pub fn component(&self) -> PathBuf {
        self.dir.join(format!("{}.wasm", self.name))
    }

    /// Where builds keep what they need again.
    pub fn scratch(&self) -> PathBuf {
        self.dir.join(".dpone-build")
    }
}

/// `name` in a table of a TOML file. Cargo and the Python build read the file whole and say what is
/// wrong with it; here it is only asked for one string.
fn toml_name(text: &str, table: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != table).skip(1);
    let mut lines = lines.take_while(|line| !line.starts_with('['));
    let value = lines.find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('=').map(str::trim))?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next().map(str::to_owned)
}

/// Without the scope, which says who publishes a package.
fn json_name(text: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(text).ok()?;
    let name = document.get("name")?.as_str()?;
    Some(name.rsplit('/').next().unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_project_files() {
        let toml = "[build-system]\nname = \"x\"\n[project]\nversion = \"1\"\nname = 'orders' # a comment\n[tool]\nname=\"y\"\n";
        assert_eq!(toml_name(toml, "[project]").as_deref(), Some("orders"));
        assert_eq!(toml_name(toml, "[package]"), None);
        assert_eq!(json_name(r#"{"name":"@team/orders"}"#).as_deref(), Some("orders"));
        assert_eq!(json_name("{"), None);
    }
}
