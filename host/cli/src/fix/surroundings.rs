//! What is around in the working folder.

use super::args::FixArgs;
use crate::configuration::read_file;
use seaworthy_model::Environment;
use seaworthy_remedy::{Around, TextFile};
use std::path::Path;

/// Compose files in the order in which compose looks for them.
const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// Files of a workflows folder that are looked at.
const WORKFLOWS: usize = 100;

pub(super) fn look(arguments: &FixArgs, environment: &Environment) -> Around {
    let compose = COMPOSE.iter().find_map(|name| read(name));
    let stem = compose.as_ref().and_then(|file| file.path.rsplit_once('.')).map(|(stem, _)| stem.to_owned());
    let beside = stem.and_then(|stem| ["yml", "yaml"].iter().find_map(|end| read(&format!("{stem}.override.{end}"))));
    Around {
        variables: environment.iter().map(|(name, _)| name.to_owned()).collect(),
        compose,
        compose_override: beside,
        workflows: workflows(),
        service: arguments.service.clone(),
        places: arguments.file.iter().cloned().collect(),
        folder: arguments.out.as_ref().map(|folder| folder.display().to_string()),
        only: arguments.only.iter().map(|kind| kind.kind()).collect(),
    }
}

/// A file that cannot be read is as good as none: it is only looked at, and what is
/// to be written is read again.
fn read(path: &str) -> Option<TextFile> {
    Some(TextFile { path: path.to_owned(), text: read_file(Path::new(path)).ok()? })
}

fn workflows() -> Vec<TextFile> {
    let Ok(folder) = std::fs::read_dir(".github/workflows") else { return Vec::new() };
    let names = folder.flatten().filter_map(|entry| entry.path().to_str().map(str::to_owned));
    let mut names: Vec<String> = names.filter(|path| path.ends_with(".yml") || path.ends_with(".yaml")).collect();
    names.sort();
    names.iter().take(WORKFLOWS).filter_map(|path| read(path)).collect()
}
