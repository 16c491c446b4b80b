//! The tree of keys as a list of entries, each with its path and with an example in its place.

use super::Document;
use super::key::{Form, Key, Takes};
use super::plugin::{SHARED, USES};

/// A key in its place.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Dotted, with `[]` for the items of a list and `NAME` for a name of the user's own.
    pub path: String,
    pub key: &'static Key,
    /// The `type` that the key's block must have, where its keys depend on that.
    pub form: Option<&'static str>,
    steps: Vec<Step>,
}

/// One step from the root: a key, and the form of the block that it stands in.
#[derive(Debug, Clone, Copy)]
struct Step {
    key: &'static Key,
    form: Option<Form>,
}

/// Keys that stand in one block together: always, or with one `type`.
pub(super) struct Section {
    pub form: Option<Form>,
    pub groups: Vec<&'static [Key]>,
}

impl Section {
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.iter())
    }
}

/// The sections of a value; none where it has no keys that are known here.
pub(super) fn sections(takes: Takes) -> Vec<Section> {
    let takes = takes.inner();
    let always = match takes {
        Takes::Block(groups) => groups.to_vec(),
        Takes::Tagged(_, shared) => vec![shared],
        Takes::Plugin(_, host) => vec![host, SHARED, USES],
        _ => return Vec::new(),
    };
    let forms = takes.forms().into_iter().map(|form| Section { form: Some(form), groups: vec![form.keys] });
    std::iter::once(Section { form: None, groups: always }).chain(forms).collect()
}

impl Document {
    /// Every key of the document, parents before their children.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        walk(&Section { form: None, groups: self.keys.to_vec() }, "", &[], &mut entries);
        entries
    }

    /// A document with nothing but the keys that it must have, with their examples; `None` where it may be
    /// empty.
    pub fn least(&self) -> Option<String> {
        let mut least = String::new();
        required(&Section { form: None, groups: self.keys.to_vec() }, "", &mut least);
        (!least.is_empty()).then_some(least)
    }

    /// The keys of the block that an entry stands in, itself included; of one form, where it belongs to one.
    pub fn siblings(&self, entry: &Entry) -> Vec<&'static Key> {
        let Some([.., block, last]) = entry.steps.last_chunk::<2>().map(<[Step; 2]>::as_slice) else {
            return self.keys.iter().flat_map(|group| group.iter()).collect();
        };
        let name = |form: Option<Form>| form.map(|form| form.name);
        let sections = sections(block.key.takes);
        let own = sections.iter().filter(|section| name(section.form) == name(last.form));
        own.flat_map(Section::keys).collect()
    }
}

fn required(section: &Section, indent: &str, out: &mut String) {
    for key in section.keys().filter(|key| key.is_required) {
        match sections(key.takes).first().filter(|_| key.example.is_empty()) {
            None => out.push_str(&format!("{indent}{}: {}\n", key.name, key.example)),
            Some(inner) => {
                out.push_str(&format!("{indent}{}:\n", key.name));
                let mut indent = format!("{indent}  ");
                open(key.takes, false, out, &mut indent);
                required(inner, &indent, out);
            }
        }
    }
}

fn walk(section: &Section, at: &str, steps: &[Step], entries: &mut Vec<Entry>) {
    for key in section.keys() {
        let path = if at.is_empty() { key.name.to_owned() } else { format!("{at}.{}", key.name) };
        let mut steps = steps.to_vec();
        steps.push(Step { key, form: section.form });
        let form = section.form.map(|form| form.name);
        entries.push(Entry { path: path.clone(), key, form, steps: steps.clone() });
        for inner in sections(key.takes) {
            walk(&inner, &format!("{path}{}", suffix(key.takes)), &steps, entries);
        }
    }
}

/// The text between a key and the keys in its value.
fn suffix(takes: Takes) -> String {
    match takes {
        Takes::List(inner) => format!("[]{}", suffix(*inner)),
        Takes::Named(_, inner) => format!(".NAME{}", suffix(*inner)),
        Takes::Either(_, inner) => suffix(*inner),
        _ => String::new(),
    }
}

impl Entry {
    /// The example's value: the key's own, or the block with the keys that it must have.
    pub fn example(&self) -> String {
        if self.key.example.is_empty() { fill(self.key.takes, &[], "") } else { self.key.example.to_owned() }
    }

    /// The path that the names of keys in its value are joined to.
    pub(super) fn below(&self) -> String {
        format!("{}{}", self.path, suffix(self.key.takes))
    }

