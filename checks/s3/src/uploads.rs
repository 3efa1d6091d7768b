//! Ways of using a store that other clients have, once the plain ones are known to work.

use crate::asking::Heard;
use crate::{Run, telling};
use s3_client::{Checksum, Fault, FaultKind, Request};
use seaworthy_check_sdk::kit::random;

/// Bytes of an object that is sent with a checksum.
const SMALL: usize = 256;

/// What came of sending an object with a checksum, after one without was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    /// Stored, and what comes back is what was sent.
    Taken,
    /// Refused.
    Refused,
    /// Stored with the marks of its chunks in it.
    Framed,
    /// Something else happened, which is no matter of the way of sending.
    Unknown,
}

/// Judges it from the answer to the upload, and from what was then read.
pub(crate) fn upload(stored: Option<(bool, FaultKind)>, sent: &[u8], back: Option<&[u8]>) -> Upload {
    match (stored, back) {
        (Some((true, _)), Some(back)) if back == sent => Upload::Taken,
        (Some((true, _)), Some(back)) if back.windows(sent.len().max(1)).any(|part| part == sent) => Upload::Framed,
        (Some((true, _)), _) | (None, _) => Upload::Unknown,
        // What is so of any request is so without a checksum too.
        (Some((false, FaultKind::Busy | FaultKind::Unavailable | FaultKind::Denied)), _) => Upload::Unknown,
        (Some((false, _)), _) => Upload::Refused,
    }
}

/// Whether a large object was refused for its size, after a small one was stored.
pub(crate) fn too_large(status: Option<u16>, label: &str, failure: Option<&str>) -> bool {
    // Some proxies answer and hang up before all is sent, so that only the reset is seen.
    status == Some(413)
        || label == "EntityTooLarge"
        || matches!(failure, Some("connection-reset" | "closed" | "broken-pipe"))
}

impl Run {
    /// The one key that a client looks at in every run.
    pub(crate) fn constant_key(&mut self) {
        let Some(key) = self.settings.constant_key.clone() else { return };
        let heard = self.ask(Request::get(&key));
        let Ok(answer) = &heard.outcome else { return };
        let fault = Fault::read(answer);
        if !answer.is_success() && fault.kind == FaultKind::Busy {
            let finding = telling::hot_key(&self.asker.store, &key, &fault.label());
            self.findings.add(finding.cite(heard.id));
        }
    }

    /// What is asked for in the settings beside a small and plain object.
    pub(crate) fn uploads(&mut self) {
        if let Some(way) = self.settings.upload {
            self.with_checksum(way);
        }
        if self.settings.large > 0 {
            self.large();
        }
    }

    fn with_checksum(&mut self, way: Checksum) {
        let name = self.settings.names.reserved(&format!("check-{}", random::hex(8)));
        let sent: Vec<u8> = random::hex(32).bytes().cycle().take(SMALL).collect();
        let stored = self.ask(Request::put_with_checksum(&name, sent.clone(), way));
        let heard = stored.outcome.as_ref().ok().map(|answer| (answer.is_success(), Fault::read(answer)));
        let read = heard.as_ref().filter(|(success, _)| *success).map(|_| self.ask(Request::get(&name)));
        let back = read.as_ref().and_then(|read| read.outcome.as_ref().ok()).filter(|answer| answer.is_success());
        let told = upload(
            heard.as_ref().map(|(success, fault)| (*success, fault.kind)),
            &sent,
            back.map(|answer| answer.body.as_slice()),
        );
        let label = match (&told, &heard) {
            (Upload::Framed, _) => "stored with the marks of its chunks".to_owned(),
            (_, Some((_, fault))) => fault.label(),
            (_, None) => String::new(),
        };
        if matches!(told, Upload::Refused | Upload::Framed) {
            let finding = telling::checksum_refused(&self.asker.store, way, &label).cite(stored.id);
            self.findings.add(match &read {
                Some(read) => finding.and(read.id),
                None => finding,
            });
        }
        self.remove(&name, &stored);
    }

    fn large(&mut self) {
        let name = self.settings.names.reserved(&format!("check-{}", random::hex(8)));
        let bytes: Vec<u8> = random::hex(32).bytes().cycle().take(self.settings.large).collect();
        let stored = self.ask(Request::put(&name, bytes));
        let (status, label, server) = match &stored.outcome {
            Ok(answer) if answer.is_success() => (None, String::new(), None),
            Ok(answer) => {
                (Some(answer.status), Fault::read(answer).label(), answer.header("server").map(str::to_owned))
            }
            Err(_) => (None, String::new(), None),
        };
        let failure = stored.outcome.as_ref().err().map(|failure| failure.kind.clone());
        if too_large(status, &label, failure.as_deref()) {
            let seen = status.map_or_else(|| failure.unwrap_or_default(), |status| status.to_string());
            let finding = telling::body_limit(&self.asker.store, self.settings.large, &seen, server.as_deref());
            self.findings.add(finding.cite(stored.id));
        } else if let (Some(_), Ok(answer)) = (status, &stored.outcome) {
            // A token that ran out meanwhile, a store that is full: as with a small one.
            let fault = Fault::read(answer);
            self.findings.add(telling::fault(&self.asker.store, &fault).cite(stored.id));
        }
        self.remove(&name, &stored);
    }

    /// An upload may have been stored whatever its answer was.
    fn remove(&mut self, name: &str, stored: &Heard) {
        if stored.outcome.as_ref().is_ok_and(s3_client::Answer::is_success) || stored.outcome.is_err() {
            self.ask(Request::delete(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_checksum_is_told_from_a_store_that_refuses_all() {
        let sent = b"abc";
        let ok = Some((true, FaultKind::Absent));
        assert_eq!(upload(ok, sent, Some(b"abc")), Upload::Taken);
        assert_eq!(upload(ok, sent, Some(b"3\r\nabc\r\n0\r\n\r\n")), Upload::Framed);
        assert_eq!(upload(ok, sent, Some(b"xyz")), Upload::Unknown);
        assert_eq!(upload(ok, sent, None), Upload::Unknown);
        assert_eq!(upload(Some((false, FaultKind::Busy)), sent, None), Upload::Unknown);
        assert_eq!(upload(Some((false, FaultKind::Denied)), sent, None), Upload::Unknown);
        assert_eq!(upload(Some((false, FaultKind::NotS3)), sent, None), Upload::Refused);
        assert_eq!(upload(None, sent, None), Upload::Unknown, "no answer is no refusal");
    }

    #[test]
    fn a_limit_of_size_is_told_from_other_refusals() {
        assert!(too_large(Some(413), "413", None) && too_large(Some(400), "EntityTooLarge", None));
        assert!(too_large(None, "", Some("connection-reset")));
        assert!(!too_large(Some(403), "AccessDenied", None) && !too_large(Some(507), "507", None));
        assert!(!too_large(None, "", Some("timeout")) && !too_large(None, "", None));
    }
}
