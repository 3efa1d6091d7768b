//! Deciding, without the host.

use crate::codes;
use seaworthy_check_sdk::FindingBuilder;
use storacha_client::{Did, Lack, Meaning, Proof, Refusal};

/// Which of the two was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The upload service.
    Service,
    /// The gateway.
    Gateway,
}

/// Something that is wrong with a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its code.
    pub code: &'static str,
    /// For the summary.
    pub short: &'static str,
    message: String,
    /// A warning rather than a failure.
    pub warning: bool,
    /// Judged by this machine's clock alone.
    pub by_our_clock: bool,
    details: Vec<(&'static str, String)>,
}

impl Trouble {
    fn new(code: &'static str, short: &'static str, message: String) -> Self {
        Self { code, short, message, warning: false, by_our_clock: false, details: Vec::new() }
    }

    /// As a finding about the proof.
    #[must_use]
    pub fn finding(&self) -> FindingBuilder {
        let code = match self.code {
            "storacha.proof-not-for-agent" => codes::STORACHA_PROOF_NOT_FOR_AGENT,
            "storacha.proof-expired" => codes::STORACHA_PROOF_EXPIRED,
            "storacha.proof-lacks-capability" => codes::STORACHA_PROOF_LACKS_CAPABILITY,
            _ => codes::STORACHA_PROOF_MALFORMED,
        };
        let mut finding = code.at("STORACHA_PROOF").message(&self.message);
        if self.warning {
            finding = finding.level("warn");
        }
        if self.by_our_clock {
            finding = finding.likely();
        }
        for (key, value) in &self.details {
            finding = finding.detail(key, value);
        }
        finding
    }
}

/// What is wrong with a proof for `agent` on `space` at `now`; and whether it ends within
/// `soon` seconds.
#[must_use]
pub fn troubles(proof: &Proof, agent: &Did, space: &Did, now: u64, soon: u64) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> =
        proof.lacks(agent, space, now).iter().map(|lack| of_lack(lack, agent, space)).collect();
    let expired = troubles.iter().any(|trouble| trouble.code == "storacha.proof-expired");
    if let Some(expires) = proof.expires().filter(|expires| !expired && *expires <= now.saturating_add(soon)) {
        let days = expires.saturating_sub(now) / 86_400;
        let mut trouble =
            Trouble::new("storacha.proof-expired", "the proof ends soon", format!("the proof ends in {days} days"));
        trouble.warning = true;
        trouble.details.push(("expires", expires.to_string()));
        troubles.push(trouble);
    }
    troubles
}

fn of_lack(lack: &Lack, agent: &Did, space: &Did) -> Trouble {
    match lack {
        Lack::OtherAgent(other) => {
            let message = format!("the proof is for the agent {other}, and the key is that of {agent}");
            let mut trouble = Trouble::new("storacha.proof-not-for-agent", "the proof is for another agent", message);
            trouble.details = vec![("audience", other.to_string()), ("agent", agent.to_string())];
            trouble
        }
        Lack::Expired(at) | Lack::NotYet(at) => {
            let message = match lack {
                Lack::NotYet(_) => format!("the proof does not count before {at} s since 1970"),
                _ => format!("the proof expired at {at} s since 1970"),
            };
            let mut trouble = Trouble::new("storacha.proof-expired", "the proof has expired", message);
            trouble.by_our_clock = true;
            trouble.details.push(("expires", at.to_string()));
            trouble
        }
        Lack::Forged => {
            let message = "a signature in the proof is not its issuer's: it was changed on its way".to_owned();
            Trouble::new("storacha.proof-malformed", "the proof was changed", message)
        }
        Lack::Abilities(missing) => {
            let message = format!("the proof does not grant {}", missing.join(", "));
            let mut trouble =
                Trouble::new("storacha.proof-lacks-capability", "the proof does not grant enough", message);
            trouble.details.push(("missing", missing.join(",")));
            trouble
        }
        Lack::OtherSpace(others) => {
            let message = format!("the proof is for {}, and the space is {space}", others.join(", "));
            let mut trouble =
                Trouble::new("storacha.proof-lacks-capability", "the proof is for another space", message);
            trouble.details = vec![("spaces", others.join(",")), ("space", space.to_string())];
            trouble
        }
    }
}

