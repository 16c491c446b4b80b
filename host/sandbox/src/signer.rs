//! Signers: from the contract's `signer` interface to the pipeline's trait. What a signature says is
//! computed elsewhere, where the secrets are; nothing of them comes here.

use crate::bindings::extractor::dpone::plugin::types::{Description, PluginError};
use crate::bindings::signer::exports::dpone::plugin::signer as contract;
use crate::bindings::signer::{SignerPlugin, SignerPluginPre};
use crate::error::{Error, Fault};
use crate::host::Host;
use crate::output;
use crate::runner::{Runner, Settings, World};
use async_trait::async_trait;
use dpone_model::Report;
use dpone_model::plugin::{Identity, Outgoing, Plugin, Signature, Signer, Usage};
use wasmtime::Store;
use wasmtime::component::InstancePre;

#[async_trait]
impl World for SignerPlugin {
    type Pre = SignerPluginPre<Host>;
    type Configured = ();

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre> {
        SignerPluginPre::new(pre)
    }

    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description> {
        self.dpone_plugin_signer().call_describe(store).await
    }

    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let Settings { options, secrets, .. } = settings.clone();
        self.dpone_plugin_signer().call_configure(store, &contract::Settings { options, secrets }).await
    }
}

/// A signer in the sandbox.
pub(crate) struct SandboxedSigner {
    pub runner: Runner<SignerPlugin>,
    /// Names of the granted secrets.
    pub secrets: Vec<String>,
}

impl SandboxedSigner {
    async fn sign(&mut self, request: Outgoing) -> Result<Signature, Error> {
        let request = contract::Outgoing {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|(name, value)| contract::Header { name, value }).collect(),
            body_sha256: request.body_sha256,
            sent_at: request.sent_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            nonce: request.nonce.to_vec(),
        };
        let answer = self.runner.call("sign", move |world, store| {
            Box::pin(async move { world.dpone_plugin_signer().call_sign(store, &request).await })
        });
        let signature = answer.await?.map_err(|error| self.runner.refused(error))?;
        output::signature(signature, &self.secrets).map_err(|fault| self.runner.fault("sign", fault))
    }
}

impl Plugin for SandboxedSigner {
    fn identity(&self) -> &Identity {
        self.runner.identity()
    }

    fn usage(&self) -> Usage {
        self.runner.usage()
    }
}

#[async_trait]
impl Signer for SandboxedSigner {
    async fn sign(&mut self, request: Outgoing) -> Result<Signature, Report> {
        Self::sign(self, request).await.map_err(Error::into_report)
    }
}

impl From<output::Broken> for Fault {
    fn from(broken: output::Broken) -> Self {
        Self::BadOutput(broken)
    }
}
