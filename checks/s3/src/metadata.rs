//! The metadata service of EC2, from which clients in a virtual machine get their credentials.

use crate::{Run, telling};
use seaworthy_check_sdk::env::files;
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{inspect, row_value};

/// Who made the machine, as the firmware says; containers see that of their host.
const VENDOR: &str = "/sys/class/dmi/id/sys_vendor";
const TOKEN: &str = "http://169.254.169.254/latest/api/token";
/// Milliseconds for an answer that comes from the very machine.
const PATIENCE: u32 = 2_000;

/// What the service does with a request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// It answers, be it with a refusal.
    Answers,
    /// It takes the connection and its answer does not get here.
    Unheard,
    /// Nothing is there, or nothing is known.
    Unknown,
}

/// Reads what came of the request: a status, or kind and stage of a failure.
///
/// *Behaviour*: the limit of hops holds for the answer to this request alone, so the
/// connection comes about and then nothing follows. Where not even a connection comes about
/// the service is switched off or filtered.
fn service(outcome: Result<u16, (&str, &str)>) -> Service {
    match outcome {
        Ok(_) => Service::Answers,
        Err(("timeout", stage)) if !matches!(stage, "connect" | "dns" | "grant" | "proxy") => Service::Unheard,
        Err(_) => Service::Unknown,
    }
}

impl Run {
    /// Whether there are no credentials since the metadata service's answers do not get into
    /// this container; then that is a finding.
    pub(crate) fn hop_limited(&mut self, refused: u32) -> bool {
        if self.settings.signed() || self.settings.metadata == Some(false) {
            return false;
        }
        let container = inspect(["container"]);
        self.evidence = self.evidence.clone().with(container.iter().map(|seen| seen.id));
        let row = container.first().and_then(|seen| seen.outcome.as_ref().ok()?.first());
        let kind = row.and_then(|row| row_value(row, "kind"));
        if !kind.is_some_and(|kind| !matches!(kind, "none" | "unknown")) {
            return false;
        }
        if self.settings.metadata.is_none() {
            let Some(seen) = files::read(&[VENDOR.to_owned()], 256).into_iter().next() else { return false };
            self.evidence = self.evidence.clone().and(seen.id);
            let amazon = seen.outcome.is_ok_and(|bytes| bytes.starts_with(b"Amazon EC2"));
            if !amazon {
                return false;
            }
        }
        let request = http::Request {
            method: "PUT".into(),
            url: TOKEN.into(),
            headers: vec![("x-aws-ec2-metadata-token-ttl-seconds".into(), "60".into())],
            body: Vec::new(),
            timeout: PATIENCE.min(self.settings.timeout_ms),
            // What would come is a secret: no byte of it is kept.
            max_body: 0,
            proxy: "direct".into(),
        };
        let Some(seen) = http::send(&[request]).into_iter().next() else { return false };
        self.evidence = self.evidence.clone().and(seen.id);
        let outcome = seen.outcome.as_ref().map(|response| response.status);
        let outcome = outcome.map_err(|failure| (failure.kind.as_str(), failure.stage.as_str()));
        if service(outcome) != Service::Unheard {
            return false;
        }
        let finding = telling::hop_limit(&self.asker.store, kind.unwrap_or_default());
        let cited = container.iter().fold(finding.cite(refused).and(seen.id), |finding, seen| finding.and(seen.id));
        self.findings.add(cited);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_lost_is_told_from_a_service_that_is_not_there() {
        assert_eq!(service(Err(("timeout", "head"))), Service::Unheard);
        assert_eq!(service(Err(("timeout", "connect"))), Service::Unknown, "filtered");
        assert_eq!(service(Err(("connection-refused", "connect"))), Service::Unknown);
        assert_eq!(service(Err(("network-unreachable", "connect"))), Service::Unknown);
        assert_eq!(
            (service(Ok(200)), service(Ok(403)), service(Ok(404))),
            (Service::Answers, Service::Answers, Service::Answers)
        );
    }
}
