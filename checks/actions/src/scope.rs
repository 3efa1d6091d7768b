//! Which entries of the Actions cache a job can see.

use serde_json::Value;

/// The refs whose entries a job sees: its own, the base of its pull request, the default branch.
#[must_use]
pub fn visible(own: Option<&str>, base: Option<&str>, default: Option<&str>) -> Vec<String> {
    let branch = |name: &str| if name.starts_with("refs/") { name.to_owned() } else { ["refs/heads/", name].concat() };
    let mut refs: Vec<String> = own.map(str::to_owned).into_iter().collect();
    for name in [base, default].into_iter().flatten() {
        let name = branch(name);
        if !refs.contains(&name) {
            refs.push(name);
        }
    }
    refs
}

/// What the list of caches says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The refs of entries whose keys begin as asked, one for each entry.
    pub refs: Vec<String>,
    /// Whether there are more than were listed.
    pub cut: bool,
}

/// Reads the list; `None` where it is none.
#[must_use]
pub fn read(body: &[u8], key: &str) -> Option<Listed> {
    let whole: Value = serde_json::from_slice(body).ok()?;
    let entries = whole.get("actions_caches")?.as_array()?;
    let total = whole.get("total_count").and_then(Value::as_u64).unwrap_or(entries.len() as u64);
    let begins = |entry: &&Value| entry.get("key").and_then(Value::as_str).is_some_and(|own| own.starts_with(key));
    let refs = entries.iter().filter(begins).filter_map(|entry| Some(entry.get("ref")?.as_str()?.to_owned())).collect();
    Some(Listed { refs, cut: total > entries.len() as u64 })
}

/// Where the entries are, seen from a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// So many can be seen.
    InScope(usize),
    /// None can; the refs that have some, each once.
    Elsewhere(Vec<String>),
    /// There is none at all.
    Nowhere,
}

/// Judges a list.
#[must_use]
pub fn judge(listed: &Listed, visible: &[String]) -> Where {
    let seen = listed.refs.iter().filter(|one| visible.contains(one)).count();
    if seen > 0 {
        return Where::InScope(seen);
    }
    let mut others: Vec<String> = Vec::new();
    for one in &listed.refs {
        if !others.contains(one) {
            others.push(one.clone());
        }
    }
    if others.is_empty() { Where::Nowhere } else { Where::Elsewhere(others) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"total_count":3,"actions_caches":[{"ref":"refs/pull/7/merge","key":"sccache-a"},{"ref":"refs/pull/7/merge","key":"sccache-b"},{"ref":"refs/heads/main","key":"node-1"}]}"#;

    #[test]
    fn a_job_sees_its_own_ref_its_base_and_the_default_branch() {
        assert_eq!(
            visible(Some("refs/pull/9/merge"), Some("main"), Some("main")),
            ["refs/pull/9/merge", "refs/heads/main"]
        );
        assert_eq!(visible(Some("refs/heads/x"), None, Some("trunk")), ["refs/heads/x", "refs/heads/trunk"]);
    }

    #[test]
    fn elsewhere_is_not_nowhere() {
        let listed = read(LIST, "sccache-").unwrap();
        assert_eq!((listed.refs.len(), listed.cut), (2, false));
        let of = |own: &str| judge(&listed, &visible(Some(own), Some("main"), None));
        assert_eq!(of("refs/pull/9/merge"), Where::Elsewhere(vec!["refs/pull/7/merge".into()]));
        assert_eq!(of("refs/pull/7/merge"), Where::InScope(2), "one's own are in scope");
        assert_eq!(judge(&read(LIST, "go-").unwrap(), &[]), Where::Nowhere);
        assert_eq!(judge(&read(LIST, "node-").unwrap(), &visible(None, Some("main"), None)), Where::InScope(1));
    }

    #[test]
    fn what_is_no_list_is_none() {
        assert_eq!(read(b"{}", ""), None);
        assert_eq!(read(b"<html>", ""), None);
        assert!(read(br#"{"total_count":200,"actions_caches":[{"ref":"r","key":"k"}]}"#, "k").unwrap().cut);
    }
}
