//! The identify protocol, read and written by hand.
//!
//! libp2p's implementation drops what it cannot parse; here everything is kept
//! as it came, an undialable listen address above all. The message is protobuf
//! (libp2p/specs, identify): 1 public key, 2 listen addresses, 3 protocols,
//! 4 observed address, 5 protocol version, 6 agent version.

use crate::multistream::write_varint;
use data_encoding::HEXLOWER;
use futures::{AsyncRead, AsyncReadExt as _};
use libp2p::Multiaddr;
use libp2p::identity::PublicKey;
use std::io;

/// The protocol's name.
pub(crate) const PROTOCOL: &str = "/ipfs/id/1.0.0";
/// go-libp2p sends up to 8 KiB with a signed record; more is not identify.
const MAX_MESSAGE: usize = 64 * 1024;

/// What a peer says about itself. Nothing of it is proven but the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identification {
    /// Protobuf of the public key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) listen_addresses: Vec<Vec<u8>>,
    pub(crate) protocols: Vec<String>,
    pub(crate) observed_address: Vec<u8>,
    pub(crate) protocol_version: String,
    pub(crate) agent_version: String,
}

impl Identification {
    /// The peer id of the key it names, when it names a readable one.
    pub(crate) fn peer_id(&self) -> Option<libp2p::PeerId> {
        PublicKey::try_decode_protobuf(&self.public_key).ok().map(|key| key.to_peer_id())
    }

    /// Reads a message. None when it is not one.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut message = Self::default();
        while !bytes.is_empty() {
            let tag = take_varint(&mut bytes)?;
            match tag & 7 {
                0 => {
                    take_varint(&mut bytes)?;
                }
                1 => bytes = bytes.get(8..)?,
                2 => {
                    let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                    let (value, rest) = bytes.split_at_checked(length)?;
                    bytes = rest;
                    message.set(tag >> 3, value);
                }
                5 => bytes = bytes.get(4..)?,
                _ => return None,
            }
        }
        Some(message)
    }

    fn set(&mut self, field: u64, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match field {
            1 => self.public_key = value.to_vec(),
            2 => self.listen_addresses.push(value.to_vec()),
            3 => self.protocols.push(text()),
            4 => self.observed_address = value.to_vec(),
            5 => self.protocol_version = text(),
            6 => self.agent_version = text(),
            _ => {}
        }
    }

    /// Writes the message with its length in front.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut field = |number: u64, value: &[u8]| {
            write_varint(&mut body, number << 3 | 2);
            write_varint(&mut body, value.len() as u64);
            body.extend_from_slice(value);
        };
        field(1, &self.public_key);
        self.listen_addresses.iter().for_each(|a| field(2, a));
        self.protocols.iter().for_each(|p| field(3, p.as_bytes()));
        field(4, &self.observed_address);
        field(5, self.protocol_version.as_bytes());
        field(6, self.agent_version.as_bytes());
        let mut framed = Vec::with_capacity(body.len() + 3);
        write_varint(&mut framed, body.len() as u64);
        framed.extend(body);
        framed
    }

    pub(crate) fn is_sensible(&self) -> bool {
        !self.public_key.is_empty() || !self.agent_version.is_empty() || !self.protocols.is_empty()
    }
}

/// Reads a message from an opened identify stream.
///
/// *Behaviour*: takes the length-prefixed form as soon as it is whole. Older
/// py-libp2p sends the bare message and closes; that form is taken at the end
/// of the stream.
pub(crate) async fn read<S: AsyncRead + Unpin>(io: &mut S) -> io::Result<Identification> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 4096];
    loop {
        if let Some(message) = framed(&bytes) {
            return Ok(message);
        }
        match io.read(&mut buffer).await? {
            0 => break,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
        if bytes.len() > MAX_MESSAGE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("an identify message of more than {MAX_MESSAGE} bytes"),
            ));
        }
    }
    match Identification::decode(&bytes) {
        Some(message) if message.is_sensible() => Ok(message),
        _ if bytes.is_empty() => {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream was closed without an identify message"))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} bytes that are no identify message", bytes.len()),
        )),
    }
}

fn framed(bytes: &[u8]) -> Option<Identification> {
    let mut rest = bytes;
    let length = usize::try_from(take_varint(&mut rest)?).ok()?;
    Identification::decode(rest.get(..length)?).filter(Identification::is_sensible)
}

/// A binary multiaddr as text; hex where it cannot be read.
pub(crate) fn address_text(bytes: &[u8]) -> String {
    match Multiaddr::try_from(bytes.to_vec()) {
        Ok(address) => address.to_string(),
        Err(_) => format!("0x{}", HEXLOWER.encode(bytes)),
    }
}

pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    fn sample() -> Identification {
        let key = libp2p::identity::Keypair::generate_ed25519().public();
        Identification {
            public_key: key.encode_protobuf(),
            listen_addresses: vec!["/ip4/0.0.0.0/tcp/9100".parse::<Multiaddr>().unwrap().to_vec()],
            protocols: vec!["/a".into(), "/b".into()],
            observed_address: "/ip4/10.0.0.1/tcp/5".parse::<Multiaddr>().unwrap().to_vec(),
            protocol_version: "x/1".into(),
            agent_version: "agent".into(),
        }
    }

    #[tokio::test]
    async fn both_framings_are_read() {
        let message = sample();
        let framed = message.encode();
        assert_eq!(read(&mut Cursor::new(&framed)).await.unwrap(), message);
        let bare = &framed[1..];
        assert_eq!(Identification::decode(bare), Some(message.clone()));
        assert_eq!(read(&mut Cursor::new(bare)).await.unwrap(), message);
        assert_eq!(address_text(&message.listen_addresses[0]), "/ip4/0.0.0.0/tcp/9100");
        assert_eq!(address_text(b"\xff"), "0xff");
    }

    #[tokio::test]
    async fn garbage_is_an_error() {
        let framed = sample().encode();
        for bad in [&b""[..], b"\x01\x07", &framed[..framed.len() - 1], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert!(read(&mut Cursor::new(bad)).await.is_err(), "{bad:?}");
        }
    }
}
