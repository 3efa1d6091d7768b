use crate::faults;
use crate::remedy::{Remedy, export, list, remedy, shell};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::STORACHA_RETIRED)
        .when(|_, symptom| match symptom.code() {
            "storacha.retired" => Some(symptom.finding.confidence),
            "cache.open-failed" | "cache.get-failed" | "cache.put-failed"
                if symptom.detail("error-kind") == Some("retired") =>
            {
                Some(Confidence::Certain)
            }
            _ => None,
        })
        .tell(retired),
    Rule::of(faults::STORACHA_PROOF_USELESS).tell(proof),
    Rule::of(faults::STORACHA_ADDRESS).tell(address),
    Rule::of(faults::STORACHA_GATEWAY_UNFIT).tell(gateway),
    Rule::of(faults::STORACHA_READ_ONLY).tell(read_only),
];

/// The order of tiers with something in Storacha's place.
fn order(scene: &Scene<'_>, instead: Option<&str>) -> String {
    let known = scene.fact("backends").unwrap_or("p2p,storacha");
    let mut tiers: Vec<&str> = Vec::new();
    for tier in known.split(',').map(str::trim).filter(|tier| !tier.is_empty()) {
        let tier = if tier == "storacha" { instead } else { Some(tier) };
        tiers.extend(tier.filter(|tier| !tiers.contains(tier)));
    }
    export("CACHE_BACKENDS", &tiers.join(","))
}

fn retired(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let check = scene.proof("cache/initialization", symptoms[0]);
    let s3 = remedy(
        "use-s3",
        "Use an S3 bucket in its place",
        "Any S3 service will do: AWS, MinIO, Garage, Backblaze B2, or Filebase, a named successor with an S3 API.",
    )
    .run(
        "Say where the bucket is.",
        "export CACHE_S3_ENDPOINT=https://s3.filebase.com CACHE_S3_BUCKET=BUCKET AWS_REGION=us-east-1",
    )
    .step("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the runner's secrets.")
    .run("Put it in the place of storacha.", order(scene, Some("s3")))
    .proved_by(&check);
    let ipfs = remedy(
        "use-ipfs-pinning",
        "Use IPFS with a pinning service in its place",
        "Values keep being addressed by their CIDs; the Pinning Service API is the same with every vendor (Pinata, Filebase, Filecoin Pin).",
    )
    .run("Say where the pinning service is.", "export IPFS_PINNING_SERVICE=https://api.pinata.cloud/psa")
    .step("Set IPFS_PINNING_TOKEN from the runner's secrets.")
    .run("Put it in the place of storacha.", order(scene, Some("ipfs")))
    .cost("A Kubo node has to run beside the runner.")
    .proved_by(&check);
    let without = remedy("leave-storacha-out", "Leave the tier out", "The other tiers go on without it.")
        .run("Take it out of the order.", order(scene, None))
        .cost("What was stored in it is found by its CID only, for as long as a gateway has it.")
        .proved_by(&check);
    Told::found(symptoms, vec![s3, ipfs, without])
}

fn proof(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let agent = scene.fact("agent").unwrap_or("AGENT-DID");
    let by_clock = symptoms
        .iter()
        .all(|symptom| symptom.code() == "storacha.proof-expired" && symptom.finding.confidence != Confidence::Certain);
    let renew = remedy(
        "renew-proof",
        "Have the space delegated to this agent anew",
        "A delegation names its agent, its space, what it allows and its end; none of them can be changed later.",
    )
    .run("On the machine of the space's owner, make it. It is no secret without the agent's key.", delegation(agent))
    .run("Set what was printed, in one line.", "export STORACHA_PROOF=...")
    .done();
    let mut remediations = vec![renew];
    if symptoms.iter().any(|symptom| symptom.code() == "storacha.proof-not-for-agent") {
        let audience =
            symptoms.iter().find_map(|symptom| symptom.detail("audience")).unwrap_or("the agent of the proof");
        let other = remedy(
            "use-agent-of-proof",
            "Or use the key that the proof was made for",
            "Then the proof stays as it is.",
        )
        .step(format!("Set STORACHA_AGENT_KEY to the key of {audience}."))
        .done();
        remediations.push(other);
    }
    if by_clock {
        let clock = remedy(
            "look-at-clock",
            "Look at this machine's clock first",
            "Only this machine says that the proof has ended.",
        )
        .run("See whether it is synchronised.", "timedatectl show -p NTPSynchronized -p TimeUSec")
        .done();
        remediations.insert(0, clock);
    }
    Told::found(symptoms, remediations)
}

fn address(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let url = symptom.subject();
    let gateway = symptom.code() == "storacha.gateway-unreachable";
    let (variable, path, wanted) = if gateway {
        ("STORACHA_GATEWAY_URL", "/ipfs/bafkqablimvwgy3y?format=raw", "It should print hello.")
    } else {
        ("STORACHA_SERVICE_URL", "/version", "It should print JSON with a `did`.")
    };
    let fix = remedy("set-address", "Set an address that answers from here", wanted)
        .run("Ask it by hand, from where the runner is.", format!("curl -sS -m 5 {}", shell(&format!("{url}{path}"))))
        .run("Set the right one.", export(variable, "https://HOST"))
        .done();
    Told::found(symptoms, vec![fix])
}

fn gateway(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let about = list(&targets(symptoms));
    let cid = symptoms.iter().find_map(|symptom| symptom.detail("cid")).unwrap_or("CID");
    let lies = symptoms.iter().any(|symptom| symptom.code() == "storacha.gateway-wrong-content");
    let other = |id: &str, title: &str, why: &str| -> Remedy {
        remedy(id, title, why).run("Set another one.", export("STORACHA_GATEWAY_URL", "https://HOST"))
    };
    let fix = if lies {
        other(
            "use-other-gateway",
            "Use another gateway",
            "This one, or a proxy before it, does not pass content on unchanged.",
        )
        .run(
            "See what it answers: the digest should be the one inside the CID.",
            format!("curl -sS -m 5 {} | sha256sum", shell(&format!("{about}/ipfs/{cid}?format=raw"))),
        )
        .risk(Risk::Config)
    } else {
        other(
            "use-gateway-of-service",
            "Use the gateway that belongs to the service",
            "A gateway finds what is announced to it; a new blob may take a minute.",
        )
    };
    Told::found(symptoms, vec![fix.done()])
}

fn read_only(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let missing = symptoms.iter().find_map(|symptom| symptom.detail("missing")).unwrap_or_default();
    let mut fix = remedy(
        "set-what-is-missing",
        "Set what is missing",
        "All four are needed to store: the service, the space, the proof and the key.",
    );
    for name in missing.split(',').filter(|name| !name.is_empty()) {
        fix = match name {
            "STORACHA_AGENT_KEY" => fix.step("Set STORACHA_AGENT_KEY from the runner's secrets."),
            "STORACHA_PROOF" => fix
                .run("Have the space delegated to the agent.", delegation(scene.fact("agent").unwrap_or("AGENT-DID"))),
            _ => fix.run(format!("Set {name}."), format!("export {name}=...")),
        };
    }
    let without = remedy("leave-storacha-out", "Or leave the tier out", "What cannot be stored is not found later.")
        .run("Take it out of the order.", order(scene, None))
        .done();
    Told::found(symptoms, vec![fix.done(), without])
}

fn delegation(agent: &str) -> String {
    format!("storacha delegation create {} --can 'space/*' --can 'upload/*' --base64", shell(agent))
}
