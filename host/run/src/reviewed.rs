//! The plan file: what was reviewed, and the request that it was made for.

use crate::resolve::Request;
use dpone_model::{Report, codes};
use dpone_plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    manifest: PathBuf,
    profile: Option<String>,
    params: BTreeMap<String, String>,
    from: Option<String>,
    to: Option<String>,
    max_pages: Option<u64>,
    advance_state: bool,
    plan: serde_json::Value,
}

impl Request {
    /// The plan file's text.
    pub fn to_reviewed(&self, plan: &Plan) -> Result<String, Report> {
        let bug =
            |cause: serde_json::Error| Report::new(&codes::internal::BUG, format!("a plan cannot be written: {cause}"));
        let file = PlanFile {
            manifest: self.manifest.clone(),
            profile: self.profile.clone(),
            params: self.params.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            max_pages: self.max_pages,
            advance_state: self.advance_state,
            plan: serde_json::to_value(plan).map_err(bug)?,
        };
        serde_json::to_string_pretty(&file).map(|text| text + "\n").map_err(bug)
    }

    /// The request that a plan file was made for. DP0902 where it is none.
    pub fn from_reviewed(text: &[u8]) -> Result<Self, Report> {
        let file: PlanFile = serde_json::from_slice(text)
            .map_err(|cause| Report::new(&codes::review::INVALID, format!("the plan file is not valid: {cause}")))?;
        let plan = Plan::from_json(file.plan.to_string().as_bytes())?;
        Ok(Self {
            manifest: file.manifest,
            profile: file.profile,
            params: file.params,
            from: file.from,
            to: file.to,
            max_pages: file.max_pages,
            advance_state: file.advance_state,
            reviewed: Some(plan),
        })
    }
}
