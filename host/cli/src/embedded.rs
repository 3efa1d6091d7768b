//! `run --embedded`: a peer in this process, on loopback, for this run only.

use crate::error::CliError;
use anyhow::Context as _;
use data_encoding::HEXLOWER;
use seaworthy_model::{Environment, Origin, Secret};
use seaworthy_p2p::{Peer, PeerConfig, SharedSecret};

/// Starts the peer and sets the variables that point the checks at it.
pub(crate) async fn start(environment: &mut Environment) -> Result<Peer, CliError> {
    let secret = HEXLOWER.encode(&rand::random::<[u8; 32]>());
    let text = Secret::new(secret.clone());
    let key = tokio::task::spawn_blocking(move || SharedSecret::derive(&text))
        .await
        .context("the key could not be derived")?;
    let config = PeerConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], secret: Some(key), ..PeerConfig::default() };
    let peer = Peer::start(config).await.context("the embedded peer cannot start")?;
    let mut set = |name: &str, value: String| environment.set(name.into(), value, Origin::Embedded);
    set("CACHE_ENABLE_P2P", "true".into());
    set("CACHE_BOOTSTRAP_PEERS", peer.addresses().join(","));
    set("CACHE_P2P_SHARED_SECRET", secret);
    set("CACHE_BACKENDS", "p2p".into());
    Ok(peer)
}
