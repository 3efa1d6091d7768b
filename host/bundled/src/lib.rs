//! The bundled checks and adapters, built from source for wasm32-wasip2 and
//! embedded. Data only: the engine treats these components as it treats any other.

/// One embedded component.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Its folder under `checks/` or `plugins/`: `connectivity`, `p2p`; with `check-`
    /// before it for the check of a store that has an adapter too: `check-s3`.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
    /// `sha256:...` of it.
    pub digest: &'static str,
}

/// Every bundled component, checks first, by name.
pub static COMPONENTS: &[Component] = include!(concat!(env!("OUT_DIR"), "/components.rs"));
