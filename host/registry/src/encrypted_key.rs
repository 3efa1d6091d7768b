//! The private key file of cosign: PEM around JSON, scrypt, and NaCl's secretbox
//! (sigstore/sigstore `pkg/cryptoutils`, go-securesystemslib `encrypted`).

use crate::key::KeyError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use seaworthy_model::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----";
/// As cosign wrote it before 2.0.
const OLD: [&str; 2] = ["-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----", "-----END ENCRYPTED COSIGN PRIVATE KEY-----"];

/// What cosign uses, and the most that is computed for a file of a stranger: 64 MiB.
const COST: Params = Params { n: 1 << 16, r: 8, p: 1 };

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The text between the lines, where it is such a file.
pub(crate) fn sealed(pem: &str) -> Option<&str> {
    let between = |begin: &str, end: &str| Some(pem.trim().strip_prefix(begin)?.strip_suffix(end)?.trim());
    between(BEGIN, END).or_else(|| between(OLD[0], OLD[1]))
}

/// The key inside, DER.
pub(crate) fn open(name: &str, sealed: &str, password: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let wrong = |why: &str| KeyError::new(name, why);
    let password = password.ok_or_else(|| wrong("it is encrypted; set COSIGN_PASSWORD to its password"))?;
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| wrong("it holds no base64 where it should"));
    let text: String = sealed.split_whitespace().collect();
    let sealed: Sealed = serde_json::from_slice(&decode(&text)?)
        .map_err(|_| wrong("it is encrypted in a way that cosign does not write"))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(wrong("it is encrypted with something else than scrypt and nacl/secretbox"));
    }
    let cost = sealed.kdf.params;
    if u64::from(cost.n) * u64::from(cost.r) > u64::from(COST.n) * u64::from(COST.r) || cost.p > 4 {
        return Err(wrong("its scrypt would cost more than cosign's own"));
    }
    let key = derive(password, &decode(&sealed.kdf.salt)?, cost).ok_or_else(|| wrong("its scrypt is none"))?;
    let nonce = decode(&sealed.cipher.nonce)?;
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| wrong("its nonce has another length than 24"))?;
    unbox(&key, &nonce, &decode(&sealed.ciphertext)?)
        .ok_or_else(|| wrong("the password is wrong, or the file is damaged"))
}

/// A file around a key in DER.
pub(crate) fn seal(der: &[u8], password: &Secret) -> Result<String, KeyError> {
    let wrong = || KeyError::new("that is new", "it cannot be encrypted");
    let (salt, nonce): ([u8; 32], [u8; 24]) = (rand::random(), rand::random());
    let key = derive(password, &salt, COST).ok_or_else(wrong)?;
    let sealed = Sealed {
        kdf: Kdf { name: "scrypt".into(), params: COST, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: "nacl/secretbox".into(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(secretbox(&key, &nonce, der)),
    };
    let text = STANDARD.encode(serde_json::to_vec(&sealed).map_err(|_| wrong())?);
    let mut pem = format!("{BEGIN}\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    Ok(pem + END + "\n")
}

/// NaCl's `crypto_secretbox`: the tag, then the text. The first half of the first block of the
/// stream is the key of the tag.
fn secretbox(key: &[u8; 32], nonce: &[u8; 24], text: &[u8]) -> Vec<u8> {
    let (mut stream, mac) = start(key, nonce);
    let mut sealed = text.to_vec();
    stream.apply_keystream(&mut sealed);
    [mac.compute_unpadded(&sealed).as_slice(), &sealed].concat()
}

/// What is in such a box; none where it is damaged or the key is another.
fn unbox(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, sealed) = sealed.split_at_checked(16)?;
    let (mut stream, mac) = start(key, nonce);
    if mac.compute_unpadded(sealed).as_slice() != tag {
        return None;
    }
    let mut text = Zeroizing::new(sealed.to_vec());
    stream.apply_keystream(&mut text);
    Some(text)
}

fn start(key: &[u8; 32], nonce: &[u8; 24]) -> (XSalsa20, Poly1305) {
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut mac = Zeroizing::new([0; 32]);
    stream.apply_keystream(&mut mac[..]);
    (stream, Poly1305::new((&*mac).into()))
}

fn derive(password: &Secret, salt: &[u8], cost: Params) -> Option<Zeroizing<[u8; 32]>> {
    let log_n = u8::try_from(cost.n.checked_ilog2()?).ok().filter(|_| cost.n.is_power_of_two())?;
    let params = scrypt::Params::new(log_n, cost.r, cost.p).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.expose().as_bytes(), salt, &params, &mut key[..]).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tests/secretbox.c of NaCl: key, nonce, message and the beginning of the box.
    #[test]
    fn it_is_the_box_of_nacl() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let key: [u8; 32] = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389").try_into().unwrap();
        let nonce: [u8; 24] = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37").try_into().unwrap();
        let text = hex(concat!(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc",
            "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31",
            "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde",
            "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864",
            "5e0705"
        ));
        let sealed = secretbox(&key, &nonce, &text);
        assert!(sealed.starts_with(&hex("f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce")));
        assert_eq!(*unbox(&key, &nonce, &sealed).unwrap(), text);
        let damaged = [&sealed[..20], &[sealed[20] ^ 1], &sealed[21..]].concat();
        assert!(unbox(&key, &nonce, &damaged).is_none() && unbox(&key, &nonce, &sealed[..10]).is_none());
    }
}
