use crate::answer::Answer;
use crate::timestamp::instant;
use crate::xml::Element;

/// Seconds by which clocks may differ at AWS, MinIO and Garage.
pub const MAX_SKEW_S: i64 = 900;

/// A server's own words are cut here.
const MAX_WORDS: usize = 300;

/// What an answer of an error means, whatever the store calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The object is not there.
    NoSuchKey,
    /// The bucket is not there.
    NoSuchBucket,
    /// Object or bucket is not there, and the answer, to a HEAD, does not say which.
    Absent,
    /// The condition of the request does not hold.
    PreconditionFailed,
    /// The object is still the one that is known.
    NotModified,
    /// The clocks differ by more than a store takes, which is 15 minutes at AWS.
    Clock,
    /// There is no such key id.
    UnknownKey,
    /// The secret access key is not that of the key id.
    WrongSecret,
    /// The session token's time is over.
    ExpiredToken,
    /// The session token is none, or not of this key id.
    InvalidToken,
    /// Signed for another region than the bucket's.
    WrongRegion,
    /// The bucket is asked for elsewhere.
    Redirected,
    /// Not allowed; at some stores also wrong credentials.
    Denied,
    /// Object, key or metadata is larger than the store takes.
    TooLarge,
    /// That is no name of a bucket.
    BucketName,
    /// The store asks to be asked less.
    Busy,
    /// The store, or what stands before it, is out of order for now.
    Unavailable,
    /// What arrived is not what was sent.
    Corrupted,
    /// The store has no room left, or the account's quota is used up.
    Full,
    /// The store does not know this kind of request.
    Unsupported,
    /// A proxy wants credentials.
    Proxy,
    /// What answers is no S3.
    NotS3,
    /// Anything else; the code tells.
    Other,
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it means.
    pub kind: FaultKind,
    /// The HTTP status.
    pub status: u16,
    /// The `Code` of the XML, or MinIO's header where there is no body.
    pub code: Option<String>,
    /// The server's own words. They may name the key id.
    pub words: Option<String>,
    /// The region that the bucket is in, or that the server wants.
    pub region: Option<String>,
    /// Where the bucket is asked for.
    pub endpoint: Option<String>,
    /// Our clock less the server's, in seconds, as the server saw them.
    pub skew_s: Option<i64>,
    /// How long to wait, where the server says.
    pub retry_after_ms: Option<u32>,
}

impl Fault {
    /// Reads an answer of an error. Where it has no body, which is so for every HEAD, the
    /// status is all there is, and `x-amz-bucket-region`.
    #[must_use]
    pub fn read(answer: &Answer) -> Self {
        let element = Element::parse(&answer.body).filter(|root| root.name == "Error");
        let child = |name: &str| element.as_ref().and_then(|e| e.child(name)).map(str::to_owned);
        let header = |name: &str| answer.header(name).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned);
        let code = child("Code").or_else(|| header("x-minio-error-code"));
        let words = child("Message").or_else(|| header("x-minio-error-desc"));
        let text = words.as_deref().unwrap_or_default();
        let kind = match &code {
            Some(code) => by_code(code, answer.status, text),
            None if answer.body.is_empty() || element.is_some() => by_status(answer),
            None => by_page(answer),
        };
        let location = || header("location").and_then(|url| host_of(&url));
        let read = |name: &str| child(name).and_then(|text| instant(&text)).and_then(|s| i64::try_from(s).ok());
        let skew_s = read("RequestTime").zip(read("ServerTime")).map(|(ours, theirs)| ours - theirs);
        let region = header("x-amz-bucket-region").or_else(|| child("Region")).or_else(|| expecting(text));
        // Not every store that names a region in an error means that it is another one.
        let kind = match kind {
            FaultKind::WrongRegion if region.is_none() && code.as_deref() == Some("AuthorizationHeaderMalformed") => {
                FaultKind::UnknownKey
            }
            kind => kind,
        };
        Self {
            kind,
            status: answer.status,
            region,
            endpoint: child("Endpoint").or_else(location),
            skew_s,
            retry_after_ms: answer.retry_after_ms(),
            words: words.map(|words| plain(&words)),
            code: code.map(|code| plain(&code)),
        }
    }

    /// The same, with a look at the clocks: a refusal by a store whose Date differs from
    /// `now`, in seconds since the epoch, by more than any store takes is
    /// [`FaultKind::Clock`], whatever reason it names.
    #[must_use]
    pub fn read_at(answer: &Answer, now: u64) -> Self {
        let fault = Self::read(answer);
        let refused =
            matches!(fault.kind, FaultKind::Denied | FaultKind::WrongSecret | FaultKind::Clock | FaultKind::Other);
        let skew = || i64::try_from(now).ok()?.checked_sub(i64::try_from(answer.date()?).ok()?);
        match fault.skew_s.or_else(skew) {
            Some(skew) if refused && (fault.kind == FaultKind::Clock || skew.abs() > MAX_SKEW_S) => {
                Self { kind: FaultKind::Clock, skew_s: Some(skew), ..fault }
            }
            _ => fault,
        }
    }

    /// An answer that no S3 gives.
    #[must_use]
    pub fn not_s3(answer: &Answer) -> Self {
        Self {
            kind: FaultKind::NotS3,
            status: answer.status,
            code: None,
            words: None,
            region: None,
            endpoint: None,
            skew_s: None,
            retry_after_ms: None,
        }
    }

    /// The code, else the status.
    #[must_use]
    pub fn label(&self) -> String {
        self.code.clone().unwrap_or_else(|| format!("HTTP {}", self.status))
    }
}

