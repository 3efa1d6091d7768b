//! `--record`: what is asked of the tiers, as a trace that `cache bench --trace` plays.

use super::bench::LONGEST_TRACE;
use crate::error::CliError;
use data_encoding::HEXLOWER;
use seaworthy_cache::Listener;
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Error, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a key's digest that are written: enough to tell keys apart.
const DIGEST: usize = 16;

/// A trace that is being written.
///
/// *Behaviour*: a key stands in it as a digest with a salt that is forgotten at the end,
/// so that nobody can try out which keys there were; of a value there is its size alone.
/// It ends at the size that a bench still reads.
pub(crate) struct Recording {
    path: PathBuf,
    salt: [u8; 32],
    state: Mutex<State>,
}

struct State {
    file: BufWriter<File>,
    /// Between [`Recording::begin`] and [`Recording::pause`].
    listening: bool,
    bytes: u64,
    operations: u64,
    full: bool,
    failed: Option<Error>,
}

impl Recording {
    /// An empty one at `path`, where nothing is yet. `of` is what is recorded.
    ///
    /// # Errors
    /// There is a file already, or none can be made.
    pub(crate) fn create(path: &Path, of: &str) -> Result<Self, CliError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| {
            let path = path.display();
            CliError::Usage(format!("--record cannot make {path}: {error}; name a file that is not there yet"))
        })?;
        let state =
            State { file: BufWriter::new(file), listening: true, bytes: 0, operations: 0, full: false, failed: None };
        let recording = Self { path: path.to_owned(), salt: rand::random(), state: Mutex::new(state) };
        recording.lock().write(&format!("# {of}; keys are digests\n"));
        Ok(recording)
    }

    /// Listens from now on.
    pub(crate) fn begin(&self) {
        self.lock().listening = true;
    }

    /// Does not listen from now on.
    pub(crate) fn pause(&self) {
        self.lock().listening = false;
    }

    /// Writes everything out; a line that says how much it is.
    ///
    /// # Errors
    /// Something could not be written.
    pub(crate) fn finish(&self) -> Result<String, CliError> {
        let path = self.path.display();
        let mut state = self.lock();
        state.listening = false;
        let failed = state.failed.take().or_else(|| state.file.flush().err());
        if let Some(error) = failed {
            return Err(CliError::Runtime(anyhow::anyhow!("cannot write the recording {path}: {error}")));
        }
        let end = if state.full { "; it ended there, as a bench reads no longer ones" } else { "" };
        Ok(format!("recorded {} operations in {path}{end}", state.operations))
    }

    fn note(&self, word: &str, key: &str, size: Option<usize>) {
        // Hashed outside the lock, and not at all where nobody listens.
        if !self.lock().listening {
            return;
        }
        let digest = Sha256::new().chain_update(self.salt).chain_update(key).finalize();
        let name = HEXLOWER.encode(digest.get(..DIGEST).unwrap_or_default());
        let line = match size {
            Some(size) => format!("{word} {name} {size}\n"),
            None => format!("{word} {name}\n"),
        };
        let mut state = self.lock();
        if state.listening {
            state.full |= state.bytes + line.len() as u64 > LONGEST_TRACE;
            if !state.full {
                state.operations += 1;
                state.write(&line);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every line is written whole, whatever happened to another thread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, line: &str) {
        self.bytes += line.len() as u64;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.listening = false;
            self.failed.get_or_insert(error);
        }
    }
}

impl std::fmt::Debug for Recording {
    /// Without the salt.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Listener for Recording {
    fn get(&self, key: &str) {
        self.note("get", key, None);
    }

    fn put(&self, key: &str, bytes: usize) {
        self.note("put", key, Some(bytes));
    }

    fn invalidate(&self, key: &str) {
        self.note("rm", key, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::bench::read_trace;

    #[test]
    fn what_is_recorded_can_be_played_and_names_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        let recording = Recording::create(&path, "a test").unwrap();
        recording.get("repos/acme/secret");
        recording.put("repos/acme/secret", 300);
        recording.pause();
        recording.get("not heard");
        recording.begin();
        recording.get("another");
        recording.invalidate("repos/acme/secret");
        assert!(recording.finish().unwrap().starts_with("recorded 4 operations"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("acme") && text.starts_with("# a test"), "{text}");
        let steps = read_trace(&text).unwrap();
        let actions: Vec<String> = steps.iter().map(|step| format!("{:?}", step.action)).collect();
        assert_eq!(actions, ["Get", "Put(Some(300))", "Get", "Remove"]);
        assert!(steps[0].key == steps[1].key && steps[0].key == steps[3].key && steps[0].key != steps[2].key);
        assert!(steps.iter().all(|step| step.key.len() == 2 * DIGEST));
        assert!(Recording::create(&path, "a test").is_err_and(|e| e.to_string().contains("not there yet")));
        let other = folder.path().join("other");
        let recording = Recording::create(&other, "a test").unwrap();
        recording.get("repos/acme/secret");
        recording.finish().unwrap();
        let again = read_trace(&std::fs::read_to_string(&other).unwrap()).unwrap();
        assert_ne!(again[0].key, steps[0].key, "two recordings cannot be laid side by side");
    }
}
