use ipfs_client::Address;
use seaworthy_adapter_sdk::{CacheError, Config};

/// The most that one call can hand over is 8 MiB, for key, value, metadata and the
/// frame around them.
pub(crate) const MOST_VALUE: u64 = (8 << 20) - (128 << 10);
/// Keys become part of a name in the index and of a URL, up to three times as long.
pub(crate) const MOST_KEY: usize = 1024;

const DEFAULT_FOLDER: &str = "/seaworthy";
const DEFAULT_PIN_NAME: &str = "seaworthy";
const DEFAULT_TIMEOUT: u64 = 5_000;

/// The settings of a tier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) address: Address,
    pub(crate) keys: Keys,
    /// Content that the node lacks is not looked for elsewhere.
    pub(crate) local: bool,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) default_ttl: Option<u64>,
    pub(crate) most_value: u64,
    pub(crate) timeout: u32,
    pub(crate) pinning: Option<Pinning>,
}

/// Where keys are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Below this folder of the node's MFS.
    Mfs(String),
    /// In this directory of the machine.
    Directory(String),
}

/// The credential for the RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// Label of the secret.
    pub(crate) label: String,
    /// Schemes to try, in order.
    pub(crate) schemes: Vec<Scheme>,
}

/// How a credential is sent (RFC 6750, RFC 7617).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    /// The secret is `user:password`.
    Basic,
}

/// A pinning service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinning {
    pub(crate) url: String,
    /// Label of the token.
    pub(crate) token: String,
    pub(crate) name: String,
}

impl Settings {
    /// *Errors*: `configuration`, naming the setting.
    pub(crate) fn read(config: &Config) -> Result<Self, CacheError> {
        let address = Address::parse(config.required("url")?)
            .map_err(|error| wrong("url", format!("{error}; set CACHE_IPFS_API")))?;
        let keys = match config.text("index").unwrap_or("mfs") {
            "directory" => Keys::Directory(config.required("directory")?.to_owned()),
            _ => Keys::Mfs(folder(config.text("folder").unwrap_or(DEFAULT_FOLDER))?),
        };
        let authorization = config.text("credentials.authorization").map(|label| Authorization {
            label: label.to_owned(),
            schemes: match config.text("authorization-scheme") {
                Some("bearer") => vec![Scheme::Bearer],
                Some("basic") => vec![Scheme::Basic],
                _ => vec![Scheme::Bearer, Scheme::Basic],
            },
        });
        let pinning = match config.text("pinning-url").map(str::trim).filter(|url| !url.is_empty()) {
            Some(url) => Some(pinning(config, url)?),
            None => None,
        };
        Ok(Self {
            address,
            keys,
            local: config.text("fetch") != Some("network"),
            authorization,
            default_ttl: config.seconds("default-ttl")?,
            most_value: config.number("max-value-bytes")?.unwrap_or(MOST_VALUE).min(MOST_VALUE),
            timeout: u32::try_from(config.number("timeout-ms")?.unwrap_or(DEFAULT_TIMEOUT)).unwrap_or(u32::MAX),
            pinning,
        })
    }
}

fn pinning(config: &Config, url: &str) -> Result<Pinning, CacheError> {
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(wrong("pinning-url", format!("`{url}` is neither http:// nor https://")));
    }
    let Some(token) = config.text("credentials.pinning-token") else {
        let message = "a pinning service is configured without its token; set IPFS_PINNING_TOKEN, which the target's \
                       `credentials` name as `pinning-token`";
        return Err(CacheError::configuration("open", message).with("setting", "credentials.pinning-token"));
    };
    let name = config.text("pinning-name").unwrap_or(DEFAULT_PIN_NAME).to_owned();
    Ok(Pinning { url: url.to_owned(), token: token.to_owned(), name })
}

/// An absolute path of MFS without a slash at its end.
fn folder(text: &str) -> Result<String, CacheError> {
    let path = text.trim_end_matches('/');
    let sound = path.starts_with('/') && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    if sound {
        Ok(path.to_owned())
    } else {
        Err(wrong("folder", format!("`{text}` is no absolute path below the root of MFS, such as `{DEFAULT_FOLDER}`")))
    }
}

fn wrong(setting: &str, message: String) -> CacheError {
    CacheError::configuration("open", message).with("setting", setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Settings, CacheError> {
        Settings::read(&Config::parse(json).unwrap())
    }

    #[test]
    fn defaults_share_the_nodes_mfs() {
        let settings = read(r#"{"url":"/ip4/127.0.0.1/tcp/5001"}"#).unwrap();
        assert_eq!(settings.address.base(), "http://127.0.0.1:5001");
        assert_eq!(settings.keys, Keys::Mfs("/seaworthy".into()));
        assert!(settings.local && settings.authorization.is_none() && settings.pinning.is_none());
        assert_eq!((settings.most_value, settings.timeout), (MOST_VALUE, 5_000));
    }

    #[test]
    fn everything_can_be_set() {
        let settings = read(
            r#"{"url":"https://ipfs.test","index":"directory","directory":"/var/keys","fetch":"network",
                "authorization-scheme":"basic","max-value-bytes":10,"timeout-ms":700,"default-ttl":3,
                "pinning-url":"https://pin.test/psa","credentials":{"authorization":"ipfs-auth","pinning-token":"pin"}}"#,
        )
        .unwrap();
        assert_eq!(settings.keys, Keys::Directory("/var/keys".into()));
        assert_eq!(settings.authorization.unwrap().schemes, [Scheme::Basic]);
        assert_eq!((settings.most_value, settings.timeout, settings.default_ttl), (10, 700, Some(3_000)));
        let pinning = settings.pinning.unwrap();
        assert_eq!((pinning.token.as_str(), pinning.name.as_str()), ("pin", "seaworthy"));
        assert!(!settings.local);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, setting) in [
            (r#"{"url":"/unix/x"}"#, "url"),
            (r#"{"url":"http://x","folder":"/"}"#, "folder"),
            (r#"{"url":"http://x","folder":"/a/../b"}"#, "folder"),
            (r#"{"url":"http://x","index":"directory"}"#, "directory"),
            (r#"{"url":"http://x","pinning-url":"ftp://x"}"#, "pinning-url"),
            (r#"{"url":"http://x","pinning-url":"https://x"}"#, "credentials.pinning-token"),
        ] {
            let error = read(json).unwrap_err();
            assert_eq!((error.kind.as_str(), error.context[0].1.as_str()), ("configuration", setting), "{json}");
        }
    }
}
