use crate::support::{Case, environment, facts};
use seaworthy_policy::{init_detect, init_template};

#[test]
fn what_is_written_loads_and_plans() {
    let places = [
        (facts(&[]), environment(&[])),
        (
            facts(&[("kind", "docker"), ("network-mode", "bridge"), ("gateway", "172.17.0.1")]),
            environment(&[
                ("CACHE_BOOTSTRAP_PEERS", "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooW, /dns4/peer/tcp/9100"),
                ("CACHE_BACKENDS", "p2p,disk"),
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_TOKEN", "ghs_verysecret"),
            ]),
        ),
        // Values that try to leave their place in the file.
        (
            facts(&[("kind", "x\nversion = 9")]),
            environment(&[("CACHE_BOOTSTRAP_PEERS", "\"]}\n[gate]\nreport-only=true,'''")]),
        ),
    ];
    for (facts, environment) in places {
        let text = init_detect(&facts, &environment);
        assert!(!text.contains("verysecret"));
        let case = Case::file(&text);
        let policy = case.load().unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(policy.checks.len(), 8);
        assert!(!policy.gate_rules().report_only && !policy.run_rules().allow_writes);
        case.plan().unwrap();
    }
}

#[test]
fn what_was_seen_is_written() {
    let text = init_detect(
        &facts(&[("kind", "docker"), ("network-mode", "bridge"), ("gateway", "172.17.0.1")]),
        &environment(&[("CACHE_BOOTSTRAP_PEERS", "/dns4/peer/tcp/9100"), ("GITHUB_ACTIONS", "true")]),
    );
    for line in [
        "#  a container (docker, network mode bridge, gateway 172.17.0.1)",
        "#  1 peer in CACHE_BOOTSTRAP_PEERS",
        "default = [\"/dns4/peer/tcp/9100\"] }",
        "require = [\"net.connectivity\"]",
        "format = \"github\"",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(init_detect(&facts(&[]), &environment(&[])).contains("#  not a container"));
}

#[test]
fn nothing_is_claimed_of_a_place_that_was_not_looked_at() {
    let text = init_template();
    assert!(text.contains("was not looked at") && text.contains("init --detect"), "{text}");
    for claim in ["Seen when", "not a container", "no peers", "no plugins"] {
        assert!(!text.contains(claim), "{claim} is in\n{text}");
    }
    let case = Case::file(&text);
    let detected = init_detect(&facts(&[]), &environment(&[]));
    let seen = Case::file(&detected);
    assert_eq!(case.load().unwrap().checks.len(), seen.load().unwrap().checks.len());
    case.plan().unwrap();
}
