use crate::{Block, Did, Malformed, did};
use cid::Cid;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

const VERSION: &str = "0.9.1";

/// Multicodec code of an EdDSA signature (varsig).
const EDDSA: u64 = 0xd0ed;

/// A capability: an ability on a resource, within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The ability: `space/blob/add`, `space/*`, `*`.
    pub can: String,
    /// The resource: the DID of a space, or `ucan:*` for all that the issuer has.
    pub with: String,
    /// The bounds, or arguments of an invocation.
    pub nb: Ipld,
}

/// A statement that nobody has signed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsigned {
    /// Who says so.
    pub issuer: Did,
    /// To whom.
    pub audience: Did,
    /// What is granted or asked.
    pub grant: Grant,
    /// Seconds since 1970; `None` never ends.
    pub expires: Option<u64>,
    /// Makes two equal requests two: a service answers the same request with the
    /// receipt that it has.
    pub nonce: Option<String>,
    /// CIDs of the delegations that it rests on.
    pub proofs: Vec<Cid>,
    /// Anything else.
    pub facts: Vec<Ipld>,
}

/// A signed statement: a delegation or an invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Ucan {
    /// Who says so.
    pub issuer: Did,
    /// To whom.
    pub audience: Did,
    /// What is granted or asked.
    pub grants: Vec<Grant>,
    /// Seconds since 1970; `None` never ends.
    pub expires: Option<u64>,
    /// Seconds since 1970 before which it does not count.
    pub not_before: Option<u64>,
    /// CIDs of the delegations that it rests on.
    pub proofs: Vec<Cid>,
    /// Anything else.
    pub facts: Vec<Ipld>,
    nonce: Option<String>,
    signature: Vec<u8>,
}

impl Unsigned {
    /// What is to be signed: the statement as a JWT, without its signature.
    ///
    /// *Source*: UCAN 0.9 section 3; `formatSignPayload` of `@ipld/dag-ucan`.
    ///
    /// # Errors
    /// When an argument has no JSON form.
    pub fn payload(&self) -> Result<Vec<u8>, Malformed> {
        payload(&self.statement(Vec::new()))
    }

    /// The block of the statement with its Ed25519 signature.
    ///
    /// # Errors
    /// As [`payload`](Self::payload).
    pub fn signed(&self, signature: &[u8; 64]) -> Result<Block, Malformed> {
        let mut signed = did::code(EDDSA);
        signed.push(64);
        signed.extend_from_slice(signature);
        self.statement(signed).block()
    }

    fn statement(&self, signature: Vec<u8>) -> Ucan {
        Ucan {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            grants: vec![self.grant.clone()],
            expires: self.expires,
            not_before: None,
            proofs: self.proofs.clone(),
            facts: self.facts.clone(),
            nonce: self.nonce.clone(),
            signature,
        }
    }
}

