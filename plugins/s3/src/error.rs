//! Faults of the store and failures of the way there as errors of the cache.

use s3_client::{Access, Answer, Fault, FaultKind, Store};
use seaworthy_adapter_sdk::CacheError;
pub(crate) use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;

/// No answer came.
///
/// *Behaviour*: a body that ended early is `integrity`, since a part of a value came; a
/// certificate that is not trusted does not become so by waiting, so that is permanent.
pub(crate) fn of_failure(operation: &str, store: &Store, failure: &Failure) -> CacheError {
    let at = store.authority();
    let said = &failure.message;
    let error = match (failure.kind.as_str(), failure.stage.as_str()) {
        ("denied", _) => CacheError::new("denied", "permanent", operation, format!("{at} may not be asked: {said}")),
        ("not-found", "secret") => {
            CacheError::unauthenticated(operation, format!("the request cannot be signed: {said}"))
        }
        ("invalid", "secret") => CacheError::configuration(
            operation,
            format!("the credentials cannot be used: {said}; look for blanks and line breaks around them"),
        ),
        ("invalid", _) => CacheError::configuration(operation, format!("{at} cannot be asked: {said}")),
        ("timeout", _) => CacheError::timed_out(operation, format!("{at} did not answer in time: {said}")),
        (_, "body") => CacheError::new(
            "integrity",
            "temporary",
            operation,
            format!("the answer of {at} ended before it was complete: {said}"),
        ),
        (_, "tls") => CacheError::new(
            "unreachable",
            "permanent",
            operation,
            format!(
                "no TLS connection to {at}: {said}; is the certificate that of this host, and its issuer trusted here?"
            ),
        ),
        (kind, _) if kind.starts_with("dns-") => {
            CacheError::unreachable(operation, format!("{at} cannot be resolved: {said}{}", addressing_hint(store)))
        }
        _ => CacheError::unreachable(operation, format!("{at} cannot be reached: {said}")),
    };
    error.with("failure", &failure.kind).with("stage", &failure.stage).with("host", at)
}

fn addressing_hint(store: &Store) -> &'static str {
    match store.addressing() {
        s3_client::Addressing::VirtualHost => {
            "; where the store has no names for its buckets, set addressing = \"path\""
        }
        _ => "",
    }
}

/// The store answered, and not with what was asked for.
///
/// *Behaviour*: a refusal by a store whose clock, by its own Date, differs by more than
/// any store takes is one for that reason, also where it names another: Garage and all
/// answers to a HEAD do not say so.
pub(crate) fn of_answer(operation: &str, store: &Store, answer: &Answer, now_ms: u64) -> CacheError {
    of_fault(operation, store, &Fault::read_at(answer, now_ms / 1000))
}

