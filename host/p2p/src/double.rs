//! A peer with chosen faults, for tests. It speaks the real protocol under a real
//! secret, and lies or fails in one way at a time.

use crate::agreement::{NONCE, Side, Transcript};
use crate::answering::secured;
use crate::envelope::{Entry, now_ms};
use crate::identify::{self, Identification};
use crate::ladder::NOISE;
use crate::push::{Envelope, PUSH_PROTOCOL};
use crate::session::Stream;
use crate::wire::{self, Bytes, CACHE_PROTOCOL, FRAME_OVERHEAD, Frame, Request, Response};
use crate::{Blob, SharedSecret, multistream, ping};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::PeerId;
use libp2p::core::muxing::StreamMuxerExt as _;
use libp2p::identity::Keypair;
use libp2p::tcp::tokio::TcpStream;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const PLAINTEXT: &str = "/plaintext/2.0.0";

/// In what it differs from a good peer.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Its clock is ahead by this much, or behind.
    pub skew_ms: i64,
    /// It confirms entries and forgets them.
    pub loses: bool,
    /// It answers another value than was put, well sealed.
    pub alters: bool,
    /// A bit of what it keeps has changed.
    pub flips: bool,
    /// It keeps half of what it was given.
    pub truncates: bool,
    /// It takes requests up to this many bytes, and reads no further.
    pub swallows_beyond: Option<usize>,
    /// It takes `/plaintext/2.0.0` when that is proposed.
    pub plaintext: bool,
    /// It speaks the Python cache's protocol alone, in this manner.
    pub python: Option<Python>,
    /// Multiaddrs that it claims to listen on.
    pub listen_addresses: Vec<String>,
}

/// How a peer of the Python cache answers a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Python {
    /// Reads what is encrypted under its secret, and nothing else.
    Encrypted,
    /// Has no secret, and takes what is not encrypted.
    Plain,
    /// Takes everything and says nothing.
    Silent,
}

/// A running double on loopback. Stops when dropped.
pub struct Double {
    address: String,
    task: JoinHandle<()>,
}

impl Faults {
    fn protocols(&self) -> [&'static str; 3] {
        let cache = if self.python.is_some() { PUSH_PROTOCOL } else { CACHE_PROTOCOL };
        [identify::PROTOCOL, ping::PROTOCOL, cache]
    }
}

impl Double {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port can be had, or a listen address of `faults` is no multiaddr.
    pub async fn start(secret: SharedSecret, faults: Faults) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let identity = Keypair::generate_ed25519();
        let own = identity.public().to_peer_id();
        let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{own}", listener.local_addr()?.port());
        let mut listen_addresses = Vec::new();
        for text in &faults.listen_addresses {
            listen_addresses.push(text.parse::<libp2p::Multiaddr>().map_err(io::Error::other)?.to_vec());
        }
        let identification = Identification {
            public_key: identity.public().encode_protobuf(),
            listen_addresses,
            protocols: faults.protocols().map(str::to_owned).to_vec(),
            protocol_version: "double/1".into(),
            agent_version: "double".into(),
            ..Identification::default()
        };
        let stage = Arc::new(Stage { own, identity, secret, faults, identification, entries: Mutex::default() });
        let task = tokio::spawn(async move {
            while let Ok((stream, remote)) = listener.accept().await {
                let stage = Arc::clone(&stage);
                tokio::spawn(async move {
                    if let Err(error) = stage.connection(stream).await {
                        tracing::debug!(%error, %remote, "a connection of the double ended");
                    }
                });
            }
        });
        Ok(Self { address, task })
    }

    /// Its multiaddr, with `/p2p/…`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> Option<SocketAddr> {
        let port = self.address.split('/').nth(4)?.parse().ok()?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Stage {
    own: PeerId,
    identity: Keypair,
    secret: SharedSecret,
    faults: Faults,
    identification: Identification,
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
}

/// What one connection has said so far.
struct Talk {
    peer: PeerId,
    nonces: Option<([u8; NONCE], [u8; NONCE])>,
}

impl Stage {
    async fn connection(self: Arc<Self>, stream: tokio::net::TcpStream) -> io::Result<()> {
        let mut stream = TcpStream(stream);
        let offered: &[&str] = if self.faults.plaintext { &[NOISE, PLAINTEXT] } else { &[NOISE] };
        if multistream::accept(&mut stream, offered).await? != Some(NOISE) {
            // Whatever comes now would come unencrypted.
            return stream.read(&mut [0; 64]).await.map(drop);
        }
        let (peer, mut muxer) = secured(stream, &self.identity).await?;
        let talk = Arc::new(Mutex::new(Talk { peer, nonces: None }));
        loop {
            let stream = poll_fn(|cx| muxer.poll_inbound_unpin(cx)).await;
            let stream =
                stream.map_err(|error| io::Error::other(error.either(|e| e.to_string(), |e| e.to_string())))?;
            let (stage, talk) = (Arc::clone(&self), Arc::clone(&talk));
            tokio::spawn(async move {
                if let Err(error) = stage.stream(stream, &talk).await {
                    tracing::debug!(%error, "a stream of the double ended");
                }
            });
        }
    }

