//! What is wrong with the variables taken together.

use crate::codes;
use crate::known::{KNOWN, Kind, Setting, Settings, elements};
use crate::spelling::meant;
use crate::value::{Fault, Switch, judge, port, switch};
use seaworthy_check_sdk::Code;

/// One finding, before it cites anything.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// A milder level than the declared one.
    pub level: Option<&'static str>,
    /// The variable.
    pub name: String,
    /// What was found.
    pub message: String,
    /// Its value, where it may be shown.
    pub observed: Option<String>,
    /// What would be right.
    pub expected: Option<String>,
}

/// What the variables say, as far as they can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The peer-to-peer cache is on.
    pub p2p: bool,
    /// Backends in order.
    pub backends: String,
    /// The port; none when what is set is no port.
    pub listen_port: Option<u16>,
    /// Bootstrap peers.
    pub peers: usize,
    /// Somebody configured the cache.
    pub any: bool,
}

/// Reads the settings with the cache's defaults: on, port 9100, `p2p`.
#[must_use]
pub fn read(settings: Settings<'_>) -> Reading {
    Reading {
        p2p: settings.value("CACHE_ENABLE_P2P").is_none_or(|value| switch(value) == Switch::On),
        backends: settings
            .filled("CACHE_BACKENDS")
            .or_else(|| settings.filled("CACHE_BACKEND"))
            .map_or_else(|| "p2p".into(), |list| elements(list).collect::<Vec<_>>().join(",")),
        listen_port: settings.value("CACHE_LISTEN_PORT").map_or(Some(9100), |value| port(value).ok()),
        peers: settings.value("CACHE_BOOTSTRAP_PEERS").map_or(0, |list| elements(list).count()),
        any: KNOWN.iter().any(|known| known.ours && settings.set(known.name).is_some_and(|setting| !setting.default)),
    }
}

/// Every problem, in the order of the table. `others` are set names that are not in it.
#[must_use]
pub fn problems(settings: Settings<'_>, others: &[String]) -> Vec<Problem> {
    let reading = read(settings);
    let mut found = Vec::new();
    for known in KNOWN {
        if let Some(setting) = settings.set(known.name) {
            found.extend(one(known.kind, known.ours, setting, settings, &reading));
        }
    }
    found.extend(without_effect(settings, &reading));
    found.extend(conflicts(settings, &reading));
    found.extend(others.iter().filter_map(|name| unknown(name)));
    found
}

fn one(kind: Kind, ours: bool, setting: &Setting, settings: Settings<'_>, reading: &Reading) -> Option<Problem> {
    if kind == Kind::Secret {
        let empty = setting.length == Some(0);
        return (empty && ours).then(|| {
            problem(codes::ENV_NO_EFFECT, &setting.name)
                .says("is set but empty, so the next source of the secret is used")
                .wants(Kind::Secret.accepts())
        });
    }
    let value = setting.value.as_deref()?;
    if kind == Kind::Switch {
        return switched(setting, value, settings, reading);
    }
    let (code, level, reason) = match judge(kind, value)? {
        // What other programs set (RUNNER_TEMP ...) is theirs to leave empty.
        Fault::Empty if !ours => return None,
        Fault::Empty if matches!(kind, Kind::Port | Kind::Seconds | Kind::Count) => (
            codes::ENV_INVALID_VALUE,
            None,
            "is set but empty, which is not a number; unset it to get the default".into(),
        ),
        Fault::Empty => (codes::ENV_NO_EFFECT, None, "is set but empty, which counts as not set".into()),
        Fault::Invalid(reason) => (codes::ENV_INVALID_VALUE, (!ours).then_some("warn"), reason),
        Fault::Dubious(reason) => (codes::ENV_INVALID_VALUE, Some("warn"), reason),
    };
    let shown = if code.code == codes::ENV_INVALID_VALUE.code { shown(value) } else { String::new() };
    Some(Problem { level, ..problem(code, &setting.name).says(&(reason + &shown)).saw(value).wants(kind.accepts()) })
}

/// The value for a message; secrets never come here.
fn shown(value: &str) -> String {
    const LONGEST: usize = 80;
    if value.trim_ascii().is_empty() {
        return String::new();
    }
    let end = value.char_indices().nth(LONGEST).map_or(value.len(), |(end, _)| end);
    let (text, rest) = value.split_at_checked(end).unwrap_or((value, ""));
    [" (`", text, if rest.is_empty() { "`)" } else { "...`)" }].concat()
}

