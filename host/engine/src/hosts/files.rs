use crate::bindings::wit_env::files;
use crate::scope::Scope;
use crate::state::State;
use futures::future::join_all;
use seaworthy_model::Failure;
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// No check needs more of a configuration file than this.
const MAX_READ: u32 = 1 << 20;

impl files::Host for State {
    async fn read(&mut self, paths: Vec<String>, max: u32) -> wasmtime::Result<Vec<files::Seen>> {
        let scope = self.scope.clone();
        let _doing = scope.step.enter("files.read", &paths.join(", "), paths.len())?;
        Ok(join_all(paths.into_iter().map(|path| read(&scope, path, max.min(MAX_READ)))).await)
    }
}

async fn read(scope: &Scope, path: String, max: u32) -> files::Seen {
    let started = Instant::now();
    let outcome = permitted(scope, &path).and_then(|real| {
        let mut content = Vec::new();
        std::fs::File::open(real)
            .and_then(|file| file.take(u64::from(max)).read_to_end(&mut content))
            .map_err(|error| Failure::from_io("read", &error))?;
        Ok(content)
    });
    let elapsed = started.elapsed();
    let id = scope.record(
        "files.read",
        json!({ "path": path }),
        outcome.as_ref().map(|content| super::bytes(content)),
        elapsed,
    );
    files::Seen {
        id,
        path,
        elapsed: super::micros(elapsed),
        outcome: outcome.map_err(|failure| super::failure(&failure)),
    }
}

/// The path with every link followed, when that is still within the grants: a
/// link out of a granted folder leads nowhere.
fn permitted(scope: &Scope, path: &str) -> Result<PathBuf, Failure> {
    let granted = |path: &Path| {
        scope.step.grants.read.iter().any(|grant| match grant.strip_suffix("/**") {
            Some(folder) => path.starts_with(folder),
            None => path == Path::new(grant),
        })
    };
    if !Path::new(path).is_absolute() || path.split('/').any(|part| part == "..") {
        return Err(Failure::new("invalid", "read", format!("`{path}` is not an absolute path without `..`")));
    }
    if !granted(Path::new(path)) {
        return Err(scope.step.deny("read", path));
    }
    let real = std::fs::canonicalize(path).map_err(|error| Failure::from_io("read", &error))?;
    // A file granted by name is granted wherever it points, as /etc/resolv.conf does.
    let by_name = scope.step.grants.read.iter().any(|grant| grant == path);
    if by_name || granted(&real) { Ok(real) } else { Err(scope.step.deny("read", &real.display().to_string())) }
}
