//! What `@ucanto/client` and `@storacha/upload-api` 2.8.4 said to each other, kept in
//! `vectors/`: keys derived from 32 equal bytes, everything valid until 2100.

use ed25519_dalek::{Signer as _, SigningKey};

/// Of the seed of ones.
pub(crate) const SPACE: &str = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
/// Of the seed of twos.
pub(crate) const AGENT: &str = "did:key:z6Mko9hTggMwjSTEaJaPUfE6tqcy2xvU6BnNq3e3o8qVBiyH";
pub(crate) const SERVICE: &str = "did:web:test.up.storacha.network";
/// 2100-01-01T00:00:00Z.
pub(crate) const EXPIRES: u64 = 4_102_444_800;
/// The blob that was stored.
pub(crate) const CONTENT: &[u8] = b"seaworthy vector";

pub(crate) fn read(name: &str) -> Vec<u8> {
    let path = format!("{}/vectors/{name}.car", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn public(seed: u8) -> [u8; 32] {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

pub(crate) fn sign(seed: u8, message: &[u8]) -> [u8; 64] {
    SigningKey::from_bytes(&[seed; 32]).sign(message).to_bytes()
}
