//! `storacha/space`: whether a Storacha service, a space of it and a gateway are of use.
//!
//! [`judge`] decides; it does not call the host. [`service`] and [`gateway`] ask. The
//! agent's key never comes here: the host signs.

mod gateway;
pub mod judge;
mod service;

use judge::Reach;
use seaworthy_check_sdk::kit::{clock, progress};
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{
    Check, CitedFinding, Context, ContextExt, Evidence, Failure, Findings, ObservationId, Outcome, credentials,
    row_value,
};
use storacha_client::{Did, Proof};

seaworthy_check_sdk::descriptor!();

/// Milliseconds of the budget that are kept for reporting, and the longest single request.
const RESERVE: u32 = 250;
const REQUEST: u32 = 5_000;

/// The check.
pub struct Space;

impl Check for Space {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let place = Place::read(&context);
        let labels: Vec<String> = place.agent.iter().cloned().collect();
        let inspected = credentials::inspect(&labels);
        let key_is_set = inspected.iter().any(|status| status.present);
        let mut run = Run { findings: Findings::new(), ids: Vec::new(), parts: Vec::new(), unclear: None };
        run.ids.extend(inspected.iter().map(|status| status.id));
        if place.url.is_none() && place.gateway.is_none() {
            // There is always one observation: that nothing is set is seen in the environment.
            let asked = ["STORACHA_SERVICE_URL", "STORACHA_GATEWAY_URL"].map(String::from);
            let read = seaworthy_check_sdk::env::vars::read(&asked);
            let reason = "neither a service nor a gateway is configured";
            return Ok(run.findings.not_configured(reason, Evidence::one(read.id)));
        }
        let service = place.url.as_deref().and_then(|url| run.version(url));
        let agent = run.agent(&place, &inspected);
        let proof = run.proof(&place, agent.as_ref());
        let mut newest = None;
        if let (Some(url), Some(service), Some((agent, label)), Some(proof), Some(space)) =
            (&place.url, service, agent, proof, &place.space)
        {
            let mut asking = service::Asking { run: &mut run, url, service, agent, label, proof, space };
            newest = asking.space(place.attempts_upload(&context));
        }
        if let Some(gateway) = &place.gateway {
            run.gateway(gateway, newest.as_ref());
        }
        run.missing(&place, key_is_set);
        run.conclude()
    }
}

/// What is configured.
struct Place {
    url: Option<String>,
    gateway: Option<String>,
    space: Option<Did>,
    proof: Option<String>,
    /// Label of the agent's key.
    agent: Option<String>,
    expires_soon_s: u64,
}

impl Place {
    fn read(context: &Context) -> Self {
        let detail = |key: &str| {
            let target = context.target()?;
            let text = row_value(&target.details, key)?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let address = |text: String| text.trim_end_matches('/').to_owned();
        let days = context.setting("expires-soon-days").and_then(|text| text.parse().ok()).unwrap_or(14_u64);
        Self {
            url: context.addresses().into_iter().find(|url| !url.trim().is_empty()).map(address),
            gateway: detail("gateway").map(address),
            space: detail("space").and_then(|text| Did::parse(&text).ok()),
            proof: detail("proof"),
            agent: detail("credentials.agent"),
            expires_soon_s: days.saturating_mul(86_400),
        }
    }

    fn attempts_upload(&self, context: &Context) -> bool {
        context.setting("attempt-upload") != Some("false") && context.vantage("allow-writes") == Some("true")
    }
}

/// What was found so far.
pub(crate) struct Run {
    pub(crate) findings: Findings,
    pub(crate) ids: Vec<ObservationId>,
    pub(crate) parts: Vec<String>,
    /// Why something could not be told.
    pub(crate) unclear: Option<String>,
}

impl Run {
    pub(crate) fn add(&mut self, finding: CitedFinding) {
        self.findings.add(finding);
    }

    fn conclude(self) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        let summary = self.parts.join("; ");
        Ok(match self.unclear {
            Some(reason) if self.findings.is_empty() => self.findings.inconclusive(reason, evidence),
            _ => self.findings.conclude(summary, evidence),
        })
    }

