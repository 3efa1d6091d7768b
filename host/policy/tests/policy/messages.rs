//! What people read when a file is wrong.

use crate::support::Case;
use seaworthy_policy::{ErrorKind, Overrides};

fn with_check(more: &str) -> String {
    format!("version = 1\n[[check]]\nid = 'a'\nuse = 'bundled:net/tcp'\n{more}\n")
}

fn assert_says(text: &str, expected: &[&str]) {
    let said = Case::file(text).load_error();
    for line in expected {
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
    assert_eq!(
        said.matches("checks.toml:").count(),
        expected.iter().filter(|e| e.starts_with("checks.toml:")).count(),
        "{said}"
    );
}

#[test]
fn an_unknown_key_shows_its_line_and_the_likely_one() {
    assert_eq!(
        Case::file("version = 1\n\n[run]\ntimeot = \"5s\"\n").load_error(),
        r#"checks.toml:4:1: unknown key `timeot` in [run]
   |
 4 | timeot = "5s"
   | ^^^^^^
   = help: did you mean `timeout`?"#
    );
    assert_says(
        "version = 1\n[checks]\n",
        &["checks.toml:2:2: unknown key `checks` at the top of the file", "did you mean `check`?"],
    );
    assert_says(
        "version = 1\n[plugins.c]\nsource='file:x'\ngrant.nets=[]\n",
        &["checks.toml:4:7: unknown key `nets` in `grant` in [plugins.c]", "did you mean `net`?"],
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    assert_says(
        "version = 1\n[run]\ntimeout = 5\ndeadline = 'soon'\nconcurrency = 0\n[gate]\nfail-on = { severity = 'majro' }\n",
        &[
            "checks.toml:3:11: `timeout` in [run] takes a duration with its unit, not 5",
            "checks.toml:4:12: `deadline` in [run] takes a duration with its unit, not \"soon\"",
            "help: write \"250ms\", \"5s\", \"2m\" or \"90d\"",
            "checks.toml:5:15: `concurrency` in [run] takes a whole number from 1 on, not 0",
            "checks.toml:7:24: `severity` in `fail-on` in [gate] takes one of \"critical\", \"major\", \"minor\", \"info\", not \"majro\"",
            "help: did you mean `major`?",
        ],
    );
}

#[test]
fn a_secret_that_is_written_down_is_refused_and_not_repeated() {
    for text in [
        "version = 1\n[vars]\nkey = { env = 'K', type = 'secret', default = 'hunter2' }\n",
        "version = 1\n[targets.s3]\nkind = 's3'\ncredentials = { key = 'hunter2' }\n",
        "version = 1\n[tiers.p2p]\nadapter = 'p2p'\nsecret = 'hunter2'\n",
    ] {
        let errors = Case::file(text).load().unwrap_err();
        assert_eq!(errors.0[0].kind, ErrorKind::SecretLiteral);
        let said = errors.to_string();
        assert!(said.contains("= ***") && !said.contains("hunter2"), "{said}");
        assert_eq!(errors.exit_code().code(), 3);
    }
    assert_says(
        "version = 1\n[vars]\nt = { env = 'GH_TOKEN', type = 'string' }\nu = { type = 'secret' }\n",
        &[
            "checks.toml:3:32: `t` takes GH_TOKEN, which is a secret by its name, as ordinary text",
            "checks.toml:4:14: secret `u` does not say which environment variable holds it",
        ],
    );
}

#[test]
fn prices_are_of_tiers_and_of_one_currency() {
    assert_says(
        "version = 1\n[prices.s3]\ncurrency = 'USD'\ngb-out = -1\n[prices.disk]\ngb-month = 1\n",
        &[
            "checks.toml:4:10: `gb-out` in [prices.s3] takes a price, 0 or more, not -1",
            "checks.toml:5:1: `currency` of [prices.disk] is missing",
        ],
    );
    assert_says(
        "version = 1\n[prices.storach]\ncurrency = 'USD'\n[prices.disk]\ncurrency = 'EUR'\n",
        &[
            "checks.toml:2:9: `storach` has prices and is no tier",
            "did you mean `storacha`?",
            "checks.toml:3:12: `currency` in [prices.storach] is USD, others are in EUR; costs are added up",
        ],
    );
    let text = "version = 1\n[prices.s3]\ncurrency = 'USD'\nas-of = 2026-05-01\ngb-out = 0.09\nput-per-1000 = 5\n";
    let policy = Case::file(text).load().unwrap();
    let prices = &policy.tier_prices()["s3"];
    assert_eq!((prices.currency.as_str(), prices.as_of.as_deref()), ("USD", Some("2026-05-01")));
    assert_eq!((prices.gb_out, prices.put_per_1000, prices.gb_in), (0.09, 5.0, 0.0));
    let shown = policy.show_config(&seaworthy_model::Environment::default());
    assert!(shown.contains("[prices.s3]") && shown.contains("gb-out = 0.09  # checks.toml:5"), "{shown}");
}

#[test]
fn waivers_have_a_reason_an_owner_and_a_near_end() {
    assert_says(
        "version = 1\n[[waiver]]\ncheck = 'env.variables'\ncode = 'x'\nexpires = '31.12.2026'\n",
        &[
            "checks.toml:2:1: `reason` of [[waiver]] is missing",
            "checks.toml:2:1: `owner` of [[waiver]] is missing",
            "checks.toml:5:11: `expires` in [[waiver]] takes a day, not \"31.12.2026\"",
            "help: write year-month-day: 2026-12-31",
        ],
    );
    let waiver = |check: &str, day: &str| {
        format!("version = 1\n[[waiver]]\ncheck = '{check}'\ncode = 'x'\nreason='r'\nowner='o'\nexpires = {day}\n")
    };
    assert_says(
        &waiver("env.variables", "2027-12-31"),
        &["checks.toml:7:11: the waiver ends in 578 days; `max-age` allows 90", "help: at most `expires = 2026-08-30`"],
    );
    assert_says(
        &waiver("env.variable", "2026-07-01"),
        &["checks.toml:3:9: the waiver names `env.variable`, which is no check", "did you mean `env.variables`?"],
    );
    let over = Case::file(&waiver("env.*", "2020-01-01")).load().unwrap();
    assert_eq!(over.gate_rules().waivers[0].expires, "2020-01-01", "one that is over is a finding, not a wrong file");
}

#[test]
fn needs_exist_and_do_not_go_in_circles() {
    let check = |id: &str, needs: &str| format!("[[check]]\nid='{id}'\nuse='bundled:x'\nneeds=[{needs}]\n");
    let text =
        ["version = 1\n".into(), check("a", "'b'"), check("b", "'c?'"), check("c", "'a'"), check("d", "'a','e'")]
            .concat();
    assert_says(
        &text,
        &[
            "checks.toml:13:8: checks need each other in a circle: a -> b -> c -> a",
            "checks.toml:17:12: `d` needs `e`, which is no check of this file",
        ],
    );
    assert_says(
        &["version = 1\n".into(), check("a", "'a'")].concat(),
        &["checks.toml:5:8: checks need each other in a circle: a -> a"],
    );
    let twice = ["version = 1\n".into(), check("a", ""), check("a", "")].concat();
    assert_says(&twice, &["checks.toml:7:4: two checks are called `a`; the other one is at ", "checks.toml:3"]);
}

#[test]
fn conditions_are_read_strictly() {
    let said = |when: &str| Case::file(&with_check(when)).load_error();
    assert_eq!(
        said("when = 'ci && in-contaner'"),
        r"checks.toml:5:15: `when` names `in-contaner`, which is neither a fact nor a variable
   |
 5 | when = 'ci && in-contaner'
   |               ^^^^^^^^^^^
   = help: did you mean `in-container`?"
    );
    assert!(
        said("when = \"network-mode = 'host'\"")
            .starts_with("checks.toml:5:22: `when` compares with `=`; write `==`\n")
    );
    assert!(said("when = '(os'").starts_with("checks.toml:5:9: `when` leaves a parenthesis open\n"));
    assert!(said("when = 'os == '").starts_with("checks.toml:5:"));
    assert!(Case::file(&with_check("when = 'peers && backends != \"\"'")).load().is_err());
    assert!(Case::file(&with_check("when = \"peers && backends != ''\"")).load().is_ok(), "variables can be named");
}

#[test]
fn names_that_nothing_has_are_said_with_the_likely_ones() {
    assert_says(
        &with_check(
            "target = 'p2'\nwith = { a = '${peer}', b = '${shared-secret}', c = 'x${peers}' }\nexpect = { x = {} }",
        ),
        &[
            "checks.toml:5:10: no target `p2`",
            "did you mean `p2p`?",
            "checks.toml:6:8: no variable `peer`",
            "did you mean `peers`?",
            "checks.toml:6:8: `shared-secret` is a secret and cannot be handed to a component",
            "checks.toml:6:8: \"x${peers}\" mixes text and a variable",
            "checks.toml:7:12: `expect.x` says nothing",
        ],
    );
    assert_says(
        "version = 1\n[gate]\nrequire=['net.conectivity']\n[fallback.cache]\norder=['p2p','dsk']\nneed=3\nprefer='ipfs'\n",
        &[
            "checks.toml:3:10: `require` names `net.conectivity`, which is no check",
            "did you mean `net.connectivity`?",
            "checks.toml:5:7: no tier or target `dsk`",
            "did you mean `disk`?",
            "checks.toml:6:6: `need` is 3, and `order` names 2",
            "checks.toml:7:8: `prefer` is `ipfs`, which `order` does not name",
        ],
    );
    assert_says(
        "version = 1\n[fallback.mirrors]\norder=['p2p','disk']\nneed=2\n",
        &["checks.toml:4:6: `need` and `prefer` are judged of the cache's tiers, not of [fallback.mirrors]"],
    );
    assert_says(
        "version = 1\n[cache]\nwrite='most'\nhedge='soon'\nbudget='0s'\nretries={cuont=1}\nbreaker={failures=0}\n",
        &[
            "checks.toml:3:7: `write` in [cache] takes one of \"first\", \"all\", \"ignore\", not \"most\"",
            "checks.toml:4:7: `hedge` in [cache] takes a duration with its unit, not \"soon\"",
            "checks.toml:5:8: `budget` in [cache] takes a duration longer than zero",
            "checks.toml:6:10: unknown key `cuont` in `retries` in [cache]",
            "did you mean `count`?",
            "checks.toml:7:19: `failures` in `breaker` in [cache] takes a whole number from 1 on, not 0",
        ],
    );
    assert_says(
        "version = 1\n[plugins.acme]\nsource='file:a'\n[[check]]\nid='a'\nuse='acne:x'\n",
        &["checks.toml:6:5: `a` uses plugin `acne`, which [plugins] does not name", "did you mean `acme`?"],
    );
}

#[test]
fn profiles_inherit_from_one_that_exists() {
    assert_says(
        "version = 1\n[profile.a]\ninherits='b'\n[profile.b]\ninherits='a'\n[profile.c]\ninherits='defualt'\n",
        &[
            "checks.toml:2:10: profiles inherit in a circle: a -> b -> a",
            "checks.toml:7:10: no profile `defualt`",
            "did you mean `default`?",
        ],
    );
    let flags = Overrides { profile: Some("nighty".into()), ..Overrides::default() };
    let errors = Case::file("version = 1\n[profile.nightly]\n").flags(flags).load().unwrap_err();
    assert_eq!(errors.to_string(), "no profile `nighty`, asked for by --profile\n  = help: did you mean `nightly`?");
    assert_eq!(errors.exit_code().code(), 2);
}

#[test]
fn a_file_for_another_tool_is_not_guessed_at() {
    let kind = |text: &str| {
        let errors = Case::file(text).load().unwrap_err();
        assert_eq!((errors.0.len(), errors.exit_code().code()), (1, 3));
        (errors.0[0].kind, errors.0[0].message.clone())
    };
    assert_eq!(
        kind("version = 2\nfoo = 1\n"),
        (ErrorKind::Version, "the file has format version 2; seaworthy 0.1.0 reads version 1".into())
    );
    assert_eq!(
        kind("version = 1\nrequires-tool = '>=1.2, <2'\nfoo = 1"),
        (ErrorKind::RequiresTool, "the file is for seaworthy >=1.2, <2; this is seaworthy 0.1.0".into())
    );
    assert_eq!(kind("[run]\n").0, ErrorKind::MissingKey);
    assert!(kind("version = 1\n[run\n").1.starts_with("not TOML: "));
}

#[test]
fn what_is_not_supported_is_said_and_not_ignored() {
    assert_says(
        "version = 1\n[baseline]\nfile = 'x'\n",
        &["checks.toml:2:2: `baseline` is not supported in this version"],
    );
    assert_says(
        "version = 1\n[plugins.a]\nsource = 'oci:ghcr.io/x'\nlimits = { fuel = 1 }\n[plugins.b]\nsource = 'http://x'\n",
        &[
            "checks.toml:3:10: `source` in [plugins.a] cannot be read: \"oci:ghcr.io/x\" names nothing in a registry: it does not begin with oci://",
            "checks.toml:4:12: `fuel` in `limits` in [plugins.a] is not supported in this version",
            "help: limit processor time instead: `cpu = \"500ms\"`",
            "checks.toml:6:10: `source` in [plugins.b] takes one of \"builtin\", \"file:PATH\", \"oci://HOST/REPOSITORY:TAG\", not \"http://x\"",
        ],
    );
    assert_says(
        "version = 1\n[run]\nrepeat = 5\n[gate]\non-flaky = 'warn'\n[[output]]\nformat='sarif'\npath='-'\n",
        &[
            "checks.toml:3:1: `repeat` in [run] is not supported in this version",
            "checks.toml:5:12: `on-flaky` in [gate] does not support \"warn\" in this version",
            "checks.toml:7:8: `format` in [[output]] does not support \"sarif\" in this version",
        ],
    );
}

#[test]
fn patterns_are_tried_before_a_run() {
    assert_says(
        "version = 1\n[redact]\npatterns = ['(']\n",
        &["checks.toml:3:13: `patterns` in [redact] holds a bad regular expression"],
    );
}
