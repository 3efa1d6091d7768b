use crate::config::Keys;
use crate::error::Trouble;
use crate::node::{Answered, Node};
use crate::pointer::{Pointer, shard};
use ipfs_client::{Added, Call, Cid, Flushed, Listed, Refusal, RepoStat};
use seaworthy_adapter_sdk::{CacheError, storage};
use std::collections::{BTreeMap, BTreeSet};

/// Folders that are listed at once; each answer may then be a mebibyte.
const AT_ONCE: usize = 8;

/// Leads from keys to content, and keeps the node's garbage collection from what it
/// names: MFS by itself, a directory by pins.
#[derive(Debug)]
pub(crate) enum Index {
    Mfs { folder: String },
    Directory,
}

/// Keys with their newest pointers, in order.
pub(crate) type Named = BTreeMap<String, Option<Pointer>>;

/// What the index has of a key before a put.
pub(crate) struct Standing {
    /// Newest first.
    pub(crate) pointers: Vec<Pointer>,
    /// The folder of its shard is there.
    shard: bool,
    /// What the node's repository takes up, where it may be asked.
    pub(crate) repository: Option<RepoStat>,
}

impl Index {
    /// Opens it.
    ///
    /// *Behaviour*: tries what storing needs, without storing anything; whether all of it
    /// is allowed. Credentials for reading alone make a tier that is read.
    ///
    /// *Errors*: `configuration` when MFS cannot be used.
    pub(crate) fn open(keys: &Keys, node: &Node) -> Result<(Self, bool), CacheError> {
        let probe = Call::only_hash(b"seaworthy");
        match keys {
            Keys::Mfs(folder) => {
                let mut seen = node.ask_all(vec![Call::files_mkdir(folder), probe]).into_iter();
                let made = may(seen.next(), "files/mkdir")?;
                let added = may(seen.next(), "add")?;
                if !made {
                    // Reading is enough, but it has to be possible.
                    listed(node.ask(Call::files_ls(folder)), true).map_err(|t| t.error("open", "files/ls"))?;
                }
                Ok((Self::Mfs { folder: folder.clone() }, made && added))
            }
            Keys::Directory(directory) => {
                storage::open(directory)?;
                let added = may(Some(node.ask(probe)), "add")?;
                Ok((Self::Directory, added))
            }
        }
    }

    /// The pointers of a key, newest first.
    pub(crate) fn find(&self, node: &Node, operation: &str, key: &str) -> Result<Vec<Pointer>, CacheError> {
        match self {
            Self::Mfs { folder } => {
                let names = listed(node.ask(Call::files_ls(&path(folder, key))), true);
                names.map(|names| of(key, &names.unwrap_or_default())).map_err(|t| t.error(operation, "files/ls"))
            }
            Self::Directory => stored(operation, key),
        }
    }

    /// The same before a put, with the state of the repository.
    pub(crate) fn standing(&self, node: &Node, key: &str) -> Result<Standing, CacheError> {
        let mut calls = vec![Call::repo_stat()];
        if let Self::Mfs { folder } = self {
            calls.push(Call::files_ls(&path(folder, key)));
        }
        let mut seen = node.ask_all(calls).into_iter();
        let repository = match seen.next().unwrap_or(Err(Trouble::Overlong)).and_then(|a| Ok(a.reply()?.json()?)) {
            Ok(stat) => Some(stat),
            // It is no need of a put to know this.
            Err(trouble) if trouble.is_forbidden() => None,
            Err(trouble) => return Err(trouble.error("put", "repo/stat")),
        };
        let (pointers, shard) = match seen.next() {
            Some(answer) => {
                let names = listed(answer, true).map_err(|t| t.error("put", "files/ls"))?;
                (of(key, names.as_deref().unwrap_or_default()), names.is_some())
            }
            None => match stored("put", key) {
                // What is damaged is overwritten.
                Err(error) if error.kind == "integrity" => (Vec::new(), true),
                pointers => (pointers?, true),
            },
        };
        Ok(Standing { pointers, shard, repository })
    }

