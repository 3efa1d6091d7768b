//! Compiled plugins on disk, so that a plugin is compiled once on a machine.
//!
//! Loading compiled code trusts its bytes, so the directory belongs to the user
//! alone and every file starts with a digest of the rest. Whatever is wrong with
//! a file, the component is compiled again: the cache can only cost time.

use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use wasmtime::Engine;

pub(crate) struct CodeCache {
    directory: PathBuf,
    engine: String,
}

impl CodeCache {
    /// A cache in `directory`, which is created for the user alone. None when it
    /// cannot be, or when it belongs to or can be written by somebody else.
    pub(crate) fn open(directory: &Path, engine: &Engine) -> Option<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
            builder.mode(0o700);
            builder.create(directory).ok()?;
            let metadata = std::fs::metadata(directory).ok()?;
            if metadata.mode() & 0o022 != 0 || metadata.uid() != nix::unistd::geteuid().as_raw() {
                return None;
            }
        }
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Self { directory: directory.to_owned(), engine: format!("{:016x}", hasher.finish()) })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("{}-{}.cwasm", digest.trim_start_matches("sha256:"), self.engine))
    }

    /// The code compiled from the component with `digest`, verified.
    pub(crate) fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let mut bytes = std::fs::read(self.path(digest)).ok()?;
        if bytes.len() < 32 {
            return None;
        }
        let code = bytes.split_off(32);
        (Sha256::digest(&code).as_slice() == bytes).then_some(code)
    }

    /// Keeps compiled code; a failure only means compiling again next time.
    pub(crate) fn put(&self, digest: &str, code: &[u8]) {
        let path = self.path(digest);
        let aside = path.with_extension(format!("{}.partial", std::process::id()));
        let written = std::fs::File::create(&aside).and_then(|mut file| {
            file.write_all(&Sha256::digest(code))?;
            file.write_all(code)?;
            std::fs::rename(&aside, &path)
        });
        if let Err(error) = written {
            let _ = std::fs::remove_file(&aside);
            tracing::debug!(path = %path.display(), %error, "compiled code was not kept");
        }
    }
}

/// FNV-1a: a hash that is the same in every process, which std's is not promised to be.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
