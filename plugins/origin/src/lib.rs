//! Cache adapter component: the HTTP API that values come from, as the last tier.
//!
//! A key is a path below the configured URL, or a URL below it. It is read and never
//! written. What was read before is asked for with its validators, so that a value that
//! did not change costs an answer without a body and, at GitHub, no request of the rate
//! limit. The instance remembers a bounded number of values for that: whether they are
//! still right is always the API's word, so several instances at once are as good as one,
//! and the property `concurrent` holds.

mod config;
mod error;
mod memory;

use config::Settings;
use memory::{Memory, Remembered};
use origin_client::{Answer, Refusal, Value, header};
use seaworthy_adapter_sdk::authorized_http::{self, Authorized, Header};
use seaworthy_adapter_sdk::credentials::Piece;
use seaworthy_adapter_sdk::http::{Request, Response};
use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, now_ms};

seaworthy_adapter_sdk::descriptor!();

/// Redirects that are followed: a renamed repository answers with one.
const REDIRECTS: usize = 3;

struct Origin {
    settings: Settings,
    memory: Memory,
}

impl Adapter for Origin {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    /// *Behaviour*: asks for nothing: a request less, and an API that is down for a moment
    /// does not cost the tier.
    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let settings = Settings::read(config)?;
        let capability = Capability::of(&["get", "stat"])
            .with_property("concurrent")
            .with_property("expiring")
            .with_property("read-only")
            .with_property("shared")
            .with_limit("max-value-bytes", settings.max_bytes.into());
        Ok((Self { settings, memory: Memory::default() }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let known = self.memory.get(key).cloned();
        let (answer, response) = self.ask("get", key, "GET", known.as_ref())?;
        match answer {
            Answer::Value(value) => {
                if response.truncated {
                    return Err(error::too_large("get", self.settings.max_bytes));
                }
                self.memory.put(key, &response.body, &value);
                Ok(Some(self.blob(response.body, &value, value.metadata.clone())))
            }
            Answer::Confirmed(value) => {
                let Some(known) = known else { return Err(error::out_of_step()) };
                let metadata = merged(&known.metadata, &value.metadata);
                Ok(Some(self.blob(known.bytes, &value, metadata)))
            }
            Answer::Absent => {
                self.memory.remove(key);
                Ok(None)
            }
            Answer::Refused(refused) => Err(error::refused("get", &self.settings, &refused)),
        }
    }

    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let (answer, response) = self.ask("stat", key, "HEAD", None)?;
        match answer {
            Answer::Value(value) => {
                let size = header(&response.headers, "content-length").and_then(|text| text.parse().ok());
                let mut entry = Entry::new(key, size).with("ttl-ms", self.ttl(&value));
                for (name, text) in value.metadata {
                    entry = entry.with(&name, text);
                }
                Ok(Some(entry))
            }
            Answer::Confirmed(_) => Err(error::out_of_step()),
            Answer::Absent => Ok(None),
            Answer::Refused(refused) => Err(error::refused("stat", &self.settings, &refused)),
        }
    }
}

impl Origin {
    /// Sends a request for `key` and reads its answer; redirects are followed as long as
    /// they stay below the URL that the token is for.
    fn ask(
        &self,
        operation: &str,
        key: &str,
        method: &str,
        known: Option<&Remembered>,
    ) -> Result<(Answer, Response), CacheError> {
        let base = &self.settings.base;
        let invalid = |wrong: origin_client::WrongKey| CacheError::invalid(operation, wrong.to_string());
        let mut url = base.url(key).map_err(invalid)?;
        for redirects in 0.. {
            let known = known.filter(|_| redirects == 0);
            let response = self.send(operation, method, &url, known)?;
            let answer = origin_client::read(
                response.status,
                &response.headers,
                &response.body,
                self.settings.token.is_some(),
                known.is_some(),
                now_ms(),
            );
            if let Answer::Refused(refused) = &answer
                && let Refusal::Moved { location: Some(location) } = &refused.refusal
                && redirects < REDIRECTS
                && let Some(next) = base.key_of(location)
            {
                url = base.url(&next).map_err(invalid)?;
                continue;
            }
            return Ok((answer, response));
        }
        Err(error::out_of_step())
    }

    fn send(
        &self,
        operation: &str,
        method: &str,
        url: &str,
        known: Option<&Remembered>,
    ) -> Result<Response, CacheError> {
        let request = Request {
            method: method.into(),
            url: url.into(),
            headers: origin_client::request_headers(known.map(|known| &known.validators)),
            body: Vec::new(),
            timeout: self.settings.timeout_ms,
            max_body: self.settings.max_bytes,
            proxy: "environment".into(),
        };
        let token = self.settings.token.iter().map(|label| Header {
            name: "authorization".into(),
            value: vec![Piece { bytes: b"Bearer ".to_vec(), secret: Some(label.clone()), encoding: "text".into() }],
        });
        let seen = authorized_http::send(&[Authorized { request, headers: token.collect() }]);
        let Some(seen) = seen.into_iter().next() else { return Err(error::out_of_step()) };
        seen.outcome.map_err(|failure| error::failed(operation, &self.settings, &failure))
    }

    fn blob(&self, bytes: Vec<u8>, value: &Value, metadata: Vec<(String, String)>) -> Blob {
        Blob { bytes, created: now_ms(), ttl: Some(self.ttl(value)), metadata }
    }

    /// How long other tiers may keep a value, in milliseconds; 0 is not at all.
    fn ttl(&self, value: &Value) -> u64 {
        let freshness = &value.freshness;
        match self.settings.default_ttl {
            _ if freshness.restricted && !self.settings.keep_private => 0,
            Some(ttl) if !freshness.explicit => ttl,
            _ => freshness.left_ms,
        }
    }
}

/// Metadata with what a 304 says anew.
fn merged(known: &[(String, String)], anew: &[(String, String)]) -> Vec<(String, String)> {
    let kept = known.iter().filter(|(name, _)| !anew.iter().any(|(other, _)| other == name));
    kept.chain(anew).cloned().collect()
}

seaworthy_adapter_sdk::export_adapter!(Origin);

#[cfg(test)]
mod tests {
    use super::*;
    use origin_client::{Freshness, Validators};

    fn origin(config: &str) -> Origin {
        Origin::open(&Config::parse(config).unwrap()).unwrap().0
    }

    fn value(left_ms: u64, restricted: bool, explicit: bool) -> Value {
        Value {
            metadata: Vec::new(),
            validators: Validators::default(),
            freshness: Freshness { left_ms, restricted, explicit },
        }
    }

    #[test]
    fn other_tiers_keep_what_they_may() {
        let plain = origin(r#"{"url":"https://a"}"#);
        assert_eq!(plain.ttl(&value(60_000, false, true)), 60_000);
        assert_eq!(plain.ttl(&value(60_000, true, true)), 0, "a private answer is not for others");
        assert_eq!(plain.ttl(&value(0, false, false)), 0);
        let lenient = origin(r#"{"url":"https://a","default-ttl":5,"keep-private":true}"#);
        assert_eq!(lenient.ttl(&value(60_000, true, true)), 60_000);
        assert_eq!(lenient.ttl(&value(0, false, false)), 5_000);
        assert_eq!(lenient.ttl(&value(0, true, true)), 0, "no-store is explicit");
    }

    #[test]
    fn a_304_says_some_things_anew() {
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let known = [pair("etag", "a"), pair("link", "x")];
        assert_eq!(merged(&known, &[pair("etag", "b")]), [pair("link", "x"), pair("etag", "b")]);
    }
}
