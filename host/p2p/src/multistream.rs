//! multistream-select 1.0, spoken by hand.
//!
//! libp2p's own implementation folds what it reads into one error; a diagnosis
//! needs the bytes. Each message is a varint length, the text and a newline
//! (multiformats/multistream-select). Reads never go past the message that is
//! asked for, so the stream can be handed on to the negotiated protocol.

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use std::io;

/// Both sides open with this line.
pub(crate) const HEADER: &str = "/multistream/1.0.0";
const REFUSED: &str = "na";
/// No protocol name in use comes near it.
const MAX_LINE: usize = 1024;
/// How much of a foreign greeting is kept.
pub(crate) const MAX_BANNER: usize = 64;

/// Sends our header and reads theirs into `seen`.
///
/// *Behaviour*: stops at the first byte that does not belong to the header, so
/// `seen` then holds the beginning of whatever the other side speaks.
/// Answers whether the header came whole.
pub(crate) async fn exchange_header<S>(io: &mut S, seen: &mut Vec<u8>) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    io.write_all(&line(HEADER)).await?;
    io.flush().await?;
    let wanted = line(HEADER);
    while seen.len() < wanted.len() {
        let mut buffer = vec![0; wanted.len() - seen.len()];
        let read = io.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&buffer[..read]);
        if !wanted.starts_with(seen) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads on after a foreign first byte, up to [`MAX_BANNER`] or the end.
pub(crate) async fn read_banner<S: AsyncRead + Unpin>(io: &mut S, seen: &mut Vec<u8>) {
    while seen.len() < MAX_BANNER {
        let mut buffer = vec![0; MAX_BANNER - seen.len()];
        match io.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => seen.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Proposes `protocols` in turn, after the header; answers the first accepted.
pub(crate) async fn propose<'p, S>(io: &mut S, protocols: &[&'p str]) -> io::Result<Option<&'p str>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for protocol in protocols {
        io.write_all(&line(protocol)).await?;
        io.flush().await?;
        let answer = read_line(io).await?;
        if answer == *protocol {
            return Ok(Some(protocol));
        }
        if answer != REFUSED {
            return Err(unexpected(&answer, protocol));
        }
    }
    Ok(None)
}

/// Negotiates one protocol on a new stream, header included, in one round trip.
/// Answers whether it was accepted.
pub(crate) async fn open<S>(io: &mut S, protocol: &str) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut opening = line(HEADER);
    opening.extend(line(protocol));
    io.write_all(&opening).await?;
    io.flush().await?;
    let header = read_line(io).await?;
    if header != HEADER {
        return Err(unexpected(&header, HEADER));
    }
    match read_line(io).await? {
        answer if answer == protocol => Ok(true),
        answer if answer == REFUSED => Ok(false),
        answer => Err(unexpected(&answer, protocol)),
    }
}

/// The listening side: answers the header and takes the first of `supported`
/// that the dialler proposes. None when it gave up.
pub(crate) async fn accept<'p, S>(io: &mut S, supported: &[&'p str]) -> io::Result<Option<&'p str>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let header = read_line(io).await?;
    if header != HEADER {
        return Err(unexpected(&header, HEADER));
    }
    io.write_all(&line(HEADER)).await?;
    io.flush().await?;
    loop {
        let wanted = match read_line(io).await {
            Ok(wanted) => wanted,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        };
        let taken = supported.iter().find(|p| **p == wanted);
        io.write_all(&line(taken.map_or(REFUSED, |p| p))).await?;
        io.flush().await?;
        if let Some(protocol) = taken {
            return Ok(Some(protocol));
        }
    }
}

/// One message, framed.
pub(crate) fn line(text: &str) -> Vec<u8> {
    let mut framed = Vec::with_capacity(text.len() + 3);
    write_varint(&mut framed, text.len() as u64 + 1);
    framed.extend_from_slice(text.as_bytes());
    framed.push(b'\n');
    framed
}

async fn read_line<S: AsyncRead + Unpin>(io: &mut S) -> io::Result<String> {
    let length = usize::try_from(read_varint(io).await?).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a multistream message of {length} bytes")));
    }
    let mut text = vec![0; length];
    io.read_exact(&mut text).await?;
    if text.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a multistream message without its newline"));
    }
    String::from_utf8(text)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a multistream message that is not UTF-8"))
}

fn unexpected(answer: &str, wanted: &str) -> io::Error {
    let answer: String = answer.chars().take(MAX_BANNER).collect();
    io::Error::new(io::ErrorKind::InvalidData, format!("answered {answer:?} to the proposal {wanted:?}"))
}

/// Appends an unsigned LEB128 number, the varint of multiformats and protobuf.
pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) async fn read_varint<S: AsyncRead + Unpin>(io: &mut S) -> io::Result<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a length of more than 63 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    #[test]
    fn a_line_is_length_text_newline() {
        assert_eq!(line("/noise"), b"\x07/noise\n");
        let mut long = Vec::new();
        write_varint(&mut long, 300);
        assert_eq!(long, [0xac, 2]);
    }

    #[tokio::test]
    async fn lines_are_read_exactly() {
        let mut io = Cursor::new([line("/a"), b"rest".to_vec()].concat());
        assert_eq!(read_line(&mut io).await.unwrap(), "/a");
        assert_eq!(io.position(), 4);
        for bad in [&b"\x00"[..], b"\xff\xff\xff\x7fabc", b"\x03/ab", b"\x03\xff\xff\n", b"\x05/a\n"] {
            assert!(read_line(&mut Cursor::new(bad)).await.is_err(), "{bad:?}");
        }
    }
}
