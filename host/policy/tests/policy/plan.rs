use crate::support::{Case, adapter, check, component, request};
use seaworthy_model::{Plan, SkipReason, Status};
use seaworthy_policy::Overrides;
use serde_json::json;
use std::sync::Arc;

const PEERS: (&str, &str) =
    ("CACHE_BOOTSTRAP_PEERS", "/ip4/10.0.0.1/tcp/9100/p2p/12D3, /dns4/peer.test/tcp/9200,nonsense//");

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|s| s.id.as_str()).collect()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a seaworthy_model::Step {
    plan.steps.iter().find(|s| s.id == id).unwrap()
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

#[test]
fn the_embedded_suite_becomes_eight_steps() {
    let plan = Case::embedded().env(&[PEERS, ("GITHUB_TOKEN", "ghs_x")]).plan().unwrap();
    assert_eq!(
        ids(&plan),
        [
            "p2p.dependencies",
            "cache.module-import",
            "cache.initialization",
            "net.connectivity",
            "cache.operations",
            "p2p.encryption",
            "env.variables",
            "docker.network-mode"
        ]
    );
    assert!(plan.steps.iter().all(|s| s.skip.is_none()), "nothing is skipped, the one that writes neither");
    let operations = step(&plan, "cache.operations");
    assert!(operations.mutates && plan.rules.allow_writes);
    assert_eq!(
        operations.needs.iter().map(|n| (n.check.as_str(), n.optional)).collect::<Vec<_>>(),
        [("cache.initialization", true), ("net.connectivity", true)]
    );
    let connectivity = step(&plan, "net.connectivity");
    assert_eq!(connectivity.title, "Title of net/connectivity");
    assert_eq!(connectivity.component, "connectivity");
    assert_eq!(
        connectivity.targets[0].addresses,
        ["/ip4/10.0.0.1/tcp/9100/p2p/12D3", "/dns4/peer.test/tcp/9200", "nonsense//"]
    );
    assert_eq!(texts(&connectivity.grants.net), ["10.0.0.1:9100", "peer.test:9200", "{gateway}:*"]);
    let place = connectivity.source.as_ref().unwrap();
    assert_eq!(place.file, "embedded");
    assert_eq!(seaworthy_policy::EMBEDDED.lines().nth(place.line - 1), Some("id = \"net.connectivity\""));
    assert_eq!(plan.secrets["cache"].0, "GITHUB_TOKEN");
    assert_eq!(plan.vantage["allow-writes"], "true");
}

#[test]
fn a_target_whose_variable_is_not_set_has_no_addresses() {
    let plan = Case::embedded().plan().unwrap();
    assert_eq!(step(&plan, "net.connectivity").targets[0].addresses, Vec::<String>::new());
    assert!(step(&plan, "net.connectivity").skip.is_none(), "the check itself says that it is not configured");
    assert!(plan.secrets.is_empty());
}

#[test]
fn tiers_are_opened_in_the_order_of_the_environment() {
    let plan = Case::embedded()
        .env(&[PEERS, ("CACHE_BACKENDS", "disk, p2p,ipfs,disk"), ("CACHE_P2P_SHARED_SECRET", "s"), ("GH_TOKEN", "t")])
        .plan()
        .unwrap();
    let tiers = plan.tiers.iter().map(|t| (t.label.as_str(), t.component.as_deref())).collect::<Vec<_>>();
    assert_eq!(tiers, [("disk", Some("disk")), ("p2p", Some("p2p")), ("ipfs", None)]);
    assert_eq!(plan.tiers[0].config, json!({ "directory": "/home/ci/.cache/seaworthy" }));
    assert_eq!(plan.tiers[0].grants.read, ["/home/ci/.cache/seaworthy", "/home/ci/.cache/seaworthy/**"]);
    assert!(plan.tiers[0].grants.net.is_empty());
    let p2p = &plan.tiers[1];
    assert_eq!(p2p.config["secret"], "cache");
    assert_eq!(p2p.config["addresses"].as_array().unwrap().len(), 3);
    assert_eq!(texts(&p2p.grants.net), ["10.0.0.1:9100", "peer.test:9200"]);
    assert_eq!(p2p.grants.secret, ["cache"]);
    assert!(p2p.grants.p2p.contains(&"/seaworthy/cache/1.0.0".to_owned()));
    assert_eq!(plan.secrets["cache"].0, "CACHE_P2P_SHARED_SECRET");
    assert!(plan.components.contains_key("disk") && plan.components.contains_key("p2p"));

    let single = Case::embedded().env(&[("CACHE_BACKEND", "memory"), ("CACHE_DIR", "/c")]).plan().unwrap();
    assert_eq!(
        single.tiers.iter().map(|t| (t.label.as_str(), t.config.clone())).collect::<Vec<_>>(),
        [("memory", json!({}))]
    );
    assert_eq!(Case::embedded().plan().unwrap().tiers[0].label, "p2p");
    let disk = Case::embedded().env(&[("CACHE_BACKEND", "disk"), ("CACHE_DIR", "/c")]).plan().unwrap();
    assert_eq!(disk.tiers[0].config, json!({ "directory": "/c" }));
}

#[test]
fn filters_keep_every_step_and_release_needs() {
    let flags = Overrides { select: vec!["cache.operations".into()], ..Overrides::default() };
    let plan = Case::embedded().flags(flags).plan().unwrap();
    assert_eq!(plan.steps.len(), 8);
    let run = plan.steps.iter().filter(|s| s.skip.is_none()).collect::<Vec<_>>();
    assert_eq!(run.len(), 1);
    assert!(run[0].needs.iter().all(|n| n.optional), "what was not asked for is no condition");
    assert!(matches!(step(&plan, "env.variables").skip, Some((SkipReason::Filtered, _))));

    let running = |flags: Overrides| {
        let plan = Case::embedded().flags(flags).plan().unwrap();
        plan.steps.into_iter().filter(|s| s.skip.is_none()).map(|s| s.id).collect::<Vec<_>>()
    };
    assert_eq!(
        running(Overrides { select: vec!["p2p.*".into()], ..Overrides::default() }),
        ["p2p.dependencies", "p2p.encryption"]
    );
    assert_eq!(
        running(Overrides { tags: vec!["config".into()], ..Overrides::default() }),
        ["env.variables", "docker.network-mode"]
    );
    let target = Overrides { targets: vec!["p2p".into()], skip: vec!["docker.*".into()], ..Overrides::default() };
    assert_eq!(running(target), ["net.connectivity", "p2p.encryption"]);

    let wrong = Overrides { select: vec!["net.conectivity".into()], tags: vec!["nets".into()], ..Overrides::default() };
    let errors = Case::embedded().flags(wrong).plan().unwrap_err();
    assert_eq!(errors.exit_code().code(), 2);
    let text = errors.to_string();
    assert!(text.contains("no check `net.conectivity`\n  = help: did you mean `net.connectivity`?"), "{text}");
    assert!(text.contains("--tag: no check has the tag `nets`"), "{text}");
}

#[test]
fn writes_network_and_conditions_decide_what_runs() {
    let text = r#"
version = 1
[vars]
mode = { env = "MODE", type = "string", default = "fast" }
[[check]]
id = "a"
use = "bundled:net/tcp"
target = "p2p"
when = "in-container && network-mode != 'host'"
[[check]]
id = "w"
use = "bundled:cache/operations"
[[check]]
id = "v"
use = "bundled:env/variables"
when = "mode == 'slow' || ci"
mutates = true
[[check]]
id = "d"
use = "bundled:docker/network-mode"
"#;
    let skips = |case: Case<'_>| case.plan().unwrap().steps.into_iter().map(|s| s.skip).collect::<Vec<_>>();
    let reason = |skip: &Option<(SkipReason, String)>| skip.as_ref().map(|(reason, _)| *reason);

    let on_host = skips(Case::file(text).vantage(&[("kind", "none"), ("ci", "none")]));
    assert_eq!(
        on_host[0],
        Some((
            SkipReason::NotApplicable,
            "applies only when in-container && network-mode != 'host'; in-container is false, network-mode is not known".into()
        ))
    );
    assert_eq!(reason(&on_host[1]), Some(SkipReason::DeniedWrite));
    assert_eq!(reason(&on_host[2]), Some(SkipReason::NotApplicable));

    let inside = [("kind", "docker"), ("network-mode", "bridge"), ("ci", "github-actions")];
    let allowed = Overrides { allow_writes: true, ..Overrides::default() };
    assert_eq!(
        skips(Case::file(text).vantage(&inside).flags(allowed)).iter().map(reason).collect::<Vec<_>>(),
        [None; 4]
    );
    assert_eq!(reason(&skips(Case::file(text).vantage(&inside))[2]), Some(SkipReason::DeniedWrite));

    let offline = Overrides { allow_writes: true, offline: true, ..Overrides::default() };
    let expected = [Some(SkipReason::Offline), Some(SkipReason::Offline), None, None];
    assert_eq!(
        skips(Case::file(text).env(&[PEERS]).vantage(&inside).flags(offline)).iter().map(reason).collect::<Vec<_>>(),
        expected
    );
}

const PLUGIN: &str = r#"
version = 1
[targets.s3]
kind = "http"
url = "https://s3.test/bucket"
[plugins.acme]
source = "file:plugins/acme.wasm"
digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
grant.net = ["proxy.acme.test:3128"]
limits = { memory = "8MiB", cpu = "100ms", host-calls = 10 }
[[check]]
id = "acme.proxy"
use = "acme:egress"
target = "s3"
with = { budget = 3 }
expect = { connect-ms = { warn = "> 200", fail = "> 2000" } }
tags = ["corp"]
owner = "@acme/netops"
"#;

fn acme() -> seaworthy_model::ComponentDescriptor {
    component(
        "acme-egress",
        vec![check("egress", vec![request("net", &["{target}", "*:3128"]), request("env", &["HTTPS_PROXY"])])],
    )
}

#[test]
fn a_plugin_gets_what_it_asks_for_and_is_granted() {
    let plan = Case::file(PLUGIN).plugin("acme", acme()).plan().unwrap();
    let step = &plan.steps[0];
    assert_eq!(texts(&step.grants.net), ["s3.test:443", "proxy.acme.test:3128"]);
    assert!(step.grants.env.is_empty());
    assert_eq!((step.limits.memory, step.limits.host_calls), (8 << 20, 10));
    assert_eq!(step.settings, json!({ "budget": 3 }));
    assert_eq!(
        step.expect.iter().map(|(k, s, t)| format!("{k} {} {t}", s.as_str())).collect::<Vec<_>>(),
        ["connect-ms warn > 200", "connect-ms fail > 2000"]
    );
    assert_eq!(step.expect[1].1, Status::Fail);
    let refused = &plan.components["acme"].refused;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].denial.add, "grant.env = [\"HTTPS_PROXY\"]  # under [plugins.acme]");
    assert_eq!(refused[0].reason, "needs env");
    let alone = PLUGIN.replace("acme:egress", "acme");
    assert_eq!(Case::file(&alone).plugin("acme", acme()).plan().unwrap().steps[0].check, "egress");
}

