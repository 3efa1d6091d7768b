use crate::key::KeyError;
use seaworthy_model::{Failure, RegistryReference};
use std::path::PathBuf;

/// Why something was not had from a registry, or not put there. Each says what was
/// expected, what came, and from where.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There was no conversation.
    #[error("cannot reach {url}: {failure}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        failure: Failure,
    },
    /// The answer broke off, or took too long.
    #[error("{url}: the answer {what}")]
    BrokenOff {
        /// What was asked for.
        url: String,
        /// In words.
        what: String,
    },
    /// It wants to know who asks, or refuses whoever that is.
    #[error("{host} refuses to {what} ({status}): {who}")]
    Refused {
        /// The registry.
        host: String,
        /// What was tried: `read acme/tcp-banner`.
        what: String,
        /// Its answer.
        status: u16,
        /// Who asked, and what to do.
        who: String,
    },
    /// Credentials are there and cannot be used.
    #[error("the credentials for {host} cannot be used: {why}")]
    Credentials {
        /// The registry.
        host: String,
        /// What is wrong with them.
        why: String,
    },
    /// There is no such thing.
    #[error("{host} has no {what}{hint}")]
    NotFound {
        /// The registry.
        host: String,
        /// Repository, tag or digest.
        what: String,
        /// What may be the reason.
        hint: String,
    },
    /// An answer of another kind than a registry gives.
    #[error("{url} answered {status}{said}; a registry answers {expected} to this")]
    Unexpected {
        /// What was asked for.
        url: String,
        /// What came.
        status: u16,
        /// What it said, shortened, with what introduces it.
        said: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// It leads where nothing is followed.
    #[error("{from} leads to {to}, which is not followed: {why}")]
    Redirect {
        /// What was asked for.
        from: String,
        /// Where it leads.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// More than is read.
    #[error("{what} from {url} is larger than the {limit} bytes that are read ({seen})")]
    TooLarge {
        /// `the manifest`, `the component`.
        what: &'static str,
        /// Where it comes from.
        url: String,
        /// The bound.
        limit: u64,
        /// How that was seen.
        seen: String,
    },
    /// Other bytes than asked for.
    #[error(
        "{what} from {url} is not what was asked for: expected {expected}, got {actual}; the registry, or something before it, is lying or broken, and nothing was kept"
    )]
    Content {
        /// `the manifest`, `the component`, `the config`.
        what: &'static str,
        /// Where it comes from.
        url: String,
        /// Digest or size that it must have.
        expected: String,
        /// What it has.
        actual: String,
    },
    /// A manifest that is none of a component.
    #[error("{reference} is no WebAssembly component: {why}")]
    NotAComponent {
        /// What was asked for.
        reference: RegistryReference,
        /// What it is instead, and what to do.
        why: String,
    },
    /// The component is another one than the pinned one.
    #[error(
        "{reference} now holds the component {actual}, but {pinned} is pinned: the tag was moved, or the pin is of something else"
    )]
    Pinned {
        /// What was asked for.
        reference: RegistryReference,
        /// What is pinned.
        pinned: String,
        /// What is there.
        actual: String,
    },
    /// Nothing that was signed with a key that counts.
    #[error("{reference} is not signed as the policy demands: {why}")]
    Unsigned {
        /// What was asked for.
        reference: RegistryReference,
        /// What was found instead.
        why: String,
    },
    /// Not in the cache, and the network may not be asked.
    #[error("{what} of {reference} is not in {folder}, and this run is offline")]
    Offline {
        /// `the component`, `the manifest`, `the signatures`.
        what: &'static str,
        /// What was asked for.
        reference: RegistryReference,
        /// The cache.
        folder: PathBuf,
    },
    /// The cache does not hold what it says, and the network may not be asked.
    #[error(
        "{path} is not what its name says (it has {actual}), and this run is offline; somebody or something changed it"
    )]
    Tampered {
        /// The file.
        path: PathBuf,
        /// What it holds.
        actual: String,
    },
    /// The cache cannot be used.
    #[error("{path}: {source}")]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl RegistryError {
    /// Whether the registry does not have it, in contrast to: could not be asked.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
