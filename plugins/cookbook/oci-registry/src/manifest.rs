//! What leads from a key to its value: an image manifest (OCI image specification, 1.1)
//! whose one layer is the value's record. What a stat has to know is in its annotations.

use seaworthy_adapter_sdk::Life;
use serde_json::{Value, json};

/// The media type of a manifest.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// What every manifest has for a configuration: an empty object.
pub(crate) const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const ARTIFACT_TYPE: &str = "application/vnd.seaworthy.cache.value.v1";
const CREATED: &str = "seaworthy.created-ms";
const DEADLINE: &str = "seaworthy.deadline-ms";
const SIZE: &str = "seaworthy.size";

/// A manifest of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manifest {
    Value(Pointer),
    /// The key was removed from a registry that does not delete.
    Removed,
}

/// Where a value is, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// `sha256:...` of the record.
    pub(crate) digest: String,
    /// Bytes of the record.
    pub(crate) length: u64,
    /// Bytes of the value.
    pub(crate) size: u64,
    pub(crate) life: Life,
}

impl Manifest {
    /// `empty` is the digest of [`EMPTY`].
    pub(crate) fn encode(&self, empty: &str) -> Vec<u8> {
        let config = json!({ "mediaType": EMPTY_TYPE, "digest": empty, "size": EMPTY.len() });
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": MEDIA_TYPE, "artifactType": ARTIFACT_TYPE,
                                   "config": config, "layers": [] });
        if let Self::Value(pointer) = self {
            let layer = json!({ "mediaType": ARTIFACT_TYPE, "digest": pointer.digest, "size": pointer.length });
            let mut annotations = json!({ SIZE: pointer.size.to_string(), CREATED: pointer.life.created.to_string() });
            if let Some(deadline) = pointer.life.deadline {
                annotations[DEADLINE] = deadline.to_string().into();
            }
            manifest["layers"] = json!([layer]);
            manifest["annotations"] = annotations;
        }
        manifest.to_string().into_bytes()
    }

    /// Reads a manifest; `None` when it is none of ours.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let manifest: Value = serde_json::from_slice(bytes).ok()?;
        if manifest.get("artifactType")?.as_str()? != ARTIFACT_TYPE {
            return None;
        }
        let Some(layer) = manifest.get("layers")?.as_array()?.first() else { return Some(Self::Removed) };
        let number = |key: &str| manifest.get("annotations")?.get(key)?.as_str()?.parse::<u64>().ok();
        let has_deadline = manifest.pointer("/annotations").is_some_and(|all| all.get(DEADLINE).is_some());
        let deadline = if has_deadline { Some(number(DEADLINE)?) } else { None };
        let digest = layer.get("digest")?.as_str()?;
        let hex = digest.strip_prefix("sha256:")?;
        let sound = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let life = Life { created: number(CREATED)?, deadline };
        let length = layer.get("size")?.as_u64()?;
        sound.then(|| Some(Self::Value(Pointer { digest: digest.into(), length, size: number(SIZE)?, life })))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(deadline: Option<u64>) -> Manifest {
        let life = Life { created: 1_700_000_000_000, deadline };
        Manifest::Value(Pointer { digest: format!("sha256:{}", "ab".repeat(32)), length: 300, size: 200, life })
    }

    #[test]
    fn a_manifest_reads_back() {
        for manifest in [pointer(None), pointer(Some(5)), Manifest::Removed] {
            assert_eq!(Manifest::decode(&manifest.encode("sha256:x")), Some(manifest));
        }
    }

    #[test]
    fn it_is_an_image_manifest() {
        let json: Value = serde_json::from_slice(&pointer(None).encode("sha256:e")).unwrap();
        assert_eq!((json["schemaVersion"].as_u64(), json["mediaType"].as_str()), (Some(2), Some(MEDIA_TYPE)));
        assert_eq!((json["config"]["digest"].as_str(), json["config"]["size"].as_u64()), (Some("sha256:e"), Some(2)));
        assert_eq!(json["layers"][0]["size"].as_u64(), Some(300));
    }

    #[test]
    fn nothing_else_is_a_manifest_of_ours() {
        let whole = String::from_utf8(pointer(Some(9)).encode("sha256:e")).unwrap();
        for cut in 0..whole.len() {
            assert_eq!(Manifest::decode(&whole.as_bytes()[..cut]), None, "cut at {cut}");
        }
        for (from, to) in [("sha256:ab", "sha256:AB"), ("cache.value.v1", "cache.value.v2"), ("\"9\"", "\"x\"")] {
            assert_eq!(Manifest::decode(whole.replace(from, to).as_bytes()), None, "{to}");
        }
        assert_eq!(Manifest::decode(br#"{"schemaVersion":2,"layers":[]}"#), None, "an image");
    }
}
