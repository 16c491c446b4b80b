//! Finding the components that a manifest names: built-in, beside the manifest, in a registry, or
//! along a path.

use crate::folders::Folders;
use crate::oci;
use crate::signature::{SignatureAt, Signed};
use dpone_manifest::{Manifest, OCI_SCHEME, OciReference, PluginUse};
use dpone_model::plugin::PluginKind;
use dpone_model::{Report, codes, file};
use std::path::{Path, PathBuf};

/// A component's bytes and where they were found.
pub struct Found {
    /// The use that the manifest makes of it.
    pub kind: PluginKind,
    pub plugin: PluginUse,
    pub bytes: Vec<u8>,
    /// `builtin:cursor`, or the file's path.
    pub from: String,
    pub signature: SignatureAt,
    /// The signer, where a signature was asked for.
    pub signed: Option<Signed>,
}

/// A component, not yet judged.
#[derive(Debug)]
pub struct Component {
    pub bytes: Vec<u8>,
    pub from: String,
    pub signature: SignatureAt,
}

/// Where to look.
#[derive(Clone)]
pub struct Finder {
    /// The shipped components by name.
    pub builtins: fn(&str) -> Option<&'static [u8]>,
    /// Folders in which a bare name is looked up, as `NAME.wasm`.
    pub plugin_path: Vec<PathBuf>,
    /// Under it lies the cache of components that registries gave.
    pub workdir: PathBuf,
}

impl Finder {
    /// Every plugin of a manifest, in the order extractor, transforms, checks, slicer, signer. All
    /// problems at once.
    pub async fn find_all(&self, manifest: &Manifest, manifest_dir: &Path) -> Result<Vec<Found>, Report> {
        let extractor = manifest.source.pagination.extractor.iter().map(|plugin| (PluginKind::Extractor, plugin));
        let transforms = manifest.transforms.iter().map(|plugin| (PluginKind::Transform, plugin));
        let checks = manifest.quality.checks.iter().map(|check| (PluginKind::Check, &check.plugin));
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let slicer = manifest.source.slicer.iter().map(|plugin| (PluginKind::Slicer, plugin));
        let signer = manifest.source.signer.iter().map(|plugin| (PluginKind::Signer, plugin));
        for (kind, plugin) in extractor.chain(transforms).chain(checks).chain(slicer).chain(signer) {
            match self.find(&plugin.uses, manifest_dir).await {
                Ok(Component { bytes, from, signature }) => {
                    found.push(Found { kind, plugin: plugin.clone(), bytes, from, signature, signed: None });
                }
                Err(report) => problems.push(report.at(manifest.origin.place(&plugin.key))),
            }
        }
        Report::all(problems).map_or(Ok(found), Err)
    }

    /// One component: `builtin:NAME`, `oci://…@sha256:…`, a path relative to `base`, or a name along the
    /// plugin path.
    pub async fn find(&self, uses: &str, base: &Path) -> Result<Component, Report> {
        if let Some(name) = uses.strip_prefix("builtin:") {
            let component = |bytes: &[u8]| Component {
                bytes: bytes.to_vec(),
                from: uses.to_owned(),
                signature: SignatureAt::BuiltIn,
            };
            return (self.builtins)(name).map(component).ok_or_else(|| {
                not_found(format!("there is no built-in plugin `{name}`"))
                    .hint("`dpone plugin list` shows the built-in ones")
            });
        }
        if uses.starts_with(OCI_SCHEME) {
            return self.pull(uses).await;
        }
        if is_path(uses) {
            return read(&base.join(uses));
        }
        let candidates: Vec<PathBuf> = self.plugin_path.iter().map(|dir| dir.join(format!("{uses}.wasm"))).collect();
        if let Some(path) = candidates.iter().find(|path| path.is_file()) {
            return read(path);
        }
        let looked = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let looked = if looked.is_empty() { "no plugin path is set".to_owned() } else { format!("looked at {looked}") };
        Err(not_found(format!("no plugin `{uses}` along the plugin path: {looked}"))
            .hint("set --plugin-path or DPONE_PLUGIN_PATH, or write `./NAME.wasm` for a file beside the manifest"))
    }
}

impl Finder {
    async fn pull(&self, uses: &str) -> Result<Component, Report> {
        let reference =
            OciReference::parse(uses).map_err(|cause| oci::Error::Reference { text: uses.to_owned(), cause })?;
        let cache = Folders::open(&self.workdir)?.cache()?;
        let oci::Pulled { bytes, signature } = oci::pull(&reference, &cache.dir).await?;
        Ok(Component { bytes, from: uses.to_owned(), signature: SignatureAt::Carried(signature) })
    }
}

/// Whether a plugin is named by its file.
pub(crate) fn is_path(uses: &str) -> bool {
    !uses.starts_with("builtin:") && !uses.starts_with(OCI_SCHEME) && (uses.contains('/') || uses.ends_with(".wasm"))
}

/// A component's file.
pub(crate) fn read(path: &Path) -> Result<Component, Report> {
    let bytes = file::read(path, file::MAX_COMPONENT_BYTES)
        .map_err(|cause| not_found(format!("{}: {cause}", path.display())))?;
    Ok(Component { bytes, from: path.display().to_string(), signature: SignatureAt::beside(path) })
}

fn not_found(message: String) -> Report {
    Report::new(&codes::plugin::NOT_FOUND, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder(plugin_path: Vec<PathBuf>) -> Finder {
        Finder {
            builtins: |name| (name == "cursor").then_some(b"built in".as_slice()),
            plugin_path,
            workdir: PathBuf::new(),
        }
    }

    #[tokio::test]
    async fn a_plugin_is_built_in_beside_the_manifest_or_along_the_path() {
        let (beside, along) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(beside.path().join("mine.wasm"), "beside").unwrap();
        std::fs::write(along.path().join("mine.wasm"), "along").unwrap();
        let finder = finder(vec![PathBuf::from("/nowhere"), along.path().to_owned()]);
        for (uses, bytes) in
            [("builtin:cursor", "built in"), ("./mine.wasm", "beside"), ("mine.wasm", "beside"), ("mine", "along")]
        {
            assert_eq!(finder.find(uses, beside.path()).await.unwrap().bytes, bytes.as_bytes(), "{uses}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_with_the_places_looked_at() {
        let finder = finder(vec![PathBuf::from("/nowhere")]);
        for (uses, says) in
            [("builtin:other", "no built-in"), ("./other.wasm", "other.wasm"), ("other", "/nowhere/other.wasm")]
        {
            let report = finder.find(uses, Path::new("/tmp")).await.unwrap_err();
            assert_eq!(report.code(), &codes::plugin::NOT_FOUND);
            assert!(report.message().contains(says), "{report}");
        }
    }
}
