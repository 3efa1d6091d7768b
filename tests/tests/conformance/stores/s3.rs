//! A bucket of JuiceFS's gateway, which is MinIO's server code and verifies signatures.
//!
//! The server of the crate s3s is none for this suite: it keeps one file a bucket folder
//! for the metadata of each object, named after the whole key in base64, and so takes no
//! name of more than some 150 bytes. `tests/tests/s3.rs` has its scenes.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{Make, NoStage, ObjectStore};
use std::net::SocketAddr;

const POLICY: &str = "[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\n";

pub(crate) fn store() -> Store {
    Store { name: "s3-juicefs", start }
}

fn place(address: SocketAddr, secret: &str) -> Place {
    let environment = [
        ("CACHE_S3_ENDPOINT", &*format!("http://{address}")),
        ("CACHE_S3_BUCKET", ObjectStore::BUCKET),
        ("AWS_REGION", ObjectStore::REGION),
        ("AWS_ACCESS_KEY_ID", ObjectStore::KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    Place::new("s3", POLICY, &environment)
}

fn start() -> Result<Running, NoStage> {
    if let Some(why) = Make::JuiceFs.obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let server = ObjectStore::start(Make::JuiceFs)?;
    let address = server.address();
    Ok(Running::new(place(address, ObjectStore::SECRET).keeping(server))
        .through_http(address, |relay| Ok(place(relay, ObjectStore::SECRET)))
        .with(Fault::WrongCredentials, Breakage::At(place(address, "another-secret-7Qm2vTzLxW4p"))))
}
