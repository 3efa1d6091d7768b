use crate::faults;
use crate::remedy::{list, remedy, shell};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::Remediation;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::DEPENDENCIES_LOOK_ALIKE).tell(look_alike),
    Rule::of(faults::DEPENDENCIES_CONFLICT).tell(conflict),
    Rule::of(faults::DEPENDENCIES_TOO_OLD).tell(install),
    Rule::of(faults::DEPENDENCIES_MISSING).tell(install),
];

fn python(symptom: &Symptom<'_>) -> String {
    shell(symptom.detail("interpreter").unwrap_or("python3"))
}

fn look_alike(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
    .done();
    Told::found(symptoms, vec![fix])
}

fn conflict(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
    .done();
    Told::found(symptoms, vec![fix])
}

fn install(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let python_codes = |code: &str| matches!(code, "dep.missing" | "dep.too-old" | "cache.python-module-missing");
    let (packages, others): (Vec<&Symptom<'_>>, Vec<&Symptom<'_>>) =
        symptoms.iter().copied().partition(|s| python_codes(s.code()));
    let mut remediations: Vec<Remediation> = Vec::new();
    if !packages.is_empty() {
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
                .done(),
        );
    }
    if !others.is_empty() {
        let names = list(&targets(&others));
        remediations.push(
            remedy("install-system-packages", format!("Install {names} in the image"), "The client runs or loads it.")
                .step("Add it to the image that the runner starts from, with the image's own package manager.")
                .run(
                    "See what the client finds now.",
                    format!("command -v {}", others.iter().map(|s| shell(s.subject())).collect::<Vec<_>>().join(" ")),
                )
                .done(),
        );
    }
    Told::found(symptoms, remediations)
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
