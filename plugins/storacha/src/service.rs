use crate::config::Settings;
use crate::error;
use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;
use seaworthy_adapter_sdk::{CacheError, clock, credentials, http, now_ms, random};
use storacha_client::{
    Block, CONTENT_TYPE, Cid, Did, Ipld, Lack, Meaning, Proof, Refusal, Reply, Request, Task, Unsigned, Upload,
    Version, shards_of,
};

/// Seconds for which an invocation counts: room for clocks that differ a little.
const VALID_S: u64 = 300;
/// The acceptance of a blob is asked for this often, and this long in between.
const ACCEPT_TRIES: u32 = 20;
const ACCEPT_PAUSE_MS: u32 = 200;
/// An answer is some receipts, or a page of a list.
const MAX_ANSWER: u32 = 4 << 20;

/// The upload service, asked in the name of the agent.
pub(crate) struct Service {
    url: String,
    did: Did,
    space: Did,
    proof: Proof,
    agent: Did,
    /// Label of the agent's key.
    label: String,
    timeout: u32,
}

impl Service {
    /// `None` for a read-only tier.
    ///
    /// *Behaviour*: asks the service who it is, and judges the proof.
    pub(crate) fn open(settings: &Settings) -> Result<Option<Self>, CacheError> {
        let Some(writing) = &settings.writing else { return Ok(None) };
        let public = credentials::ed25519_public(&writing.agent).map_err(|failure| unsigned("open", &failure))?;
        let agent = <[u8; 32]>::try_from(public.as_slice()).map(|public| Did::of_key(&public));
        let agent =
            agent.map_err(|_| CacheError::new("other", "permanent", "open", "the host's key has not 32 bytes"))?;
        if let Some(lack) = writing.proof.lacks(&agent, &settings.space, now_ms() / 1000).first() {
            return Err(useless(lack, &agent, &settings.space));
        }
        let response = error::send("open", request("GET", format!("{}/version", writing.url), settings.timeout))?;
        if response.status != 200 {
            return Err(error::status("open", &writing.url, &response));
        }
        let version = Version::read(&response.body).map_err(|wrong| error::unreadable("open", &writing.url, &wrong))?;
        Ok(Some(Self {
            url: writing.url.clone(),
            did: version.did,
            space: settings.space.clone(),
            proof: writing.proof.clone(),
            agent,
            label: writing.agent.clone(),
            timeout: settings.timeout,
        }))
    }

    /// The result of a task.
    pub(crate) fn ask(&self, operation: &str, task: Task) -> Result<Ipld, CacheError> {
        let ability = task.ability.as_str();
        let (cid, out) = self.invoke(operation, task)?;
        out.map_err(|refusal| error::refused(operation, ability, &cid.to_string(), &refusal))
    }

    /// The result of a task; `None` when there is no such upload or blob.
    pub(crate) fn ask_absent(&self, operation: &str, task: Task) -> Result<Option<Ipld>, CacheError> {
        let ability = task.ability.as_str();
        match self.invoke(operation, task)? {
            (_, Ok(ok)) => Ok(Some(ok)),
            (_, Err(refusal)) if refusal.meaning() == Meaning::Absent => Ok(None),
            (cid, Err(refusal)) => Err(error::refused(operation, ability, &cid.to_string(), &refusal)),
        }
    }

    /// The blobs that hold `root`, as far as the space's list says.
    pub(crate) fn shards(&self, operation: &str, root: Cid) -> Result<Vec<Cid>, CacheError> {
        Ok(self.ask_absent(operation, Task::upload_get(root))?.map(|ok| shards_of(&ok)).unwrap_or_default())
    }

    /// Whether the space holds a blob.
    pub(crate) fn holds(&self, operation: &str, digest: &[u8; 32]) -> Result<bool, CacheError> {
        let task = Task::blob_get(digest).map_err(|wrong| error::internal(operation, &wrong))?;
        Ok(self.ask_absent(operation, task)?.is_some())
    }

    /// Drops a blob from the space.
    pub(crate) fn remove(&self, operation: &str, blob: &Cid) -> Result<(), CacheError> {
        let task = Task::blob_remove(blob.hash().digest()).map_err(|wrong| error::internal(operation, &wrong))?;
        self.ask_absent(operation, task).map(drop)
    }

    /// Stores a blob: allocate, put where the service says, tell it, wait until it is
    /// accepted.
    pub(crate) fn store(&self, blob: &[u8], digest: &[u8; 32]) -> Result<(), CacheError> {
        const ABILITY: &str = "space/blob/add";
        let operation = "put";
        let unreadable = |wrong| error::unreadable(operation, &self.url, &wrong);
        let task = Task::blob_add(digest, blob.len() as u64).map_err(|wrong| error::internal(operation, &wrong))?;
        let request = self.signed(operation, &self.unsigned(task), self.proof.blocks())?;
        let reply = self.send(operation, &request)?;
        let receipt = reply.receipt(&request.task).map_err(unreadable)?;
        let refused = |refusal: &Refusal| error::refused(operation, ABILITY, &request.task.to_string(), refusal);
        if let Err(refusal) = &receipt.out {
            return Err(refused(refusal));
        }
        let upload = Upload::read(&reply, &receipt).map_err(unreadable)?.map_err(|refusal| refused(&refusal))?;
        if let Some(address) = &upload.address {
            let response = error::send(
                operation,
                http::Request {
                    headers: address.headers.clone(),
                    body: blob.to_vec(),
                    ..self::request("PUT", address.url.clone(), self.timeout)
                },
            )?;
            if !(200..300).contains(&response.status) {
                return Err(error::status(operation, &address.url, &response));
            }
        }
        let concluding = upload.conclude(&self.agent, &self.did).map_err(|wrong| error::internal(operation, &wrong))?;
        if let Some((statement, put)) = concluding {
            let request = self.signed(operation, &statement, &[put])?;
            let receipt = self.send(operation, &request)?.receipt(&request.task).map_err(unreadable)?;
            receipt
                .out
                .map_err(|refusal| error::refused(operation, "ucan/conclude", &request.task.to_string(), &refusal))?;
        }
        match &upload.accepted {
            Some(Ok(())) => Ok(()),
            Some(Err(refusal)) => Err(refused(refusal)),
            None => self.await_acceptance(operation, &upload.accept),
        }
    }

