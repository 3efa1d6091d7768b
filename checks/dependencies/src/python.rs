//! What a Python client needs, judged from the metadata of what is installed.

use crate::codes;
use crate::version::at_least;
use seaworthy_check_sdk::Code;

/// Every distribution asked about: needed ones, their look-alikes, the client itself.
pub const ASKED: &[&str] = &[
    "libp2p",
    "cryptography",
    "multiformats",
    "py-multiformats-cid",
    "pymultihash",
    "py-multihash",
    "ipfs-accelerate-py",
];

/// Having one of these shows that the interpreter is meant to run the client;
/// `cryptography` alone does not.
const MARKERS: &[&str] =
    &["libp2p", "multiformats", "py-multiformats-cid", "pymultihash", "py-multihash", "ipfs-accelerate-py"];

/// The oldest libp2p that answers without waiting for the end of a stream.
pub const LIBP2P_LEAST: &str = "0.8";
/// What libp2p 0.8 itself demands.
const PYTHON_LEAST: &str = "3.10";

/// One interpreter and what it has.
#[derive(Clone, Debug, Default)]
pub struct Interpreter {
    /// Where it is.
    pub path: String,
    /// Its version; empty when not known.
    pub version: String,
    /// Name and version, names normalised by [`normal`].
    pub distributions: Vec<(String, String)>,
}

impl Interpreter {
    /// The version of a distribution, when it is installed.
    #[must_use]
    pub fn version_of(&self, name: &str) -> Option<&str> {
        self.distributions.iter().find(|(other, _)| other == name).map(|(_, version)| version.as_str())
    }

    /// It is meant to run the client.
    #[must_use]
    pub fn is_client(&self) -> bool {
        MARKERS.iter().any(|name| self.version_of(name).is_some())
    }
}

/// One finding, before it cites anything.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// The package, or the interpreter.
    pub about: String,
    /// What was found.
    pub message: String,
    /// What was seen.
    pub observed: String,
    /// What is needed.
    pub expected: String,
    /// The package to remove, where one is in the way.
    pub remove: Option<&'static str>,
}

/// Names compared as pip does: lower case, runs of `-`, `_` and `.` as one `-` (PEP 503).
#[must_use]
pub fn normal(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.trim_ascii().chars() {
        let c = if matches!(c, '_' | '.' | '-') { '-' } else { c.to_ascii_lowercase() };
        if c != '-' || !text.ends_with('-') {
            text.push(c);
        }
    }
    text
}

