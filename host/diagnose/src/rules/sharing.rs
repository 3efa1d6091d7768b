use crate::faults;
use crate::remedy::{list, remedy};
use crate::rule::{Rule, Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Risk};

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::CLOCK_SKEW)
        .when(|_, symptom| match symptom.code() {
            "clock.skew" => Some(symptom.finding.confidence),
            "cache.put-failed" if symptom.detail("error-kind") == Some("clock") => Some(Confidence::Certain),
            _ => None,
        })
        .tell(skew),
    Rule::of(faults::PEER_NEVER_ACKNOWLEDGES).tell(unacknowledged),
    Rule::of(faults::PEER_PLAINTEXT).tell(plaintext),
    Rule::of(faults::CACHE_SIZE_LIMITED).tell(size),
];

fn skew(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let told = symptoms.iter().find(|symptom| symptom.code() == "clock.skew").unwrap_or(&symptoms[0]);
    let here = if scene.site.in_container == Some(true) {
        "On this container's host, whose clock the container has, see whether it is synchronised."
    } else {
        "On this machine, see whether the clock is synchronised."
    };
    let fix = remedy(
        "synchronise-clocks",
        "Synchronise the clocks of both machines",
        "Entries carry the time at which they were made, and both sides judge their age by it.",
    )
    .run(here, "timedatectl show -p NTPSynchronized -p TimeUSec; chronyc tracking")
    .run("Switch synchronisation on, there and on the peer's machine.", "sudo timedatectl set-ntp true")
    .done();
    Told { message: format!("{}: {}", told.subject(), told.finding.message), remediations: vec![fix] }
}

fn unacknowledged(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let restart = remedy(
        "restart-python-peer",
        "Restart the peer with a newer py-libp2p",
        "Versions 0.4 to 0.7 wait for the end of the stream, and a sender that does not close it waits for them.",
    )
    .run("On the peer's machine, see the version.", "python3 -m pip show libp2p")
    .run("Take a newer one, then start the peer again.", "python3 -m pip install --upgrade 'libp2p>=0.8'")
    .done();
    let without: Vec<(String, String)> = vec![(symptom.subject().to_owned(), String::new())];
    let leave = remedy(
        "leave-peer-out",
        "Until then, leave it out of the peers",
        "One peer that does not confirm blocks every put of a Python runner.",
    )
    .run("Set the list without it.", crate::remedy::export("CACHE_BOOTSTRAP_PEERS", &scene.peers_with(&without)))
    .cost("What that peer holds is not found.")
    .done();
    let message =
        format!("{} takes entries and never confirms them; puts of Python runners wait for ever.", symptom.subject());
    Told { message, remediations: vec![restart, leave] }
}

fn plaintext(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let of = |code: &str| {
        let some: Vec<&Symptom<'_>> = symptoms.iter().copied().filter(|symptom| symptom.code() == code).collect();
        targets(&some)
    };
    let (accepted, offered) = (of("peer.plaintext-accepted"), of("peer.plaintext-offered"));
    let (mut said, mut remediations) = (Vec::new(), Vec::new());
    if !accepted.is_empty() {
        said.push(format!("{} confirmed an entry that was not encrypted: it has no shared secret.", list(&accepted)));
        remediations.push(
            remedy(
                "give-peer-secret",
                "Start the peer with the shared secret of the runners",
                "Without one the Python cache falls back to plain text without a word.",
            )
            .run(
                "On the peer's machine, enter the secret without showing it, then start the peer in the same shell.",
                "read -rs CACHE_P2P_SHARED_SECRET && export CACHE_P2P_SHARED_SECRET",
            )
            .risk(Risk::Security)
            .cost("Entries that were stored in the clear are not trusted any more; remove them.")
            .done(),
        );
    }
    if !offered.is_empty() {
        said.push(format!("{} takes unencrypted connections when they are proposed.", list(&offered)));
        remediations.push(
            remedy(
                "offer-noise-only",
                "Let the peer offer noise only",
                "What is not offered cannot be negotiated down to by somebody in between.",
            )
            .write(
                "Pass the security protocols to the host of py-libp2p.",
                "peer.py",
                "from libp2p.crypto.x25519 import create_new_key_pair\n\
                 from libp2p.security.noise.transport import PROTOCOL_ID, Transport\n\
                 noise = Transport(keys, noise_privkey=create_new_key_pair().private_key)\n\
                 host = new_host(key_pair=keys, sec_opt={PROTOCOL_ID: noise})\n",
            )
            .step("Or put `seaworthy peer` in its place: it offers nothing else.")
            .done(),
        );
    }
    Told { message: said.join("\n"), remediations }
}

fn size(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let about = list(&targets(symptoms));
    if symptom.detail("kind") == Some("too-large") {
        let bound = symptom.detail("max-value-bytes").map(|most| format!(" {most} bytes at most")).unwrap_or_default();
        let fix = remedy(
            "raise-bound",
            "Put smaller values, or raise the peer's bound",
            "What is larger is refused as a whole and never cut.",
        )
        .step("Start the peer with a larger bound for one value; every runner that reads it needs the memory.")
        .done();
        return Told { message: format!("{about} takes{bound}; larger entries are refused."), remediations: vec![fix] };
    }
    let host = symptom.place.as_ref().map_or_else(|| "PEER".to_owned(), |place| place.host.clone());
    let fix = remedy(
        "lower-mtu",
        "Lower the MTU of this network to that of the path",
        "Packets of full size are dropped on the way, and nobody says so.",
    )
    .run(
        "Find the largest packet that passes: lower the number until answers come, then add 28.",
        format!("ping -M do -c 2 -s 1472 {}", crate::remedy::shell(&host)),
    );
    let fix = if scene.site.in_container == Some(true) {
        fix.run(
            "On the host, make a network with that MTU and run the container in it.",
            "docker network create --opt com.docker.network.driver.mtu=1400 cache-net",
        )
    } else {
        fix.run(
            "Set it on the interface that leads there.",
            format!(
                "sudo ip link set dev \"$(ip route get {} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')\" mtu 1400",
                crate::remedy::shell(&host)
            ),
        )
    };
    let message = format!(
        "Small entries pass to {about} and larger ones do not arrive: packets of full size are dropped on the way, most likely for their size."
    );
    Told { message, remediations: vec![fix.done()] }
}