fn switched(setting: &Setting, value: &str, settings: Settings<'_>, reading: &Reading) -> Option<Problem> {
    match switch(value) {
        Switch::On => None,
        Switch::LookAlike => Some(
            problem(codes::ENV_LOOK_ALIKE, &setting.name)
                .says("looks like on but is read as off: only the word `true` switches the peer-to-peer cache on")
                .saw(value)
                .wants("true"),
        ),
        Switch::Other => Some(
            problem(codes::ENV_INVALID_VALUE, &setting.name)
                .says(&["is neither `true` nor `false`, and is read as off", &shown(value)].concat())
                .saw(value)
                .wants("true or false"),
        ),
        Switch::Off => {
            let mut against = Vec::new();
            if reading.peers > 0 {
                against.push("CACHE_BOOTSTRAP_PEERS names peers");
            }
            if settings.filled("CACHE_BACKENDS").is_some_and(|list| elements(list).any(|name| name == "p2p")) {
                against.push("CACHE_BACKENDS lists p2p");
            }
            // What is switched off is not used anyway.
            let listed = settings.filled("CACHE_BACKENDS").or_else(|| settings.filled("CACHE_BACKEND"));
            let used = elements(&reading.backends).any(|name| name == "p2p");
            if reading.peers == 0 && listed.is_some() && !used {
                return None;
            }
            let base = problem(codes::ENV_P2P_DISABLED, &setting.name).saw(value).wants("true");
            Some(if against.is_empty() {
                Problem { level: Some("warn"), ..base.says("switches the peer-to-peer cache off") }
            } else {
                base.says(&format!(
                    "switches the peer-to-peer cache off, although {}: no peer will be dialled",
                    against.join(" and ")
                ))
            })
        }
    }
}

fn without_effect(settings: Settings<'_>, reading: &Reading) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut report = |name: &str, reason: &str, expected: &str| {
        // A default stands in a policy for whoever uses it; nobody set it here.
        if settings.filled(name).is_some() && settings.set(name).is_some_and(|setting| !setting.default) {
            found.push(problem(codes::ENV_NO_EFFECT, name).says(reason).wants(expected));
        }
    };
    if settings.filled("CACHE_BACKENDS").is_some() {
        report("CACHE_BACKEND", "is overridden by CACHE_BACKENDS", "CACHE_BACKENDS alone");
    }
    let reason = if reading.peers > 0 {
        "is overridden by CACHE_BOOTSTRAP_PEERS"
    } else {
        "is promised by the cache's documents but read by none of its code"
    };
    report("CACHE_P2P_BOOTSTRAP", reason, "CACHE_BOOTSTRAP_PEERS");
    let uses = |backend: &str| elements(&reading.backends).any(|name| name == backend);
    if !uses("ipfs") {
        report("CACHE_IPFS_API", "is read by the ipfs backend only, which is not in use", "CACHE_BACKENDS with ipfs");
    }
    if !uses("s3") {
        for name in ["CACHE_S3_BUCKET", "CACHE_S3_ENDPOINT", "CACHE_S3_CA_FILE"] {
            report(name, "is read by the s3 backend only, which is not in use", "CACHE_BACKENDS with s3");
        }
    }
    if !uses("p2p") {
        report(
            "CACHE_BOOTSTRAP_PEERS",
            "is read by the p2p backend only, which is not in use",
            "CACHE_BACKENDS with p2p",
        );
    }
    found
}