    /// Who the service is; `None` when that is not known, and then why was found.
    fn version(&mut self, url: &str) -> Option<Did> {
        let seen = send(request("GET", format!("{url}/version"), Vec::new()))?;
        self.ids.push(seen.id);
        let evidence = Evidence::one(seen.id);
        let response = match &seen.outcome {
            Ok(response) => response,
            Err(failure) => {
                self.unanswered(url, failure, seen.id, Reach::Service);
                return None;
            }
        };
        if response.status != 200 {
            self.bad_status(url, response.status, seen.id, Reach::Service);
            return None;
        }
        match storacha_client::Version::read(&response.body) {
            Ok(version) => {
                let program = version.program.map(|program| format!(" ({program})")).unwrap_or_default();
                self.findings.fact(facts::SERVICE, format!("{}{program}", version.did), &evidence);
                self.findings.fact(facts::VERSION_MS, seaworthy_check_sdk::millis(seen.elapsed), &evidence);
                self.parts.push(format!("{} answers", version.did));
                Some(version.did)
            }
            Err(wrong) => {
                self.not_a_service(url, &wrong.to_string(), seen.id);
                None
            }
        }
    }

    pub(crate) fn not_a_service(&mut self, url: &str, wrong: &str, id: ObservationId) {
        self.parts.push("the address is no upload service".into());
        let finding = codes::STORACHA_NOT_A_SERVICE
            .at(url)
            .message(format!("{url} answers, and it is no Storacha upload service: {wrong}"))
            .expected("an upload service, whose /version is JSON with a `did`");
        self.add(finding.cite(id));
    }

    /// A request to a service or gateway that got no answer.
    pub(crate) fn unanswered(&mut self, url: &str, failure: &Failure, id: ObservationId, reach: Reach) {
        let host = storacha_client::authority(url);
        if storacha_client::retired::is_gone(host, &failure.kind) {
            return self.retired(url, &format!("the name {host} does not exist any more"), "name", id);
        }
        let code = match reach {
            Reach::Service => codes::STORACHA_UNREACHABLE,
            Reach::Gateway => codes::STORACHA_GATEWAY_UNREACHABLE,
        };
        self.parts.push(format!("{host} does not answer"));
        let finding = code
            .at(url)
            .message(format!("{host} does not answer: {}", failure.message))
            .observed(&failure.message)
            .detail("kind", &failure.kind)
            .detail("stage", &failure.stage);
        self.add(finding.cite(id));
    }

    /// An answer with a status that is not 200.
    pub(crate) fn bad_status(&mut self, url: &str, status: u16, id: ObservationId, reach: Reach) {
        let host = storacha_client::authority(url);
        if storacha_client::retired::is_gone_status(status) {
            return self.retired(url, &format!("{host} answers with status {status} (Gone)"), "status", id);
        }
        self.parts.push(format!("{host} answers with status {status}"));
        let (code, expected) = match reach {
            Reach::Service if status >= 500 => (codes::STORACHA_UNREACHABLE, "status 200"),
            Reach::Service => (codes::STORACHA_NOT_A_SERVICE, "status 200 with a `did`"),
            Reach::Gateway => (codes::STORACHA_GATEWAY_UNREACHABLE, "status 200 with the block"),
        };
        let finding = code
            .at(url)
            .message(format!("{host} answers with status {status}"))
            .observed(format!("status {status}"))
            .expected(expected)
            .detail("kind", "status")
            .detail("status", status.to_string());
        self.add(finding.cite(id));
    }

    /// The provider says that it is over.
    pub(crate) fn retired(&mut self, url: &str, how: &str, sign: &str, id: ObservationId) {
        self.parts.push(format!("{how}: the provider has ended it"));
        let finding = codes::STORACHA_RETIRED
            .at(url)
            .message(format!(
                "{how}: the provider has ended this service. Named successors are {}.",
                storacha_client::retired::SUCCESSORS
            ))
            .observed(how)
            .detail("sign", sign)
            .detail("successors", storacha_client::retired::SUCCESSORS);
        self.add(finding.cite(id));
    }

