//! Faults and failures as findings.

use crate::codes;
use s3_client::{Access, Checksum, Fault, FaultKind, Store};
use seaworthy_check_sdk::{Failure, FindingBuilder};

/// The configuration cannot be used.
#[must_use]
pub fn not_configured(subject: &str, why: &str) -> FindingBuilder {
    codes::S3_NOT_CONFIGURED.at(subject).message(why)
}

/// One half of the credentials is not set.
#[must_use]
pub fn incomplete(missing: &str) -> FindingBuilder {
    codes::S3_CREDENTIALS_INCOMPLETE
        .at(missing)
        .message(format!("{missing} is not set, and the other half of the credentials is"))
        .expected("both, or none for a public bucket")
}

/// A secret has blanks around it.
#[must_use]
pub fn whitespace(variable: &str) -> FindingBuilder {
    codes::S3_CREDENTIALS_WHITESPACE
        .at(variable)
        .message(format!("the value of {variable} begins or ends with a blank or a line break"))
}

/// The clocks differ.
#[must_use]
pub fn skewed(store: &Store, skew_s: Option<i64>) -> FindingBuilder {
    let at = store.authority();
    let message = match skew_s {
        Some(skew) => {
            let way = if skew < 0 { "behind" } else { "ahead of" };
            format!("this machine's clock is {} s {way} that of {at}", skew.unsigned_abs())
        }
        None => format!("this machine's clock differs from that of {at} by more than it takes"),
    };
    let finding = codes::S3_CLOCK_SKEW.at(store.endpoint().url()).message(message).expected("at most 900 s");
    match skew_s {
        Some(skew) => finding.observed(format!("{skew} s")).detail("skew-s", skew.to_string()),
        None => finding,
    }
}

/// The bucket's own host name leads nowhere, and the store's does.
#[must_use]
pub fn virtual_host(store: &Store, failure: &Failure) -> FindingBuilder {
    let host = store.authority();
    codes::S3_VIRTUAL_HOST
        .at(store.endpoint().url())
        .message(format!(
            "{host} cannot be used ({}), and {} with the bucket in the path answers",
            failure.message,
            store.endpoint().url()
        ))
        .observed(&failure.message)
        .expected("addressing = \"path\"")
        .detail("host", host)
        .detail("kind", &failure.kind)
}

/// A permission is missing.
#[must_use]
pub fn denied(store: &Store, fault: &Fault, permission: &str) -> FindingBuilder {
    let words = fault.words.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    codes::S3_DENIED
        .at(store.endpoint().url())
        .message(format!("{permission} is not permitted in the bucket {} ({}){words}", store.bucket(), fault.label()))
        .observed(fault.label())
        .expected(permission)
        .detail("permission", permission)
        .detail("bucket", store.bucket())
}

/// An object that is not there cannot be told from one that may not be read.
#[must_use]
pub fn missing_is_forbidden(store: &Store) -> FindingBuilder {
    codes::S3_MISSING_IS_FORBIDDEN
        .at(store.endpoint().url())
        .message(format!(
            "in the bucket {} an object that is there is read, and one that is not is answered with 403",
            store.bucket()
        ))
        .observed("403 for what is not there")
        .expected("404, which wants s3:ListBucket")
        .detail("permission", "s3:ListBucket")
        .detail("bucket", store.bucket())
}

/// The answers of the machine's metadata service do not get into the container.
#[must_use]
pub fn hop_limit(store: &Store, kind: &str) -> FindingBuilder {
    codes::S3_METADATA_HOP_LIMIT
        .at(store.endpoint().url())
        .message(format!(
            "there are no credentials, and the metadata service of this machine takes connections and is not heard in this {kind} container"
        ))
        .observed("a connection, and no answer to the request for a token")
        .expected("a token")
        .detail("container", kind)
        .likely()
}

/// One key is slowed down, and others are not.
#[must_use]
pub fn hot_key(store: &Store, key: &str, label: &str) -> FindingBuilder {
    codes::S3_HOT_KEY
        .at(store.endpoint().url())
        .message(format!(
            "{} slows down requests for the key {key} ({label}), and answers those for another",
            store.authority()
        ))
        .observed(label)
        .detail("key", key)
        .detail("bucket", store.bucket())
}

/// An upload with a checksum is not taken, one without is.
#[must_use]
pub fn checksum_refused(store: &Store, way: Checksum, label: &str) -> FindingBuilder {
    let (form, words) = match way {
        Checksum::Header => ("checksum", "with a checksum in a header"),
        Checksum::Trailer => ("chunked", "in chunks with a checksum behind them"),
    };
    codes::S3_CHECKSUM_REFUSED
        .at(store.endpoint().url())
        .message(format!("{} stores a plain object, and not one that is sent {words} ({label})", store.authority()))
        .observed(label)
        .expected("the object, as it was sent")
        .detail("form", form)
        .detail("code", label)
}

