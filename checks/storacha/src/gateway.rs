use crate::judge::Reach;
use crate::{Run, codes, facts, request, send};
use seaworthy_check_sdk::{Evidence, ObservationId, millis};
use storacha_client::{Cid, gateway};

/// A blob that the space holds, as far as the service says.
pub(crate) struct Newest {
    pub(crate) cid: Cid,
    /// Where the service said so.
    pub(crate) id: ObservationId,
}

/// What reading a block came to.
enum Read {
    Whole(u64, ObservationId),
    NotFound(ObservationId),
    /// It is found and reported.
    Bad,
}

impl Run {
    /// Asks the gateway for a block that every gateway has, and for the newest of the space.
    pub(crate) fn gateway(&mut self, address: &str, newest: Option<&Newest>) {
        match self.block(address, &gateway::probe()) {
            Read::Whole(elapsed, id) => {
                self.findings.fact(facts::GATEWAY_MS, millis(elapsed), &Evidence::one(id));
                self.parts.push("the gateway answers".into());
            }
            Read::NotFound(id) => {
                self.bad_status(address, 404, id, Reach::Gateway);
                return;
            }
            Read::Bad => return,
        }
        let Some(newest) = newest else { return };
        match self.block(address, &newest.cid) {
            Read::Whole(_, id) => {
                self.findings.fact(facts::RE_HASHED, 1, &Evidence::one(id).and(newest.id));
                self.parts.push("the newest upload has the content of its CID".into());
            }
            Read::NotFound(id) => {
                let finding = codes::STORACHA_GATEWAY_LAGS
                    .at(address)
                    .message(format!("the gateway does not find {}, which the space holds", newest.cid))
                    .observed("status 404")
                    .detail("cid", newest.cid.to_string());
                self.add(finding.cite(id).and(newest.id));
                self.parts.push("the gateway does not find the newest upload".into());
            }
            Read::Bad => {}
        }
    }

    fn block(&mut self, address: &str, cid: &Cid) -> Read {
        let mut asked = request("GET", gateway::url(address, cid), Vec::new());
        asked.headers.push((gateway::ACCEPT.0.into(), gateway::ACCEPT.1.into()));
        let Some(seen) = send(asked) else { return Read::Bad };
        self.ids.push(seen.id);
        match &seen.outcome {
            Err(failure) => self.unanswered(address, failure, seen.id, Reach::Gateway),
            Ok(response) if response.status == 404 => return Read::NotFound(seen.id),
            Ok(response) if response.status != 200 => {
                self.bad_status(address, response.status, seen.id, Reach::Gateway)
            }
            Ok(response) => match gateway::verify(cid, &response.body) {
                Ok(()) => return Read::Whole(seen.elapsed, seen.id),
                Err(wrong) => {
                    self.parts.push("the gateway answers with another content".into());
                    let finding = codes::STORACHA_GATEWAY_WRONG_CONTENT
                        .at(address)
                        .message(wrong.to_string())
                        .observed(format!("{} bytes with another hash", response.body.len()))
                        .expected(cid.to_string())
                        .detail("cid", cid.to_string());
                    self.add(finding.cite(seen.id));
                }
            },
        }
        Read::Bad
    }
}
