//! A peer as the Python cache is one, scripted: it lists the Python protocols and
//! none of ours, and answers as it is told to.

use crate::push::{
    Envelope, PEER_EXCHANGE_PROTOCOL, PEER_EXCHANGE_REFUSAL, PUSH_PROTOCOL, PeerList, PushEntry, Verdict, judge,
};
use crate::{SharedSecret, identify, multistream};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::muxing::StreamMuxerExt as _;
use libp2p::core::upgrade::{InboundConnectionUpgrade as _, OutboundConnectionUpgrade as _};
use libp2p::identity::Keypair;
use libp2p::tcp::tokio::TcpStream;
use libp2p::{noise, yamux};
use seaworthy_model::Secret;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

type Muxer = yamux::Muxer<noise::Output<TcpStream>>;
type Stream = yamux::Stream;

const PROTOCOLS: [&str; 3] = [identify::PROTOCOL, PUSH_PROTOCOL, PEER_EXCHANGE_PROTOCOL];

/// How it takes a push.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Reads one message and says OK, as py-libp2p 0.8 does.
    Ready,
    /// Reads to the end of the stream first, as older ones do.
    WaitsForEnd,
    /// Reads and says nothing.
    Silent,
}

pub(super) struct PythonPeer {
    pub(super) identity: Keypair,
    /// Where it listens, with its id; empty for one that dials.
    pub(super) address: String,
    /// Entries that it was pushed.
    entries: mpsc::UnboundedReceiver<PushEntry>,
    task: tokio::task::JoinHandle<()>,
}

struct Script {
    identity: Keypair,
    envelope: Envelope,
    manner: Manner,
    entries: mpsc::UnboundedSender<PushEntry>,
}

impl Drop for PythonPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PythonPeer {
    /// One that is dialled.
    pub(super) async fn listen(secret: &str, manner: Manner) -> Self {
        let (script, identity, entries) = script(secret, manner);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", identity.public().to_peer_id());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&script);
                tokio::spawn(async move {
                    let mut stream = TcpStream(stream);
                    multistream::accept(&mut stream, &["/noise"]).await.unwrap();
                    let noise = noise::Config::new(&script.identity).unwrap();
                    let (_, mut channel) = noise.upgrade_inbound(stream, "/noise").await.unwrap();
                    multistream::accept(&mut channel, &["/yamux/1.0.0"]).await.unwrap();
                    let muxer = yamux::Config::default().upgrade_inbound(channel, "/yamux/1.0.0").await.unwrap();
                    drive(muxer, script).await;
                });
            }
        });
        Self { identity, address, entries, task }
    }

    /// One that dials the peer at `address`, and is never dialled.
    pub(super) async fn dial(address: &str, secret: &str, manner: Manner) -> Self {
        let (script, identity, entries) = script(secret, manner);
        let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
        let mut stream = TcpStream(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        assert!(multistream::open(&mut stream, "/noise").await.unwrap());
        let noise = noise::Config::new(&identity).unwrap();
        let (_, mut channel) = noise.upgrade_outbound(stream, "/noise").await.unwrap();
        assert!(multistream::open(&mut channel, "/yamux/1.0.0").await.unwrap());
        let muxer = yamux::Config::default().upgrade_outbound(channel, "/yamux/1.0.0").await.unwrap();
        let task = tokio::spawn(drive(muxer, script));
        Self { identity, address: String::new(), entries, task }
    }

    /// The next entry that it is pushed.
    pub(super) async fn next(&mut self, within: Duration) -> Option<PushEntry> {
        timeout(within, self.entries.recv()).await.ok().flatten()
    }

    /// The keys of the next `count` entries, in order.
    pub(super) async fn keys(&mut self, count: usize) -> Vec<String> {
        let mut keys = Vec::new();
        for _ in 0..count {
            match self.next(Duration::from_secs(5)).await {
                Some(entry) => keys.push(entry.key),
                None => break,
            }
        }
        keys.sort();
        keys
    }
}

fn script(secret: &str, manner: Manner) -> (Arc<Script>, Keypair, mpsc::UnboundedReceiver<PushEntry>) {
    let identity = Keypair::generate_ed25519();
    let (sender, entries) = mpsc::unbounded_channel();
    let envelope = Envelope::new(&SharedSecret::derive(&Secret::new(secret.into())));
    (Arc::new(Script { identity: identity.clone(), envelope, manner, entries: sender }), identity, entries)
}

async fn drive(mut muxer: Muxer, script: Arc<Script>) {
    poll_fn(|cx| {
        loop {
            match muxer.poll_inbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => drop(tokio::spawn(serve(stream, Arc::clone(&script)))),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

async fn serve(mut stream: Stream, script: Arc<Script>) -> Option<()> {
    let protocol = multistream::accept(&mut stream, &PROTOCOLS).await.ok()??;
    let reply = match protocol {
        identify::PROTOCOL => identify::Identification {
            public_key: script.identity.public().encode_protobuf(),
            protocols: PROTOCOLS.map(str::to_owned).to_vec(),
            protocol_version: "ipfs/0.1.0".into(),
            agent_version: "py-libp2p/0.0.0".into(),
            ..identify::Identification::default()
        }
        .encode(),
        PEER_EXCHANGE_PROTOCOL => {
            let list = PeerList { addrs: vec!["/ip4/0.0.0.0/tcp/9100".into()], peers: vec![], ts: 0.0 };
            match read(&mut stream, &script).await {
                Some(_) => script.envelope.seal(list.plaintext().as_bytes()).ok()?.into_bytes(),
                None => PEER_EXCHANGE_REFUSAL.as_bytes().to_vec(),
            }
        }
        _ => {
            let plaintext = read(&mut stream, &script).await?;
            let now = crate::envelope::now_ms() as f64 / 1000.0;
            let Verdict::Store(entry) = judge(&plaintext, now) else { return None };
            script.entries.send(*entry).ok()?;
            if script.manner == Manner::Silent {
                tokio::time::sleep(Duration::from_secs(600)).await;
            }
            b"OK".to_vec()
        }
    };
    stream.write_all(&reply).await.ok()?;
    stream.close().await.ok()
}

/// Reads one message: to the end, or as soon as it makes sense.
async fn read(stream: &mut Stream, script: &Script) -> Option<Vec<u8>> {
    let mut token = Vec::new();
    if script.manner == Manner::WaitsForEnd {
        stream.read_to_end(&mut token).await.ok()?;
        return script.envelope.open(&token);
    }
    let mut chunk = vec![0; 65_524];
    loop {
        match stream.read(&mut chunk).await.ok()? {
            0 => return None,
            read => token.extend_from_slice(&chunk[..read]),
        }
        if let Some(plaintext) = script.envelope.open(&token) {
            return Some(plaintext);
        }
    }
}
