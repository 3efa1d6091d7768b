use seaworthy_adapter_sdk::{CacheError, Config};
use storacha_client::{Did, Proof};

/// Milliseconds for one request where the configuration says nothing.
const TIMEOUT_MS: u64 = 5_000;

/// The configuration, read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) gateway: String,
    pub(crate) space: Did,
    pub(crate) directory: Option<String>,
    pub(crate) default_ttl: Option<u64>,
    pub(crate) timeout: u32,
    /// What writing takes; `None` is a read-only tier.
    pub(crate) writing: Option<Writing>,
}

#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) url: String,
    pub(crate) proof: Proof,
    /// Label of the agent's key.
    pub(crate) agent: String,
}

impl Settings {
    /// *Errors*: `configuration`, naming the setting. There are no defaults for places:
    /// those that everybody knew have ended.
    pub(crate) fn read(config: &Config) -> Result<Self, CacheError> {
        let text = |key: &str| config.text(key).map(str::trim).filter(|text| !text.is_empty());
        let gateway = text("gateway").ok_or_else(|| {
            wrong("gateway", "is required; there is no default, since the hosted gateways end: set STORACHA_GATEWAY_URL, or leave this tier out")
        })?;
        let space =
            text("space").ok_or_else(|| wrong("space", "is required: the DID of the space, from STORACHA_SPACE"))?;
        let space = Did::parse(space).map_err(|error| wrong("space", &format!("cannot be read: {error}")))?;
        let url = text("url").map(address("url")).transpose()?;
        let proof = text("proof").map(Proof::parse).transpose();
        let proof = proof.map_err(|error| wrong("proof", &format!("cannot be read: {error}")))?;
        let writing = match (url, proof, text("credentials.agent")) {
            (Some(url), Some(proof), Some(agent)) => Some(Writing { url, proof, agent: agent.into() }),
            _ => None,
        };
        Ok(Self {
            gateway: address("gateway")(gateway)?,
            space,
            directory: text("directory").map(str::to_owned),
            default_ttl: config.seconds("default-ttl")?,
            timeout: u32::try_from(config.number("timeout-ms")?.unwrap_or(TIMEOUT_MS)).unwrap_or(u32::MAX),
            writing,
        })
    }
}

/// An address without its last slash.
fn address(key: &'static str) -> impl Fn(&str) -> Result<String, CacheError> {
    move |text| {
        if text.starts_with("https://") || text.starts_with("http://") {
            Ok(text.trim_end_matches('/').to_owned())
        } else {
            Err(wrong(key, "is no http or https address"))
        }
    }
}

fn wrong(key: &str, what: &str) -> CacheError {
    CacheError::configuration("open", format!("the setting `{key}` {what}")).with("setting", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";

    fn read(json: &str) -> Result<Settings, CacheError> {
        Settings::read(&Config::parse(&json.replace("SPACE", SPACE)).unwrap())
    }

    #[test]
    fn a_tier_is_read_only_until_everything_is_there() {
        let settings = read(r#"{"gateway":"https://g.test/","space":"SPACE","url":"http://u.test"}"#).unwrap();
        assert_eq!((settings.gateway.as_str(), settings.timeout), ("https://g.test", 5_000));
        assert!(settings.writing.is_none());
    }

    #[test]
    fn nothing_is_taken_for_granted() {
        for (json, named) in [
            ("{}", "gateway"),
            (r#"{"gateway":""}"#, "gateway"),
            (r#"{"gateway":"g.test","space":"SPACE"}"#, "gateway"),
            (r#"{"gateway":"https://g.test"}"#, "space"),
            (r#"{"gateway":"https://g.test","space":"z6Mk"}"#, "space"),
            (r#"{"gateway":"https://g.test","space":"SPACE","proof":"c2VjcmV0"}"#, "proof"),
            (r#"{"gateway":"https://g.test","space":"SPACE","url":"ftp://u"}"#, "url"),
        ] {
            let error = read(json).unwrap_err();
            assert_eq!(error.kind, "configuration", "{json}");
            assert!(error.message.contains(&format!("`{named}`")), "{json}: {}", error.message);
            assert!(!error.message.contains("c2VjcmV0"), "what it holds is not repeated");
        }
    }
}