    /// Keys that stand in the key's value whatever its `type`.
    pub fn keys_below(&self) -> Vec<&'static Key> {
        sections(self.key.takes).iter().filter(|section| section.form.is_none()).flat_map(Section::keys).collect()
    }

    /// A whole document in which the key has this value: beside it stand the keys that each block must
    /// have, with their examples, and nothing else. Tests hold the examples against the reader with it.
    pub fn document(&self, of: &Document, value: &str) -> String {
        block(&[Section { form: None, groups: of.keys.to_vec() }], &self.steps, value)
    }

    /// The example as it stands in a file, from the root on, without keys that have nothing to do with it.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        let mut indent = String::new();
        let last = self.steps.len().saturating_sub(1);
        for (depth, step) in self.steps.iter().enumerate() {
            let mut lines: Vec<String> = Vec::new();
            if let Some(form) = step.form {
                lines.push(format!("type: {}", form.name));
            }
            lines.extend(step.key.beside.iter().map(|(name, value)| format!("{name}: {value}")));
            lines.push(match depth == last {
                true => format!("{}: {}", step.key.name, self.example()),
                false => format!("{}:", step.key.name),
            });
            for line in lines {
                shown.push_str(&format!("{indent}{line}\n"));
                indent = indent.replace('-', " ");
            }
            indent.push_str("  ");
            open(step.key.takes, depth == last, &mut shown, &mut indent);
        }
        shown
    }
}

/// Lines between a key and the keys in its value: the name of a mapping's entry, the dash of an item.
fn open(takes: Takes, is_last: bool, shown: &mut String, indent: &mut String) {
    match takes {
        _ if is_last => {}
        Takes::List(inner) => {
            indent.push_str("- ");
            open(*inner, is_last, shown, indent);
        }
        Takes::Named(name, inner) => {
            shown.push_str(&format!("{indent}{name}:\n"));
            indent.push_str("  ");
            open(*inner, is_last, shown, indent);
        }
        Takes::Either(_, inner) => open(*inner, is_last, shown, indent),
        _ => {}
    }
}

/// A value in which the steps lead to `value`; without steps, what it must hold.
fn fill(takes: Takes, steps: &[Step], value: &str) -> String {
    match takes {
        Takes::List(inner) => format!("[{}]", fill(*inner, steps, value)),
        Takes::Named(name, inner) => format!("{{ {name}: {} }}", fill(*inner, steps, value)),
        Takes::Either(_, inner) => fill(*inner, steps, value),
        Takes::Block(_) | Takes::Tagged(..) | Takes::Plugin(..) => block(&sections(takes), steps, value),
        _ => value.to_owned(),
    }
}

fn block(sections: &[Section], steps: &[Step], value: &str) -> String {
    let step = steps.first();
    let beside = step.map_or(&[][..], |step| step.key.beside);
    let mut pairs: Vec<(&str, String)> = beside.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    if let Some(step) = step {
        let rest = steps.get(1..).unwrap_or_default();
        let text = if rest.is_empty() { value.to_owned() } else { fill(step.key.takes, rest, value) };
        pairs.push((step.key.name, text));
    }
    let form = form_of(sections, step, &pairs);
    if let Some(form) = form.filter(|_| !pairs.iter().any(|(name, _)| *name == "type")) {
        pairs.push(("type", form.name.to_owned()));
    }
    let of_form = |section: &&Section| section.form.is_none() || section.form.map(|f| f.name) == form.map(|f| f.name);
    for key in sections.iter().filter(of_form).flat_map(Section::keys).filter(|key| key.is_required) {
        let is_there = pairs.iter().any(|(name, _)| *name == key.name);
        let has_older = step.is_some_and(|step| step.key.older_than == Some(key.name));
        if !is_there && !has_older {
            let text = if key.example.is_empty() { fill(key.takes, &[], "") } else { key.example.to_owned() };
            pairs.push((key.name, text));
        }
    }
    let pairs: Vec<String> = pairs.into_iter().map(|(name, text)| format!("{name}: {text}")).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

/// The form that a block gets: the step's own, the one that a `type` beside it names, or the first.
fn form_of(sections: &[Section], step: Option<&Step>, pairs: &[(&str, String)]) -> Option<Form> {
    let named = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, text)| text.as_str());
    let forms = || sections.iter().filter_map(|section| section.form);
    match (step.and_then(|step| step.form), named("type")) {
        (Some(form), _) => Some(form),
        (None, Some(name)) => forms().find(|form| form.name == name || form.alias == Some(name)),
        (None, None) if named("uses").is_some() => None,
        (None, None) => forms().next(),
    }
}

#[cfg(test)]
mod tests {
    use crate::reference::{MANIFEST, POLICY};
    use crate::{Variables, load, load_policy};

    fn entry(path: &str) -> super::Entry {
        MANIFEST.entries().into_iter().find(|entry| entry.path == path).unwrap()
    }

    #[test]
    fn an_example_is_shown_from_the_root_on() {
        let shown = entry("quality.checks[].severity").shown();
        assert_eq!(shown, "quality:\n  checks:\n    - severity: warning\n");
        let shown = entry("source.options.pagination.page_size_param").shown();
        assert_eq!(
            shown,
            "source:\n  options:\n    pagination:\n      type: page\n      page_size: 100\n      page_size_param: per_page\n"
        );
        let shown = entry("quality.checks[].threshold").shown();
        assert_eq!(shown, "quality:\n  checks:\n    - type: min_rows\n      threshold: 1\n");
    }

    #[test]
    fn the_least_is_what_the_readers_ask_for() {
        load(MANIFEST.least().unwrap().as_bytes(), "least.yaml", &Variables::none()).unwrap();
        load_policy(POLICY.least().unwrap().as_bytes(), "least.yaml").unwrap();
    }
}
