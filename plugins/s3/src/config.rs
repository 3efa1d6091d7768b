use crate::bucket::{Bucket, Labels};
use s3_client::{Access, Addressing, Names, NotAStore, Store};
use seaworthy_adapter_sdk::{CacheError, Config};

const DEFAULT_PREFIX: &str = "seaworthy";
const DEFAULT_TIMEOUT_MS: u32 = 10_000;

/// What the configuration says.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) bucket: Bucket,
    pub(crate) names: Names,
    pub(crate) read_only: bool,
    pub(crate) default_ttl: Option<u64>,
}

impl Settings {
    /// Reads it.
    ///
    /// # Errors
    /// `configuration`, naming the setting and the variable that sets it.
    pub(crate) fn read(config: &Config) -> Result<Self, CacheError> {
        let text = |key: &str| config.text(key).map(str::trim).filter(|text| !text.is_empty());
        let Some(bucket) = text("bucket") else {
            return Err(wrong("bucket", "no bucket is configured; set CACHE_S3_BUCKET or the setting `bucket`"));
        };
        let addressing = text("addressing").map_or(Ok(Addressing::Auto), str::parse);
        let addressing = addressing.map_err(|why| wrong("addressing", why))?;
        let (access, labels) = credentials(config)?;
        let store = Store::new(text("url"), bucket, text("region"), addressing, access).map_err(|error| {
            let setting = match error {
                NotAStore::Url(_) => "url",
                NotAStore::Bucket(_) => "bucket",
                NotAStore::Region(_) => "region",
            };
            wrong(setting, error.to_string())
        })?;
        let names = Names::below(config.text("prefix").unwrap_or(DEFAULT_PREFIX));
        let names = names.map_err(|why| wrong("prefix", format!("keys cannot be kept below this prefix: {why}")))?;
        let most = config.number("max-name-bytes")?.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        let names = names.at_most(most.unwrap_or(s3_client::MAX_NAME_BYTES));
        let names = names.map_err(|why| wrong("max-name-bytes", why))?;
        let timeout = config.number("timeout-ms")?;
        let timeout_ms = timeout.map_or(DEFAULT_TIMEOUT_MS, |timeout| u32::try_from(timeout).unwrap_or(u32::MAX));
        Ok(Self {
            bucket: Bucket::new(store, labels, timeout_ms),
            names,
            read_only: config.text("read-only") == Some("true"),
            default_ttl: config.seconds("default-ttl")?,
        })
    }
}

/// Both halves of a credential, or none.
fn credentials(config: &Config) -> Result<(Access, Labels), CacheError> {
    let label = |role: &str| config.text(&format!("credentials.{role}")).map(str::to_owned);
    let (key, secret, token) = (label("key"), label("secret"), label("session-token"));
    match (key, secret) {
        (Some(key), Some(secret)) => {
            let access = Access::Signed { session_token: token.is_some() };
            Ok((access, Labels { key, secret, token: token.unwrap_or_default() }))
        }
        (None, None) => Ok((Access::Anonymous, Labels::default())),
        (Some(_), None) => Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        (None, Some(_)) => Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    }
}

fn half(missing: &str, there: &str) -> CacheError {
    CacheError::unauthenticated(
        "open",
        format!("{there} is set and {missing} is not; set both, or none for a public bucket"),
    )
    .with("variable", missing)
}

fn wrong(setting: &str, message: impl Into<String>) -> CacheError {
    CacheError::configuration("open", message).with("setting", setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Settings, CacheError> {
        Settings::read(&Config::parse(json).unwrap())
    }

    #[test]
    fn settings_are_read() {
        let settings = read(
            r#"{"url":"http://minio:9000","bucket":"cache","region":"eu-1","prefix":"ci/","read-only":true,"timeout-ms":5,
                "default-ttl":60,"credentials":{"key":"s3-key","secret":"s3-secret"}}"#,
        )
        .unwrap();
        let store = settings.bucket.store();
        assert_eq!((store.region(), store.access()), ("eu-1", Access::Signed { session_token: false }));
        assert_eq!((settings.names.prefix(), settings.read_only, settings.default_ttl), ("ci/", true, Some(60_000)));
        let bare = read(r#"{"bucket":"cache"}"#).unwrap();
        assert_eq!(bare.bucket.store().access(), Access::Anonymous);
        assert_eq!(bare.bucket.store().authority(), "cache.s3.us-east-1.amazonaws.com");
        assert_eq!(bare.names.prefix(), "seaworthy/");
        let key = "k".repeat(200);
        let shortened = |json: &str| {
            let names = read(json).unwrap().names;
            names.is_shortened(&names.name(&key).unwrap())
        };
        assert!(!shortened(r#"{"bucket":"cache"}"#) && shortened(r#"{"bucket":"cache","max-name-bytes":150}"#));
        assert_eq!(read(r#"{"bucket":"cache","prefix":""}"#).unwrap().names.prefix(), "");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, kind, setting) in [
            (r#"{}"#, "configuration", "bucket"),
            (r#"{"bucket":"No"}"#, "configuration", "bucket"),
            (r#"{"bucket":"cache","url":"minio"}"#, "configuration", "url"),
            (r#"{"bucket":"cache","region":"a b"}"#, "configuration", "region"),
            (r#"{"bucket":"cache","prefix":"a/../b"}"#, "configuration", "prefix"),
            (r#"{"bucket":"cache","max-name-bytes":79}"#, "configuration", "max-name-bytes"),
            (r#"{"bucket":"cache","max-name-bytes":1025}"#, "configuration", "max-name-bytes"),
            (r#"{"bucket":"cache","credentials":{"key":"k"}}"#, "unauthenticated", "AWS_SECRET_ACCESS_KEY"),
            (r#"{"bucket":"cache","credentials":{"secret":"s"}}"#, "unauthenticated", "AWS_ACCESS_KEY_ID"),
        ] {
            let error = read(json).unwrap_err();
            assert_eq!((error.kind.as_str(), error.context[0].1.as_str()), (kind, setting), "{json}");
        }
    }
}
