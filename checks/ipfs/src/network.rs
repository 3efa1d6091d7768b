//! The node's part in the network, where others have to find what it keeps.

use crate::asking::{Answer, Asking, Seen};
use crate::{Run, codes};
use ipfs_client::network::{self, Provider, Tightest};
use ipfs_client::{Call, Cid, Id, Peers, Refusal, Setting};
use seaworthy_check_sdk::{Context, ContextExt, ip};
use std::net::IpAddr;

/// Providers that are asked for, and addresses of them that are tried.
const MOST: u32 = 4;
/// Percent of a limit that count as all of it.
const FULL: u64 = 95;

/// Filters that hold one of the node's own private addresses: its neighbours are behind them.
fn shut_out<'a>(filters: &[&'a str], own: &[IpAddr]) -> Vec<&'a str> {
    let private = |ip: &&IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xfe00 == 0xfc00,
    };
    let holds = |filter: &&&str| own.iter().filter(private).any(|ip| network::filters(filter, *ip));
    filters.iter().filter(holds).copied().collect()
}

fn is_used_up(one: &Tightest) -> bool {
    one.used.saturating_mul(100) >= one.limit.saturating_mul(FULL)
}

impl Run {
    /// Looks at it where `need-peers` or `cid` say that others matter.
    pub(crate) fn network(&mut self, context: &Context, asking: &Asking) -> Result<(), String> {
        let needed = context.setting("need-peers") == Some("true");
        let cid = context.setting("cid").and_then(|text| text.parse::<Cid>().ok());
        if !needed && cid.is_none() {
            return Ok(());
        }
        let seen = asking.all(vec![
            Call::id(),
            Call::config("Swarm.AddrFilters"),
            Call::swarm_resources(),
            Call::routing_tables(),
            Call::swarm_peers(),
        ]);
        let [id, filters, resources, tables, peers] =
            <[Seen; 5]>::try_from(seen).map_err(|_| "the host answered less than it was asked")?;
        self.ids.extend([&id, &filters, &resources, &tables, &peers].map(|seen| seen.id));
        let connected = peers.read(|reply| reply.json::<Peers>()).told().map(|peers| peers.count());
        self.filtered(&id, &filters, connected);
        self.limits(&resources);
        let routed = tables.read(network::routed).told().flatten();
        if needed && routed == Some(0) && connected.is_some_and(|count| count > 0) {
            let finding = codes::IPFS_ROUTING_TABLE_EMPTY
                .at(&self.target)
                .message(format!(
                    "the node is connected to {} others, and its routing tables hold none",
                    connected.unwrap_or(0)
                ))
                .observed("0 in the routing tables")
                .expected("the peers that take part in the DHT");
            self.findings.add(finding.cite(tables.id).and(peers.id));
        }
        match cid {
            Some(cid) => self.provided(asking, &cid),
            None => Ok(()),
        }
    }

    fn filtered(&mut self, id: &Seen, seen: &Seen, connected: Option<usize>) {
        let Some(setting) = seen.read(|reply| reply.json::<Setting>()).told() else { return };
        let own = id.read(|reply| reply.json::<Id>()).told().map(|id| id.addresses).unwrap_or_default();
        let mut addresses: Vec<IpAddr> = own.iter().filter_map(|address| network::host(address)).collect();
        // With the profile `server` the node does not tell its private addresses; the one that it was reached at is such.
        let remote = id
            .response()
            .ok()
            .and_then(|response| response.remote.rsplit_once(':').and_then(|(host, _)| ip::parse(host)));
        addresses.extend(remote);
        let shut = shut_out(&setting.texts(), &addresses).join(", ");
        if shut.is_empty() {
            return;
        }
        let finding = codes::IPFS_ADDRESS_FILTERS
            .at(&self.target)
            .message(format!("the node's filters {shut} hold its own network: it dials no neighbour and takes none"))
            .observed(&shut)
            .expected("filters that leave out the networks of its neighbours")
            .detail("filters", &shut);
        // Whoever is connected all the same finds others another way.
        let finding = if connected == Some(0) { finding } else { finding.level("info") };
        self.findings.add(finding.cite(seen.id).and(id.id));
    }

