//! The tree as a page that a person reads.

use super::Document;
use super::entries::{Entry, Section, sections};
use super::key::{Key, Support, Takes};
use super::plugin::{SHARED, USES};

/// How values with a unit are written.
const VALUES: &str = "\
A duration is a number of seconds, or `500ms`, `30s`, `5m`, `2h`, `1d`, `1h30m`. A size is a number of bytes, or \
`64KiB`, `64MiB`, `20GB`.";

impl Document {
    /// The whole page.
    pub fn markdown(&self) -> String {
        let mut page = format!("# {} reference\n\n", capitalised(self.name));
        page.push_str("<!-- Made by `cargo dev docs` of the tree of keys; a test holds the two together. -->\n\n");
        page.push_str(&format!("{}\n\n", self.about));
        let entries = self.entries();
        if entries.iter().any(|entry| is_measured(entry.key.takes)) {
            page.push_str(&format!("{VALUES}\n\n"));
        }
        page.push_str(&format!(
            "The same as JSON Schema, for editors, is [`{name}.schema.json`]({name}.schema.json); `dpone schema {name}` \
             prints it. `dpone explain KEY` prints one key.\n",
            name = self.name
        ));
        if let Some(least) = self.least() {
            page.push_str(&format!("\nThe least that it holds:\n\n```yaml\n{least}```\n"));
        }
        let root = Section { form: None, groups: self.keys.to_vec() };
        page.push_str(&table(&root.keys().collect::<Vec<_>>(), "", self));
        for entry in entries.iter().filter(|entry| self.is_described(&entry.path)) {
            page.push_str(&self.block(entry));
        }
        if entries.iter().any(|entry| matches!(entry.key.takes.inner(), Takes::Plugin(..))) {
            page.push_str(&plugins(self));
        }
        page
    }

    fn is_described(&self, path: &str) -> bool {
        !self.elsewhere.iter().any(|(at, _)| path == *at || path.starts_with(&format!("{at}.")))
    }

    /// The section of a key whose value has keys.
    fn block(&self, entry: &Entry) -> String {
        let sections = sections(entry.key.takes);
        // The keys of every plugin stand at the end of the page.
        let is_of_plugins =
            SHARED.iter().any(|key| entry.path.ends_with(&format!(".{}", key.name)) && key == entry.key);
        if sections.is_empty() || is_of_plugins {
            return String::new();
        }
        let mut page = format!("\n## `{}`\n\n{}\n", entry.path, entry.key.about);
        if !entry.key.example.is_empty() {
            page.push_str(&format!("\n```yaml\n{}```\n", entry.shown()));
        }
        let is_plugin = matches!(entry.key.takes.inner(), Takes::Plugin(..));
        if is_plugin {
            page.push_str("\nThe keys of [every plugin](#keys-of-every-plugin), and:\n");
        }
        for section in sections {
            let own = |key: &&Key| !is_plugin || !SHARED.iter().chain(USES).any(|shared| shared == *key);
            let keys: Vec<&Key> = section.keys().filter(own).collect();
            if let Some(form) = section.form {
                page.push_str(&format!("\n### `{}`, `type: {}`\n\n{}\n", entry.path, form.name, form.about));
            }
            page.push_str(&table(&keys, &entry.below(), self));
        }
        page
    }
}

/// The keys that are the same in every plugin's block.
fn plugins(document: &Document) -> String {
    let mut page = "\n## Keys of every plugin\n\n".to_owned();
    page.push_str(
        "A plugin is a component: a built-in one by `type`, with its options beside it, or any by `uses`, with its \
         options under `with`.\n",
    );
    page.push_str(&table(&USES.iter().chain(SHARED).collect::<Vec<_>>(), "", document));
    for key in SHARED {
        for section in sections(key.takes) {
            page.push_str(&format!("\n### `{}` of a plugin\n\n{}\n", key.name, key.about));
            page.push_str(&table(&section.keys().collect::<Vec<_>>(), "", document));
        }
    }
    page
}

fn table(keys: &[&Key], at: &str, document: &Document) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let has_fields = keys.iter().any(|key| key.field.is_some());
    let (title, rule) = if has_fields { (" environment, Vault |", "---|") } else { ("", "") };
    let mut table = format!("\n| key | takes | default | meaning | example |{title}\n|---|---|---|---|---|{rule}\n");
    for key in keys {
        let path = if at.is_empty() { key.name.to_owned() } else { format!("{at}.{}", key.name) };
        table.push_str(&format!(
            "| {} | {} | {} | {} | {} |",
            name(key, &path, document),
            cell(&key.takes_in_words()),
            cell(&key.default_in_words()),
            cell(&meaning(key)),
            cell(&example(key))
        ));
        if has_fields {
            let field =
                key.field.map_or_else(String::new, |field| format!("`…_{}`, `{field}`", field.to_ascii_uppercase()));
            table.push_str(&format!(" {field} |"));
        }
        table.push('\n');
    }
    table
}

/// The key's name, which leads to its section where it has one.
fn name(key: &Key, path: &str, document: &Document) -> String {
    let elsewhere = document.elsewhere.iter().find(|(at, _)| *at == path);
    let link = match elsewhere {
        Some((_, file)) => (*file).to_owned(),
        None if sections(key.takes).is_empty() => return format!("`{}`", key.name),
        None if SHARED.contains(key) => format!("#{}-of-a-plugin", key.name),
        None => format!("#{}", anchor(path)),
    };
    format!("[`{}`]({link})", key.name)
}

/// The name that a heading gets as a target of links.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    kept.flat_map(char::to_lowercase).collect()
}

/// Whether a value has a unit.
fn is_measured(takes: Takes) -> bool {
    matches!(takes, Takes::Duration | Takes::PositiveDuration | Takes::WordOrDuration(_) | Takes::Size(..))
}

/// The meaning with that of each word.
fn meaning(key: &Key) -> String {
    let mut lines = Vec::new();
    match (key.older_than, key.support) {
        (Some(newer), _) => {
            lines.push(format!("The spelling of dpone 0.88 for `{newer}`. {}", key.about).trim_end().to_owned())
        }
        (None, Support::Later) => lines.push(format!("Not yet: `check` refuses it. {}", key.about)),
        (None, Support::OnlyDefault) => lines.push(format!("{} Not yet: only the default works.", key.about)),
        (None, Support::Full) => lines.push(key.about.to_owned()),
    }
    for word in key.words().iter().filter(|word| word.is_later || !word.about.is_empty()) {
        let later = if word.is_later { " Not yet." } else { "" };
        lines.push(format!("`{}`: {}{later}", word.name, word.about).replace(":  ", ": "));
    }
    lines.join("<br>")
}

fn example(key: &Key) -> String {
    // A block's example stands in its own section.
    if key.example.is_empty() || !sections(key.takes).is_empty() {
        return String::new();
    }
    let beside: Vec<String> = key.beside.iter().map(|(name, value)| format!("`{name}: {value}`")).collect();
    let with = if beside.is_empty() { String::new() } else { format!(" beside {}", beside.join(", ")) };
    format!("`{}: {}`{with}", key.name, key.example)
}

/// Text that does not end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