/// The codes of AWS (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>)
/// and of MinIO, and what Garage says in its messages: it answers `AccessDenied` also to
/// a wrong secret and to an unknown key, and `InvalidRequest` to a wrong clock.
fn by_code(code: &str, status: u16, words: &str) -> FaultKind {
    match code {
        "NoSuchKey" | "NoSuchVersion" => FaultKind::NoSuchKey,
        "NoSuchBucket" => FaultKind::NoSuchBucket,
        "PreconditionFailed" | "ConditionalRequestConflict" => FaultKind::PreconditionFailed,
        "RequestTimeTooSkewed" | "RequestExpired" => FaultKind::Clock,
        "InvalidAccessKeyId" | "NotSignedUp" => FaultKind::UnknownKey,
        "SignatureDoesNotMatch" => FaultKind::WrongSecret,
        "ExpiredToken" | "TokenRefreshRequired" => FaultKind::ExpiredToken,
        "InvalidToken" | "InvalidTokenId" => FaultKind::InvalidToken,
        "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" | "InvalidRegion" => {
            FaultKind::WrongRegion
        }
        "PermanentRedirect" | "TemporaryRedirect" | "Redirect" => FaultKind::Redirected,
        "AccessDenied" if words.contains("Invalid signature") => FaultKind::WrongSecret,
        "AccessDenied" if words.contains("No such key:") => FaultKind::UnknownKey,
        "InvalidRequest" if words.contains("Date is too old") => FaultKind::Clock,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "UnauthorizedAccess" => FaultKind::Denied,
        "EntityTooLarge" | "MetadataTooLarge" | "KeyTooLongError" | "KeyTooLong" | "MaxMessageLengthExceeded" => {
            FaultKind::TooLarge
        }
        "InvalidBucketName" | "XMinioInvalidBucketName" => FaultKind::BucketName,
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "BandwidthLimitExceeded" => FaultKind::Busy,
        "InternalError" | "RequestTimeout" | "Busy" | "OperationAborted" | "XMinioServerNotInitialized" => {
            FaultKind::Unavailable
        }
        "BadDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody" | "InvalidDigest" => FaultKind::Corrupted,
        "XMinioStorageFull"
        | "XMinioAdminBucketQuotaExceeded"
        | "QuotaExceeded"
        | "StorageCapExceeded"
        | "DownloadCapExceeded"
        | "TransactionCapExceeded" => FaultKind::Full,
        "NotImplemented" | "MethodNotAllowed" => FaultKind::Unsupported,
        _ if status == 429 || (status == 503 && code.contains("SlowDown")) => FaultKind::Busy,
        _ if status >= 500 && status != 501 => FaultKind::Unavailable,
        _ => FaultKind::Other,
    }
}

