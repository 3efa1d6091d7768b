//! Names, resolved as the C library resolves them.

use crate::target::check_host;
use dns_lookup::{AddrInfoHints, LookupError, getaddrinfo};
use seaworthy_model::{Failure, Permit};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What one lookup brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// The addresses, or why there are none.
    pub outcome: Result<Answer, Failure>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In the order of the C library, without repetition; never empty.
    pub addresses: Vec<IpAddr>,
    /// `source`: `literal`, `hosts` (the name is in /etc/hosts) or `resolver`;
    /// `nameservers`: those of resolv.conf, when a resolver answered.
    pub details: BTreeMap<String, String>,
}

// <netdb.h>; glibc and musl agree on the numbers.
const EAI_NONAME: i32 = -2;
const EAI_AGAIN: i32 = -3;
const EAI_FAIL: i32 = -4;
const EAI_NODATA: i32 = -5;
const EAI_SYSTEM: i32 = -11;

/// Looks `name` up with `getaddrinfo`: /etc/hosts, resolv.conf and its search
/// list count, as they do for every program beside us.
///
/// *Behaviour*: an address answers itself and asks nobody. The lookup runs on a
/// thread of its own that is left behind when the time is up, so neither the
/// runtime's shutdown nor the exit of the program waits for a dead name server
/// (the C library alone takes 5 s per attempt).
///
/// *Failures*: `invalid` (not a name), `denied` (by the permit), `dns-not-found`
/// (the name server says that there is no such name or no address),
/// `dns-failure` (no answer or a bad one), `timeout`. The code of the C library
/// is the detail `eai`.
pub async fn resolve(name: &str, timeout: Duration, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let outcome = answer(name, timeout, permit).await;
    Seen { elapsed: start.elapsed(), outcome }
}

async fn answer(name: &str, timeout: Duration, permit: &dyn Permit) -> Result<Answer, Failure> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(Answer { addresses: vec![address], details: BTreeMap::from([("source".into(), "literal".into())]) });
    }
    check_host(name)
        .map_err(|reason| Failure::new("invalid", "parse", format!("`{name}` cannot be looked up: {reason}")))?;
    permit.lookup(name)?;

    let asked = name.to_owned();
    within(timeout, move || ask(&asked)).await.unwrap_or_else(|| {
        Err(Failure::timeout("dns", format!("no answer for `{name}` within {} ms", timeout.as_millis()))
            .with("nameservers", nameservers()))
    })
}

/// Runs `lookup` on a thread that nobody joins; `None` when the time was up.
async fn within(
    timeout: Duration,
    lookup: impl FnOnce() -> Result<Answer, Failure> + Send + 'static,
) -> Option<Result<Answer, Failure>> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("lookup".into()).spawn(move || {
        // The receiver is gone when the time was up: nobody wants the answer.
        let _ = send.send(lookup());
    });
    if let Err(error) = thread {
        return Some(Err(Failure::from_io("dns", &error)));
    }
    let answer = tokio::time::timeout(timeout, receive).await.ok()?;
    Some(answer.unwrap_or_else(|_| Err(Failure::new("dns-failure", "dns", "the lookup ended without an answer"))))
}

fn ask(name: &str) -> Result<Answer, Failure> {
    // SOCK_STREAM, so that each address comes once and not once per socket type.
    let hints = AddrInfoHints { socktype: 1, ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|e| refused(name, &e))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for info in found {
        let address = info.map_err(|e| Failure::from_io("dns", &e))?.sockaddr.ip();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Failure::new("dns-not-found", "dns", format!("`{name}` has no address")));
    }
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let details = if in_hosts(&hosts, name, &addresses) {
        BTreeMap::from([("source".into(), "hosts".into())])
    } else {
        BTreeMap::from([("source".into(), "resolver".into()), ("nameservers".into(), nameservers())])
    };
    Ok(Answer { addresses, details })
}