impl Ucan {
    /// Reads a block.
    ///
    /// # Errors
    /// When it is no UCAN of version 0.9.1 in IPLD form.
    pub fn read(block: &Block) -> Result<Self, Malformed> {
        let wrong = |reason: &str| Malformed::new("a UCAN", reason);
        let Ipld::Map(mut map) = block.value()? else { return Err(wrong("it is no map")) };
        if map.get("v") != Some(&Ipld::String(VERSION.into())) {
            return Err(wrong("it is not of version 0.9.1"));
        }
        let mut principal = |key: &str| match map.remove(key) {
            Some(Ipld::Bytes(bytes)) => Did::decode(&bytes),
            _ => Err(wrong("it names no issuer or no audience")),
        };
        let (issuer, audience) = (principal("iss")?, principal("aud")?);
        let Some(Ipld::List(listed)) = map.remove("att") else { return Err(wrong("it has no capabilities")) };
        let mut grants = Vec::with_capacity(listed.len());
        for one in listed {
            let Ipld::Map(mut one) = one else { return Err(wrong("a capability is no map")) };
            let (Some(Ipld::String(can)), Some(Ipld::String(with))) = (one.remove("can"), one.remove("with")) else {
                return Err(wrong("a capability has no `can` or no `with`"));
            };
            grants.push(Grant { can, with, nb: one.remove("nb").unwrap_or(Ipld::Null) });
        }
        let time = |value: Option<Ipld>| match value {
            None | Some(Ipld::Null) => Ok(None),
            Some(Ipld::Integer(seconds)) => Ok(Some(u64::try_from(seconds).unwrap_or(0))),
            Some(_) => Err(wrong("one of its times is no whole number")),
        };
        let (expires, not_before) = (time(map.remove("exp"))?, time(map.remove("nbf"))?);
        let mut proofs = Vec::new();
        if let Some(Ipld::List(listed)) = map.remove("prf") {
            for one in listed {
                let Ipld::Link(cid) = one else { return Err(wrong("a proof is no CID")) };
                proofs.push(cid);
            }
        }
        let facts = match map.remove("fct") {
            Some(Ipld::List(facts)) => facts,
            _ => Vec::new(),
        };
        let nonce = match map.remove("nnc") {
            Some(Ipld::String(nonce)) => Some(nonce),
            _ => None,
        };
        let Some(Ipld::Bytes(signature)) = map.remove("s") else { return Err(wrong("it is not signed")) };
        Ok(Self { issuer, audience, grants, expires, not_before, proofs, facts, nonce, signature })
    }

    /// Whether the issuer signed it; `None` where that cannot be told here, since the
    /// issuer is no Ed25519 key (an account, whose log-in a service attests).
    #[must_use]
    pub fn is_signed_by_issuer(&self) -> Option<bool> {
        let key = self.issuer.ed25519()?;
        let signed = || -> Option<bool> {
            let (code, rest) = unsigned_varint::decode::u64(&self.signature).ok()?;
            let (length, rest) = unsigned_varint::decode::usize(rest).ok()?;
            let signature = Signature::from_slice(rest.get(..length)?).ok()?;
            let key = VerifyingKey::from_bytes(&key).ok()?;
            Some(code == EDDSA && key.verify(&payload(self).ok()?, &signature).is_ok())
        };
        Some(signed().unwrap_or(false))
    }

    /// Whether it grants `can` on `with`.
    ///
    /// *Behaviour*: `space/*` takes in everything below `space/`, and `ucan:*` what the
    /// issuer has. Bounds are not judged.
    #[must_use]
    pub fn grants(&self, can: &str, with: &str) -> bool {
        self.grants.iter().any(|grant| {
            let resource = grant.with == with || grant.with == "ucan:*";
            let ability = grant.can == can
                || grant.can == "*"
                || grant.can.strip_suffix('*').is_some_and(|above| above.ends_with('/') && can.starts_with(above));
            resource && ability
        })
    }

    fn block(&self) -> Result<Block, Malformed> {
        let mut map = BTreeMap::from([
            ("v".to_owned(), Ipld::String(VERSION.into())),
            ("s".to_owned(), Ipld::Bytes(self.signature.clone())),
            ("iss".to_owned(), Ipld::Bytes(self.issuer.encode()?)),
            ("aud".to_owned(), Ipld::Bytes(self.audience.encode()?)),
            ("att".to_owned(), self.capabilities()),
            ("exp".to_owned(), self.expires.map_or(Ipld::Null, |seconds| Ipld::Integer(seconds.into()))),
            ("prf".to_owned(), Ipld::List(self.proofs.iter().copied().map(Ipld::Link).collect())),
        ]);
        map.extend(self.optional());
        Block::of(&Ipld::Map(map))
    }

    fn capabilities(&self) -> Ipld {
        let one = |grant: &Grant| {
            let mut map = BTreeMap::from([
                ("can".to_owned(), Ipld::String(grant.can.clone())),
                ("with".to_owned(), Ipld::String(grant.with.clone())),
            ]);
            if grant.nb != Ipld::Null {
                map.insert("nb".into(), grant.nb.clone());
            }
            Ipld::Map(map)
        };
        Ipld::List(self.grants.iter().map(one).collect())
    }

