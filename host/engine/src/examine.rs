use crate::catalog::{Catalog, CatalogError, PluginSource, digest};
use crate::refusal::Refusal;
use crate::runtime::Room;
use crate::surface::Surface;
use seaworthy_model::ComponentDescriptor;
use std::path::Path;

/// What can be told of a component without running any of its checks, as far as it goes: a
/// component that this host refuses is still taken apart.
#[derive(Debug)]
pub struct Examination {
    /// Its size in bytes.
    pub size: u64,
    /// `sha256:...`.
    pub digest: String,
    /// The interfaces that it imports, with their versions.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// What it says about itself; or why this host cannot run it, and the way out.
    pub described: Result<ComponentDescriptor, Refusal>,
}

/// Takes the component of a file apart. `cache` keeps compiled code.
///
/// # Errors
/// The file cannot be read, is not what is pinned, or no component can run on this machine.
pub async fn examine(plugin: &PluginSource, cache: Option<&Path>) -> Result<Examination, CatalogError> {
    let catalog = Catalog::open(&[], &[], None, Room::of(1, 1), None, cache).await?;
    let refused = |size, digest, refusal| Examination {
        size,
        digest,
        imports: Vec::new(),
        exports: Vec::new(),
        described: Err(refusal),
    };
    let bytes = match Catalog::read(plugin) {
        Ok(bytes) => bytes,
        Err(CatalogError::Refused { refusal: Refusal::TooLarge { bytes, limit }, .. }) => {
            return Ok(refused(bytes, String::new(), Refusal::TooLarge { bytes, limit }));
        }
        Err(error) => return Err(error),
    };
    let (size, digest) = (bytes.len() as u64, digest(&bytes));
    let surface = match Surface::read(&bytes) {
        Ok(surface) => surface,
        Err(refusal) => return Ok(refused(size, digest, refusal)),
    };
    let imports = surface.imports.into_iter().map(|import| import.name).collect();
    let described = catalog.describe(&plugin.name, &bytes, &digest).await;
    Ok(Examination { size, digest, imports, exports: surface.exports, described })
}
