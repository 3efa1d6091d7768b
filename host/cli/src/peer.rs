//! `seaworthy peer`: a cache peer on this machine until a signal ends it.

mod args;
mod endpoint;
mod health;
mod notify;
mod size;

pub(crate) use args::{PeerAction, ServiceArgs};
pub(crate) use size::parse as size;

use crate::args::PeerArgs;
use crate::configuration;
use crate::error::CliError;
use crate::signals::Stop;
use crate::stdout;
use anyhow::Context as _;
use endpoint::Endpoint;
use seaworthy_model::{ExitCode, Secret};
use seaworthy_p2p::{Peer, PeerConfig, PeerError, SharedSecret};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use tokio::signal::unix::{SignalKind, signal};

/// A value is held in memory as a whole, several times over when many are in progress.
const MAX_VALUE: u64 = 128 * 1024 * 1024;

pub(crate) fn peer(arguments: PeerArgs) -> Result<ExitCode, CliError> {
    match arguments.action {
        Some(PeerAction::Health(arguments)) => configuration::on_runtime(health::health(arguments)),
        None => configuration::on_runtime(serve(arguments)),
    }
}

async fn serve(arguments: PeerArgs) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen_with_hangup().context("cannot listen for signals")?;
    // A limit on the size of files is then an error of one put, not the end of the peer.
    let _file_too_large = signal(SignalKind::from_raw(nix::libc::SIGXFSZ)).context("cannot listen for signals")?;
    // The allocator asks for huge pages, and a value here and there fills each of them: twice the memory.
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "huge pages stay on");
    }
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
            tracing::warn!(
                "{} is not set, so this peer answers identify and ping but shares no cache; set it to a secret of your own, the same for every runner",
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
    let service = arguments.service;
    let peers = peers(service.peers, environment.text("CACHE_BOOTSTRAP_PEERS"))?;
    let max_value = usize::try_from(service.max_value).unwrap_or(usize::MAX);
    if service.max_value > MAX_VALUE || service.max_value > service.max_bytes {
        let bound = MAX_VALUE.min(service.max_bytes);
        return Err(CliError::Usage(format!("--max-value may be {bound} bytes at most, and no more than --max-bytes")));
    }
    // Before the peer starts: a port that cannot be had must not leave half of it behind.
    let endpoint = match service.metrics {
        Some(address) => Some(Endpoint::bind(address).await?),
        None => None,
    };
    let metrics = endpoint.as_ref().map(|endpoint| endpoint.address);
    let config = PeerConfig {
        listen: arguments.listen,
        identity: Some(state.join("identity.key")),
        store: Some(state.join("entries.redb")),
        secret,
        announce: arguments.announce,
        peers,
        max_value,
        max_store_bytes: service.max_bytes,
        relay_server: arguments.network.relay_server,
        relays: arguments.network.relay,
        autonat: arguments.network.autonat,
        dcutr: arguments.network.dcutr,
        mdns: arguments.network.mdns,
        kademlia: arguments.network.kademlia,
        max_connections: arguments.network.max_connections,
        ..PeerConfig::default()
    };
    let peer = Peer::start(config).await.map_err(refusal)?;
    let monitor = peer.monitor();
    let watchdog = tokio::spawn(notify::watchdog(monitor.clone()));
    let endpoint = endpoint.map(|endpoint| tokio::spawn(endpoint.serve(monitor)));
    for reservation in peer.reservations().iter().filter(|r| !r.held) {
        let why = reservation.problem.as_deref().unwrap_or("it has not answered yet");
        tracing::warn!(relay = reservation.relay, why, "no slot at a relay yet; trying on");
    }
    tracing::info!(
        peer = peer.peer_id(),
        addresses = peer.addresses().join(","),
        state = %state.display(),
        metrics = metrics.map(tracing::field::display),
        version = configuration::VERSION,
        "the peer has started"
    );
    print_addresses(&peer, metrics, arguments.json)?;
    notify::ready(&format!("listening as {}", peer.peer_id()));
    stop.wait().await;
    let signal = if stop.exit_code() == Some(ExitCode::Interrupted) { "SIGINT" } else { "SIGTERM or SIGHUP" };
    tracing::info!(signal, "shutting down");
    notify::stopping();
    peer.shutdown().await;
    // Both answer until the end, so that nobody takes a peer that ends for one that hangs.
    watchdog.abort();
    if let Some(endpoint) = endpoint {
        endpoint.abort();
    }
    Ok(ExitCode::Passed)
}

