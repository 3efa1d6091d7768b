//! The names that a certificate is for: just enough of X.509 to tell people.

/// `subjectAltName`, 2.5.29.17, as DER has it.
const ALT_NAMES: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `dNSName`, [2].
const DNS_NAME: u8 = 0x82;
/// Names that are shown.
const SHOWN: usize = 5;

/// The DNS names of a certificate, at most five. *Behaviour*: what cannot be read is no name;
/// nothing here decides about trust.
#[must_use]
pub fn names(der: &[u8]) -> Vec<String> {
    let Some(at) = der.windows(ALT_NAMES.len()).position(|window| window == ALT_NAMES) else { return Vec::new() };
    let mut rest = &der[at + ALT_NAMES.len()..];
    // The extension may say first that it is critical: BOOLEAN TRUE.
    if let [0x01, 0x01, _, after @ ..] = rest {
        rest = after;
    }
    let Some((OCTETS, value, _)) = element(rest) else { return Vec::new() };
    let Some((SEQUENCE, mut list, _)) = element(value) else { return Vec::new() };
    let mut names = Vec::new();
    while let Some((tag, name, after)) = element(list) {
        list = after;
        let printable = name.iter().all(|byte| byte.is_ascii_graphic());
        if tag == DNS_NAME && printable && names.len() < SHOWN {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    names
}

/// Tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), rest.get(2..)?),
        _ => return None,
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_nonsense_is_none() {
        let mut der = vec![0xff, 0x00];
        der.extend(ALT_NAMES);
        der.extend([OCTETS, 14, SEQUENCE, 12, DNS_NAME, 4, b'a', b'.', b'b', b'c', 0x87, 4, 1, 2, 3, 4]);
        assert_eq!(names(&der), ["a.bc"]);
        let mut critical = ALT_NAMES.to_vec();
        critical.extend([0x01, 0x01, 0xff, OCTETS, 5, SEQUENCE, 3, DNS_NAME, 1, b'x']);
        assert_eq!(names(&critical), ["x"]);
        for cut in 0..der.len() {
            let _ = names(&der[..cut]);
        }
        assert!(names(b"\x06\x03\x55\x1d\x11\x04\x82").is_empty());
    }
}
