//! Checks: from the contract's `check` interface to the pipeline's trait.

use crate::bindings::check::exports::dpone::plugin::check as contract;
use crate::bindings::check::{CheckPlugin, CheckPluginPre};
use crate::bindings::extractor::dpone::plugin::types::{Description, PluginError};
use crate::bounds;
use crate::error::{Error, Fault};
use crate::host::{BatchHandle, Host};
use crate::runner::{Runner, Settings, World};
use crate::text;
use async_trait::async_trait;
use dpone_model::Report;
use dpone_model::plugin::{BatchView, Check, CheckCounts, Identity, Plugin, Stage, Usage, Verdict};
use serde::de::IgnoredAny;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{InstancePre, Resource};

#[async_trait]
impl World for CheckPlugin {
    type Pre = CheckPluginPre<Host>;
    type Configured = Stage;

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre> {
        CheckPluginPre::new(pre)
    }

    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description> {
        self.dpone_plugin_check().call_describe(store).await
    }

    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<Stage, PluginError>> {
        let answer = self.dpone_plugin_check().call_configure(&mut *store, &settings.options).await?;
        let configured = match answer {
            Ok(configured) => configured,
            Err(error) => return Ok(Err(error)),
        };
        store.data_mut().declare(configured.needs)?;
        Ok(Ok(match configured.stage {
            contract::Stage::BeforePublish => Stage::BeforePublish,
            contract::Stage::AfterDelivery => Stage::AfterDelivery,
        }))
    }
}

/// A check in the sandbox. Its state goes from call to call here, so that the instance need not
/// last.
pub(crate) struct SandboxedCheck {
    pub runner: Runner<CheckPlugin>,
    pub stage: Stage,
    /// The state that the last `observe` that answered returned; shared with the call that runs, so that one
    /// that fails leaves it as it was.
    pub state: Arc<Vec<u8>>,
}

impl SandboxedCheck {
    async fn observe(&mut self, batch: Arc<dyn BatchView>) -> Result<(), Error> {
        let state = self.state.clone();
        let answer = self.runner.call("observe", move |world, store| {
            Box::pin(async move {
                let batch = store.data_mut().table.push(BatchHandle(batch))?;
                let lent = Resource::new_borrow(batch.rep());
                let answer = world.dpone_plugin_check().call_observe(&mut *store, lent, &state).await?;
                store.data_mut().table.delete(batch)?;
                Ok(answer)
            })
        });
        self.state = Arc::new(answer.await?.map_err(|error| self.runner.refused(error))?);
        Ok(())
    }

    async fn finish(&mut self, counts: CheckCounts) -> Result<Verdict, Error> {
        let counts = contract::Counts {
            source_rows: counts.source_rows,
            rows: counts.rows,
            acknowledged: counts.acknowledged,
            pages: counts.pages,
        };
        let state = self.state.clone();
        let answer = self.runner.call("finish", move |world, store| {
            Box::pin(async move {
                store.data_mut().finishing = true;
                let answer = world.dpone_plugin_check().call_finish(&mut *store, counts, &state).await;
                store.data_mut().finishing = false;
                answer
            })
        });
        let verdict = answer.await?.map_err(|error| self.runner.refused(error))?;
        if verdict.observed.len() > bounds::MAX_OBSERVED_BYTES {
            let (bytes, limit) = (verdict.observed.len(), bounds::MAX_OBSERVED_BYTES);
            let broken = format!("`observed` of its verdict has {bytes} bytes; the limit is {limit}");
            return Err(self.runner.fault("finish", Fault::BadOutput(broken)));
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(&verdict.observed) {
            let broken = format!("`observed` of its verdict is not JSON text: {error}");
            return Err(self.runner.fault("finish", Fault::BadOutput(broken)));
        }
        let message = text::one_line(&verdict.message, text::MAX_MESSAGE_BYTES);
        Ok(Verdict { passed: verdict.passed, message, observed: verdict.observed })
    }
}

impl Plugin for SandboxedCheck {
    fn identity(&self) -> &Identity {
        self.runner.identity()
    }

    fn usage(&self) -> Usage {
        self.runner.usage()
    }
}

#[async_trait]
impl Check for SandboxedCheck {
    fn stage(&self) -> Stage {
        self.stage
    }

    async fn observe(&mut self, batch: Arc<dyn BatchView>) -> Result<(), Report> {
        Self::observe(self, batch).await.map_err(Error::into_report)
    }

    async fn finish(&mut self, counts: CheckCounts) -> Result<Verdict, Report> {
        Self::finish(self, counts).await.map_err(Error::into_report)
    }
}
