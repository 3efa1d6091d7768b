//! A registry that says what it is told to, true or not.

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use seaworthy_tests::authority::Identity;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// A component as a registry has it.
#[derive(Clone)]
pub(crate) struct Artifact {
    pub(crate) component: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

impl Artifact {
    pub(crate) fn of(component: &[u8]) -> Self {
        Self::changed(component, |_| {})
    }

    /// With another manifest than it should have.
    pub(crate) fn changed(component: &[u8], change: impl FnOnce(&mut Value)) -> Self {
        let digest = sha256(component);
        let config = json!({
            "created": "2026-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [digest],
        });
        let config = config.to_string().into_bytes();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": sha256(&config),
                "size": config.len(),
            },
            "layers": [{ "mediaType": "application/wasm", "digest": digest, "size": component.len() }],
        });
        change(&mut manifest);
        Self { component: component.to_vec(), config, manifest: manifest.to_string().into_bytes() }
    }

    /// What an honest registry answers to a path.
    pub(crate) fn honest(&self, path: &str) -> Answer {
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.contains("/manifests/") && !name.ends_with(".sig") {
            return Answer::of(MANIFEST, &self.manifest);
        }
        match name {
            name if name == sha256(&self.config) => Answer::of("application/octet-stream", &self.config),
            name if name == sha256(&self.component) => Answer::of("application/octet-stream", &self.component),
            _ => Answer::status(404),
        }
    }
}

/// What comes.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Another length than the body has.
    announced: Option<usize>,
    /// The body again and again.
    endless: bool,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn of(kind: &str, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..Self::status(200).with("Content-Type", kind) }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn announcing(self, length: usize) -> Self {
        Self { announced: Some(length), ..self }
    }

    pub(crate) fn endless(self) -> Self {
        Self { endless: true, ..self }
    }
}

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Liar {
    /// Answers each path, query and all, as `answer` says. It ends with the test.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Result<Self> {
        Self::with_tls(None, answer)
    }

    pub(crate) fn with_tls(
        identity: Option<&Identity>,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let config = identity.map(Identity::server).transpose()?;
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, all) = (Arc::new(answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, all, config) = (Arc::clone(&answer), Arc::clone(&all), config.clone());
                std::thread::spawn(move || {
                    let answer = |asked: Asked| {
                        all.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
                        answer(&asked)
                    };
                    // Whoever is lied to may hang up.
                    let _ = accept(stream, config, answer);
                });
            }
        });
        Ok(Self { address, asked })
    }

    pub(crate) fn reference(&self) -> String {
        format!("oci://{}/acme/liar:1", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn accept(stream: TcpStream, config: Option<Arc<ServerConfig>>, answer: impl Fn(Asked) -> Answer) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    match config {
        None => serve(stream, answer),
        Some(config) => {
            let mut stream = StreamOwned::new(ServerConnection::new(config)?, stream);
            serve(&mut stream, answer)?;
            stream.conn.send_close_notify();
            Ok(stream.flush()?)
        }
    }
}

fn serve(stream: impl Read + Write, answer: impl Fn(Asked) -> Answer) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("no path")?.to_owned();
    let mut authorization = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.trim().to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    let Answer { status, headers, body, announced, endless } = answer(Asked { path, authorization });
    let stream = reader.get_mut();
    let mut head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !endless {
        head += &format!("Content-Length: {}\r\n", announced.unwrap_or(body.len()));
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(&body)?;
    if endless {
        // Until the other side has enough.
        loop {
            stream.write_all(&body)?;
        }
    }
    Ok(stream.flush()?)
}
