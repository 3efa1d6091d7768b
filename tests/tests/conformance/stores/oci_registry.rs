//! The cookbook's adapter of container registries, before Debian's.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::Result;
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{ContainerRegistry, NoStage, RegistryOptions, build_cookbook};
use std::net::SocketAddr;

pub(crate) fn store() -> Store {
    Store { name: "oci-registry", start }
}

fn place(server: SocketAddr, credentials: &str) -> Result<Place> {
    let policy = format!(
        "[vars]\nregistry-credentials = {{ env = \"REGISTRY\", type = \"secret\" }}\n[targets.registry]\n\
         kind = \"http\"\nurl = \"http://{server}\"\ncredentials = {{ authorization = \"${{registry-credentials}}\" }}\n\
         [tiers.registry]\nadapter = \"oci-registry\"\ntarget = \"registry\"\n\
         with = {{ repository = \"ci/cache\", timeout-ms = 20000 }}\n"
    );
    let component = build_cookbook()?.join("oci_registry.wasm");
    Place::new("registry", &policy, &[("REGISTRY", credentials)]).plugin("oci-registry", &component)
}

fn start() -> Result<Running, NoStage> {
    if let Some(why) = ContainerRegistry::obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let registry = ContainerRegistry::start(RegistryOptions { password: true, deletes: true })?;
    let server = registry.address();
    let wrong = place(server, "cache:another-password")?;
    // Docker's registry with its files on a disk: what names the manifest of a tag is a file that is
    // written in place.
    let torn = "it writes the link of a tag in place, and answers 500 for one that two wrote at once";
    let cut = "it writes the link of a tag in place, and answers 500 for one whose writing was cut off";
    Ok(Running::new(place(server, ContainerRegistry::CREDENTIALS)?.keeping(registry))
        .through_http(server, |relay| place(relay, ContainerRegistry::CREDENTIALS))
        .deviating("eight_writers_of_one_key_leave_one_whole_value", torn)
        .deviating("a_cancelled_put_leaves_nothing_torn", cut)
        .with(Fault::WrongCredentials, Breakage::At(wrong))
        .without(&[Fault::Skewed], "a registry judges no clock; a value from the future is one of the cases"))
}
