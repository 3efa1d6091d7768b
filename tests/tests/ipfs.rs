//! The cache on an IPFS node: a current Kubo as a real process on loopback, with nobody
//! to talk to. `tests/servers/kubo.sh` builds it; where it is missing, or `KUBO_BINARY`
//! names none, the scenes are skipped.

#[path = "ipfs/check.rs"]
mod check;
#[path = "ipfs/faults.rs"]
mod faults;
#[path = "ipfs/pinning.rs"]
mod pinning;
#[path = "ipfs/values.rs"]
mod values;

use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Kubo, KuboOptions, NoStage, Run, Scene, Seaworthy, binary, run_scenes, scratch};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// The exit code where there is nothing.
pub(crate) const ABSENT: i32 = 6;
/// The exit code where the cache did not answer.
pub(crate) const SILENT: i32 = 5;
/// The exit code of a configuration that cannot be right.
pub(crate) const MISTAKEN: i32 = 3;

/// A node that the scenes share; each has keys of its own.
#[derive(Debug)]
pub(crate) struct Here {
    pub(crate) kubo: Kubo,
}

/// A runner: where its node is, and what else it is told.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    env: Vec<(String, String)>,
    policy: String,
}

impl Runner {
    /// One with the tier as it comes, on this address of an RPC.
    pub(crate) fn on(address: &str) -> Self {
        Self {
            env: vec![("CACHE_BACKENDS".into(), "ipfs".into()), ("CACHE_IPFS_API".into(), address.into())],
            policy: String::new(),
        }
    }

    /// The same with a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same with settings of the tier, as the inside of a TOML table.
    pub(crate) fn with(mut self, settings: &str) -> Self {
        self.policy =
            format!("version = 1\n[tiers.ipfs]\nadapter = \"ipfs\"\ntarget = \"ipfs\"\nwith = {{ {settings} }}\n");
        self
    }

    /// Runs `seaworthy cache WORDS...`.
    pub(crate) fn cache(&self, words: &[&str]) -> Result<Run> {
        self.run(&["cache"].iter().chain(words).copied().collect::<Vec<_>>(), &self.policy)
    }

    /// Runs `seaworthy run` with the check of the node alone, with these settings.
    pub(crate) fn check(&self, settings: &str) -> Result<Run> {
        let policy = format!(
            "version = 1\n[[check]]\nid = \"ipfs.node\"\nuse = \"bundled:ipfs/node\"\ntarget = \"ipfs\"\ntimeout = \"20s\"\nwith = {{ {settings} }}\n"
        );
        self.run(&["run", "-f", "json"], &policy)
    }

    fn run(&self, words: &[&str], policy: &str) -> Result<Run> {
        let folder = scratch()?;
        let mut command = Seaworthy::new(words)?;
        if !policy.is_empty() {
            let file = folder.path().join("checks.toml");
            std::fs::write(&file, policy)?;
            command = command.arg("-c").arg(file);
        }
        self.env.iter().fold(command, |command, (name, value)| command.env(name, value)).run()
    }

    /// Stores a value.
    pub(crate) fn put(&self, key: &str, value: &[u8], words: &[&str]) -> Result<Run> {
        let folder = scratch()?;
        let file = folder.path().join("value");
        std::fs::write(&file, value)?;
        let file = file.to_str().context("a path that is not UTF-8")?;
        let all: Vec<&str> = ["put", key, file].iter().chain(words).copied().collect();
        self.cache(&all)
    }

    /// Stores a value, which must succeed.
    pub(crate) fn puts(&self, key: &str, value: &[u8]) -> Result<()> {
        self.put(key, value, &[])?.exits(0).map(|_| ())
    }

    /// The value of a key; `None` where there is none.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let folder = scratch()?;
        let file = folder.path().join("value");
        let run = self.cache(&["get", key, "-o", file.to_str().context("a path that is not UTF-8")?])?;
        if run.code() == Some(ABSENT) {
            ensure!(!file.exists(), "a miss left a file");
            return Ok(None);
        }
        run.exits(0)?;
        read(&file).map(Some)
    }

    /// What the tier says of a key, as JSON.
    pub(crate) fn stat(&self, key: &str) -> Result<Value> {
        let run = self.cache(&["stat", key, "--json"])?;
        run.exits(0)?;
        let told: Value = serde_json::from_str(&run.stdout).with_context(|| run.transcript())?;
        Ok(told["tiers"]["ipfs"]["entry"].clone())
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("no {}", file.display()))
}

/// Fails unless the command ended with this code and said this on stderr.
pub(crate) fn ended(run: &Run, code: i32, said: &str) -> Result<()> {
    run.exits(code)?;
    ensure!(run.stderr.contains(said), "it does not say {said:?}\n{}", run.transcript());
    Ok(())
}

/// Bytes that no two lengths share.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(31).wrapping_add(length) >> 3).to_le_bytes()[0]).collect()
}

/// The detail of an entry.
pub(crate) fn detail<'a>(entry: &'a Value, name: &str) -> Result<&'a str> {
    let found = entry.get(name).or_else(|| entry["details"].get(name));
    found.and_then(Value::as_str).with_context(|| format!("no `{name}` in {entry}"))
}

fn main() -> ExitCode {
    let stage = match Kubo::obstacle() {
        Some(why) => Err(NoStage::Unavailable(why)),
        None => binary()
            .and_then(|_| Kubo::start(&KuboOptions::default()))
            .map(|kubo| Here { kubo })
            .map_err(NoStage::Broken),
    };
    let mut scenes: Vec<Scene<Here>> = Vec::new();
    scenes.extend(values::scenes());
    scenes.extend(faults::scenes());
    scenes.extend(check::scenes());
    scenes.extend(pinning::scenes());
    run_scenes("ipfs", stage, scenes)
}
