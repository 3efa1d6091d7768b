//! `seaworthy peer`: a cache peer on this machine until a signal ends it.

use crate::args::PeerArgs;
use crate::configuration;
use crate::error::CliError;
use crate::signals::Stop;
use anyhow::Context as _;
use seaworthy_model::{ExitCode, Secret};
use seaworthy_p2p::{Peer, PeerConfig, SharedSecret};

pub(crate) fn peer(arguments: PeerArgs) -> Result<ExitCode, CliError> {
    configuration::runtime()?.block_on(serve(arguments))
}

async fn serve(arguments: PeerArgs) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let environment = configuration::environment();
    let text = environment
        .text(&arguments.secret_env)
        .filter(|text| !text.is_empty())
        .map(|text| Secret::new(text.to_owned()));
    let secret = match text {
        Some(text) => Some(
            tokio::task::spawn_blocking(move || SharedSecret::derive(&text))
                .await
                .context("the key could not be derived")?,
        ),
        None => {
            eprintln!(
                "warning: {} is not set, so this peer answers identify and ping but shares no cache; set it to a secret of your own, the same for every runner",
                arguments.secret_env
            );
            None
        }
    };
    let state = arguments.state.or_else(configuration::state_dir).ok_or_else(|| {
        CliError::Usage("no folder for the peer's state: there is no home directory; give --state DIR".into())
    })?;
    std::fs::create_dir_all(&state)
        .map_err(|error| CliError::CannotWrite(format!("cannot create {}: {error}", state.display())))?;
    let config = PeerConfig {
        listen: arguments.listen,
        identity: Some(state.join("identity.key")),
        store: Some(state.join("entries.redb")),
        secret,
        announce: arguments.announce,
        ..PeerConfig::default()
    };
    let peer = Peer::start(config).await.context("the peer cannot start")?;
    print_addresses(&peer, arguments.json)?;
    stop.wait().await;
    peer.shutdown().await;
    Ok(ExitCode::Passed)
}

/// What a runner needs: the addresses, and a line to paste.
fn print_addresses(peer: &Peer, json: bool) -> Result<(), CliError> {
    let addresses = peer.addresses();
    if json {
        let line = serde_json::json!({ "peer_id": peer.peer_id(), "addresses": addresses });
        anstream::println!("{line}");
        return Ok(());
    }
    anstream::println!("peer {}", peer.peer_id());
    for address in &addresses {
        anstream::println!("{address}");
    }
    anstream::println!("\n# for each runner; keep the address that the runner can reach");
    anstream::println!("export CACHE_ENABLE_P2P=true");
    anstream::println!("export CACHE_BOOTSTRAP_PEERS={}", addresses.join(","));
    Ok(())
}
