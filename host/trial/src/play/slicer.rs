//! A slicer cuts the case's load, and gets the recorded pages where it asks for some.

use super::{Played, scanner, setup, started_at, unwritable};
use crate::answer::{Step as Answered, edit_json, text};
use crate::case::Case;
use dpone_model::Report;
use dpone_model::plugin::{Slice, SliceContext};
use dpone_sandbox::{Loaded, Sandbox};
use dpone_source::ResponseView;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) async fn play(sandbox: &Sandbox, plugin: &Loaded, case: &Case, played: &mut Played) -> Result<(), Report> {
    let context = &case.settings.context;
    let context =
        SliceContext { lower: context.lower.clone(), upper: context.upper.clone(), started_at: started_at(case) };
    let mut slicer = sandbox.slicer(plugin, setup(case)?).await?;
    let started = slicer.start(&context).await;
    played.usage = slicer.usage();
    let mut step = started?;
    played.records += step.slices.len() as u64;
    played.answer.slices = slices(&step.slices)?;
    played.answer.first = step.next.as_ref().map(|next| text(&edit_json(next))).transpose().map_err(unwritable)?;
    let scanner = scanner();
    for number in 1..=case.pages.len() {
        if step.next.is_none() {
            let what = format!("the list ended after page {}, and {} are recorded", number - 1, case.pages.len());
            played.notes.push(what);
            break;
        }
        let place = case.place(number);
        let page = case.pages.get(number - 1).cloned();
        let (status, headers) = page.map_or((200, Vec::new()), |page| (page.status, page.headers));
        let view = ResponseView::new(place.clone(), status, headers, case.body(number), String::new(), scanner.clone());
        let answered = slicer.next(Arc::new(view), &step.state).await;
        played.usage = slicer.usage();
        step = answered.map_err(|report| report.on_page(place.page))?;
        played.records += step.slices.len() as u64;
        let next = step.next.as_ref().map(|next| text(&edit_json(next))).transpose().map_err(unwritable)?;
        played.answer.pages.push(Answered { slices: slices(&step.slices)?, next, ..Answered::default() });
    }
    Ok(())
}

fn slices(slices: &[Slice]) -> Result<Vec<Box<RawValue>>, Report> {
    slices.iter().map(|slice| text(&slice_json(slice)).map_err(unwritable)).collect()
}

/// Without what the slice leaves alone.
fn slice_json(slice: &Slice) -> Value {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(slice.id));
    let request = edit_json(&slice.request);
    if request.as_object().is_some_and(|request| !request.is_empty()) {
        fields.insert("request".to_owned(), request);
    }
    for (name, bound) in [("lower", &slice.lower), ("upper", &slice.upper)] {
        if let Some(bound) = bound {
            fields.insert(name.to_owned(), json!(bound));
        }
    }
    Value::Object(fields)
}
