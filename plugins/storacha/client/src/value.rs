use cid::Cid;
use ipld_core::ipld::Ipld;

/// A page of `upload/list`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What is on it.
    pub uploads: Vec<Listed>,
    /// Where the next one begins; `None` when there is none.
    pub cursor: Option<String>,
}

/// An upload of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its root.
    pub root: Cid,
    /// The blobs that hold it; `None` when the service did not say.
    pub shards: Option<Vec<Cid>>,
}

impl Page {
    /// Reads the result of `upload/list`.
    #[must_use]
    pub fn read(ok: &Ipld) -> Self {
        let Ipld::Map(map) = ok else { return Self::default() };
        let mut uploads = Vec::new();
        if let Some(Ipld::List(results)) = map.get("results") {
            for result in results {
                if let Ipld::Map(upload) = result
                    && let Some(Ipld::Link(root)) = upload.get("root")
                {
                    let shards = upload.contains_key("shards").then(|| shards_of(result));
                    uploads.push(Listed { root: *root, shards });
                }
            }
        }
        // An empty page is the last one, whatever cursor it has.
        let cursor = match map.get("cursor") {
            Some(Ipld::String(cursor)) if !uploads.is_empty() => Some(cursor.clone()),
            _ => None,
        };
        Self { uploads, cursor }
    }
}

/// The shards in the result of `upload/get` or `upload/add`.
#[must_use]
pub fn shards_of(ok: &Ipld) -> Vec<Cid> {
    let Ipld::Map(map) = ok else { return Vec::new() };
    let Some(Ipld::List(shards)) = map.get("shards") else { return Vec::new() };
    let links = shards.iter().filter_map(|shard| match shard {
        Ipld::Link(cid) => Some(*cid),
        _ => None,
    });
    links.collect()
}
