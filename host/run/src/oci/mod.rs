//! Components in an OCI registry: `uses: oci://HOST/REPOSITORY@sha256:…`, and `plugin push`.
//!
//! A component is an artifact of the distribution specification 1.1: a manifest with one layer of
//! type `application/wasm` and a config of type `application/vnd.wasm.config.v0+json`, as other tools
//! for WebAssembly write and read it. The reference holds the manifest's digest, the manifest holds
//! the component's: what was reviewed is what runs, whoever serves it.
//!
//! ```text
//! pull  cache? → GET manifest → digest, types, size → GET blob → digest → cache     store.rs
//! push  POST, PUT config → POST, PUT component → PUT manifest under the tag         registry.rs
//! ```
//! The requests are written here rather than taken from the crate `oci-client`, which brings an HTTP
//! client of its own: redirects, proxies and addresses would then follow its rules and not those of
//! `dpone-egress`, through which everything of this program leaves. Five kinds of requests are needed.
//!
//! Where requests may go. The registry is the operator's word, as a connection's origin is, and may
//! be a private address: registries usually are. Plain http is for loopback hosts. A blob may be
//! redirected to any https origin (object stores and CDNs serve them), without credentials and to
//! public addresses only: content is verified by its digest, but a request into the operator's
//! network could do harm by being made. Credentials (`DPONE_OCI_USERNAME`, `DPONE_OCI_PASSWORD`) go to
//! the registry (to `DPONE_OCI_REGISTRY` alone where that is set), and to a token service of another
//! origin only where `DPONE_OCI_TOKEN_ORIGIN` names it: an answer of a registry must not choose who
//! gets a password.

mod artifact;
mod challenge;
mod error;
mod registry;
mod store;

pub use error::Error;

use artifact::{Artifact, Descriptor};
use cap_std::fs::Dir;
use dpone_manifest::OciReference;
use registry::Registry;
use sha2::{Digest as _, Sha256};
use store::Store;

/// Most bytes of a component: as many as the sandbox takes.
pub const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// A component as the registry or the cache gave it, verified.
#[derive(Debug)]
pub struct Pulled {
    pub bytes: Vec<u8>,
    /// The minisign signature that was pushed with it.
    pub signature: Option<String>,
}

/// The description that is pushed beside the bytes.
#[derive(Debug, Clone)]
pub struct Pushed<'a> {
    pub component: &'a [u8],
    pub name: &'a str,
    pub version: &'a str,
    pub imports: &'a [String],
    pub exports: &'a [String],
    pub signature: Option<String>,
}

/// The component that a reference names, from the cache where it is there. `cache` is the host's
/// cache folder.
pub async fn pull(reference: &OciReference, cache: &Dir) -> Result<Pulled, Error> {
    let digest = reference.digest.as_deref().ok_or_else(|| Error::NoDigest { reference: reference.to_string() })?;
    let store = Store::open(cache)?;
    let kept = store.get(digest)?;
    let is_kept = kept.is_some();
    let manifest = match kept {
        Some(manifest) => manifest,
        None => verified(Registry::to_pull(reference)?.manifest(digest).await?, digest, || {
            format!("manifest of {reference}")
        })?,
    };
    let artifact = Artifact::parse(&manifest, reference)?;
    let layer = artifact.component(reference)?;
    let bytes = component(&store, layer, reference).await?;
    if !is_kept {
        // After the component, so that a kept manifest means that the whole works offline.
        store.put(digest, &manifest)?;
    }
    Ok(Pulled { bytes, signature: layer.signature() })
}

/// Uploads a component under the reference's tag; the answer is the reference to use in a manifest.
pub async fn push(reference: &OciReference, pushed: &Pushed<'_>) -> Result<OciReference, Error> {
    if reference.tag.is_none() || reference.digest.is_some() {
        return Err(Error::NoTag { reference: reference.to_string() });
    }
    let size = pushed.component.len() as u64;
    if size > MAX_COMPONENT_BYTES {
        return Err(Error::TooLarge { reference: reference.to_string(), size, limit: MAX_COMPONENT_BYTES });
    }
    let (config, manifest) = artifact::describe(pushed);
    let registry = Registry::to_push(reference)?;
    for blob in [config.as_bytes(), pushed.component] {
        registry.upload(&sha256(blob), blob.to_vec().into()).await?;
    }
    let digest = sha256(manifest.as_bytes());
    // Last: before it, nothing of the upload can be seen.
    registry.put_manifest(reference.tag.as_deref().unwrap_or_default(), manifest, &digest).await?;
    Ok(OciReference { tag: reference.tag.clone(), digest: Some(digest), ..reference.clone() })
}

async fn component(store: &Store, layer: &Descriptor, reference: &OciReference) -> Result<Vec<u8>, Error> {
    let digest = layer.sha256(reference)?;
    if let Some(bytes) = store.get(digest)? {
        return Ok(bytes);
    }
    let bytes = Registry::to_pull(reference)?.blob(digest, layer.size).await?;
    let bytes = verified(bytes, digest, || format!("component of {reference}"))?;
    store.put(digest, &bytes)?;
    Ok(bytes)
}

fn verified(bytes: Vec<u8>, digest: &str, what: impl Fn() -> String) -> Result<Vec<u8>, Error> {
    let found = sha256(&bytes);
    if found == digest { Ok(bytes) } else { Err(Error::Digest { what: what(), wanted: digest.to_owned(), found }) }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
