//! The messages of the remote execution API that are asked and answered, in the wire format
//! of Protocol Buffers. Unknown fields are passed over, as it wants.

/// `GetCapabilitiesRequest`, with its one field `instance_name`.
pub(crate) fn request(instance_name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !instance_name.is_empty() {
        message.push(0x0a);
        message.extend(varint(instance_name.len() as u64));
        message.extend(instance_name.as_bytes());
    }
    message
}

/// What is read of `ServerCapabilities`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Of `CacheCapabilities`; `None` where there is none.
    pub(crate) cache: Option<Cache>,
    /// `high_api_version`.
    pub(crate) api: Option<(u64, u64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cache {
    pub(crate) digest_functions: Vec<u64>,
    /// `action_cache_update_capabilities.update_enabled`.
    pub(crate) writable: bool,
}

/// Reads `ServerCapabilities`; `None` when it is none.
pub(crate) fn capabilities(message: &[u8]) -> Option<Capabilities> {
    let mut read = Capabilities::default();
    for field in fields(message)? {
        match field {
            (1, Value::Bytes(bytes)) => read.cache = Some(cache(bytes)?),
            (5, Value::Bytes(bytes)) => {
                let version = fields(bytes)?;
                read.api = Some((number(&version, 1), number(&version, 2)));
            }
            _ => {}
        }
    }
    Some(read)
}

fn cache(message: &[u8]) -> Option<Cache> {
    let mut read = Cache::default();
    for field in fields(message)? {
        match field {
            (1, Value::Number(function)) => read.digest_functions.push(function),
            (1, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    read.digest_functions.push(take_varint(&mut packed)?);
                }
            }
            (2, Value::Bytes(update)) => read.writable = number(&fields(update)?, 1) != 0,
            _ => {}
        }
    }
    Some(read)
}

/// How the API calls a function.
pub(crate) fn digest_name(function: u64) -> String {
    const NAMES: [&str; 10] =
        ["unknown", "sha256", "sha1", "md5", "vso", "sha384", "sha512", "murmur3", "sha256tree", "blake3"];
    let known = usize::try_from(function).ok().and_then(|at| NAMES.get(at));
    known.map_or_else(|| function.to_string(), |name| (*name).to_owned())
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

fn number(fields: &[(u64, Value<'_>)], wanted: u64) -> u64 {
    let found = fields.iter().rev().find_map(|(field, value)| match value {
        Value::Number(number) if *field == wanted => Some(*number),
        _ => None,
    });
    found.unwrap_or_default()
}

fn fields(mut rest: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        let value = match tag & 7 {
            0 => Value::Number(take_varint(&mut rest)?),
            1 => take(&mut rest, 8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                Value::Bytes(take(&mut rest, length)?)
            }
            5 => take(&mut rest, 4).map(|_| Value::Other)?,
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bazel-remote 2.6.1 answers.
    const BAZEL_REMOTE: &[u8] =
        b"\x0a\x1f\x0a\x01\x01\x12\x02\x08\x01\x1a\x02\x0a\x00\x28\x02\x32\x01\x01\x3a\x01\x01\x40\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x50\x01\x22\x02\x08\x02\x2a\x04\x08\x02\x10\x03";

    #[test]
    fn capabilities_are_read() {
        let read = capabilities(BAZEL_REMOTE).unwrap();
        assert_eq!(read.cache, Some(Cache { digest_functions: vec![1], writable: true }));
        assert_eq!(read.api, Some((2, 3)));
        assert_eq!(capabilities(b"\x12\x00"), Some(Capabilities::default()), "an executor");
        let unpacked = capabilities(b"\x0a\x04\x08\x01\x08\x09").unwrap().cache.unwrap();
        assert_eq!(unpacked.digest_functions.into_iter().map(digest_name).collect::<Vec<_>>(), ["sha256", "blake3"]);
        assert_eq!(digest_name(77), "77");
    }

    #[test]
    fn nonsense_is_no_message() {
        for bad in [
            &b"\x0a"[..],
            b"\x0a\x05\x01",
            b"\x0f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            &BAZEL_REMOTE[..20],
        ] {
            assert_eq!(capabilities(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_instance_is_named() {
        assert_eq!(request(""), b"");
        assert_eq!(request("main"), b"\x0a\x04main");
        assert_eq!(request(&"x".repeat(200))[..3], [0x0a, 0xc8, 0x01]);
    }
}
