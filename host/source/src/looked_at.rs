//! The paths, headers and relations of links that an extractor asks a page for, and those of them that
//! were there. A path that no answer ever had looks like the last page of a walk, and may be misspelt.

use dpone_json::Path;
use std::collections::{BTreeMap, BTreeSet};

/// Labels that are kept, and the longest one: a plugin may ask for anything.
const MAX_LABELS: usize = 256;
const MAX_LABEL_BYTES: usize = 200;

const HEADER: &str = "header ";
const LINK: &str = "link ";

/// Each thing that one page was asked for, by label, and whether it was there. The count of a list
/// cannot lead to another page.
#[derive(Debug, Default)]
pub(crate) struct LookedAt {
    labels: BTreeMap<String, Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    was_there: bool,
    may_lead_on: bool,
}

impl LookedAt {
    pub(crate) fn path(&mut self, path: &Path, was_there: bool, may_lead_on: bool) {
        self.note(path.to_string(), was_there, may_lead_on);
    }

    /// A header; of `Link` the relations, too.
    pub(crate) fn header(&mut self, name: &str, values: &[String]) {
        self.note(format!("{HEADER}{}", name.to_ascii_lowercase()), !values.is_empty(), true);
        if name.eq_ignore_ascii_case("link") {
            for relation in values.iter().flat_map(|value| relations(value)) {
                self.note(format!("{LINK}{relation}"), true, true);
            }
        }
    }

    fn note(&mut self, label: String, was_there: bool, may_lead_on: bool) {
        if label.len() <= MAX_LABEL_BYTES && (self.labels.len() < MAX_LABELS || self.labels.contains_key(&label)) {
            let look = self.labels.entry(label).or_insert(Look { was_there, may_lead_on });
            look.was_there |= was_there;
            look.may_lead_on |= may_lead_on;
        }
    }

    /// Those that were there and are not yet in `seen`, which gets them.
    pub(crate) fn newly_seen(&self, seen: &mut BTreeSet<String>) -> Vec<String> {
        let there = self.labels.iter().filter(|(_, look)| look.was_there).map(|(label, _)| label);
        there.filter(|label| insert(seen, label)).cloned().collect()
    }

    /// Whether something that was asked for was there; `None` where it was not asked for.
    pub(crate) fn was_there(&self, label: &str) -> Option<bool> {
        self.labels.get(label).map(|look| look.was_there)
    }

    /// The one thing that was asked for and may lead on.
    pub(crate) fn only(&self) -> Option<&str> {
        let mut asked = self.labels.iter().filter(|(_, look)| look.may_lead_on).map(|(label, _)| label.as_str());
        asked.next().filter(|_| asked.next().is_none())
    }

    /// For an extractor that does not say what it looked at: what it asked for, where nothing of that
    /// was ever there.
    pub(crate) fn never_there<'a>(&'a self, seen: &BTreeSet<String>) -> Option<&'a str> {
        let mut asked = self.labels.iter().filter(|(_, look)| look.may_lead_on).map(|(label, _)| label.as_str());
        if asked.clone().any(|label| seen.contains(label)) {
            return None;
        }
        asked.next()
    }
}

/// Adds a label, if it is new and there is room. Every set of labels that lasts is filled through here,
/// since the labels of many slices and of all runs come together in the state.
fn insert(seen: &mut BTreeSet<String>, label: &str) -> bool {
    seen.len() < MAX_LABELS && label.len() <= MAX_LABEL_BYTES && seen.insert(label.to_owned())
}

/// Adds labels, as far as there is room.
pub fn add_seen<'a>(seen: &mut BTreeSet<String>, labels: impl IntoIterator<Item = &'a String>) {
    for label in labels {
        insert(seen, label);
    }
}

/// The label of something that an extractor says it looked at.
pub(crate) fn label(looked_at: &str) -> String {
    match looked_at.starts_with(HEADER) || looked_at.starts_with(LINK) {
        true => looked_at.to_ascii_lowercase(),
        false => Path::parse(looked_at).to_string(),
    }
}

