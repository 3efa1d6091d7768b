//! The key pair that makes a peer id, and the file that keeps it.

use libp2p::identity::Keypair;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Why an identity cannot be loaded or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("cannot use the identity file {path}: {reason}; give a path in a directory that this user can write")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("{path} holds no libp2p key ({reason}); remove it to make a new identity, and publish the new peer id")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Others can read the key.
    #[error(
        "{path} can be read by other users (mode {mode:o}); run `chmod 600 {path}`, or remove it if the key may have leaked"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Loads the key at `path`; makes and keeps one (Ed25519, mode 0600) when the
/// file is not there. Without a path the key lives as long as the process.
pub(crate) fn load(path: Option<&Path>) -> Result<Keypair, IdentityError> {
    let Some(path) = path else { return Ok(Keypair::generate_ed25519()) };
    match read(path) {
        Err(IdentityError::File { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => match create(path) {
            // Another process was faster: its key is as good.
            Err(IdentityError::File { reason, .. }) if reason.kind() == io::ErrorKind::AlreadyExists => read(path),
            created => created,
        },
        read => read,
    }
}

fn read(path: &Path) -> Result<Keypair, IdentityError> {
    let file = |reason| IdentityError::File { path: path.into(), reason };
    let bytes = fs::read(path).map_err(file)?;
    let mode = fs::metadata(path).map_err(file)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed { path: path.into(), mode });
    }
    Keypair::from_protobuf_encoding(&bytes)
        .map_err(|e| IdentityError::Content { path: path.into(), reason: e.to_string() })
}

/// Writes beside and links into place: the file is whole or not there, and an
/// existing key is never replaced.
fn create(path: &Path) -> Result<Keypair, IdentityError> {
    let file = |reason| IdentityError::File { path: path.into(), reason };
    let pair = Keypair::generate_ed25519();
    let bytes =
        pair.to_protobuf_encoding().map_err(|e| IdentityError::Content { path: path.into(), reason: e.to_string() })?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(file)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{:016x}", rand::random::<u64>()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        out.write_all(&bytes)?;
        out.sync_all()?;
        fs::hard_link(&beside, path)
    })();
    let _ = fs::remove_file(&beside);
    written.map_err(file)?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_guarded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/identity");
        let first = load(Some(&path)).unwrap().public().to_peer_id();
        assert_eq!(load(Some(&path)).unwrap().public().to_peer_id(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load(Some(&path)), Err(IdentityError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, b"not a key").unwrap();
        assert!(matches!(load(Some(&path)), Err(IdentityError::Content { .. })));
        assert_ne!(load(None).unwrap().public(), load(None).unwrap().public());
    }
}
