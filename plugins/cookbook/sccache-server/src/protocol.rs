//! As much of sccache's protocol as asking for statistics takes: frames of a length (u32,
//! big-endian) and a value in bincode, whose variants are numbers (u32, little-endian).

/// The request `GetStats`, the second variant, in its frame.
pub(crate) const GET_STATS: [u8; 8] = [0, 0, 0, 4, 1, 0, 0, 0];
/// The variant `Stats` of an answer: 1 until `ZeroStats` got an answer of its own, then 2.
const STATS: [u32; 2] = [1, 2];
/// How the names of storages begin.
const STORAGES: [&str; 12] =
    ["Local disk", "S3", "GHA", "ghac", "GCS", "gcs", "Azure", "azblob", "Redis", "redis", "Memcached", "webdav"];

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) compile_requests: u64,
    /// Where it keeps things, where that was found.
    pub(crate) cache: Option<String>,
}

/// Reads an answer; `None` when it is none of sccache's.
///
/// *Behaviour*: the counters differ between versions, so only the first one is read, and
/// the name of the storage is found by its beginning and its length.
pub(crate) fn stats(received: &[u8]) -> Option<Stats> {
    let (length, rest) = received.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (variant, body) = rest.split_first_chunk::<4>()?;
    if length != rest.len() || !STATS.contains(&u32::from_le_bytes(*variant)) {
        return None;
    }
    let (compile_requests, counters) = body.split_first_chunk::<8>()?;
    Some(Stats { compile_requests: u64::from_le_bytes(*compile_requests), cache: cache(counters) })
}

/// The first text that is as long as the number before it says, and names a storage.
fn cache(counters: &[u8]) -> Option<String> {
    const LENGTH: usize = 8;
    let starts = (LENGTH..counters.len()).filter(|&at| {
        let here = counters.get(at..).unwrap_or_default();
        STORAGES.iter().any(|name| here.starts_with(name.as_bytes()))
    });
    starts.into_iter().find_map(|at| {
        let length = counters.get(at - LENGTH..at)?.try_into().ok().map(u64::from_le_bytes)?;
        let text = counters.get(at..at.checked_add(usize::try_from(length).ok()?)?)?;
        let text = std::str::from_utf8(text).ok()?;
        (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
    })
}

/// The beginning of what something else said, printable.
pub(crate) fn shown(received: &[u8]) -> String {
    received.iter().take(40).map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(variant: u32, counters: &[u8], cache: &str) -> Vec<u8> {
        let mut body = variant.to_le_bytes().to_vec();
        body.extend(7_u64.to_le_bytes());
        body.extend(counters);
        body.extend((cache.len() as u64).to_le_bytes());
        body.extend(cache.as_bytes());
        body.extend([0, 0]);
        let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(body);
        frame
    }

    #[test]
    fn statistics_of_any_version_are_read() {
        for (variant, counters) in [(1, vec![0; 170]), (2, vec![9; 301]), (2, Vec::new())] {
            let cache = Some("Local disk: \"/root/.cache/sccache\"".to_owned());
            let wanted = Stats { compile_requests: 7, cache };
            assert_eq!(stats(&frame(variant, &counters, "Local disk: \"/root/.cache/sccache\"")), Some(wanted));
        }
        let unknown = stats(&frame(2, &[0; 20], "A new storage")).unwrap();
        assert_eq!((unknown.compile_requests, unknown.cache), (7, None), "not known, and not made up");
    }

    #[test]
    fn a_storage_in_the_name_of_a_compiler_is_none() {
        let counters = [3_u64.to_le_bytes().as_slice(), b"S3x"].concat();
        assert_eq!(
            stats(&frame(2, &counters[..8 + 2], "GCS, bucket: b")).unwrap().cache.as_deref(),
            Some("GCS, bucket: b")
        );
    }

    #[test]
    fn nothing_else_is_taken_for_an_answer() {
        let whole = frame(2, &[0; 20], "S3, bucket: b");
        for cut in 0..whole.len() {
            assert_eq!(stats(&whole[..cut]), None, "cut at {cut}");
        }
        for other in
            [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"-ERR unknown command\r\n", &frame(5, &[], "S3"), &[0; 64]]
        {
            assert_eq!(stats(other), None, "{}", shown(other));
        }
    }
}