fn conflicts(settings: Settings<'_>, reading: &Reading) -> Vec<Problem> {
    let mut found = Vec::new();
    for (first, second) in [
        ("CACHE_DIR", "IPFS_ACCELERATE_CACHE_DIR"),
        ("CACHE_ADVERTISE_IP", "IPFS_ACCELERATE_PUBLIC_IP"),
        ("CACHE_IPFS_API", "IPFS_API"),
        ("CACHE_S3_BUCKET", "AWS_S3_BUCKET"),
        ("CACHE_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3"),
        ("CACHE_S3_ENDPOINT", "S3_ENDPOINT"),
    ] {
        if let (Some(a), Some(b)) = (settings.filled(first), settings.filled(second))
            && a != b
        {
            found.push(
                problem(codes::ENV_CONFLICT, second)
                    .says(&format!("says `{b}` while {first} says `{a}` for the same thing"))
                    .saw(b)
                    .wants(a),
            );
        }
    }
    let least = settings.filled("CACHE_MIN_CONNECTED_PEERS").and_then(|value| value.parse::<usize>().ok());
    if let Some(least) = least.filter(|&least| reading.peers > 0 && least > reading.peers) {
        found.push(
            problem(codes::ENV_CONFLICT, "CACHE_MIN_CONNECTED_PEERS")
                .says(&format!("demands {least} connected peers, but CACHE_BOOTSTRAP_PEERS names {}", reading.peers)),
        );
    }
    // An endpoint without a bucket, or half of a pair of keys, is no configuration of s3.
    if elements(&reading.backends).any(|name| name == "s3") {
        if ["CACHE_S3_BUCKET", "AWS_S3_BUCKET"].iter().all(|name| settings.filled(name).is_none())
            && ["CACHE_S3_ENDPOINT", "S3_ENDPOINT"].iter().any(|name| settings.filled(name).is_some())
        {
            found.push(
                problem(codes::ENV_CONFLICT, "CACHE_S3_BUCKET")
                    .says("is not set, though the s3 backend is in use and has an endpoint")
                    .wants(Kind::Bucket.accepts()),
            );
        }
        let (key, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        for (one, other) in [(key, secret), (secret, key)] {
            if settings.set(one).is_some() && settings.set(other).is_none() {
                found.push(problem(codes::ENV_CONFLICT, other).says(&format!("is not set, though {one} is")));
            }
        }
    }
    for name in ["CACHE_BOOTSTRAP_PEERS", "CACHE_BACKENDS", "CACHE_BACKEND"] {
        let list: Vec<&str> = settings.filled(name).into_iter().flat_map(elements).collect();
        let twice = list.iter().enumerate().find(|(at, element)| list[..*at].contains(element));
        if let Some((_, element)) = twice {
            found.push(problem(codes::ENV_CONFLICT, name).says(&format!("names `{element}` twice")));
        }
    }
    found
}

/// A name that resembles none of ours is another program's and no problem.
fn unknown(name: &str) -> Option<Problem> {
    let known = meant(name)?;
    let message = format!("is read by nothing; {known} was probably meant");
    Some(problem(codes::ENV_UNKNOWN_NAME, name).says(&message).wants(known))
}

fn problem(code: Code, name: &str) -> Problem {
    Problem { code, level: None, name: name.into(), message: name.into(), observed: None, expected: None }
}

impl Problem {
    fn says(mut self, text: &str) -> Self {
        self.message.push(' ');
        self.message.push_str(text);
        self
    }

    fn saw(mut self, value: &str) -> Self {
        self.observed = Some(if value.is_empty() { "(empty)".into() } else { value.into() });
        self
    }

    fn wants(mut self, text: &str) -> Self {
        self.expected = Some(text.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Vec<Setting> {
        pairs
            .iter()
            .map(|(name, value)| Setting {
                name: (*name).into(),
                value: Some((*value).into()),
                present: true,
                default: false,
                length: None,
            })
            .collect()
    }

    fn found(pairs: &[(&str, &str)]) -> Vec<(String, String, &'static str)> {
        problems(Settings(&settings(pairs)), &[])
            .into_iter()
            .map(|p| (p.code.code.to_string(), p.name, p.level.unwrap_or(p.code.level)))
            .collect()
    }

    fn codes_of(pairs: &[(&str, &str)]) -> Vec<String> {
        found(pairs).into_iter().map(|(code, ..)| code).collect()
    }

    const PEER: (&str, &str) = ("CACHE_BOOTSTRAP_PEERS", "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooW");

    #[test]
    fn a_right_configuration_has_no_problem() {
        assert!(found(&[("CACHE_ENABLE_P2P", "true"), ("CACHE_LISTEN_PORT", "9000"), PEER]).is_empty());
    }

    #[test]
    fn the_false_pass_of_the_seed_is_found() {
        let all = found(&[("CACHE_ENABLE_P2P", "false"), ("CACHE_LISTEN_PORT", "notaport"), PEER]);
        assert_eq!(all[0], ("env.p2p-disabled".into(), "CACHE_ENABLE_P2P".into(), "fail"));
        assert_eq!(all[1], ("env.invalid-value".into(), "CACHE_LISTEN_PORT".into(), "fail"));
    }

    #[test]
    fn off_alone_is_a_warning_and_one_is_a_look_alike() {
        assert_eq!(found(&[("CACHE_ENABLE_P2P", "off")])[0].2, "warn");
        assert_eq!(
            found(&[("CACHE_ENABLE_P2P", "1")])[0],
            ("env.look-alike".into(), "CACHE_ENABLE_P2P".into(), "fail")
        );
    }

    #[test]
    fn off_is_right_where_nothing_is_shared() {
        assert!(found(&[("CACHE_ENABLE_P2P", "false"), ("CACHE_BACKENDS", "disk,memory")]).is_empty());
        assert!(found(&[("CACHE_ENABLE_P2P", "false"), ("CACHE_BACKEND", "disk")]).is_empty());
        let peers = codes_of(&[("CACHE_ENABLE_P2P", "false"), ("CACHE_BACKENDS", "disk"), PEER]);
        assert_eq!(peers[0], "env.p2p-disabled");
        assert_eq!(codes_of(&[("CACHE_ENABLE_P2P", "false"), ("CACHE_BACKENDS", "p2p")]), ["env.p2p-disabled"]);
    }

    #[test]
    fn a_wrong_value_is_in_the_message() {
        let message = |name: &str, value: &str| problems(Settings(&settings(&[(name, value)])), &[])[0].message.clone();
        assert_eq!(message("CACHE_LISTEN_PORT", "notaport"), "CACHE_LISTEN_PORT is not a number (`notaport`)");
        assert!(!message("CACHE_LISTEN_PORT", " ").contains('`'));
        let long = message("CACHE_LISTEN_PORT", &"é".repeat(200));
        assert!(long.ends_with("é...`)") && long.chars().count() < 130, "{long}");
    }

    #[test]
    fn what_nothing_reads_is_named() {
        assert_eq!(codes_of(&[("CACHE_BACKEND", "p2p"), ("CACHE_BACKENDS", "p2p,disk")]), ["env.no-effect"]);
        assert_eq!(codes_of(&[("CACHE_P2P_BOOTSTRAP", "/ip4/1.2.3.4/tcp/1")]), ["env.no-effect"]);
        assert_eq!(codes_of(&[("CACHE_S3_BUCKET", "ci-cache")]), ["env.no-effect"]);
        assert!(codes_of(&[("CACHE_S3_BUCKET", "ci-cache"), ("CACHE_BACKENDS", "s3")]).is_empty());
    }

    #[test]
    fn contradictions_are_named() {
        assert_eq!(codes_of(&[("CACHE_DIR", "/a"), ("IPFS_ACCELERATE_CACHE_DIR", "/b")]), ["env.conflict"]);
        assert_eq!(codes_of(&[PEER, ("CACHE_MIN_CONNECTED_PEERS", "2")]), ["env.conflict"]);
        assert_eq!(codes_of(&[("CACHE_BACKENDS", "p2p,p2p")]), ["env.conflict"]);
    }

    #[test]
    fn half_of_what_s3_needs_is_named() {
        let s3 = ("CACHE_BACKENDS", "s3");
        let (endpoint, bucket) = (("CACHE_S3_ENDPOINT", "http://10.0.0.1:9000"), ("CACHE_S3_BUCKET", "ci-cache"));
        let (key, secret) = (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y"));
        assert!(found(&[s3, endpoint, bucket, key, secret]).is_empty());
        assert_eq!(found(&[s3, endpoint, key, secret])[0].1, "CACHE_S3_BUCKET");
        assert_eq!(found(&[s3, endpoint, bucket, key])[0].1, "AWS_SECRET_ACCESS_KEY");
        assert_eq!(found(&[s3, endpoint, bucket, secret])[0].1, "AWS_ACCESS_KEY_ID");
        assert_eq!(codes_of(&[endpoint]), ["env.no-effect"], "of a backend that is not in use");
        let default = Setting {
            name: "CACHE_IPFS_API".into(),
            value: Some("http://127.0.0.1:5001".into()),
            present: true,
            default: true,
            length: None,
        };
        assert!(problems(Settings(&[default]), &[]).is_empty(), "a default of the policy is nobody's mistake");
        assert!(found(&[key]).is_empty(), "other programs use it too");
    }

    #[test]
    fn names_beside_the_table() {
        let others = ["CACHE_BOOTSTRAP_PEER".to_string(), "CACHE_VERSION".to_string()];
        let all = problems(Settings(&[]), &others);
        assert_eq!(all[0].expected.as_deref(), Some("CACHE_BOOTSTRAP_PEERS"));
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn reading_uses_the_defaults_of_the_cache() {
        let reading = read(Settings(&[]));
        assert!(reading.p2p && !reading.any);
        assert_eq!((reading.backends.as_str(), reading.listen_port, reading.peers), ("p2p", Some(9100), 0));
        let bad = settings(&[("CACHE_LISTEN_PORT", "x"), ("CACHE_ENABLE_P2P", "yes")]);
        let reading = read(Settings(&bad));
        assert!(!reading.p2p && reading.any && reading.listen_port.is_none());
    }

    #[test]
    fn an_empty_secret_is_said_and_a_value_never_shown() {
        let secret = |length| {
            [Setting {
                name: "CACHE_P2P_SHARED_SECRET".into(),
                value: None,
                present: true,
                default: false,
                length: Some(length),
            }]
        };
        assert_eq!(problems(Settings(&secret(0)), &[])[0].code.code, "env.no-effect");
        assert!(problems(Settings(&secret(32)), &[]).is_empty());
    }
}