/// The peers to copy from. A wrong flag is an error; in a variable that is meant
/// for runners, a wrong address is one that is left out.
fn peers(flags: Vec<String>, variable: Option<&str>) -> Result<Vec<String>, CliError> {
    if !flags.is_empty() {
        return match flags.iter().find_map(|peer| Some((peer, seaworthy_p2p::address::parse(peer).err()?))) {
            Some((peer, failure)) => Err(CliError::Usage(format!("--peer {peer}: {failure}"))),
            None => Ok(flags),
        };
    }
    let listed = variable.unwrap_or_default().split(',').map(str::trim).filter(|peer| !peer.is_empty());
    let usable = listed.filter(|peer| match seaworthy_p2p::address::parse(peer) {
        Ok(_) => true,
        Err(failure) => {
            tracing::warn!(peer, %failure, "an address in CACHE_BOOTSTRAP_PEERS is left out");
            false
        }
    });
    Ok(usable.map(str::to_owned).collect())
}

/// Wrong flags, an unusable state folder and a port that cannot be had end differently.
fn refusal(error: PeerError) -> CliError {
    let text = format!("the peer cannot start: {error}");
    match error {
        PeerError::Address { .. } | PeerError::Announce { .. } | PeerError::Peer { .. } | PeerError::Relay { .. } => {
            CliError::Usage(text)
        }
        PeerError::Identity(_) | PeerError::Store(_) => CliError::Config(text),
        PeerError::Listen { .. } | PeerError::NoAddress { .. } | PeerError::Discovery(_) | PeerError::Transport(_) => {
            CliError::Runtime(anyhow::Error::msg(text))
        }
    }
}

/// What a runner needs: the addresses, and a line to paste.
fn print_addresses(peer: &Peer, metrics: Option<SocketAddr>, json: bool) -> Result<(), CliError> {
    let addresses = peer.addresses();
    if json {
        let mut line = serde_json::json!({ "peer_id": peer.peer_id(), "addresses": addresses });
        if let Some(metrics) = metrics {
            line["metrics"] = format!("http://{metrics}/metrics").into();
        }
        return stdout::print(&format!("{line}\n"));
    }
    // Runners of every make read TCP addresses; not all know QUIC.
    let tcp: Vec<&str> = addresses.iter().map(String::as_str).filter(|a| !a.contains("/quic-v1")).collect();
    let pasted = if tcp.is_empty() { addresses.join(",") } else { tcp.join(",") };
    stdout::print(&format!(
        "peer {}\n{}\n\n# for each runner; keep the address that the runner can reach\nexport CACHE_ENABLE_P2P=true\nexport CACHE_BOOTSTRAP_PEERS={}\n",
        peer.peer_id(),
        addresses.join("\n"),
        pasted
    ))?;
    match metrics {
        Some(metrics) => stdout::print(&format!("\n# metrics: http://{metrics}/metrics\n")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn exit_code(config: PeerConfig) -> ExitCode {
        let error = Peer::start(config).await.err().unwrap();
        refusal(error).exit_code()
    }

    #[test]
    fn peers_come_from_flags_or_else_the_variable() {
        let good = "/ip4/192.0.2.1/tcp/9100";
        let one = vec![good.to_owned()];
        assert_eq!(peers(one.clone(), Some("/ip4/192.0.2.2/tcp/1")).unwrap(), one);
        assert_eq!(peers(vec![], Some(&format!(" {good} ,, nonsense"))).unwrap(), one);
        assert!(peers(vec![], None).unwrap().is_empty());
        assert!(peers(vec![], Some("")).unwrap().is_empty(), "compose passes empty variables on");
        assert_eq!(peers(vec!["nonsense".into()], None).unwrap_err().exit_code(), ExitCode::Usage);
    }

    #[tokio::test]
    async fn each_refusal_has_its_exit_code() {
        let listen = |text: &str| vec![text.to_owned()];
        let any = || PeerConfig { listen: listen("/ip4/127.0.0.1/tcp/0"), ..PeerConfig::default() };
        assert_eq!(exit_code(PeerConfig { listen: listen("localhost:9100"), ..any() }).await, ExitCode::Usage);
        assert_eq!(exit_code(PeerConfig { announce: listen("/ip4/192.0.2.1/tcp/0"), ..any() }).await, ExitCode::Usage);
        assert_eq!(exit_code(PeerConfig { relays: listen("/ip4/192.0.2.1/tcp/9100"), ..any() }).await, ExitCode::Usage);
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