    /// Polls for the receipt of the blob's acceptance.
    fn await_acceptance(&self, operation: &str, accept: &Cid) -> Result<(), CacheError> {
        for left in (0..ACCEPT_TRIES).rev() {
            let response =
                error::send(operation, request("GET", format!("{}/receipt/{accept}", self.url), self.timeout))?;
            match response.status {
                200 => {
                    let receipt = Reply::read(&response.body).and_then(|reply| reply.receipt(accept));
                    let receipt = receipt.map_err(|wrong| error::unreadable(operation, &self.url, &wrong))?;
                    return receipt
                        .out
                        .map(drop)
                        .map_err(|refusal| error::refused(operation, "blob/accept", &accept.to_string(), &refusal));
                }
                404 if left > 0 => clock::sleep_ms(ACCEPT_PAUSE_MS),
                404 => {}
                _ => return Err(error::status(operation, &self.url, &response)),
            }
        }
        let message = format!(
            "{} has not accepted the blob after {ACCEPT_TRIES} questions",
            storacha_client::authority(&self.url)
        );
        Err(CacheError::timed_out(operation, message))
    }

    fn invoke(&self, operation: &str, task: Task) -> Result<(Cid, Result<Ipld, Refusal>), CacheError> {
        let request = self.signed(operation, &self.unsigned(task), self.proof.blocks())?;
        let reply = self.send(operation, &request)?;
        let receipt = reply.receipt(&request.task).map_err(|wrong| error::unreadable(operation, &self.url, &wrong))?;
        Ok((request.task, receipt.out))
    }

    /// A statement of the agent. The nonce matters: a service answers a statement that it
    /// knows with the receipt that it has.
    fn unsigned(&self, task: Task) -> Unsigned {
        let until = (now_ms() / 1000 + VALID_S, random::hex(8));
        task.asked_by(&self.agent, &self.did, &self.space, self.proof.cid(), until)
    }

    /// The statement with its signature, which the host makes.
    fn signed(&self, operation: &str, statement: &Unsigned, with: &[Block]) -> Result<Request, CacheError> {
        let internal = |wrong| error::internal(operation, &wrong);
        let payload = statement.payload().map_err(internal)?;
        let signature =
            credentials::ed25519_sign(&self.label, &payload).map_err(|failure| unsigned(operation, &failure))?;
        let signature = <[u8; 64]>::try_from(signature.as_slice())
            .map_err(|_| CacheError::new("other", "permanent", operation, "the host's signature has not 64 bytes"))?;
        Request::of(statement.signed(&signature).map_err(internal)?, with).map_err(internal)
    }

    fn send(&self, operation: &str, request: &Request) -> Result<Reply, CacheError> {
        let headers = ["content-type", "accept"].map(|name| (name.to_owned(), CONTENT_TYPE.to_owned())).to_vec();
        let response = error::send(
            operation,
            http::Request {
                headers,
                body: request.body.clone(),
                ..self::request("POST", format!("{}/", self.url), self.timeout)
            },
        )?;
        if response.status != 200 {
            return Err(error::status(operation, &self.url, &response));
        }
        Reply::read(&response.body).map_err(|wrong| error::unreadable(operation, &self.url, &wrong))
    }
}

fn request(method: &str, url: String, timeout: u32) -> http::Request {
    http::Request {
        method: method.into(),
        url,
        headers: Vec::new(),
        body: Vec::new(),
        timeout,
        max_body: MAX_ANSWER,
        proxy: "environment".into(),
    }
}

/// The error of a key that cannot sign.
fn unsigned(operation: &str, failure: &Failure) -> CacheError {
    match failure.kind.as_str() {
        "denied" => CacheError::new("denied", "permanent", operation, &failure.message),
        _ => CacheError::unauthenticated(operation, format!("the agent cannot sign: {}", failure.message)),
    }
}

/// The error of a proof that is of no use.
fn useless(lack: &Lack, agent: &Did, space: &Did) -> CacheError {
    let create = format!("`storacha delegation create {agent} --can 'space/*' --can 'upload/*' --base64`");
    match lack {
        Lack::OtherAgent(other) => CacheError::unauthenticated(
            "open",
            format!(
                "the proof is for the agent {other}, and the key is that of {agent}: use its key, or make a proof with {create}"
            ),
        ),
        Lack::Expired(at) => CacheError::unauthenticated(
            "open",
            format!("the proof expired at {at} s since 1970; make another with {create}"),
        ),
        Lack::NotYet(at) => CacheError::clock(
            "open",
            format!("the proof does not count before {at} s since 1970; set the clock by NTP, or wait"),
        ),
        Lack::Forged => CacheError::unauthenticated(
            "open",
            format!("a signature in the proof is not its issuer's: it was changed; make another with {create}"),
        ),
        Lack::Abilities(missing) => CacheError::forbidden(
            "open",
            format!("the proof does not grant {} on the space; make another with {create}", missing.join(", ")),
        ),
        Lack::OtherSpace(others) => CacheError::forbidden(
            "open",
            format!(
                "the proof is for {} and not for {space}; set the space, or make another with {create}",
                others.join(", ")
            ),
        ),
    }
}
