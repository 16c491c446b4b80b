//! Walks a list of parents and makes a slice of each: its children are asked for by the parent's id.

use dpone_sdk::{Error, Page, Request, Slice, SliceContext, SliceStep, Slicer};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Options {
    /// Path of the list.
    path: String,
    /// Query parameter that asks for one parent's children.
    param: String,
    /// The prefix of a parent's id in the id of its slice.
    #[serde(default = "usual_prefix")]
    prefix: String,
}

fn usual_prefix() -> String {
    "parent-".to_owned()
}

/// How many pages of parents were read.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages(u32);

pub struct Parents(Options);

impl Slicer for Parents {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "path": { "type": "string", "description": "Path of the parents' list." },
            "param": { "type": "string", "description": "Query parameter of a parent's id." },
            "prefix": { "type": "string", "description": "Stands before a parent's id in its slice's id." }
        },
        "required": ["path", "param"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = Pages;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn start(&self, _: &SliceContext) -> Result<SliceStep<Pages>, Error> {
        Ok(SliceStep::more(Vec::new(), Request::unchanged().path(&self.0.path), Pages(0)))
    }

    fn next(&self, page: &Page, Pages(read): Pages) -> Result<SliceStep<Pages>, Error> {
        let count = page.count("parents").ok_or_else(|| Error::new("no-parents", "the page has no list `parents`"))?;
        let id = |index| {
            let found = page.get(&format!("parents.{index}.id")).unwrap_or_default();
            let found = found.trim_matches('"').to_owned();
            if found.is_empty() {
                Err(Error::new("no-id", "a parent has no id").at_record(index as usize))
            } else {
                Ok(found)
            }
        };
        let ids = (0..count).map(id).collect::<Result<Vec<_>, _>>()?;
        let slice = |id: &String| {
            Slice::new(format!("{}{id}", self.0.prefix)).request(Request::unchanged().query(&self.0.param, id.as_str()))
        };
        let slices = ids.iter().map(slice).collect();
        Ok(match page.get("more").as_deref() {
            Some("true") => {
                let next = Request::unchanged().path(&self.0.path).query("page", (read + 2).to_string());
                SliceStep::more(slices, next, Pages(read + 1))
            }
            _ => SliceStep::last(slices),
        })
    }
}

dpone_sdk::export!(slicer: Parents);
