use crate::faults;
use crate::remedy::{export, remedy, shell};
use crate::rule::{Rule, Told, ss};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Remediation, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::CACHE_NO_LISTENER).tell(no_listener),
    Rule::of(faults::CACHE_PORT_MOVED).also(|symptom| symptom.code() == "cache.port-in-use").tell(port_moved),
    Rule::of(faults::CACHE_PUBLIC_ADDRESS_STALL).tell(stall),
    Rule::of(faults::DEPENDENCIES_UNQUOTED_REQUIREMENT)
        .when(|scene, symptom| match symptom.code() {
            "dep.unquoted-requirement" => Some(symptom.finding.confidence),
            // What the lost version would have prevented.
            "dep.too-old" if symptom.subject() == "libp2p" && scene.has("dep.unquoted-requirement", None) => {
                Some(Confidence::Likely)
            }
            _ => None,
        })
        .tell(unquoted),
];

fn no_listener(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let port = number(symptom);
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
    .done();
    let update = remedy(
        "update-libp2p",
        "Bring libp2p up to date, and start the cache again",
        "Older releases end their listener without a word.",
    )
    .run(
        "With the interpreter that runs the cache.",
        "python3 -m pip install --upgrade 'libp2p>=0.8' 'py-multihash>=3'",
    )
    .done();
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
    Told::found(symptoms, vec![look, update, other.done()])
}

fn number(symptom: &Symptom<'_>) -> u16 {
    symptom.detail("port").and_then(|port| port.parse().ok()).unwrap_or(9100)
}

fn port_moved(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
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
    .done();
    Told::found(symptoms, vec![own.done(), stop])
}

/// Says under which address others reach this runner.
pub(super) fn advertise(scene: &Scene<'_>) -> Remediation {
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
    fix.done()
}

fn stall(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let fix = advertise(scene);
    Told::found(symptoms, vec![fix])
}

fn interpreter(symptom: &Symptom<'_>) -> String {
    shell(symptom.detail("interpreter").unwrap_or("python3"))
}

fn unquoted(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
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
    Told::found(symptoms, vec![fix.done()])
}