/// Everything that is wrong with one interpreter.
#[must_use]
pub fn judge(interpreter: &Interpreter) -> Vec<Problem> {
    let has = |name: &str| interpreter.version_of(name);
    let problem = |code: Code, about: &str, message: &str, observed: String, expected: &str| Problem {
        code,
        about: about.into(),
        message: format!("{message} ({})", interpreter.path),
        observed,
        expected: expected.into(),
        remove: None,
    };
    let absent = || "not installed".to_owned();
    let mut found = Vec::new();

    if !interpreter.version.is_empty() && !at_least(&interpreter.version, PYTHON_LEAST) {
        let message = "this Python is too old for libp2p 0.8, so pip silently picks an older libp2p";
        found.push(problem(
            codes::DEP_NO_INTERPRETER,
            &interpreter.path,
            message,
            format!("Python {}", interpreter.version),
            "Python 3.10 or newer",
        ));
    }
    match has("libp2p") {
        None => found.push(problem(
            codes::DEP_MISSING,
            "libp2p",
            "libp2p is not installed, so the client runs without peers",
            absent(),
            "libp2p>=0.8",
        )),
        Some(version) if !at_least(version, LIBP2P_LEAST) => found.push(problem(
            codes::DEP_TOO_OLD,
            "libp2p",
            "this libp2p waits for the end of a stream before it answers and can block its peer",
            format!("libp2p {version}"),
            "libp2p>=0.8",
        )),
        Some(_) => {}
    }
    if has("cryptography").is_none() {
        let message = "cryptography is not installed, so the client sends its entries unencrypted";
        found.push(problem(codes::DEP_MISSING, "cryptography", message, absent(), "cryptography"));
    }
    match (has("multiformats"), has("py-multiformats-cid")) {
        (Some(_), _) => {}
        (None, Some(version)) => found.push(Problem {
            remove: Some("py-multiformats-cid"),
            ..problem(
                codes::DEP_LOOK_ALIKE,
                "multiformats",
                "py-multiformats-cid brings the module multiformats_cid; the client imports multiformats",
                format!("py-multiformats-cid {version}"),
                "multiformats",
            )
        }),
        (None, None) => found.push(problem(
            codes::DEP_MISSING,
            "multiformats",
            "multiformats is not installed, so content hashes differ from those of other runners",
            absent(),
            "multiformats",
        )),
    }
    match (has("py-multihash"), has("pymultihash")) {
        (Some(ours), Some(other)) => found.push(Problem {
            remove: Some("pymultihash"),
            ..problem(
                codes::DEP_CONFLICT,
                "multihash",
                "py-multihash and pymultihash both write the module multihash; the last one installed wins",
                format!("py-multihash {ours} and pymultihash {other}"),
                "py-multihash alone",
            )
        }),
        // Without libp2p nothing here imports multihash: pip brings the right one with it.
        (None, Some(other)) if has("libp2p").is_some_and(|version| at_least(version, LIBP2P_LEAST)) => {
            found.push(Problem {
                remove: Some("pymultihash"),
                ..problem(
                    codes::DEP_LOOK_ALIKE,
                    "py-multihash",
                    "pymultihash brings another module multihash than the one libp2p 0.8 is written against",
                    format!("pymultihash {other}"),
                    "py-multihash>=3",
                )
            });
        }
        (None, None) if has("libp2p").is_some_and(|version| at_least(version, LIBP2P_LEAST)) => found.push(problem(
            codes::DEP_MISSING,
            "py-multihash",
            "no module multihash is installed, so importing libp2p fails",
            absent(),
            "py-multihash>=3",
        )),
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(distributions: &[(&str, &str)]) -> Interpreter {
        Interpreter {
            path: "/usr/bin/python3".into(),
            version: "3.12.3".into(),
            distributions: distributions.iter().map(|(n, v)| (normal(n), (*v).into())).collect(),
        }
    }

    fn codes_of(distributions: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        judge(&with(distributions)).into_iter().map(|p| (p.code.code, p.about)).collect()
    }

    const RIGHT: [(&str, &str); 4] =
        [("libp2p", "0.8.1"), ("cryptography", "46.0.1"), ("multiformats", "0.3.1"), ("py_multihash", "3.0.0")];

    #[test]
    fn a_complete_interpreter_has_no_problem() {
        assert!(codes_of(&RIGHT).is_empty());
        assert!(with(&RIGHT).is_client() && !with(&[("cryptography", "1")]).is_client());
    }

    #[test]
    fn look_alikes_are_told_from_missing_packages() {
        let seen = codes_of(&[RIGHT[0], RIGHT[1], ("py-multiformats-cid", "0.4.4"), RIGHT[3]]);
        assert_eq!(seen, [("dep.look-alike", "multiformats".to_string())]);
        let seen = codes_of(&RIGHT[1..]);
        assert_eq!(seen, [("dep.missing", "libp2p".to_string())]);
        let seen = codes_of(&[RIGHT[0], RIGHT[1], RIGHT[2], ("pymultihash", "0.8.2")]);
        assert_eq!(seen, [("dep.look-alike", "py-multihash".to_string())]);
    }

    #[test]
    fn both_multihashes_conflict() {
        let mut all = RIGHT.to_vec();
        all.push(("pymultihash", "0.8.2"));
        assert_eq!(codes_of(&all), [("dep.conflict", "multihash".to_string())]);
    }

    #[test]
    fn old_versions_are_named() {
        let mut all = RIGHT.to_vec();
        all[0].1 = "0.4.0";
        assert_eq!(codes_of(&all), [("dep.too-old", "libp2p".to_string())]);
        let old = Interpreter { version: "3.9.2".into(), ..with(&RIGHT) };
        assert_eq!(judge(&old)[0].code.code, "dep.no-interpreter");
    }

    #[test]
    fn names_are_compared_as_pip_does() {
        assert_eq!(normal("Py_Multiformats.-CID"), "py-multiformats-cid");
    }
}
