//! `seaworthy peer health`: what Docker, Kubernetes or a person asks where there
//! is no shell and no curl.

use super::args::HealthArgs;
use crate::error::CliError;
use crate::{configuration, stdout};
use anyhow::Context as _;
use seaworthy_model::{ExitCode, PermitAll};
use seaworthy_p2p::{CACHE_PROTOCOL, DialAttempt, Node, NodeConfig};
use seaworthy_probe::http;
use seaworthy_probe::proxy::ProxyEnvironment;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Where a peer listens when it is not told otherwise, seen from beside it.
const USUAL: &str = "/ip4/127.0.0.1/tcp/9100";

pub(super) async fn health(arguments: HealthArgs) -> Result<ExitCode, CliError> {
    let environment = configuration::environment();
    let url = match (arguments.url, &arguments.address) {
        (None, None) => environment.text("SEAWORTHY_METRICS").and_then(url_of),
        (url, _) => url,
    };
    let found = match (url, arguments.address) {
        (Some(url), _) => ask(&url, arguments.timeout).await,
        (None, address) => dial(address.as_deref().unwrap_or(USUAL), arguments.timeout).await?,
    };
    match found {
        Ok(said) => {
            stdout::print(&format!("healthy: {said}\n"))?;
            Ok(ExitCode::Passed)
        }
        Err(why) => {
            stdout::print(&format!("unhealthy: {why}\n"))?;
            Ok(ExitCode::Failed)
        }
    }
}

/// What `--metrics ADDR:PORT` serves, seen from this machine.
fn url_of(metrics: &str) -> Option<String> {
    let mut address: SocketAddr = metrics.parse().ok()?;
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    (address.port() != 0).then(|| format!("http://{address}/readyz"))
}

async fn ask(url: &str, timeout: Duration) -> Result<String, String> {
    let request = http::Request {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout,
        max_body: 64 * 1024,
        proxy: "direct".into(),
    };
    match http::send(&request, &PermitAll, &ProxyEnvironment::default()).await.outcome {
        Ok(answer) if answer.status == 200 => Ok(format!("{url} answers 200")),
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            Err(format!("{url} answers {}: {}", answer.status, seaworthy_report::safe::line(body.trim())))
        }
        Err(failure) => Err(format!("{url}: {failure}")),
    }
}

async fn dial(address: &str, timeout: Duration) -> Result<Result<String, String>, CliError> {
    let node = Node::start(NodeConfig::default()).context("cannot make an identity to dial with")?;
    let attempt = DialAttempt { address: address.into(), timeout, pings: 1 };
    let dialed = node.dial(&attempt, &PermitAll).await;
    Ok(match dialed.outcome {
        Err(failure) => Err(format!("{address}: {failure}")),
        Ok(peer) if !peer.protocols.iter().any(|protocol| protocol == CACHE_PROTOCOL) => {
            Err(format!("{address}: {} does not speak {CACHE_PROTOCOL}", seaworthy_report::safe::line(&peer.agent)))
        }
        Ok(peer) => match peer.ping_rtt {
            Some(trip) => Ok(format!("{} answered a ping in {} us", peer.peer_id, trip.as_micros())),
            None => Err(format!("{address}: {} does not answer a ping", peer.peer_id)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_can_be_reached() {
        assert_eq!(url_of("0.0.0.0:9464").as_deref(), Some("http://127.0.0.1:9464/readyz"));
        assert_eq!(url_of("[::]:9464").as_deref(), Some("http://[::1]:9464/readyz"));
        assert_eq!(url_of("192.0.2.1:80").as_deref(), Some("http://192.0.2.1:80/readyz"));
        assert_eq!(url_of("127.0.0.1:0"), None, "nobody knows that port");
        assert_eq!(url_of("nonsense"), None);
    }
}