    /// The agent's DID and the label of its key, when the key can be used.
    fn agent(&mut self, place: &Place, inspected: &[credentials::Status]) -> Option<(Did, String)> {
        let label = place.agent.clone()?;
        let status = inspected.first().filter(|status| status.present)?;
        let source = status.source.clone().unwrap_or_else(|| label.clone());
        let public = credentials::ed25519_public(&label).and_then(|public| {
            <[u8; 32]>::try_from(public.as_slice()).map_err(|_| Failure {
                kind: "invalid".into(),
                stage: "secret".into(),
                os_code: None,
                message: "the public key has not 32 bytes".into(),
                details: Vec::new(),
            })
        });
        match public {
            Ok(public) => {
                let did = Did::of_key(&public);
                self.findings.fact(facts::AGENT, &did, &Evidence::one(status.id));
                Some((did, label))
            }
            Err(failure) => {
                self.parts.push(format!("{source} holds no key"));
                let mut finding = codes::STORACHA_AGENT_KEY_MALFORMED
                    .at(&source)
                    .message(format!("the agent cannot sign: {}", failure.message))
                    .expected("an Ed25519 key: `Mg...`, 64 hex digits, or base64 of 32 bytes");
                for key in ["length", "form", "whitespace"] {
                    if let Some(value) = row_value(&status.details, key) {
                        finding = finding.detail(key, value);
                    }
                }
                self.add(finding.cite(status.id));
                None
            }
        }
    }

    /// The proof, when it can be read; what is wrong with it is found.
    fn proof(&mut self, place: &Place, agent: Option<&(Did, String)>) -> Option<Proof> {
        let text = place.proof.as_deref()?;
        // Reading the policy is no observation; the environment that it comes from is.
        let read = seaworthy_check_sdk::env::vars::read(&["STORACHA_PROOF".to_owned()]);
        self.ids.push(read.id);
        let evidence = Evidence::one(read.id);
        let proof = match Proof::parse(text) {
            Ok(proof) => proof,
            Err(wrong) => {
                self.parts.push("the proof cannot be read".into());
                let finding = codes::STORACHA_PROOF_MALFORMED
                    .at("STORACHA_PROOF")
                    .message(wrong.to_string())
                    .observed(format!("{} characters", text.chars().count()))
                    .expected("a CAR file with a UCAN 0.9.1, in base64");
                self.add(finding.cite(read.id));
                return None;
            }
        };
        let expires = proof.expires().map_or_else(|| "never".to_owned(), |seconds| seconds.to_string());
        self.findings.fact(facts::PROOF_EXPIRES, expires, &evidence);
        let now = clock::unix_ms() / 1000;
        let agent = agent.map_or(proof.agent(), |(agent, _)| agent).clone();
        let Some(space) = &place.space else { return Some(proof) };
        for trouble in judge::troubles(&proof, &agent, space, now, place.expires_soon_s) {
            self.parts.push(trouble.short.into());
            self.add(trouble.finding().cite(read.id));
        }
        Some(proof)
    }

    /// What is missing for storing.
    fn missing(&mut self, place: &Place, key_is_set: bool) {
        let missing = judge::missing(place.url.is_some(), place.space.is_some(), place.proof.is_some(), key_is_set);
        if missing.is_empty() {
            return;
        }
        let read =
            seaworthy_check_sdk::env::vars::read(&missing.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        self.ids.push(read.id);
        self.parts.push(format!("it can only be read: {} not set", missing.join(", ")));
        let finding = codes::STORACHA_READ_ONLY
            .at("storacha")
            .message(format!("the tier cannot store: {} not set", missing.join(", ")))
            .expected("a service, a space, a proof and an agent's key")
            .detail("missing", missing.join(","));
        self.add(finding.cite(read.id));
    }
}

pub(crate) fn request(method: &str, url: String, body: Vec<u8>) -> http::Request {
    let headers = if body.is_empty() {
        Vec::new()
    } else {
        ["content-type", "accept"].map(|name| (name.to_owned(), storacha_client::CONTENT_TYPE.to_owned())).to_vec()
    };
    http::Request {
        method: method.into(),
        url,
        headers,
        body,
        timeout: progress::remaining_ms().saturating_sub(RESERVE).clamp(1, REQUEST),
        max_body: 4 << 20,
        proxy: "environment".into(),
    }
}

pub(crate) fn send(request: http::Request) -> Option<http::Seen> {
    http::send(&[request]).into_iter().next()
}

seaworthy_check_sdk::export_check!(Space);
