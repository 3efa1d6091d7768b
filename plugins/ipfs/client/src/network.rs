//! What a node says of its part in the network.

use crate::{Refusal, Reply};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The resource that is closest to its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tightest {
    /// As the node names it: `ConnsInbound`, `Memory` ...
    pub name: String,
    /// How much is in use.
    pub used: u64,
    /// How much may be.
    pub limit: u64,
}

/// The resource of the whole node that is closest to its limit; `None` where none has one.
///
/// # Errors
/// What the answer says instead.
pub fn tightest(reply: &Reply<'_>) -> Result<Option<Tightest>, Refusal> {
    let whole: Value = reply.json()?;
    let Some(system) = whole.get("System").and_then(Value::as_object) else { return Ok(None) };
    let all = system.iter().filter_map(|(name, limit)| {
        // A limit that is none is a word: `unlimited`.
        let limit = limit.as_u64().filter(|limit| *limit > 0 && *limit < u64::MAX / 2)?;
        let used = system.get(&format!("{name}Usage"))?.as_u64()?;
        Some(Tightest { name: name.clone(), used, limit })
    });
    Ok(all.max_by_key(|one| one.used.saturating_mul(1000) / one.limit))
}

/// Lines of JSON.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Value> + '_ {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

/// How many others the routing tables hold, all DHTs together; `None` where it has none.
///
/// # Errors
/// What the answer says instead.
pub fn routed(reply: &Reply<'_>) -> Result<Option<usize>, Refusal> {
    let tables = lines(reply.bytes()?).filter_map(|table| {
        let buckets = table.get("Buckets")?;
        let peers = |bucket: &Value| bucket.get("Peers").and_then(Value::as_array).map_or(0, Vec::len);
        Some(buckets.as_array().map_or(0, |all| all.iter().map(peers).sum::<usize>()))
    });
    Ok(tables.reduce(|a, b| a + b))
}

/// A provider of content, and where it says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its peer id.
    pub id: String,
    /// Its addresses, without the id.
    pub addresses: Vec<String>,
}

/// The providers that were found.
///
/// # Errors
/// What the answer says instead.
pub fn providers(reply: &Reply<'_>) -> Result<Vec<Provider>, Refusal> {
    /// The kind of event that holds providers.
    const PROVIDER: u64 = 4;
    let mut found: Vec<Provider> = Vec::new();
    for event in lines(reply.bytes()?).filter(|event| event.get("Type").and_then(Value::as_u64) == Some(PROVIDER)) {
        for one in event.get("Responses").and_then(Value::as_array).into_iter().flatten() {
            let Some(id) = one.get("ID").and_then(Value::as_str).filter(|id| !id.is_empty()) else { continue };
            let texts = one.get("Addrs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            if !found.iter().any(|known| known.id == id) {
                found.push(Provider { id: id.to_owned(), addresses: texts.map(str::to_owned).collect() });
            }
        }
    }
    Ok(found)
}

/// Whether a filter of `Swarm.AddrFilters`, such as `/ip4/172.16.0.0/ipcidr/12`, holds an address.
#[must_use]
pub fn filters(filter: &str, address: IpAddr) -> bool {
    let mut parts = filter.split('/').skip(1);
    let (Some(kind), Some(network), Some("ipcidr"), Some(length)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(length) = length.parse::<u32>() else { return false };
    match (kind, address) {
        ("ip4", IpAddr::V4(address)) => network
            .parse::<Ipv4Addr>()
            .is_ok_and(|network| length <= 32 && (network.to_bits() ^ address.to_bits()).leading_zeros() >= length),
        ("ip6", IpAddr::V6(address)) => network
            .parse::<Ipv6Addr>()
            .is_ok_and(|network| length <= 128 && (network.to_bits() ^ address.to_bits()).leading_zeros() >= length),
        _ => false,
    }
}

/// The host of a multiaddr, where it is an address.
#[must_use]
pub fn host(address: &str) -> Option<IpAddr> {
    let mut parts = address.split('/').skip(1);
    matches!(parts.next()?, "ip4" | "ip6").then(|| parts.next()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(body: &str) -> Reply<'_> {
        Reply { status: 200, body: body.as_bytes() }
    }

    #[test]
    fn the_tightest_limit_is_found() {
        let body = r#"{"System":{"Conns":"unlimited","ConnsUsage":900,"ConnsInbound":100,"ConnsInboundUsage":97,"FD":1000,"FDUsage":10,"Memory":9223372036854775807,"MemoryUsage":5},"Transient":{}}"#;
        let tightest = tightest(&ok(body)).unwrap().unwrap();
        assert_eq!((tightest.name.as_str(), tightest.used, tightest.limit), ("ConnsInbound", 97, 100));
        assert_eq!(super::tightest(&ok("{}")).unwrap(), None);
        assert!(super::tightest(&Reply { status: 404, body: b"404 page not found" }).is_err());
    }

    #[test]
    fn tables_are_counted_over_all_hashes() {
        let full = "{\"Name\":\"wan\",\"Buckets\":[{\"Peers\":[{\"ID\":\"a\"},{\"ID\":\"b\"}]},{\"Peers\":null}]}\n{\"Name\":\"lan\",\"Buckets\":[]}\n";
        assert_eq!(routed(&ok(full)).unwrap(), Some(2));
        assert_eq!(routed(&ok("{\"Name\":\"wan\",\"Buckets\":null}\n")).unwrap(), Some(0));
        assert_eq!(routed(&ok("")).unwrap(), None, "without a DHT nothing is known");
    }

    #[test]
    fn providers_are_each_named_once() {
        let body = "{\"Type\":1,\"Responses\":[{\"ID\":\"x\",\"Addrs\":[]}]}\n{\"Type\":4,\"Responses\":[{\"ID\":\"p\",\"Addrs\":[\"/ip4/10.0.0.1/tcp/4001\"]}]}\n{\"Type\":4,\"Responses\":[{\"ID\":\"p\",\"Addrs\":null}]}\n";
        let found = providers(&ok(body)).unwrap();
        assert_eq!(found, [Provider { id: "p".into(), addresses: vec!["/ip4/10.0.0.1/tcp/4001".into()] }]);
    }

    #[test]
    fn filters_hold_their_block() {
        let ip = |text: &str| text.parse().unwrap();
        assert!(filters("/ip4/172.16.0.0/ipcidr/12", ip("172.18.0.3")));
        assert!(
            !filters("/ip4/172.16.0.0/ipcidr/12", ip("172.32.0.3")) && !filters("/ip4/172.16.0.0/ipcidr/12", ip("::1"))
        );
        assert!(filters("/ip6/fc00::/ipcidr/7", ip("fd12::1")) && !filters("nonsense", ip("172.18.0.3")));
        assert_eq!((host("/ip4/172.18.0.3/tcp/4001"), host("/dns4/x/tcp/1")), (Some(ip("172.18.0.3")), None));
    }
}
