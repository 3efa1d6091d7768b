//! What is done at a registry (OCI distribution specification 1.1).

use crate::artifact::{self, Annotations, Blob, Interfaces, MANIFEST, MANIFEST_LIMIT, Manifest};
use crate::credentials::Login;
use crate::digest::digest;
use crate::error::RegistryError;
use crate::key::SigningKey;
use crate::session::{Action, Session};
use crate::signature::{self, Signature};
use crate::web::{Answer, Ask, Web, shown};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, StatusCode};
use seaworthy_model::{Environment, RegistryReference};

/// What is taken for a manifest. The others are asked for so that it can be said what they are.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// The registries of this machine's network, as this user.
pub struct Registry {
    web: Web,
    login: Login,
}

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// `sha256:...` of the manifest, by which it is pinned.
    pub manifest: String,
    /// `sha256:...` of the component.
    pub component: String,
}

impl Registry {
    /// Proxies, credentials and trust come from the environment.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        Self { web: Web::new(environment), login: Login::new(environment) }
    }

    pub(crate) fn session<'a>(
        &'a self,
        reference: &'a RegistryReference,
        action: Action,
        plain_http: bool,
    ) -> Result<Session<'a>, RegistryError> {
        Session::new(&self.web, &self.login, reference, action, plain_http)
    }

    /// Pushes a component under the tag of `reference`.
    ///
    /// *Behaviour*: `created` goes into the config; where it and the annotations are the same, so
    /// is the manifest, and pushing again changes nothing. Blobs that are there are not sent.
    ///
    /// # Errors
    /// The registry cannot be reached, refuses, or says that it took something else.
    pub async fn push(
        &self,
        reference: &RegistryReference,
        plain_http: bool,
        component: &[u8],
        interfaces: &Interfaces,
        created: &str,
        annotations: &Annotations,
    ) -> Result<Pushed, RegistryError> {
        let session = self.session(reference, Action::Push, plain_http)?;
        let (config, manifest) = artifact::write(component, interfaces, created, annotations)
            .map_err(|error| unwritable(reference, &error))?;
        for blob in [component, &config] {
            put_blob(&session, blob).await?;
        }
        let name = reference.tag.clone().unwrap_or_else(|| digest(&manifest));
        let manifest = put_manifest(&session, &name, manifest).await?;
        Ok(Pushed { manifest, component: digest(component) })
    }

    /// Signs a manifest and puts the signature beside it, as cosign does. *Behaviour*: other
    /// signatures stay; one by the same key is not repeated.
    ///
    /// # Errors
    /// As for a push.
    pub async fn sign(
        &self,
        reference: &RegistryReference,
        plain_http: bool,
        manifest: &str,
        key: &SigningKey,
    ) -> Result<(), RegistryError> {
        let session = self.session(reference, Action::Push, plain_http)?;
        let there = signatures(&session, manifest).await?;
        let public = key.public("of this signature")?;
        if there.as_ref().is_some_and(|(_, signatures)| signature::is_there(signatures, manifest, &public)) {
            return Ok(());
        }
        let signature = signature::sign(reference, manifest, key);
        let (artifact, blobs) =
            signature::add(there.map(|(manifest, _)| manifest), &signature).map_err(|e| unwritable(reference, &e))?;
        for blob in blobs {
            put_blob(&session, &blob).await?;
        }
        let bytes = serde_json::to_vec(&artifact).map_err(|error| unwritable(reference, &error))?;
        put_manifest(&session, &signature::tag(manifest), bytes).await.map(drop)
    }
}

fn unwritable(reference: &RegistryReference, error: &serde_json::Error) -> RegistryError {
    RegistryError::NotAComponent { reference: reference.clone(), why: format!("it cannot be described: {error}") }
}

/// A manifest under a tag or a digest, verified; with its digest.
pub(crate) async fn manifest(session: &Session<'_>, name: &str) -> Result<(Vec<u8>, String), RegistryError> {
    let url = session.url(&format!("manifests/{name}"))?;
    let ask = Ask::get(url).with(ACCEPT, HeaderValue::from_static(MANIFESTS));
    let answer = session.send(ask, "read").await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Err(session.absent(name, "; was it pushed, and is the name right?"));
    }
    let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if answer.status != StatusCode::OK || is_page {
        return Err(answer.unexpected("200 with a manifest").await);
    }
    let (url, said) = (shown(&answer.url), answer.header("docker-content-digest").map(str::to_owned));
    let bytes = answer.read("the manifest", MANIFEST_LIMIT).await?;
    let actual = digest(&bytes);
    let expected = if name.starts_with("sha256:") { Some(name.to_owned()) } else { said };
    match expected.filter(|expected| *expected != actual) {
        Some(expected) => Err(RegistryError::Content { what: "the manifest", url, expected, actual }),
        None => Ok((bytes, actual)),
    }
}

