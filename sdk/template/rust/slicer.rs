//! {{name}}: one slice for each value of a list, such as one for each region.
//!
//! Every slice is loaded, judged and checkpointed on its own: one that fails is repeated without
//! the others.

use dpone_sdk::{Error, Request, Slice, SliceContext, SliceStep, Slicer};
use serde::Deserialize;
use std::collections::HashSet;

/// The manifest's `with` block. The host has checked it against the schema below.
#[derive(Debug, Deserialize)]
pub struct Options {
    param: String,
    values: Vec<String>,
}

pub struct {{class}}(Options);

impl Slicer for {{class}} {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "param": {
                "type": "string", "minLength": 1,
                "description": "Query parameter that carries the value."
            },
            "values": {
                "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1,
                "description": "One slice is loaded for each of these, in this order."
            }
        },
        "required": ["param", "values"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    /// The list is in the options, so nothing has to last.
    type State = ();

    fn new(options: Options) -> Result<Self, Error> {
        let mut ids = HashSet::new();
        // Two slices of one id would share one row of state, and the second would overwrite the first.
        match options
            .values
            .iter()
            .find(|value| !ids.insert(slice_id(value)))
        {
            Some(value) => Err(Error::new(
                "same-slice",
                format!("`{value}` shares its slice with another value"),
            )),
            None => Ok(Self(options)),
        }
    }

    fn start(&self, _: &SliceContext) -> Result<SliceStep<()>, Error> {
        // Bounds are left out: each slice then has those of the load.
        let slice = |value: &String| {
            Slice::new(slice_id(value))
                .request(Request::unchanged().query(&self.0.param, value.as_str()))
        };
        Ok(SliceStep::last(self.0.values.iter().map(slice).collect()))
    }
}

/// The slice's name from run to run, and the key of its state: it depends on the value alone, never
/// on its place in the list.
fn slice_id(value: &str) -> String {
    value
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_-.:".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

dpone_sdk::export!(slicer: {{class}});

#[cfg(test)]
mod tests {
    use super::*;

    fn slicer(values: &str) -> Result<{{class}}, Error> {
        {{class}}::new(dpone_sdk::options_for_test(&format!(
            r#"{{"param":"region","values":{values}}}"#
        ))?)
    }

    #[test]
    fn each_value_is_a_slice() {
        let step = slicer(r#"["eu","us west"]"#)
            .unwrap()
            .start(&SliceContext::default())
            .unwrap();
        let slice = |id, value| Slice::new(id).request(Request::unchanged().query("region", value));
        assert_eq!(
            step.slices,
            [slice("eu", "eu"), slice("us_west", "us west")]
        );
        assert_eq!(step.next, None);
    }

    #[test]
    fn two_values_with_one_id_are_refused() {
        assert_eq!(
            slicer(r#"["us west","us/west"]"#).err().unwrap().code,
            "same-slice"
        );
    }
}