/// What can be said where there is no body.
fn by_status(answer: &Answer) -> FaultKind {
    match answer.status {
        301 | 302 | 307 | 308 => FaultKind::Redirected,
        304 => FaultKind::NotModified,
        // AWS answers a HEAD for another region so, and tells the right one.
        400 if answer.header("x-amz-bucket-region").is_some() => FaultKind::WrongRegion,
        401 | 403 => FaultKind::Denied,
        404 => FaultKind::Absent,
        405 | 501 => FaultKind::Unsupported,
        407 => FaultKind::Proxy,
        412 => FaultKind::PreconditionFailed,
        413 => FaultKind::TooLarge,
        429 => FaultKind::Busy,
        503 if answer.header("retry-after").is_some() => FaultKind::Busy,
        507 => FaultKind::Full,
        500.. => FaultKind::Unavailable,
        _ => FaultKind::Other,
    }
}

/// What can be said of a page that is no XML of S3: the status of what stands before a
/// store counts, any other page is none of a store.
fn by_page(answer: &Answer) -> FaultKind {
    match answer.status {
        407 | 413 | 429 | 502..=504 | 507 => by_status(answer),
        _ => FaultKind::NotS3,
    }
}

/// `... the region 'us-east-1' is wrong; expecting 'eu-west-1'`.
fn expecting(words: &str) -> Option<String> {
    let (_, rest) = words.split_once("expecting '")?;
    rest.split_once('\'').map(|(region, _)| region.to_owned())
}

fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?']).next().filter(|host| !host.is_empty()).map(str::to_owned)
}

