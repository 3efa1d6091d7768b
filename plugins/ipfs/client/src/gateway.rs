//! Blocks of a trustless gateway: whatever answers, the block is checked by its CID.

use crate::{Cid, content};

/// The URL of one block (trustless gateway specification section 2.1.1).
#[must_use]
pub fn block(gateway: &str, cid: &Cid) -> String {
    format!("{}/ipfs/{cid}?format=raw", gateway.trim_end_matches('/'))
}

/// What a gateway must send for a block to be asked for as one.
pub const ACCEPT: &str = "application/vnd.ipld.raw";

/// The empty block, as an identity CID: every gateway can answer it from the question
/// alone (specification section 2.4), so it shows whether a gateway answers at all.
pub const PROBE: &str = "bafkqaaa";

/// What an answer of a gateway is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The block, checked.
    Whole(Vec<u8>),
    /// Bytes that are not those of the CID.
    Different,
    /// It has no such block, or could not find it in time (404, 410, 504).
    NotFound(u16),
    /// It does not serve this to us (401, 403, 451).
    Refused(u16),
    /// It asks for patience.
    RateLimited,
    /// No gateway: another status, or a page.
    NoGateway(u16),
}

/// Reads an answer to [`block`].
///
/// *Behaviour*: the status alone is never believed; a page of a portal hashes to
/// something else.
#[must_use]
pub fn read(cid: &Cid, status: u16, content_type: Option<&str>, body: &[u8]) -> Block {
    let page = content_type.is_some_and(|kind| kind.starts_with("text/html"));
    match status {
        200 if content::is_block(cid, body) == Some(true) => Block::Whole(body.to_vec()),
        200 if page => Block::NoGateway(status),
        200 => Block::Different,
        404 | 410 | 504 => Block::NotFound(status),
        401 | 403 | 451 => Block::Refused(status),
        429 => Block::RateLimited,
        other => Block::NoGateway(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_bytes_are_the_block() {
        let cid = content::raw(b"hello world").unwrap();
        assert_eq!(
            block("http://127.0.0.1:8080/", &cid),
            "http://127.0.0.1:8080/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e?format=raw"
        );
        assert_eq!(read(&cid, 200, None, b"hello world"), Block::Whole(b"hello world".to_vec()));
        assert_eq!(read(&cid, 200, None, b"hello_world"), Block::Different);
        assert_eq!(read(&cid, 200, Some("text/html; charset=utf-8"), b"<html>"), Block::NoGateway(200));
        for (status, wanted) in [
            (404, Block::NotFound(404)),
            (504, Block::NotFound(504)),
            (403, Block::Refused(403)),
            (429, Block::RateLimited),
            (301, Block::NoGateway(301)),
            (500, Block::NoGateway(500)),
        ] {
            assert_eq!(read(&cid, status, None, b"hello world"), wanted, "{status}");
        }
    }
}
