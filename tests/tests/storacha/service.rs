use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Run, Seaworthy, Spoken, scratch, server};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// A loaded machine takes this long to start it.
const START: Duration = Duration::from_secs(90);

/// The service on loopback. Ended when it is dropped.
pub(crate) struct Service {
    _process: Spoken,
    pub(crate) at: Ready,
}

/// What it says of itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) url: String,
    pub(crate) gateway: String,
    pub(crate) storage: Vec<String>,
    pub(crate) did: String,
}

/// A space, an agent and the delegation between them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Granted {
    pub(crate) space: String,
    pub(crate) agent: String,
    pub(crate) key: String,
    pub(crate) proof: String,
}

impl Service {
    pub(crate) fn start() -> Result<Self> {
        let folder = server(&["storacha"]).map_err(anyhow::Error::msg)?;
        let mut process = Spoken::start(Command::new("node").arg(folder.join("server.mjs")))?;
        let line = process.line(START)?;
        let at = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        Ok(Self { _process: process, at })
    }

    /// A new space with an agent; `wishes` as in `server.mjs`.
    pub(crate) fn grant(&self, wishes: &Value) -> Result<Granted> {
        Ok(serde_json::from_value(self.ask("POST", "/test/grant", wishes)?)?)
    }

    /// Switches abilities off.
    pub(crate) fn disable(&self, abilities: &[&str]) -> Result<()> {
        self.ask("POST", "/test/disable", &json!({ "can": abilities })).map(drop)
    }

    /// What the gateway does from now on.
    pub(crate) fn gateway(&self, mode: &str) -> Result<()> {
        self.ask("POST", "/test/gateway", &json!({ "mode": mode })).map(drop)
    }

    /// How many blobs all spaces hold.
    pub(crate) fn blobs(&self) -> Result<u64> {
        self.ask("GET", "/test/blobs", &Value::Null)?["blobs"].as_u64().context("no number")
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let address = self.at.url.strip_prefix("http://").context("no http address")?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no head in {answer:?}"))?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        serde_json::from_str(body).with_context(|| answer.clone())
    }
}

/// A machine that uses a space: its variables, and its own folder for the index.
pub(crate) struct Runner {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
    secrets: Vec<String>,
}

impl Runner {
    pub(crate) fn new(at: &Ready, granted: &Granted) -> Result<Self> {
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