    /// What stands there only where there is any.
    fn optional(&self) -> Vec<(String, Ipld)> {
        let facts = (!self.facts.is_empty()).then(|| ("fct".to_owned(), Ipld::List(self.facts.clone())));
        let nonce = self.nonce.clone().map(|nonce| ("nnc".to_owned(), Ipld::String(nonce)));
        let begins = self.not_before.map(|seconds| ("nbf".to_owned(), Ipld::Integer(seconds.into())));
        [facts, nonce, begins].into_iter().flatten().collect()
    }
}

fn payload(ucan: &Ucan) -> Result<Vec<u8>, Malformed> {
    let text = |text: &str| Ipld::String(text.into());
    let header = [("alg", "EdDSA"), ("typ", "JWT"), ("ucv", VERSION)];
    let header = header.map(|(key, value)| (key.to_owned(), text(value)));
    let mut body = BTreeMap::from([
        ("iss".to_owned(), text(ucan.issuer.as_str())),
        ("aud".to_owned(), text(ucan.audience.as_str())),
        ("att".to_owned(), ucan.capabilities()),
        ("exp".to_owned(), ucan.expires.map_or(Ipld::Null, |seconds| Ipld::Integer(seconds.into()))),
        ("prf".to_owned(), Ipld::List(ucan.proofs.iter().map(|cid| text(&cid.to_string())).collect())),
    ]);
    body.extend(ucan.optional());
    let json = |map: BTreeMap<String, Ipld>| {
        let bytes = serde_ipld_dagjson::to_vec(&Ipld::Map(map)).map_err(|error| Malformed::new("a UCAN", error))?;
        Ok::<_, Malformed>(BASE64URL_NOPAD.encode(&bytes))
    };
    Ok([json(header.into_iter().collect())?, json(body)?].join(".").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Car, vectors};

    fn root(name: &str) -> Ucan {
        let car = Car::decode(&vectors::read(name)).unwrap();
        Ucan::read(&car.blocks[car.blocks.len() - 2]).unwrap()
    }

    #[test]
    fn signatures_of_the_reference_are_valid_and_changed_ones_are_not() {
        for name in ["delegation", "expired", "blob-add.request", "conclude.request", "upload-add.request"] {
            let mut ucan = root(name);
            assert_eq!(ucan.is_signed_by_issuer(), Some(true), "{name}");
            ucan.expires = ucan.expires.map_or(Some(5), |seconds| Some(seconds + 1));
            assert_eq!(ucan.is_signed_by_issuer(), Some(false), "{name}");
        }
        let mut account = root("delegation");
        account.issuer = Did::parse("did:mailto:example.com:probe").unwrap();
        assert_eq!(account.is_signed_by_issuer(), None);
    }

    #[test]
    fn abilities_are_granted_by_themselves_and_by_what_is_above() {
        let grant = |can: &str, with: &str| Grant { can: can.into(), with: with.into(), nb: Ipld::Null };
        let mut ucan = root("delegation");
        for (can, with, asked, granted) in [
            ("space/*", "did:key:a", "space/blob/add", true),
            ("space/blob/add", "did:key:a", "space/blob/add", true),
            ("*", "ucan:*", "upload/add", true),
            ("space/*", "did:key:b", "space/blob/add", false),
            ("space/*", "did:key:a", "upload/add", false),
            ("space/blob/*", "did:key:a", "space/blobs", false),
            ("upload/list", "did:key:a", "upload/add", false),
        ] {
            ucan.grants = vec![grant(can, with)];
            assert_eq!(ucan.grants(asked, "did:key:a"), granted, "{can} {with} {asked}");
        }
    }

    #[test]
    fn what_is_no_ucan_is_refused() {
        let block = |value: Ipld| Block::of(&value).unwrap();
        assert!(Ucan::read(&block(Ipld::Null)).is_err());
        let old = BTreeMap::from([("v".to_owned(), Ipld::String("0.8.1".into()))]);
        assert!(Ucan::read(&block(Ipld::Map(old))).unwrap_err().to_string().contains("0.9.1"));
    }
}
