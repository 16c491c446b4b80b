//! Extractors: from the contract's `extractor` interface to the pipeline's trait.

use crate::bindings::extractor::dpone::plugin::types::{Description, PluginError};
use crate::bindings::extractor::exports::dpone::plugin::extractor as contract;
use crate::bindings::extractor::{ExtractorPlugin, ExtractorPluginPre};
use crate::error::{Error, Fault};
use crate::host::{Host, PageHandle};
use crate::output::{self, Broken};
use crate::runner::{Runner, Settings, World};
use async_trait::async_trait;
use dpone_model::Report;
use dpone_model::plugin::{Extractor, Identity, PageView, Plugin, RequestEdit, Step, Usage};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{InstancePre, Resource};

#[async_trait]
impl World for ExtractorPlugin {
    type Pre = ExtractorPluginPre<Host>;
    type Configured = ();

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre> {
        ExtractorPluginPre::new(pre)
    }

    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description> {
        self.dpone_plugin_extractor().call_describe(store).await
    }

    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let Settings { options, records_path, .. } = settings.clone();
        self.dpone_plugin_extractor().call_configure(store, &contract::Settings { options, records_path }).await
    }
}

/// An extractor in the sandbox.
pub(crate) struct SandboxedExtractor(pub Runner<ExtractorPlugin>);

impl SandboxedExtractor {
    fn checked<T>(&self, call: &'static str, answer: Result<T, Broken>) -> Result<T, Error> {
        answer.map_err(|broken| self.0.fault(call, Fault::BadOutput(broken)))
    }

    fn step(&self, call: &'static str, answer: Result<contract::Step, PluginError>) -> Result<Step, Error> {
        let step = answer.map_err(|error| self.0.refused(error))?;
        self.0.check_state(call, &step.state)?;
        self.checked(call, output::step(step))
    }

    async fn start(&mut self) -> Result<Step, Error> {
        let answer = self.0.call("start", |world, store| {
            Box::pin(async move { world.dpone_plugin_extractor().call_start(store).await })
        });
        let answer = answer.await?;
        self.step("start", answer)
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: Vec<u8>) -> Result<Step, Error> {
        let answer = self.0.call("next", move |world, store| {
            Box::pin(async move {
                // The host keeps the page; the guest borrows it for this call.
                let page = store.data_mut().table.push(PageHandle(page))?;
                let lent = Resource::new_borrow(page.rep());
                let answer = world.dpone_plugin_extractor().call_next(&mut *store, lent, &state).await?;
                store.data_mut().table.delete(page)?;
                Ok(answer)
            })
        });
        let answer = answer.await?;
        self.step("next", answer)
    }

    async fn ahead(&mut self, state: Vec<u8>, n: u32) -> Result<Vec<RequestEdit>, Error> {
        let answer = self.0.call("ahead", move |world, store| {
            Box::pin(async move { world.dpone_plugin_extractor().call_ahead(store, &state, n).await })
        });
        let requests = answer.await?.map_err(|error| self.0.refused(error))?;
        if requests.len() > n as usize {
            let broken = format!("it returned {} requests where {n} were asked for", requests.len());
            return Err(self.0.fault("ahead", Fault::BadOutput(broken)));
        }
        self.checked("ahead", requests.into_iter().map(output::request).collect())
    }
}

impl Plugin for SandboxedExtractor {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }
}

#[async_trait]
impl Extractor for SandboxedExtractor {
    async fn start(&mut self) -> Result<Step, Report> {
        Self::start(self).await.map_err(Error::into_report)
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<Step, Report> {
        Self::next(self, page, state.to_vec()).await.map_err(Error::into_report)
    }

    async fn ahead(&mut self, state: &[u8], n: u32) -> Result<Vec<RequestEdit>, Report> {
        Self::ahead(self, state.to_vec(), n).await.map_err(Error::into_report)
    }
}
