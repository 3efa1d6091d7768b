//! Whether the installed release of the client has peer-to-peer code at all. The
//! switch is an environment variable, so a release that never looks takes it without
//! an error.

use crate::python::{Interpreter, normal};

/// What every release with peer-to-peer code has in its sources: the protocol's name.
pub const PROTOCOL: &str = "/github-cache/1.0.0";
/// The switch.
pub const SWITCH: &str = "CACHE_ENABLE_P2P";

/// A release that takes the switch and ignores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignoring {
    /// The interpreter that has it.
    pub interpreter: String,
    /// Its version.
    pub version: String,
    /// Whether it names the switch all the same.
    pub names_switch: bool,
    /// Sources that were read.
    pub files: String,
}

/// The first interpreter whose release of `client` ignores the switch, when no other
/// interpreter has one that does not. None as well where the sources are not known.
#[must_use]
pub fn ignoring(all: &[Interpreter], client: &str) -> Option<Ignoring> {
    let client = normal(client);
    let mut first = None;
    for interpreter in all {
        for found in interpreter.distributions.iter().filter(|found| found.name == client) {
            let mentions = found.mentions.as_ref().filter(|mentions| mentions.complete)?;
            let has = |text: &str| mentions.found.split(',').any(|other| other == text);
            if has(PROTOCOL) {
                return None;
            }
            first.get_or_insert_with(|| Ignoring {
                interpreter: interpreter.path.clone(),
                version: found.version.clone(),
                names_switch: has(SWITCH),
                files: mentions.files.clone(),
            });
        }
    }
    first
}

/// Whether somebody wants the client's peer-to-peer part.
#[must_use]
pub fn wanted(switch: Option<&str>, peers: Option<&str>) -> bool {
    match switch {
        Some(value) => value.eq_ignore_ascii_case("true"),
        None => peers.is_some_and(|list| !list.trim_ascii().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::{Distribution, Mentions};

    fn with(found: &str, complete: bool) -> Interpreter {
        let mentions = Mentions { found: found.into(), files: "7".into(), complete };
        let distribution = Distribution {
            name: "ipfs-accelerate-py".into(),
            version: "0.0.45".into(),
            mentions: Some(mentions),
            ..Distribution::default()
        };
        Interpreter { path: "/p".into(), distributions: vec![distribution], ..Interpreter::default() }
    }

    #[test]
    fn a_release_without_the_protocol_ignores_the_switch() {
        let of = |all: &[Interpreter]| ignoring(all, "ipfs_accelerate_py");
        assert!(of(&[with("", true)]).is_some_and(|found| !found.names_switch && found.version == "0.0.45"));
        assert!(of(&[with(SWITCH, true)]).is_some_and(|found| found.names_switch));
        assert_eq!(of(&[with("/github-cache/1.0.0,CACHE_ENABLE_P2P", true)]), None);
        // Unknown is not "no".
        assert_eq!(of(&[with("", false)]), None);
        assert_eq!(of(&[with("", true), with(PROTOCOL, true)]), None);
        assert_eq!(of(&[Interpreter::default()]), None);
    }

    #[test]
    fn it_is_wanted_by_the_switch_or_by_peers() {
        assert!(wanted(Some("True"), None) && wanted(None, Some("/ip4/1.2.3.4/tcp/1")));
        assert!(!wanted(Some("1"), Some("/x")) && !wanted(None, Some(" ")) && !wanted(None, None));
    }
}
