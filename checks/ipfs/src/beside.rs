//! What stands beside the node: a gateway, a pinning service.

use crate::asking::{Seen, send};
use crate::judging::pinning;
use crate::{Run, codes, detail, facts, secret};
use ipfs_client::gateway::{self, Block};
use ipfs_client::pinning::{PinResults, State, in_state, read_results};
use ipfs_client::{Cid, Request};
use seaworthy_check_sdk::{Context, Evidence};

/// Pins of a state that are asked for: the count comes with them.
const SOME: u32 = 10;

impl Run {
    /// Looks at the gateway that the target names.
    pub(crate) fn gateway(&mut self, context: &Context) -> Result<(), String> {
        let Some(base) = detail(context, "gateway") else { return Ok(()) };
        let empty: Cid = gateway::PROBE.parse().map_err(|_| "the empty block has no CID")?;
        let seen = self.fetch(base, &empty)?;
        let response = match seen.response() {
            Ok(response) => response,
            Err(failure) => {
                let finding = codes::IPFS_GATEWAY_UNREACHABLE
                    .at(base)
                    .message(format!("the gateway {base} does not answer: {}", failure.message))
                    .detail("kind", &failure.kind);
                self.findings.add(finding.cite(seen.id));
                return Ok(());
            }
        };
        if response.status != 200 || !response.body.is_empty() {
            let finding = codes::IPFS_NOT_GATEWAY
                .at(base)
                .message(format!("{base} does not serve the empty block {}", gateway::PROBE))
                .observed(format!("status {}, {} bytes", response.status, response.body.len()))
                .expected("status 200, 0 bytes");
            self.findings.add(finding.cite(seen.id));
            return Ok(());
        }
        let Some(block) = self.block else {
            self.parts.push("the gateway answers".to_owned());
            return Ok(());
        };
        let seen = self.fetch(base, &block)?;
        let told = match seen.response() {
            Ok(response) => {
                let kind = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                gateway::read(&block, response.status, kind.map(|(_, kind)| kind.as_str()), &response.body)
            }
            // A gateway that looks for what it has not got may take longer than there is time.
            Err(_) => Block::NotFound(504),
        };
        self.parts.push(
            match told {
                Block::Whole(_) => "the gateway serves the node's content",
                Block::Different => {
                    let finding = codes::IPFS_GATEWAY_LIES
                        .at(base)
                        .message(format!("the gateway's bytes for {block} do not hash to it"));
                    self.findings.add(finding.cite(seen.id));
                    "the gateway's bytes are wrong"
                }
                _ => "the gateway answers, and has not got the node's content",
            }
            .to_owned(),
        );
        Ok(())
    }

    fn fetch(&mut self, base: &str, cid: &Cid) -> Result<Seen, String> {
        let request = Request { url: gateway::block(base, cid), content_type: None, body: Vec::new() };
        let seen = send(request, "GET", self.timeout, Some(gateway::ACCEPT), None)?;
        self.ids.push(seen.id);
        Ok(seen)
    }

    /// Looks at the pinning service that the target names.
    pub(crate) fn pinning(&mut self, context: &Context) -> Result<(), String> {
        let Some(service) = detail(context, "pinning-url") else { return Ok(()) };
        let Some((id, token)) = secret(context, "pinning-token") else {
            let first = *self.ids.first().ok_or("nothing was observed")?;
            let finding = codes::PINNING_TOKEN_MISSING.at(service).message("no token for the pinning service is set");
            self.findings.add(finding.cite(first));
            return Ok(());
        };
        self.ids.push(id);
        let Some((failed, evidence)) = self.count(service, State::Failed, &token)? else { return Ok(()) };
        self.findings.fact(facts::FAILED_PINS, failed.count, &evidence);
        if failed.count > 0 {
            let why = failed.results.iter().flat_map(|pin| pin.info.values()).next();
            let finding = codes::PINNING_FAILED_PINS
                .at(service)
                .message(format!("{} pins are in the state `failed`", failed.count))
                .observed(why.cloned().unwrap_or_else(|| "the service does not say why".to_owned()));
            self.findings.add(finding.cite_all(&evidence));
        }
        if let Some((queued, evidence)) = self.count(service, State::Queued, &token)? {
            self.findings.fact(facts::QUEUED_PINS, queued.count, &evidence);
            self.parts.push(format!("the pinning service answers, {} queued, {} failed", queued.count, failed.count));
        }
        Ok(())
    }

    fn count(&mut self, service: &str, state: State, token: &str) -> Result<Option<(PinResults, Evidence)>, String> {
        let question = in_state(service, state, SOME);
        let seen = send(question.request, question.method, self.timeout, None, Some(token))?;
        self.ids.push(seen.id);
        let finding = match seen.response() {
            Ok(response) => match read_results(response.status, &response.body) {
                Ok(results) => return Ok(Some((results, Evidence::one(seen.id)))),
                Err(refusal) => pinning(&refusal).at(service).message(refusal.to_string()),
            },
            Err(failure) => codes::PINNING_UNREACHABLE
                .at(service)
                .message(format!("the pinning service does not answer: {}", failure.message))
                .detail("kind", &failure.kind),
        };
        self.findings.add(finding.cite(seen.id));
        Ok(None)
    }
}