#[test]
fn an_adapter_of_a_team_is_a_tier_like_any_other() {
    let text = r#"
version = 1
[plugins.store]
source = "file:store.wasm"
grant.net = ["store.test:443"]
[fallback.cache]
order = ["store"]
[tiers.store]
adapter = "store"
secret = "cache"
with = { bucket = "b" }
"#;
    let store = adapter(
        "acme-store",
        vec![request("net", &["store.test:443", "other.test:443"]), request("secret", &["cache"])],
    );
    let plan = Case::file(text).env(&[("GH_TOKEN", "x")]).plugin("store", store).plan().unwrap();
    let tier = &plan.tiers[0];
    assert_eq!(tier.component.as_deref(), Some("store"));
    assert_eq!(tier.config, json!({ "bucket": "b", "secret": "cache" }));
    assert_eq!(
        (texts(&tier.grants.net), tier.grants.secret.clone()),
        (vec!["store.test:443".into()], vec!["cache".into()])
    );
    assert_eq!(
        plan.components["store"].refused.iter().map(|r| r.denial.wanted.as_str()).collect::<Vec<_>>(),
        ["other.test:443"]
    );
}

#[test]
fn a_target_configures_the_adapter_of_its_tier() {
    let mut store = adapter("store", vec![request("net", &["{target}"]), request("secret", &["s3-secret"])]);
    let text = json!({ "type": "string" });
    store.settings = json!({ "properties": { "url": text, "bucket": text, "prefix": text, "credentials": {} } });
    let file = r#"
version = 1
[plugins.store]
source = "file:store.wasm"
grant.net = ["s3.test:443"]
grant.secret = ["s3-secret"]
[fallback.cache]
order = ["s3"]
[tiers.s3]
adapter = "store"
target = "s3"
with = { prefix = "ci/" }
"#;
    let set = [
        ("AWS_ENDPOINT_URL", "https://s3.test"),
        ("CACHE_S3_BUCKET", "builds"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_SECRET_ACCESS_KEY", "wJalr"),
    ];
    let plan = Case::file(file).env(&set).plugin("store", store).plan().unwrap();
    let tier = &plan.tiers[0];
    let expected = json!({
        "url": "https://s3.test", "bucket": "builds", "credentials": { "secret": "s3-secret" }, "prefix": "ci/"
    });
    assert_eq!(tier.config, expected, "a region that it has no setting for and secrets that are not set are left out");
    assert_eq!(texts(&tier.grants.net), ["s3.test:443", "builds.s3.test:443"]);
    assert_eq!(tier.grants.secret, ["s3-secret"]);
    assert_eq!(plan.secrets["s3-secret"].0, "AWS_SECRET_ACCESS_KEY");
}

#[test]
fn an_authority_is_trusted_at_the_addresses_of_its_target() {
    let file = r#"
version = 1
[vars]
root = { env = "ROOT", type = "path", default = "certs/root.pem" }
[fallback.cache]
order = ["s3"]
[targets.s3]
kind = "s3"
url = "https://minio.test:9000"
ca-file = "minio.pem"
[targets.api]
kind = "http"
url = "https://api.test"
details = { gateway = "https://[::1]:444" }
ca-file = "${root}"
[targets.plain]
kind = "http"
url = "https://plain.test"
[tiers.s3]
adapter = "s3"
target = "s3"
with = { bucket = "builds" }
"#;
    let trusted = |set: &[(&str, &str)]| -> Vec<String> {
        let plan = Case::file(file).env(set).plan().unwrap();
        plan.trust.iter().map(|t| format!("{} {} {}", t.target, t.net, t.file.display())).collect()
    };
    let of_s3 = ["s3 minio.test:9000 minio.pem", "s3 builds.minio.test:9000 minio.pem"];
    let of_api = |file: &str| [format!("api api.test:443 {file}"), format!("api [::1]:444 {file}")];
    let expected = |file: &str| [of_api(file).to_vec(), of_s3.map(str::to_owned).to_vec()].concat();
    assert_eq!(trusted(&[]), expected("certs/root.pem"));
    assert_eq!(trusted(&[("ROOT", "/etc/root.pem")]), expected("/etc/root.pem"));
    assert!(Case::file("version = 1\n").plan().unwrap().trust.is_empty(), "nobody names one by default");
}

#[test]
fn a_target_grants_its_check_what_it_names() {
    let file = r#"
version = 1
[plugins.acme]
source = "file:acme.wasm"
[vars]
my-key = { env = "MY_KEY", type = "secret" }
log = { env = "LOG", type = "path" }
unset = { env = "UNSET", type = "path" }
[targets.store]
kind = "s3"
url = "http://minio:9000"
details = { bucket = "builds", log = "${log}", outside = "/var/../etc/shadow", folder = "/etc/**", event = "${unset}" }
credentials = { key = "${my-key}" }
[[check]]
id = "asks"
use = "acme:asks"
target = "store"
[[check]]
id = "asks-not"
use = "acme:asks-not"
target = "store"
"#;
    let own = [request("net", &["{target}"]), request("secret", &["s3-key"]), request("read", &["{target}"])];
    let asks = check("asks", own.into());
    let asks_not = check("asks-not", vec![request("env", &["X"]), request("read", &["/tmp/cache.log"])]);
    let plan = Case::file(file)
        .env(&[("MY_KEY", "k"), ("LOG", "/tmp/cache.log")])
        .plugin("acme", component("acme", vec![asks, asks_not]));
    let plan = plan.plan().unwrap();
    let asks = &step(&plan, "asks").grants;
    assert_eq!(asks.secret, ["my-key"], "the target's own, and not what it asks for by another name");
    assert_eq!(texts(&asks.net), ["minio:9000", "builds.minio:9000"]);
    assert_eq!(asks.read, ["/tmp/cache.log"], "files taken literally, no folders and no ways out");
    let asks_not = &step(&plan, "asks-not").grants;
    assert!(asks_not.read.is_empty(), "{asks_not:?}");
    assert!(asks_not.secret.is_empty() && asks_not.net.is_empty(), "{asks_not:?}");
}

#[test]
fn what_does_not_fit_the_components_is_said() {
    let error = |text: &str| Case::file(text).plugin("acme", acme()).plan_error();
    let text = error(&PLUGIN.replace("aaaa\"", "aaab\""));
    assert!(text.contains("plugin `acme` is not the one that is pinned: it has sha256:aaaa"), "{text}");
    let text = error(&PLUGIN.replace("acme:egress", "acme:egres"));
    assert!(
        text.contains("checks.toml:13:7: plugin `acme` has no check `egres`")
            && text.contains("did you mean `egress`?"),
        "{text}"
    );
    let text = error(&PLUGIN.replace("budget = 3", "budget = '3', x = 1"));
    assert!(
        text.contains("`with` of `acme.proxy` does not fit at `budget`: \"3\" is not of type \"integer\""),
        "{text}"
    );
    assert!(text.contains("'x' was unexpected") && text.contains("checks.toml:15:8"), "{text}");
    let text = error(&PLUGIN.replace("connect-ms", "conect-ms"));
    assert!(
        text.contains("names `conect-ms`, which is no fact of egress") && text.contains("did you mean `connect-ms`?"),
        "{text}"
    );
    let text = Case::file(PLUGIN).plan_error();
    assert!(text.contains("plugin `acme` was not loaded"), "{text}");
    let text = error(&PLUGIN.replace("acme:egress", "bundled:net/tpc"));
    assert!(
        text.contains("the bundled suite has no check `net/tpc`") && text.contains("did you mean `net/tcp`?"),
        "{text}"
    );
    let waiver = "[[waiver]]\ncheck='acme.*'\ncode='peer.refusd'\nreason='r'\nowner='o'\nexpires=2026-07-01\n";
    let text = error(&format!("{PLUGIN}{waiver}"));
    assert!(text.contains("forgives `peer.refusd`, which no check of this policy reports"), "{text}");
    assert!(text.contains("did you mean `peer.refused`?"), "{text}");
    let text = Case::file("version = 1\n[plugins.net]\nsource = 'file:net.wasm'\n").plan_error();
    assert!(text.contains("plugin `net` has the name of a bundled component"), "{text}");
}

#[test]
fn the_cache_is_used_as_the_policy_says() {
    use seaworthy_model::{CacheRules, TierRules, WriteRule};
    use std::time::Duration;
    let plan = Case::embedded().env(&[("CACHE_BACKENDS", "disk,memory")]).plan().unwrap();
    assert_eq!((plan.cache, plan.tiers[0].rules), (CacheRules::default(), TierRules::default()), "as the page says");

    let text = r#"
        version = 1
        cache = { write = "all", budget = "4s", hedge = "200ms", retries = { count = 5 }, breaker = { failures = 7 } }
        tiers.disk = { adapter = "disk", timeout = "1s", hedge = "off", retries = { delay = "5ms" }, breaker = { open = "9s" } }
        fallback.cache = { order = ["disk", "p2p"] }
        profile.ci = { cache = { write = "ignore" } }
    "#;
    let plan = Case::file(text).env(&[PEERS]).plan().unwrap();
    assert_eq!(
        plan.cache,
        CacheRules { write: WriteRule::All, budget: Duration::from_secs(4), ..CacheRules::default() }
    );
    let (disk, p2p) = (plan.tiers[0].rules, plan.tiers[1].rules);
    assert_eq!((disk.timeout, disk.hedge, disk.retries, disk.failures), (Duration::from_secs(1), None, 5, 7));
    assert_eq!((disk.delay, disk.open), (Duration::from_millis(5), Duration::from_secs(9)));
    assert_eq!(
        (p2p.timeout, p2p.hedge),
        (Duration::from_secs(4), Some(Duration::from_millis(200))),
        "no longer than all"
    );
    let flags = Overrides { profile: Some("ci".into()), ..Overrides::default() };
    assert_eq!(Case::file(text).flags(flags).plan().unwrap().cache.write, WriteRule::Ignore);
}

#[test]
fn what_the_fallback_demands_is_judged_by_a_check_or_is_an_error() {
    let text = "version = 1\nfallback.cache = { order = [\"p2p\", \"disk\"], need = 2, prefer = \"p2p\" }\n";
    let error = Case::file(text).plan_error();
    for name in ["need", "prefer"] {
        assert!(
            error.contains(&format!("`fallback.cache.{name}` is set, and no check of this policy judges it")),
            "{error}"
        );
    }
    let mut case = Case::file(text);
    for (descriptor, _, _) in case.catalog.values_mut() {
        for check in Arc::make_mut(descriptor).checks.iter_mut().filter(|check| check.id == "cache/initialization") {
            check.settings = json!({ "properties": {
                "need": { "type": "integer", "default": 1, "x-policy": "fallback.cache.need" },
                "prefer": { "type": "string", "x-policy": "fallback.cache.prefer" }
            } });
        }
    }
    let plan = case.plan().unwrap();
    assert_eq!(step(&plan, "cache.initialization").settings, json!({ "need": 2, "prefer": "p2p" }));
    assert_eq!(step(&plan, "cache.operations").settings, json!({}));
}
