use crate::bindings::wit_env::files;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::StreamExt as _;
use futures::stream;
use seaworthy_model::Failure;
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// No check needs more of a configuration file than this.
const MAX_READ: u32 = 1 << 20;

impl files::Host for State {
    async fn read(&mut self, paths: Vec<String>, max: u32) -> wasmtime::Result<Vec<files::Seen>> {
        through!(self, "env/files.read", [paths, max], {
            let scope = self.scope.clone();
            let _doing = scope.step.enter("files.read", &paths.join(", "), paths.len())?;
            let max = super::share(scope.step.handover.batch, max.min(MAX_READ), paths.len());
            Ok(stream::iter(paths.into_iter().map(|path| read(&scope, path, max)))
                .buffered(super::AT_ONCE)
                .collect()
                .await)
        })
    }
}

async fn read(scope: &Scope, path: String, max: u32) -> files::Seen {
    let started = Instant::now();
    let outcome = match permitted(scope, &path) {
        // Off the runtime's thread: a path may be on a file system that hangs.
        Ok(real) => tokio::task::spawn_blocking(move || regular_file(&real, max))
            .await
            .unwrap_or_else(|error| Err(Failure::new("other", "read", error.to_string()))),
        Err(failure) => Err(failure),
    };
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

/// The beginning of a regular file. Pipes and devices may block for ever or never end.
fn regular_file(path: &Path, max: u32) -> Result<Vec<u8>, Failure> {
    let io = |error: &std::io::Error| Failure::from_io("read", error);
    if !std::fs::metadata(path).map_err(|error| io(&error))?.is_file() {
        return Err(Failure::new("invalid", "read", format!("{} is not a regular file", path.display())));
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| io(&error))?;
    file.take(u64::from(max)).read_to_end(&mut content).map_err(|error| io(&error))?;
    Ok(content)
}

/// The path with every link followed, when that is still within the grants: a
/// link out of a granted folder leads nowhere.
fn permitted(scope: &Scope, path: &str) -> Result<PathBuf, Failure> {
    let granted = |path: &Path| scope.step.grants.allows_read(path);
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
