//! A component by its pins: from the shelf where it is there, else from its registry.

use crate::artifact::{Artifact, COMPONENT_LIMIT, MANIFEST_LIMIT};
use crate::client::{self, Registry};
use crate::error::RegistryError;
use crate::key::PublicKey;
use crate::session::{Action, Session};
use crate::shelf::{Kept, Kind, Shelf};
use crate::signature::{self, Signature};
use seaworthy_model::RegistryReference;

/// Components by their pins.
pub struct Library {
    registry: Registry,
    shelf: Shelf,
    offline: bool,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where it is.
    pub reference: &'a RegistryReference,
    /// Its registry is spoken to without TLS.
    pub plain_http: bool,
    /// `sha256:...` that the manifest must have.
    pub manifest: Option<&'a str>,
    /// `sha256:...` that the component must have.
    pub component: Option<&'a str>,
    /// One of these must have signed the manifest; none where nobody need have.
    pub keys: Option<&'a [PublicKey]>,
}

/// What was had.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The component.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub component: String,
    /// The digest of its manifest; none where the component alone is pinned and was on the shelf.
    pub manifest: Option<String>,
    /// Fingerprint of the key that signed it, where one must have.
    pub signer: Option<String>,
}

impl Library {
    /// With a shelf; `offline` never asks a registry.
    #[must_use]
    pub fn new(registry: Registry, shelf: Shelf, offline: bool) -> Self {
        Self { registry, shelf, offline }
    }

    /// The manifest that a reference names now. *Behaviour*: asks the registry, unless the
    /// reference holds the digest; the manifest is one of a component, and is kept.
    ///
    /// # Errors
    /// The registry does not have it, lies, or has something else there.
    pub async fn resolve(&self, reference: &RegistryReference, plain_http: bool) -> Result<String, RegistryError> {
        let session = self.registry.session(reference, Action::Pull, plain_http)?;
        if self.offline && reference.manifest.is_none() {
            return Err(self.offline("the manifest", reference));
        }
        let (bytes, digest) = match (&reference.manifest, &reference.tag) {
            (Some(manifest), _) => return Ok(manifest.clone()),
            (None, tag) => client::manifest(&session, tag.as_deref().unwrap_or("latest")).await?,
        };
        Artifact::read(reference, &bytes)?;
        keep(self.shelf.put(Kind::Manifest, &digest, &bytes));
        Ok(digest)
    }

    /// A component.
    ///
    /// *Behaviour*: the manifest by its pin, where it has one, else by the tag, and then the
    /// component must be the pinned one. A signature is verified each time, before anything
    /// large is read. What the shelf holds is verified and otherwise pulled anew; what was
    /// pulled is put there.
    ///
    /// # Errors
    /// There is no such thing, it is not the pinned one or not signed, the registry lies, or
    /// it would take the network and that may not be asked.
    pub async fn obtain(&self, wanted: &Wanted<'_>) -> Result<Obtained, RegistryError> {
        let reference = wanted.reference;
        let session = self.registry.session(reference, Action::Pull, wanted.plain_http)?;
        if let (None, Some(component), None) = (wanted.manifest, wanted.component, wanted.keys)
            && let Kept::Whole(bytes) = self.shelf.get(Kind::Component, component, COMPONENT_LIMIT)?
        {
            return Ok(Obtained { bytes, component: component.into(), manifest: None, signer: None });
        }
        let manifest = match wanted.manifest {
            Some(manifest) => manifest.to_owned(),
            None => self.resolve(reference, wanted.plain_http).await?,
        };
        let artifact = Artifact::read(reference, &self.manifest(&session, &manifest).await?)?;
        if let Some(pinned) = wanted.component.filter(|pinned| **pinned != artifact.component.digest) {
            return Err(RegistryError::Pinned {
                reference: reference.clone(),
                pinned: pinned.into(),
                actual: artifact.component.digest,
            });
        }
        let signer = match wanted.keys {
            Some(keys) => Some(self.signer(&session, &manifest, keys).await?),
            None => None,
        };
        let component = artifact.component.digest.clone();
        let bytes = self.component(&session, &artifact).await?;
        Ok(Obtained { bytes, component, manifest: Some(manifest), signer })
    }

    async fn manifest(&self, session: &Session<'_>, digest: &str) -> Result<Vec<u8>, RegistryError> {
        if let Some(bytes) = self.kept(session, Kind::Manifest, digest, MANIFEST_LIMIT, "the manifest")? {
            return Ok(bytes);
        }
        let (bytes, _) = client::manifest(session, digest).await?;
        keep(self.shelf.put(Kind::Manifest, digest, &bytes));
        Ok(bytes)
    }

    async fn component(&self, session: &Session<'_>, artifact: &Artifact) -> Result<Vec<u8>, RegistryError> {
        let digest = &artifact.component.digest;
        if let Some(bytes) = self.kept(session, Kind::Component, digest, COMPONENT_LIMIT, "the component")? {
            return Ok(bytes);
        }
        let config = client::blob(session, &artifact.config, "the config", MANIFEST_LIMIT).await?;
        artifact.check_config(session.reference(), &config)?;
        let bytes = client::blob(session, &artifact.component, "the component", COMPONENT_LIMIT).await?;
        keep(self.shelf.put(Kind::Component, digest, &bytes));
        Ok(bytes)
    }

    /// What the shelf has; none where the registry is to be asked.
    fn kept(
        &self,
        session: &Session<'_>,
        kind: Kind,
        digest: &str,
        limit: u64,
        what: &'static str,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        match self.shelf.get(kind, digest, limit)? {
            Kept::Whole(bytes) => Ok(Some(bytes)),
            Kept::Missing if self.offline => Err(self.offline(what, session.reference())),
            Kept::Missing => Ok(None),
            Kept::Changed { path, actual } if self.offline => Err(RegistryError::Tampered { path, actual }),
            Kept::Changed { path, actual } => {
                tracing::warn!(path = %path.display(), actual, "a cached file is not what its name says, and is pulled anew");
                Ok(None)
            }
        }
    }

    /// Who of these has signed a manifest.
    async fn signer(&self, session: &Session<'_>, manifest: &str, keys: &[PublicKey]) -> Result<String, RegistryError> {
        let unsigned = |why| RegistryError::Unsigned { reference: session.reference().pinned(manifest), why };
        let verified = |signatures: &[Signature]| {
            signature::verify(signatures, manifest, keys).map(|key| key.fingerprint().to_owned())
        };
        let kept = self.shelf.signatures(manifest);
        match kept.as_deref().map(verified) {
            Some(Ok(signer)) => return Ok(signer),
            Some(Err(why)) if self.offline => return Err(unsigned(why)),
            None if self.offline => return Err(self.offline("the signature", session.reference())),
            // A signature by another key may have come since.
            _ => {}
        }
        let found = client::signatures(session, manifest).await?.map(|(_, found)| found).unwrap_or_default();
        let signer = verified(&found).map_err(unsigned)?;
        keep(self.shelf.put_signatures(manifest, &found));
        Ok(signer)
    }

    fn offline(&self, what: &'static str, reference: &RegistryReference) -> RegistryError {
        RegistryError::Offline { what, reference: reference.clone(), folder: self.shelf.folder().to_owned() }
    }
}

/// What cannot be kept is pulled again next time.
fn keep(outcome: Result<(), RegistryError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "what was pulled is not kept");
    }
}
