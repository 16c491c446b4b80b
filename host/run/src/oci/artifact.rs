//! The registry's manifest of a component: what is written, and what is accepted.

use super::error::Error;
use super::{MAX_COMPONENT_BYTES, Pushed, sha256};
use dpone_manifest::OciReference;
use dpone_model::redact;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";
/// The annotation of the layer that holds its minisign signature.
const SIGNATURE: &str = "vnd.dpone.minisig";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Artifact {
    schema_version: u64,
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    media_type: String,
    digest: String,
    pub size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Artifact {
    pub fn parse(text: &[u8], reference: &OciReference) -> Result<Self, Error> {
        let refuse = |cause: String| Error::MediaType { reference: reference.to_string(), cause };
        let artifact: Self = serde_json::from_slice(text)
            .map_err(|error| refuse(format!("its manifest is not an OCI image manifest ({error})")))?;
        if artifact.schema_version != 2 {
            return Err(refuse(format!("its manifest has the schema version {}", artifact.schema_version)));
        }
        match artifact.media_type.as_deref() {
            None | Some(MANIFEST_TYPE) => Ok(artifact),
            Some(other) => Err(refuse(format!("its manifest is of type `{}`", plain(other)))),
        }
    }

    /// The one layer of a component.
    pub fn component(&self, reference: &OciReference) -> Result<&Descriptor, Error> {
        let refuse = |cause: String| Error::MediaType { reference: reference.to_string(), cause };
        let config = self.config.as_ref().map_or("none", |config| config.media_type.as_str());
        if config != CONFIG_TYPE {
            return Err(refuse(format!("its config is of type `{}`, not `{CONFIG_TYPE}`", plain(config))));
        }
        let layer = match self.layers.as_slice() {
            [layer] => layer,
            layers => return Err(refuse(format!("it has {} layers, a component has one", layers.len()))),
        };
        if layer.media_type != LAYER_TYPE {
            return Err(refuse(format!("its layer is of type `{}`, not `{LAYER_TYPE}`", plain(&layer.media_type))));
        }
        if layer.size > MAX_COMPONENT_BYTES {
            let (reference, limit) = (reference.to_string(), MAX_COMPONENT_BYTES);
            return Err(Error::TooLarge { reference, size: layer.size, limit });
        }
        Ok(layer)
    }
}

impl Descriptor {
    pub fn sha256(&self, reference: &OciReference) -> Result<&str, Error> {
        let hex = self.digest.strip_prefix("sha256:");
        let is_hex = |hex: &&str| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        hex.filter(is_hex).ok_or_else(|| {
            let cause = format!("its layer's digest `{}` is no sha256", plain(&self.digest));
            Error::MediaType { reference: reference.to_string(), cause }
        })
    }

    pub fn signature(&self) -> Option<String> {
        self.annotations.get(SIGNATURE).cloned()
    }
}

/// Config and manifest of a component. Nothing in them differs from one push to the next, so that
/// the same component always has the same reference.
pub(super) fn describe(pushed: &Pushed<'_>) -> (String, String) {
    let component = sha256(pushed.component);
    let config = json!({
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [format!("sha256:{component}")],
        "component": { "exports": pushed.exports, "imports": pushed.imports },
    })
    .to_string();
    let mut layer = descriptor(LAYER_TYPE, &component, pushed.component.len());
    if let (Some(signature), Some(fields)) = (&pushed.signature, layer.as_object_mut()) {
        fields.insert("annotations".to_owned(), json!({ SIGNATURE: signature }));
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIG_TYPE, &sha256(config.as_bytes()), config.len()),
        "layers": [layer],
        "annotations": {
            "org.opencontainers.image.title": pushed.name,
            "org.opencontainers.image.version": pushed.version,
        },
    });
    (config, manifest.to_string())
}

fn descriptor(media_type: &str, digest: &str, size: usize) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size })
}

/// A registry's text, fit for a terminal.
fn plain(text: &str) -> String {
    redact::excerpt(text, 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> OciReference {
        OciReference::parse("oci://a.example/b").unwrap()
    }

    fn pushed() -> (String, String) {
        describe(&Pushed {
            component: b"component",
            name: "mask",
            version: "1.0.0",
            imports: &["dpone:plugin/host@0.1.0".into()],
            exports: &["dpone:plugin/transform@0.1.0".into()],
            signature: Some("four\nlines".into()),
        })
    }

    #[test]
    fn what_is_pushed_is_understood_and_always_the_same() {
        let (config, manifest) = pushed();
        assert_eq!((config, manifest.clone()), pushed());
        let artifact = Artifact::parse(manifest.as_bytes(), &reference()).unwrap();
        let layer = artifact.component(&reference()).unwrap();
        assert_eq!(layer.sha256(&reference()).unwrap(), sha256(b"component"));
        assert_eq!((layer.size, layer.signature().as_deref()), (9, Some("four\nlines")));
    }

    #[test]
    fn other_artifacts_are_told_by_their_types() {
        let (_, good) = pushed();
        for (from, to, says) in [
            (MANIFEST_TYPE, "application/vnd.oci.image.index.v1+json", "image.index.v1+json`"),
            (CONFIG_TYPE, "application/vnd.oci.image.config.v1+json", "its config is of type"),
            ("\"application/wasm\"", "\"application/vnd.oci.image.layer.v1.tar+gzip\"", "its layer is of type"),
            ("\"schemaVersion\":2", "\"schemaVersion\":1", "schema version 1"),
            ("\"layers\":[", "\"others\":[", "0 layers"),
            ("\"size\":9", "\"size\":99999999999", "99999999999 bytes"),
            ("{\"schema", "{\"schema\":", "not an OCI image manifest"),
        ] {
            assert!(good.contains(from), "{from}");
            let other = good.replace(from, to);
            let found = Artifact::parse(other.as_bytes(), &reference());
            let error = found.and_then(|artifact| artifact.component(&reference()).map(|_| ())).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        let unhashed = good.replace(&sha256(b"component"), "../x");
        let artifact = Artifact::parse(unhashed.as_bytes(), &reference()).unwrap();
        let layer = artifact.component(&reference()).unwrap();
        assert!(layer.sha256(&reference()).is_err());
    }
}
