use crate::{Block, Car, Malformed, Receipt};
use cid::Cid;
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

/// Media type of requests and answers.
pub const CONTENT_TYPE: &str = "application/vnd.ipld.car";

const MESSAGE: &str = "ucanto/message@7.0.0";

/// An invocation on its way to a service.
#[derive(Clone, Debug)]
pub struct Request {
    /// The invocation's CID, under which its receipt is found.
    pub task: Cid,
    /// The body to POST, of [`CONTENT_TYPE`].
    pub body: Vec<u8>,
}

impl Request {
    /// Of a signed invocation and the blocks that it speaks of: proofs, receipts.
    ///
    /// # Errors
    /// None that can arise from blocks that were made here.
    pub fn of(invocation: Block, with: &[Block]) -> Result<Self, Malformed> {
        let task = invocation.cid;
        let execute = BTreeMap::from([("execute".to_owned(), Ipld::List(vec![Ipld::Link(task)]))]);
        let message = Block::of(&Ipld::Map(BTreeMap::from([(MESSAGE.to_owned(), Ipld::Map(execute))])))?;
        let mut car = Car::rooted(message.cid);
        for block in with.iter().cloned().chain([invocation, message]) {
            car.add(block);
        }
        Ok(Self { task, body: car.encode()? })
    }
}

/// What a service answers: receipts, by the CIDs of what was asked.
#[derive(Clone, Debug)]
pub struct Reply {
    report: BTreeMap<String, Ipld>,
    blocks: Car,
}

impl Reply {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no message of version 7.0.0 in a CAR file.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let wrong = |reason: &str| Malformed::new("the service's answer", reason);
        let blocks = Car::decode(body)?;
        let root = blocks.roots.first().and_then(|root| blocks.get(root)).ok_or_else(|| wrong("it has no root"))?;
        let Ipld::Map(mut variants) = root.value()? else { return Err(wrong("its root is no map")) };
        let Some(Ipld::Map(mut message)) = variants.remove(MESSAGE) else {
            return Err(wrong("it is no `ucanto/message@7.0.0`"));
        };
        let report = match message.remove("report") {
            Some(Ipld::Map(report)) => report,
            _ => return Err(wrong("it holds no receipt")),
        };
        Ok(Self { report, blocks })
    }

    /// The receipt of `task`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn receipt(&self, task: &Cid) -> Result<Receipt, Malformed> {
        match self.report.get(&task.to_string()) {
            Some(Ipld::Link(receipt)) => Receipt::read(receipt, &self.blocks),
            _ => Err(Malformed::new("the service's answer", format!("it holds no receipt of {task}"))),
        }
    }

    /// The blocks that came along.
    #[must_use]
    pub fn blocks(&self) -> &Car {
        &self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Did, Proof, Refusal, Task, vectors};
    use data_encoding::BASE64;

    fn rebuilt(task: Task, nonce: &str) -> Request {
        let did = |text| Did::parse(text).unwrap();
        let proof = Proof::parse(&BASE64.encode(&vectors::read("delegation"))).unwrap();
        let asked = task.asked_by(
            &did(vectors::AGENT),
            &did(vectors::SERVICE),
            &did(vectors::SPACE),
            proof.cid(),
            (vectors::EXPIRES, nonce.into()),
        );
        let signature = vectors::sign(2, &asked.payload().unwrap());
        Request::of(asked.signed(&signature).unwrap(), proof.blocks()).unwrap()
    }

    #[test]
    fn requests_are_those_of_the_reference_to_the_byte() {
        let digest = crate::gateway::sha256(vectors::CONTENT);
        let size = vectors::CONTENT.len() as u64;
        let (raw, car) = (crate::raw_cid(&digest).unwrap(), crate::car_cid(&digest).unwrap());
        for (name, task) in [
            ("blob-add", Task::blob_add(&digest, size).unwrap()),
            ("upload-add", Task::upload_add(raw, &[car])),
            ("space-info", Task::space_info()),
        ] {
            assert_eq!(rebuilt(task, name).body, vectors::read(&format!("{name}.request")), "{name}");
        }
    }

    #[test]
    fn answers_are_read_by_what_was_asked() {
        let info = rebuilt(Task::space_info(), "space-info");
        let reply = Reply::read(&vectors::read("space-info.reply")).unwrap();
        let Ok(Ipld::Map(ok)) = reply.receipt(&info.task).unwrap().out else { panic!("it succeeded") };
        assert_eq!(ok["did"], Ipld::String(vectors::SPACE.into()));
        let other = rebuilt(Task::space_info(), "other");
        assert!(reply.receipt(&other.task).unwrap_err().to_string().contains("no receipt"));
    }

    #[test]
    fn an_error_in_an_answer_of_status_200_is_an_error() {
        let asked = rebuilt(Task::space_info(), "unknown-space");
        let reply = Reply::read(&vectors::read("unknown-space.reply")).unwrap();
        let out = reply.receipt(&asked.task).unwrap().out;
        assert_eq!(out, Err(Refusal { name: "SpaceUnknown".into(), message: "Space not found.".into() }));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for body in [&b""[..], b"<!doctype html>", b"{\"out\":{\"ok\":{}}}", &vectors::read("blob-add.request")] {
            assert!(Reply::read(body).is_err());
        }
    }
}
