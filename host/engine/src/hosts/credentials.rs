use super::http::Unsent;
use crate::bindings::wit_credentials::{authorized_http, credentials};
use crate::bindings::wit_net::http;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use seaworthy_model::{Failure, NetRule, Secret};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use url::Url;

/// Bytes of a fingerprint: enough to tell secrets apart, not to find one.
const FINGERPRINT: usize = 6;

type Answer = wasmtime::Result<Result<Vec<u8>, crate::bindings::wit_types::types::Failure>>;

impl credentials::Host for State {
    async fn inspect(&mut self, labels: Vec<String>) -> wasmtime::Result<Vec<credentials::Status>> {
        through!(self, "credentials/credentials.inspect", [labels], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("credentials.inspect", &labels.join(", "), labels.len())?;
            Ok(labels.into_iter().map(|label| status(&scope, label)).collect())
        })
    }

    async fn sha256(&mut self, pieces: Vec<credentials::Piece>) -> Answer {
        through!(self, "credentials/credentials.sha256", [pieces], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("credentials.sha256", "", 1)?;
            Ok(told(assemble(&scope, pieces).map(|text| Sha256::digest(&text).to_vec())))
        })
    }

    async fn hmac_sha256(&mut self, label: String, prefix: Vec<u8>, message: Vec<u8>) -> Answer {
        through!(self, "credentials/credentials.hmac-sha256", [secret = label, prefix, message], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("credentials.hmac-sha256", &label, 1)?;
            Ok(told(secret(&scope, &label).and_then(|(_, secret)| {
                let mut key = prefix;
                key.extend_from_slice(secret.expose().as_bytes());
                let mut mac = Hmac::<Sha256>::new_from_slice(&key)
                    .map_err(|error| Failure::new("invalid", "secret", error.to_string()))?;
                mac.update(&message);
                Ok(mac.finalize().into_bytes().to_vec())
            })))
        })
    }

    async fn ed25519_public(&mut self, label: String) -> Answer {
        through!(self, "credentials/credentials.ed25519-public", [secret = label], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("credentials.ed25519-public", &label, 1)?;
            Ok(told(signing_key(&scope, &label).map(|key| key.verifying_key().to_bytes().to_vec())))
        })
    }

    async fn ed25519_sign(&mut self, label: String, message: Vec<u8>) -> Answer {
        through!(self, "credentials/credentials.ed25519-sign", [secret = label, message], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("credentials.ed25519-sign", &label, 1)?;
            Ok(told(signing_key(&scope, &label).map(|key| key.sign(&message).to_bytes().to_vec())))
        })
    }
}

impl authorized_http::Host for State {
    async fn send(&mut self, requests: Vec<authorized_http::Authorized>) -> wasmtime::Result<Vec<http::Seen>> {
        through!(self, "credentials/authorized-http.send", [requests], {
            let scope = self.scope.clone();
            let requests = requests.into_iter().map(|one| authorize(&scope, one)).collect();
            super::http::send_all(&scope, "authorized-http.send", requests).await
        })
    }
}

fn told(outcome: Result<Vec<u8>, Failure>) -> Result<Vec<u8>, crate::bindings::wit_types::types::Failure> {
    outcome.map_err(|failure| super::failure(&failure))
}

/// The secret called `label` and the variable it comes from, if the step may use it
/// and there is one.
fn secret<'a>(scope: &'a Scope, label: &str) -> Result<(&'a str, &'a Secret), Failure> {
    if !scope.step.grants.secret.iter().any(|grant| grant == label) {
        return Err(scope.step.deny("secret", label));
    }
    let found = scope.run.plan.secrets.get(label);
    found.map(|(source, secret)| (source.as_str(), secret)).ok_or_else(|| {
        Failure::new(
            "not-found",
            "secret",
            format!("no secret `{label}` is set; set the variable that [vars] names for it"),
        )
    })
}

fn status(scope: &Scope, label: String) -> credentials::Status {
    let found = secret(scope, &label);
    let details: Vec<(String, String)> = match &found {
        Ok((_, secret)) => {
            let text = secret.expose();
            let mut details = vec![
                ("length".to_owned(), text.chars().count().to_string()),
                ("fingerprint".to_owned(), fingerprint(&scope.run.salt, text)),
                ("whitespace".to_owned(), (text.trim() != text).to_string()),
            ];
            details.extend(form(text).map(|form| ("form".to_owned(), form.to_owned())));
            details
        }
        Err(_) => Vec::new(),
    };
    let source = found.as_ref().ok().map(|(source, _)| (*source).to_owned());
    let answer = match &found {
        Err(failure) if failure.kind == "denied" => Err(failure),
        _ => Ok(json!({ "present": source.is_some(), "source": source,
                        "details": super::object(details.iter().map(|(k, v)| (k, v))) })),
    };
    let id = scope.record("credentials.inspect", json!({ "label": label }), answer, Duration::ZERO);
    credentials::Status { id, label, present: source.is_some(), source, details }
}

fn fingerprint(salt: &[u8], text: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(text).finalize();
    HEXLOWER.encode(digest.get(..FINGERPRINT).unwrap_or_default())
}

/// What a secret looks like by its beginning, where the issuer marks it.
fn form(text: &str) -> Option<&'static str> {
    const FORMS: [(&str, &str); 6] = [
        // https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
        ("ghp_", "github-token"),
        ("ghs_", "github-app-token"),
        ("github_pat_", "github-fine-grained-token"),
        ("gho_", "github-oauth-token"),
        ("Mg", "ed25519-multibase"),
        ("eyJ", "jwt"),
    ];
    FORMS.iter().find(|(beginning, _)| text.starts_with(beginning)).map(|(_, form)| *form)
}

