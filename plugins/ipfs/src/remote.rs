use crate::config::Pinning;
use crate::error::{Trouble, failed, unpinned};
use crate::node::{Answered, Node, answered, authorization};
use ipfs_client::pinning::{self, PinStatus, Question};
use ipfs_client::{Address, Call, Cid, Id};
use seaworthy_adapter_sdk::authorized_http::{self, Authorized};
use seaworthy_adapter_sdk::log::{self, Level};
use seaworthy_adapter_sdk::{CacheError, http};

/// Peers of the service that the node is connected to, so that the content is found.
const MOST_DELEGATES: usize = 3;
/// Bytes of an answer of the service.
const MOST_ANSWER: u32 = 256 << 10;

/// A pinning service that keeps every value too.
///
/// *Behaviour*: what it does not do never fails a put or a removal, since the node has
/// done it; the log and [`state`](Self::state) say so.
#[derive(Debug)]
pub(crate) struct Remote {
    service: Pinning,
    timeout: u32,
    /// Where the node can be asked for the content.
    origins: Vec<String>,
}

impl Remote {
    pub(crate) fn open(service: Pinning, timeout: u32, node: &Node) -> Self {
        let id = node.ask(Call::id()).and_then(|answer| Ok(answer.reply()?.json::<Id>()?));
        let origins = id.map(|id| id.addresses).unwrap_or_default();
        let origins = origins.into_iter().filter(|address| is_public(address)).collect();
        Self { service, timeout, origins }
    }

    /// Asks the service to keep a CID, and connects the node to those that will fetch it.
    pub(crate) fn keep(&self, node: &Node, cid: &Cid) {
        match self.ask(
            pinning::add(&self.service.url, cid, &self.service.name, &self.origins),
            "put",
            pinning::read_status,
        ) {
            Ok(status) => {
                let delegates = status.delegates.iter().take(MOST_DELEGATES);
                // Without this the service may not find a node that it cannot dial.
                let _ = node.ask_all(delegates.map(|address| Call::swarm_connect(address)).collect());
            }
            Err(error) => self.note("was not asked to keep the value", cid, &error),
        }
    }

    /// Asks the service to let a CID go.
    pub(crate) fn release(&self, cid: &Cid) {
        let released = self.pins(cid, "invalidate").and_then(|pins| {
            for pin in pins {
                self.ask(pinning::remove(&self.service.url, &pin.requestid), "invalidate", pinning::read_removed)?;
            }
            Ok(())
        });
        if let Err(error) = released {
            self.note("still keeps a value that was removed", cid, &error);
        }
    }

    /// How far it is with a CID, as details of an entry.
    pub(crate) fn state(&self, cid: &Cid) -> Vec<(&'static str, String)> {
        match self.pins(cid, "stat") {
            Ok(pins) => match pins.iter().max_by_key(|pin| pin.status) {
                Some(pin) => {
                    let info = pin.info.values().next().map(|text| ("remote-pin-info", text.clone()));
                    [("remote-pin", pin.status.as_str().to_owned())].into_iter().chain(info).collect()
                }
                None => vec![("remote-pin", "absent".to_owned())],
            },
            Err(error) => vec![("remote-pin", "unknown".to_owned()), ("remote-pin-error", error.kind)],
        }
    }

    fn pins(&self, cid: &Cid, operation: &str) -> Result<Vec<PinStatus>, CacheError> {
        self.ask(pinning::of(&self.service.url, cid), operation, pinning::read_results).map(|page| page.results)
    }

    fn ask<T>(
        &self,
        question: Question,
        operation: &str,
        read: impl Fn(u16, &[u8]) -> Result<T, pinning::PinRefusal>,
    ) -> Result<T, CacheError> {
        let loopback = Address::parse(&self.service.url).is_ok_and(|address| address.is_loopback());
        let request = Authorized {
            request: http::Request {
                method: question.method.into(),
                url: question.request.url,
                headers: question
                    .request
                    .content_type
                    .into_iter()
                    .map(|kind| ("content-type".to_owned(), kind))
                    .collect(),
                body: question.request.body,
                timeout: self.timeout,
                max_body: MOST_ANSWER,
                proxy: if loopback { "direct" } else { "environment" }.into(),
            },
            headers: vec![authorization("Bearer ", &self.service.token, "text")],
        };
        let seen = authorized_http::send(&[request]).into_iter().next().map(answered);
        let answer: Answered = seen.unwrap_or(Err(Trouble::Overlong)).map_err(|trouble| match trouble {
            Trouble::Failed(failure) => failed(operation, &failure).with("service", "pinning"),
            other => other.error(operation, "pins"),
        })?;
        read(answer.status(), &answer.body).map_err(|refusal| unpinned(operation, &refusal))
    }

    fn note(&self, what: &str, cid: &Cid, error: &CacheError) {
        let fields = [("cid".to_owned(), cid.to_string()), ("kind".to_owned(), error.kind.clone())];
        log::emit(Level::Warn, &format!("the pinning service {what}: {}", error.message), &fields);
    }
}

/// Whether an address may lead somebody elsewhere to the node.
fn is_public(address: &str) -> bool {
    let mut parts = address.split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some("ip4"), Some(ip)) => ip
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified())),
        (Some("ip6"), Some(ip)) => ip.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified())
        }),
        (Some("dns" | "dns4" | "dns6" | "dnsaddr"), Some(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn a_service_is_told_only_what_it_can_dial() {
        for address in ["/ip4/203.0.113.7/tcp/4001/p2p/12D3", "/dns4/node.test/tcp/4001", "/ip6/2001:db8::1/tcp/4001"] {
            assert!(is_public(address), "{address}");
        }
        for address in
            ["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip6/fe80::1/tcp/1", "", "/unix/x"]
        {
            assert!(!is_public(address), "{address}");
        }
    }
}