    /// Stores a record and lets the key lead to it, in this order; then the ones before
    /// it are let go.
    ///
    /// *Behaviour*: whoever reads meanwhile finds the old record or the new one.
    pub(crate) fn put(
        &self,
        node: &Node,
        key: &str,
        pointer: &Pointer,
        record: Vec<u8>,
        standing: &Standing,
    ) -> Result<(), CacheError> {
        match self {
            Self::Mfs { folder } => {
                let shard = path(folder, key);
                if !standing.shard {
                    done(node.ask(Call::files_mkdir(&shard))).map_err(|t| t.error("put", "files/mkdir"))?;
                }
                let path = format!("{shard}/{}", pointer.name(key));
                let added =
                    node.ask(Call::add_to_files(record, &path)).and_then(|a| Ok(a.reply()?.last::<Added>()?.hash));
                same(added, pointer, "add")?;
                // Whether the name was set is said here only; and it is on the disk after it.
                let flushed = node.ask(Call::files_flush(&path)).and_then(|a| Ok(a.reply()?.json::<Flushed>()?.cid));
                same(flushed, pointer, "files/flush")?;
                let old: Vec<String> = standing
                    .pointers
                    .iter()
                    .filter(|old| *old != pointer)
                    .map(|old| format!("{shard}/{}", old.name(key)))
                    .collect();
                if old.is_empty() {
                    return Ok(());
                }
                // The value is stored and found: what is left of the one before it goes with the next put.
                let _ = node.ask(Call::files_rm_all(&old));
                Ok(())
            }
            Self::Directory => {
                let added = node.ask(Call::add(record, true)).and_then(|a| Ok(a.reply()?.last::<Added>()?.hash));
                same(added, pointer, "add")?;
                // Another runner of this directory may have stored meanwhile: what it pinned is let go too.
                let before = stored("put", key).unwrap_or_default();
                storage::put(key, pointer.encode().as_bytes())?;
                let old: BTreeSet<Cid> = standing.pointers.iter().chain(&before).map(|old| old.cid).collect();
                for old in old.iter().filter(|old| **old != pointer.cid) {
                    let _ = unpin(node, old);
                }
                Ok(())
            }
        }
    }

    /// Lets a key lead nowhere, and its records go.
    ///
    /// *Behaviour*: of MFS, exactly these: what another runner stored meanwhile stays.
    pub(crate) fn remove(
        &self,
        node: &Node,
        operation: &str,
        key: &str,
        pointers: &[Pointer],
    ) -> Result<(), CacheError> {
        if pointers.is_empty() {
            return Ok(());
        }
        match self {
            Self::Mfs { folder } => {
                let shard = path(folder, key);
                let paths: Vec<String> =
                    pointers.iter().map(|pointer| format!("{shard}/{}", pointer.name(key))).collect();
                done(node.ask(Call::files_rm_all(&paths))).map_err(|t| t.error(operation, "files/rm"))?;
                // A removal that fails half way says so in a trailer only.
                let left = self.find(node, operation, key)?;
                if left.iter().any(|left| pointers.contains(left)) {
                    let message = "the node took the removal and still has the key; its log says why";
                    return Err(CacheError::new("other", "temporary", operation, message).with("command", "files/rm"));
                }
                Ok(())
            }
            Self::Directory => {
                storage::delete(key).map_err(|error| error.during(operation))?;
                for pointer in pointers {
                    unpin(node, &pointer.cid).map_err(|t| t.error(operation, "pin/rm"))?;
                }
                Ok(())
            }
        }
    }

