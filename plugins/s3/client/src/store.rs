use crate::addressing::Addressing;
use crate::encoding;
use crate::endpoint::{Endpoint, Provider};
use crate::request::Request;
use crate::signing::{Piece, Scope, SecretName, Vault, canonical_query, sign};
use crate::timestamp::amz_date;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The region of stores that have none, and of AWS where nobody names one.
const DEFAULT_REGION: &str = "us-east-1";

/// With which credentials requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// With none.
    Anonymous,
    /// With a key id and its secret access key, and perhaps a session token.
    Signed {
        /// Whether there is a session token.
        session_token: bool,
    },
}

/// A bucket: where it is, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    endpoint: Endpoint,
    bucket: String,
    region: String,
    /// Whether somebody named the region: in the configuration, or by the host's name.
    region_known: bool,
    virtual_host: bool,
    access: Access,
}

/// Why a configuration is none of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAStore {
    /// The URL cannot be used.
    Url(String),
    /// The bucket's name cannot be one.
    Bucket(String),
    /// The region is none.
    Region(String),
}

impl fmt::Display for NotAStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAStore::Url(why) => write!(f, "the URL of the store cannot be used: {why}"),
            NotAStore::Bucket(why) => write!(f, "that is not the name of a bucket: {why}"),
            NotAStore::Region(why) => write!(f, "that is not a region: {why}"),
        }
    }
}

/// A request ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `GET`, `PUT` ...
    pub method: &'static str,
    /// Absolute.
    pub url: String,
    /// Headers whose text is known.
    pub headers: Vec<(String, String)>,
    /// Headers with secrets in them.
    pub secret_headers: Vec<(String, Vec<Piece>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Store {
    /// A bucket at `url`, or at AWS's own endpoint of the region where there is no URL.
    ///
    /// *Behaviour*: an endpoint that begins with the bucket's name is the one without it,
    /// asked by virtual host. `Auto` is virtual host at AWS for names without a dot, which
    /// no wildcard certificate covers, and path elsewhere.
    ///
    /// # Errors
    /// The URL, the bucket's name or the region cannot be used.
    pub fn new(
        url: Option<&str>,
        bucket: &str,
        region: Option<&str>,
        addressing: Addressing,
        access: Access,
    ) -> Result<Self, NotAStore> {
        let named = region.map(str::trim).filter(|region| !region.is_empty());
        if let Some(region) = named
            && !region.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return Err(NotAStore::Region("a region has letters, digits and hyphens".into()));
        }
        let endpoint = match url {
            Some(url) => Endpoint::parse(url).map_err(NotAStore::Url)?,
            None => Endpoint::aws(named.unwrap_or(DEFAULT_REGION)),
        };
        check_bucket(bucket, endpoint.provider()).map_err(NotAStore::Bucket)?;
        let (endpoint, below) = match endpoint.without(bucket) {
            Some(endpoint) => (endpoint, true),
            None => (endpoint, false),
        };
        let told = if url.is_some() { endpoint.region() } else { None };
        let virtual_host = match addressing {
            _ if below => true,
            Addressing::Path => false,
            Addressing::VirtualHost => !endpoint.is_address(),
            Addressing::Auto => endpoint.provider() == Provider::Aws && !bucket.contains('.'),
        };
        let known = named.map(str::to_owned).or(told);
        Ok(Self {
            endpoint,
            bucket: bucket.into(),
            region_known: known.is_some(),
            region: known.unwrap_or_else(|| DEFAULT_REGION.into()),
            virtual_host,
            access,
        })
    }

    /// The same bucket in another region; at AWS that is another endpoint, too.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let endpoint =
            if self.endpoint.provider() == Provider::Aws { Endpoint::aws(region) } else { self.endpoint.clone() };
        Self { endpoint, region: region.into(), ..self.clone() }
    }

    /// The same bucket, asked with the bucket's name where `addressing` says.
    #[must_use]
    pub fn addressed(&self, addressing: Addressing) -> Self {
        Self { virtual_host: addressing == Addressing::VirtualHost, ..self.clone() }
    }

    /// The region that signatures are made for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether the region was named, rather than taken for want of a name.
    #[must_use]
    pub fn is_region_known(&self) -> bool {
        self.region_known
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How it is asked: path or virtual host.
    #[must_use]
    pub fn addressing(&self) -> Addressing {
        if self.virtual_host { Addressing::VirtualHost } else { Addressing::Path }
    }

    /// With which credentials.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// What the Host header of its requests says.
    #[must_use]
    pub fn authority(&self) -> String {
        self.endpoint.authority(self.virtual_host.then_some(self.bucket.as_str()))
    }

    /// Gives a request its address and its signature.
    ///
    /// # Errors
    /// Those of the vault.
    pub fn sign<V: Vault>(&self, request: Request, now_ms: u64, vault: &mut V) -> Result<Signed, V::Error> {
        let path = self.path(request.object.as_deref());
        let query: Vec<(String, String)> =
            request.query.iter().map(|(name, value)| ((*name).to_owned(), encoding::component(value))).collect();
        let authority = self.authority();
        let mut url = format!("{}://{authority}{path}", self.endpoint.scheme());
        if !query.is_empty() {
            url = format!("{url}?{}", canonical_query(&query));
        }
        let mut headers = request.headers;
        let mut secret_headers = Vec::new();
        if let Access::Signed { session_token } = self.access {
            let (date, payload) = (
                amz_date(now_ms),
                request.payload.map_or_else(|| HEXLOWER.encode(&Sha256::digest(&request.body)), str::to_owned),
            );
            headers.push(("x-amz-date".into(), date.clone()));
            headers.push(("x-amz-content-sha256".into(), payload.clone()));
            if session_token {
                let token = vec![Piece::Secret(SecretName::SessionToken)];
                secret_headers.push(("x-amz-security-token".to_owned(), token));
            }
            let known = headers.iter().map(|(name, value)| (name.as_str(), vec![Piece::Text(value.clone())]));
            let secret = secret_headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
            let mut signed: Vec<(&str, Vec<Piece>)> = known.chain(secret).collect();
            signed.push(("host", vec![Piece::Text(authority)]));
            let scope = Scope { date: &date, region: &self.region, service: "s3" };
            let authorization = sign(vault, &scope, (request.method, &path, &query), &signed, &payload)?;
            secret_headers.push(("authorization".into(), authorization));
        }
        Ok(Signed { method: request.method, url, headers, secret_headers, body: request.body })
    }

    fn path(&self, object: Option<&str>) -> String {
        let base = self.endpoint.base();
        let bucket = if self.virtual_host { String::new() } else { format!("/{}", self.bucket) };
        match object {
            Some(name) => format!("{base}{bucket}/{}", encoding::path(name)),
            None if base.is_empty() && bucket.is_empty() => "/".into(),
            // Not every server takes a bucket without its slash for the same, and every one
            // takes it with.
            None => format!("{base}{bucket}/"),
        }
    }
}

