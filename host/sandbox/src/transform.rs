//! Transforms: from the contract's `transform` interface to the pipeline's trait.

use crate::bindings::extractor::dpone::plugin::types::{Description, PluginError};
use crate::bindings::transform::exports::dpone::plugin::transform as bound;
use crate::bindings::transform::{TransformPlugin, TransformPluginPre};
use crate::error::{Error, Fault};
use crate::host::{BatchHandle, Host};
use crate::output;
use crate::runner::{Runner, Settings, World};
use async_trait::async_trait;
use dpone_model::Report;
use dpone_model::plugin::{BatchView, Identity, Outcome, Plugin, Transform, Usage};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{InstancePre, Resource};

#[async_trait]
impl World for TransformPlugin {
    type Pre = TransformPluginPre<Host>;
    type Configured = ();

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre> {
        TransformPluginPre::new(pre)
    }

    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description> {
        self.dpone_plugin_transform().call_describe(store).await
    }

    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let answer = self.dpone_plugin_transform().call_configure(&mut *store, &settings.options).await?;
        match answer {
            Ok(needs) => store.data_mut().declare(needs).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// The abilities of every version's transform world, in today's types.
#[async_trait]
pub(crate) trait Transforms: World {
    async fn apply(
        &self,
        store: &mut Store<Host>,
        batch: Resource<BatchHandle>,
    ) -> wasmtime::Result<Result<bound::Outcome, PluginError>>;
}

#[async_trait]
impl Transforms for TransformPlugin {
    async fn apply(
        &self,
        store: &mut Store<Host>,
        batch: Resource<BatchHandle>,
    ) -> wasmtime::Result<Result<bound::Outcome, PluginError>> {
        self.dpone_plugin_transform().call_apply(store, batch).await
    }
}

/// A transform in the sandbox.
pub(crate) struct SandboxedTransform<W: World>(pub Runner<W>);

impl<W: Transforms> SandboxedTransform<W> {
    async fn apply(&mut self, batch: Arc<dyn BatchView>) -> Result<Outcome, Error> {
        let records = batch.len();
        let answer = self.0.call("apply", move |world, store| {
            Box::pin(async move {
                let batch = store.data_mut().table.push(BatchHandle(batch))?;
                let lent = Resource::new_borrow(batch.rep());
                let answer = world.apply(&mut *store, lent).await?;
                store.data_mut().table.delete(batch)?;
                Ok(answer)
            })
        });
        let outcome = answer.await?.map_err(|error| self.0.refused(error))?;
        output::outcome(outcome, records).map_err(|broken| self.0.fault("apply", Fault::BadOutput(broken)))
    }
}

impl<W: Transforms> Plugin for SandboxedTransform<W> {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }
}

#[async_trait]
impl<W: Transforms> Transform for SandboxedTransform<W> {
    async fn apply(&mut self, batch: Arc<dyn BatchView>) -> Result<Outcome, Report> {
        Self::apply(self, batch).await.map_err(Error::into_report)
    }
}
