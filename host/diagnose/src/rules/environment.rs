use crate::faults;
use crate::remedy::{export, list, remedy, shell};
use crate::rule::{Rule, Told};
use crate::scene::{Scene, Symptom};
use crate::summary::lacks_peers;
use seaworthy_model::Environment;

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::ENV_NOT_PROPAGATED)
        .also(|symptom| {
            matches!(
                symptom.code(),
                "secret.missing"
                    | "cache.no-usable-backend"
                    | "peers.none-reachable"
                    | "env.p2p-disabled"
                    | "secret.per-job-token"
            ) || lacks_peers(symptom)
        })
        .tell(not_propagated),
    Rule::of(faults::ENV_P2P_DISABLED)
        .when(|_, symptom| {
            let about_switch = symptom.finding.target.as_deref() == Some("CACHE_ENABLE_P2P");
            let code = symptom.code();
            (code == "env.p2p-disabled" || about_switch && matches!(code, "env.look-alike" | "env.invalid-value"))
                .then_some(symptom.finding.confidence)
        })
        .tell(p2p_disabled),
    Rule::of(faults::ENV_NO_PEERS).when(|scene, symptom| {
        let unset = symptom.code() == "cache.no-usable-backend" && without_peers(scene);
        (unset || lacks_peers(symptom)).then_some(symptom.finding.confidence)
    }),
    Rule::of(faults::ENV_INVALID).tell(invalid),
    Rule::of(faults::ENV_UNKNOWN_NAME).tell(unknown_name),
];

/// Whether the p2p tier is in use and the list of peers was read and is empty.
fn without_peers(scene: &Scene<'_>) -> bool {
    let used = scene.fact("backends").is_none_or(|list| list.split(',').any(|name| name.trim() == "p2p"));
    used && ["bootstrap-count", "configured-peers"].iter().find_map(|key| scene.fact(key)) == Some("0")
}

/// What the cache reads, in the order in which it matters.
const VARIABLES: [&str; 4] =
    ["CACHE_ENABLE_P2P", "CACHE_BOOTSTRAP_PEERS", "CACHE_LISTEN_PORT", "CACHE_P2P_SHARED_SECRET"];

fn not_propagated(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let told = symptoms
        .iter()
        .find_map(|s| ["variables", "names", "missing", "host-variables"].iter().find_map(|key| s.detail(key)));
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let mut names: Vec<&str> = told.unwrap_or_default().split([',', ' ']).map(str::trim).filter(is_name).collect();
    let known = !names.is_empty();
    if !known {
        names = VARIABLES.to_vec();
    }
    let flags: Vec<String> = names.iter().map(|name| format!("-e {name}")).collect();
    let lines: Vec<String> = names
        .iter()
        .map(|name| {
            let store = if Environment::is_secret_name(name) { "secrets" } else { "vars" };
            format!("    {name}: ${{{{ {store}.{name} }}}}")
        })
        .collect();
    let run = remedy(
        "pass-variables",
        "Pass the variables when the container is started",
        "`-e NAME` takes the value from the host's environment.",
    )
    .run(
        "Where the container is started; a name without a value keeps secrets off the command line.",
        format!("docker run {} \"$IMAGE\"", flags.join(" ")),
    )
    .done();
    let workflow = remedy(
        "set-job-environment",
        "Set them for the job container",
        "A job container gets `container.env`, not the runner's own environment.",
    )
    .write("In the workflow.", ".github/workflows/ci.yml", format!("container:\n  env:\n{}\n", lines.join("\n")))
    .done();
    let message = if known {
        format!(
            "{} are set on the host and not in {}.",
            list(&names.iter().map(ToString::to_string).collect::<Vec<_>>()),
            scene.site.words()
        )
    } else {
        format!("None of the cache's variables is set in {}.", scene.site.words())
    };
    let remediations = if scene.site.github { vec![workflow, run] } else { vec![run, workflow] };
    Told { message, remediations }
}

fn p2p_disabled(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let value = symptoms.iter().find_map(|symptom| symptom.finding.observed.as_deref());
    let is = value.map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
    let peers = scene
        .fact("bootstrap-count")
        .filter(|count| *count != "0")
        .map(|count| match count {
            "1" => " The configured peer is never used.".to_owned(),
            _ => format!(" The {count} configured peers are never used."),
        })
        .unwrap_or_default();
    let fix = remedy("enable-p2p", "Switch P2P on", "Only the word true does.")
        .run("Where the runner's variables are set, or in this shell.", export("CACHE_ENABLE_P2P", "true"))
        .done();
    let off = remedy(
        "drop-peers",
        "Or, if P2P is meant to be off, say so throughout",
        "Then nothing is configured that is not used.",
    )
    .run("Take the peers and the p2p backend away.", "unset CACHE_BOOTSTRAP_PEERS; export CACHE_BACKENDS=disk")
    .cost("Runners no longer share a cache.")
    .done();
    let message = format!("CACHE_ENABLE_P2P is {is}; only the word true switches P2P on.{peers}");
    Told { message, remediations: vec![fix, off] }
}

fn invalid(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let name = symptom.subject();
    let expected = symptom.finding.expected.as_deref();
    let fix = remedy(
        "correct-value",
        format!("Give {name} a value that it takes"),
        "A value that cannot be read is replaced by the default.",
    );
    let suggestion = symptom.detail("suggestion").or_else(|| symptom.detail("default"));
    let fix = match (suggestion, name) {
        (Some(value), _) => fix.run("Set it.", export(name, value)),
        (None, "CACHE_LISTEN_PORT") => {
            fix.run("Set a port from 1 to 65535; 9100 is the default.", export(name, "9100"))
        }
        (None, _) => {
            let wants = expected.map(|expected| format!(" It takes: {expected}.")).unwrap_or_default();
            fix.run(
                format!("Correct it, or take it away to have the default.{wants}"),
                format!("unset {}", shell(name)),
            )
        }
    };
    let message = if symptom.finding.message.is_empty() {
        format!("{name} cannot be used.")
    } else {
        symptom.finding.message.clone()
    };
    Told { message, remediations: vec![fix.done()] }
}

fn unknown_name(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let name = symptom.subject();
    let meant = symptom.detail("suggestion").or(symptom.finding.expected.as_deref());
    let fix = remedy("rename-variable", "Use the right name", "Nothing reads the misspelt one.");
    let fix = match meant.filter(|meant| meant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) {
        Some(meant) => fix.run("Move the value.", format!("export {meant}=\"${name}\"; unset {name}")),
        None => fix.run("Take it away, or correct its name.", format!("unset {}", shell(name))),
    };
    let message = symptom.finding.message.clone();
    Told { message, remediations: vec![fix.done()] }
}
