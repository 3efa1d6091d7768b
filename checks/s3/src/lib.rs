//! `s3/store`: from a store that answers to a bucket that a cache can work with.
//!
//! One listing tells most of it: whether the store is reached and is one, its clock, the
//! credentials, the region and the bucket. Then each permission is tried by itself on an
//! object that is not there. [`telling`] judges and does not call the host; requests,
//! signatures and answers are those of the adapter, from `s3-client`.

mod asking;
mod metadata;
mod permissions;
mod settings;
pub mod telling;
mod uploads;

use asking::{Asker, Heard};
use s3_client::{Addressing, Fault, FaultKind, Listing, MAX_SKEW_S, Request};
use seaworthy_check_sdk::{Check, Context, Evidence, Findings, Outcome, credentials, millis, row_value};
use settings::{Configured, Settings};

seaworthy_check_sdk::descriptor!();

/// The check.
pub struct S3;

impl Check for S3 {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let labels = settings::labels(&context);
        let statuses = credentials::inspect(&labels);
        let Some(evidence) = statuses.iter().map(|status| status.id).reduce(u32::min) else {
            return Err("the check's target is none of a store".into());
        };
        let evidence = Evidence::one(evidence).with(statuses.iter().map(|status| status.id));
        let mut findings = Findings::new();
        let settings = match Settings::read(&context, &statuses) {
            Configured::Nothing(reason) => return Ok(findings.not_configured(reason, evidence)),
            Configured::Wrong(finding) => {
                let summary = "the configuration does not lead to a store".to_owned();
                findings.add(finding.cite_all(&evidence));
                return Ok(findings.conclude(summary, evidence));
            }
            Configured::Store(settings) => settings,
        };
        for status in statuses.iter().filter(|status| row_value(&status.details, "whitespace") == Some("true")) {
            findings.add(telling::whitespace(status.source.as_deref().unwrap_or(&status.label)).cite(status.id));
        }
        if !findings.is_empty() {
            return Ok(findings.conclude("a signature with blanks in the credentials cannot be right", evidence));
        }
        Run { asker: Asker::new(&settings), settings, findings, evidence }.go()
    }
}

/// A run of the check, once it is clear what is asked.
pub(crate) struct Run {
    pub(crate) asker: Asker,
    pub(crate) settings: Settings,
    pub(crate) findings: Findings,
    pub(crate) evidence: Evidence,
}

impl Run {
    fn go(mut self) -> Result<Outcome, String> {
        let listed = match self.look() {
            Ok(listed) => listed,
            Err(reason) => return Ok(self.end(&reason)),
        };
        self.permissions(listed)
    }

    /// What there is to say once nothing more can be asked.
    pub(crate) fn end(self, reason: &str) -> Outcome {
        if self.findings.is_empty() {
            self.findings.inconclusive(reason, self.evidence)
        } else {
            self.findings.conclude(reason, self.evidence)
        }
    }

    /// Asks, and remembers that it did.
    pub(crate) fn ask(&mut self, request: Request) -> Heard {
        let heard = self.asker.ask(request);
        self.evidence = self.evidence.clone().and(heard.id);
        heard
    }

    /// Lists, in the region that the store names where nobody else did. Whether listing is
    /// permitted; else why nothing more can be asked.
    fn look(&mut self) -> Result<bool, String> {
        let mut moved = false;
        loop {
            let heard = self.ask(Request::list(self.settings.names.prefix(), 1, None));
            let answer = match &heard.outcome {
                Ok(answer) => answer,
                Err(failure) => return Err(self.unanswered(&heard, failure)),
            };
            let here = Evidence::one(heard.id);
            let skew = heard.skew_s(answer);
            let read = Listing::read(answer);
            let fault = read.err().map(|fault| match fault.kind {
                FaultKind::NotS3 => fault,
                _ => Fault::read_at(answer, heard.at_ms / 1000),
            });
            if let Some(fault) = &fault
                && matches!(fault.kind, FaultKind::WrongRegion | FaultKind::Redirected)
                && let Some(region) = &fault.region
                && !moved
                && !self.asker.store.is_region_known()
                && region != self.asker.store.region()
            {
                moved = true;
                self.asker.store = self.asker.store.in_region(region);
                continue;
            }
            self.findings.fact(facts::LATENCY_MS, millis(heard.elapsed), &here);
            if let Some(server) = answer.header("server") {
                self.findings.fact(facts::SERVER, server, &here);
            }
            let skew = fault.as_ref().and_then(|fault| fault.skew_s).or(skew);
            if let Some(skew) = skew {
                self.findings.fact(facts::SKEW_S, skew, &here);
                if fault.as_ref().is_none_or(|fault| fault.kind != FaultKind::Clock)
                    && skew.abs() > self.settings.skew_s
                {
                    let finding = telling::skewed(&self.asker.store, Some(skew)).level("warn");
                    self.findings.add(finding.detail("limit-s", MAX_SKEW_S.to_string()).cite(heard.id));
                }
            }
            let Some(fault) = fault else {
                self.place(&here);
                return Ok(true);
            };
            if fault.kind == FaultKind::Denied && self.settings.signed() {
                self.place(&here);
                return Ok(false);
            }
            if fault.kind == FaultKind::Denied && self.hop_limited(heard.id) {
                return Err("the metadata service of this machine gives no credentials to containers".into());
            }
            self.findings.add(telling::fault(&self.asker.store, &fault).cite(heard.id));
            return Err(format!("{} answers, and refuses: {}", self.asker.store.authority(), fault.label()));
        }
    }

    /// Facts about where the store is, once it is that.
    fn place(&mut self, here: &Evidence) {
        let store = &self.asker.store;
        self.findings.fact(facts::REGION, store.region(), here);
        self.findings.fact(facts::ENDPOINT, store.endpoint().url(), here);
        self.findings.fact(facts::ADDRESSING, store.addressing().as_str(), here);
        self.findings.fact(facts::ACCESS, settings::access_word(store.access()), here);
    }

    /// No answer. A bucket's own host name that leads nowhere is told from a store that is
    /// not there by asking once more with the bucket in the path.
    fn unanswered(&mut self, heard: &Heard, failure: &seaworthy_check_sdk::Failure) -> String {
        let store = self.asker.store.clone();
        let reason = format!("{} does not answer: {}", store.authority(), failure.message);
        if failure.kind == "denied" {
            return reason;
        }
        let by_name = failure.kind.starts_with("dns-") || failure.stage == "tls";
        if store.addressing() == Addressing::VirtualHost && by_name {
            self.asker.store = store.addressed(Addressing::Path);
            let again = self.ask(Request::list(self.settings.names.prefix(), 1, None));
            if again.outcome.is_ok() {
                self.findings.add(telling::virtual_host(&store, failure).cite(heard.id).and(again.id));
                return format!("{} does not answer, and {} does", store.authority(), self.asker.store.authority());
            }
        }
        self.findings.add(telling::failure(&store, failure).cite(heard.id));
        reason
    }
}

seaworthy_check_sdk::export_check!(S3);