/// The names that the page has in the place of one that is not there.
pub(crate) fn here(label: &str, body: &[u8], headers: &[(String, String)]) -> String {
    let listed = |names: Vec<String>| match names.is_empty() {
        true => "none".to_owned(),
        false => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    let links =
        || headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link")).map(|(_, value)| value.as_str());
    if label.starts_with(LINK) {
        return match links().next() {
            None => "there is no Link header".to_owned(),
            Some(_) => format!("the Link header's relations: {}", listed(links().flat_map(relations).collect())),
        };
    }
    if label.starts_with(HEADER) {
        return format!(
            "headers here: {}",
            listed(headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect())
        );
    }
    let (reached, keys) = dpone_json::reached(body, &Path::parse(label));
    let place = if reached.is_empty() { "the root".to_owned() } else { format!("`{reached}`") };
    format!("keys of {place}: {}", listed(keys))
}

pub(crate) fn is_link(label: &str) -> bool {
    label.starts_with(LINK)
}

/// The name that the page has in the place of one that is not there, under a name that differs in case,
/// underscores and hyphens alone, and with a value that may well lead on.
pub(crate) fn renamed(label: &str, body: &[u8], headers: &[(String, String)]) -> Option<String> {
    if is_link(label) {
        return None;
    }
    if let Some(header) = label.strip_prefix(HEADER) {
        let is_filled = |value: &str| !["", "0", "false", "null"].contains(&value.trim());
        let like = headers.iter().find(|(name, value)| plain(name) == plain(header) && is_filled(value));
        return like.map(|(name, _)| format!("{HEADER}{}", name.to_ascii_lowercase()));
    }
    let names = filled_like(body, Path::parse(label).segments())?;
    let names: Vec<String> = names.iter().map(|name| Path::of_field(name).to_string()).collect();
    Some(names.join("."))
}

/// The names that lead to a filled value, each like the segment in its place.
fn filled_like(value: &[u8], segments: &[String]) -> Option<Vec<String>> {
    let Some((segment, rest)) = segments.split_first() else { return is_filled(value).then(Vec::new) };
    let mut found = dpone_json::get(value, &Path::of_field(segment), None)
        .unwrap_or_default()
        .and_then(|(_, span)| Some((segment.clone(), filled_like(span.of(value), rest)?)));
    dpone_json::members_of_root(value, None, |name, _, span| {
        if found.is_none() && plain(name) == plain(segment) {
            found = filled_like(span.of(value), rest).map(|names| (name.to_owned(), names));
        }
    });
    found.map(|(name, names)| std::iter::once(name).chain(names).collect())
}

fn plain(name: &str) -> String {
    name.chars().filter(|character| !['_', '-'].contains(character)).flat_map(char::to_lowercase).collect()
}

/// A text, a number, an object or `true` that a cursor, a URL or a flag may be.
fn is_filled(json: &[u8]) -> bool {
    match json.first() {
        Some(b'"') => !dpone_json::unescape(json).trim().is_empty(),
        Some(b'{') => json.get(1..json.len() - 1).is_some_and(|inner| !inner.trim_ascii().is_empty()),
        Some(b't') => true,
        Some(b'-' | b'0'..=b'9') => json.iter().any(|byte| (b'1'..=b'9').contains(byte)),
        _ => false,
    }
}

/// The relation types that a Link header names. It need not be well-formed: the extractor judges that.
fn relations(header: &str) -> Vec<String> {
    let lower = header.to_ascii_lowercase();
    let values =
        lower.split(';').filter_map(|part| part.trim_start().strip_prefix("rel")?.trim_start().strip_prefix('='));
    let texts = values.map(|value| {
        let value = value.trim_start();
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
            None => value.split([',', ' ']).next().unwrap_or_default().to_owned(),
        }
    });
    texts.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_of_a_link_header() {
        for (header, expected) in [
            (r#"<https://x/?a=1;b>; rel="next", <b>; rel="last""#, &["next", "last"][..]),
            ("<a>; rel=next,<b>;REL=Prev", &["next", "prev"]),
            (r#"<a>; title="x"; rel="first next""#, &["first", "next"]),
            ("<a>; rev=next", &[]),
            ("", &[]),
        ] {
            assert_eq!(relations(header), expected, "{header}");
        }
    }

    #[test]
    fn a_label_that_was_there_once_is_seen() {
        let mut seen = BTreeSet::new();
        let mut page = LookedAt::default();
        page.path(&Path::parse("meta.next"), true, true);
        page.path(&Path::parse("items"), true, false);
        page.header("Link", &["<a>; rel=next".to_owned()]);
        assert_eq!(page.newly_seen(&mut seen), ["header link", "items", "link next", "meta.next"]);
        assert!(page.newly_seen(&mut seen).is_empty());
        assert_eq!(page.never_there(&seen), None);

        let mut full: BTreeSet<String> = (0..MAX_LABELS - 1).map(|label| label.to_string()).collect();
        assert_eq!(page.newly_seen(&mut full), ["header link"], "only the one that was kept");
        add_seen(&mut full, &["more".to_owned()]);
        assert_eq!(full.len(), MAX_LABELS);

        let mut last = LookedAt::default();
        last.path(&Path::parse("items"), true, false);
        assert_eq!(last.never_there(&BTreeSet::new()), None, "a count leads nowhere");
        last.path(&Path::parse("next"), false, true);
        assert_eq!(last.never_there(&seen), Some("next"));
        last.path(&Path::parse("meta.next"), false, true);
        assert_eq!(last.never_there(&seen), None, "another one of those that it asks for was there");
    }

    #[test]
    fn a_renamed_key_is_like_the_missing_one_and_filled() {
        let headers = [("X-Next-Page".to_owned(), "2".to_owned()), ("X-Total".to_owned(), "0".to_owned())];
        for (label, body, expected) in [
            ("next_cursor", r#"{"nextCursor":"b"}"#, Some("nextCursor")),
            ("next_cursor", r#"{"next-cursor":7}"#, Some("next-cursor")),
            ("next_cursor", r#"{"NextCursor":true}"#, Some("NextCursor")),
            ("nextCursor", r#"{"next_cursor":{"after":"b"}}"#, Some("next_cursor")),
            ("meta.next_cursor", r#"{"meta":{"nextCursor":"b"}}"#, Some("meta.nextCursor")),
            ("meta.next_cursor", r#"{"Meta":{"next_cursor":"b"}}"#, Some("Meta.next_cursor")),
            ("meta.next", r#"{"meta":{},"_meta":{"next":"b"}}"#, Some("_meta.next")),
            (r"@odata\.nextLink", r#"{"@odata.nextlink":"b"}"#, Some(r"@odata\.nextlink")),
            ("items.0.next_id", r#"{"items":[{"nextId":5}]}"#, Some("items.0.nextId")),
            ("next_cursor", r#"{"nextCursor":null}"#, None),
            ("next_cursor", r#"{"nextCursor":""}"#, None),
            ("next_cursor", r#"{"nextCursor":0}"#, None),
            ("next_cursor", r#"{"nextCursor":false}"#, None),
            ("next_cursor", r#"{"nextCursor":{}}"#, None),
            ("next_cursor", r#"{"nextCursor":[]}"#, None),
            ("next_cursor", r#"{"next":"b","cursor":"c"}"#, None),
            ("meta.next_cursor", r#"{"nextCursor":"b"}"#, None),
            ("header x_next_page", "{}", Some("header x-next-page")),
            ("header x_total", "{}", None),
            ("link Next", "{}", None),
        ] {
            assert_eq!(renamed(label, body.as_bytes(), &headers).as_deref(), expected, "{label} {body}");
        }
    }

    #[test]
    fn names_in_the_place_of_a_missing_one() {
        let headers = [("Link".to_owned(), "<a>; rel=prev".to_owned()), ("X-Next".to_owned(), "b".to_owned())];
        let body = br#"{"items":[],"paging":{"after":null}}"#;
        for (label, expected) in [
            ("pagination.after", "keys of the root: `items`, `paging`"),
            ("paging.next", "keys of `paging`: `after`"),
            ("items.next", "keys of `items`: none"),
            ("header x-nxt", "headers here: `link`, `x-next`"),
            ("link next", "the Link header's relations: `prev`"),
        ] {
            assert_eq!(here(label, body, &headers), expected);
        }
        assert_eq!(here("link next", body, &[]), "there is no Link header");
        assert_eq!(
            (label("Header X-Next").as_str(), label("header X-Next").as_str()),
            ("Header X-Next", "header x-next")
        );
        assert_eq!(label(r"@odata\.nextLink"), r"@odata\.nextLink");
    }
}
