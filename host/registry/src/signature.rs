//! Signatures as cosign keeps them beside an image: an artifact under the tag
//! `sha256-DIGEST.sig`, whose layers are payloads of the "simple signing" format with the
//! signature in an annotation (sigstore/cosign `specs/SIGNATURE_SPEC.md`).

use crate::artifact::{Annotations, Blob, IMAGE_CONFIG, MANIFEST, Manifest};
use crate::digest::hex;
use crate::key::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seaworthy_model::RegistryReference;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
pub(crate) const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// The largest payload.
pub(crate) const PAYLOAD_LIMIT: u64 = 64 << 10;
/// So many signatures are looked at.
pub(crate) const MOST: usize = 32;

/// A payload and its signature, as they were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signature {
    /// The signed text.
    pub(crate) payload: String,
    /// DER in base64.
    pub(crate) signature: String,
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    manifest: String,
}

/// The tag under which the signatures of a manifest are.
pub(crate) fn tag(manifest: &str) -> String {
    format!("sha256-{}.sig", hex(manifest))
}

/// Signs a manifest.
pub(crate) fn sign(reference: &RegistryReference, manifest: &str, key: &SigningKey) -> Signature {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": reference.place() },
            "image": { "docker-manifest-digest": manifest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string();
    let signature = STANDARD.encode(key.sign(payload.as_bytes()));
    Signature { payload, signature }
}

/// The first of the keys that has signed this manifest, or why none has.
pub(crate) fn verify<'k>(
    signatures: &[Signature],
    manifest: &str,
    keys: &'k [PublicKey],
) -> Result<&'k PublicKey, String> {
    let mut other = None;
    for one in signatures {
        let Ok(bytes) = STANDARD.decode(&one.signature) else { continue };
        let Some(key) = keys.iter().find(|key| key.verifies(one.payload.as_bytes(), &bytes)) else { continue };
        // Only what a key vouches for is read.
        let payload: Option<Payload> = serde_json::from_str(&one.payload).ok();
        match payload.map(|payload| payload.critical) {
            Some(Critical { image, kind }) if kind == "cosign container image signature" => {
                if image.manifest == manifest {
                    return Ok(key);
                }
                other = Some(format!(
                    "the signature by {} is of the manifest {}, not of {manifest}: it was taken from something else",
                    key.name(),
                    image.manifest.chars().take(80).collect::<String>()
                ));
            }
            _ => other = Some(format!("what {} signed is no signature of an image", key.name())),
        }
    }
    let names = || keys.iter().map(PublicKey::name).collect::<Vec<_>>().join(", ");
    Err(other.unwrap_or_else(|| match signatures.len() {
        0 => format!("it has no signature (under the tag {})", tag(manifest)),
        1 => format!("its signature is by none of the keys {}", names()),
        many => format!("none of its {many} signatures is by one of the keys {}", names()),
    }))
}

/// The artifact of one more signature, over those that are there; with the blobs to push.
pub(crate) fn add(
    there: Option<Manifest>,
    signature: &Signature,
) -> Result<(Manifest, Vec<Vec<u8>>), serde_json::Error> {
    let mut layers = there.map(|manifest| manifest.layers).unwrap_or_default();
    let mut layer = Blob::of(PAYLOAD, signature.payload.as_bytes());
    layer.annotations = Annotations::from([(ANNOTATION.to_owned(), signature.signature.clone())]);
    layers.push(layer);
    let diffs: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let config = serde_json::to_vec(&json!({
        "architecture": "",
        "config": {},
        "created": "0001-01-01T00:00:00Z",
        "history": vec![json!({ "created": "0001-01-01T00:00:00Z" }); diffs.len()],
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": diffs },
    }))?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.into()),
        config: Blob::of(IMAGE_CONFIG, &config),
        layers,
        annotations: Annotations::new(),
    };
    Ok((manifest, vec![config, signature.payload.clone().into_bytes()]))
}

/// Whether two artifacts would hold the same signature by the same key: signing twice adds nothing.
pub(crate) fn is_there(signatures: &[Signature], manifest: &str, key: &PublicKey) -> bool {
    verify(signatures, manifest, std::slice::from_ref(key)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::digest;
    use crate::key::KeyPair;

    fn keys() -> (SigningKey, PublicKey) {
        let pair = KeyPair::generate(None).unwrap();
        (SigningKey::read("k", &pair.private, None).unwrap(), PublicKey::read("acme.pub", &pair.public).unwrap())
    }

    #[test]
    fn one_of_the_keys_is_enough_and_no_other_counts() {
        let reference: RegistryReference = "oci://a/b:1".parse().unwrap();
        let (ours, others) = (digest(b"ours"), digest(b"others"));
        let ((key, public), (_, stranger)) = (keys(), keys());
        let good = sign(&reference, &ours, &key);
        let all = [stranger.clone(), public.clone()];
        assert_eq!(verify(std::slice::from_ref(&good), &ours, &all).unwrap().fingerprint(), public.fingerprint());
        let told = |signatures: &[Signature], keys: &[PublicKey]| verify(signatures, &ours, keys).unwrap_err();
        assert!(told(&[], &all).contains("no signature"));
        assert!(told(std::slice::from_ref(&good), &[stranger]).contains("by none of the keys"));
        let stolen = sign(&reference, &others, &key);
        assert!(told(std::slice::from_ref(&stolen), &all).contains("taken from something else"));
        let changed = Signature { payload: stolen.payload.replace(&others, &ours), ..stolen.clone() };
        assert!(told(&[changed], &all).contains("by none of the keys"));
        assert!(verify(&[stolen, good], &ours, &all).is_ok(), "a bad one beside a good one");
    }

    #[test]
    fn another_signature_keeps_those_that_are_there() {
        let reference: RegistryReference = "oci://a/b:1".parse().unwrap();
        let manifest = digest(b"m");
        let first = sign(&reference, &manifest, &keys().0);
        let second = sign(&reference, &manifest, &keys().0);
        let (one, _) = add(None, &first).unwrap();
        let (two, blobs) = add(Some(one), &second).unwrap();
        let found: Vec<&str> = two.layers.iter().map(|layer| layer.annotations[ANNOTATION].as_str()).collect();
        assert_eq!(found, [first.signature.as_str(), second.signature.as_str()]);
        assert_eq!(two.config.digest, digest(&blobs[0]));
        assert_eq!(two.layers[1].digest, digest(second.payload.as_bytes()));
    }
}
