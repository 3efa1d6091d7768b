use crate::{Cid, Refusal, Stranger};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// An answer of a node, however it came.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The body, whole.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// The body of a success.
    ///
    /// # Errors
    /// What the answer says instead.
    pub fn bytes(&self) -> Result<&[u8], Refusal> {
        if self.status == 200 { Ok(self.body) } else { Err(Refusal::read(self.status, self.body)) }
    }

    /// The JSON of a success.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); a success that is not in Kubo's form is a stranger's.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.bytes()?).map_err(|_| Refusal::Stranger(Stranger::NotKubo(self.status)))
    }

    /// A success that says nothing of use.
    ///
    /// *Behaviour*: a page in HTML is no success: a web server answers everything with one.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn done(&self) -> Result<(), Refusal> {
        let body = self.bytes()?.trim_ascii();
        let kubo = body.is_empty() || matches!(body.first(), Some(b'{' | b'"'));
        if kubo { Ok(()) } else { Err(Refusal::Stranger(Stranger::NotKubo(self.status))) }
    }

    /// The last line of JSON of a success: `add` has one for each event.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn last<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let mut lines = self.bytes()?.rsplit(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let last = lines.next().unwrap_or_default();
        serde_json::from_slice(last).map_err(|_| Refusal::Stranger(Stranger::NotKubo(self.status)))
    }
}

/// Answer to `version`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct VersionInfo {
    /// Of Kubo.
    pub version: String,
    /// Of the format of its repository.
    #[serde(default)]
    pub repo: String,
}

/// Answer to `id`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Id {
    /// Its peer id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its own addresses with the peer id; empty while it is offline.
    #[serde(rename = "Addresses", default, deserialize_with = "nullable")]
    pub addresses: Vec<String>,
    /// Program and version.
    #[serde(rename = "AgentVersion", default)]
    pub agent: String,
}

/// Answer to `repo/stat`, in bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct RepoStat {
    /// What it takes up.
    pub repo_size: u64,
    /// What its owner wants it to take up at most (`Datastore.StorageMax`). Kubo only
    /// collects garbage by it, it refuses nothing.
    pub storage_max: u64,
}

impl RepoStat {
    /// Whole percent of the bound that are used; `None` where there is no bound.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        // Without a bound Kubo answers with the largest number there is.
        let bounded = self.storage_max > 0 && self.storage_max < u64::MAX / 2;
        bounded.then(|| self.repo_size.saturating_mul(100) / self.storage_max)
    }
}

/// Answer to `config` for one key.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Setting {
    /// Whatever it is.
    pub value: serde_json::Value,
}

impl Setting {
    /// A text or a list of texts.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        match &self.value {
            serde_json::Value::String(text) => vec![text],
            serde_json::Value::Array(all) => all.iter().filter_map(serde_json::Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// Answer to `add`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Added {
    /// The CID of the content.
    #[serde(deserialize_with = "cid")]
    pub hash: Cid,
}

/// Answer to `files/ls`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    #[serde(default, deserialize_with = "nullable")]
    entries: Vec<Named>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

impl Listed {
    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }
}

/// Answer to `files/stat`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct FileStat {
    /// The CID.
    #[serde(deserialize_with = "cid")]
    pub hash: Cid,
    /// Bytes of content.
    pub size: u64,
    /// `file` or `directory`.
    pub r#type: String,
}

/// Answer to `files/flush`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Flushed {
    /// What is at the path now.
    #[serde(deserialize_with = "cid")]
    pub cid: Cid,
}

/// Answer to `swarm/peers`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Peers {
    #[serde(default, deserialize_with = "nullable")]
    peers: Vec<serde_json::Value>,
}

impl Peers {
    /// How many it is connected to.
    #[must_use]
    pub fn count(&self) -> usize {
        self.peers.len()
    }
}

/// Answer to `pin/ls`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct PinList {
    #[serde(default, deserialize_with = "nullable")]
    keys: std::collections::BTreeMap<String, serde_json::Value>,
}

