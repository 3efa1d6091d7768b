use crate::support::{Case, environment};
use seaworthy_model::{ErrorRule, Origin, Severity, Status};
use seaworthy_policy::Overrides;
use std::time::Duration;

const PROFILES: &str = r#"
version = 1
[run]
timeout = "4s"
retries = { count = 2, delay = "1s" }
[profile.dev]
gate.fail-on = { severity = "critical" }
run.retries = { count = 0 }
[profile.ci]
inherits = "default"
run.deadline = "45s"
gate.on-error = "fail"
[profile.nightly]
inherits = "ci"
allow-writes = true
"#;

fn profile(name: &str) -> Overrides {
    Overrides { profile: Some(name.into()), ..Overrides::default() }
}

#[test]
fn a_file_is_put_over_the_embedded_suite() {
    let policy = Case::file(PROFILES).load().unwrap();
    assert_eq!(policy.checks.len(), 8, "a file without checks keeps the suite");
    assert!(!policy.run_rules().allow_writes, "that the suite may write is not inherited");
    assert!(Case::embedded().load().unwrap().run_rules().allow_writes);
    assert_eq!(policy.run_rules().concurrency, 64);
    let own = Case::file("version = 1\n[[check]]\nid = 'a'\nuse = 'bundled:net/tcp'\ntarget = 'p2p'\n").load().unwrap();
    assert_eq!(own.checks.iter().map(|c| c.value.id.value.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(own.targets.contains_key("p2p"), "targets of the suite can be used by name");
}

#[test]
fn profiles_hold_only_what_differs() {
    let dev = Case::file(PROFILES).flags(profile("dev")).load().unwrap();
    assert_eq!(dev.gate_rules().fail_on.severity, Severity::Critical);
    assert_eq!(dev.gate_rules().fail_on.status, [Status::Fail]);
    let plan = Case::file(PROFILES).flags(profile("dev")).plan().unwrap();
    assert_eq!((plan.steps[0].retries.count, plan.steps[0].retries.delay), (0, Duration::from_secs(1)));

    let nightly = Case::file(PROFILES).flags(profile("nightly")).load().unwrap();
    assert_eq!(nightly.run_rules().deadline, Duration::from_secs(45));
    assert_eq!(nightly.gate_rules().on_error, ErrorRule::Fail);
    assert!(nightly.run_rules().allow_writes);
    assert_eq!(nightly.config_info().profile, "nightly");
}

#[test]
fn flags_win_over_the_environment_and_both_over_the_file() {
    let env = [("SEAWORTHY_DEADLINE", "30s"), ("SEAWORTHY_JOBS", "3"), ("SEAWORTHY_FAIL_ON", "warn,minor")];
    let flags = Overrides { jobs: Some(7), ..profile("ci") };
    let policy = Case::file(PROFILES).env(&env).flags(flags).load().unwrap();
    assert_eq!((policy.run_rules().deadline, policy.run_rules().concurrency), (Duration::from_secs(30), 7));
    assert_eq!(policy.gate_rules().fail_on.status, [Status::Fail, Status::Warn]);
    assert_eq!(policy.gate_rules().fail_on.severity, Severity::Minor);
    let bad = Case::embedded().env(&[("SEAWORTHY_JOBS", "many"), ("SEAWORTHY_OFFLINE", "yes")]).load().unwrap_err();
    assert_eq!(
        bad.to_string(),
        "SEAWORTHY_JOBS takes a whole number, not \"many\"\n\nSEAWORTHY_OFFLINE takes true or false, not \"yes\""
    );
    assert_eq!(bad.exit_code().code(), 2);
}

#[test]
fn a_checks_own_time_wins_over_the_file_but_not_over_a_flag() {
    let seconds = |plan: seaworthy_model::Plan| plan.steps.iter().map(|s| s.timeout.as_secs()).collect::<Vec<_>>();
    assert_eq!(seconds(Case::file(PROFILES).plan().unwrap()), [4, 4, 4, 8, 15, 4, 4, 4]);
    let flags = Overrides { timeout: Some(Duration::from_secs(2)), ..Overrides::default() };
    assert_eq!(seconds(Case::file(PROFILES).flags(flags).plan().unwrap()), [2; 8]);
}

#[test]
fn every_value_shows_its_origin_and_no_secret() {
    let env = [
        ("CACHE_BOOTSTRAP_PEERS", "/ip4/10.0.0.1/tcp/9100"),
        ("GH_TOKEN", "ghp_verysecret"),
        ("S3", "https://user:hunter2@s3.test/"),
    ];
    let text = format!("{PROFILES}[vars]\ns3 = {{ env = 'S3', type = 'url' }}\n");
    let case = Case::file(&text).env(&env).flags(Overrides { jobs: Some(7), ..profile("ci") });
    let shown = case.load().unwrap().show_config(&case.environment);
    for line in [
        "# checks.toml (profile ci: --profile)",
        "peers = [\"/ip4/10.0.0.1/tcp/9100\"]  # CACHE_BOOTSTRAP_PEERS (process)",
        "backends = [\"p2p\"]  # default, embedded:",
        "shared-secret = \"(secret, set)\"  # GH_TOKEN (process)",
        "concurrency = 7  # --jobs",
        "timeout = \"4s\"  # checks.toml:4",
        "deadline = \"45s\"  # profile ci, checks.toml:11",
        "retries.delay = \"1s\"  # checks.toml:5",
        "retries.jitter = true  # embedded:",
        "allow-writes = false  # built in",
        "s3 = \"https://user:***@s3.test/\"  # S3 (process)",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(!shown.contains("verysecret") && !shown.contains("hunter2"));
}

#[test]
fn variables_come_from_flag_environment_file_in_this_order() {
    let text = "version = 1\n[vars]\nport = { env = 'CACHE_LISTEN_PORT', type = 'port', default = 9200 }\n";
    let port = |case: &Case<'_>| {
        let policy = case.load().unwrap();
        let environment = policy.environment(&case.environment);
        let variable = environment.get("CACHE_LISTEN_PORT").unwrap();
        (variable.value.expose().to_owned(), variable.origin, policy.resolve("port", &environment).unwrap())
    };
    let (seen, origin, _) = port(&Case::file(text));
    assert_eq!((seen.as_str(), origin), ("9200", Origin::File));
    let (seen, origin, _) = port(&Case::file(text).env(&[("CACHE_LISTEN_PORT", "9300")]));
    assert_eq!((seen.as_str(), origin), ("9300", Origin::Process));
    for name in ["port", "CACHE_LISTEN_PORT"] {
        let flags = Overrides { vars: vec![(name.into(), "9400".into())], ..Overrides::default() };
        let (seen, origin, _) = port(&Case::file(text).env(&[("CACHE_LISTEN_PORT", "9300")]).flags(flags));
        assert_eq!((seen.as_str(), origin), ("9400", Origin::Flag));
    }
    // A wrong value is for a check to report: the run goes on with the default.
    let (seen, _, resolved) = port(&Case::file(text).env(&[("CACHE_LISTEN_PORT", "notaport")]));
    assert_eq!(
        (seen.as_str(), resolved.value, resolved.refused),
        ("notaport", Some(9200.into()), Some("a port from 1 to 65535"))
    );
}

#[test]
fn the_suites_own_defaults_are_not_shown_as_settings() {
    for case in [Case::embedded(), Case::file(seaworthy_policy::EMBEDDED)] {
        let policy = case.load().unwrap();
        assert_eq!(policy.environment(&environment(&[])).iter().count(), 0);
        assert!(policy.run_rules().allow_writes);
    }
    let empty =
        "version = 1\n[vars]\npeers = { env = 'CACHE_BOOTSTRAP_PEERS', type = 'multiaddr-list', default = [] }\n";
    assert_eq!(Case::file(empty).load().unwrap().environment(&environment(&[])).iter().count(), 0);
}

#[test]
fn paths_are_taken_from_the_file() {
    let text = "version = 1\n[plugins.a]\nsource = 'file:plugins/a.wasm'\n";
    let request = seaworthy_policy::LoadRequest {
        file: Some(("/repo/.config/checks.toml", text)),
        lock: None,
        tool_version: "0.1.0",
        environment: &environment(&[]),
        flags: &Overrides::default(),
        today: "2026-06-01".parse().unwrap(),
    };
    let policy = seaworthy_policy::Policy::load(&request).unwrap();
    assert_eq!(policy.plugin_files()[0].path, std::path::Path::new("/repo/.config/plugins/a.wasm"));
    assert_eq!(policy.relative("-"), std::path::Path::new("-"));
    assert_eq!(
        policy.host_report(&environment(&[("SEAWORTHY_HOST_REPORT", "host.json")])).unwrap(),
        std::path::Path::new("host.json")
    );
}
