//! What a dialled peer may ask us on our own connection: who we are, and ping.
//! Some implementations drop a peer that answers neither.

use crate::identify::{self, Identification};
use crate::multistream;
use crate::ping;
use crate::session::Stream;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::Multiaddr;
use libp2p::identity::PublicKey;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Streams of the peer that are served at a time; more are reset.
const MAX_STREAMS: usize = 8;
/// A stream of the peer may live this long.
const MAX_LIFE: Duration = Duration::from_secs(60);

/// Answers identify and ping; refuses all else.
pub(crate) struct Responder {
    identification: Arc<Vec<u8>>,
    slots: Arc<Semaphore>,
}

impl Responder {
    /// Speaks as `key` and `agent` to the peer that is seen at `remote`.
    pub(crate) fn new(key: &PublicKey, agent: &str, remote: &Multiaddr) -> Self {
        let identification = Identification {
            public_key: key.encode_protobuf(),
            protocols: vec![identify::PROTOCOL.into(), ping::PROTOCOL.into()],
            observed_address: remote.to_vec(),
            protocol_version: crate::node::PROTOCOL_VERSION.into(),
            agent_version: agent.into(),
            ..Identification::default()
        };
        Self { identification: Arc::new(identification.encode()), slots: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }

    /// Serves one stream in a task, or drops it when there are too many.
    pub(crate) fn serve(&self, stream: Stream) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { return };
        let identification = Arc::clone(&self.identification);
        tokio::spawn(async move {
            let _slot = slot;
            if let Ok(Err(error)) = timeout(MAX_LIFE, answer(stream, &identification)).await {
                tracing::trace!(%error, "a stream of the peer ended");
            }
        });
    }
}

async fn answer(mut stream: Stream, identification: &[u8]) -> io::Result<()> {
    match multistream::accept(&mut stream, &[identify::PROTOCOL, ping::PROTOCOL]).await? {
        Some(identify::PROTOCOL) => stream.write_all(identification).await?,
        Some(_) => {
            let mut payload = [0; ping::PAYLOAD];
            while stream.read_exact(&mut payload).await.is_ok() {
                stream.write_all(&payload).await?;
                stream.flush().await?;
            }
        }
        None => {}
    }
    stream.close().await
}
