use crate::block::wrap;
use crate::{Did, Grant, Malformed, Unsigned};
use cid::Cid;
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

/// What a service can be asked to do with a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Who provides the space.
    SpaceInfo,
    /// Store a blob.
    BlobAdd,
    /// Whether the space has a blob.
    BlobGet,
    /// Drop a blob from the space.
    BlobRemove,
    /// Enter a root and the blobs that hold it.
    UploadAdd,
    /// The blobs of a root.
    UploadGet,
    /// All roots.
    UploadList,
    /// Drop a root.
    UploadRemove,
}

impl Ability {
    /// Those that storing, finding and removing values take.
    pub const ALL: [Self; 8] = [
        Self::SpaceInfo,
        Self::BlobAdd,
        Self::BlobGet,
        Self::BlobRemove,
        Self::UploadAdd,
        Self::UploadGet,
        Self::UploadList,
        Self::UploadRemove,
    ];

    /// As it stands in a UCAN.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpaceInfo => "space/info",
            Self::BlobAdd => "space/blob/add",
            // The version is part of the name.
            Self::BlobGet => "space/blob/get/0/1",
            Self::BlobRemove => "space/blob/remove",
            Self::UploadAdd => "upload/add",
            Self::UploadGet => "upload/get",
            Self::UploadList => "upload/list",
            Self::UploadRemove => "upload/remove",
        }
    }
}

/// An ability with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What is asked.
    pub ability: Ability,
    arguments: BTreeMap<String, Ipld>,
}

impl Task {
    /// Who provides the space.
    #[must_use]
    pub fn space_info() -> Self {
        Self::of(Ability::SpaceInfo, [])
    }

    /// Store a blob of this SHA-256 and size; the bytes go where the answer says.
    ///
    /// # Errors
    /// When the digest is too long for one.
    pub fn blob_add(digest: &[u8], size: u64) -> Result<Self, Malformed> {
        let blob = BTreeMap::from([
            ("digest".to_owned(), multihash(digest)?),
            ("size".to_owned(), Ipld::Integer(size.into())),
        ]);
        Ok(Self::of(Ability::BlobAdd, [("blob", Ipld::Map(blob))]))
    }

    /// Whether the space has the blob.
    ///
    /// # Errors
    /// As [`blob_add`](Self::blob_add).
    pub fn blob_get(digest: &[u8]) -> Result<Self, Malformed> {
        Ok(Self::of(Ability::BlobGet, [("digest", multihash(digest)?)]))
    }

    /// Drop the blob. One that is not there is no error.
    ///
    /// # Errors
    /// As [`blob_add`](Self::blob_add).
    pub fn blob_remove(digest: &[u8]) -> Result<Self, Malformed> {
        Ok(Self::of(Ability::BlobRemove, [("digest", multihash(digest)?)]))
    }

    /// Enter `shards` under `root`, beside those that stand there.
    #[must_use]
    pub fn upload_add(root: Cid, shards: &[Cid]) -> Self {
        let shards = Ipld::List(shards.iter().copied().map(Ipld::Link).collect());
        Self::of(Ability::UploadAdd, [("root", Ipld::Link(root)), ("shards", shards)])
    }

    /// The shards of `root`.
    #[must_use]
    pub fn upload_get(root: Cid) -> Self {
        Self::of(Ability::UploadGet, [("root", Ipld::Link(root))])
    }

    /// At most `size` roots, after `cursor`.
    #[must_use]
    pub fn upload_list(size: u32, cursor: Option<&str>) -> Self {
        let size = ("size", Ipld::Integer(size.into()));
        match cursor {
            Some(cursor) => Self::of(Ability::UploadList, [size, ("cursor", Ipld::String(cursor.into()))]),
            None => Self::of(Ability::UploadList, [size]),
        }
    }

    /// Drop `root`; its blobs stay.
    #[must_use]
    pub fn upload_remove(root: Cid) -> Self {
        Self::of(Ability::UploadRemove, [("root", Ipld::Link(root))])
    }

    /// The statement by which `agent` asks `service` for it.
    #[must_use]
    pub fn asked_by(
        self,
        agent: &Did,
        service: &Did,
        space: &Did,
        proof: Cid,
        (expires, nonce): (u64, String),
    ) -> Unsigned {
        Unsigned {
            issuer: agent.clone(),
            audience: service.clone(),
            grant: Grant {
                can: self.ability.as_str().into(),
                with: space.as_str().into(),
                nb: Ipld::Map(self.arguments),
            },
            expires: Some(expires),
            nonce: Some(nonce),
            proofs: vec![proof],
            facts: Vec::new(),
        }
    }

    fn of<const N: usize>(ability: Ability, arguments: [(&str, Ipld); N]) -> Self {
        let arguments = arguments.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { ability, arguments }
    }
}

fn multihash(digest: &[u8]) -> Result<Ipld, Malformed> {
    Ok(Ipld::Bytes(wrap(digest)?.to_bytes()))
}
