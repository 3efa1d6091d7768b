use crate::remedy::{list, remedy, shell};
use crate::rule::{Fold, Rule, Told, nothing, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Layer, Remediation};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "dependencies.no-interpreter",
        title: "There is no Python interpreter that the cache client can use",
        explain: "The configured cache client is a Python program, and no interpreter was found on PATH or at the configured place, or only one that is too old. All that \
                  it needs is then missing too.",
        remedy: "Install Python in the image, or use the cache client built into seaworthy.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "dep.no-interpreter").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: |symptom| matches!(symptom.code(), "dep.missing" | "cache.python-module-missing"),
        tell: no_interpreter,
    },
    Rule {
        code: "dependencies.look-alike",
        title: "A package of a similar name is installed in place of the right one",
        explain: "`py-multiformats-cid` is not `multiformats`, and brings another module. An import may succeed and the first call fail, or \
                  content hashes differ from those of other runners.",
        remedy: "Uninstall the look-alike and install the right package, with the interpreter that runs the cache.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "dep.look-alike").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: look_alike,
    },
    Rule {
        code: "dependencies.conflict",
        title: "Two installed packages bring the same module",
        explain: "`pymultihash` and `py-multihash` both install `multihash`; which one is imported depends on which was installed last.",
        remedy: "Uninstall one of the two, then install the other again.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "dep.conflict").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: conflict,
    },
    Rule {
        code: "dependencies.too-old",
        title: "A package that the cache client needs is too old",
        explain: "The package is there in a version that lacks what the client uses. An unquoted `pip install libp2p>=0.8` is a common way to \
                  get it: the shell takes `>=0.8` as a redirection, and pip never sees the version.",
        remedy: "Install the version that is asked for, with the requirement in quotes.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "dep.too-old").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: install,
    },
    Rule {
        code: "dependencies.missing",
        title: "The cache client lacks what it needs",
        explain: "A package, module or program that the configured client imports or runs was not found where the client runs. The cache then \
                  switches parts of itself off, mostly without an error.",
        remedy: "Install what is missing, with the interpreter or in the image that runs the cache.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| {
            matches!(
                symptom.code(),
                "dep.missing" | "dep.executable-missing" | "dep.library-missing" | "cache.python-module-missing"
            )
            .then_some(symptom.finding.confidence)
        },
        fold: Fold::Together,
        also: nothing,
        tell: install,
    },
];

fn proof(scene: &Scene<'_>, symptom: &Symptom<'_>) -> String {
    scene.proof("p2p/dependencies", symptom)
}

fn python(symptom: &Symptom<'_>) -> String {
    shell(symptom.detail("interpreter").unwrap_or("python3"))
}

fn message(symptoms: &[&Symptom<'_>]) -> String {
    symptoms.iter().map(|s| s.finding.message.clone()).collect::<Vec<_>>().join("\n")
}

fn no_interpreter(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let fix = remedy(
        "install-python",
        "Install Python, or use the cache client built into seaworthy",
        "The built-in client needs no interpreter.",
    )
    .run(
        "In a Debian or Ubuntu image.",
        "apt-get update && apt-get install -y --no-install-recommends python3 python3-pip",
    )
    .run("In an Alpine image.", "apk add --no-cache python3 py3-pip")
    .proved_by(proof(scene, symptoms[0]));
    Told { message: message(symptoms), remediations: vec![fix] }
}

fn look_alike(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let wanted = symptom
        .detail("wanted")
        .or_else(|| symptom.detail("expected"))
        .or(symptom.finding.expected.as_deref())
        .unwrap_or("multiformats");
    let found = symptom.detail("found").or_else(|| symptom.detail("look-alike")).unwrap_or_else(|| symptom.subject());
    let python = python(symptom);
    let fix = remedy(
        "replace-look-alike",
        "Put the right package in its place",
        "The names are similar, the modules are not.",
    )
    .run(
        "With the interpreter that runs the cache.",
        format!("{python} -m pip uninstall -y {} && {python} -m pip install {}", shell(found), shell(wanted)),
    )
    .proved_by(proof(scene, symptom));
    Told { message: message(symptoms), remediations: vec![fix] }
}

fn conflict(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let remove = symptom.detail("remove").unwrap_or("pymultihash");
    let keep = symptom.detail("keep").unwrap_or("py-multihash");
    let python = python(symptom);
    let fix = remedy(
        "keep-one",
        format!("Keep {keep} only"),
        "Removing one breaks the shared module, so the other is installed again.",
    )
    .run(
        "With the interpreter that runs the cache.",
        format!(
            "{python} -m pip uninstall -y {} && {python} -m pip install --force-reinstall {}",
            shell(remove),
            shell(keep)
        ),
    )
    .proved_by(proof(scene, symptom));
    Told { message: message(symptoms), remediations: vec![fix] }
}

fn install(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let python_codes = |code: &str| matches!(code, "dep.missing" | "dep.too-old" | "cache.python-module-missing");
    let (packages, others): (Vec<&Symptom<'_>>, Vec<&Symptom<'_>>) =
        symptoms.iter().copied().partition(|s| python_codes(s.code()));
    let mut remediations: Vec<Remediation> = Vec::new();
    if let Some(first) = packages.first() {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in &packages {
            wanted.entry(python(package)).or_default().insert(shell(&requirement(package)));
        }
        let each = |(python, wanted): (String, BTreeSet<String>)| {
            format!("{python} -m pip install {}", wanted.into_iter().collect::<Vec<_>>().join(" "))
        };
        let command = wanted.into_iter().map(each).collect::<Vec<_>>().join("\n");
        remediations.push(
            remedy("install-packages", "Install what is missing", "The client imports it at its start.")
                .run(
                    "With the interpreter that runs the cache; the quotes keep the shell from reading `>` as a redirection.",
                    command,
                )
                .proved_by(proof(scene, first)),
        );
    }
    if let Some(first) = others.first() {
        let names = list(&targets(&others));
        remediations.push(
            remedy("install-system-packages", format!("Install {names} in the image"), "The client runs or loads it.")
                .step("Add it to the image that the runner starts from, with the image's own package manager.")
                .run(
                    "See what the client finds now.",
                    format!("command -v {}", others.iter().map(|s| shell(s.subject())).collect::<Vec<_>>().join(" ")),
                )
                .proved_by(proof(scene, first)),
        );
    }
    Told { message: message(symptoms), remediations }
}

/// `libp2p>=0.8`, as far as the finding knows.
fn requirement(symptom: &Symptom<'_>) -> String {
    let name =
        symptom.detail("distribution").or_else(|| symptom.detail("package")).unwrap_or_else(|| symptom.subject());
    let wants =
        symptom.detail("requirement").or(symptom.finding.expected.as_deref()).map(str::trim).unwrap_or_default();
    let version = wants.strip_prefix(name).unwrap_or(wants).trim().replace(' ', "");
    if version.starts_with(['>', '=', '<', '~', '!']) { format!("{name}{version}") } else { name.to_owned() }
}
