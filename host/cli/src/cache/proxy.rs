//! `seaworthy cache proxy`: an HTTP API behind the tiers, for clients that know nothing
//! of them.

use super::args::ProxyArgs;
use super::opened::Opened;
use super::recording::Recording;
use crate::args::Global;
use crate::configuration;
use crate::error::CliError;
use crate::signals::Stop;
use crate::stdout;
use anyhow::Context as _;
use seaworthy_cache::{Listener, Tiers};
use seaworthy_engine::{CacheSession, SessionOptions};
use seaworthy_model::{ExitCode, Secret};
use seaworthy_p2p::SharedSecret;
use seaworthy_proxy::{HasTiers, Keys, Options, Origin, Proxy, Sharing, serve};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

/// The adapter that asks the origin itself: this command does that.
const ORIGIN: &str = "origin";
/// The label of the secret that everybody who shares the cache holds.
const SECRET: &str = "cache";

/// The tiers of a session, for as long as the proxy is there.
struct Session(CacheSession);

impl HasTiers for Session {
    fn tiers(&self) -> &Tiers {
        self.0.tiers()
    }
}

/// *Behaviour*: a tier that cannot be used is said to be so and costs nothing else: the
/// proxy serves without it, and tries it again later.
pub(crate) async fn proxy(global: &Global, arguments: &ProxyArgs) -> Result<ExitCode, CliError> {
    let stop = Stop::listen_with_hangup().context("cannot listen for signals")?;
    let mut secret = None;
    let recording = arguments.record.as_deref().map(|path| Recording::create(path, "seaworthy cache proxy"));
    let recording = recording.transpose()?.map(Arc::new);
    let options = SessionOptions {
        listener: recording.clone().map(|recording| -> Arc<dyn Listener> { recording }),
        ..SessionOptions::default()
    };
    let opened = Opened::with(global, &arguments.tiers, options, |plan| {
        plan.tiers.retain(|tier| tier.adapter != ORIGIN);
        secret = plan.secrets.get(SECRET).cloned();
    })
    .await?;
    let environment = configuration::environment();
    let origin = origin(arguments, &environment)?;
    let (keys, known_by) = keys(secret).await?;
    let listener =
        TcpListener::bind(arguments.listen).await.map_err(|error| cannot_listen(arguments.listen, &error))?;
    let address = listener.local_addr().map_err(|error| cannot_listen(arguments.listen, &error))?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "clients send their tokens to this address without TLS; listen on loopback, or on a network that only they are on");
    }
    for tier in opened.session.tiers().open_all().await {
        if let Err(error) = tier.outcome {
            opened.say(&format!("{}: not used for now: {error}", tier.label));
        }
    }
    announce(address, &origin, &opened.plain(&known_by), arguments.json)?;
    let options = Options {
        max_body: usize::try_from(arguments.max_body).unwrap_or(usize::MAX),
        origin_timeout: arguments.origin_timeout,
        tier_budget: arguments.tier_budget,
        stale_if_error: arguments.stale_if_error,
        keep_stale: arguments.keep_stale,
        ..Options::default()
    };
    let proxy = Arc::new(Proxy::new(origin, Arc::new(Session(opened.session)), keys, options));
    serve(listener, proxy, stop.flag.clone()).await;
    if let Some(recording) = recording {
        eprintln!("{}", recording.finish()?);
    }
    Ok(ExitCode::Passed)
}

fn origin(arguments: &ProxyArgs, environment: &seaworthy_model::Environment) -> Result<Origin, CliError> {
    let authority = arguments.ca.as_deref().map(|path| {
        let read = configuration::read_file(path);
        read.map_err(|error| CliError::Config(format!("cannot read --ca {}: {error}", path.display())))
    });
    let authority = authority.transpose()?;
    Origin::new(&arguments.origin, environment, authority.as_deref().map(str::as_bytes))
        .map_err(|unusable| CliError::Usage(format!("--origin: {unusable}")))
}

/// The keys, and whom they are known by.
async fn keys(secret: Option<(String, Secret)>) -> Result<(Keys, String), CliError> {
    if let Some((variable, secret)) = secret {
        let derived = tokio::task::spawn_blocking(move || SharedSecret::derive(&secret).compatibility_key()).await;
        let derived = derived.context("the key could not be derived")?;
        let known_by = format!("answers are sealed under {variable}, and shared with everybody who holds it");
        return Ok((Keys::derive(&derived, Sharing::Shared), known_by));
    }
    let local = configuration::state_dir().context("there is no home directory").and_then(|folder| local_key(&folder));
    let key = match local {
        Ok(key) => key,
        Err(error) => {
            tracing::warn!("this machine's key cannot be kept, so nothing is found again after this run: {error:#}");
            Zeroizing::new(rand::random())
        }
    };
    let known_by = "no shared secret is set: answers are for this machine alone, private ones in its own tiers; set CACHE_P2P_SHARED_SECRET to share them";
    Ok((Keys::derive(&key, Sharing::Local), known_by.to_owned()))
}

/// This machine's own key, made when it is not there.
fn local_key(folder: &Path) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let path = folder.join("proxy.key");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut made: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => file.write_all(made.as_slice()).with_context(|| format!("cannot write {}", path.display()))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut file = std::fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            file.read_exact(made.as_mut_slice())
                .with_context(|| format!("{} holds no key; remove it, and a new one is made", path.display()))?;
        }
        Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
    Ok(made)
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> CliError {
    CliError::Runtime(anyhow::anyhow!(
        "cannot listen on {address}: {error}; choose another address with --listen, or stop what holds the port"
    ))
}

/// What a client needs: the address, and a line to paste.
fn announce(address: SocketAddr, origin: &Origin, known_by: &str, json: bool) -> Result<(), CliError> {
    if json {
        let line = serde_json::json!({ "url": format!("http://{address}"), "origin": origin.label() });
        return stdout::print(&format!("{line}\n"));
    }
    stdout::print(&format!(
        "proxy of {} on http://{address}\n{known_by}\n\n# for each client\nexport GITHUB_API_URL=http://{address}\n\n# numbers: http://{address}/.seaworthy/stats\n",
        origin.label()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_key_and_keeps_it_to_itself() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let key = local_key(&state).unwrap();
        assert_eq!(key, local_key(&state).unwrap());
        let mode = std::fs::metadata(state.join("proxy.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(state.join("proxy.key"), b"short").unwrap();
        assert!(local_key(&state).unwrap_err().to_string().contains("remove it"));
    }
}
