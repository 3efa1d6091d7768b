use crate::remedy::{export, remedy, shell};
use crate::rule::{Fold, Rule, Told, nothing, ss};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Layer, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "cache.no-listener",
        title: "The cache says that it listens, and no socket does",
        explain: "The Python cache logs that it listens once it has asked for a listener. When its libp2p does not fit, or its event loop ends \
                  early, there is none, and every peer is refused. The list of sockets of this very network shows it; a cache that moved \
                  to another port, and one in another network namespace, are other cases.",
        remedy: "See what listens with `ss -ltnp`, bring libp2p up to date and start the cache again; or let `seaworthy peer` have the port.",
        proof: "cache.initialization",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "cache.no-listener").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: no_listener,
    },
    Rule {
        code: "cache.port-moved",
        title: "The cache moved to another port without saying so",
        explain: "Its port was taken when it started, and the Python cache then tries the next twenty. It listens on one of those, while every \
                  address that peers were given, and `docker -p`, name the configured one. A port that is only taken, with no cache near it, \
                  is another finding.",
        remedy: "Give this runner a CACHE_LISTEN_PORT of its own, and name that port to the peers.",
        proof: "cache.initialization",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "cache.port-moved").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: |symptom| symptom.code() == "cache.port-in-use",
        tell: port_moved,
    },
    Rule {
        code: "cache.public-address-stall",
        title: "Each start of the Python cache waits for the internet",
        explain: "Without an address of its own to offer, the Python cache asks three services on the internet, five seconds each. Where packets \
                  out are dropped in silence that is fifteen seconds a start, and at the end it offers 0.0.0.0. Egress that is refused costs \
                  no time.",
        remedy: "Set CACHE_ADVERTISE_IP to the address under which the other runners reach this one.",
        proof: "docker.network-mode",
        layer: Layer::Tcp,
        explains_from: Layer::Cache,
        matches: |_, symptom| (symptom.code() == "cache.public-address-stall").then_some(symptom.finding.confidence),
        fold: Fold::Together,
        also: nothing,
        tell: stall,
    },
    Rule {
        code: "dependencies.flag-ignored",
        title: "The installed release of the client ignores the P2P switch",
        explain: "P2P is switched on, and no source of the installed release holds the name of the cache's protocol: it has nothing to switch \
                  on. It caches alone without an error. A release that has the code and lacks libp2p is another finding.",
        remedy: "Install a release with peer-to-peer code, or switch P2P off so that nobody relies on it.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |_, symptom| (symptom.code() == "dep.flag-ignored").then_some(symptom.finding.confidence),
        fold: Fold::Target,
        also: nothing,
        tell: flag_ignored,
    },
    Rule {
        code: "dependencies.unquoted-requirement",
        title: "A requirement reached the shell without quotation marks",
        explain: "In `pip install libp2p>=0.4.0` the shell takes `>` for a redirection: pip is asked for any libp2p and what it says goes to a \
                  file called `=0.4.0`. The line in the workflow, or the file that was left behind, shows it; a package that is too old for \
                  another reason leaves neither.",
        remedy: "Put the requirement into quotes, `pip install 'libp2p>=0.8'`, and remove the file that was left behind.",
        proof: "p2p.dependencies",
        layer: Layer::Process,
        explains_from: Layer::Process,
        matches: |scene, symptom| match symptom.code() {
            "dep.unquoted-requirement" => Some(symptom.finding.confidence),
            // What the lost version would have prevented.
            "dep.too-old" if symptom.subject() == "libp2p" && scene.has("dep.unquoted-requirement", None) => {
                Some(Confidence::Likely)
            }
            _ => None,
        },
        fold: Fold::Together,
        also: nothing,
        tell: unquoted,
    },
];

fn no_listener(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let port = number(symptom);
    let proof = scene.proof("cache/initialization", symptom);
    let process = symptom
        .detail("pid")
        .map(|pid| format!("sudo ss -ltnp | grep 'pid={pid},'; ls -l /proc/{pid}/fd | grep -c socket"));
    let look = remedy(
        "look-at-sockets",
        "See what listens, and what the cache's log says after it",
        "The error is below the line that says that it listens.",
    )
    .run("Here, where the cache runs.", process.unwrap_or_else(|| format!("sudo {}", ss(&[port]))))
    .risk(Risk::None)
    .proved_by(&proof);
    let update = remedy(
        "update-libp2p",
        "Bring libp2p up to date, and start the cache again",
        "Older releases end their listener without a word.",
    )
    .run(
        "With the interpreter that runs the cache.",
        "python3 -m pip install --upgrade 'libp2p>=0.8' 'py-multihash>=3'",
    )
    .proved_by(&proof);
    let own = scene.site.own.map(|ip| format!("/{}/{ip}/tcp/{port}", if ip.is_ipv4() { "ip4" } else { "ip6" }));
    let other = remedy(
        "use-lasting-peer",
        "Or let a seaworthy peer have the port",
        "It ends with an error when it cannot listen.",
    );
    let other = match own {
        Some(address) => {
            other.run("Start it, and paste the line that it prints.", format!("seaworthy peer --listen {address}"))
        }
        None => {
            other.step("Start `seaworthy peer` on the address that the others dial, and paste the line that it prints.")
        }
    };
    Told { message: symptom.finding.message.clone(), remediations: vec![look, update, other.proved_by(proof)] }
}

