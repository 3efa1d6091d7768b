use crate::change::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// A file that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFile {
    /// As it is named.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What is around where changes are to be made, as the caller found it.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Names of variables that are set here.
    pub variables: BTreeSet<String>,
    /// The compose file in use.
    pub compose: Option<TextFile>,
    /// The override file that compose would read by itself.
    pub compose_override: Option<TextFile>,
    /// Workflow files.
    pub workflows: Vec<TextFile>,
    /// The compose service, or job of a workflow, that is meant, where it was said.
    pub service: Option<String>,
    /// Where files of a kind are to be, where it was said.
    pub places: BTreeMap<Kind, String>,
    /// Folder of the files whose place was not said; the working folder when none is given.
    pub folder: Option<String>,
    /// The kinds of change that are wanted; all when none is named.
    pub only: BTreeSet<Kind>,
}

impl Around {
    /// Where a file of a kind is to be; `usual` is its name where nothing was said.
    pub(crate) fn at(&self, kind: Kind, usual: &str) -> String {
        match (self.places.get(&kind), &self.folder) {
            (Some(place), _) => place.clone(),
            (None, Some(folder)) if !usual.starts_with('/') => format!("{}/{usual}", folder.trim_end_matches('/')),
            (None, _) => usual.to_owned(),
        }
    }

    /// Whether changes of a kind are wanted.
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    /// Whether a kind was asked for by name.
    pub(crate) fn asks_for(&self, kind: Kind) -> bool {
        self.only.contains(&kind) || self.places.contains_key(&kind)
    }
}