/// A server's words without control characters, cut.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(status: u16, inner: &str) -> Fault {
        let body =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{inner}<RequestId>1</RequestId></Error>");
        Fault::read(&Answer { status, body: body.into(), ..Answer::default() })
    }

    fn bare(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Fault::read(&Answer { status, headers, body: body.into(), truncated: false })
    }

    #[test]
    fn the_code_says_what_it_is() {
        for (status, code, kind) in [
            (404, "NoSuchKey", FaultKind::NoSuchKey),
            (404, "NoSuchBucket", FaultKind::NoSuchBucket),
            (403, "SignatureDoesNotMatch", FaultKind::WrongSecret),
            (403, "InvalidAccessKeyId", FaultKind::UnknownKey),
            (400, "ExpiredToken", FaultKind::ExpiredToken),
            (400, "InvalidToken", FaultKind::InvalidToken),
            (403, "AccessDenied", FaultKind::Denied),
            (400, "EntityTooLarge", FaultKind::TooLarge),
            (400, "InvalidBucketName", FaultKind::BucketName),
            (503, "SlowDown", FaultKind::Busy),
            (503, "ServiceUnavailable", FaultKind::Busy),
            (429, "Whatever", FaultKind::Busy),
            (500, "InternalError", FaultKind::Unavailable),
            (503, "XMinioSomething", FaultKind::Unavailable),
            (501, "NotImplemented", FaultKind::Unsupported),
            (412, "PreconditionFailed", FaultKind::PreconditionFailed),
            (400, "XAmzContentSHA256Mismatch", FaultKind::Corrupted),
            (507, "XMinioStorageFull", FaultKind::Full),
            (400, "InvalidArgument", FaultKind::Other),
        ] {
            let fault = xml(status, &format!("<Code>{code}</Code>"));
            assert_eq!((fault.kind, fault.code.as_deref(), fault.label()), (kind, Some(code), code.to_owned()));
        }
    }

    /// As AWS documents it, <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
    #[test]
    fn a_skewed_clock_comes_with_both_times() {
        let fault = xml(
            403,
            "<Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message>\
             <RequestTime>20150830T123600Z</RequestTime><ServerTime>2015-08-30T13:36:05Z</ServerTime><MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>",
        );
        assert_eq!((fault.kind, fault.skew_s), (FaultKind::Clock, Some(-3605)));
        assert_eq!(xml(403, "<Code>RequestTimeTooSkewed</Code>").skew_s, None);
    }

    #[test]
    fn a_wrong_region_comes_with_the_right_one() {
        let aws = "<Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'</Message>";
        for inner in [format!("{aws}<Region>eu-central-1</Region>"), aws.to_owned()] {
            let fault = xml(400, &inner);
            assert_eq!((fault.kind, fault.region.as_deref()), (FaultKind::WrongRegion, Some("eu-central-1")));
        }
        let malformed = xml(
            400,
            "<Code>AuthorizationHeaderMalformed</Code><Message>a non-empty Access Key (AKID) must be provided</Message>",
        );
        assert_eq!(malformed.kind, FaultKind::UnknownKey, "no region in it: it is the credential that is malformed");
    }

    #[test]
    fn a_redirection_comes_with_where_to() {
        let fault = xml(
            301,
            "<Code>PermanentRedirect</Code><Endpoint>bucket.s3-us-west-2.amazonaws.com</Endpoint><Bucket>bucket</Bucket>",
        );
        assert_eq!(fault.kind, FaultKind::Redirected);
        assert_eq!(fault.endpoint.as_deref(), Some("bucket.s3-us-west-2.amazonaws.com"));
        let head = bare(301, &[("X-Amz-Bucket-Region", "us-west-2"), ("Location", "https://other.test/b/")], "");
        assert_eq!((head.kind, head.region.as_deref()), (FaultKind::Redirected, Some("us-west-2")));
        assert_eq!(head.endpoint.as_deref(), Some("other.test"));
    }

    #[test]
    fn garage_says_it_in_its_message() {
        let said = |code: &str, words: &str| xml(403, &format!("<Code>{code}</Code><Message>{words}</Message>")).kind;
        assert_eq!(said("AccessDenied", "Forbidden: Invalid signature"), FaultKind::WrongSecret);
        assert_eq!(said("AccessDenied", "Forbidden: No such key: GK1"), FaultKind::UnknownKey);
        assert_eq!(said("AccessDenied", "Forbidden: Operation is not allowed for this key."), FaultKind::Denied);
        assert_eq!(said("InvalidRequest", "Bad request: Date is too old"), FaultKind::Clock);
    }

    #[test]
    fn without_a_body_the_status_and_the_headers_speak() {
        for (status, headers, kind) in [
            (404, &[][..], FaultKind::Absent),
            (403, &[], FaultKind::Denied),
            (304, &[], FaultKind::NotModified),
            (412, &[], FaultKind::PreconditionFailed),
            (400, &[("x-amz-bucket-region", "eu-west-1")], FaultKind::WrongRegion),
            (400, &[], FaultKind::Other),
            (503, &[("Retry-After", "3")], FaultKind::Busy),
            (503, &[], FaultKind::Unavailable),
            (404, &[("X-Minio-Error-Code", "NoSuchBucket")], FaultKind::NoSuchBucket),
            (404, &[("X-Minio-Error-Code", "NoSuchKey")], FaultKind::NoSuchKey),
        ] {
            assert_eq!(bare(status, headers, "").kind, kind, "{status} {headers:?}");
        }
        assert_eq!(bare(429, &[("Retry-After", "3")], "slow").retry_after_ms, Some(3_000));
    }

    #[test]
    fn pages_of_others_are_no_errors_of_s3() {
        for (status, kind) in [
            (403, FaultKind::NotS3),
            (404, FaultKind::NotS3),
            (200, FaultKind::NotS3),
            (502, FaultKind::Unavailable),
            (407, FaultKind::Proxy),
            (413, FaultKind::TooLarge),
        ] {
            assert_eq!(bare(status, &[], "<html><body>squid</body></html>").kind, kind, "{status}");
        }
    }

    #[test]
    fn a_clock_that_is_off_explains_a_refusal() {
        let read = |status: u16, now: u64| {
            let headers = vec![("Date".into(), "Fri, 24 May 2013 00:00:00 GMT".into())];
            let answer = Answer { status, headers, ..Answer::default() };
            let fault = Fault::read_at(&answer, now);
            (fault.kind, fault.skew_s)
        };
        let date = 1_369_353_600;
        assert_eq!(read(403, date + 901), (FaultKind::Clock, Some(901)));
        assert_eq!(read(403, date - 3600), (FaultKind::Clock, Some(-3600)));
        assert_eq!(read(403, date + 899), (FaultKind::Denied, None));
        assert_eq!(read(404, date + 3600), (FaultKind::Absent, None), "the clock has nothing to do with it");
    }

    #[test]
    fn words_are_bounded() {
        let fault = xml(400, &format!("<Code>A&#x1b;B</Code><Message>{}</Message>", "x".repeat(10_000)));
        assert_eq!((fault.code.as_deref(), fault.words.map(|w| w.len())), (Some("AB"), Some(MAX_WORDS)));
    }
}
