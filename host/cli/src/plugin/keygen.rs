use super::push::password;
use crate::configuration::environment;
use crate::error::CliError;
use clap::Args;
use seaworthy_model::ExitCode;
use seaworthy_registry::KeyPair;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Args)]
pub(crate) struct KeygenArgs {
    /// Beginning of the names of both files: NAME.key and NAME.pub
    #[arg(value_name = "NAME", default_value = "cosign")]
    name: PathBuf,
}

/// `seaworthy plugin keygen`: a key to sign with and one to verify with, as cosign has them.
pub(crate) fn keygen(arguments: &KeygenArgs) -> Result<ExitCode, CliError> {
    let password = password(&environment());
    let pair = KeyPair::generate(password.as_ref()).map_err(|error| CliError::Config(error.to_string()))?;
    let file = |ending: &str| {
        let mut name = arguments.name.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (private, public) = (file(".key"), file(".pub"));
    if let Some(there) = [&private, &public].into_iter().find(|path| path.exists()) {
        return Err(CliError::Usage(format!(
            "{} is there already and is not written over; give another NAME, or move it away",
            there.display()
        )));
    }
    write(&private, &pair.private, 0o600)?;
    write(&public, &pair.public, 0o644)?;
    let sealed = if password.is_some() { ", encrypted with COSIGN_PASSWORD" } else { "" };
    eprintln!("{}: to sign with (plugin push --sign-key){sealed}; keep it secret", private.display());
    eprintln!("{}: to verify with ([signatures] keys); keep it beside checks.toml", public.display());
    Ok(ExitCode::Passed)
}

/// A new file; one that is there is never written over.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::CannotWrite(format!("cannot write {}: {error}", path.display())))
}
