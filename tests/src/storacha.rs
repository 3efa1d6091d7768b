use crate::{Spoken, server};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// A loaded machine takes this long to start it.
const START: Duration = Duration::from_secs(90);

/// The service logic that Storacha published, on loopback (`tests/servers/storacha.sh`).
/// It is not the hosted service. Ended when it is dropped.
#[derive(Debug)]
pub struct Storacha {
    _process: Spoken,
    /// Where it is.
    pub at: StorachaAddresses,
}

/// What it says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct StorachaAddresses {
    /// The upload service; it serves blobs below `/ipfs/` too.
    pub url: String,
    /// A gateway at an address of its own.
    pub gateway: String,
    /// The storage nodes.
    pub storage: Vec<String>,
    /// The service's DID.
    pub did: String,
}

/// A space, an agent and the delegation between them.
#[derive(Clone, Debug, Deserialize)]
pub struct StorachaGrant {
    /// DID of the space.
    pub space: String,
    /// DID of the agent.
    pub agent: String,
    /// The agent's key: a secret.
    pub key: String,
    /// The delegation, as base64.
    pub proof: String,
}

impl Storacha {
    /// Why there is none on this machine, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        server(&["storacha"]).err()
    }

    /// Starts one, with no space in it.
    ///
    /// # Errors
    /// When it is not installed, or says nothing for a minute and a half.
    pub fn start() -> Result<Self> {
        let folder = server(&["storacha"]).map_err(anyhow::Error::msg)?;
        let mut process = Spoken::start(Command::new("node").arg(folder.join("server.mjs")))?;
        let line = process.line(START)?;
        let at = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        Ok(Self { _process: process, at })
    }

    /// A new space with an agent; `wishes` as in `server.mjs`.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn grant(&self, wishes: &Value) -> Result<StorachaGrant> {
        Ok(serde_json::from_value(self.ask("POST", "/test/grant", wishes)?)?)
    }

    /// Switches abilities off.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn disable(&self, abilities: &[&str]) -> Result<()> {
        self.ask("POST", "/test/disable", &json!({ "can": abilities })).map(drop)
    }

    /// What the gateway does from now on.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn gateway(&self, mode: &str) -> Result<()> {
        self.ask("POST", "/test/gateway", &json!({ "mode": mode })).map(drop)
    }

    /// How many blobs all spaces hold.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn blobs(&self) -> Result<u64> {
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
