use crate::change::{Blocker, Content, Kind, Proposal};
use crate::compose::{self, MARK, Service};
use crate::wanted::{Value, Wanted};
use crate::{daemon, environment, sysctl, workflow};
use serde::Serialize;
use serde_json::Map;

/// How a file is changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit(pub(crate) How);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    Variables(Vec<(String, Value)>),
    Settings(Map<String, serde_json::Value>),
    Sysctls(Vec<(String, String)>),
    Compose { wanted: Box<Wanted>, service: Service },
    Workflow { wanted: Box<Wanted>, container: bool, proof: String },
}

/// A change of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileEdit {
    /// Where the file is; relative to the folder of the changes unless absolute.
    pub path: String,
    /// Whether the place was named by whoever asked.
    pub named: bool,
    /// How it is changed.
    #[serde(skip)]
    pub edit: Edit,
}

/// A file as it would be, with everything that all causes want of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Where.
    pub path: String,
    /// What kind of file.
    pub kind: Kind,
    /// Whether the place was named by whoever asked.
    pub named: bool,
    /// Codes of the causes that want it.
    pub causes: Vec<String>,
    /// What is there.
    pub before: Option<String>,
    /// What would be there; or why it cannot be.
    pub after: Result<String, String>,
    /// What keeps it from being written.
    pub blockers: Vec<Blocker>,
}

impl FileChange {
    /// Whether there is anything to write.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.after.as_ref().is_ok_and(|after| self.before.as_ref() != Some(after))
    }

    /// The difference, as `diff -u` shows it; empty where there is none.
    #[must_use]
    pub fn diff(&self) -> String {
        let Ok(after) = &self.after else { return String::new() };
        let before = self.before.as_deref().unwrap_or_default();
        let old = if self.before.is_some() { self.path.as_str() } else { "/dev/null" };
        similar::TextDiff::from_lines(before, after).unified_diff().header(old, &self.path).to_string()
    }
}

impl Proposal {
    /// The files that the changes make, each once. `read` gives what is there.
    ///
    /// *Behaviour*: changes that are blocked are not mixed with those that are not: a
    /// file that both kinds want is given twice, so that the one can be written.
    #[must_use]
    pub fn files(&self, read: &dyn Fn(&str) -> Result<Option<String>, String>) -> Vec<FileChange> {
        let mut files: Vec<(FileChange, Vec<How>)> = Vec::new();
        for fix in &self.fixes {
            for change in &fix.changes {
                let Content::File(file) = &change.content else { continue };
                let same = |(known, _): &&mut (FileChange, Vec<How>)| {
                    known.path == file.path && known.blockers == change.blockers
                };
                let how = file.edit.0.clone();
                if let Some((known, all)) = files.iter_mut().find(same) {
                    if !known.causes.contains(&fix.cause) {
                        known.causes.push(fix.cause.clone());
                    }
                    all.push(how);
                    continue;
                }
                let (before, after) = match read(&file.path) {
                    Ok(before) => (before, Ok(String::new())),
                    Err(why) => (None, Err(why)),
                };
                let change = FileChange {
                    path: file.path.clone(),
                    kind: change.kind,
                    named: file.named,
                    causes: vec![fix.cause.clone()],
                    before,
                    after,
                    blockers: change.blockers.clone(),
                };
                files.push((change, vec![how]));
            }
        }
        files
            .into_iter()
            .map(|(mut file, all)| {
                if file.after.is_ok() {
                    file.after = apply(file.before.as_deref(), all);
                }
                file
            })
            .collect()
    }
}

/// All edits of one file, one after the other.
fn apply(before: Option<&str>, all: Vec<How>) -> Result<String, String> {
    let mut text = before.map(str::to_owned);
    let mut whole: Option<How> = None;
    for how in all {
        match how {
            How::Variables(variables) => text = Some(environment::edited(text.as_deref(), &variables)),
            How::Settings(settings) => text = Some(daemon::edited(text.as_deref(), &settings)?),
            How::Sysctls(settings) => text = Some(sysctl::edited(text.as_deref(), &settings)),
            How::Compose { wanted: more, .. } | How::Workflow { wanted: more, .. } if whole.is_some() => {
                if let Some(How::Compose { wanted, .. } | How::Workflow { wanted, .. }) = &mut whole {
                    wanted.merge_container(&more);
                }
            }
            how => whole = Some(how),
        }
    }
    let Some(whole) = whole else { return Ok(text.unwrap_or_default()) };
    if before.is_some_and(|before| !before.starts_with(MARK)) {
        return Err("the file there is not one that `seaworthy fix` wrote: name another place".into());
    }
    Ok(match whole {
        How::Compose { wanted, service } => compose::written(&wanted, &service),
        How::Workflow { wanted, container, proof } => workflow::whole(&wanted, container, &proof),
        How::Variables(_) | How::Settings(_) | How::Sysctls(_) => text.unwrap_or_default(),
    })
}