    async fn stream(&self, mut stream: Stream, talk: &Mutex<Talk>) -> io::Result<()> {
        match multistream::accept(&mut stream, &self.faults.protocols()).await? {
            Some(identify::PROTOCOL) => stream.write_all(&self.identification.encode()).await?,
            Some(CACHE_PROTOCOL) => self.answer(&mut stream, talk).await?,
            Some(PUSH_PROTOCOL) => self.take(&mut stream).await?,
            _ => {}
        }
        stream.close().await
    }

    async fn take(&self, stream: &mut Stream) -> io::Result<()> {
        let mut bytes = Vec::new();
        (&mut *stream).take(100_000).read_to_end(&mut bytes).await?;
        let readable = match self.faults.python {
            Some(Python::Encrypted) => Envelope::new(&self.secret).open(&bytes).is_some(),
            Some(Python::Plain) => bytes.starts_with(b"{"),
            _ => return std::future::pending().await,
        };
        let refusal: &[u8] = match self.faults.python {
            Some(Python::Encrypted) => b"ERROR: Decryption failed",
            _ => b"ERROR: Invalid format",
        };
        stream.write_all(if readable { b"OK" } else { refusal }).await
    }

    async fn answer(&self, stream: &mut Stream, talk: &Mutex<Talk>) -> io::Result<()> {
        let mut bytes = Vec::new();
        let most = self.faults.swallows_beyond.unwrap_or(16 << 20) as u64;
        (&mut *stream).take(most).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 == most {
            // What is beyond is never read, so that the sender's window fills up.
            return std::future::pending().await;
        }
        let Frame::Message(request) = wire::decode::<Request>(&bytes) else {
            return Err(io::Error::other("not a request"));
        };
        let response = self.respond(request, talk);
        stream.write_all(&wire::encode(&response)?).await
    }

    fn respond(&self, request: Request, talk: &Mutex<Talk>) -> Response {
        let mut talk = talk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            Request::Hello { nonce, .. } => {
                let ours: [u8; NONCE] = rand::random();
                talk.nonces = nonce.0.try_into().ok().map(|theirs| (theirs, ours));
                Response::Hello {
                    nonce: Bytes(ours.to_vec()),
                    secret: true,
                    max_value: (16 << 20) - FRAME_OVERHEAD as u64,
                    agent: "double".into(),
                    now_ms: now_ms().saturating_add_signed(self.faults.skew_ms),
                }
            }
            Request::Agree { proof } => {
                let Some((dialler_nonce, listener_nonce)) = talk.nonces.take() else { return Response::Different };
                let transcript = Transcript { dialler: talk.peer, listener: self.own, dialler_nonce, listener_nonce };
                if !transcript.proves(Side::Dialler, &self.secret, &proof.0) {
                    return Response::Different;
                }
                Response::Agreed { proof: Bytes(transcript.proof(Side::Listener, &self.secret).to_vec()) }
            }
            Request::Put { key, sealed } => {
                if !self.faults.loses {
                    entries.insert(key, sealed.0);
                }
                Response::Stored { kept: true }
            }
            Request::Get { key } => match entries.get(&key) {
                Some(_) if self.faults.alters => {
                    let blob = Blob { bytes: b"another value".to_vec(), ttl_ms: Some(60_000), ..Blob::default() };
                    match Entry::new(&blob, now_ms()).seal(&self.secret, &key) {
                        Ok(sealed) => Response::Value { sealed: Bytes(sealed) },
                        Err(failure) => Response::refused("store", failure.message),
                    }
                }
                Some(sealed) => {
                    let mut sealed = sealed.clone();
                    if let Some(byte) = sealed.last_mut().filter(|_| self.faults.flips) {
                        *byte ^= 1;
                    }
                    if self.faults.truncates {
                        sealed.truncate(sealed.len() / 2);
                    }
                    Response::Value { sealed: Bytes(sealed) }
                }
                None => Response::Miss,
            },
            Request::Invalidate { key } => Response::Invalidated { existed: entries.remove(&key).is_some() },
            other => Response::refused("malformed", format!("a double does not answer {other:?}")),
        }
    }
}