/// A blob, verified.
pub(crate) async fn blob(
    session: &Session<'_>,
    blob: &Blob,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, RegistryError> {
    let url = session.url(&format!("blobs/{}", blob.digest))?;
    let answer = session.send(Ask::get(url), "read").await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Err(session.absent(&blob.digest, ", which its own manifest names"));
    }
    if answer.status != StatusCode::OK {
        return Err(answer.unexpected("200 with the blob").await);
    }
    let url = shown(&answer.url);
    let size = |actual: u64| RegistryError::Content {
        what,
        url: url.clone(),
        expected: format!("{} bytes", blob.size),
        actual: format!("{actual} bytes"),
    };
    if let Some(length) = answer.length().filter(|length| *length != blob.size) {
        return Err(size(length));
    }
    let bytes = answer.read(what, limit.min(blob.size)).await?;
    if bytes.len() as u64 != blob.size {
        return Err(size(bytes.len() as u64));
    }
    let actual = digest(&bytes);
    if actual != blob.digest {
        return Err(RegistryError::Content { what, url, expected: blob.digest.clone(), actual });
    }
    Ok(bytes)
}

/// The signatures of a manifest, and the artifact that holds them; none where there is none.
pub(crate) async fn signatures(
    session: &Session<'_>,
    signed: &str,
) -> Result<Option<(Manifest, Vec<Signature>)>, RegistryError> {
    let bytes = match manifest(session, &signature::tag(signed)).await {
        Ok((bytes, _)) => bytes,
        Err(error) if error.is_absence() => return Ok(None),
        Err(error) => return Err(error),
    };
    let why = |why: String| RegistryError::NotAComponent { reference: session.reference().pinned(signed), why };
    let artifact: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| why(format!("what lies under {} are no signatures ({error})", signature::tag(signed))))?;
    let mut found = Vec::new();
    for layer in artifact.layers.iter().filter(|layer| layer.media_type == signature::PAYLOAD).take(signature::MOST) {
        let Some(text) = layer.annotations.get(signature::ANNOTATION) else { continue };
        let payload = blob(session, layer, "a signature", signature::PAYLOAD_LIMIT).await?;
        // What is no text was signed by nobody who signs images.
        let Ok(payload) = String::from_utf8(payload) else { continue };
        found.push(Signature { payload, signature: text.clone() });
    }
    Ok(Some((artifact, found)))
}

async fn put_blob(session: &Session<'_>, bytes: &[u8]) -> Result<(), RegistryError> {
    let digest = digest(bytes);
    let there = Ask { method: Method::HEAD, ..Ask::get(session.url(&format!("blobs/{digest}"))?) };
    if session.send(there, "write").await?.status == StatusCode::OK {
        return Ok(());
    }
    let begin = Ask { method: Method::POST, ..Ask::get(session.url("blobs/uploads/")?) };
    let begun = session.send(begin.with(CONTENT_LENGTH, HeaderValue::from_static("0")), "write").await?;
    let location = begun.headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(location) = location.filter(|_| begun.status == StatusCode::ACCEPTED) else {
        return Err(begun.unexpected("202 with a place for the upload").await);
    };
    let mut url = session.url(&location)?;
    url.query_pairs_mut().append_pair("digest", &digest);
    let put = Ask { method: Method::PUT, body: Bytes::copy_from_slice(bytes), ..Ask::get(url) };
    let put =
        session.send(put.with(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")), "write").await?;
    created(put).await.map(drop)
}

async fn put_manifest(session: &Session<'_>, name: &str, bytes: Vec<u8>) -> Result<String, RegistryError> {
    let expected = digest(&bytes);
    let ask = Ask { method: Method::PUT, body: bytes.into(), ..Ask::get(session.url(&format!("manifests/{name}"))?) };
    let answer =
        created(session.send(ask.with(CONTENT_TYPE, HeaderValue::from_static(MANIFEST)), "write").await?).await?;
    let said = answer.header("docker-content-digest").map(str::to_owned);
    match said.filter(|said| *said != expected) {
        Some(actual) => Err(RegistryError::Content {
            what: "the manifest that was pushed",
            url: shown(&answer.url),
            expected,
            actual,
        }),
        None => Ok(expected),
    }
}

async fn created(answer: Answer) -> Result<Answer, RegistryError> {
    match answer.status {
        StatusCode::CREATED => Ok(answer),
        _ => Err(answer.unexpected("201").await),
    }
}
