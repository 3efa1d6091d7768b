//! What these credentials may do, tried one by one.

use crate::asking::Heard;
use crate::{Run, facts, telling};
use s3_client::{Damage, Fault, FaultKind, Record, Request};
use seaworthy_check_sdk::kit::{clock, random};
use seaworthy_check_sdk::{Evidence, Outcome};

/// Bytes of the value that is stored and removed again.
const OBJECT: usize = 1024;

/// What a try brought.
enum Tried {
    Permitted,
    Denied,
    /// Something else is wrong: it has a finding.
    Failed(String),
}

impl Run {
    /// Tries what is needed and not known yet.
    pub(crate) fn permissions(mut self, may_list: bool) -> Result<Outcome, String> {
        // Every probe has a name of its own: stores slow down who asks for one name too
        // often (mozilla/sccache#2070).
        let name = self.settings.names.reserved(&format!("check-{}", random::hex(8)));
        let mut permitted = Vec::new();
        let mut tried = Vec::new();
        if may_list {
            permitted.push("list");
        } else if self.settings.needs("list") {
            let heard = self.ask(Request::list(self.settings.names.prefix(), 1, None));
            if let Tried::Failed(reason) = self.judge(&heard, "s3:ListBucket") {
                return Ok(self.end(&reason));
            }
        }
        let heard = self.ask(Request::get(&name));
        let missing = match self.reading(&heard, may_list) {
            Ok(true) => {
                permitted.push("read");
                None
            }
            Ok(false) => Some(heard.id),
            Err(reason) => return Ok(self.end(&reason)),
        };
        self.constant_key();
        if self.settings.needs("write") && self.settings.may_write {
            match self.writing(&name, missing.filter(|_| !may_list)) {
                Ok(more) => permitted.extend(more),
                Err(reason) => return Ok(self.end(&reason)),
            }
            if permitted.contains(&"write") {
                self.uploads();
            }
        } else if self.settings.needs("write") {
            tried.push("writing was not tried: this run may not write");
        }
        let permitted = permitted.join(",");
        let evidence = self.evidence.clone();
        self.findings.fact(facts::PERMITTED, &permitted, &evidence);
        let permitted = if permitted.is_empty() { "nothing is" } else { &permitted };
        let (bucket, at) = (self.asker.store.bucket(), self.asker.store.authority());
        let mut summary = format!("the bucket {bucket} at {at}: {permitted} permitted");
        for note in tried {
            summary = format!("{summary}; {note}");
        }
        Ok(self.findings.conclude(summary, self.evidence))
    }

    /// An object that is not there is read. Without `s3:ListBucket` a store answers 403 for
    /// one, whatever else is permitted; then nothing is known about reading.
    fn reading(&mut self, heard: &Heard, may_list: bool) -> Result<bool, String> {
        let answer = match &heard.outcome {
            Ok(answer) => answer,
            Err(failure) => return Err(self.broken(heard, failure)),
        };
        let fault = Fault::read(answer);
        match fault.kind {
            FaultKind::NoSuchKey => Ok(true),
            _ if answer.is_success() => Ok(true),
            FaultKind::Denied if !may_list => Ok(false),
            FaultKind::Denied => {
                if self.settings.needs("read") {
                    self.findings.add(telling::denied(&self.asker.store, &fault, "s3:GetObject").cite(heard.id));
                }
                Ok(false)
            }
            _ => Err(self.refused(heard, &fault)),
        }
    }

    /// A small value is stored as the cache does it, read and removed; which of write and delete is permitted.
    fn writing(&mut self, name: &str, missing: Option<u32>) -> Result<Vec<&'static str>, String> {
        let mut permitted = Vec::new();
        let bytes = random::hex(32).bytes().cycle().take(OBJECT).collect();
        let metadata = vec![("check".to_owned(), "größer than <&> \"ASCII\"".to_owned())];
        let record = Record { created: clock::unix_ms(), deadline: None, metadata, bytes };
        let headers = record.headers(name, false).map_err(|error| error.to_string())?;
        let stored = self.ask(Request::put_record(name, record.clone(), headers));
        let written = match self.judge(&stored, "s3:PutObject") {
            Tried::Permitted => true,
            Tried::Denied => false,
            Tried::Failed(reason) => return Err(reason),
        };
        if written {
            permitted.push("write");
            let read = self.ask(Request::get(name));
            match &read.outcome {
                Ok(answer) if answer.is_success() => match Record::read(name, answer.clone()) {
                    Ok(back) if back == record => {
                        // Where listing is meant to be permitted, that it is not is told by itself.
                        if let Some(denied) = missing.filter(|_| !self.settings.needs("list")) {
                            let finding = telling::missing_is_forbidden(&self.asker.store);
                            self.findings.add(finding.cite(denied).and(read.id));
                        }
                    }
                    Err(Damage::Foreign) => {
                        let finding = telling::metadata_lost(&self.asker.store);
                        self.findings.add(finding.cite(stored.id).and(read.id));
                    }
                    Ok(_) | Err(_) => {
                        let finding = telling::round_trip(&self.asker.store, "something else came back");
                        self.findings.add(finding.cite(stored.id).and(read.id));
                    }
                },
                Ok(answer) if Fault::read(answer).kind == FaultKind::Denied => {
                    let fault = Fault::read(answer);
                    self.findings.add(telling::denied(&self.asker.store, &fault, "s3:GetObject").cite(read.id));
                }
                Ok(answer) => {
                    let finding =
                        telling::round_trip(&self.asker.store, &format!("{} came back", Fault::read(answer).label()));
                    self.findings.add(finding.cite(stored.id).and(read.id));
                }
                Err(failure) => {
                    let failure = failure.clone();
                    // It is removed all the same.
                    self.ask(Request::delete(name));
                    return Err(self.broken(&read, &failure));
                }
            }
        }
        if self.settings.needs("delete") || written {
            let removed = self.ask(Request::delete(name));
            match self.judge(&removed, "s3:DeleteObject") {
                Tried::Permitted => permitted.push("delete"),
                Tried::Denied => {}
                Tried::Failed(reason) => return Err(reason),
            }
        }
        Ok(permitted)
    }

    /// Whether a request was let through; where not, with its finding.
    fn judge(&mut self, heard: &Heard, permission: &str) -> Tried {
        let answer = match &heard.outcome {
            Ok(answer) => answer,
            Err(failure) => return Tried::Failed(self.broken(heard, failure)),
        };
        if answer.is_success() {
            return Tried::Permitted;
        }
        let fault = Fault::read(answer);
        match fault.kind {
            FaultKind::NoSuchKey => Tried::Permitted,
            FaultKind::Denied => {
                self.findings.add(telling::denied(&self.asker.store, &fault, permission).cite(heard.id));
                Tried::Denied
            }
            _ => Tried::Failed(self.refused(heard, &fault)),
        }
    }

    fn broken(&mut self, heard: &Heard, failure: &seaworthy_check_sdk::Failure) -> String {
        if failure.kind != "denied" {
            self.findings.add(telling::failure(&self.asker.store, failure).cite(heard.id));
        }
        self.evidence = self.evidence.clone().with(Evidence::one(heard.id).ids());
        format!("{} stopped answering: {}", self.asker.store.authority(), failure.message)
    }

    fn refused(&mut self, heard: &Heard, fault: &Fault) -> String {
        self.findings.add(telling::fault(&self.asker.store, fault).cite(heard.id));
        format!("{} answers, and refuses: {}", self.asker.store.authority(), fault.label())
    }
}
