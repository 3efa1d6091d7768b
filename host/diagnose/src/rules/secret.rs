use crate::remedy::{list, remedy};
use crate::rule::{Fold, Rule, Told, nothing, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Layer, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "secret.per-job",
        title: "The shared secret is a token that changes with every job",
        explain: "GitHub makes a new GITHUB_TOKEN for every job. A key derived from it opens nothing that another job wrote, so the cache \
                  misses for ever although every part of it works. It is told from two different secrets by where the secret comes from.",
        layer: Layer::Identity,
        explains_from: Layer::Identity,
        matches: |scene, symptom| match symptom.code() {
            "secret.per-job-token" => Some(symptom.finding.confidence),
            // The peer cannot hold our job's token; that our own changes is proven.
            "secret.different" if scene.has("secret.per-job-token", None) => Some(Confidence::Likely),
            _ => None,
        },
        fold: Fold::Together,
        also: nothing,
        tell: per_job,
    },
    Rule {
        code: "secret.different",
        title: "This runner and the peer hold different shared secrets",
        explain: "Both sides proved that they hold a secret, without showing it, and the proofs differ. The peer is reachable and is the \
                  right one; what one side writes the other cannot open. A missing secret is another finding.",
        layer: Layer::Identity,
        explains_from: Layer::Identity,
        matches: |_, symptom| (symptom.code() == "secret.different").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: |symptom| {
            symptom.step.used_as.ends_with("cache/operations") && symptom.finding.target.as_deref() == Some("p2p")
        },
        tell: different,
    },
    Rule {
        code: "secret.missing",
        title: "There is no shared secret",
        explain: "Entries of the P2P cache are encrypted under a key derived from a shared secret. None of CACHE_P2P_SHARED_SECRET, GH_TOKEN \
                  and GITHUB_TOKEN is set here. In a container, see first whether they were passed into it.",
        layer: Layer::Identity,
        explains_from: Layer::Identity,
        matches: |_, symptom| (symptom.code() == "secret.missing").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: missing,
    },
    Rule {
        code: "secret.weak",
        title: "The shared secret is easy to guess",
        explain: "The secret is short or made of few different characters. Whoever can reach a peer may try secrets against it, and then read \
                  and write entries.",
        layer: Layer::Identity,
        explains_from: Layer::Cache,
        matches: |_, symptom| (symptom.code() == "secret.weak").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: weak,
    },
];

/// One secret for all, kept where secrets are kept.
fn share(scene: &Scene<'_>, symptom: &Symptom<'_>, id: &str, title: &str) -> Remediation {
    let fix = remedy(id, title, "All runners and peers of one cache derive their key from it.").run(
        "Make one, once, and keep it where your secrets are kept.",
        "openssl rand -base64 32 | gh secret set CACHE_P2P_SHARED_SECRET",
    );
    let fix = if scene.site.in_container == Some(true) && !scene.site.github {
        fix.run(
            "Pass it into the container by name, so that it is on no command line.",
            "docker run -e CACHE_P2P_SHARED_SECRET \"$IMAGE\"",
        )
    } else {
        fix.write(
            "Give it to the job.",
            ".github/workflows/ci.yml",
            "env:\n  CACHE_P2P_SHARED_SECRET: ${{ secrets.CACHE_P2P_SHARED_SECRET }}\n",
        )
    };
    fix.step("Start the peer with the same value.")
        .cost("Whoever holds the secret can read and write the cache; entries written under another secret are lost to it.")
        .risk(Risk::Security)
        .proved_by(scene.proof("p2p/encryption", symptom))
}

fn per_job(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let source = symptoms.iter().find_map(|symptom| symptom.detail("source"));
    let source = source.or_else(|| scene.fact("secret-source")).unwrap_or("GITHUB_TOKEN");
    let message = format!(
        "The secret comes from {source}, which is another one in every job: no other job or peer can open what this one writes."
    );
    let fix = share(scene, symptoms[0], "set-lasting-secret", "Set CACHE_P2P_SHARED_SECRET to a secret that lasts");
    Told { message, remediations: vec![fix] }
}

fn different(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let source = scene.fact("secret-source").map(|name| format!(" (here it comes from {name})")).unwrap_or_default();
    let message = format!(
        "{} and this runner hold different shared secrets{source}. Neither was shown.",
        list(&targets(symptoms))
    );
    let compare = remedy(
        "compare-fingerprints",
        "See which side is stale",
        "A fingerprint of the secret can be shown; the secret cannot.",
    )
    .run("On both sides, compare what this prints.", "printf %s \"$CACHE_P2P_SHARED_SECRET\" | sha256sum | cut -c1-8")
    .risk(Risk::None)
    .proved_by(scene.proof("p2p/encryption", symptoms[0]));
    let set = share(scene, symptoms[0], "share-secret", "Give both sides the same CACHE_P2P_SHARED_SECRET");
    Told { message, remediations: vec![compare, set] }
}

fn missing(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message =
        format!("None of CACHE_P2P_SHARED_SECRET, GH_TOKEN and GITHUB_TOKEN is set in {}.", scene.site.words());
    Told { message, remediations: vec![share(scene, symptoms[0], "set-secret", "Set CACHE_P2P_SHARED_SECRET")] }
}

fn weak(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let message = symptoms[0].finding.message.clone();
    Told {
        message,
        remediations: vec![share(scene, symptoms[0], "replace-secret", "Replace it with a random secret of 32 bytes")],
    }
}
