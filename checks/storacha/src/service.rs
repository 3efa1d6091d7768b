use crate::gateway::Newest;
use crate::judge::{self, Reach, Refused};
use crate::{Run, codes, facts, request, send};
use seaworthy_check_sdk::kit::{clock, random};
use seaworthy_check_sdk::{Evidence, ObservationId, credentials};
use storacha_client::{Ability, Did, Ipld, Meaning, Page, Proof, Refusal, Reply, Request, Task, raw_cid};

/// Seconds for which what is asked counts.
const VALID_S: u64 = 300;

/// Asking the service in the agent's name.
pub(crate) struct Asking<'a> {
    pub(crate) run: &'a mut Run,
    pub(crate) url: &'a str,
    pub(crate) service: Did,
    pub(crate) agent: Did,
    pub(crate) label: String,
    pub(crate) proof: Proof,
    pub(crate) space: &'a Did,
}

impl Asking<'_> {
    /// Looks at the space: who provides it, whether uploads are taken, and what is newest.
    pub(crate) fn space(&mut self, attempt_upload: bool) -> Option<Newest> {
        let (id, info) = self.ask(Task::space_info())?;
        match info {
            Ok(info) => {
                let providers = providers(&info);
                self.run.findings.fact(facts::PROVIDER, providers.join(","), &Evidence::one(id));
                self.run.parts.push(format!("the space is provided by {}", providers.join(", ")));
            }
            Err(refusal) => self.refused(Ability::SpaceInfo, &refusal, id),
        }
        self.upload(attempt_upload, id);
        self.newest()
    }

    /// Asks for room for a blob that is never sent.
    fn upload(&mut self, attempt: bool, before: ObservationId) {
        let digest = storacha_client::gateway::sha256(random::hex(32).as_bytes());
        let Some(Ok(task)) = attempt.then(|| Task::blob_add(&digest, 1)) else {
            self.run.findings.fact(facts::UPLOADS, "not asked", &Evidence::one(before));
            return;
        };
        let Some((id, out)) = self.ask(task) else { return };
        let evidence = Evidence::one(id);
        match out {
            Ok(_) => {
                self.run.findings.fact(facts::UPLOADS, "taken", &evidence);
                self.run.parts.push("uploads are taken".into());
            }
            Err(refusal) => {
                self.run.findings.fact(facts::UPLOADS, "refused", &evidence);
                self.refused(Ability::BlobAdd, &refusal, id);
            }
        }
    }

    /// The blob of the newest upload, if the space still holds it.
    fn newest(&mut self) -> Option<Newest> {
        let (id, out) = self.ask(Task::upload_list(1, None))?;
        let page = match out {
            Ok(ok) => Page::read(&ok),
            Err(refusal) => {
                self.refused(Ability::UploadList, &refusal, id);
                return None;
            }
        };
        let shard = page.uploads.first()?.shards.clone()?.pop()?;
        let task = Task::blob_get(shard.hash().digest()).ok()?;
        let (id, out) = self.ask(task)?;
        match out {
            Ok(_) => Some(Newest { cid: raw_cid(shard.hash().digest()).ok()?, id }),
            Err(refusal) if refusal.meaning() == Meaning::Absent => None,
            Err(refusal) => {
                self.refused(Ability::BlobGet, &refusal, id);
                None
            }
        }
    }

    /// The result of a task; `None` when none came, and then why was found.
    fn ask(&mut self, task: Task) -> Option<(ObservationId, Result<Ipld, Refusal>)> {
        let until = (clock::unix_ms() / 1000 + VALID_S, random::hex(8));
        let statement = task.asked_by(&self.agent, &self.service, self.space, self.proof.cid(), until);
        let payload = statement.payload().ok()?;
        let signature = match credentials::ed25519_sign(&self.label, &payload) {
            Ok(signature) => <[u8; 64]>::try_from(signature.as_slice()).ok()?,
            Err(failure) => {
                self.run.unclear = Some(format!("the agent cannot sign: {}", failure.message));
                return None;
            }
        };
        let asked = Request::of(statement.signed(&signature).ok()?, self.proof.blocks()).ok()?;
        let seen = send(request("POST", format!("{}/", self.url), asked.body))?;
        self.run.ids.push(seen.id);
        let response = match &seen.outcome {
            Ok(response) => response,
            Err(failure) => {
                self.run.unanswered(self.url, failure, seen.id, Reach::Service);
                return None;
            }
        };
        if response.status != 200 {
            self.run.bad_status(self.url, response.status, seen.id, Reach::Service);
            return None;
        }
        // Status 200 says nothing: the receipt does.
        match Reply::read(&response.body).and_then(|reply| reply.receipt(&asked.task)) {
            Ok(receipt) => Some((seen.id, receipt.out)),
            Err(wrong) => {
                self.run.not_a_service(self.url, &wrong.to_string(), seen.id);
                None
            }
        }
    }

    fn refused(&mut self, ability: Ability, refusal: &Refusal, id: ObservationId) {
        let ability = ability.as_str();
        let said = format!("{ability}: {refusal}");
        let (code, target) = match judge::refused(refusal) {
            Some(Refused::Retired) => return self.run.retired(self.url, &said, "disabled", id),
            Some(Refused::NotProvisioned) => {
                // Both questions get this answer; it is one finding.
                if self.run.findings.count(codes::STORACHA_SPACE_NOT_PROVISIONED) > 0 {
                    return;
                }
                (codes::STORACHA_SPACE_NOT_PROVISIONED, self.space.as_str())
            }
            Some(Refused::Proof(code)) => {
                let code = match code {
                    "storacha.proof-expired" => codes::STORACHA_PROOF_EXPIRED,
                    "storacha.proof-not-for-agent" => codes::STORACHA_PROOF_NOT_FOR_AGENT,
                    _ => codes::STORACHA_PROOF_LACKS_CAPABILITY,
                };
                // What the proof itself says has been found already.
                if self.run.findings.count(code) > 0 {
                    return;
                }
                (code, "STORACHA_PROOF")
            }
            Some(Refused::NotAuthorized) => (codes::STORACHA_NOT_AUTHORIZED, "STORACHA_PROOF"),
            None => {
                self.run.unclear = Some(format!("the service refuses {said}"));
                return;
            }
        };
        self.run.parts.push(format!("the service refuses {ability}"));
        let finding = code
            .at(target)
            .message(format!("the service refuses {said}"))
            .observed(&refusal.name)
            .detail("ability", ability)
            .detail("error-name", &refusal.name);
        self.run.add(finding.cite(id));
    }
}

fn providers(info: &Ipld) -> Vec<String> {
    let Ipld::Map(map) = info else { return Vec::new() };
    let Some(Ipld::List(providers)) = map.get("providers") else { return Vec::new() };
    let texts = providers.iter().filter_map(|provider| match provider {
        Ipld::String(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}
