//! The manifest and the config of a component, as the CNCF's TAG Runtime lays them out
//! (tag-runtime.cncf.io, "WASM OCI Artifact Layout").

use crate::digest::digest;
use crate::error::RegistryError;
use seaworthy_model::{RegistryReference, is_digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM_LAYER: &str = "application/wasm";

/// The largest component that is read.
pub(crate) const COMPONENT_LIMIT: u64 = 64 << 20;
/// The largest manifest, and the largest config.
pub(crate) const MANIFEST_LIMIT: u64 = 1 << 20;

/// Texts about an artifact, by the keys of the OCI image specification.
pub type Annotations = BTreeMap<String, String>;

/// What a component says of itself in its binary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interfaces {
    /// `seaworthy:check/checks@0.1.0` ...
    pub exports: Vec<String>,
    /// `seaworthy:net/tcp@0.1.0` ...
    pub imports: Vec<String>,
}

/// A blob, as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blob {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub(crate) annotations: Annotations,
}

/// Of strangers: what is not needed is not looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Blob>,
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub(crate) annotations: Annotations,
}

/// The config of a component.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: String,
    author: Option<String>,
    architecture: String,
    os: String,
    layer_digests: Vec<String>,
    component: Option<Component>,
}

#[derive(Serialize, Deserialize)]
struct Component {
    #[serde(default)]
    exports: Vec<String>,
    #[serde(default)]
    imports: Vec<String>,
    target: Option<String>,
}

impl Blob {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.into(),
            digest: digest(bytes),
            size: bytes.len() as u64,
            annotations: Annotations::new(),
        }
    }
}

/// What a manifest of a component leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) config: Blob,
    pub(crate) component: Blob,
}

impl Artifact {
    /// Reads the manifest of a component.
    ///
    /// # Errors
    /// It is something else, and what.
    pub(crate) fn read(reference: &RegistryReference, bytes: &[u8]) -> Result<Self, RegistryError> {
        let no = |why: String| RegistryError::NotAComponent { reference: reference.clone(), why };
        let any: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| no(format!("its manifest is no JSON ({error})")))?;
        if any.get("manifests").is_some() {
            return Err(no("it is an index of several images, as containers have them".into()));
        }
        let manifest: Manifest =
            serde_json::from_value(any).map_err(|error| no(format!("its manifest cannot be read ({error})")))?;
        if manifest.schema_version != 2 || manifest.media_type.as_ref().is_some_and(|kind| kind != MANIFEST) {
            let kind = manifest.media_type.unwrap_or_else(|| format!("schema version {}", manifest.schema_version));
            return Err(no(format!("its manifest is {kind}, not {MANIFEST}")));
        }
        if manifest.config.media_type != WASM_CONFIG {
            let kind = &manifest.config.media_type;
            let instead = if kind.contains("image") || kind.contains("docker") { " (a container image)" } else { "" };
            return Err(no(format!("its config is {kind}{instead}, not {WASM_CONFIG}")));
        }
        let [component] = manifest.layers.as_slice() else {
            return Err(no(format!("it has {} layers, not one", manifest.layers.len())));
        };
        if component.media_type != WASM_LAYER {
            return Err(no(format!("its layer is {}, not {WASM_LAYER}", component.media_type)));
        }
        for (what, blob, limit) in
            [("config", &manifest.config, MANIFEST_LIMIT), ("component", component, COMPONENT_LIMIT)]
        {
            if !is_digest(&blob.digest) {
                return Err(no(format!(
                    "its manifest names its {what} by {:?}, which is no digest of SHA-256",
                    blob.digest
                )));
            }
            if blob.size > limit {
                return Err(no(format!("its {what} is {} bytes, more than the {limit} that are read", blob.size)));
            }
        }
        Ok(Self { config: manifest.config.clone(), component: component.clone() })
    }

    /// Whether the config is of this component.
    pub(crate) fn check_config(&self, reference: &RegistryReference, bytes: &[u8]) -> Result<(), RegistryError> {
        let no = |why: String| RegistryError::NotAComponent { reference: reference.clone(), why };
        let config: Config =
            serde_json::from_slice(bytes).map_err(|error| no(format!("its config cannot be read ({error})")))?;
        if config.architecture != "wasm" {
            return Err(no(format!("its config is for the architecture {:?}, not wasm", config.architecture)));
        }
        if config.layer_digests != [self.component.digest.as_str()] {
            return Err(no("its config names other layers than its manifest".into()));
        }
        Ok(())
    }
}