/// The rules of AWS (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>);
/// other stores take more, so for them only what fits into a URL is asked.
fn check_bucket(name: &str, provider: Provider) -> Result<(), String> {
    let most = if provider == Provider::Aws { 63 } else { 255 };
    if name.len() < 3 || name.len() > most {
        return Err(format!("it has {} characters, and must have 3 to {most}", name.len()));
    }
    let strict = provider == Provider::Aws;
    let allowed = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'-' | b'.')
            || (!strict && (b.is_ascii_uppercase() || b == b'_'))
    };
    if !name.bytes().all(allowed) {
        return Err("it has characters other than small letters, digits, hyphens and dots".into());
    }
    let ends_well = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    if !ends_well(name.bytes().next()) || !ends_well(name.bytes().last()) || name.contains("..") {
        return Err("it must begin and end with a letter or a digit, without two dots in a row".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::Open;

    const SIGNED: Access = Access::Signed { session_token: false };

    fn store(url: Option<&str>, bucket: &str, region: Option<&str>, addressing: Addressing) -> Store {
        Store::new(url, bucket, region, addressing, SIGNED).unwrap()
    }

    fn vault() -> Open {
        Open { secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token: "token", hashes: 0 }
    }

    fn url(store: &Store, request: Request) -> String {
        store.sign(request, 1_369_353_600_000, &mut vault()).unwrap().url
    }

    #[test]
    fn a_bucket_stands_in_the_host_or_in_the_path() {
        use Addressing::{Auto, Path, VirtualHost};
        let aws = "https://s3.eu-west-1.amazonaws.com";
        for (at, bucket, addressing, wanted) in [
            (None, "b-1", Auto, "https://b-1.s3.us-east-1.amazonaws.com/k"),
            (Some(aws), "b-1", Auto, "https://b-1.s3.eu-west-1.amazonaws.com/k"),
            (Some(aws), "b-1", Path, "https://s3.eu-west-1.amazonaws.com/b-1/k"),
            // No wildcard certificate covers two labels.
            (Some(aws), "my.bucket", Auto, "https://s3.eu-west-1.amazonaws.com/my.bucket/k"),
            (Some("http://127.0.0.1:9000"), "b-1", Auto, "http://127.0.0.1:9000/b-1/k"),
            (Some("http://127.0.0.1:9000"), "b-1", VirtualHost, "http://127.0.0.1:9000/b-1/k"),
            (Some("http://minio:9000"), "b-1", Auto, "http://minio:9000/b-1/k"),
            (Some("http://minio:9000"), "b-1", VirtualHost, "http://b-1.minio:9000/k"),
            (
                Some("https://s3.us-west-004.backblazeb2.com"),
                "b-1",
                Auto,
                "https://s3.us-west-004.backblazeb2.com/b-1/k",
            ),
            (Some("https://b-1.s3.eu-west-1.amazonaws.com"), "b-1", Path, "https://b-1.s3.eu-west-1.amazonaws.com/k"),
            (Some("https://proxy.test/s3/"), "b-1", Auto, "https://proxy.test/s3/b-1/k"),
        ] {
            assert_eq!(url(&store(at, bucket, None, addressing), Request::get("k")), wanted);
        }
        let bucket = store(Some("http://minio:9000"), "b-1", None, Auto);
        assert_eq!(url(&bucket, Request::head_bucket()), "http://minio:9000/b-1/");
        assert_eq!(url(&bucket.addressed(VirtualHost), Request::head_bucket()), "http://b-1.minio:9000/");
        assert_eq!(
            url(&bucket, Request::list("a b/", 3, Some("t=="))),
            "http://minio:9000/b-1/?continuation-token=t%3D%3D&encoding-type=url&list-type=2&max-keys=3&prefix=a%20b%2F"
        );
        assert_eq!(url(&bucket, Request::get("ä b/c!")), "http://minio:9000/b-1/%C3%A4%20b/c%21");
    }

    #[test]
    fn a_region_is_named_told_or_taken() {
        let region = |at: Option<&str>, named: Option<&str>| {
            let store = store(at, "bucket", named, Addressing::Auto);
            (store.region().to_owned(), store.is_region_known())
        };
        assert_eq!(region(None, None), ("us-east-1".into(), false));
        assert_eq!(region(None, Some("eu-west-3")), ("eu-west-3".into(), true));
        assert_eq!(region(Some("https://s3.us-west-004.backblazeb2.com"), None), ("us-west-004".into(), true));
        assert_eq!(region(Some("http://minio:9000"), None), ("us-east-1".into(), false));
        assert_eq!(region(Some("http://minio:9000"), Some("garage")), ("garage".into(), true));
        let moved = store(None, "bucket", None, Addressing::Auto).in_region("eu-west-1");
        assert_eq!(url(&moved, Request::get("k")), "https://bucket.s3.eu-west-1.amazonaws.com/k");
        let moved = store(Some("http://garage:3900"), "bucket", None, Addressing::Auto).in_region("garage");
        assert_eq!((moved.region(), moved.authority().as_str()), ("garage", "garage:3900"));
    }

    #[test]
    fn secrets_are_pieces_of_headers() {
        let signed = Access::Signed { session_token: true };
        let store = Store::new(None, "bucket", Some("us-east-1"), Addressing::Auto, signed).unwrap();
        let mut vault = vault();
        let request = Request::put("k", b"value".to_vec()).when(crate::Condition::IfNoneMatch("*".into()));
        let sent = store.sign(request, 1_369_353_600_000, &mut vault).unwrap();
        assert_eq!(vault.hashes, 1);
        let names: Vec<&str> = sent.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "if-none-match", "x-amz-date", "x-amz-content-sha256"]);
        assert_eq!(sent.secret_headers[0].1, [Piece::Secret(SecretName::SessionToken)]);
        let [Piece::Text(before), Piece::Secret(SecretName::KeyId), Piece::Text(after)] = &sent.secret_headers[1].1[..]
        else {
            panic!("{:?}", sent.secret_headers)
        };
        assert_eq!(before, "AWS4-HMAC-SHA256 Credential=");
        let all = "SignedHeaders=content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
        assert!(after.starts_with("/20130524/us-east-1/s3/aws4_request, ") && after.contains(all), "{after}");
    }

    #[test]
    fn without_credentials_nothing_is_signed() {
        let store = Store::new(None, "bucket", None, Addressing::Auto, Access::Anonymous).unwrap();
        let sent = store.sign(Request::get("k"), 0, &mut vault()).unwrap();
        assert!(sent.headers.is_empty() && sent.secret_headers.is_empty());
    }

    #[test]
    fn what_is_no_store_says_why() {
        let new = |url: Option<&str>, bucket: &str, region: Option<&str>| {
            Store::new(url, bucket, region, Addressing::Auto, SIGNED).unwrap_err()
        };
        assert!(matches!(new(Some("minio:9000"), "bucket", None), NotAStore::Url(_)));
        assert!(matches!(new(None, "bucket", Some("eu west")), NotAStore::Region(_)));
        for bucket in ["", "ab", "Bucket", "under_score", "a..b", "-ab", "ab-", "a/b", &"x".repeat(64)] {
            assert!(matches!(new(None, bucket, None), NotAStore::Bucket(_)), "{bucket}");
        }
        for bucket in ["a/b", "ä-bucket", "a b c", "?x=y"] {
            assert!(matches!(new(Some("http://minio:9000"), bucket, None), NotAStore::Bucket(_)), "{bucket}");
        }
        assert!(Store::new(Some("http://minio:9000"), "Old_Bucket", None, Addressing::Auto, SIGNED).is_ok());
    }
}
