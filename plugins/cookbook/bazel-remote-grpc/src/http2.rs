//! One request over HTTP/2 (RFC 9113) without TLS: what is sent, and what came back.
//!
//! Everything that is sent fits into the windows that a server has to grant at the start,
//! so nothing has to be heard before it is.

use loona_hpack::Decoder;

/// What a client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const STREAM: u32 = 1;
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The bytes of a gRPC call with one message.
pub(crate) fn call(authority: &str, path: &str, message: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "seaworthy-cookbook"),
    ] {
        // A literal without indexing, with a new name, without Huffman code (RFC 7541, 6.2.2).
        headers.push(0);
        for text in [name, value] {
            text_length(&mut headers, text.len());
            headers.extend(text.as_bytes());
        }
    }
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend(message);
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS, STREAM, &headers));
    bytes.extend(frame(DATA, END_STREAM, STREAM, &body));
    bytes
}

/// A length in seven bits, and what is above them in groups of seven (RFC 7541, 5.1).
fn text_length(bytes: &mut Vec<u8>, length: usize) {
    if length < 0x7f {
        bytes.push(length.to_le_bytes()[0]);
        return;
    }
    bytes.push(0x7f);
    let mut rest = length - 0x7f;
    while rest > 0x7f {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Headers and trailers, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The server is done with the request.
    pub(crate) ended: bool,
    /// The error code of RST_STREAM or GOAWAY.
    pub(crate) error: Option<u32>,
}

impl Reply {
    /// The last header of that name: trailers come after headers.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads what a server sent; `None` when it does not speak HTTP/2. What is cut off at the
/// end is left out.
pub(crate) fn reply(received: &[u8]) -> Option<Reply> {
    let mut reply = Reply::default();
    let mut decoder = Decoder::new();
    let mut block: Option<(Vec<u8>, u8)> = None;
    let mut rest = received;
    let mut first = true;
    while let Some((Frame { kind, flags, stream, payload }, after)) = next(rest) {
        rest = after;
        if std::mem::take(&mut first) && (kind != SETTINGS || stream != 0) {
            return None;
        }
        match kind {
            DATA if stream == STREAM => {
                reply.body.extend(unpadded(flags, 0, payload)?);
                reply.ended |= flags & END_STREAM != 0;
            }
            HEADERS => {
                block = Some((unpadded(flags, if flags & PRIORITY != 0 { 5 } else { 0 }, payload)?.to_vec(), flags))
            }
            CONTINUATION => {
                let (bytes, first_flags) = block.as_mut()?;
                bytes.extend(payload);
                *first_flags |= flags & END_HEADERS;
            }
            RST_STREAM if stream == STREAM => reply.error = reply.error.or(code(payload)),
            // NO_ERROR ends the connection after the answer, and is none.
            GOAWAY => reply.error = reply.error.or(code(payload.get(4..)?).filter(|code| *code != 0)),
            _ => {}
        }
        // The table of names has to see every block, whichever stream it is of.
        if let Some((bytes, flags)) = block.take_if(|(_, flags)| *flags & END_HEADERS != 0) {
            decoder
                .decode_with_cb(&bytes, |name, value| {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    reply.headers.push((text(&name), text(&value)));
                })
                .ok()?;
            reply.ended |= flags & END_STREAM != 0;
        }
    }
    // Not even one frame.
    (!first).then_some(reply)
}

/// One frame.
struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

/// The first frame, and what follows it.
fn next(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [a, b, c, kind, flags, stream @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((Frame { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload }, rest))
}

/// The payload without padding, and without so many bytes at its beginning.
fn unpadded(flags: u8, skipped: usize, payload: &[u8]) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return payload.get(skipped..);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(skipped..rest.len().checked_sub(usize::from(padding))?)
}

fn code(payload: &[u8]) -> Option<u32> {
    payload.first_chunk::<4>().map(|code| u32::from_be_bytes(*code))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What bazel-remote 2.6.1 sends for a GetCapabilities.
    pub(crate) const BAZEL_REMOTE: &[u8] = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00@\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x08\x06\x00\x00\x00\x00\x00\x02\x04\x10\x10\t\x0e\x07\x07\x00\x00\x0e\x01\x04\x00\x00\x00\x01\x88_\x8b\x1du\xd0b\r&=LMed\x00\x000\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00+\n\x1f\n\x01\x01\x12\x02\x08\x01\x1a\x02\n\x00(\x022\x01\x01:\x01\x01@\xff\xff\xff\xff\xff\xff\xff\xff\x7fP\x01\"\x02\x08\x02*\x04\x08\x02\x10\x03\x00\x00\x18\x01\x05\x00\x00\x00\x01@\x88\x9a\xca\xc8\xb2\x124\xda\x8f\x010@\x89\x9a\xca\xc8\xb5%B\x071\x7f\x00";

    pub(crate) fn answered(headers: &[u8], ended: bool) -> Vec<u8> {
        let flags = END_HEADERS | if ended { END_STREAM } else { 0 };
        [frame(SETTINGS, 0, 0, &[]), frame(HEADERS, flags, STREAM, headers)].concat()
    }

    fn pairs(reply: &Reply) -> Vec<(&str, &str)> {
        reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn a_real_answer_is_read() {
        let reply = reply(BAZEL_REMOTE).unwrap();
        let expected =
            [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0"), ("grpc-message", "")];
        assert_eq!(pairs(&reply), expected);
        assert_eq!((reply.ended, reply.error, reply.body.len()), (true, None, 48));
    }

    #[test]
    fn the_examples_of_rfc_7541_are_read() {
        // C.6.1: with Huffman code.
        let block = b"\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff\x6e\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3";
        let expected = [
            (":status", "302"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ];
        assert_eq!(pairs(&reply(&answered(block, true)).unwrap()), expected);
        // C.6.2 refers to what C.6.1 put into the table.
        let both =
            [answered(block, false), frame(HEADERS, END_HEADERS, STREAM, b"\x48\x83\x64\x0e\xff\xc1\xc0\xbf")].concat();
        let reply = reply(&both).unwrap();
        assert_eq!(pairs(&reply)[4..], [(":status", "307"), expected[1], expected[2], expected[3]]);
    }

    #[test]
    fn padding_priority_and_continuations_are_taken_off() {
        let mut bytes = frame(SETTINGS, 0, 0, &[]);
        bytes.extend(frame(HEADERS, PADDED | PRIORITY, STREAM, &[2, 0, 0, 0, 0, 16, 0x88, 0, 0]));
        bytes.extend(frame(CONTINUATION, END_HEADERS, STREAM, &[0x89]));
        bytes.extend(frame(DATA, PADDED | END_STREAM, STREAM, &[1, b'x', 0]));
        let reply = reply(&bytes).unwrap();
        assert_eq!(
            (pairs(&reply), reply.body.as_slice(), reply.ended),
            (vec![(":status", "200"), (":status", "204")], &b"x"[..], true)
        );
    }

    #[test]
    fn errors_of_the_connection_are_kept() {
        let with = |kind, stream, payload: &[u8]| {
            reply(&[frame(SETTINGS, 0, 0, &[]), frame(kind, 0, stream, payload)].concat())
        };
        assert_eq!(with(RST_STREAM, STREAM, &[0, 0, 0, 7]).unwrap().error, Some(7));
        assert_eq!(with(GOAWAY, 0, &[0, 0, 0, 0, 0, 0, 0, 11]).unwrap().error, Some(11));
        assert_eq!(with(GOAWAY, 0, &[0, 0, 0, 0, 0, 0, 0, 0]).unwrap().error, None);
        assert_eq!(with(GOAWAY, 0, &[0]), None);
    }

    #[test]
    fn other_protocols_are_none_and_cuts_end_early() {
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
            b"",
            b"-ERR\r\n",
            b"\x15\x03\x01\x00\x02\x02\x46",
        ] {
            assert_eq!(reply(other), None, "{other:?}");
        }
        for cut in 0..BAZEL_REMOTE.len() {
            assert!(reply(&BAZEL_REMOTE[..cut]).is_none_or(|reply| !reply.ended), "cut at {cut}");
        }
    }

    #[test]
    fn a_call_is_three_frames_after_the_preface() {
        let sent = call("cache.test:9092", &"/p".repeat(70), b"abc");
        let frames = sent.strip_prefix(PREFACE).unwrap();
        let (settings, rest) = next(frames).unwrap();
        assert_eq!((settings.kind, settings.stream), (SETTINGS, 0));
        let (headers, rest) = next(rest).unwrap();
        assert_eq!((headers.kind, headers.flags, headers.stream), (HEADERS, END_HEADERS, STREAM));
        let read = Decoder::new().decode(headers.payload).unwrap();
        assert_eq!(read[2], (b":path".to_vec(), "/p".repeat(70).into_bytes()));
        let (data, rest) = next(rest).unwrap();
        assert_eq!((data.kind, data.flags, data.payload), (DATA, END_STREAM, &b"\0\0\0\0\x03abc"[..]));
        assert!(rest.is_empty());
    }
}
