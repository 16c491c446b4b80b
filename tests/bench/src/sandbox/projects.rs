//! The benchmark's own plugins, built as an author builds them: `dpone plugin new`, the source in its
//! place, `dpone plugin build`. What was built stays beside the executables for the next time.

use crate::Outcome;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A plugin's source in one language, and where a project of that language has it.
pub struct Source {
    pub name: &'static str,
    /// As `plugin new --lang` takes it.
    pub language: &'static str,
    file: &'static str,
    text: &'static str,
    /// Further lines of its Cargo.toml's dependencies.
    dependencies: &'static str,
}

pub const CAPITALS: [Source; 3] = [
    Source {
        name: "capitals-rust",
        language: "rust",
        file: "src/lib.rs",
        text: include_str!("../../plugins/capitals.rs"),
        dependencies: "",
    },
    Source {
        name: "capitals-python",
        language: "python",
        file: "plugin.py",
        text: include_str!("../../plugins/capitals.py"),
        dependencies: "",
    },
    Source {
        name: "capitals-javascript",
        language: "javascript",
        file: "plugin.js",
        text: include_str!("../../plugins/capitals.js"),
        dependencies: "",
    },
];

pub const REDACT: Source = Source {
    name: "redact",
    language: "rust",
    file: "src/lib.rs",
    text: include_str!("../../plugins/redact.rs"),
    dependencies: "serde_json = { version = \"1\", features = [\"raw_value\"] }\n",
};

pub const SPIN: Source = Source {
    name: "spin",
    language: "rust",
    file: "src/lib.rs",
    text: include_str!("../../plugins/spin.rs"),
    dependencies: "",
};

impl Source {
    /// The component's bytes, built where those of an earlier time are not of this source and this
    /// `dpone`. An error is what the language's tools said last.
    pub fn component(&self, dpone: &Path, folder: &Path) -> Outcome<Vec<u8>> {
        let project = folder.join(self.name);
        let component = project.join(format!("{}.wasm", self.name));
        if !self.is_current(dpone, &component, &project.join(self.file)) {
            if project.exists() {
                std::fs::remove_dir_all(&project)?;
            }
            std::fs::create_dir_all(folder)?;
            run(dpone, folder, &["plugin", "new", self.name, "--kind", "transform", "--lang", self.language])?;
            std::fs::write(project.join(self.file), self.text)?;
            self.add_dependencies(&project)?;
            run(dpone, folder, &["plugin", "build", self.name])?;
        }
        Ok(std::fs::read(component)?)
    }

    fn is_current(&self, dpone: &Path, component: &Path, source: &Path) -> bool {
        let modified = |path: &Path| std::fs::metadata(path).and_then(|of| of.modified()).ok();
        let newer = modified(component).zip(modified(dpone)).is_some_and(|(component, dpone)| component > dpone);
        newer && std::fs::read_to_string(source).is_ok_and(|text| text == self.text)
    }

    fn add_dependencies(&self, project: &Path) -> Outcome {
        if self.dependencies.is_empty() {
            return Ok(());
        }
        let file = project.join("Cargo.toml");
        let text = std::fs::read_to_string(&file)?;
        let table = "[dependencies]\n";
        std::fs::write(&file, text.replace(table, &format!("{table}{}", self.dependencies)))?;
        Ok(())
    }
}

fn run(dpone: &Path, folder: &Path, arguments: &[&str]) -> Outcome {
    let output = Command::new(dpone).args(arguments).current_dir(folder).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("`dpone {}` ended with {}: {last}", arguments.join(" "), output.status).into())
}

/// Where projects and compiled code are kept: beside the executables, so that `cargo clean` takes them
/// away.
pub fn folder(bench: &Path) -> PathBuf {
    bench.with_file_name("bench-plugins")
}
