use super::{component_of, name_of};
use crate::args::name_value;
use crate::configuration::{cache_dir, environment, on_runtime};
use crate::error::CliError;
use crate::library::{read_key, told};
use anyhow::Context as _;
use clap::Args;
use seaworthy_engine::{PluginSource, digest, examine};
use seaworthy_model::{ComponentDescriptor, Environment, ExitCode, RegistryReference, Secret};
use seaworthy_registry::{Annotations, Interfaces, Registry, SigningKey};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Args)]
pub(crate) struct PushArgs {
    /// The component, or the folder of a project that has built one
    #[arg(value_name = "FILE.wasm|DIR")]
    file: PathBuf,
    /// Where to: oci://HOST/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    reference: RegistryReference,
    /// Sign it with this private key, as cosign does: PKCS#8 in PEM, or cosign's own, whose
    /// password is in COSIGN_PASSWORD
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// Say more about it, by the keys of OCI annotations; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = name_value)]
    annotations: Vec<(String, String)>,
    /// The registry has no TLS (one on loopback is taken to have none)
    #[arg(long)]
    plain_http: bool,
}

/// `seaworthy plugin push`: the pinned reference on stdout.
pub(crate) fn push(arguments: &PushArgs) -> Result<ExitCode, CliError> {
    let reference = &arguments.reference;
    if reference.tag.is_none() || reference.manifest.is_some() {
        let place = reference.place();
        return Err(CliError::Usage(format!(
            "what is pushed gets a tag, and its digest comes of it: write oci://{place}:TAG"
        )));
    }
    let environment = environment();
    let key = arguments.sign_key.as_deref().map(|path| signing_key(path, &environment)).transpose()?;
    let file = component_of(&arguments.file)?;
    let name = name_of(&file);
    on_runtime(async {
        let (bytes, descriptor, interfaces) = described(&file).await?;
        let mut annotations = annotations(&descriptor);
        annotations.extend(arguments.annotations.iter().cloned());
        let registry = Registry::new(&environment);
        let created = created(&environment)?;
        let pushed = registry
            .push(reference, arguments.plain_http, &bytes, &interfaces, &created, &annotations)
            .await
            .map_err(|error| told(&name, error))?;
        if let Some(key) = &key {
            registry
                .sign(reference, arguments.plain_http, &pushed.manifest, key)
                .await
                .map_err(|error| told(&name, error))?;
        }
        let signed = if key.is_some() { ", signed" } else { "" };
        let what = seaworthy_report::safe::line(&format!("{} {}", descriptor.name, descriptor.version));
        eprintln!("pushed {what} ({} bytes{signed})", bytes.len());
        eprintln!("use it with: seaworthy plugin add {reference}");
        crate::stdout::print(&format!("{}\n", reference.pinned(&pushed.manifest)))?;
        Ok(ExitCode::Passed)
    })
}

/// The bytes of a component that this host would run, and what is said of them.
async fn described(file: &Path) -> Result<(Vec<u8>, ComponentDescriptor, Interfaces), CliError> {
    let name = name_of(file);
    let wrong = |text: String| CliError::Config(format!("plugin `{name}`: {text}"));
    let plugin = PluginSource { name: name.clone(), path: file.to_owned(), digest: None };
    let cache = cache_dir().map(|folder| folder.join("code"));
    let seen = examine(&plugin, cache.as_deref()).await.map_err(|error| CliError::Config(error.to_string()))?;
    let descriptor = seen.described.map_err(|refusal| wrong(refusal.to_string()))?;
    let bytes = std::fs::read(file).map_err(|error| wrong(format!("cannot read {}: {error}", file.display())))?;
    if digest(&bytes) != seen.digest {
        return Err(wrong(format!("{} was changed meanwhile; push it again", file.display())));
    }
    Ok((bytes, descriptor, Interfaces { exports: seen.exports, imports: seen.imports }))
}

fn annotations(descriptor: &ComponentDescriptor) -> Annotations {
    let key = |name: &str| format!("org.opencontainers.image.{name}");
    let summary = match descriptor.checks.as_slice() {
        [] => descriptor.summary.clone(),
        checks => checks.iter().map(|check| check.summary.as_str()).collect::<Vec<_>>().join(" "),
    };
    [
        (key("title"), descriptor.name.clone()),
        (key("version"), descriptor.version.clone()),
        (key("description"), summary),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .collect()
}

/// The time that is written into the config: none that passes, so that the same component is the
/// same artifact; SOURCE_DATE_EPOCH sets another.
fn created(environment: &Environment) -> Result<String, CliError> {
    let Some(text) = environment.text("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(jiff::Timestamp::UNIX_EPOCH.to_string());
    };
    let seconds = text.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let wrong = || CliError::Usage(format!("SOURCE_DATE_EPOCH takes seconds since 1970, not \"{text}\""));
    seconds.map(|time| time.to_string()).ok_or_else(wrong)
}

fn signing_key(path: &Path, environment: &Environment) -> Result<SigningKey, CliError> {
    let text = zeroize::Zeroizing::new(read_key(path)?);
    let key = SigningKey::read(&path.display().to_string(), &text, password(environment).as_ref());
    key.context("nothing was pushed").map_err(|error| CliError::Config(format!("{error:#}")))
}

/// The password of cosign's private keys.
pub(super) fn password(environment: &Environment) -> Option<Secret> {
    environment.text("COSIGN_PASSWORD").map(|text| Secret::new(text.to_owned()))
}
