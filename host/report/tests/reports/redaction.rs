//! Secrets leave every string of a report, in every form, and nothing else does.

use crate::built::{failing, observation};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use seaworthy_model::{Environment, Failure, Report};
use seaworthy_report::{RedactMode, RedactRules, Redactor, github, json};
use serde_json::json;

const SECRET: &str = "s3cr3t/Wert+\"mit Rand\"";

fn environment() -> Environment {
    let pairs = [
        ("CACHE_P2P_SHARED_SECRET", SECRET),
        ("GITHUB_TOKEN", "fail"),
        ("DEPLOY_PW", "hunter2hunter2"),
        ("API_TOKEN", "abc"),
        ("PIN_TOKEN", "4711471147"),
        ("KEPT_TOKEN", "9100"),
        ("CACHE_DIR", "/var/cache/runner"),
    ];
    Environment::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn redactor(mode: RedactMode) -> Redactor {
    let rules = RedactRules {
        mode,
        env: vec!["*_PW".into()],
        patterns: vec!["session=(\\w+)".into(), "internal-[a-z]+".into()],
        keep: vec!["KEPT_*".into()],
        salt: "salt of a run".into(),
    };
    Redactor::new(&environment(), &rules).unwrap()
}

#[test]
fn every_written_form_is_found() {
    let redactor = redactor(RedactMode::Token);
    let token = redactor.text(SECRET);
    assert!(token.starts_with("[redacted:") && token.len() == 19, "{token}");
    let percent = "s3cr3t%2FWert%2B%22mit%20Rand%22";
    for form in [
        format!("x{SECRET}y"),
        STANDARD.encode(SECRET),
        URL_SAFE_NO_PAD.encode(SECRET),
        percent.to_owned(),
        percent.to_lowercase().replace("wert", "Wert").replace("rand", "Rand"),
        serde_json::to_string(SECRET).unwrap(),
    ] {
        let text = redactor.text(&format!("a {form} b"));
        assert!(text.contains(&token), "{form} became {text}");
    }
    // Inside something that was encoded as a whole, wherever it lies in it.
    for user in ["", "u", "us", "use"] {
        let encoded = STANDARD.encode(format!("{user}:{SECRET}:end"));
        let text = redactor.text(&encoded);
        assert!(text.contains(&token), "{encoded} became {text}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    let redactor = redactor(RedactMode::Hide);
    for text in
        ["abc", "port 9100", "/var/cache/runner", "/ip4/127.0.0.1/tcp/9100/p2p/12D3KooWPeer", "http://[::1]:9100/x@y"]
    {
        assert_eq!(redactor.text(text), text);
    }
    assert_eq!(redactor.text("pw hunter2hunter2 fail"), "pw [redacted] [redacted]");
}

#[test]
fn patterns_replace_their_group() {
    let redactor = redactor(RedactMode::Hide);
    for (text, expected) in [
        ("session=abc123; x", "session=[redacted]; x"),
        ("see internal-name.", "see [redacted]."),
        ("https://u:pa55@h/x", "https://[redacted]@h/x"),
        ("proxy http://t0ken@proxy:3128 is asked", "proxy http://[redacted]@proxy:3128 is asked"),
        ("https://t0ken:@h/x", "https://[redacted]@h/x"),
        ("https://t0ken:x-oauth-basic@h/x@y", "https://[redacted]@h/x@y"),
        ("http://u:p@ss@h", "http://[redacted]@h"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("https://s3/x?X-Amz-Signature=0a1b&y=1", "https://s3/x?X-Amz-Signature=[redacted]&y=1"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ0123", "[redacted]"),
    ] {
        assert_eq!(redactor.text(text), expected);
        assert_eq!(redactor.text(expected), expected);
    }
}

#[test]
fn tokens_are_equal_for_equal_secrets_of_one_run() {
    let one = redactor(RedactMode::Token);
    assert_eq!(one.text(SECRET), one.text(&STANDARD.encode(SECRET)));
    assert_ne!(one.text(SECRET), one.text("hunter2hunter2"));
    let rules =
        RedactRules { mode: RedactMode::Token, env: vec![], patterns: vec![], keep: vec![], salt: "other".into() };
    assert_ne!(one.text(SECRET), Redactor::new(&environment(), &rules).unwrap().text(SECRET));
}

fn leaky() -> Report {
    let mut report = failing();
    report.vantage.facts.insert(SECRET.into(), SECRET.into());
    report.gate.reasons.push(SECRET.into());
    report.causes[0].remediations[0].steps[0].command = Some(format!("export A='{SECRET}'"));
    let check = &mut report.checks[3];
    check.log = vec![format!("logged {SECRET}")];
    check.findings[0].details.insert(format!("key {SECRET}"), STANDARD.encode(SECRET));
    check.evidence = vec![observation(
        40,
        "net.connectivity",
        "http.send",
        json!({SECRET: {"deep": [SECRET, 4_711_471_147_u64, {"a": STANDARD.encode(SECRET)}]}}),
    )];
    check.evidence[0].failure = Some(Failure::new("other", "read", SECRET).with(SECRET, SECRET));
    report
}

#[test]
fn nothing_of_it_is_left_anywhere() {
    for mode in [RedactMode::Hide, RedactMode::Token] {
        let redactor = redactor(mode);
        let clean = redactor.apply(leaky());
        let text = json(&clean).unwrap();
        for form in [SECRET, "s3cr3t", "hunter2", "4711471147", &STANDARD.encode(SECRET)] {
            assert!(!text.contains(form), "{form} is in {text}");
        }
        assert_eq!(redactor.apply(clean.clone()), clean, "idempotent");
        // A secret that is a word of the format does not spoil the format.
        assert_eq!(clean.gate.verdict, leaky().gate.verdict);
        assert!(text.contains("\"status\": \"fail\""));
        assert_eq!(seaworthy_report::read(&text).unwrap(), clean);
    }
}

#[test]
fn a_secret_that_looks_like_a_token_changes_no_token() {
    let pairs = [("A_TOKEN", "redacted"), ("B_TOKEN", "acte"), ("C_TOKEN", "longer secret")];
    let environment = Environment::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let rules = RedactRules {
        mode: RedactMode::Hide,
        env: vec![],
        patterns: vec![".edact..".into()],
        keep: vec![],
        salt: String::new(),
    };
    let redactor = Redactor::new(&environment, &rules).unwrap();
    let once = redactor.text("longer secret, redacted, acte, Xedactxx");
    assert_eq!(once, "[redacted], [redacted], [redacted], [redacted]");
    assert_eq!(redactor.text(&once), once);
}

#[test]
fn bad_rules_are_named() {
    let rules = |env: &str, pattern: &str| RedactRules {
        mode: RedactMode::Hide,
        env: vec![env.into()],
        patterns: vec![pattern.into()],
        keep: vec![],
        salt: String::new(),
    };
    let error = |env: &str, pattern: &str| Redactor::new(&environment(), &rules(env, pattern)).unwrap_err().to_string();
    assert!(error("x", "(").starts_with("`(` in redact.patterns"));
}

#[test]
fn masks_tell_github_each_secret_once_and_escaped() {
    let pairs = [("A_TOKEN", "first%line\nsecond line"), ("B_TOKEN", "second line"), ("C_TOKEN", "abc")];
    let environment = Environment::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let rules =
        RedactRules { mode: RedactMode::Hide, env: vec![], patterns: vec![], keep: vec![], salt: String::new() };
    let masks = github::masks(&Redactor::new(&environment, &rules).unwrap());
    let expected =
        ["::add-mask::first%25line%0Asecond line", "::add-mask::first%25line", "::add-mask::second line", ""];
    assert_eq!(masks, expected.join("\n"));
}

#[test]
fn what_was_replaced_is_counted_by_class() {
    let redactor = redactor(RedactMode::Token);
    let text =
        format!("{SECRET} and {SECRET}; https://u:geheim@h/; Set-Cookie: sid=12345678; session=abc hunter2hunter2");
    let (clean, counts) = redactor.text_counted(&text);
    assert_eq!(clean, redactor.text(&text));
    let counted: Vec<(&str, u64)> = counts.iter().collect();
    let expected = [
        ("cookie", 1),
        ("credentials in a URL", 1),
        ("pattern of the policy", 1),
        ("value of CACHE_P2P_SHARED_SECRET", 2),
        ("value of DEPLOY_PW", 1),
    ];
    assert_eq!(counted, expected, "{clean}");
    assert_eq!(redactor.text_counted(&clean).1.total(), 0, "nothing is counted twice: {clean}");
}