/// The same of an answer that was read already.
pub(crate) fn of_fault(operation: &str, store: &Store, fault: &Fault) -> CacheError {
    let (bucket, at) = (store.bucket(), store.authority());
    let label = fault.label();
    let anonymous = store.access() == Access::Anonymous;
    let own_words = || fault.words.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    let error = match fault.kind {
        FaultKind::NoSuchBucket => CacheError::configuration(
            operation,
            format!("there is no bucket {bucket} at {at}; create it, or correct CACHE_S3_BUCKET"),
        ),
        FaultKind::BucketName => {
            CacheError::configuration(operation, format!("{at} does not take `{bucket}` for the name of a bucket"))
        }
        FaultKind::Clock => {
            let by = fault.skew_s.map(|skew| format!(" by {} s", skew.unsigned_abs())).unwrap_or_default();
            let way = match fault.skew_s {
                Some(skew) if skew < 0 => " behind",
                Some(_) => " ahead",
                None => "",
            };
            CacheError::clock(
                operation,
                format!("this machine's clock differs from that of {at}{by}{way}; set it by NTP"),
            )
        }
        FaultKind::UnknownKey => CacheError::unauthenticated(
            operation,
            format!("{at} does not know the access key id ({label}); is it one of this store, and not removed?"),
        ),
        FaultKind::WrongSecret => CacheError::unauthenticated(
            operation,
            format!("the secret access key is not that of the access key id ({label}); set AWS_SECRET_ACCESS_KEY anew"),
        ),
        FaultKind::ExpiredToken => CacheError::unauthenticated(
            operation,
            "the session token has expired; get new temporary credentials, or let the job assume its role shortly before",
        ),
        FaultKind::InvalidToken => CacheError::unauthenticated(
            operation,
            "the session token is not one of this access key id; set all three variables from one and the same source",
        ),
        FaultKind::WrongRegion | FaultKind::Redirected => {
            let right = fault.region.as_deref().filter(|region| *region != store.region());
            let message = match (right, &fault.endpoint) {
                (Some(region), _) => {
                    format!(
                        "the bucket {bucket} is in the region {region}, and requests were signed for {}; set AWS_REGION={region}",
                        store.region()
                    )
                }
                (None, Some(endpoint)) => format!("the bucket {bucket} is to be asked for at {endpoint}, not at {at}"),
                (None, None) => format!(
                    "the bucket {bucket} is elsewhere than at {at} ({label}); check the region and the endpoint"
                ),
            };
            CacheError::configuration(operation, message)
        }
        FaultKind::Denied if anonymous => CacheError::unauthenticated(
            operation,
            format!(
                "the bucket {bucket} does not let everybody {}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                verb(operation)
            ),
        ),
        FaultKind::Denied => CacheError::forbidden(
            operation,
            format!("these credentials may not {} in the bucket {bucket} ({label}){}", verb(operation), own_words()),
        ),
        FaultKind::TooLarge => CacheError::too_large(operation, format!("{at} does not take that much ({label})")),
        FaultKind::Busy => {
            CacheError::rate_limited(operation, format!("{at} asks for fewer requests ({label})"), fault.retry_after_ms)
        }
        FaultKind::Unavailable => CacheError {
            retry_after: fault.retry_after_ms,
            ..CacheError::unreachable(operation, format!("{at} is out of order ({label})"))
        },
        FaultKind::Corrupted => CacheError::new(
            "integrity",
            "temporary",
            operation,
            format!("what arrived at {at} was not what was sent ({label})"),
        ),
        FaultKind::Full => CacheError::new(
            "quota",
            "persistent",
            operation,
            format!("{at} has no room left for the bucket {bucket} ({label}); remove old objects, or raise the quota"),
        ),
        FaultKind::Unsupported => {
            CacheError::unsupported(operation, format!("{at} does not know this request ({label})"))
        }
        FaultKind::Proxy => CacheError::configuration(
            operation,
            format!("a proxy before {at} wants credentials; set them in HTTPS_PROXY, or name the host in NO_PROXY"),
        ),
        FaultKind::NotS3 => CacheError::configuration(
            operation,
            format!(
                "what answers at {at} (status {}) is no S3: a web console on another port, a proxy or a log-in page; check the endpoint",
                fault.status
            ),
        ),
        FaultKind::NoSuchKey | FaultKind::Absent => CacheError::new(
            "other",
            "permanent",
            operation,
            format!("{at} says that something is not there, and not whether the object or the bucket ({label})"),
        ),
        FaultKind::PreconditionFailed | FaultKind::NotModified | FaultKind::Other => {
            CacheError::new("other", "permanent", operation, format!("{at} answered {label}{}", own_words()))
        }
    };
    let mut error = error.with("code", label).with("status", fault.status.to_string()).with("bucket", bucket);
    if fault.kind == FaultKind::Denied {
        error = match permission(operation) {
            Some(permission) => error.with("permission", permission),
            None => error,
        };
    }
    let more = [
        ("region", fault.region.clone()),
        ("endpoint", fault.endpoint.clone()),
        ("skew-s", fault.skew_s.map(|skew| skew.to_string())),
    ];
    more.into_iter().fold(error, |error, (key, value)| match value {
        Some(value) => error.with(key, value),
        None => error,
    })
}

/// What an operation does to a bucket.
fn verb(operation: &str) -> &'static str {
    match operation {
        "put" => "store objects",
        "invalidate" => "remove objects",
        "list" => "list objects",
        _ => "read objects",
    }
}

