//! The S3 tier and its check against servers that verify signatures (JuiceFS's gateway,
//! which is MinIO's code, and s3s), and against answers that no server here can be made
//! to give. `tests/servers/s3.sh` installs them; where one is missing its scenes are
//! skipped.

#[path = "s3/check.rs"]
mod check;
#[path = "s3/place.rs"]
mod place;
#[path = "s3/secrets.rs"]
mod secrets;
#[path = "s3/tier.rs"]
mod tier;

use seaworthy_tests::{Make, NoStage, Scene, binary, run_scenes};
use std::process::ExitCode;

/// This machine, with the binary built.
#[derive(Debug)]
pub(crate) struct Here;

/// A scene for each make of server.
macro_rules! on_each {
    ($($name:literal => $play:path),* $(,)?) => {
        vec![$(
            seaworthy_tests::Scene::new(concat!("juicefs_", $name), |_| $play(seaworthy_tests::Make::JuiceFs))
                .unless(crate::obstacle(seaworthy_tests::Make::JuiceFs)),
            seaworthy_tests::Scene::new(concat!("s3s_", $name), |_| $play(seaworthy_tests::Make::S3s))
                .unless(crate::obstacle(seaworthy_tests::Make::S3s)),
        )*]
    };
}
pub(crate) use on_each;

/// Why a server cannot run here, looked up once.
fn obstacle(make: Make) -> Option<String> {
    use std::sync::OnceLock;
    static JUICEFS: OnceLock<Option<String>> = OnceLock::new();
    static S3S: OnceLock<Option<String>> = OnceLock::new();
    let known = match make {
        Make::JuiceFs => &JUICEFS,
        Make::S3s => &S3S,
    };
    known.get_or_init(|| make.obstacle()).clone()
}

fn main() -> ExitCode {
    let stage = binary().map(|_| Here).map_err(NoStage::Broken);
    let mut scenes: Vec<Scene<Here>> = Vec::new();
    scenes.extend(tier::scenes());
    scenes.extend(check::scenes());
    scenes.extend(secrets::scenes());
    run_scenes("s3", stage, scenes)
}
