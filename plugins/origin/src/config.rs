use origin_client::Base;
use seaworthy_adapter_sdk::{CacheError, Config};

const DEFAULT_TIMEOUT_MS: u32 = 8_000;
/// What the host reads of a body at most.
const DEFAULT_BYTES: u32 = 4 << 20;
/// The host reads no longer bodies.
const MOST_BYTES: u32 = 32 << 20;

/// How the API is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) base: Base,
    /// Label of the token.
    pub(crate) token: Option<String>,
    pub(crate) timeout_ms: u32,
    pub(crate) max_bytes: u32,
    /// In milliseconds.
    pub(crate) default_ttl: Option<u64>,
    pub(crate) keep_private: bool,
}

impl Settings {
    pub(crate) fn read(config: &Config) -> Result<Self, CacheError> {
        let base = Base::parse(config.required("url")?)
            .map_err(|wrong| CacheError::configuration("open", wrong.to_string()).with("setting", "url"))?;
        let bounded = |key: &str, default: u32| -> Result<u32, CacheError> {
            Ok(config.number(key)?.map_or(default, |number| u32::try_from(number).unwrap_or(u32::MAX)))
        };
        Ok(Self {
            base,
            token: config.text("credentials.token").map(str::to_owned),
            timeout_ms: bounded("timeout-ms", DEFAULT_TIMEOUT_MS)?,
            max_bytes: bounded("max-bytes", DEFAULT_BYTES)?.min(MOST_BYTES),
            default_ttl: config.seconds("default-ttl")?,
            keep_private: config.text("keep-private") == Some("true"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let text = r#"{"url":"https://ghe/api/v3/","credentials":{"token":"t"},"timeout-ms":5,"keep-private":true}"#;
        let settings = Settings::read(&Config::parse(text).unwrap()).unwrap();
        assert_eq!((settings.base.as_str(), settings.token.as_deref()), ("https://ghe/api/v3", Some("t")));
        assert_eq!((settings.timeout_ms, settings.max_bytes, settings.keep_private), (5, DEFAULT_BYTES, true));
    }

    #[test]
    fn a_wrong_url_is_configuration() {
        for text in [r#"{"url":"api.github.com"}"#, r#"{"url":""}"#, "{}"] {
            let wrong = Settings::read(&Config::parse(text).unwrap()).unwrap_err();
            assert_eq!((wrong.kind.as_str(), wrong.retry.as_str()), ("configuration", "permanent"), "{text}");
        }
    }
}
