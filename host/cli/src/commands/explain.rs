//! `dpone explain`: the catalog of error codes.

use crate::Outcome;
use dpone_model::{Code, Exit, Report, codes};

pub fn explain(code: Option<&str>) -> Outcome {
    let Some(id) = code else {
        codes::all().for_each(|code| println!("{}  {:>3}  {}", code.id, code.exit as u8, code.title));
        return Ok(Exit::Ok);
    };
    let code = codes::find(id).ok_or_else(|| {
        Report::new(&codes::usage::UNKNOWN_CODE, format!("there is no error code `{id}`"))
            .hint("`dpone explain` without a code lists all of them")
    })?;
    println!("{}", page(code));
    Ok(Exit::Ok)
}

fn page(code: &Code) -> String {
    let retry = match code.retry {
        dpone_model::Retry::Now => "the same command may work at once",
        dpone_model::Retry::Later => "the same command may work after a while",
        dpone_model::Retry::AfterFix => "only after something was changed",
        dpone_model::Retry::Never => "no",
    };
    format!("{}: {}\n\n{}\n\nExit code {}. Retry: {retry}.", code.id, code.title, code.page, code.exit as u8)
}
