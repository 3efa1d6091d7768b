//! `seaworthy peer`: a cache peer on this machine until a signal ends it.

use crate::args::PeerArgs;
use crate::configuration;
use crate::error::CliError;
use crate::signals::Stop;
use crate::stdout;
use anyhow::Context as _;
use seaworthy_model::{ExitCode, Secret};
use seaworthy_p2p::{Peer, PeerConfig, PeerError, SharedSecret};
use std::os::unix::fs::DirBuilderExt as _;

pub(crate) fn peer(arguments: PeerArgs) -> Result<ExitCode, CliError> {
    configuration::on_runtime(serve(arguments))
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
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&state)
        .map_err(|error| CliError::Config(format!("cannot create {}: {error}", state.display())))?;
    let config = PeerConfig {
        listen: arguments.listen,
        identity: Some(state.join("identity.key")),
        store: Some(state.join("entries.redb")),
        secret,
        announce: arguments.announce,
        ..PeerConfig::default()
    };
    let peer = Peer::start(config).await.map_err(refusal)?;
    print_addresses(&peer, arguments.json)?;
    stop.wait().await;
    peer.shutdown().await;
    Ok(ExitCode::Passed)
}

/// Wrong flags, an unusable state folder and a port that cannot be had end differently.
fn refusal(error: PeerError) -> CliError {
    let text = format!("the peer cannot start: {error}");
    match error {
        PeerError::Address { .. } | PeerError::Announce { .. } | PeerError::Peer { .. } => CliError::Usage(text),
        PeerError::Identity(_) | PeerError::Store(_) => CliError::Config(text),
        PeerError::Listen { .. } | PeerError::NoAddress { .. } | PeerError::Transport(_) => {
            CliError::Runtime(anyhow::Error::msg(text))
        }
    }
}

/// What a runner needs: the addresses, and a line to paste.
fn print_addresses(peer: &Peer, json: bool) -> Result<(), CliError> {
    let addresses = peer.addresses();
    if json {
        let line = serde_json::json!({ "peer_id": peer.peer_id(), "addresses": addresses });
        return stdout::print(&format!("{line}\n"));
    }
    stdout::print(&format!(
        "peer {}\n{}\n\n# for each runner; keep the address that the runner can reach\nexport CACHE_ENABLE_P2P=true\nexport CACHE_BOOTSTRAP_PEERS={}\n",
        peer.peer_id(),
        addresses.join("\n"),
        addresses.join(",")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn exit_code(config: PeerConfig) -> ExitCode {
        let error = Peer::start(config).await.err().unwrap();
        refusal(error).exit_code()
    }

    #[tokio::test]
    async fn each_refusal_has_its_exit_code() {
        let listen = |text: &str| vec![text.to_owned()];
        let any = || PeerConfig { listen: listen("/ip4/127.0.0.1/tcp/0"), ..PeerConfig::default() };
        assert_eq!(exit_code(PeerConfig { listen: listen("localhost:9100"), ..any() }).await, ExitCode::Usage);
        assert_eq!(exit_code(PeerConfig { announce: listen("/ip4/192.0.2.1/tcp/0"), ..any() }).await, ExitCode::Usage);
        let below = Some(std::path::PathBuf::from("/dev/null/below"));
        assert_eq!(exit_code(PeerConfig { identity: below.clone(), ..any() }).await, ExitCode::Config);
        let secret = Some(SharedSecret::derive(&Secret::new("s".into())));
        assert_eq!(exit_code(PeerConfig { store: below, secret, ..any() }).await, ExitCode::Config);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let config = PeerConfig { listen: vec![format!("/ip4/127.0.0.1/tcp/{port}")], ..any() };
        assert_eq!(exit_code(config).await, ExitCode::Indeterminate);
    }
}
