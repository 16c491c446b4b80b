//! `dpone schema`: what there is to write in a kind of file.

use crate::Outcome;
use crate::args::{FileKind, SchemaFormat};
use crate::output;
use dpone_connections::reference::{CONNECTIONS, PROFILE};
use dpone_manifest::reference::{MANIFEST, POLICY};
use dpone_model::Exit;

pub fn schema(of: FileKind, format: SchemaFormat) -> Outcome {
    let document = match of {
        FileKind::Manifest => &MANIFEST,
        FileKind::Profile => &PROFILE,
        FileKind::Connections => &CONNECTIONS,
        FileKind::Policy => &POLICY,
    };
    match format {
        SchemaFormat::Json => output::json(&document.json_schema()),
        SchemaFormat::Md => output::document(document.markdown().trim_end()),
    }
    Ok(Exit::Ok)
}
