//! Where two answers differ, for a person to read.

use crate::answer::{Answer, Item};
use dpone_model::redact;
use std::collections::HashMap;

/// Differences that are shown of one page, and in all.
const SHOWN_A_GROUP: usize = 3;
const SHOWN: usize = 12;
/// Longest text of one side, in bytes.
const MAX_TEXT: usize = 400;

/// Lines that say what differs, the first one with the place of the first difference. Empty where
/// nothing does.
pub(crate) fn differences(expected: &Answer, found: &Answer) -> Vec<String> {
    let (expected, found) = (expected.items(), found.items());
    let differing = differing(&expected, &found);
    let mut lines = Vec::new();
    let (mut shown, mut group, mut in_group) = (0, None, 0);
    for (item, before, after) in &differing {
        if group != Some(&item.group) {
            (group, in_group) = (Some(&item.group), 0);
        }
        in_group += 1;
        if in_group > SHOWN_A_GROUP || shown >= SHOWN {
            continue;
        }
        shown += 1;
        let place = if item.group.is_empty() { item.name.clone() } else { format!("{}, {}", item.group, item.name) };
        let what = match (before, after) {
            (Some(_), Some(_)) => "differs",
            (Some(_), None) => "is missing",
            _ => "is not expected",
        };
        lines.push(format!("{place} {what}"));
        lines.extend(before.map(|text| format!("  - {}", clipped(text))));
        lines.extend(after.map(|text| format!("  + {}", clipped(text))));
    }
    match differing.len() - shown {
        0 => {}
        1 => lines.push("and 1 more difference".to_owned()),
        more => lines.push(format!("and {more} more differences")),
    }
    lines
}

/// The values at one place on either side.
type Differing<'a> = (&'a Item, Option<&'a str>, Option<&'a str>);

/// In the order of the pages; what belongs to none of them comes where it stands first.
fn differing<'a>(expected: &'a [Item], found: &'a [Item]) -> Vec<Differing<'a>> {
    let mut groups: HashMap<&str, usize> = HashMap::new();
    for item in expected.iter().chain(found) {
        let next = groups.len();
        groups.entry(&item.group).or_insert(next);
    }
    let by_place = |items: &'a [Item]| items.iter().map(|item| (item.place(), item)).collect::<HashMap<_, _>>();
    let (before, after) = (by_place(expected), by_place(found));
    let changed = expected.iter().filter_map(|item| {
        let other = after.get(&item.place()).map(|other| other.text.as_str());
        (other != Some(item.text.as_str())).then_some((item, Some(item.text.as_str()), other))
    });
    let extra = found.iter().filter(|item| !before.contains_key(&item.place()));
    let mut differing: Vec<Differing<'a>> =
        changed.chain(extra.map(|item| (item, None, Some(item.text.as_str())))).collect();
    // A stable sort keeps the order within each group.
    differing.sort_by_key(|(item, ..)| groups.get(item.group.as_str()).copied());
    differing
}

fn clipped(text: &str) -> String {
    match text.len() > MAX_TEXT {
        true => format!("{} ({} bytes)", redact::excerpt(text, MAX_TEXT), text.len()),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Step, lines, text};
    use serde_json::json;

    fn answer(pages: &[&str], verdict: bool) -> Answer {
        let step = |ndjson: &&str| Step { records: lines(ndjson.as_bytes()).unwrap(), ..Step::default() };
        Answer {
            pages: pages.iter().map(step).collect(),
            verdict: Some(text(&json!({ "passed": verdict })).unwrap()),
            ..Answer::default()
        }
    }

    #[test]
    fn equal_answers_have_no_difference() {
        assert!(differences(&answer(&["{\"a\": 1}"], true), &answer(&["{\"a\":1}"], true)).is_empty());
    }

    #[test]
    fn the_first_differing_record_comes_first() {
        let expected = answer(&["{\"a\":1}\n{\"a\":2}", "{\"a\":3}"], true);
        let found = answer(&["{\"a\":1}\n{\"a\":2.0}\n{\"a\":9}"], false);
        assert_eq!(
            differences(&expected, &found),
            [
                "page 1, record 1 differs",
                "  - {\"a\":2}",
                "  + {\"a\":2.0}",
                "page 1, record 2 is not expected",
                "  + {\"a\":9}",
                "page 2, record 0 is missing",
                "  - {\"a\":3}",
                "verdict differs",
                "  - {\"passed\":true}",
                "  + {\"passed\":false}",
            ]
        );
    }

    #[test]
    fn many_differences_are_counted() {
        let records = |start: u32| (start..start + 50).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>();
        let found = differences(&answer(&[&records(0)], true), &answer(&[&records(1)], true));
        assert_eq!(found.last().map(String::as_str), Some("and 47 more differences"));
        assert_eq!(found.len(), 3 * 3 + 1);
    }
}
