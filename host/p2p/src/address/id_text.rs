//! Peer ids as people write them, and the texts that stand where one belongs.

use super::invalid;
use libp2p::PeerId;
use libp2p::identity::PublicKey;
use seaworthy_model::Failure;

/// Multicodec of a libp2p public key, the content type of a peer id in CID form
/// (libp2p spec, peer-ids.md).
const LIBP2P_KEY: u8 = 0x72;

/// Reads a peer id in base58 or in the CIDv1 form, and writes it in base58.
pub(super) fn read_peer_id(at: usize, text: &str) -> Result<String, Failure> {
    let id = text.parse::<PeerId>().ok().or_else(|| text.strip_prefix('b').and_then(from_cid));
    if let Some(id) = id.filter(is_possible) {
        return Ok(id.to_base58());
    }
    if is_placeholder(text) {
        return Err(invalid(
            at,
            text,
            "placeholder-peer-id",
            &format!("holds the placeholder `{text}` where the peer id belongs; the peer prints its id when it starts"),
        ));
    }
    Err(invalid(at, text, "bad-peer-id", &format!("`{text}` is not a peer id: {}", why_not(text))))
}

/// Whether a peer can have this id. An id of the identity hash holds the key
/// itself, so that a cut or mistyped one shows (libp2p/specs, peer-ids).
fn is_possible(id: &PeerId) -> bool {
    const IDENTITY: u64 = 0;
    const ED25519: u8 = 1;
    let hash = id.as_ref();
    if hash.code() != IDENTITY {
        return hash.digest().len() == 32;
    }
    match hash.digest() {
        // Protobuf: 1 key type, 2 key bytes.
        [0x08, ED25519, ..] => PublicKey::try_decode_protobuf(hash.digest()).is_ok(),
        [0x08, _, 0x12, length, key @ ..] => usize::from(*length) == key.len(),
        _ => false,
    }
}

/// Whether `text` is a stand-in that somebody forgot to replace.
pub(super) fn is_placeholder(text: &str) -> bool {
    let bare: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let marked = text.starts_with(['<', '{', '$', '%']) || text.contains("...") || text.contains('…');
    let word = matches!(
        bare.as_str(),
        "" | "id"
            | "peerid"
            | "peer"
            | "qm"
            | "hash"
            | "host"
            | "hostname"
            | "ip"
            | "ipaddress"
            | "address"
            | "todo"
            | "changeme"
            | "replaceme"
            | "placeholder"
            | "xxx"
    );
    let phrase = ["your", "peerid", "replace", "changeme", "placeholder", "example"]
        .iter()
        .any(|p| bare.contains(p) && text.parse::<PeerId>().is_err() && !text.contains('.'));
    let blank = bare.len() >= 3 && bare.bytes().all(|b| b == b'x');
    marked || word || phrase || blank
}

/// Whether `text`, where a host's name belongs, is a stand-in: only what nobody calls a machine.
pub(super) fn is_placeholder_name(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let marked = text.starts_with(['<', '{', '$', '%']) || text.contains("...") || text.contains('…');
    let phrase =
        ["your_", "your-", "changeme", "replaceme", "replace_", "placeholder"].iter().any(|p| lower.contains(p));
    marked || (phrase && !text.contains('.'))
}

fn why_not(text: &str) -> String {
    // The alphabet leaves out what people mix up.
    if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric() || matches!(c, '0' | 'O' | 'I' | 'l')) {
        return format!("`{c}` does not occur in base58");
    }
    if text.starts_with("12D3KooW") && text.len() != 52 {
        return format!("an Ed25519 id has 52 characters and this has {}; it was probably cut", text.len());
    }
    if text.starts_with("12D3KooW") {
        return "it has the right length, but a character is wrong".into();
    }
    if text.starts_with("Qm") && text.len() != 46 {
        return format!("an id that starts with Qm has 46 characters and this has {}; it was probably cut", text.len());
    }
    if text.starts_with('k') {
        return "the base36 form is not read here; write the base58 form, 12D3KooW…".into();
    }
    "it starts with 12D3KooW (Ed25519) or Qm, and is base58 of a multihash".into()
}

/// Reads the base32 part of a CIDv1 (RFC 4648 alphabet, lower case, no padding).
fn from_cid(digits: &str) -> Option<PeerId> {
    let mut bytes = Vec::with_capacity(digits.len() * 5 / 8);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'a'..=b'z' => digit - b'a',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
            buffer &= (1 << bits) - 1;
        }
    }
    match bytes.as_slice() {
        [1, LIBP2P_KEY, multihash @ ..] => PeerId::from_bytes(multihash).ok(),
        _ => None,
    }
}