/// A small object is stored, a large one is refused for its size.
#[must_use]
pub fn body_limit(store: &Store, bytes: usize, seen: &str, server: Option<&str>) -> FindingBuilder {
    let who = server.map(|server| format!(" by {server}")).unwrap_or_default();
    let finding = codes::S3_BODY_LIMIT
        .at(store.endpoint().url())
        .message(format!(
            "{} stores a small object, and one of {bytes} bytes is refused{who} ({seen})",
            store.authority()
        ))
        .observed(seen)
        .detail("bytes", bytes.to_string())
        .detail("status", seen);
    let finding = match server {
        Some(server) => finding.detail("server", server),
        None => finding,
    };
    // Of a connection that ends nobody says why.
    if seen.bytes().all(|b| b.is_ascii_digit()) { finding } else { finding.likely() }
}

/// What was stored did not come back.
#[must_use]
pub fn round_trip(store: &Store, what: &str) -> FindingBuilder {
    codes::S3_ROUND_TRIP
        .at(store.endpoint().url())
        .message(format!("a small object was stored in the bucket {} and read again, and {what}", store.bucket()))
        .observed(what)
        .expected("the same bytes and metadata")
}

/// What was stored came back without its metadata.
#[must_use]
pub fn metadata_lost(store: &Store) -> FindingBuilder {
    codes::S3_METADATA_LOST
        .at(store.endpoint().url())
        .message(format!("{} keeps no x-amz-meta headers with an object", store.authority()))
        .observed("the object without them")
        .expected("the headers that it was stored with")
}

/// No answer came.
#[must_use]
pub fn failure(store: &Store, failure: &Failure) -> FindingBuilder {
    let (code, what) = match (failure.kind.as_str(), failure.stage.as_str()) {
        (_, stage) if stage.contains("proxy") => (codes::S3_PROXY, "was not asked, since the proxy failed"),
        ("timeout", _) => (codes::S3_SLOW, "did not answer in time"),
        (_, "tls") => (codes::S3_TLS, "has no TLS that is trusted here"),
        (_, "secret") => (codes::S3_REFUSED, "could not be asked with these credentials"),
        _ => (codes::S3_UNREACHABLE, "cannot be reached"),
    };
    code.at(store.endpoint().url())
        .message(format!("{} {what}: {}", store.authority(), failure.message))
        .observed(&failure.message)
        .detail("kind", &failure.kind)
        .detail("stage", &failure.stage)
        .detail("host", store.authority())
}

/// The store refuses, and not for want of a permission that is tried by itself.
#[must_use]
pub fn fault(store: &Store, fault: &Fault) -> FindingBuilder {
    let (at, bucket, label) = (store.authority(), store.bucket(), fault.label());
    let (code, message) = match fault.kind {
        FaultKind::Clock => return with_code(skewed(store, fault.skew_s), fault),
        FaultKind::UnknownKey => (codes::S3_UNKNOWN_KEY, format!("{at} does not know the access key ({label})")),
        FaultKind::WrongSecret => {
            (codes::S3_WRONG_SECRET, format!("{at} knows the access key, and the secret is not its own ({label})"))
        }
        FaultKind::ExpiredToken => (codes::S3_EXPIRED_TOKEN, format!("{at} says that the session token has expired")),
        FaultKind::InvalidToken => {
            (codes::S3_INVALID_TOKEN, format!("{at} says that the session token is not that of the access key"))
        }
        FaultKind::WrongRegion | FaultKind::Redirected => {
            let right = fault.region.as_deref().filter(|region| *region != store.region());
            match (right, &fault.endpoint) {
                (Some(region), _) => (
                    codes::S3_WRONG_REGION,
                    format!("the bucket {bucket} is in {region}, and requests are signed for {}", store.region()),
                ),
                (None, Some(endpoint)) => {
                    (codes::S3_REDIRECTED, format!("the bucket {bucket} is to be asked for at {endpoint}, not at {at}"))
                }
                (None, None) if fault.kind == FaultKind::WrongRegion => (
                    codes::S3_WRONG_REGION,
                    format!("{at} does not take the region {} ({label}), and names no other", store.region()),
                ),
                (None, None) => {
                    (codes::S3_REDIRECTED, format!("the bucket {bucket} is elsewhere than at {at} ({label})"))
                }
            }
        }
        FaultKind::NoSuchBucket | FaultKind::Absent => {
            (codes::S3_NO_BUCKET, format!("there is no bucket {bucket} at {at} ({label})"))
        }
        FaultKind::BucketName => {
            (codes::S3_NOT_CONFIGURED, format!("{at} does not take `{bucket}` for the name of a bucket ({label})"))
        }
        FaultKind::Denied if store.access() == Access::Anonymous => (
            codes::S3_CREDENTIALS_MISSING,
            format!("the bucket {bucket} at {at} was asked without credentials, and wants some ({label})"),
        ),
        FaultKind::Denied => {
            (codes::S3_DENIED, format!("the credentials may not do that in the bucket {bucket} ({label})"))
        }
        FaultKind::Busy => (codes::S3_BUSY, format!("{at} asks for fewer requests ({label})")),
        FaultKind::Unavailable => (codes::S3_OUT_OF_ORDER, format!("{at} is out of order ({label})")),
        FaultKind::Full => (codes::S3_FULL, format!("{at} has no room left for the bucket {bucket} ({label})")),
        FaultKind::Proxy => (codes::S3_PROXY, format!("a proxy before {at} wants credentials ({label})")),
        FaultKind::NotS3 => (codes::S3_NOT_S3, format!("what answers at {at} is no S3 (status {})", fault.status)),
        _ => (codes::S3_REFUSED, format!("{at} answers {label}")),
    };
    let mut finding = code.at(store.endpoint().url()).message(message).observed(&label).detail("bucket", bucket);
    if let Some(region) = &fault.region {
        finding = finding.detail("region", region).detail("signed-for", store.region());
    }
    if let Some(endpoint) = &fault.endpoint {
        finding = finding.detail("endpoint", endpoint);
    }
    if let Some(after) = fault.retry_after_ms {
        finding = finding.detail("retry-after-ms", after.to_string());
    }
    with_code(finding, fault)
}

