//! The event that started the workflow, from the runner's own file.

use crate::job::Job;
use serde_json::Value;

/// What is of use in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Repository that a pull request comes from.
    pub head: Option<String>,
    /// Repository that it goes to.
    pub base: Option<String>,
    /// The repository's default branch.
    pub default_branch: Option<String>,
}

impl Event {
    /// Reads the file. `None` where it is no JSON object.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let whole: Value = serde_json::from_slice(bytes).ok()?;
        whole.as_object()?;
        let text = |path: &str| whole.pointer(path).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            head: text("/pull_request/head/repo/full_name"),
            base: text("/pull_request/base/repo/full_name").or_else(|| text("/repository/full_name")),
            default_branch: text("/repository/default_branch"),
        })
    }

    /// Whether it is of a pull request from another repository; `None` where it is of none,
    /// or where the head's repository is gone.
    #[must_use]
    pub fn from_fork(&self) -> Option<bool> {
        Some(!self.head.as_ref()?.eq_ignore_ascii_case(self.base.as_ref()?))
    }
}

/// Why a run gets no secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The pull request comes from a fork.
    Fork,
    /// Dependabot started it.
    Dependabot,
}

/// Whether this run gets none. *Behaviour*: `pull_request_target` and `workflow_run` are
/// run by the base's own workflow and have them, from wherever the pull request is.
#[must_use]
pub fn without_secrets(job: &Job, event: Option<&Event>) -> Option<Without> {
    let name = job.text("GITHUB_EVENT_NAME").unwrap_or_default();
    if name.starts_with("pull_request")
        && name != "pull_request_target"
        && event.and_then(Event::from_fork) == Some(true)
    {
        return Some(Without::Fork);
    }
    let dependabot = job.text("GITHUB_ACTOR") == Some("dependabot[bot]");
    let affected = matches!(name, "push" | "create" | "deployment") || name.starts_with("pull_request");
    (dependabot && affected && name != "pull_request_target").then_some(Without::Dependabot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::tests::job;

    const FORK: &[u8] = br#"{"pull_request":{"head":{"repo":{"full_name":"eve/app"}},"base":{"repo":{"full_name":"acme/app"}}},"repository":{"full_name":"acme/app","default_branch":"trunk"}}"#;
    const OWN: &[u8] =
        br#"{"pull_request":{"head":{"repo":{"full_name":"Acme/App"}},"base":{"repo":{"full_name":"acme/app"}}}}"#;
    const GONE: &[u8] = br#"{"pull_request":{"head":{"repo":null},"base":{"repo":{"full_name":"acme/app"}}}}"#;
    const PUSH: &[u8] = br#"{"ref":"refs/heads/main","repository":{"full_name":"acme/app","default_branch":"main"}}"#;

    #[test]
    fn the_event_names_both_repositories() {
        let read = |bytes: &[u8]| Event::read(bytes).unwrap();
        assert_eq!(read(FORK).from_fork(), Some(true));
        assert_eq!(read(FORK).default_branch.as_deref(), Some("trunk"));
        assert_eq!((read(OWN).from_fork(), read(GONE).from_fork(), read(PUSH).from_fork()), (Some(false), None, None));
        assert_eq!((Event::read(b"[]"), Event::read(b"{")), (None, None));
    }

    #[test]
    fn who_gets_no_secrets() {
        let run = |name: &str, actor: &str, event: &[u8]| {
            let job = job(&[("GITHUB_EVENT_NAME", name), ("GITHUB_ACTOR", actor)]);
            without_secrets(&job, Event::read(event).as_ref())
        };
        assert_eq!(run("pull_request", "eve", FORK), Some(Without::Fork));
        assert_eq!(run("pull_request", "dependabot[bot]", OWN), Some(Without::Dependabot));
        assert_eq!(run("push", "dependabot[bot]", PUSH), Some(Without::Dependabot));
        for (name, actor, event) in [
            ("pull_request_target", "eve", FORK),
            ("pull_request_target", "dependabot[bot]", OWN),
            ("pull_request", "ann", OWN),
            ("pull_request", "eve", GONE),
            ("push", "ann", PUSH),
            ("schedule", "dependabot[bot]", PUSH),
        ] {
            assert_eq!(run(name, actor, event), None, "{name} {actor}");
        }
        assert_eq!(
            without_secrets(&job(&[("GITHUB_EVENT_NAME", "pull_request")]), None),
            None,
            "unknown is not a fork"
        );
    }
}
