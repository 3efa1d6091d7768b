use ipld_core::ipld::Ipld;
use std::fmt;

/// An error that the service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its name: `Unauthorized`, `InsufficientStorage` ...
    pub name: String,
    /// What the service says, one line of it where it says many.
    pub message: String,
}

/// What an error means for who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The provider has ended this part of the service.
    Retired,
    /// The space has no provider.
    NotProvisioned,
    /// The space is full, or blocked.
    Full,
    /// A proof has expired, or does not count yet.
    Expired,
    /// A proof was revoked.
    Revoked,
    /// A proof is for another agent.
    OtherAgent,
    /// The proof does not hold this ability on this space.
    NotDelegated,
    /// There is no such upload or blob.
    Absent,
    /// The blob is too large.
    TooLarge,
    /// This service does not have this ability.
    Unknown,
    /// The service asks for patience.
    Busy,
    /// Anything else.
    Other,
}

impl Refusal {
    /// Reads the `error` of a result.
    pub(crate) fn read(error: &Ipld) -> Self {
        let text = |key: &str| match error {
            Ipld::Map(map) => match map.get(key) {
                Some(Ipld::String(text)) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        };
        let message = text("message").unwrap_or("without a message");
        Self { name: text("name").unwrap_or("Error").to_owned(), message: telling(message) }
    }

    /// What it means.
    ///
    /// *Source*: the names of `@storacha/upload-api` 2.8; the messages of
    /// `@ucanto/validator` 10.0; reports of the hosted service after its uploads were
    /// switched off, `ServiceUnavailable: ... capability is currently disabled`.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        let says = |part: &str| self.message.contains(part);
        match self.name.as_str() {
            "ServiceUnavailable" if says("disabled") => Meaning::Retired,
            _ if says("capability is currently disabled") => Meaning::Retired,
            "ServiceUnavailable" | "TooManyRequests" | "RateLimited" => Meaning::Busy,
            "SpaceUnknown" => Meaning::NotProvisioned,
            "InsufficientStorage" if says("has no storage provider") && !says("enough space") => {
                Meaning::NotProvisioned
            }
            "InsufficientStorage" => Meaning::Full,
            "UploadNotFound" | "BlobNotFound" | "RecordNotFound" | "EntryNotFound" => Meaning::Absent,
            "BlobSizeOutsideOfSupportedRange" => Meaning::TooLarge,
            "HandlerNotFound" => Meaning::Unknown,
            "Unauthorized" if says("has expired") || says("is not valid before") => Meaning::Expired,
            "Unauthorized" if says("revoked") => Meaning::Revoked,
            "Unauthorized" if says("Delegation audience is") => Meaning::OtherAgent,
            "Unauthorized" => Meaning::NotDelegated,
            _ => Meaning::Other,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// Of the indented tree in which an authorisation is refused, the line with the
/// reason; of anything else the first line.
fn telling(message: &str) -> String {
    const REASONS: [&str; 5] = ["has expired", "is not valid before", "revoked", "Delegation audience is", "not found"];
    const LONGEST: usize = 300;
    let lines = || message.lines().map(|line| line.trim().trim_start_matches("- "));
    let reason = REASONS.iter().find_map(|reason| lines().find(|line| line.contains(reason)));
    let first = lines().next().unwrap_or_default();
    let told = match reason {
        Some(reason) if reason != first => format!("{first}: {reason}"),
        _ => first.to_owned(),
    };
    told.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Receipt, Reply, vectors};

    fn refused(name: &str) -> Refusal {
        let reply = Reply::read(&vectors::read(&format!("{name}.reply"))).unwrap();
        let Ipld::Map(root) = reply.blocks().get(&reply.blocks().roots[0]).unwrap().value().unwrap() else {
            panic!("a message")
        };
        let Ipld::Map(message) = &root["ucanto/message@7.0.0"] else { panic!("a message") };
        let Ipld::Map(report) = &message["report"] else { panic!("a report") };
        let Some(Ipld::Link(receipt)) = report.values().next() else { panic!("a receipt") };
        Receipt::read(receipt, reply.blocks()).unwrap().out.unwrap_err()
    }

    #[test]
    fn answers_of_the_service_are_understood() {
        for (name, meaning, says) in [
            ("not-provisioned", Meaning::NotProvisioned, "has no storage provider"),
            ("unknown-space", Meaning::NotProvisioned, "Space not found"),
            ("other-agent", Meaning::OtherAgent, vectors::AGENT),
            ("expired", Meaning::Expired, "has expired on Tue Nov 14 2023"),
            ("narrow", Meaning::NotDelegated, "Delegated capability not found"),
            ("unknown", Meaning::Unknown, "does not implement"),
            ("blob-get-none", Meaning::Absent, "not found"),
            ("upload-get-none", Meaning::Absent, "not found"),
        ] {
            let refusal = refused(name);
            assert_eq!(refusal.meaning(), meaning, "{name}: {refusal}");
            assert!(refusal.message.contains(says) && !refusal.message.contains('\n'), "{name}: {refusal}");
        }
    }

    #[test]
    fn a_capability_that_is_switched_off_is_no_overload() {
        let refusal = |name: &str, message: &str| Refusal { name: name.into(), message: message.into() };
        for (name, message, meaning) in [
            ("ServiceUnavailable", "space/blob/add capability is currently disabled", Meaning::Retired),
            ("Error", "upload/add capability is currently disabled", Meaning::Retired),
            ("ServiceUnavailable", "try again later", Meaning::Busy),
            ("InsufficientStorage", "did:key:z has no storage provider with enough space", Meaning::Full),
            ("InsufficientStorage", "did:key:z is blocked", Meaning::Full),
            ("HandlerExecutionError", "boom", Meaning::Other),
        ] {
            assert_eq!(refusal(name, message).meaning(), meaning, "{name} {message}");
        }
    }
}