impl PinList {
    /// The pinned CIDs, as the node writes them.
    pub fn cids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

/// Go writes an empty list as null.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

fn cid<'de, D: Deserializer<'de>>(from: D) -> Result<Cid, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CID: &str = "bafybeidjogjfwuhbzwopgd4bn3skcf5m6oz72xshywcndzxgqb623nfclu";

    fn ok(body: &str) -> Reply<'_> {
        Reply { status: 200, body: body.as_bytes() }
    }

    /// Bodies as Kubo 0.43.0 sends them.
    #[test]
    fn answers_of_kubo_are_read() {
        let version: VersionInfo =
            ok(r#"{"Version":"0.43.0","Commit":"","Repo":"18","System":"amd64/linux","Golang":"go1.26.8"}"#)
                .json()
                .unwrap();
        assert_eq!((version.version.as_str(), version.repo.as_str()), ("0.43.0", "18"));
        let stat: RepoStat =
            ok(r#"{"RepoSize":21731,"StorageMax":10000000000,"NumObjects":0,"RepoPath":"","Version":""}"#)
                .json()
                .unwrap();
        assert_eq!(stat.percent(), Some(0));
        let offline: Id =
            ok(r#"{"ID":"12D3","PublicKey":"C","Addresses":null,"AgentVersion":"kubo/0.43.0","Protocols":null}"#)
                .json()
                .unwrap();
        assert!(offline.addresses.is_empty());
        let listed: Listed = ok(r#"{"Entries":[{"Name":"x","Type":0,"Size":0,"Hash":""}]}"#).json().unwrap();
        assert_eq!(listed.names().collect::<Vec<_>>(), ["x"]);
        let empty: Listed = ok(r#"{"Entries":null}"#).json().unwrap();
        assert_eq!(empty.names().count(), 0);
        let peers: Peers = ok(r#"{"Peers":null}"#).json().unwrap();
        assert_eq!(peers.count(), 0);
        let flushed: Flushed = ok(&format!(r#"{{"Cid":"{CID}"}}"#)).json().unwrap();
        assert_eq!(flushed.cid.to_string(), CID);
        let setting: Setting = ok(r#"{"Key":"Addresses.API","Value":"/ip4/127.0.0.1/tcp/25001"}"#).json().unwrap();
        assert_eq!(setting.texts(), ["/ip4/127.0.0.1/tcp/25001"]);
        let pins: PinList = ok(&format!(r#"{{"Keys":{{"{CID}":{{"Type":"recursive","Name":""}}}}}}"#)).json().unwrap();
        assert_eq!(pins.cids().collect::<Vec<_>>(), [CID]);
        ok("").done().unwrap();
    }

    #[test]
    fn the_last_event_of_an_add_counts() {
        let body = format!(
            "{{\"Name\":\"record\",\"Bytes\":262144}}\n{{\"Name\":\"record\",\"Hash\":\"{CID}\",\"Size\":\"1\"}}\n"
        );
        assert_eq!(ok(&body).last::<Added>().unwrap().hash.to_string(), CID);
        // An add that breaks off says so in a trailer only: there is no hash then.
        assert!(ok("{\"Name\":\"record\",\"Bytes\":262144}\n").last::<Added>().is_err());
        assert!(ok("").last::<Added>().is_err());
    }

    #[test]
    fn a_success_of_another_server_is_none() {
        let page = ok("<html>welcome</html>");
        let stranger = Refusal::Stranger(Stranger::NotKubo(200));
        assert_eq!(page.json::<VersionInfo>(), Err(stranger.clone()));
        assert_eq!(page.done(), Err(stranger));
        assert!(Reply { status: 204, body: b"" }.bytes().is_err(), "Kubo answers with 200");
    }

    #[test]
    fn a_bound_that_is_none_gives_no_percent() {
        let stat = |repo_size, storage_max| RepoStat { repo_size, storage_max }.percent();
        assert_eq!((stat(95, 100), stat(1, 0), stat(1, u64::MAX)), (Some(95), None, None));
    }
}
