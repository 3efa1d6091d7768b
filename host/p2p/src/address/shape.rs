//! Texts that are no multiaddr at all: what were they meant to be?

use super::invalid;
use libp2p::PeerId;
use seaworthy_model::Failure;
use std::net::{IpAddr, Ipv6Addr};

/// Rejects what cannot be read part by part.
pub(super) fn check(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Err(invalid(0, "", "empty", "is empty"));
    }
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
        return Err(invalid(at, &c.escape_default().to_string(), "whitespace", "holds a blank or a control character"));
    }
    if text.starts_with(['"', '\'', '`']) {
        return Err(invalid(
            0,
            &text[..1],
            "quoted",
            "starts with a quotation mark, which the shell or the YAML reader should have removed",
        ));
    }
    if let Some(at) = text.find([',', ';']) {
        return Err(invalid(at, &text[at..=at], "list", "is a list of several; they are read one by one"));
    }
    if text.starts_with('/') { Ok(()) } else { Err(foreign(text)) }
}

fn foreign(text: &str) -> Failure {
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = host_port(authority).unwrap_or((authority, default_port(scheme)));
        return suggest(invalid(0, scheme, "url", "is a URL, not a multiaddr"), host, port);
    }
    if text.parse::<PeerId>().is_ok() {
        return invalid(0, text, "bare-peer-id", "is a peer id alone; host and port are missing before it");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return suggest(invalid(0, text, "not-multiaddr", "is a bare IP address"), text, None);
    }
    if let Some((host, port)) = host_port(text) {
        return suggest(invalid(0, text, "host-port", "is written as host:port, not as a multiaddr"), host, port);
    }
    let (what, component) = match text.split_once('/') {
        Some((first, _)) => ("does not start with a slash", first),
        None => ("is not a multiaddr", text),
    };
    let failure = invalid(0, component, "not-multiaddr", what);
    match text.split_once('/') {
        Some(("ip4" | "ip6" | "dns" | "dns4" | "dns6", _)) => failure.with("suggestion", format!("/{text}")),
        Some(_) => failure,
        None => suggest(failure, text, None),
    }
}

fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = text.rsplit_once(':')?;
    if host.is_empty() || port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((host, port.parse().ok()))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn suggest(failure: Failure, host: &str, port: Option<u16>) -> Failure {
    let host = host.trim_matches(['[', ']']);
    let kind = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => "ip4",
        Ok(IpAddr::V6(_)) => "ip6",
        Err(_) => "dns4",
    };
    let port = port.map_or_else(|| "<port>".to_owned(), |p| p.to_string());
    let suggestion = format!("/{kind}/{host}/tcp/{port}/p2p/<peer id>");
    let message = format!("{}; here: {suggestion}", failure.message);
    Failure { message, ..failure }.with("suggestion", suggestion)
}
