//! Proof of holding the same secret, without showing it. See `wire` for the exchange.

use crate::SharedSecret;
use libp2p::PeerId;

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 32;

/// What both sides prove to know the secret over.
pub(crate) struct Transcript {
    pub(crate) dialler: PeerId,
    pub(crate) listener: PeerId,
    pub(crate) dialler_nonce: [u8; NONCE],
    pub(crate) listener_nonce: [u8; NONCE],
}

/// Who proves.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Dialler,
    Listener,
}

impl Transcript {
    /// The proof of one side.
    pub(crate) fn proof(&self, side: Side, secret: &SharedSecret) -> [u8; 32] {
        self.with_parts(side, |parts| secret.proof(parts))
    }

    /// Whether `proof` is that of `side` under our secret.
    pub(crate) fn proves(&self, side: Side, secret: &SharedSecret, proof: &[u8]) -> bool {
        self.with_parts(side, |parts| secret.proves(parts, proof))
    }

    fn with_parts<T>(&self, side: Side, f: impl FnOnce(&[&[u8]]) -> T) -> T {
        let label: &[u8] = match side {
            Side::Dialler => b"dial",
            Side::Listener => b"listen",
        };
        f(&[label, &self.dialler.to_bytes(), &self.listener.to_bytes(), &self.dialler_nonce, &self.listener_nonce])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::Secret;

    #[test]
    fn a_proof_serves_one_side_of_one_exchange() {
        let secret = SharedSecret::derive(&Secret::new("s".into()));
        let other = SharedSecret::derive(&Secret::new("t".into()));
        let transcript = |n: u8| Transcript {
            dialler: PeerId::random(),
            listener: PeerId::random(),
            dialler_nonce: [n; NONCE],
            listener_nonce: [2; NONCE],
        };
        let t = transcript(1);
        let proof = t.proof(Side::Dialler, &secret);
        assert!(t.proves(Side::Dialler, &secret, &proof));
        assert!(!t.proves(Side::Listener, &secret, &proof), "reflected");
        assert!(!t.proves(Side::Dialler, &other, &proof), "another secret");
        let relayed = Transcript { listener: PeerId::random(), ..t };
        assert!(!relayed.proves(Side::Dialler, &secret, &proof), "passed on by somebody in between");
        let replayed = Transcript { dialler: relayed.dialler, listener_nonce: [3; NONCE], ..transcript(1) };
        assert!(!replayed.proves(Side::Dialler, &secret, &proof), "replayed");
    }
}
