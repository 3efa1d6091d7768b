//! Buckets of two makes of server, which both verify signatures: JuiceFS's gateway, which
//! is MinIO's server code, and the file server of the crate s3s.
//!
//! s3s keeps the metadata of an object in a file that is named after the whole name in
//! base64, so it takes no name of more than some 150 bytes: its tier has shorter ones.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{Make, NoStage, ObjectStore};
use std::net::SocketAddr;

/// Names of S3's own length.
const POLICY: &str = "[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\n";
/// Names so short that keys of the suite are on both sides of the border.
const SHORT: &str = "[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\ntimeout = \"20s\"\n\
                     with = { max-name-bytes = 100, timeout-ms = 18000 }\n";

pub(crate) fn juicefs() -> Store {
    Store { name: "s3-juicefs", start: || start(Make::JuiceFs, POLICY) }
}

pub(crate) fn s3s() -> Store {
    let start = || {
        let torn =
            "it writes an object and its metadata one after the other, so two puts at once leave the halves of both";
        let cut = "it writes an object and its metadata one after the other, so a put that is cut off leaves one half";
        Ok(start(Make::S3s, SHORT)?
            .deviating("eight_writers_of_one_key_leave_one_whole_value", torn)
            .deviating("a_cancelled_put_leaves_nothing_torn", cut))
    };
    Store { name: "s3-s3s", start }
}

fn place(policy: &str, address: SocketAddr, secret: &str) -> Place {
    let environment = [
        ("CACHE_S3_ENDPOINT", &*format!("http://{address}")),
        ("CACHE_S3_BUCKET", ObjectStore::BUCKET),
        ("AWS_REGION", ObjectStore::REGION),
        ("AWS_ACCESS_KEY_ID", ObjectStore::KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    Place::new("s3", policy, &environment)
}

fn start(make: Make, policy: &'static str) -> Result<Running, NoStage> {
    if let Some(why) = make.obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let server = ObjectStore::start(make)?;
    let address = server.address();
    Ok(Running::new(place(policy, address, ObjectStore::SECRET).keeping(server))
        .through_http(address, move |relay| Ok(place(policy, relay, ObjectStore::SECRET)))
        .with(Fault::WrongCredentials, Breakage::At(place(policy, address, "another-secret-7Qm2vTzLxW4p"))))
}
