//! What follows the host: transport and port, the peer, and the relay before it.

use super::{Part, id_text::read_peer_id, invalid, unknown, unsupported, value_of};
use seaworthy_model::Failure;
use std::fmt;

/// From the host to the peer.
pub(super) struct Way {
    /// `tcp` or `udp`.
    pub(super) transport: &'static str,
    pub(super) port: u16,
    pub(super) relay: Option<String>,
    pub(super) peer_id: Option<String>,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.transport, self.port)?;
        if self.transport == "udp" {
            f.write_str("/quic-v1")?;
        }
        if let Some(relay) = &self.relay {
            write!(f, "/p2p/{relay}/p2p-circuit")?;
        }
        self.peer_id.as_ref().map_or(Ok(()), |id| write!(f, "/p2p/{id}"))
    }
}

/// Reads `/tcp/PORT` or `/udp/PORT/quic-v1`, then `/p2p/ID`, and after
/// `/p2p-circuit` the id of the peer behind that one.
pub(super) fn read<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str) -> Result<Way, Failure> {
    let (transport, port) = read_transport(parts, text)?;
    let first = read_peer(parts, text)?;
    let (relay, peer_id) = match (first, parts.next()) {
        (first, None) => (None, first),
        (Some(relay), Some((_, "p2p-circuit"))) => {
            let behind = read_behind(parts, text)?;
            if behind.1 == relay {
                return Err(invalid(
                    behind.0,
                    &behind.1,
                    "bad-peer-id",
                    "names the relay itself as the peer behind the relay",
                ));
            }
            (Some(relay), Some(behind.1))
        }
        (_, Some((at, part))) => {
            return Err(invalid(at, part, "trailing", &format!("has `{part}` after the peer id, where it should end")));
        }
    };
    Ok(Way { transport, port, relay, peer_id })
}

fn read_transport<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str) -> Result<(&'static str, u16), Failure> {
    let Some((at, name)) = parts.next() else {
        return Err(invalid(text.len(), "", "missing-transport", "names a host but no port; add /tcp/ and the port"));
    };
    match name {
        "tcp" => {
            let (at, value) = value_of(parts, text, "tcp")?;
            Ok(("tcp", read_port(at, value)?))
        }
        "udp" => {
            let (at, value) = value_of(parts, text, "udp")?;
            let port = read_port(at, value)?;
            read_quic(parts, text)?;
            Ok(("udp", port))
        }
        "p2p" | "ipfs" => Err(invalid(
            at,
            name,
            "missing-transport",
            "has no port between the host and the peer id; add /tcp/ and the port",
        )),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Err(invalid(
            at,
            digits,
            "unknown-protocol",
            &format!("has the bare number {digits} after the host; write /tcp/{digits}"),
        )),
        other => Err(unknown(at, other, "the transport (tcp or udp)")),
    }
}

fn read_quic<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str) -> Result<(), Failure> {
    let missing = "has a UDP port and does not say what is spoken there; add /quic-v1";
    match parts.next() {
        Some((_, "quic-v1")) => Ok(()),
        None => Err(invalid(text.len(), "", "missing-transport", missing)),
        Some((at, name @ ("p2p" | "ipfs"))) => Err(invalid(at, name, "missing-transport", missing)),
        Some((at, "quic")) => Err(unsupported(at, "quic", "a draft of QUIC, which /quic-v1 has replaced,")),
        Some((at, name @ "webrtc-direct")) => Err(unsupported(at, name, name)),
        Some((at, other)) => Err(unknown(at, other, "quic-v1")),
    }
}

fn read_port(at: usize, value: &str) -> Result<u16, Failure> {
    let strict = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
    match value.parse::<u16>() {
        Ok(port) if strict => Ok(port),
        _ => Err(invalid(at, value, "bad-port", &format!("`{value}` is not a port from 1 to 65535"))),
    }
}

fn read_peer<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str) -> Result<Option<String>, Failure> {
    let Some((at, name)) = parts.next() else { return Ok(None) };
    match name {
        "p2p" | "ipfs" => {
            let (at, value) = value_of(parts, text, name)?;
            read_peer_id(at, value).map(Some)
        }
        "ws" | "wss" | "http" | "https" => Err(unsupported(at, name, "WebSocket")),
        "tls" | "noise" | "webtransport" | "webrtc-direct" => Err(unsupported(at, name, name)),
        "p2p-circuit" => Err(invalid(
            at,
            name,
            "missing-relay-id",
            "has no id of the relay; write /p2p/ and the relay's id before /p2p-circuit",
        )),
        other => Err(unknown(at, other, "/p2p/ and the peer id")),
    }
}

/// The peer behind the relay: without it the relay would not know whom to ask.
fn read_behind<'a>(parts: &mut impl Iterator<Item = Part<'a>>, text: &str) -> Result<(usize, String), Failure> {
    let missing = |at| {
        invalid(
            at,
            "p2p-circuit",
            "missing-peer-id",
            "names a relay and no peer behind it; add /p2p/ and the id of the peer after /p2p-circuit",
        )
    };
    match parts.next() {
        Some((_, name @ ("p2p" | "ipfs"))) => {
            let (at, value) = value_of(parts, text, name)?;
            Ok((at, read_peer_id(at, value)?))
        }
        Some((at, _)) => Err(missing(at)),
        None => Err(missing(text.len())),
    }
}
