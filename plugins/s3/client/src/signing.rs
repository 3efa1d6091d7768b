//! AWS Signature Version 4 in the Authorization header, with the payload in one chunk
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The secrets of an account, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretName {
    /// `AWS_ACCESS_KEY_ID`. Not secret by itself, but nothing that belongs into a log.
    KeyId,
    /// `AWS_SESSION_TOKEN`, of temporary credentials.
    SessionToken,
}

/// A stretch of text of which we may not know the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that is known.
    Text(String),
    /// The text of a secret.
    Secret(SecretName),
}

/// What is done where the secrets are.
pub trait Vault {
    /// Why it was not done.
    type Error;

    /// HMAC-SHA256 of `message`; the key is `prefix` followed by the secret access key.
    ///
    /// # Errors
    /// The secret is not there.
    fn hmac(&mut self, prefix: &str, message: &str) -> Result<[u8; 32], Self::Error>;

    /// SHA-256 of the pieces put together.
    ///
    /// # Errors
    /// One of the secrets is not there.
    fn sha256(&mut self, pieces: &[Piece]) -> Result<[u8; 32], Self::Error>;
}

/// When, where and for what a signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// As `x-amz-date`.
    pub date: &'a str,
    /// `eu-central-1`, `garage`, `auto` ...
    pub region: &'a str,
    /// `s3`.
    pub service: &'a str,
}

impl Scope<'_> {
    fn day(&self) -> &str {
        self.date.get(..8).unwrap_or(self.date)
    }

    fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day(), self.region, self.service)
    }
}

/// The value of the Authorization header.
///
/// *Requires*: `path` and `query` are encoded, the names in `headers` are in lower case
/// and hold `host`; `payload` is the SHA-256 of the body in hex.
///
/// # Errors
/// Those of the vault.
pub fn sign<V: Vault>(
    vault: &mut V,
    scope: &Scope<'_>,
    (method, path, query): (&str, &str, &[(String, String)]),
    headers: &[(&str, Vec<Piece>)],
    payload: &str,
) -> Result<Vec<Piece>, V::Error> {
    let mut sorted: Vec<&(&str, Vec<Piece>)> = headers.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let names: Vec<&str> = sorted.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = Canonical::default();
    canonical.push(&format!("{method}\n{path}\n{}\n", canonical_query(query)));
    for (name, value) in sorted {
        canonical.push(&format!("{name}:"));
        for piece in value {
            match piece {
                Piece::Text(text) => canonical.push(&trimmed(text)),
                Piece::Secret(name) => canonical.secret(*name),
            }
        }
        canonical.push("\n");
    }
    canonical.push(&format!("\n{names}\n{payload}"));
    let hash = canonical.hash(vault)?;
    let text = scope.text();
    let to_sign = format!("{ALGORITHM}\n{}\n{text}\n{}", scope.date, HEXLOWER.encode(&hash));
    let mut key = vault.hmac("AWS4", scope.day())?;
    for step in [scope.region, scope.service, "aws4_request", &to_sign] {
        key = hmac(&key, step.as_bytes());
    }
    Ok(vec![
        Piece::Text(format!("{ALGORITHM} Credential=")),
        Piece::Secret(SecretName::KeyId),
        Piece::Text(format!("/{text}, SignedHeaders={names}, Signature={}", HEXLOWER.encode(&key))),
    ])
}