fn with_code(finding: FindingBuilder, fault: &Fault) -> FindingBuilder {
    finding.detail("code", fault.label()).detail("status", fault.status.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3_client::{Addressing, Answer};
    use seaworthy_check_sdk::Evidence;
    use seaworthy_check_sdk::Findings;

    const SIGNED: Access = Access::Signed { session_token: false };

    /// Code, message and details of a finding.
    fn told(finding: FindingBuilder) -> (String, String, Vec<(String, String)>) {
        let mut findings = Findings::new();
        findings.add(finding.cite(1));
        let outcome = findings.conclude("", Evidence::one(1));
        let finding = outcome.findings.into_iter().next().unwrap();
        (finding.code, finding.message, finding.details)
    }

    fn store(access: Access) -> Store {
        Store::new(Some("http://minio:9000"), "cache", Some("us-east-1"), Addressing::Auto, access).unwrap()
    }

    fn read(status: u16, inner: &str) -> Fault {
        let body = format!("<Error>{inner}</Error>");
        Fault::read(&Answer { status, body: body.into(), ..Answer::default() })
    }

    #[test]
    fn each_refusal_has_a_code_of_its_own() {
        for (status, inner, code) in [
            (403, "<Code>RequestTimeTooSkewed</Code>", "s3.clock-skew"),
            (403, "<Code>InvalidAccessKeyId</Code>", "s3.unknown-key"),
            (403, "<Code>SignatureDoesNotMatch</Code>", "s3.wrong-secret"),
            (400, "<Code>ExpiredToken</Code>", "s3.expired-token"),
            (400, "<Code>InvalidToken</Code>", "s3.invalid-token"),
            (400, "<Code>AuthorizationHeaderMalformed</Code><Region>eu-1</Region>", "s3.wrong-region"),
            (400, "<Code>IllegalLocationConstraintException</Code>", "s3.wrong-region"),
            (301, "<Code>PermanentRedirect</Code><Endpoint>other.test</Endpoint>", "s3.redirected"),
            (404, "<Code>NoSuchBucket</Code>", "s3.no-bucket"),
            (400, "<Code>InvalidBucketName</Code>", "s3.not-configured"),
            (403, "<Code>AccessDenied</Code>", "s3.denied"),
            (503, "<Code>SlowDown</Code>", "s3.busy"),
            (500, "<Code>InternalError</Code>", "s3.out-of-order"),
            (507, "<Code>XMinioStorageFull</Code>", "s3.full"),
            (400, "<Code>InvalidArgument</Code>", "s3.refused"),
        ] {
            assert_eq!(told(fault(&store(SIGNED), &read(status, inner))).0, code, "{inner}");
        }
        let anonymous = fault(&store(Access::Anonymous), &read(403, "<Code>AccessDenied</Code>"));
        assert_eq!(told(anonymous).0, "s3.credentials-missing");
    }

    #[test]
    fn the_right_region_and_the_skew_are_details() {
        let (_, message, details) =
            told(fault(&store(SIGNED), &read(400, "<Code>AuthorizationHeaderMalformed</Code><Region>eu-1</Region>")));
        assert!(message.contains("is in eu-1, and requests are signed for us-east-1"), "{message}");
        assert!(details.contains(&("region".into(), "eu-1".into())));
        let (_, message, details) = told(skewed(&store(SIGNED), Some(-3600)));
        assert!(message.contains("3600 s behind that of minio:9000"), "{message}");
        assert!(details.contains(&("skew-s".into(), "-3600".into())));
    }

    #[test]
    fn failures_are_told_apart() {
        let failed = |kind: &str, stage: &str| {
            let failure = Failure {
                kind: kind.into(),
                stage: stage.into(),
                os_code: None,
                message: "why".into(),
                details: vec![],
            };
            told(super::failure(&store(SIGNED), &failure)).0
        };
        assert_eq!(failed("connection-refused", "connect"), "s3.unreachable");
        assert_eq!(failed("dns-not-found", "dns"), "s3.unreachable");
        assert_eq!(failed("timeout", "head"), "s3.slow");
        assert_eq!(failed("tls-unknown-issuer", "tls"), "s3.tls");
        assert_eq!(failed("protocol", "proxy"), "s3.proxy");
    }
}
