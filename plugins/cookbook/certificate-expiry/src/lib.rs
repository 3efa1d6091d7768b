//! `cookbook/certificate-expiry`: how long a server's certificates are still good.
//!
//! The handshake is made with nobody judging, so that a certificate shows its dates also
//! when clients refuse it; [`judge`] reads the names itself for the same reason.

mod judge;
mod x509;

use judge::{Life, Limits};
use seaworthy_check_sdk::kit::clock;
use seaworthy_check_sdk::net::tls;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Hop, ObservationId, Outcome};
use x509::Certificate;

seaworthy_check_sdk::descriptor!();

struct CertificateExpiry;

impl Check for CertificateExpiry {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let hops: Vec<Hop> = context
            .addresses()
            .iter()
            .map(|address| Hop::parse(address).ok_or_else(|| [address, " names no port"].concat()))
            .collect::<Result<_, _>>()?;
        let server_name = context.setting("server-name").map(str::to_owned);
        let attempts: Vec<tls::Attempt> = hops
            .iter()
            .map(|hop| tls::Attempt {
                target: hop.socket(),
                server_name: server_name.clone(),
                alpn: Vec::new(),
                roots: "none".into(),
                timeout: context.budget - context.budget / 20,
            })
            .collect();
        let seen = tls::handshake(&attempts);
        let evidence = Evidence::of(seen.iter().map(|s| s.id))?;
        let mut report = Report { now: now(), limits: limits(&context), ..Report::default() };
        for (hop, seen) in hops.iter().zip(&seen) {
            let host = server_name.as_deref().unwrap_or(&hop.host);
            match &seen.outcome {
                Ok(session) => report.chain(&seen.target, host, &session.chain, seen.id),
                Err(failure) if failure.stage == "tls" || failure.kind.starts_with("tls-") => {
                    let message = [seen.target.as_str(), " shows no certificate: ", &failure.message].concat();
                    let finding = codes::CERTIFICATE_NONE.at(&seen.target).message(message);
                    report.findings.add(finding.detail("kind", &failure.kind).cite(seen.id));
                }
                Err(failure) => {
                    report
                        .unknown
                        .get_or_insert([seen.target.as_str(), " was not reached: ", &failure.message].concat());
                }
            }
        }
        Ok(report.conclude(seen.len(), evidence))
    }
}

seaworthy_check_sdk::export_check!(CertificateExpiry);

fn now() -> i64 {
    i64::try_from(clock::unix_ms() / 1000).unwrap_or(i64::MAX)
}

fn limits(context: &Context) -> Limits {
    let days = |key: &str, default| context.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    Limits { warn_days: days("warn-days", 30), fail_days: days("fail-days", 7) }
}

#[derive(Default)]
struct Report {
    now: i64,
    limits: Limits,
    findings: Findings,
    days_left: Option<i64>,
    chain_days_left: Option<i64>,
    unknown: Option<String>,
}

impl Report {
    fn chain(&mut self, target: &str, host: &str, chain: &[Vec<u8>], id: ObservationId) {
        let Some(leaf) = chain.first().and_then(|der| x509::read(der)) else {
            self.unknown.get_or_insert([target, " shows a certificate that cannot be read"].concat());
            return;
        };
        let left = judge::days_left(&leaf, self.now);
        self.days_left = Some(self.days_left.map_or(left, |least| least.min(left)));
        self.leaf(target, &leaf, left, id);
        if !judge::is_for(&leaf, host) {
            let names = judge::shown(&leaf);
            let message = [target, " shows a certificate for ", &names, ", not for ", host].concat();
            let finding = codes::CERTIFICATE_NAME_MISMATCH.at(target).message(message).observed(names).expected(host);
            self.findings.add(finding.cite(id));
        }
        for (position, der) in chain.iter().enumerate().skip(1) {
            let Some(other) = x509::read(der) else {
                let number = (position + 1).to_string();
                self.unknown
                    .get_or_insert([target, ": certificate ", &number, " of the chain cannot be read"].concat());
                continue;
            };
            self.other(target, &other, &leaf, id);
        }
    }

    fn leaf(&mut self, target: &str, leaf: &Certificate, left: i64, id: ObservationId) {
        let days = left.to_string();
        let (code, level, words) = match judge::life(leaf, self.now, self.limits) {
            Life::Good => return,
            Life::NotYet => (codes::CERTIFICATE_NOT_YET_VALID, "fail", "is not valid yet".to_owned()),
            Life::Over => {
                let ago = left.unsigned_abs().to_string();
                (codes::CERTIFICATE_EXPIRED, "fail", ["has ended, less than ", &ago, " days ago"].concat())
            }
            Life::Ends(level) => (codes::CERTIFICATE_ENDS_SOON, level, ["ends in ", &days, " days"].concat()),
        };
        let message = [target, " shows a certificate that ", &words].concat();
        let finding = code.at(target).level(level).message(message).observed([&days, " days"].concat());
        self.findings.add(finding.detail("subject", &leaf.name).cite(id));
    }

    /// *Behaviour*: one that lives as long as the leaf is renewed with it, and is no finding
    /// of its own.
    fn other(&mut self, target: &str, other: &Certificate, leaf: &Certificate, id: ObservationId) {
        let left = judge::days_left(other, self.now);
        self.chain_days_left = Some(self.chain_days_left.map_or(left, |least| least.min(left)));
        let level = match judge::life(other, self.now, self.limits) {
            Life::Over => "fail",
            Life::Ends(level) if other.not_after < leaf.not_after => level,
            _ => return,
        };
        let words = if left < 0 {
            " sends a certificate along that has ended: "
        } else {
            " sends a certificate along that ends soon: "
        };
        let finding =
            codes::CERTIFICATE_CHAIN_ENDS.at(target).level(level).message([target, words, &other.name].concat());
        self.findings.add(finding.observed(&other.name).detail("days-left", left.to_string()).cite(id));
    }

    fn conclude(mut self, targets: usize, evidence: Evidence) -> Outcome {
        if let Some(left) = self.days_left {
            self.findings.fact(facts::DAYS_LEFT, left, &evidence);
        }
        if let Some(left) = self.chain_days_left {
            self.findings.fact(facts::CHAIN_DAYS_LEFT, left, &evidence);
        }
        match self.unknown {
            Some(why) => self.findings.inconclusive(why, evidence),
            None => self.findings.conclude([&targets.to_string(), " servers shook hands"].concat(), evidence),
        }
    }
}
