use super::listener::free_port;
use crate::faults;
use crate::remedy::{list, remedy, shell};
use crate::rule::{Rule, Told, ss, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::Risk;

pub(super) const RULES: &[Rule] =
    &[Rule::of(faults::CACHE_PORT_IN_USE).tell(port_in_use), Rule::of(faults::CACHE_DIRECTORY).tell(directory)];

fn port_in_use(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let detail = |key: &str| symptom.detail(key).map(str::to_owned);
    let from_target = symptom.subject().rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let port = detail("port")
        .and_then(|port| port.parse().ok())
        .or(from_target)
        .or_else(|| scene.fact("listen-port")?.parse().ok())
        .unwrap_or(9100);
    let owner =
        detail("owner-process").or_else(|| detail("owner")).map(|name| format!(" by {name}")).unwrap_or_default();
    let free = remedy(
        "stop-owner",
        "Stop the program that has the port",
        "If it is a cache left over from another job, its port becomes free.",
    )
    .run("See who has it.", format!("sudo {}", ss(&[port])))
    .risk(Risk::Data)
    .cost("What that program does ends.")
    .done();
    let other = remedy(
        "use-other-port",
        "Give this runner a port of its own",
        "Runners that share a network cannot share a port.",
    )
    .run("Set a free port, and tell the peers.", format!("export CACHE_LISTEN_PORT={}", free_port(scene, port, true)))
    .done();
    Told {
        message: format!("Port {port} is taken{owner}, so the cache cannot listen on it."),
        remediations: vec![other, free],
    }
}

fn directory(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let symptom = symptoms[0];
    let path = symptom.detail("path").unwrap_or_else(|| symptom.subject());
    let quoted = shell(path);
    let own = remedy(
        "own-directory",
        "Give the directory to the user that runs the cache",
        "Only its owner may write there.",
    )
    .run("Make it and give it away.", format!("sudo install -d -o \"$(id -u)\" -g \"$(id -g)\" {quoted}"))
    .done();
    let mount = remedy(
        "run-as-owner",
        "Or run the container as the owner of the mounted directory",
        "A volume keeps the owner that it has on the host.",
    )
    .run("Add to your docker run, on the host.", format!("--user \"$(id -u):$(id -g)\" -v {quoted}:{quoted}"))
    .done();
    let other = remedy(
        "use-other-directory",
        "Or use a directory that can be written to",
        "The runner's own temporary directory always can.",
    )
    .run("Set it.", "export CACHE_DIR=\"${RUNNER_TEMP:-/tmp}/cache\"")
    .cost("It does not outlive the job.")
    .done();
    let why = symptom.finding.observed.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    // The kernel's own trees take no directories, whoever owns them.
    let kernel = ["/proc", "/sys", "/dev"].iter().any(|root| std::path::Path::new(path).starts_with(root));
    let remediations = match scene.site.in_container {
        _ if kernel => vec![other],
        Some(true) => vec![own, mount, other],
        _ => vec![own, other],
    };
    let about = if symptom.detail("path").is_some() { path.to_owned() } else { list(&targets(symptoms)) };
    Told { message: format!("{about} cannot be written to{why}."), remediations }
}
