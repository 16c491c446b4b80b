//! From YAML to a checked [`Manifest`]: every problem at once, each with its position.
//!
//! Reading has three stages. `yaml` turns text into a tree in which every key and value knows its
//! line and column, with `${ENV}` and `{{ name }}` filled in. `read` gives that tree types and ticks
//! off keys. `document`, `source`, `incremental`, `sink` and `plugin` know the language: they build the types of
//! [`checked`] and note what is wrong, and go on. `case` reads a plugin's recorded case, `policy` what
//! tenants may do, by the same rules. Nothing here does I/O: the environment and the
//! run's parameters come in as [`Variables`].

mod builtins;
mod case;
mod checked;
mod compare;
mod document;
mod error;
mod incremental;
mod oci;
mod plugin;
mod policy;
mod read;
pub mod reference;
mod sink;
mod source;
mod substitute;
mod units;
mod yaml;

pub use builtins::builtin_default;
pub use case::{Case, CaseContext, CaseCounts, CaseOutgoing, load_case};
pub use checked::*;
pub use compare::{Difference, differences};
pub use document::KEEP_FAILED;
pub use error::{Error, Problem};
pub use incremental::{
    CursorFormat, DEFAULT_BOUNDARY_ROWS, Incremental, Lookback, MAX_BOUNDARY_ROWS, MaxFuture, OnMissing, Order,
    RecordFormat,
};
pub use oci::{OCI_SCHEME, OciReference};
pub use policy::{
    Fence, GrantKind, HostRule, Lent, PluginCaps, PluginRules, Policy, Tenant, TenantLimits, load_policy,
};
pub use read::nearest;
pub use substitute::Variables;
pub use units::{parse_duration, parse_size};
pub use yaml::{MAX_BYTES, MAX_DEPTH};

use dpone_model::codes::manifest::SYNTAX;
use dpone_model::{Place, Report};
use error::Problems;
use read::Value;
use sha2::{Digest, Sha256};

/// Reads and checks a manifest. `file` is the name that messages show.
///
/// The report holds every problem of the file in its order ([`Report::more`] has those behind the
/// first). A manifest has at most [`MAX_BYTES`] bytes and nests [`MAX_DEPTH`] levels.
pub fn load(text: &[u8], file: &str, variables: &Variables) -> Result<Manifest, Report> {
    let problems = Problems::new(file, "the manifest");
    let root = yaml::parse(text, variables, &problems);
    let manifest = match &root {
        Some(node) => document::manifest(&Value { node, key: String::new(), problems: &problems }),
        None => None,
    };
    if let Some(report) = problems.report() {
        return Err(report);
    }
    let Some(mut manifest) = manifest else {
        let place = Place::File { file: file.to_owned(), line: 1, column: 1, key: None };
        let report = Report::new(&SYNTAX, "the file holds no manifest").at(place);
        return Err(report.hint("start with `name`, `source` and `sink`"));
    };
    let sha256 = hex::encode(Sha256::digest(text));
    manifest.origin = Origin { file: file.to_owned(), sha256, positions: problems.into_positions() };
    Ok(manifest)
}
