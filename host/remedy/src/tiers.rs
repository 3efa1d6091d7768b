//! Tiers in the place of peers, for where no packet comes through to any of them.
//! No cause of the network can advise these, as none knows the other tiers; so they
//! are written here, in the form that every remedy of a report has.

use crate::shell::quoted;
use crate::situation::Situation;
use seaworthy_model::{Cause, Layer, Remediation, RemedyStep, Risk};

/// Where the address of a store is taken from.
const S3_BUCKET: [&str; 2] = ["CACHE_S3_BUCKET", "AWS_S3_BUCKET"];
const IPFS_API: [&str; 3] = ["CACHE_IPFS_API", "IPFS_API", "KUBO_API"];

/// The remedies that a cause gets beside its own. *Behaviour*: only for causes of
/// the network whose packets are filtered. Storacha only where a proof and a service
/// are configured: the hosted service takes no uploads, so nobody could begin with it.
pub(crate) fn beside(cause: &Cause, situation: &Situation) -> Vec<Remediation> {
    let filtered = cause.code.starts_with("firewall.") || cause.code == "net.silent";
    if !filtered || cause.layer != Layer::Tcp || situation.reach == crate::situation::Reach::Open {
        return Vec::new();
    }
    let proof = "cache.initialization";
    let mut all = vec![s3(situation), ipfs(situation)];
    if situation.has_any(&["STORACHA_PROOF"]) && situation.has_any(&["STORACHA_SERVICE_URL"]) {
        all.push(storacha(situation));
    }
    // What is configured and sound first, what is known to be wrong last.
    all.sort_by_key(|(tier, _)| (!situation.sound.contains(*tier), situation.unsound.contains(*tier)));
    all.into_iter().map(|(_, remedy)| Remediation { verified_by: Some(proof.into()), ..remedy }).collect()
}

fn remedy(id: &str, title: &str, why: &str, steps: Vec<RemedyStep>, risk: Risk) -> Remediation {
    Remediation {
        id: id.into(),
        title: title.into(),
        why: why.into(),
        steps,
        tradeoff: Some("Values go through a service instead of straight from peer to peer.".into()),
        risk,
        docs: Some("docs/tiers.md".into()),
        verified_by: None,
    }
}

fn run(text: &str, command: String) -> RemedyStep {
    RemedyStep { text: text.into(), command: Some(command), snippet: None }
}

fn say(text: &str) -> RemedyStep {
    RemedyStep { text: text.into(), command: None, snippet: None }
}

/// The tiers in use with one more; peers stay first, for the day on which they answer.
fn order(situation: &Situation, tier: &str) -> RemedyStep {
    let mut tiers: Vec<&str> = situation.backends.iter().map(String::as_str).collect();
    if tiers.is_empty() {
        tiers.push("p2p");
    }
    if !tiers.contains(&tier) {
        tiers.push(tier);
    }
    run("Let it answer where no peer does.", format!("export CACHE_BACKENDS={}", quoted(&tiers.join(","))))
}

fn s3(situation: &Situation) -> (&'static str, Remediation) {
    let mut steps = Vec::new();
    if !situation.has_any(&S3_BUCKET) && !situation.sound.contains("s3") {
        steps.push(run(
            "Say where the bucket is; any store that speaks S3 will do.",
            "export CACHE_S3_BUCKET=BUCKET".into(),
        ));
    }
    if !situation.has_any(&["AWS_ACCESS_KEY_ID"]) {
        steps.push(say("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the runner's secrets."));
    }
    steps.push(order(situation, "s3"));
    let why = "A bucket is reached over HTTPS, which is let through where peers are not.";
    ("s3", remedy("add-s3-tier", "Let an S3 bucket answer where no peer does", why, steps, Risk::Config))
}

fn ipfs(situation: &Situation) -> (&'static str, Remediation) {
    let mut steps = Vec::new();
    let mut risk = Risk::Config;
    if !situation.has_any(&IPFS_API) && !situation.sound.contains("ipfs") {
        let host = situation.gateway.as_deref().filter(|_| situation.own_network());
        let address = host.map_or_else(|| "http://ADDRESS:5001".to_owned(), |host| format!("http://{host}:5001"));
        steps.push(run("Say where the node's RPC is.", format!("export CACHE_IPFS_API={address}")));
        if let Some(host) = host {
            // The RPC can do everything with the node, so this is no mere configuration.
            risk = Risk::Security;
            steps.push(run(
                "On the host, let the node listen there beside loopback, then restart its daemon.",
                format!("ipfs config --json Addresses.API '[\"/ip4/127.0.0.1/tcp/5001\", \"/ip4/{host}/tcp/5001\"]'"),
            ));
        }
    }
    steps.push(order(situation, "ipfs"));
    let why = "A node on this machine or network takes the values, and finds its own way to others.";
    ("ipfs", remedy("add-ipfs-tier", "Let an IPFS node answer where no peer does", why, steps, risk))
}

fn storacha(situation: &Situation) -> (&'static str, Remediation) {
    let why = "A proof and a service are configured already; it is reached over HTTPS.";
    let steps = vec![order(situation, "storacha")];
    (
        "storacha",
        remedy("add-storacha-tier", "Let the Storacha space answer where no peer does", why, steps, Risk::Config),
    )
}
