use crate::{Block, Car, Did, Grant, Malformed, Receipt, Refusal, Reply, Ucan, Unsigned};
use cid::Cid;
use ed25519_dalek::SigningKey;
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

/// Where the bytes of a blob go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// To PUT to.
    pub url: String,
    /// To send along.
    pub headers: Vec<(String, String)>,
}

/// What is to be done after `space/blob/add`.
///
/// The service answers with tasks of its own: allocate space at a storage node (done),
/// put the bytes there (ours), accept them (theirs, once we say that they were put).
#[derive(Clone, Debug)]
pub struct Upload {
    /// Where the bytes go; `None` when the store has them already.
    pub address: Option<Address>,
    /// The task that is ours, and the key that says when it is done; `None` when it
    /// is done.
    put: Option<(Cid, SigningKey)>,
    /// The task by which the store accepts the bytes.
    pub accept: Cid,
    /// Whether it has accepted them already.
    pub accepted: Option<Result<(), Refusal>>,
}

impl Upload {
    /// Reads it from the receipt of `space/blob/add`.
    ///
    /// # Errors
    /// When one of the tasks did not come along, or the allocation failed in a way that
    /// cannot be read.
    pub fn read(reply: &Reply, receipt: &Receipt) -> Result<Result<Self, Refusal>, Malformed> {
        let wrong = |reason: &str| Malformed::new("the answer to space/blob/add", reason);
        let blocks = reply.blocks();
        let mut tasks = Vec::new();
        for cid in &receipt.fork {
            let block = blocks.get(cid).ok_or_else(|| wrong("a task did not come along"))?;
            tasks.push((*cid, Ucan::read(block)?));
        }
        let find = |ability: &str| tasks.iter().find(|(_, ucan)| ucan.grants.iter().any(|grant| grant.can == ability));
        let allocate = find("blob/allocate").or_else(|| find("web3.storage/blob/allocate"));
        let accept = find("blob/accept").or_else(|| find("web3.storage/blob/accept"));
        let (Some((allocate, _)), Some((put, ucan)), Some((accept, _))) = (allocate, find("http/put"), accept) else {
            return Err(wrong("it names no task to allocate, put or accept"));
        };
        let done = concluded(&tasks, blocks);
        let Some(allocated) = done.iter().find(|receipt| receipt.ran == *allocate) else {
            return Err(wrong("it holds no receipt of the allocation"));
        };
        let allocated = match &allocated.out {
            Ok(allocated) => allocated,
            Err(refusal) => return Ok(Err(refusal.clone())),
        };
        let is_put = done.iter().any(|receipt| receipt.ran == *put && receipt.out.is_ok());
        let put = if is_put {
            None
        } else {
            Some((*put, key(&ucan.facts).ok_or_else(|| wrong("it holds no key for the task of putting"))?))
        };
        let accepted =
            done.iter().find(|receipt| receipt.ran == *accept).map(|receipt| receipt.out.clone().map(|_| ()));
        Ok(Ok(Self { address: address(allocated), put, accept: *accept, accepted }))
    }

    /// The statement `ucan/conclude` by which `agent` tells `service` that the bytes
    /// were put, with the receipt that has to go along; `None` when nothing is to be
    /// told.
    ///
    /// # Errors
    /// None that can arise here.
    pub fn conclude(&self, agent: &Did, service: &Did) -> Result<Option<(Unsigned, Block)>, Malformed> {
        let Some((put, key)) = &self.put else { return Ok(None) };
        concluding(*put, key, agent, service).map(Some)
    }
}

/// The statement that `task` was done by the holder of `key`, and its receipt.
///
/// # Errors
/// None that can arise here.
pub fn concluding(task: Cid, key: &SigningKey, agent: &Did, service: &Did) -> Result<(Unsigned, Block), Malformed> {
    let receipt = Receipt::success(task, key)?;
    let unsigned = Unsigned {
        issuer: agent.clone(),
        audience: service.clone(),
        grant: Grant {
            can: "ucan/conclude".into(),
            with: agent.as_str().into(),
            nb: Ipld::Map(BTreeMap::from([("receipt".to_owned(), Ipld::Link(receipt.cid))])),
        },
        expires: None,
        nonce: None,
        proofs: Vec::new(),
        facts: vec![Ipld::Map(BTreeMap::from([("0".to_owned(), Ipld::Link(receipt.cid))]))],
    };
    Ok((unsigned, receipt))
}