/// The config and the manifest of a component. *Behaviour*: the same component with the same
/// annotations gives the same bytes, so that it can be pushed twice.
pub(crate) fn write(
    component: &[u8],
    interfaces: &Interfaces,
    created: &str,
    annotations: &Annotations,
) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
    let layer = Blob::of(WASM_LAYER, component);
    let config = Config {
        created: created.into(),
        author: None,
        architecture: "wasm".into(),
        os: "wasip2".into(),
        layer_digests: vec![layer.digest.clone()],
        component: Some(Component {
            exports: interfaces.exports.clone(),
            imports: interfaces.imports.clone(),
            target: None,
        }),
    };
    let config = serde_json::to_vec(&config)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.into()),
        config: Blob::of(WASM_CONFIG, &config),
        layers: vec![layer],
        annotations: annotations.clone(),
    };
    Ok((config, serde_json::to_vec(&manifest)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn reference() -> RegistryReference {
        "oci://registry.example.com/acme/a:1".parse().unwrap()
    }

    fn manifest() -> Value {
        let (_, bytes) = write(b"\0asm", &Interfaces::default(), "1970-01-01T00:00:00Z", &Annotations::new()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn why(change: impl FnOnce(&mut Value)) -> String {
        let mut value = manifest();
        change(&mut value);
        Artifact::read(&reference(), value.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let interfaces = Interfaces { exports: vec!["a:b/c@0.1.0".into()], imports: vec![] };
        let annotations = Annotations::from([("org.opencontainers.image.title".into(), "a".into())]);
        let write = || super::write(b"\0asm", &interfaces, "1970-01-01T00:00:00Z", &annotations).unwrap();
        let (config, manifest) = write();
        assert_eq!((config.clone(), manifest.clone()), write(), "the same twice");
        let artifact = Artifact::read(&reference(), &manifest).unwrap();
        assert_eq!(artifact.component.digest, digest(b"\0asm"));
        assert_eq!(artifact.config.digest, digest(&config));
        artifact.check_config(&reference(), &config).unwrap();
        let value: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(value["layerDigests"], json!([digest(b"\0asm")]));
        assert_eq!(value["component"]["exports"], json!(["a:b/c@0.1.0"]));
        assert_eq!((&value["architecture"], &value["os"]), (&json!("wasm"), &json!("wasip2")));
        let other = json!({"created":"x","architecture":"wasm","os":"wasip2","layerDigests":["sha256:00"]});
        assert!(artifact.check_config(&reference(), other.to_string().as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_component_is_told_what_it_is() {
        assert!(why(|m| m["config"]["mediaType"] = IMAGE_CONFIG.into()).contains("a container image"));
        assert!(why(|m| m["manifests"] = json!([])).contains("an index"));
        assert!(why(|m| m["layers"] = json!([])).contains("0 layers"));
        assert!(why(|m| m["layers"][0]["mediaType"] = "text/plain".into()).contains("text/plain"));
        assert!(why(|m| m["layers"][0]["digest"] = "sha512:aa".into()).contains("sha512:aa"));
        assert!(why(|m| m["layers"][0]["digest"] = "sha256:../../etc".into()).contains("no digest"));
        assert!(why(|m| m["layers"][0]["size"] = (COMPONENT_LIMIT + 1).into()).contains("more than"));
        assert!(why(|m| m["schemaVersion"] = 1.into()).contains("not application"));
        let html = Artifact::read(&reference(), b"<html>").unwrap_err().to_string();
        assert!(html.contains("no JSON"), "{html}");
    }
}
