use crate::servers::{Announced, Spoken, server};
use crate::workspace_root;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

/// For one answer; the peer itself gives up on others after 20 s.
const ANSWER: Duration = Duration::from_secs(40);

/// How a cache peer on py-libp2p is started.
#[derive(Clone, Debug)]
pub struct PythonOptions {
    /// The release of py-libp2p; one of `tests/servers/python/`.
    pub version: &'static str,
    /// Where it listens. It advertises that as it is, `0.0.0.0` too.
    pub host: String,
    /// Its port; 0 takes a free one.
    pub port: u16,
    /// The shared secret. Without one it speaks in plain text.
    pub secret: Option<String>,
    /// It reads what is pushed to it and never replies.
    pub never_acknowledges: bool,
    /// Command that it is run through, e.g. into a network namespace.
    pub through: Vec<OsString>,
}

impl PythonOptions {
    /// On loopback, with the secret that the scenes use.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        Self {
            version,
            host: "127.0.0.1".into(),
            port: 0,
            secret: Some(crate::lab::SECRET.into()),
            never_acknowledges: false,
            through: Vec::new(),
        }
    }
}

/// A peer of the Python cache: `tests/interop/python/peer.py` on a real py-libp2p.
/// Ended when it is dropped.
#[derive(Debug)]
pub struct PythonPeer {
    spoken: Spoken,
    said: Announced,
}

impl PythonPeer {
    /// Why there can be none of this version on this machine, if so.
    #[must_use]
    pub fn obstacle(version: &str) -> Option<String> {
        server(&["python", version]).err()
    }

    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// When its py-libp2p is not installed, or it does not listen.
    pub fn start(options: &PythonOptions) -> Result<Self> {
        let folder = server(&["python", options.version]).map_err(anyhow::Error::msg)?;
        let script = workspace_root().join("tests/interop/python/peer.py");
        let mut words = options.through.clone();
        words.extend([folder.join("bin/python").into(), script.into()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--host", &options.host, "--port", &options.port.to_string()]);
        if options.never_acknowledges {
            command.arg("--never-acknowledge");
        }
        command.env_clear().env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(options.secret.iter().map(|secret| ("CACHE_P2P_SHARED_SECRET", secret)));
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let mut spoken = Spoken::start(&mut command)?;
        let said = spoken.announced()?;
        Ok(Self { spoken, said })
    }

    /// Its peer id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.said.peer_id
    }

    /// Its multiaddr as it advertises it.
    ///
    /// # Errors
    /// When it advertises none.
    pub fn address(&self) -> Result<&str> {
        self.said.addresses.first().map(String::as_str).context("it advertises no address")
    }

    /// One question of the script's list, and its answer.
    ///
    /// # Errors
    /// When it answers with an error, or not within 40 s.
    #[expect(clippy::needless_pass_by_value, reason = "questions are written in place with json!")]
    pub fn ask(&mut self, question: Value) -> Result<Value> {
        self.spoken.tell(&question.to_string())?;
        let line = self.spoken.line(ANSWER).with_context(|| format!("asked {question}"))?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("asked {question}, it said {line}"))?;
        ensure!(answer.get("error").is_none(), "asked {question}, it answered {answer}");
        Ok(answer)
    }

    /// Dials a peer; from then on it pushes to it. Answers the peer's id.
    ///
    /// # Errors
    /// As for [`PythonPeer::ask`].
    pub fn dial(&mut self, address: &str) -> Result<String> {
        let answer = self.ask(json!({"do": "dial", "address": address}))?;
        answer["peer"].as_str().map(str::to_owned).with_context(|| format!("it dialled {answer}"))
    }

    /// Sends a message as it is to `peer`, sealed with its own secret, and answers
    /// the reply; none when the stream was closed without one.
    ///
    /// # Errors
    /// As for [`PythonPeer::ask`].
    pub fn push(&mut self, peer: &str, message: &Value) -> Result<Option<String>> {
        let answer = self.ask(json!({"do": "push", "to": peer, "message": message}))?;
        Ok(answer["reply"].as_str().map(str::to_owned))
    }

    /// The live entry of `key`.
    ///
    /// # Errors
    /// As for [`PythonPeer::ask`].
    pub fn entry(&mut self, key: &str) -> Result<Option<Value>> {
        let mut answer = self.ask(json!({"do": "get", "key": key}))?;
        Ok(Some(answer["entry"].take()).filter(|entry| !entry.is_null()))
    }

    /// The entry of `key`, as soon as it is there.
    ///
    /// # Errors
    /// When it is not there in time.
    pub fn await_entry(&mut self, key: &str, patience: Duration) -> Result<Value> {
        let asked = Instant::now();
        loop {
            if let Some(entry) = self.entry(key)? {
                return Ok(entry);
            }
            if asked.elapsed() > patience {
                let seen = self.ask(json!({"do": "seen"}))?;
                bail!("the Python peer has no {key} after {patience:?}; it saw {seen}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