/// The action of IAM that an operation needs.
fn permission(operation: &str) -> Option<&'static str> {
    match operation {
        "get" | "stat" => Some("s3:GetObject"),
        "put" => Some("s3:PutObject"),
        "invalidate" => Some("s3:DeleteObject"),
        "list" => Some("s3:ListBucket"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3_client::Addressing;

    fn store(access: Access) -> Store {
        Store::new(Some("http://minio:9000"), "cache", None, Addressing::Auto, access).unwrap()
    }

    fn answered(access: Access, status: u16, headers: &[(&str, &str)], code: &str, more: &str) -> CacheError {
        let body = format!("<Error><Code>{code}</Code>{more}</Error>");
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let answer = Answer { status, headers, body: body.into(), truncated: false };
        of_fault("put", &store(access), &Fault::read(&answer))
    }

    fn context<'a>(error: &'a CacheError, key: &str) -> Option<&'a str> {
        error.context.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    const SIGNED: Access = Access::Signed { session_token: false };

    #[test]
    fn faults_become_kinds() {
        for (status, code, kind, retry) in [
            (404, "NoSuchBucket", "configuration", "permanent"),
            (400, "InvalidBucketName", "configuration", "permanent"),
            (403, "RequestTimeTooSkewed", "clock", "permanent"),
            (403, "InvalidAccessKeyId", "unauthenticated", "permanent"),
            (403, "SignatureDoesNotMatch", "unauthenticated", "permanent"),
            (400, "ExpiredToken", "unauthenticated", "permanent"),
            (403, "AccessDenied", "forbidden", "permanent"),
            (400, "EntityTooLarge", "too-large", "permanent"),
            (503, "SlowDown", "rate-limited", "temporary"),
            (500, "InternalError", "unreachable", "temporary"),
            (507, "XMinioStorageFull", "quota", "persistent"),
            (400, "BadDigest", "integrity", "temporary"),
            (400, "InvalidArgument", "other", "permanent"),
        ] {
            let error = answered(SIGNED, status, &[], code, "");
            assert_eq!((error.kind.as_str(), error.retry.as_str()), (kind, retry), "{code}");
            assert_eq!(context(&error, "code"), Some(code));
        }
        assert_eq!(answered(Access::Anonymous, 403, &[], "AccessDenied", "").kind, "unauthenticated");
    }

    #[test]
    fn what_is_known_comes_along() {
        let busy = answered(SIGNED, 503, &[("Retry-After", "7")], "SlowDown", "");
        assert_eq!(busy.retry_after, Some(7_000));
        let denied = answered(SIGNED, 403, &[], "AccessDenied", "<Message>no s3:PutObject</Message>");
        assert_eq!(context(&denied, "permission"), Some("s3:PutObject"));
        assert!(denied.message.contains("no s3:PutObject"));
        let times = "<RequestTime>20150830T123600Z</RequestTime><ServerTime>2015-08-30T13:36:00Z</ServerTime>";
        let clock = answered(SIGNED, 403, &[], "RequestTimeTooSkewed", times);
        assert_eq!(context(&clock, "skew-s"), Some("-3600"));
        assert!(clock.message.contains("3600 s behind"));
        let region = answered(SIGNED, 400, &[], "AuthorizationHeaderMalformed", "<Region>eu-1</Region>");
        assert_eq!(context(&region, "region"), Some("eu-1"));
        assert!(region.message.contains("AWS_REGION=eu-1"));
    }

    #[test]
    fn a_key_id_in_the_servers_words_is_not_repeated() {
        let words = "<Message>Forbidden: No such key: GK31337</Message>";
        assert!(!answered(SIGNED, 403, &[], "AccessDenied", words).message.contains("GK31337"));
    }

    #[test]
    fn failures_become_kinds() {
        for (kind, stage, wanted, retry) in [
            ("connection-refused", "connect", "unreachable", "temporary"),
            ("dns-not-found", "dns", "unreachable", "temporary"),
            ("timeout", "head", "timed-out", "temporary"),
            ("closed", "body", "integrity", "temporary"),
            ("timeout", "body", "timed-out", "temporary"),
            ("certificate", "tls", "unreachable", "permanent"),
            ("denied", "grant", "denied", "permanent"),
            ("not-found", "secret", "unauthenticated", "permanent"),
            ("invalid", "secret", "configuration", "permanent"),
        ] {
            let failure = Failure {
                kind: kind.into(),
                stage: stage.into(),
                os_code: None,
                message: "why".into(),
                details: vec![],
            };
            let error = of_failure("get", &store(SIGNED), &failure);
            assert_eq!((error.kind.as_str(), error.retry.as_str()), (wanted, retry), "{kind} {stage}");
            assert!(error.message.contains("why"));
        }
    }
}
