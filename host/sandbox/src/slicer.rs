//! Slicers: from the contract's `slicer` interface to the pipeline's trait.

use crate::bindings::extractor::dpone::plugin::types::{Description, PluginError};
use crate::bindings::slicer::exports::dpone::plugin::slicer as contract;
use crate::bindings::slicer::{SlicerPlugin, SlicerPluginPre};
use crate::error::{Error, Fault};
use crate::host::{Host, PageHandle};
use crate::output;
use crate::runner::{Runner, Settings, World};
use async_trait::async_trait;
use dpone_model::Report;
use dpone_model::plugin::{Identity, PageView, Plugin, SliceContext, SliceStep, Slicer, Usage};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{InstancePre, Resource};

#[async_trait]
impl World for SlicerPlugin {
    type Pre = SlicerPluginPre<Host>;
    type Configured = ();

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre> {
        SlicerPluginPre::new(pre)
    }

    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description> {
        self.dpone_plugin_slicer().call_describe(store).await
    }

    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        self.dpone_plugin_slicer().call_configure(store, &settings.options).await
    }
}

/// A slicer in the sandbox.
pub(crate) struct SandboxedSlicer(pub Runner<SlicerPlugin>);

impl SandboxedSlicer {
    async fn start(&mut self, context: &SliceContext) -> Result<SliceStep, Error> {
        let context = contract::Context {
            lower: context.lower.clone(),
            upper: context.upper.clone(),
            started_at: context.started_at.to_string(),
        };
        let answer = self.0.call("start", move |world, store| {
            Box::pin(async move { world.dpone_plugin_slicer().call_start(store, &context).await })
        });
        let answer = answer.await?;
        self.step("start", answer)
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: Vec<u8>) -> Result<SliceStep, Error> {
        let answer = self.0.call("next", move |world, store| {
            Box::pin(async move {
                let page = store.data_mut().table.push(PageHandle(page))?;
                let lent = Resource::new_borrow(page.rep());
                let answer = world.dpone_plugin_slicer().call_next(&mut *store, lent, &state).await?;
                store.data_mut().table.delete(page)?;
                Ok(answer)
            })
        });
        let answer = answer.await?;
        self.step("next", answer)
    }

    fn step(&self, call: &'static str, answer: Result<contract::Step, PluginError>) -> Result<SliceStep, Error> {
        let step = answer.map_err(|error| self.0.refused(error))?;
        self.0.check_state(call, &step.state)?;
        output::slice_step(step).map_err(|broken| self.0.fault(call, Fault::BadOutput(broken)))
    }
}

impl Plugin for SandboxedSlicer {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }
}

#[async_trait]
impl Slicer for SandboxedSlicer {
    async fn start(&mut self, context: &SliceContext) -> Result<SliceStep, Report> {
        Self::start(self, context).await.map_err(Error::into_report)
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<SliceStep, Report> {
        Self::next(self, page, state.to_vec()).await.map_err(Error::into_report)
    }
}