    fn limits(&mut self, seen: &Seen) {
        let Some(Some(one)) = seen.read(network::tightest).told() else { return };
        if !is_used_up(&one) {
            return;
        }
        let finding = codes::IPFS_RESOURCE_LIMITS
            .at(&self.target)
            .message(format!("the node uses {} of {} {}: it refuses more", one.used, one.limit, one.name))
            .observed(format!("{} of {}", one.used, one.limit))
            .expected(format!("less than {FULL} % of the limit"))
            .detail("resource", &one.name)
            .detail("limit", one.limit.to_string());
        self.findings.add(finding.cite(seen.id));
    }

    /// Whether whoever has a CID can be reached from the node.
    fn provided(&mut self, asking: &Asking, cid: &Cid) -> Result<(), String> {
        let found = asking.one(Call::find_providers(cid, MOST))?;
        self.ids.push(found.id);
        let providers: Vec<Provider> = match found.read(network::providers) {
            Answer::Told(providers) => providers,
            Answer::Refused(Refusal::Offline(_)) => return Ok(()),
            Answer::Refused(refusal) => {
                self.unknown.get_or_insert_with(|| format!("providers of {cid} could not be asked for: {refusal}"));
                return Ok(());
            }
            Answer::Failed(failure) => {
                self.unknown
                    .get_or_insert_with(|| format!("providers of {cid} could not be asked for: {}", failure.message));
                return Ok(());
            }
        };
        if providers.is_empty() {
            self.parts.push(format!("nobody provides {cid}"));
            return Ok(());
        }
        let ways: Vec<String> = providers.iter().map(|one| format!("/p2p/{}", one.id)).collect();
        let tried = asking.all(ways.iter().map(|way| Call::swarm_connect(way)).collect());
        self.ids.extend(tried.iter().map(|seen| seen.id));
        let reached =
            tried.iter().filter(|seen| matches!(seen.read(|reply| reply.bytes().map(<[u8]>::len)), Answer::Told(_)));
        if reached.count() > 0 {
            self.parts.push(format!("{} provide {cid}, and one can be reached", providers.len()));
            return Ok(());
        }
        let names: Vec<&str> = providers.iter().map(|one| one.id.as_str()).collect();
        let addresses: Vec<&str> = providers.iter().flat_map(|one| &one.addresses).map(String::as_str).collect();
        let finding = codes::IPFS_PROVIDER_UNREACHABLE
            .at(cid.to_string())
            .message(format!(
                "{} are said to have {cid}, and the node reaches none of them: {}",
                names.len(),
                names.join(", ")
            ))
            .observed(if addresses.is_empty() {
                "no address of them is known".to_owned()
            } else {
                addresses.join(", ")
            })
            .expected("a provider that can be dialled")
            .detail("providers", names.join(","))
            .detail("addresses", addresses.join(","));
        let cited = tried.iter().fold(finding.cite(found.id), |finding, seen| finding.and(seen.id));
        self.findings.add(cited);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_shut_out_neighbours_only_where_the_node_is_among_them() {
        let own = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let server = ["/ip4/10.0.0.0/ipcidr/8", "/ip4/172.16.0.0/ipcidr/12", "/ip4/192.168.0.0/ipcidr/16"];
        assert_eq!(shut_out(&server, &own(&["127.0.0.1", "172.18.0.3"])), ["/ip4/172.16.0.0/ipcidr/12"]);
        assert!(shut_out(&server, &own(&["203.0.113.5", "127.0.0.1"])).is_empty(), "on the Internet filters are right");
        assert!(shut_out(&[], &own(&["172.18.0.3"])).is_empty());
    }

    #[test]
    fn a_limit_is_used_up_near_its_end() {
        let of = |used, limit| is_used_up(&Tightest { name: "Conns".into(), used, limit });
        assert!(of(95, 100) && of(200, 100) && !of(94, 100) && !of(0, 1));
    }
}
