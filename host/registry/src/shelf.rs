//! What was pulled, kept on disk for the user alone, and verified whenever it is read.

use crate::digest::{digest, hex};
use crate::error::RegistryError;
use crate::signature::Signature;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The largest list of signatures that is read.
const SIGNATURES: u64 = 4 << 20;

/// A folder of components, manifests and signatures, by their digests.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// What is on it.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Component,
    Manifest,
}

impl Kind {
    fn ending(self) -> &'static str {
        match self {
            Self::Component => "wasm",
            Self::Manifest => "manifest.json",
        }
    }
}

/// What a look brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is there, and is what its name says.
    Whole(Vec<u8>),
    /// It is not there.
    Missing,
    /// It is there and is something else.
    Changed { path: PathBuf, actual: String },
}

impl Shelf {
    /// A shelf in `folder`, which is made when something is put there.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, digest: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("sha256-{}.{ending}", hex(digest)))
    }

    /// Whether a component is there, as far as its name says.
    #[must_use]
    pub fn has_component(&self, digest: &str) -> bool {
        self.path(digest, Kind::Component.ending()).is_file()
    }

    pub(crate) fn get(&self, kind: Kind, wanted: &str, limit: u64) -> Result<Kept, RegistryError> {
        let path = self.path(wanted, kind.ending());
        let Some(bytes) = read(&path, limit)? else { return Ok(Kept::Missing) };
        let actual = digest(&bytes);
        if actual == wanted { Ok(Kept::Whole(bytes)) } else { Ok(Kept::Changed { path, actual }) }
    }

    pub(crate) fn put(&self, kind: Kind, digest: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        self.write(&self.path(digest, kind.ending()), bytes)
    }

    /// The signatures of a manifest. They prove themselves; what cannot be read is not there.
    pub(crate) fn signatures(&self, manifest: &str) -> Option<Vec<Signature>> {
        let bytes = read(&self.path(manifest, "signatures.json"), SIGNATURES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn put_signatures(&self, manifest: &str, signatures: &[Signature]) -> Result<(), RegistryError> {
        let path = self.path(manifest, "signatures.json");
        let bytes = serde_json::to_vec(signatures).map_err(|error| disk(&path, error.into()))?;
        self.write(&path, &bytes)
    }

    /// Copies what there is of an artifact to another shelf, readable for everybody there.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn lend(&self, other: &Path, digests: &[&str]) -> Result<(), RegistryError> {
        use std::os::unix::fs::PermissionsExt as _;
        for digest in digests {
            for ending in [Kind::Component.ending(), Kind::Manifest.ending(), "signatures.json"] {
                let from = self.path(digest, ending);
                let to = Self::new(other).path(digest, ending);
                match fs::copy(&from, &to) {
                    Ok(_) => {
                        let readable = fs::Permissions::from_mode(0o444);
                        fs::set_permissions(&to, readable).map_err(|error| disk(&to, error))?;
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(disk(&from, error)),
                }
            }
        }
        Ok(())
    }

    /// Writes all of a file or nothing of it, in a folder of the user alone.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
        let folder = &self.folder;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(|error| disk(folder, error))?;
        let metadata = fs::metadata(folder).map_err(|error| disk(folder, error))?;
        if metadata.mode() & 0o022 != 0 || metadata.uid() != nix::unistd::geteuid().as_raw() {
            let why = "it belongs to, or can be written by, somebody else; `chmod 700` it, or move it away";
            return Err(disk(folder, std::io::Error::other(why)));
        }
        let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(|error| disk(folder, error))?;
        aside.write_all(bytes).map_err(|error| disk(path, error))?;
        aside.persist(path).map(drop).map_err(|error| disk(path, error.error))
    }
}

/// A file of at most `limit` bytes; none where there is no such file.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(path, error)),
    };
    let mut bytes = Vec::new();
    // One byte more than may be: what is cut off there has another digest.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| disk(path, error))?;
    Ok(Some(bytes))
}

fn disk(path: &Path, source: std::io::Error) -> RegistryError {
    RegistryError::Disk { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_kept_is_verified_when_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(&folder.path().join("deep/plugins"));
        let name = digest(b"wasm");
        let get = || shelf.get(Kind::Component, &name, 100).unwrap();
        assert_eq!(get(), Kept::Missing);
        shelf.put(Kind::Component, &name, b"wasm").unwrap();
        assert_eq!(get(), Kept::Whole(b"wasm".to_vec()));
        assert_eq!(fs::metadata(shelf.folder()).unwrap().permissions().mode() & 0o777, 0o700);
        let path = shelf.path(&name, "wasm");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "for the user alone");
        fs::write(&path, b"evil").unwrap();
        assert_eq!(get(), Kept::Changed { path: path.clone(), actual: digest(b"evil") });
        fs::write(&path, vec![b'x'; 1000]).unwrap();
        assert!(matches!(get(), Kept::Changed { .. }), "a long file is not read to its end");
        shelf.put(Kind::Component, &name, b"wasm").unwrap();
        assert_eq!(get(), Kept::Whole(b"wasm".to_vec()));
        assert_eq!(fs::read_dir(shelf.folder()).unwrap().count(), 1, "something is left behind");
    }

    #[test]
    fn a_folder_that_others_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let told = Shelf::new(folder.path()).put(Kind::Manifest, &digest(b""), b"").unwrap_err().to_string();
        assert!(told.contains("somebody else"), "{told}");
    }
}
