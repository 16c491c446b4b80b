//! Trials: a built plugin in the real sandbox, on recorded cases. No network, no broker, no clock.
//!
//! ```text
//! cases/NAME/case.yaml       options, request, grants, limits, bounds   dpone_manifest::load_case
//!            pages/0001.json status, url, headers                       pages.rs
//!            pages/0001.body the page as it came                        pages.rs
//!            expected.json   what the plugin answers                    answer.rs
//!  Case ──Trials::run──► Answer ──compare──► Differences ─► Tried       case.rs, play/, compare.rs
//! ```
//! An extractor walks the recorded pages through the source's own walk, so that the request rules
//! hold as in a run. What is compared is text: records byte for byte but for space between tokens.
//! Fuel is counted by an engine of its own (`Sandbox::counting_fuel`): the same on every machine, so
//! that a case can bound it.

mod answer;
mod case;
mod compare;
mod error;
mod pages;
mod play;
mod record;
mod trials;

pub use answer::{Answer, Step, edit_json, lines};
pub use error::Error;
pub use pages::RecordedPage;
pub use record::{Recording, write};
pub use trials::{Trials, Tried, Used};
