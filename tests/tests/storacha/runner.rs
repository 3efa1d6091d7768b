use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Run, Seaworthy, StorachaAddresses, StorachaGrant, scratch};
use serde_json::Value;

/// A machine that uses a space: its variables, and its own folder for the index.
pub(crate) struct Runner {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
    secrets: Vec<String>,
}

impl Runner {
    pub(crate) fn new(at: &StorachaAddresses, granted: &StorachaGrant) -> Result<Self> {
        let folder = scratch()?;
        let env = [
            ("CACHE_BACKENDS", "storacha".to_owned()),
            ("STORACHA_SERVICE_URL", at.url.clone()),
            ("STORACHA_GATEWAY_URL", at.gateway.clone()),
            ("STORACHA_STORAGE_URLS", at.storage.join(",")),
            ("STORACHA_SPACE", granted.space.clone()),
            ("STORACHA_PROOF", granted.proof.clone()),
            ("STORACHA_AGENT_KEY", granted.key.clone()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Ok(Self { folder, env, secrets: vec![granted.key.clone()] })
    }

    /// The same with another value of a variable; an empty one is none.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(set, _)| set != name);
        if !value.is_empty() {
            self.env.push((name.into(), value.into()));
        }
        self
    }

    pub(crate) fn command(&self, words: &[&str]) -> Result<Seaworthy> {
        let mut command = Seaworthy::new(words)?.directory(self.folder.path());
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        // The index is below the user's cache directory.
        Ok(command.env("XDG_CACHE_HOME", self.folder.path().join("cache")))
    }

    /// `seaworthy cache WORDS...`, which must not tell a secret.
    pub(crate) fn cache(&self, words: &[&str]) -> Result<Run> {
        let words: Vec<&str> = ["cache"].iter().chain(words).copied().collect();
        self.discreet(self.command(&words)?.run()?)
    }

    /// Checks that nothing secret was said.
    pub(crate) fn discreet(&self, run: Run) -> Result<Run> {
        for secret in &self.secrets {
            // The multibase letter and the code are public; what follows them is the seed.
            for part in [secret.as_str(), secret.get(5..45).unwrap_or(secret)] {
                ensure!(
                    !run.stdout.contains(part) && !run.stderr.contains(part),
                    "a secret was told\n{}",
                    run.transcript()
                );
            }
        }
        Ok(run)
    }

    pub(crate) fn put(&self, key: &str, value: &[u8], more: &[&str]) -> Result<Run> {
        let file = self.folder.path().join("value");
        std::fs::write(&file, value)?;
        let file = file.to_str().context("a path that is not UTF-8")?;
        let words: Vec<&str> = ["put", key, file].iter().chain(more).copied().collect();
        self.cache(&words)
    }

    /// The bytes of `key`; `None` is a miss.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let file = self.folder.path().join("got");
        let path = file.to_str().context("a path that is not UTF-8")?;
        let run = self.cache(&["get", key, "--output", path])?;
        if run.code() == Some(crate::ABSENT) {
            return Ok(None);
        }
        run.exits(0)?;
        Ok(Some(std::fs::read(&file)?))
    }

    /// What `--json` says of the tier.
    pub(crate) fn tier(&self, words: &[&str]) -> Result<Value> {
        let run = self.cache(words)?;
        let said: Value = serde_json::from_str(&run.stdout).with_context(|| run.transcript())?;
        Ok(said["tiers"]["storacha"].clone())
    }

    /// Checks that a command ends in an error of this kind, which is never a miss.
    pub(crate) fn fails(&self, words: &[&str], kind: &str, code: i32) -> Result<Run> {
        let run = self.cache(words)?;
        run.exits(code)?;
        ensure!(run.stderr.contains(kind), "it does not say `{kind}`\n{}", run.transcript());
        Ok(run)
    }

    /// Puts a policy file there.
    pub(crate) fn policy(&self, text: &str) -> Result<()> {
        std::fs::write(self.folder.path().join("checks.toml"), text).context("checks.toml")
    }
}
