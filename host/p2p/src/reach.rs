//! The two lowest rungs: from an address to a TCP connection.

use crate::Address;
use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use seaworthy_model::{Failure, Permit};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// What a rung found, for people and for checks.
pub(crate) type Facts = BTreeMap<String, String>;

/// The socket addresses of `address`, as far as `permit` lets them be used.
pub(crate) async fn resolve(address: &Address, permit: &dyn Permit) -> Result<(Vec<SocketAddr>, Facts), Failure> {
    let found = match address.ip() {
        Some(ip) => vec![SocketAddr::new(ip, address.port)],
        None => {
            permit.lookup(&address.host)?;
            look_up(address).await?
        }
    };
    let mut facts = Facts::from([("addresses".to_owned(), list(&found))]);
    let mut allowed = Vec::new();
    let mut denied = Vec::new();
    let mut denial = None;
    for candidate in found {
        match permit.connect(&address.host, candidate) {
            Ok(()) => allowed.push(candidate),
            Err(failure) => {
                denied.push(candidate);
                denial.get_or_insert(failure);
            }
        }
    }
    if !denied.is_empty() {
        facts.insert("denied".into(), list(&denied));
    }
    match denial {
        Some(failure) if allowed.is_empty() => Err(failure),
        _ => Ok((allowed, facts)),
    }
}

async fn look_up(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    let (host, port) = (address.host.clone(), address.port);
    let family = match address.host_kind.as_str() {
        "dns4" => AddrFamily::Inet.into(),
        "dns6" => AddrFamily::Inet6.into(),
        _ => 0,
    };
    let hints = AddrInfoHints { address: family, socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    // getaddrinfo blocks; it honours the container's own /etc/hosts and resolv.conf.
    let looked_up = tokio::task::spawn_blocking(move || {
        getaddrinfo(Some(&host), None, Some(hints)).map(|infos| {
            let mut ips: Vec<IpAddr> = Vec::new();
            for ip in infos.filter_map(Result::ok).map(|info| info.sockaddr.ip()) {
                if !ips.contains(&ip) {
                    ips.push(ip);
                }
            }
            ips
        })
    });
    let name = &address.host;
    match looked_up.await {
        Ok(Ok(ips)) if ips.is_empty() => {
            Err(Failure::new("dns-not-found", "resolve", format!("{name} has no address of the wanted kind")))
        }
        Ok(Ok(ips)) => Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()),
        Ok(Err(error)) => {
            let kind = match error.kind() {
                LookupErrorKind::NoName | LookupErrorKind::NoData => "dns-not-found",
                _ => "dns-failure",
            };
            let code = error.error_num();
            let message = format!("{name} cannot be resolved: {}", std::io::Error::from(error));
            Err(Failure::new(kind, "resolve", message).with("gai-code", code.to_string()))
        }
        Err(_) => Err(Failure::new("cancelled", "resolve", format!("the lookup of {name} was cancelled"))),
    }
}

/// Connects to the first candidate that answers. Each gets an equal share of
/// what is left of the time.
pub(crate) async fn connect(
    candidates: &[SocketAddr],
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr, Facts), Failure> {
    let mut tried = Vec::new();
    let mut last = Failure::new("dns-not-found", "connect", "there is no address to connect to");
    for (index, candidate) in candidates.iter().enumerate() {
        let started = Instant::now();
        let share = deadline.saturating_duration_since(started) / u32::try_from(candidates.len() - index).unwrap_or(1);
        let until = if index + 1 == candidates.len() { deadline } else { started + share };
        let failure = match timeout_at(until, TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => {
                // Handshake messages are small and each waits for the last.
                let _ = stream.set_nodelay(true);
                let mut facts = Facts::from([("remote".to_owned(), candidate.to_string())]);
                if let Ok(local) = stream.local_addr() {
                    facts.insert("local".into(), local.to_string());
                }
                if !tried.is_empty() {
                    facts.insert("tried".into(), tried.join("; "));
                }
                return Ok((stream, *candidate, facts));
            }
            Ok(Err(error)) => {
                let failure = Failure::from_io("connect", &error);
                Failure { message: format!("cannot connect to {candidate}: {error}"), ..failure }
            }
            Err(_) => {
                Failure::timeout("connect", format!("no answer from {candidate} within {}", seconds(until - started)))
            }
        };
        tried.push(format!("{candidate} {} after {}", failure.kind, seconds(started.elapsed())));
        last = failure.with("remote", candidate.to_string());
    }
    Err(if tried.len() > 1 { last.with("tried", tried.join("; ")) } else { last })
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{:.1} ms", duration.as_secs_f64() * 1e3)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",")
}