fn number(symptom: &Symptom<'_>) -> u16 {
    symptom.detail("port").and_then(|port| port.parse().ok()).unwrap_or(9100)
}

fn port_moved(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let proof = scene.proof("cache/initialization", symptom);
    let port = number(symptom);
    let moved = symptom.detail("moved-to").unwrap_or("PORT");
    let own = remedy(
        "use-own-port",
        "Give this runner a port of its own, and name it to the peers",
        "Then it starts on the same port each time, and fails nobody.",
    )
    .run("Set the port that it listens on now.", export("CACHE_LISTEN_PORT", moved))
    .step(format!("Where others dial this runner, write {moved} for {port} in their CACHE_BOOTSTRAP_PEERS."));
    let own = if scene.site.own_network() {
        own.run("Publish that port: add to your docker run, on the host.", format!("-p {moved}:{moved}"))
    } else {
        own
    };
    let stop = remedy(
        "free-port",
        "Or free the configured port",
        "If it is a cache left over from another job, it can be ended.",
    )
    .run("See who has it.", format!("sudo {}", ss(&[port])))
    .cost("What that program does ends.")
    .risk(Risk::Data)
    .proved_by(&proof);
    Told { message: symptom.finding.message.clone(), remediations: vec![own.proved_by(proof), stop] }
}

/// Says under which address others reach this runner.
pub(super) fn advertise(scene: &Scene<'_>, check: &str, symptom: &Symptom<'_>) -> Remediation {
    const NAME: &str = "CACHE_ADVERTISE_IP";
    let fix = remedy(
        "name-address",
        "Say under which address others reach this runner",
        "The cache then has nothing to look up.",
    );
    let fix = match scene.site.own {
        _ if scene.site.own_network() => fix.run(
            "The others reach the host: add to your docker run, on the host.",
            format!("-e {NAME}=\"$(hostname -I | cut -d' ' -f1)\" -p 9100:9100"),
        ),
        Some(ip) => fix.run("Where the runner's variables are set.", export(NAME, &ip.to_string())),
        None => fix
            .run("Where the runner's variables are set.", format!("export {NAME}=\"$(hostname -I | cut -d' ' -f1)\"")),
    };
    fix.proved_by(scene.proof(check, symptom))
}

fn stall(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let fix = advertise(scene, "docker/network-mode", symptoms[0]);
    Told { message: symptoms[0].finding.message.clone(), remediations: vec![fix] }
}

fn interpreter(symptom: &Symptom<'_>) -> String {
    shell(symptom.detail("interpreter").unwrap_or("python3"))
}

fn flag_ignored(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let proof = scene.proof("p2p/dependencies", symptom);
    let update =
        remedy("update-client", "Install a release with peer-to-peer code", "Only such a release reads the switch.")
            .run(
                "With the interpreter that runs the cache.",
                format!("{} -m pip install --upgrade {}", interpreter(symptom), shell(symptom.subject())),
            )
            .proved_by(&proof);
    let off = remedy(
        "disable-p2p",
        "Or say that this runner caches alone",
        "Then nobody waits for peers that are never dialled.",
    )
    .run("Where the runner's variables are set.", export("CACHE_ENABLE_P2P", "false"))
    .cost("Runners do not share a cache.")
    .proved_by(proof);
    Told { message: symptom.finding.message.clone(), remediations: vec![update, off] }
}

fn unquoted(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let proof = scene.proof("p2p/dependencies", symptoms[0]);
    let mut fix = remedy("quote-requirement", "Put the requirement into quotation marks", "Then pip sees the version.");
    let written: Vec<&&Symptom<'_>> =
        symptoms.iter().filter(|symptom| symptom.detail("requirement").is_some()).collect();
    for symptom in written.iter().take(5) {
        let requirement = shell(symptom.detail("requirement").unwrap_or_default());
        fix = fix.step(format!("In {}, write {requirement}.", symptom.subject()));
    }
    let wanted = written.first().and_then(|symptom| symptom.detail("requirement")).unwrap_or("libp2p>=0.8");
    let python =
        symptoms.iter().find(|symptom| symptom.code() == "dep.too-old").map_or("python3".into(), |s| interpreter(s));
    // The client needs 0.8, whatever the lost version said.
    let wanted = if symptoms.iter().any(|symptom| symptom.code() == "dep.too-old") { "libp2p>=0.8" } else { wanted };
    fix = fix.run("Install what was meant.", format!("{python} -m pip install --upgrade {}", shell(wanted)));
    let left: Vec<String> =
        symptoms.iter().filter(|s| s.detail("file").is_some()).map(|s| shell(s.subject())).collect();
    if !left.is_empty() {
        fix = fix.run("Remove what the shell left behind.", format!("rm -- {}", left.join(" ")));
    }
    let message: Vec<&str> = symptoms.iter().map(|symptom| symptom.finding.message.as_str()).collect();
    Told { message: message.join("\n"), remediations: vec![fix.proved_by(proof)] }
}
