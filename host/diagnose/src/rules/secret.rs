use crate::faults;
use crate::remedy::{Remedy, list, remedy};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::SECRET_PER_JOB)
        .when(|scene, symptom| match symptom.code() {
            "secret.per-job-token" => Some(symptom.finding.confidence),
            // The peer cannot hold our job's token; that our own changes is proven.
            "secret.different" if scene.has("secret.per-job-token", None) => Some(Confidence::Likely),
            _ => None,
        })
        .tell(per_job),
    Rule::of(faults::SECRET_DIFFERENT)
        .also(|symptom| {
            symptom.step.used_as.ends_with("cache/operations") && symptom.finding.target.as_deref() == Some("p2p")
        })
        .tell(different),
    Rule::of(faults::SECRET_MISSING).tell(missing),
    Rule::of(faults::SECRET_WEAK).tell(weak),
];

/// One secret for all, kept where secrets are kept.
fn share(scene: &Scene<'_>, id: &str, title: &str) -> Remediation {
    let fix = remedy(id, title, "All runners and peers of one cache derive their key from it.");
    let fix = if own_docker(scene) {
        fix.run(
            "On the host, make one, once, and start the peer with it; keep it where your secrets are kept.",
            format!("export {SECRET}=\"$(openssl rand -base64 32)\"; seaworthy peer &"),
        )
    } else {
        fix.run(
            "On the peer's machine, make one, once: it goes to where the jobs' secrets are kept, and the peer is started with it.",
            format!("S=$(openssl rand -base64 32); printf %s \"$S\" | gh secret set {SECRET}; {SECRET}=\"$S\" seaworthy peer"),
        )
    };
    pass(scene, fix)
        .cost("Whoever holds the secret can read and write the cache; entries written under another secret are lost to it.")
        .risk(Risk::Security)
        .done()
}

/// The variable that goes before the tokens.
const SECRET: &str = "CACHE_P2P_SHARED_SECRET";

/// Whether the container is started by hand, and not by a workflow.
fn own_docker(scene: &Scene<'_>) -> bool {
    scene.site.in_container == Some(true) && !scene.site.github
}

/// Gives the secret to this runner, from where it is kept.
fn pass(scene: &Scene<'_>, fix: Remedy) -> Remedy {
    if own_docker(scene) {
        fix.run(
            "From the same shell, add to your docker run: by name only, so that the secret is on no command line.",
            format!("-e {SECRET}"),
        )
    } else {
        fix.write(
            "Give it to the job.",
            ".github/workflows/ci.yml",
            format!("env:\n  {SECRET}: ${{{{ secrets.{SECRET} }}}}\n"),
        )
    }
}

fn per_job(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let source = symptoms.iter().find_map(|symptom| symptom.detail("source"));
    let source = source.or_else(|| scene.fact("secret-source")).unwrap_or("GITHUB_TOKEN");
    let message = format!(
        "The secret comes from {source}, which is another one in every job: no other job or peer can open what this one writes."
    );
    let fix = share(scene, "set-lasting-secret", "Set CACHE_P2P_SHARED_SECRET to a secret that lasts");
    Told { message, remediations: vec![fix] }
}

fn different(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let known = scene.fact("secret-source").filter(|name| is_variable(name));
    let source = known.unwrap_or(SECRET);
    let from = known.map(|name| format!(" (here it comes from {name})")).unwrap_or_default();
    let message =
        format!("{} and this runner hold different shared secrets{from}. Neither was shown.", list(&targets(symptoms)));
    let title = if source == SECRET {
        format!("Give this runner's {SECRET} the value that the peer has")
    } else {
        format!("Give this runner the peer's value, in {SECRET}, which goes before {source}")
    };
    let take = remedy("use-peer-secret", title, "Then nothing that was written is lost.").run(
        "Compare a fingerprint here, and on the peer's machine with the variable that the peer reads; the secret itself stays hidden.",
        format!("printf %s \"${source}\" | sha256sum | cut -c1-8"),
    );
    let take = if own_docker(scene) {
        take.run("On the host, enter the peer's value.", format!("read -rs {SECRET} && export {SECRET}"))
    } else {
        take.run("Enter the peer's value where the jobs' secrets are kept.", format!("gh secret set {SECRET}"))
    };
    let take = pass(scene, take).done();
    let rotate = share(scene, "share-secret", "Or give both sides a new one");
    Told { message, remediations: vec![take, rotate] }
}

/// Whether a source is a variable of the environment, by its name.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn missing(scene: &Scene<'_>, _: &[&Symptom<'_>]) -> Told {
    let message =
        format!("None of CACHE_P2P_SHARED_SECRET, GH_TOKEN and GITHUB_TOKEN is set in {}.", scene.site.words());
    Told { message, remediations: vec![share(scene, "set-secret", "Set CACHE_P2P_SHARED_SECRET")] }
}

fn weak(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message = symptoms[0].finding.message.clone();
    Told { message, remediations: vec![share(scene, "replace-secret", "Replace it with a random secret of 32 bytes")] }
}