/// Names and values sorted by their encoded form.
pub(crate) fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<&(String, String)> = query.iter().collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Without blanks around it, and with one for each run of them.
fn trimmed(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // A key of any length is taken, so this does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// A canonical request: text with secrets in it.
#[derive(Default)]
struct Canonical(Vec<Piece>);

impl Canonical {
    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.into())),
        }
    }

    fn secret(&mut self, name: SecretName) {
        self.0.push(Piece::Secret(name));
    }

    /// Asks the vault only where there is something that we do not know.
    fn hash<V: Vault>(&self, vault: &mut V) -> Result<[u8; 32], V::Error> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Ok(Sha256::digest(text.as_bytes()).into()),
            pieces => vault.sha256(pieces),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A vault of published examples, which counts what it is asked.
    pub(crate) struct Open {
        pub(crate) secret: &'static str,
        pub(crate) token: &'static str,
        pub(crate) hashes: usize,
    }

    impl Vault for Open {
        type Error = ();

        fn hmac(&mut self, prefix: &str, message: &str) -> Result<[u8; 32], ()> {
            let key = format!("{prefix}{}", self.secret);
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
            mac.update(message.as_bytes());
            Ok(mac.finalize().into_bytes().into())
        }

        fn sha256(&mut self, pieces: &[Piece]) -> Result<[u8; 32], ()> {
            self.hashes += 1;
            let text: String = pieces.iter().map(|piece| plain(piece, self.token)).collect();
            Ok(Sha256::digest(text).into())
        }
    }

    fn plain(piece: &Piece, token: &str) -> String {
        match piece {
            Piece::Text(text) => text.clone(),
            Piece::Secret(SecretName::KeyId) => "AKID".into(),
            Piece::Secret(SecretName::SessionToken) => token.into(),
        }
    }

    fn text(value: &str) -> Vec<Piece> {
        vec![Piece::Text(value.into())]
    }

    fn signature(pieces: &[Piece]) -> String {
        let text: String = pieces.iter().map(|piece| plain(piece, "")).collect();
        text.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// The examples of the page above, with their request, headers beside the usual
    /// three, and signature.
    #[test]
    fn the_examples_of_the_s3_documentation() {
        let welcome = HEXLOWER.encode(&Sha256::digest("Welcome to Amazon S3."));
        assert_eq!(welcome, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
        let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a str, &'a str);
        let cases: [Case<'_>; 4] = [
            (
                "GET",
                "/test.txt",
                &[],
                &[("range", "bytes=0-9")],
                EMPTY,
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "PUT",
                "/test%24file.text",
                &[],
                &put,
                &welcome,
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            (
                "GET",
                "/",
                &[("lifecycle", "")],
                &[],
                EMPTY,
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "GET",
                "/",
                &[("prefix", "J"), ("max-keys", "2")],
                &[],
                EMPTY,
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ];
        for (method, path, query, more, payload, wanted) in cases {
            let mut vault = Open { secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token: "", hashes: 0 };
            let mut headers = vec![
                ("host", text("examplebucket.s3.amazonaws.com")),
                ("x-amz-date", text("20130524T000000Z")),
                ("x-amz-content-sha256", text(payload)),
            ];
            headers.extend(more.iter().map(|(name, value)| (*name, text(value))));
            let query: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            let scope = Scope { date: "20130524T000000Z", region: "us-east-1", service: "s3" };
            let signed = sign(&mut vault, &scope, (method, path, &query), &headers, payload).unwrap();
            assert_eq!(signature(&signed), wanted, "{method} {path}");
            assert_eq!(vault.hashes, 0, "nothing secret is in these");
        }
    }

    /// From the aws-sig-v4-test-suite: `get-vanilla`, `get-vanilla-query-order-key-case`,
    /// `get-vanilla-query-unreserved`, `post-header-value-case`, `get-header-value-trim`,
    /// `post-sts-header-before`.
    #[test]
    fn the_published_test_suite() {
        const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<(&'a str, Vec<Piece>)>, usize, &'a str);
        let cases: [Case<'_>; 5] = [
            ("GET", &[], None, 0, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "GET",
                &[("Param2", "value2"), ("Param1", "value1")],
                None,
                0,
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "POST",
                &[],
                Some(("my-header1", text("VALUE1"))),
                0,
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
            (
                "POST",
                &[],
                Some(("x-amz-security-token", vec![Piece::Secret(SecretName::SessionToken)])),
                1,
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            ("POST", &[], None, 0, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ];
        for (method, query, more, hashes, wanted) in cases {
            let mut vault = Open { secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token: TOKEN, hashes: 0 };
            let mut headers = vec![("host", text("example.amazonaws.com")), ("x-amz-date", text("20150830T123600Z"))];
            headers.extend(more);
            let query: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            let scope = Scope { date: "20150830T123600Z", region: "us-east-1", service: "service" };
            let signed = sign(&mut vault, &scope, (method, "/", &query), &headers, EMPTY).unwrap();
            assert_eq!(signature(&signed), wanted);
            assert_eq!(vault.hashes, hashes, "the vault hashes only what holds a secret");
        }
    }

    #[test]
    fn blanks_in_a_header_do_not_count() {
        assert_eq!(trimmed("  a   b \t c "), "a b c");
    }
}