/// The pieces put together.
fn assemble(scope: &Scope, pieces: Vec<credentials::Piece>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for piece in pieces {
        text.extend_from_slice(&piece.bytes);
        if let Some(label) = &piece.secret {
            let (_, secret) = secret(scope, label)?;
            match piece.encoding.as_str() {
                "text" => text.extend_from_slice(secret.expose().as_bytes()),
                "base64" => text.extend_from_slice(BASE64.encode(secret.expose().as_bytes()).as_bytes()),
                other => {
                    let message = format!("`{other}` is no encoding of a secret; there are: text, base64");
                    return Err(Failure::new("invalid", "secret", message));
                }
            }
        }
    }
    Ok(text)
}

/// Puts the secrets into the headers of a request.
fn authorize(scope: &Scope, one: authorized_http::Authorized) -> Result<http::Request, Box<Unsent>> {
    let mut request = one.request;
    let mut headers = Vec::with_capacity(one.headers.len());
    for header in one.headers {
        let secret = header.value.iter().find_map(|piece| piece.secret.clone());
        let allowed = secret.map_or(Ok(()), |label| may_carry(scope, &request.url, &label));
        let value = allowed.and_then(|()| assemble(scope, header.value)).and_then(|bytes| {
            // The text is not repeated: it may be a token.
            String::from_utf8(bytes)
                .map_err(|_| Failure::new("invalid", "secret", format!("the header `{}` is not text", header.name)))
        });
        match value {
            Ok(value) => headers.push((header.name, value)),
            Err(failure) => return Err(Box::new(Unsent { request, failure })),
        }
    }
    request.headers.extend(headers);
    Ok(request)
}

/// Whether a secret may travel to `url`: over TLS, or to a host that the policy names.
fn may_carry(scope: &Scope, url: &str, label: &str) -> Result<(), Failure> {
    let parsed = Url::parse(url)
        .map_err(|error| Failure::new("invalid", "parse", format!("the URL cannot be requested: {error}")))?;
    if parsed.scheme() == "https" || scope.step.grants.net.iter().any(|rule| names(rule, &parsed)) {
        return Ok(());
    }
    let host = parsed.host_str().unwrap_or("nowhere");
    let port = parsed.port_or_known_default().unwrap_or(80);
    let message = format!(
        "`{label}` is not sent to {host} without TLS unless the policy names that address; use https, or add to \
         checks.toml: {}",
        scope.step.grantor.line("net", &format!("{host}:{port}"))
    );
    Err(Failure::new("denied", "secret", message))
}

/// Whether a rule names the very host and port of a URL.
fn names(rule: &NetRule, url: &Url) -> bool {
    let place = url.host_str().zip(url.port_or_known_default());
    place.is_some_and(|(host, port)| rule.names(host, port))
}

/// The Ed25519 key that a secret holds.
fn signing_key(scope: &Scope, label: &str) -> Result<SigningKey, Failure> {
    let (source, secret) = secret(scope, label)?;
    seed(secret.expose().trim()).map(|seed| SigningKey::from_bytes(&seed)).ok_or_else(|| {
        let message = format!("{source} holds no Ed25519 key: neither 64 hex digits, nor base64 of 32 bytes, nor the multibase text of an agent (`Mg...`)");
        Failure::new("invalid", "secret", message)
    })
}

/// The 32 bytes of a key's seed.
fn seed(text: &str) -> Option<[u8; 32]> {
    // Multibase base64pad of a multicodec ed25519-priv (0x1300 as a varint), the seed, and
    // the public key with its own multicodec (https://github.com/multiformats/multicodec).
    const ED25519_PRIVATE: [u8; 2] = [0x80, 0x26];
    if text.len() == 64 {
        return HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok();
    }
    if let Some(bytes) = text.strip_prefix('M').and_then(|rest| BASE64.decode(rest.as_bytes()).ok())
        && let Some(rest) = bytes.strip_prefix(&ED25519_PRIVATE)
    {
        return rest.get(..32)?.try_into().ok();
    }
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    #[test]
    fn keys_are_read_in_three_forms() {
        let agent: Vec<u8> = [&[0x80, 0x26][..], &SEED, &[0xed, 0x01], &[9; 32]].concat();
        for text in [HEXLOWER.encode(&SEED), BASE64.encode(&SEED), format!("M{}", BASE64.encode(&agent))] {
            assert_eq!(seed(&text), Some(SEED), "{text}");
        }
        for wrong in ["", "Mg", "abc", &"0".repeat(63), &"zz".repeat(32), &BASE64.encode(&[1; 31])] {
            assert_eq!(seed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_a_named_host_gets_a_secret_without_tls() {
        let url = |text: &str| Url::parse(text).unwrap();
        let rule = |text: &str| text.parse::<NetRule>().unwrap();
        assert!(names(&rule("minio:9000"), &url("http://MINIO:9000/bucket")));
        assert!(names(&rule("127.0.0.1:9000"), &url("http://127.0.0.1:9000/")));
        assert!(names(&rule("[::1]:*"), &url("http://[::1]:1/")));
        for (granted, asked) in [
            ("*:*", "http://minio:9000/"),
            ("*.example.com:80", "http://a.example.com/"),
            ("10.0.0.0/8:*", "http://10.0.0.1/"),
            ("minio:9000", "http://minio:9001/"),
            ("minio:9000", "http://other:9000/"),
        ] {
            assert!(!names(&rule(granted), &url(asked)), "{granted} {asked}");
        }
    }
}
