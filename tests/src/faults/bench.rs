use super::Need;
use crate::lab::Lab;
use crate::{NoStage, binary};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What all scenes of a test file share: the binary, the program that stands in for
/// services, and a Docker engine that is started when the first scene asks for it.
pub struct Bench {
    server: PathBuf,
    lab: OnceLock<Result<Lab, String>>,
    known: Mutex<Vec<(Need, Option<String>)>>,
}

impl Bench {
    /// `server` is the built `lab-server` program.
    ///
    /// # Errors
    /// When the binary under test is not there.
    pub fn new(server: &Path) -> Result<Self> {
        binary()?;
        Ok(Self { server: server.to_path_buf(), lab: OnceLock::new(), known: Mutex::default() })
    }

    /// The `lab-server` program.
    #[must_use]
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// The engine, started when it is asked for first.
    ///
    /// # Errors
    /// Why there is none here.
    pub fn lab(&self) -> Result<&Lab, String> {
        let opened = self.lab.get_or_init(|| {
            Lab::open(&self.server).map_err(|none| match none {
                NoStage::Unavailable(why) => why,
                NoStage::Broken(error) => format!("the lab is broken: {error:#}"),
            })
        });
        opened.as_ref().map_err(Clone::clone)
    }

    /// What is in the way of a need, looked up once.
    pub(super) fn known(&self, need: Need, look: impl FnOnce() -> Option<String>) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = known.iter().find(|(known, _)| *known == need) {
            return found.clone();
        }
        let found = look();
        known.push((need, found.clone()));
        found
    }
}
