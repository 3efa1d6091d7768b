use crate::{Block, Car, Did, Malformed, Refusal, did};
use cid::Cid;
use ed25519_dalek::{Signer as _, SigningKey};
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

/// What became of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The invocation.
    pub ran: Cid,
    /// `ok` or `error`: an answer of HTTP status 200 may hold either.
    pub out: Result<Ipld, Refusal>,
    /// Invocations that follow from it.
    pub fork: Vec<Cid>,
}

impl Receipt {
    /// Reads the receipt of that CID.
    ///
    /// # Errors
    /// When its block is not there, or is no receipt.
    pub fn read(cid: &Cid, blocks: &Car) -> Result<Self, Malformed> {
        let wrong = |reason: &str| Malformed::new("a receipt", reason);
        let block = blocks.get(cid).ok_or_else(|| wrong("its block did not come along"))?;
        let Ipld::Map(mut map) = block.value()? else { return Err(wrong("it is no map")) };
        let Some(Ipld::Map(mut outcome)) = map.remove("ocm") else { return Err(wrong("it has no outcome")) };
        let Some(Ipld::Link(ran)) = outcome.remove("ran") else { return Err(wrong("it does not say of what")) };
        let Some(Ipld::Map(mut out)) = outcome.remove("out") else { return Err(wrong("it has no result")) };
        let out = match (out.remove("error"), out.remove("ok")) {
            (Some(error), _) => Err(Refusal::read(&error)),
            (None, Some(ok)) => Ok(ok),
            (None, None) => return Err(wrong("its result is neither ok nor error")),
        };
        let fork = match outcome.remove("fx") {
            Some(Ipld::Map(mut fx)) => match fx.remove("fork") {
                Some(Ipld::List(fork)) => fork.into_iter().filter_map(link).collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        Ok(Self { ran, out, fork })
    }

    /// The block by which `key` says that `ran` succeeded.
    ///
    /// # Errors
    /// None that can arise here.
    pub(crate) fn success(ran: Cid, key: &SigningKey) -> Result<Block, Malformed> {
        let empty = || Ipld::Map(BTreeMap::new());
        let map = |pairs: Vec<(&str, Ipld)>| {
            Ipld::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let issuer = Did::of_key(&key.verifying_key().to_bytes());
        let outcome = map(vec![
            ("ran", Ipld::Link(ran)),
            ("out", map(vec![("ok", empty())])),
            ("fx", map(vec![("fork", Ipld::List(Vec::new()))])),
            ("meta", empty()),
            ("iss", Ipld::String(issuer.as_str().into())),
            ("prf", Ipld::List(Vec::new())),
        ]);
        // A receipt is signed over its DAG-CBOR, unlike a UCAN.
        let signed = key.sign(&Block::of(&outcome)?.bytes).to_bytes();
        let mut signature = did::code(0xd0ed);
        signature.push(64);
        signature.extend_from_slice(&signed);
        Block::of(&map(vec![("ocm", outcome), ("sig", Ipld::Bytes(signature))]))
    }
}

fn link(value: Ipld) -> Option<Cid> {
    match value {
        Ipld::Link(cid) => Some(cid),
        _ => None,
    }
}
