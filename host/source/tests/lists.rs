//! Pages that a slicer asks for are judged as those of a walk are: a list that is cut short would load
//! fewer slices.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

mod support;

use async_trait::async_trait;
use dpone_manifest::Grants;
use dpone_model::Report;
use dpone_model::plugin::{
    Identity, PageView, Plugin, RequestEdit, RequestValue, Slice, SliceContext, SliceStep, Slicer, Usage,
};
use dpone_source::{ListConfig, list_slices};
use std::sync::{Arc, Mutex};
use support::{Api, connection, source};

/// Makes a slice of each name in `items`, and follows `next`.
struct Parents(Identity);

impl Plugin for Parents {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

fn request(cursor: &str) -> RequestEdit {
    let query = vec![("cursor".into(), RequestValue::Text(cursor.into()))];
    RequestEdit { query, ..RequestEdit::default() }
}

#[async_trait]
impl Slicer for Parents {
    async fn start(&mut self, _: &SliceContext) -> Result<SliceStep, Report> {
        Ok(SliceStep { slices: Vec::new(), next: Some(request("first")), state: Vec::new() })
    }

    async fn next(&mut self, page: Arc<dyn PageView>, _: &[u8]) -> Result<SliceStep, Report> {
        let body: serde_json::Value = serde_json::from_slice(page.body()).unwrap_or_default();
        let names = body["items"].as_array().cloned().unwrap_or_default();
        let slices = names.iter().map(|name| Slice {
            id: name.as_str().unwrap().into(),
            lower: None,
            upper: None,
            request: RequestEdit::default(),
        });
        Ok(SliceStep { slices: slices.collect(), next: body["next"].as_str().map(request), state: Vec::new() })
    }
}

#[tokio::test]
async fn a_list_is_whole_or_an_error() {
    const FIRST: (u16, &str) = (200, r#"{"items":["a","b"],"next":"x"}"#);
    for (last, ignores, expected) in [
        ((200, r#"{"items":["c"]}"#), false, Ok(3)),
        ((200, r#"{"items":[]}"#), false, Ok(2)),
        ((204, ""), false, Ok(2)),
        ((200, r#"{"items":[],"errors":[{"message":"rate limited"}]}"#), false, Err("DP0422")),
        ((200, r#"{"items":["c"],"errors":[{"message":"partial"}]}"#), false, Err("DP0422")),
        ((200, r#"{"items":["c"],"error":"of a row"}"#), false, Ok(3)),
        ((200, r#"{"error":"rate limited"}"#), false, Err("DP0422")),
        ((200, r#"{"error":"rate limited"}"#), true, Ok(2)),
        ((200, ""), false, Err("DP0424")),
        ((200, r#"{"items":[],"next":"first"}"#), false, Err("DP0406")),
        (FIRST, false, Err("DP0314")),
    ] {
        let mut source = source();
        source.ignores_error_objects = ignores;
        let connection = connection(dpone_connections::Auth::None);
        let config = ListConfig {
            source: &source,
            connection: &connection,
            egress: Api::script(&[FIRST, last]),
            signer: None,
            scanner: Arc::new(Mutex::new(dpone_json::Scanner::new())),
            grants: &Grants::default(),
        };
        let mut slicer = Parents(Identity { name: "parents".into(), version: "1".into(), sha256: "0".into() });
        let context = SliceContext { lower: None, upper: None, started_at: "2026-01-01T00:00:00Z".parse().unwrap() };
        let listed = list_slices(config, &mut slicer, &context).await;
        let result = listed.as_ref().map(Vec::len).map_err(|report| report.code().id);
        assert_eq!(result, expected, "{last:?} {ignores}: {listed:?}");
    }
}
