//! The parts of a new plugin project: a language's template for one kind, the SDK of exactly this
//! host, and the contract. Nothing is fetched, so it works offline.
//!
//! One rule for all templates: a file that is named after a kind (`check.py`, `test_check.py`,
//! `check.test.js`) is written for that kind alone, as `plugin` (in Rust as `src/lib.rs`); what lies
//! under `cases/KIND` is written to `cases`; all else is written as it stands. `{{name}}`,
//! `{{class}}` and `{{module}}` are filled in. Cases that all languages share lie beside their folders;
//! what each answers to them, in the language's own.

use std::borrow::Cow;

/// Path and content of everything that is embedded.
static KIT: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// The kinds of plugin, as the templates name them.
pub const KINDS: [&str; 5] = ["extractor", "transform", "check", "slicer", "signer"];

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    Python,
    JavaScript,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::JavaScript];

    /// Its folder under `sdk/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    /// The file by which a project of this language is known.
    pub fn project_file(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "pyproject.toml",
            Self::JavaScript => "package.json",
        }
    }
}

/// A plugin's name in the spellings that code needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `big-orders`
    pub name: String,
    /// `BigOrders`
    pub class: String,
    /// `big_orders`
    pub module: String,
}

/// Longest name; the host takes no longer one from a component.
const MAX_NAME: usize = 64;

/// Words of the languages, and packages that a project depends on: cargo, pip or npm would take the
/// plugin for them.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dpone",
    "dpone-sdk",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "node-modules",
    "override",
    "package",
    "plugin",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde-json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "vendor",
    "virtual",
    "where",
    "while",
    "wit-bindgen",
    "yield",
];

/// Names that the templates' own code uses; a class of that name would hide them.
const CLASSES: &[&str] = &[
    "Batch",
    "Check",
    "Column",
    "Context",
    "Counts",
    "Decimal",
    "Edits",
    "Encoding",
    "Error",
    "Extractor",
    "Hash",
    "HashSet",
    "Kind",
    "Needs",
    "Number",
    "Option",
    "Options",
    "Outcome",
    "Outgoing",
    "Page",
    "PluginError",
    "Records",
    "Request",
    "Result",
    "Sequence",
    "Signature",
    "Signer",
    "Slice",
    "SliceContext",
    "SliceStep",
    "Slicer",
    "State",
    "Step",
    "String",
    "Term",
    "Transform",
    "Unchanged",
    "Value",
    "Vec",
    "Verdict",
    "Ok",
    "Err",
    "Some",
    "None",
    "Self",
    "Serialize",
    "Deserialize",
];