fn refused(name: &str, error: &LookupError) -> Failure {
    let (kind, eai, what) = match error.error_num() {
        EAI_NONAME => ("dns-not-found", "EAI_NONAME", "no such name"),
        EAI_NODATA => ("dns-not-found", "EAI_NODATA", "the name exists but has no address"),
        EAI_AGAIN => ("dns-failure", "EAI_AGAIN", "the name servers gave no answer, or said to try again later"),
        EAI_FAIL => ("dns-failure", "EAI_FAIL", "a name server refused or failed"),
        EAI_SYSTEM => ("dns-failure", "EAI_SYSTEM", "a system call of the resolver failed"),
        _ => ("dns-failure", "other", "the resolver failed"),
    };
    Failure::new(kind, "dns", format!("`{name}` does not resolve: {what} ({error})"))
        .with("eai", eai)
        .with("eai-code", error.error_num().to_string())
        .with("nameservers", nameservers())
}

fn nameservers() -> String {
    std::fs::read_to_string("/etc/resolv.conf")
        .map(|text| crate::system::resolver::parse_resolv_conf(&text).nameservers.join(","))
        .unwrap_or_default()
}

/// Whether /etc/hosts names `name` with one of the addresses that were answered.
fn in_hosts(hosts: &str, name: &str, addresses: &[IpAddr]) -> bool {
    let name = name.trim_end_matches('.');
    crate::system::resolver::parse_hosts(hosts).iter().any(|entry| {
        entry.names.iter().any(|n| n.eq_ignore_ascii_case(name))
            && entry.address.parse::<IpAddr>().is_ok_and(|a| addresses.contains(&a))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::PermitAll;

    struct NoLookups;
    impl Permit for NoLookups {
        fn lookup(&self, host: &str) -> Result<(), Failure> {
            Err(Failure::new("denied", "grant", host))
        }
        fn connect(&self, _: &str, _: std::net::SocketAddr) -> Result<(), Failure> {
            Ok(())
        }
    }

    const BUDGET: Duration = Duration::from_secs(8);

    #[tokio::test]
    async fn an_address_answers_itself_without_permission() {
        let answer = resolve("::1", BUDGET, &NoLookups).await.outcome.unwrap();
        assert_eq!(answer.addresses, ["::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(answer.details["source"], "literal");
    }

    #[tokio::test]
    async fn a_name_in_the_hosts_file_is_said_to_come_from_there() {
        let answer = resolve("localhost", BUDGET, &PermitAll).await.outcome.unwrap();
        assert!(answer.addresses.iter().all(IpAddr::is_loopback));
        assert_eq!(answer.details["source"], "hosts");
    }

    #[tokio::test]
    async fn bad_and_denied_names_are_not_looked_up() {
        for bad in ["", "a b", "127.1", "a..b"] {
            assert_eq!(resolve(bad, BUDGET, &PermitAll).await.outcome.unwrap_err().kind, "invalid");
        }
        assert_eq!(resolve("example.com", BUDGET, &NoLookups).await.outcome.unwrap_err().kind, "denied");
    }

    #[tokio::test]
    async fn a_name_that_cannot_exist_fails_with_the_librarys_code() {
        // RFC 6761 reserves .invalid; without any name server the code is EAI_AGAIN.
        let failure = resolve("peer.invalid", Duration::from_secs(20), &PermitAll).await.outcome.unwrap_err();
        match failure.kind.as_str() {
            "dns-not-found" => assert_eq!(failure.details["eai-code"], EAI_NONAME.to_string()),
            "dns-failure" => assert!(failure.details.contains_key("eai")),
            other => panic!("unexpected kind {other}: {failure}"),
        }
    }

    #[test]
    fn the_codes_map_to_the_two_kinds() {
        for (code, kind) in [(-2, "dns-not-found"), (-5, "dns-not-found"), (-3, "dns-failure"), (-4, "dns-failure")] {
            assert_eq!(refused("x", &LookupError::new(code)).kind, kind, "{code}");
        }
    }

    #[test]
    fn neither_the_probe_nor_the_runtime_waits_for_a_dead_name_server() {
        let start = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dead = || {
            std::thread::sleep(Duration::from_secs(5));
            Err(Failure::new("dns-failure", "dns", ""))
        };
        assert_eq!(runtime.block_on(within(Duration::from_millis(100), dead)), None);
        drop(runtime);
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}