/// What a refusal is reported as; `None` where it is nothing that this check knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `storacha.retired`.
    Retired,
    /// `storacha.space-not-provisioned`.
    NotProvisioned,
    /// The code of a trouble with the proof, now by the service's own word.
    Proof(&'static str),
    /// `storacha.not-authorized`.
    NotAuthorized,
}

/// What a refusal of the service says.
#[must_use]
pub fn refused(refusal: &Refusal) -> Option<Refused> {
    match refusal.meaning() {
        Meaning::Retired => Some(Refused::Retired),
        Meaning::NotProvisioned => Some(Refused::NotProvisioned),
        Meaning::Expired => Some(Refused::Proof("storacha.proof-expired")),
        Meaning::OtherAgent => Some(Refused::Proof("storacha.proof-not-for-agent")),
        Meaning::NotDelegated => Some(Refused::Proof("storacha.proof-lacks-capability")),
        Meaning::Revoked => Some(Refused::NotAuthorized),
        _ => None,
    }
}

/// The variables that are not set and that storing takes.
#[must_use]
pub fn missing(url: bool, space: bool, proof: bool, agent: bool) -> Vec<&'static str> {
    let all = [
        (url, "STORACHA_SERVICE_URL"),
        (space, "STORACHA_SPACE"),
        (proof, "STORACHA_PROOF"),
        (agent, "STORACHA_AGENT_KEY"),
    ];
    all.into_iter().filter(|(set, _)| !set).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str = "did:key:z6Mko9hTggMwjSTEaJaPUfE6tqcy2xvU6BnNq3e3o8qVBiyH";
    const SPACE: &str = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
    /// Made by `@ucanto/core` for AGENT on SPACE, `space/*` and `upload/*`, until 2100.
    const PROOF: &str = include_str!("../vectors/proof.txt");
    const UNTIL: u64 = 4_102_444_800;

    fn codes_of(agent: &str, space: &str, now: u64) -> Vec<(&'static str, bool)> {
        let did = |text| Did::parse(text).unwrap();
        let proof = Proof::parse(PROOF).unwrap();
        let troubles = troubles(&proof, &did(agent), &did(space), now, 86_400);
        troubles.iter().map(|trouble| (trouble.code, trouble.warning)).collect()
    }

    #[test]
    fn a_proof_is_judged_for_what_it_is_used_for() {
        assert_eq!(codes_of(AGENT, SPACE, 1_800_000_000), []);
        assert_eq!(codes_of(SPACE, SPACE, 1_800_000_000), [("storacha.proof-not-for-agent", false)]);
        assert_eq!(codes_of(AGENT, AGENT, 1_800_000_000), [("storacha.proof-lacks-capability", false)]);
        assert_eq!(codes_of(AGENT, SPACE, UNTIL + 1), [("storacha.proof-expired", false)]);
        assert_eq!(codes_of(AGENT, SPACE, UNTIL - 3_600), [("storacha.proof-expired", true)], "soon");
    }

    #[test]
    fn what_the_service_says_has_a_code() {
        let refusal = |name: &str, message: &str| Refusal { name: name.into(), message: message.into() };
        for (name, message, wanted) in [
            ("ServiceUnavailable", "space/blob/add capability is currently disabled", Some(Refused::Retired)),
            ("ServiceUnavailable", "try again later", None),
            ("SpaceUnknown", "Space not found.", Some(Refused::NotProvisioned)),
            ("Unauthorized", "Proof bafy has expired on Tue", Some(Refused::Proof("storacha.proof-expired"))),
            ("Unauthorized", "Proof bafy has been revoked", Some(Refused::NotAuthorized)),
            ("HandlerExecutionError", "boom", None),
        ] {
            assert_eq!(refused(&refusal(name, message)), wanted, "{name} {message}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(missing(true, true, true, true), [""; 0]);
        assert_eq!(missing(true, true, false, false), ["STORACHA_PROOF", "STORACHA_AGENT_KEY"]);
    }
}
