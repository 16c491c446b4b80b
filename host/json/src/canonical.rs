//! The text of a record that `hash_row` is made of.

use crate::text::escape;
use dpone_model::{Names, RecordSpan, Records};

/// Appends the record as an object with its fields sorted by name (by code point), insignificant
/// space removed, names escaped in one way only, and values as they stand: `1.10` stays `1.10`, and
/// an object inside of a value keeps its order. A name that occurs twice stays twice, in order.
pub fn canonical_hash_input(body: &[u8], records: &Records, record: &RecordSpan, names: &Names, out: &mut Vec<u8>) {
    let fields = records.fields_of(record);
    // Few records have more fields than fit here, so that none costs an allocation.
    let (mut few, mut many) = ([0; 64], Vec::new());
    let order = if let Some(order) = few.get_mut(..fields.len()) {
        order
    } else {
        many.resize(fields.len(), 0);
        many.as_mut_slice()
    };
    order.iter_mut().enumerate().for_each(|(index, place)| *place = index);
    let name = |index: usize| fields.get(index).map_or("", |field| names.name(field.name));
    order.sort_unstable_by(|a, b| name(*a).cmp(name(*b)).then(a.cmp(b)));
    out.push(b'{');
    for (position, field) in order.iter().filter_map(|index| fields.get(*index)).enumerate() {
        if position > 0 {
            out.push(b',');
        }
        match names.json_of(field.name) {
            Some(json) => out.extend_from_slice(json.as_bytes()),
            None => escape(names.name(field.name), out),
        }
        out.push(b':');
        without_space(field.span.of(body), out);
    }
    out.push(b'}');
}

/// Appends valid JSON without the space outside of its strings.
fn without_space(value: &[u8], out: &mut Vec<u8>) {
    if !matches!(value.first(), Some(b'{' | b'[')) {
        out.extend_from_slice(value);
        return;
    }
    let mut in_string = false;
    let mut escaped = false;
    out.extend(value.iter().filter(|byte| {
        if in_string {
            in_string = escaped || **byte != b'"';
            escaped = !escaped && **byte == b'\\';
            true
        } else {
            in_string = **byte == b'"';
            !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Path, Scanner};

    fn canonical(body: &str) -> String {
        let mut scanner = Scanner::new();
        let mut records = Records::default();
        scanner.scan(body.as_bytes(), &Path::default(), &mut records).unwrap();
        let mut out = Vec::new();
        canonical_hash_input(body.as_bytes(), &records, &records.records[0], scanner.names(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn sorted_and_without_space() {
        let cases = [
            ("{}", "{}"),
            (r#"{ "b" : 1.10 , "a" : "x y" }"#, r#"{"a":"x y","b":1.10}"#),
            (r#"{"\u0062":1,"a":{ "z" : [ 1 , " \" \\" ] , "y":2}}"#, r#"{"a":{"z":[1," \" \\"],"y":2},"b":1}"#),
            (r#"{"b":2,"a":1,"b":1}"#, r#"{"a":1,"b":2,"b":1}"#),
            (r#"{"é":1,"z":2,"😀":3}"#, r#"{"z":2,"é":1,"😀":3}"#),
            // Half of a surrogate pair is neither another half nor the character that stands for a broken one.
            (r#"{"a\uD83D":"\ud83d"}"#, r#"{"a\ud83d":"\ud83d"}"#),
            (r#"{"\u0061\ud83e":1}"#, r#"{"a\ud83e":1}"#),
            (r#"{"a\ufffd":1}"#, "{\"a\u{fffd}\":1}"),
            (r#"{"\"a\\ud83d\"":1,"a\ud83d":2}"#, r#"{"\"a\\ud83d\"":1,"a\ud83d":2}"#),
        ];
        for (body, expected) in cases {
            assert_eq!(canonical(body), expected);
        }
    }

    #[test]
    fn records_of_any_width() {
        for width in [63, 64, 65, 200] {
            let fields = |order: &mut dyn Iterator<Item = usize>| {
                let fields: Vec<String> = order.map(|field| format!("\"f{field:03}\":{field}")).collect();
                format!("{{{}}}", fields.join(","))
            };
            assert_eq!(canonical(&fields(&mut (0..width).rev())), fields(&mut (0..width)));
        }
    }
}
