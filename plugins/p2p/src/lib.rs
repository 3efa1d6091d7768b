//! Cache adapter component: the caches of the configured peers.
//!
//! The host dials, agrees on the secret and encrypts (WIT `cache/peers`); this
//! adapter decides what counts as open, and gives values a life.

use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, Life, now_ms, peers};

seaworthy_adapter_sdk::descriptor!();

const DEFAULT_SECRET: &str = "p2p";

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    addresses: Vec<String>,
    secret: String,
    default_ttl: Option<u64>,
}

impl Settings {
    fn read(config: &Config) -> Result<Self, CacheError> {
        let addresses: Vec<String> =
            config.all("addresses").map(str::trim).filter(|address| !address.is_empty()).map(Into::into).collect();
        if addresses.is_empty() {
            let message = "no peer is configured; set CACHE_BOOTSTRAP_PEERS or the setting `addresses` of this tier";
            return Err(CacheError::configuration("open", message).with("setting", "addresses"));
        }
        let secret = config.text("secret").unwrap_or(DEFAULT_SECRET).into();
        Ok(Self { addresses, secret, default_ttl: config.seconds("default-ttl")? })
    }
}

struct Peers {
    default_ttl: Option<u64>,
}

impl Adapter for Peers {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let settings = Settings::read(config)?;
        let usable = peers::open(&settings.addresses, &settings.secret)?;
        let capability = capability(usable, settings.addresses.len())?;
        Ok((Self { default_ttl: settings.default_ttl }, capability))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        peers::get(key)
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        let now = now_ms();
        let life = Life::starting(now, value.created, value.ttl, self.default_ttl)?;
        peers::put(key, &Blob { created: life.created, ttl: life.ttl(now), ..value })
    }

    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        peers::has(key)
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        peers::invalidate(key)
    }
}

/// A cache of peers of which none can be used is not open.
fn capability(usable: u32, configured: usize) -> Result<Capability, CacheError> {
    if usable == 0 {
        let message = format!("none of the {configured} configured peers can be used");
        return Err(CacheError::unreachable("open", message).with("configured-peers", configured.to_string()));
    }
    Ok(Capability::of(&["get", "put", "stat", "invalidate"])
        .with_property("shared")
        .with_property("encrypted")
        .with_property("expiring")
        .with_property("concurrent")
        .with_limit("usable-peers", u64::from(usable))
        .with_limit("configured-peers", configured as u64))
}

seaworthy_adapter_sdk::export_adapter!(Peers);

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Result<Settings, CacheError> {
        Settings::read(&Config::parse(json).unwrap())
    }

    #[test]
    fn settings_are_read() {
        let read = settings(r#"{"addresses":["/ip4/10.0.0.1/tcp/9100/p2p/X"," /dns4/b/tcp/1 "],"default-ttl":300}"#);
        let addresses = vec!["/ip4/10.0.0.1/tcp/9100/p2p/X".into(), "/dns4/b/tcp/1".into()];
        assert_eq!(read, Ok(Settings { addresses, secret: "p2p".into(), default_ttl: Some(300_000) }));
        assert_eq!(settings(r#"{"addresses":["/x"],"secret":"other"}"#).unwrap().secret, "other");
    }

    #[test]
    fn no_peer_is_a_configuration_error() {
        for json in ["{}", r#"{"addresses":[]}"#, r#"{"addresses":[" "]}"#] {
            assert_eq!(settings(json).unwrap_err().kind, "configuration", "{json}");
        }
    }

    #[test]
    fn no_usable_peer_is_not_open() {
        let error = capability(0, 4).unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry.as_str()), ("unreachable", "temporary"));
        assert!(error.message.contains("none of the 4"));
        let open = capability(1, 4).unwrap();
        assert!(!open.operations.contains(&"list".to_string()));
        assert!(open.limits.contains(&("usable-peers".into(), "1".into())));
    }
}
