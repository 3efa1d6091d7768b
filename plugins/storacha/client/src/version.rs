use crate::{Did, Malformed};
use ipld_core::ipld::Ipld;

/// What a service says of itself at `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its DID, the audience of what is asked of it.
    pub did: Did,
    /// Name and version of its program, where it tells them.
    pub program: Option<String>,
}

impl Version {
    /// Reads the body.
    ///
    /// # Errors
    /// When it is no JSON object with a DID.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let value: Ipld =
            serde_ipld_dagjson::from_slice(body).map_err(|_| Malformed::new("the version", "it is no JSON"))?;
        let Ipld::Map(map) = value else { return Err(Malformed::new("the version", "it is no JSON object")) };
        let text = |key: &str| match map.get(key) {
            Some(Ipld::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let Some(did) = text("did") else { return Err(Malformed::new("the version", "it has no `did`")) };
        let program = text("name").map(|name| match text("version") {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        });
        Ok(Self { did: Did::parse(did)?, program })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_names_itself() {
        let body =
            br#"{"name":"@storacha/upload-api","version":"2.8.4","did":"did:web:up.test","publicKey":"did:key:z6Mk"}"#;
        let version = Version::read(body).unwrap();
        assert_eq!(version.did.as_str(), "did:web:up.test");
        assert_eq!(version.program.as_deref(), Some("@storacha/upload-api 2.8.4"));
        for other in [&b"<html>"[..], b"{}", b"[]", br#"{"did":5}"#, br#"{"did":"x"}"#] {
            assert!(Version::read(other).is_err());
        }
    }
}
