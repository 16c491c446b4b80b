//! `dpone explain`: the catalog of error codes, and the keys of the files that people write.

use crate::Outcome;
use crate::output::{self, outln};
use dpone_connections::reference::PROFILE;
use dpone_manifest::reference::{Document, Form, Found, Hit, Key, MANIFEST, POLICY, lookup};
use dpone_model::{Code, Exit, Report, codes};

pub fn explain(name: Option<&str>) -> Outcome {
    let Some(name) = name else {
        codes::all().for_each(|code| outln!("{}  {:>3}  {}", code.id, code.exit as u8, code.title));
        return Ok(Exit::Ok);
    };
    let text = match codes::find(name) {
        Some(code) => page(code),
        None if is_code(name) => {
            return Err(unknown(name, "`dpone explain` without a code lists all of them".to_owned()));
        }
        None => key(name)?,
    };
    output::document(&text);
    Ok(Exit::Ok)
}

fn is_code(name: &str) -> bool {
    let digits = name.get(..2).filter(|start| start.eq_ignore_ascii_case("DP")).and_then(|_| name.get(2..));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn unknown(name: &str, hint: String) -> Report {
    let what = if is_code(name) { "error code" } else { "key or error code" };
    Report::new(&codes::usage::UNKNOWN_CODE, format!("there is no {what} `{name}`")).hint(hint)
}

fn page(code: &Code) -> String {
    let retry = code.retry.words();
    format!("{}: {}\n\n{}\n\nExit code {}. Retry: {retry}.", code.id, code.title, code.page, code.exit as u8)
}

/// One key in full, several in a line each.
fn key(name: &str) -> Result<String, Report> {
    match lookup(&[&MANIFEST, &PROFILE, &POLICY], name) {
        Found::Keys(hits) => match hits.as_slice() {
            [hit] => Ok(entry(hit)),
            several => {
                let width = several.iter().map(|hit| hit.entry.path.len()).max().unwrap_or_default();
                let line = |hit: &Hit| format!("{:width$}  {}", hit.entry.path, first_sentence(hit.entry.key.about));
                let lines: Vec<String> = several.iter().map(line).collect();
                Ok(format!("{} keys are named `{name}`:\n\n{}", several.len(), lines.join("\n")))
            }
        },
        Found::Forms(forms) => {
            let texts: Vec<String> = forms.iter().map(|(document, path, of)| form(document, path, of)).collect();
            Ok(texts.join("\n\n"))
        }
        Found::Nothing(nearest) => {
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`dpone schema manifest --format md` prints every key of a manifest".to_owned(),
            };
            Err(unknown(name, hint))
        }
    }
}

fn entry(hit: &Hit) -> String {
    let (entry, key) = (&hit.entry, hit.entry.key);
    let mut text = format!("{}  ({})\n", entry.path, hit.document.name);
    hit.also.iter().for_each(|path| text.push_str(&format!("{path}\n")));
    text.push_str(&format!("\n{}\n\n", wrapped(key.about, "")));
    if let Some(newer) = key.older_than {
        text.push_str(&format!("The spelling of dpone 0.88 for `{newer}`.\n\n"));
    }
    text.push_str(&format!("takes    {}\n", key.takes_in_words()));
    for word in key.words().iter().filter(|word| word.is_later || !word.about.is_empty()) {
        let later = if word.is_later { " Not yet." } else { "" };
        text.push_str(&format!(
            "         {:14} {}\n",
            word.name,
            wrapped(format!("{}{later}", word.about).trim(), &" ".repeat(24))
        ));
    }
    if !key.default_in_words().is_empty() {
        text.push_str(&format!("default  {}\n", key.default_in_words()));
    }
    if let Some(field) = key.field {
        text.push_str(&format!(
            "also     DPONE_CONN_<ID>_{} in the environment, `{field}` in Vault\n",
            field.to_ascii_uppercase()
        ));
    }
    let below = entry.keys_below();
    if !below.is_empty() {
        text.push_str(&format!("\n{}\n", keys(&below)));
    }
    if !key.example.is_empty() {
        text.push_str(&format!("\n{}", indented(&entry.shown())));
    }
    text.trim_end().to_owned()
}

fn form(document: &Document, path: &str, form: &Form) -> String {
    let keys: Vec<&Key> = form.keys.iter().collect();
    let text = format!(
        "{path} with `type: {}`  ({})\n\n{}\n\n{}",
        form.name,
        document.name,
        wrapped(form.about, ""),
        self::keys(&keys)
    );
    text.trim_end().to_owned()
}

/// A line for each key: name, default, and what it is.
fn keys(keys: &[&Key]) -> String {
    let width = keys.iter().map(|key| key.name.len()).max().unwrap_or_default();
    let lines = keys.iter().map(|key| {
        let about = match key.older_than {
            Some(newer) => format!("0.88: `{newer}`."),
            None => first_sentence(key.about).to_owned(),
        };
        format!("  {:width$}  {about}", key.name)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").and_then(|end| text.get(..=end)).unwrap_or(text)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Lines of at most 90 characters; those behind the first start with `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let length = lines.last().map_or(0, |line| line.chars().count());
        let start = if lines.len() == 1 { indent.len() } else { 0 };
        match lines.last_mut() {
            Some(line) if line.is_empty() || start + length + 1 + word.chars().count() <= 90 => {
                if !line.trim().is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}