    /// The newest pointer of every key that begins with `prefix`, in the order of the keys;
    /// none for one whose file is damaged.
    pub(crate) fn list(&self, node: &Node, prefix: &str, limit: u32) -> Result<Named, CacheError> {
        let mut all = BTreeMap::new();
        match self {
            Self::Mfs { folder } => {
                let failed = |trouble: Trouble| trouble.error("list", "files/ls");
                let shards = listed(node.ask(Call::files_ls(folder)), true).map_err(failed)?.unwrap_or_default();
                let paths: Vec<String> =
                    shards.iter().filter(|name| is_shard(name)).map(|name| format!("{folder}/{name}")).collect();
                for some in paths.chunks(AT_ONCE) {
                    let seen = node.ask_all(some.iter().map(|path| Call::files_ls(path)).collect());
                    for (path, answer) in some.iter().zip(seen) {
                        let names = match listed(answer, true) {
                            Err(Trouble::Overlong) => listed(node.ask(Call::files_ls(path)), true),
                            other => other,
                        };
                        let names = names.map_err(failed)?.unwrap_or_default();
                        newest(&mut all, names.iter().filter_map(|name| Pointer::read(name)), prefix);
                    }
                }
            }
            Self::Directory => {
                for key in storage::list(prefix, limit)? {
                    match stored("list", &key) {
                        Ok(pointers) => {
                            all.extend(pointers.into_iter().next().map(|pointer| (key, Some(pointer))));
                        }
                        Err(error) if error.kind == "integrity" => {
                            all.insert(key, None);
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(all)
    }

    /// Forgets a key whose file is damaged.
    pub(crate) fn forget(&self, key: &str) -> Result<(), CacheError> {
        match self {
            Self::Mfs { .. } => Ok(()),
            Self::Directory => storage::delete(key).map_err(|error| error.during("invalidate")),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Mfs { .. })
    }
}

fn path(folder: &str, key: &str) -> String {
    format!("{folder}/{}", shard(key))
}

fn is_shard(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a command is allowed. *Errors*: everything else that is in its way.
fn may(seen: Option<Result<Answered, Trouble>>, command: &str) -> Result<bool, CacheError> {
    match done(seen.unwrap_or(Err(Trouble::Overlong))) {
        Ok(()) => Ok(true),
        Err(trouble) if trouble.is_forbidden() => Ok(false),
        Err(trouble) => Err(trouble.error("open", command)),
    }
}

fn done(seen: Result<Answered, Trouble>) -> Result<(), Trouble> {
    Ok(seen?.reply()?.done()?)
}

/// The names of a folder; `None` where it is not there, if that is an answer.
fn listed(seen: Result<Answered, Trouble>, may_be_absent: bool) -> Result<Option<Vec<String>>, Trouble> {
    match seen.and_then(|answer| Ok(answer.reply()?.json::<Listed>()?)) {
        Ok(listed) => Ok(Some(listed.names().map(str::to_owned).collect())),
        Err(trouble) if may_be_absent && trouble.is_absent() => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The pointers of a key among names, newest first.
fn of(key: &str, names: &[String]) -> Vec<Pointer> {
    let read = names.iter().filter_map(|name| Pointer::read(name));
    let mut pointers: Vec<Pointer> = read.filter(|(k, _)| k == key).map(|(_, pointer)| pointer).collect();
    pointers.sort_by_key(|pointer| std::cmp::Reverse((pointer.version, pointer.cid)));
    pointers
}

fn newest(all: &mut Named, read: impl Iterator<Item = (String, Pointer)>, prefix: &str) {
    for (key, pointer) in read.filter(|(key, _)| key.starts_with(prefix)) {
        match all.get(&key) {
            Some(Some(known)) if (known.version, known.cid) >= (pointer.version, pointer.cid) => {}
            _ => {
                all.insert(key, Some(pointer));
            }
        }
    }
}

/// The pointer that the directory has. *Errors*: `integrity` for a file that is none.
fn stored(operation: &str, key: &str) -> Result<Vec<Pointer>, CacheError> {
    let Some(file) = storage::get(key).map_err(|error| error.during(operation))? else { return Ok(Vec::new()) };
    let pointer = std::str::from_utf8(&file).ok().and_then(Pointer::decode);
    pointer.map(|pointer| vec![pointer]).ok_or_else(|| {
        let message = "the key's file in the directory is damaged; invalidate the key or store it again";
        CacheError::integrity(operation, message).with("reason", "index")
    })
}

/// Whether the node calls the record what we call it.
fn same(cid: Result<Cid, Trouble>, pointer: &Pointer, command: &str) -> Result<(), CacheError> {
    let cid = cid.map_err(|trouble| match trouble {
        Trouble::Refused(Refusal::Absent(_)) => {
            let message = "the node took the value and did not set its name; its log says why";
            CacheError::new("other", "temporary", "put", message)
        }
        trouble => trouble.error("put", command),
    })?;
    if cid == pointer.cid {
        return Ok(());
    }
    let message = format!("the node calls the value {cid}, and it is {}: it stored something else", pointer.cid);
    Err(CacheError::integrity("put", message).with("command", command))
}

fn unpin(node: &Node, cid: &Cid) -> Result<(), Trouble> {
    match done(node.ask(Call::pin_rm(cid))) {
        Err(trouble) if trouble.is_absent() => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_adapter_sdk::Life;

    fn pointer(version: u64) -> Pointer {
        let cid = ipfs_client::content::raw(&version.to_le_bytes()).unwrap();
        Pointer { version, life: Life { created: 1, deadline: None }, size: 1, length: 60, cid }
    }

    #[test]
    fn the_newest_of_a_key_counts() {
        let names: Vec<String> =
            [("k", 2), ("k", 10), ("k2", 99), ("k", 9)].map(|(key, version)| pointer(version).name(key)).into();
        let versions: Vec<u64> = of("k", &names).iter().map(|pointer| pointer.version).collect();
        assert_eq!(versions, [10, 9, 2]);
        let mut all = BTreeMap::new();
        newest(&mut all, names.iter().filter_map(|name| Pointer::read(name)), "k");
        let seen: Vec<(&str, u64)> =
            all.iter().map(|(key, pointer)| (key.as_str(), pointer.as_ref().unwrap().version)).collect();
        assert_eq!(seen, [("k", 10), ("k2", 99)]);
        let mut none = BTreeMap::new();
        newest(&mut none, names.iter().filter_map(|name| Pointer::read(name)), "k2/");
        assert!(none.is_empty());
    }

    #[test]
    fn only_folders_of_shards_are_listed() {
        assert!(is_shard("00") && is_shard("af"));
        assert!(!is_shard("AF") && !is_shard("0") && !is_shard("000") && !is_shard("zz"));
    }

    #[test]
    fn a_node_that_stored_something_else_is_found_out() {
        let here = pointer(1);
        assert!(same(Ok(here.cid), &here, "add").is_ok());
        assert_eq!(same(Ok(pointer(2).cid), &here, "add").unwrap_err().kind, "integrity");
        let absent = Trouble::Refused(Refusal::Absent("file does not exist".into()));
        assert_eq!(same(Err(absent), &here, "files/flush").unwrap_err().kind, "other", "a put is never a miss");
    }
}