impl Names {
    /// The spellings of a name, or why it is none.
    pub fn of(name: &str) -> Result<Self, String> {
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let words: Vec<&str> = name.split('-').collect();
        if name.len() > MAX_NAME
            || !words.iter().copied().all(is_word)
            || !name.starts_with(|c: char| c.is_ascii_lowercase())
        {
            return Err(format!(
                "a plugin's name is up to {MAX_NAME} lower case letters and digits in words joined by `-`, such as `big-orders`"
            ));
        }
        let class: String = words.iter().map(|word| capitalized(word)).collect();
        if TAKEN.contains(&name) || CLASSES.contains(&class.as_str()) {
            return Err(format!("the name means something else in a plugin's code; add a word, such as `my-{name}`"));
        }
        Ok(Self { name: name.to_owned(), class, module: words.join("_") })
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", &self.name).replace("{{class}}", &self.class).replace("{{module}}", &self.module)
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// The languages that this build carries a template and an SDK for.
pub fn languages() -> impl Iterator<Item = Language> {
    let has = |path: String| KIT.iter().any(|(known, _)| *known == path);
    Language::ALL.into_iter().filter(move |language| {
        let (name, file) = (language.name(), language.project_file());
        has(format!("template/{name}/{file}")) && has(format!("sdk/{name}/{file}"))
    })
}

/// The files of a new project, by their paths in it. Empty where this build has no such template.
pub fn files(kind: &str, language: Language, names: &Names) -> Vec<(String, Cow<'static, [u8]>)> {
    if !languages().any(|known| known == language) {
        return Vec::new();
    }
    let template = format!("template/{}/", language.name());
    let sdk = format!("sdk/{}/", language.name());
    let placed = KIT.iter().filter_map(|(path, content)| {
        if let Some(rest) = path.strip_prefix("template/").filter(|rest| rest.starts_with("cases/")) {
            return Some((target(rest, kind, language)?, Cow::Borrowed(*content)));
        }
        if let Some(rest) = path.strip_prefix(&template) {
            let text = std::str::from_utf8(content).map(|text| names.fill(text).into_bytes());
            return Some((target(rest, kind, language)?, text.map_or(Cow::Borrowed(*content), Cow::Owned)));
        }
        let vendored = match path.strip_prefix(&sdk) {
            Some(rest) => format!("vendor/dpone-sdk/{rest}"),
            None => format!("vendor/{}", path.strip_prefix("wit/").map(|rest| format!("wit/{rest}"))?),
        };
        Some((vendored, Cow::Borrowed(*content)))
    });
    placed.collect()
}

/// Where a template's file goes; `None` for those of another kind.
fn target(path: &str, kind: &str, language: Language) -> Option<String> {
    if let Some(rest) = path.strip_prefix("cases/") {
        return Some(format!("cases/{}", rest.strip_prefix(kind)?.strip_prefix('/')?));
    }
    let owner = KINDS.into_iter().find(|known| {
        let stem = path.strip_prefix("test_").unwrap_or(path).split('.').next();
        stem == Some(*known)
    });
    match owner {
        None => Some(path.to_owned()),
        Some(owner) if owner != kind => None,
        Some(_) if language == Language::Rust => Some("src/lib.rs".to_owned()),
        Some(_) => Some(path.replacen(kind, "plugin", 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_spellings() {
        let names = Names::of("big-orders2").unwrap();
        assert_eq!((names.class.as_str(), names.module.as_str()), ("BigOrders2", "big_orders2"));
        for wrong in ["", "Orders", "a_b", "1st", "-a", "a-", "a--b", "../x", "a/b", "type", "serde", "page", "é"] {
            assert!(Names::of(wrong).is_err(), "{wrong}");
        }
        assert!(Names::of(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_kinds_files_are_written_for_it_alone() {
        for (path, kind, language, placed) in [
            ("check.py", "check", Language::Python, Some("plugin.py")),
            ("test_check.py", "check", Language::Python, Some("test_plugin.py")),
            ("check.test.js", "check", Language::JavaScript, Some("plugin.test.js")),
            ("check.rs", "check", Language::Rust, Some("src/lib.rs")),
            ("check.py", "signer", Language::Python, None),
            ("cases/check/first/case.yaml", "check", Language::Python, Some("cases/first/case.yaml")),
            ("cases/check/first/case.yaml", "signer", Language::Python, None),
            (".gitignore", "check", Language::Python, Some(".gitignore")),
        ] {
            assert_eq!(target(path, kind, language).as_deref(), placed, "{path} for {kind}");
        }
    }

    #[test]
    fn a_project_is_whole_and_has_no_placeholder_left() {
        let names = Names::of("orders").unwrap();
        assert!(languages().any(|language| language == Language::Rust));
        for language in languages() {
            for kind in KINDS {
                let files = files(kind, language, &names);
                let has = |path: &str| files.iter().any(|(known, _)| known == path);
                for path in [language.project_file(), "README.md", ".gitignore", "vendor/wit/types.wit"] {
                    assert!(has(path), "{kind} in {} has no {path}", language.name());
                }
                assert!(has(&format!("vendor/dpone-sdk/{}", language.project_file())));
                for (path, content) in files.iter().filter(|(path, _)| !path.starts_with("vendor/")) {
                    let text = String::from_utf8_lossy(content);
                    assert!(!["{{name}}", "{{class}}", "{{module}}"].iter().any(|p| text.contains(p)), "{path}");
                }
            }
        }
    }

    #[test]
    fn the_vendored_sdk_stands_alone() {
        let files = files("check", Language::Rust, &Names::of("orders").unwrap());
        let text = |path: &str| {
            let (_, content) = files.iter().find(|(known, _)| known == path).unwrap();
            String::from_utf8_lossy(content).into_owned()
        };
        let manifest = text("vendor/dpone-sdk/Cargo.toml");
        assert!(!manifest.contains("workspace = "), "{manifest}");
        assert!(manifest.contains("wit-bindgen = {"), "{manifest}");
        assert!(text("vendor/dpone-sdk/src/bindings.rs").contains("path: \"../wit\""));
    }
}
