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
/// The oldest py-multihash whose module libp2p 0.8 can import from.
pub const MULTIHASH_LEAST: &str = "3";
/// What libp2p 0.8 itself demands.
const PYTHON_LEAST: &str = "3.10";

/// One interpreter and what it has.
#[derive(Clone, Debug, Default)]
pub struct Interpreter {
    /// Where it is.
    pub path: String,
    /// Its version; empty when not known.
    pub version: String,
    /// What is installed in it.
    pub distributions: Vec<Distribution>,
}

/// One installed package.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// Its name, normalised by [`normal`].
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its top-level modules, comma separated; empty when its metadata names none.
    pub modules: String,
    /// What was found in its sources, where they were searched.
    pub mentions: Option<Mentions>,
}

/// Texts found in a distribution's sources.
#[derive(Clone, Debug, Default)]
pub struct Mentions {
    /// Those found, comma separated.
    pub found: String,
    /// How many files were read.
    pub files: String,
    /// Every source was read.
    pub complete: bool,
}

impl Interpreter {
    /// The version of a distribution, when it is installed.
    #[must_use]
    pub fn version_of(&self, name: &str) -> Option<&str> {
        self.find(name).map(|found| found.version.as_str())
    }

    /// What a distribution brings, for people.
    fn brings(&self, name: &str) -> String {
        let modules = self.find(name).map(|found| found.modules.as_str()).unwrap_or_default();
        let modules: Vec<&str> = modules.split(',').map(str::trim_ascii).filter(|module| !module.is_empty()).collect();
        match modules.as_slice() {
            [] => [name, " names no module in its metadata"].concat(),
            [one] => [name, " brings the module ", one].concat(),
            several => [name, " brings the modules ", &several.join(", ")].concat(),
        }
    }

    fn find(&self, name: &str) -> Option<&Distribution> {
        self.distributions.iter().find(|other| other.name == name)
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
                &[
                    &interpreter.brings("py-multiformats-cid"),
                    "; the client imports multiformats of the package multiformats",
                ]
                .concat(),
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
    // Without libp2p nothing here imports multihash: pip brings the right one with it.
    let imported = has("libp2p").is_some_and(|version| at_least(version, LIBP2P_LEAST));
    if let Some(version) = has("py-multihash").filter(|version| imported && !at_least(version, MULTIHASH_LEAST)) {
        found.push(problem(
            codes::DEP_TOO_OLD,
            "py-multihash",
            "this py-multihash is older than what libp2p 0.8 imports, so importing libp2p fails",
            format!("py-multihash {version}"),
            "py-multihash>=3",
        ));
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
        (None, Some(other)) if imported => {
            found.push(Problem {
                remove: Some("pymultihash"),
                ..problem(
                    codes::DEP_LOOK_ALIKE,
                    "py-multihash",
                    &[&interpreter.brings("pymultihash"), "; libp2p 0.8 is written against multihash of py-multihash"]
                        .concat(),
                    format!("pymultihash {other}"),
                    "py-multihash>=3",
                )
            });
        }
        (None, None) if imported => found.push(problem(
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
            distributions: distributions
                .iter()
                .map(|(n, v)| Distribution { name: normal(n), version: (*v).into(), ..Distribution::default() })
                .collect(),
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
    fn a_look_alike_is_told_by_the_modules_that_it_really_has() {
        let mut interpreter = with(&[RIGHT[0], RIGHT[1], ("py-multiformats-cid", "0.4.4"), RIGHT[3]]);
        let message = |interpreter: &Interpreter| judge(interpreter)[0].message.clone();
        assert!(message(&interpreter).contains("names no module"), "{}", message(&interpreter));
        interpreter.distributions[2].modules = "cid, tests".into();
        assert!(message(&interpreter).contains("brings the modules cid, tests;"), "{}", message(&interpreter));
    }

    #[test]
    fn libp2p_0_8_needs_py_multihash_3() {
        let old = ("py-multihash", "2.0.1");
        assert_eq!(codes_of(&[RIGHT[0], RIGHT[1], RIGHT[2], old]), [("dep.too-old", "py-multihash".to_string())]);
        let older_libp2p = codes_of(&[("libp2p", "0.4.0"), RIGHT[1], RIGHT[2], old]);
        assert_eq!(older_libp2p, [("dep.too-old", "libp2p".to_string())]);
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