/// The receipts that came along as `ucan/conclude`.
fn concluded(tasks: &[(Cid, Ucan)], blocks: &Car) -> Vec<Receipt> {
    let grants = tasks.iter().flat_map(|(_, ucan)| &ucan.grants).filter(|grant| grant.can == "ucan/conclude");
    let links = grants.filter_map(|grant| match &grant.nb {
        Ipld::Map(nb) => nb.get("receipt"),
        _ => None,
    });
    let cids = links.filter_map(|link| match link {
        Ipld::Link(cid) => Some(cid),
        _ => None,
    });
    // One that cannot be read is as good as none.
    cids.filter_map(|cid| Receipt::read(cid, blocks).ok()).collect()
}

fn address(allocated: &Ipld) -> Option<Address> {
    let Ipld::Map(allocated) = allocated else { return None };
    let Some(Ipld::Map(address)) = allocated.get("address") else { return None };
    let Some(Ipld::String(url)) = address.get("url") else { return None };
    let mut headers = Vec::new();
    if let Some(Ipld::Map(listed)) = address.get("headers") {
        for (name, value) in listed {
            if let Ipld::String(value) = value {
                headers.push((name.clone(), value.clone()));
            }
        }
    }
    Some(Address { url: url.clone(), headers })
}

/// The key that the service made for this blob: `{ id: DID, keys: { DID: bytes } }`.
/// It is made from the blob's digest, so it is no secret.
fn key(facts: &[Ipld]) -> Option<SigningKey> {
    const ED25519_PRIVATE: u64 = 0x1300;
    let Ipld::Map(fact) = facts.first()? else { return None };
    let Ipld::Map(archive) = fact.get("keys")? else { return None };
    let Ipld::Map(keys) = archive.get("keys")? else { return None };
    let Ipld::Bytes(bytes) = keys.values().next()? else { return None };
    let (code, rest) = unsigned_varint::decode::u64(bytes).ok()?;
    let seed: [u8; 32] = rest.get(..32)?.try_into().ok()?;
    (code == ED25519_PRIVATE).then(|| SigningKey::from_bytes(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, vectors};

    fn upload(name: &str) -> Upload {
        let reply = Reply::read(&vectors::read(&format!("{name}.reply"))).unwrap();
        let asked = Car::decode(&vectors::read("blob-add.request")).unwrap();
        let mut receipt = reply.receipt(&asked.blocks[asked.blocks.len() - 2].cid);
        if receipt.is_err() {
            // The second answer is to another invocation.
            let Ipld::Map(root) = reply.blocks().get(&reply.blocks().roots[0]).unwrap().value().unwrap() else {
                panic!("a message")
            };
            let Ipld::Map(message) = &root["ucanto/message@7.0.0"] else { panic!("a message") };
            let Ipld::Map(report) = &message["report"] else { panic!("a report") };
            let Some(Ipld::Link(cid)) = report.values().next() else { panic!("a receipt") };
            receipt = Receipt::read(cid, reply.blocks());
        }
        Upload::read(&reply, &receipt.unwrap()).unwrap().unwrap()
    }

    #[test]
    fn a_new_blob_is_put_and_concluded_as_the_reference_does() {
        let upload = upload("blob-add");
        let address = upload.address.as_ref().unwrap();
        assert!(address.url.starts_with("http://127.0.0.1:") && address.url.ends_with(".blob"), "{}", address.url);
        assert_eq!(
            address.headers,
            [("x-amz-checksum-sha256".into(), "kZxObovqQfWQGfy/DBUKcaafnZawDlnUxx+32RWtbmM=".into())]
        );
        assert_eq!(upload.accepted, None);
        let did = |text| Did::parse(text).unwrap();
        let (asked, receipt) = upload.conclude(&did(vectors::AGENT), &did(vectors::SERVICE)).unwrap().unwrap();
        let signature = vectors::sign(2, &asked.payload().unwrap());
        let request = Request::of(asked.signed(&signature).unwrap(), &[receipt]).unwrap();
        assert_eq!(request.body, vectors::read("conclude.request"), "the receipt and its statement, to the byte");
    }

    #[test]
    fn the_receipt_of_the_acceptance_is_read() {
        let upload = upload("blob-add");
        let reply = Reply::read(&vectors::read("accept.receipt")).unwrap();
        assert!(reply.receipt(&upload.accept).unwrap().out.is_ok());
    }

    #[test]
    fn a_blob_that_is_there_needs_nothing_more() {
        let upload = upload("blob-add-again");
        assert_eq!((upload.address, upload.accepted), (None, Some(Ok(()))));
        assert!(upload.put.is_none());
    }
}
