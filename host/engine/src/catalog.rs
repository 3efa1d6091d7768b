use crate::archive::{self, Archive, Part};
use crate::bindings::{adapter, check};
use crate::code_cache::CodeCache;
use crate::refusal::{self, Refusal};
use crate::runtime::{Room, Runtime, RuntimeError};
use crate::scope::{RunScope, Scope, StepScope, lock};
use crate::state::State;
use crate::surface::Surface;
use data_encoding::HEXLOWER;
use seaworthy_model::{
    ComponentDescriptor, ComponentKind, ComponentSource, DESCRIPTOR_SCHEMA_VERSION, Grants, Limits, NoEvents, Plan,
    RegistryReference,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use wasmtime::component::Component;

/// The largest component that is read at all.
const MAX_COMPONENT: u64 = 64 << 20;

/// Time for `describe`, compilation not counted.
const DESCRIBE_BUDGET: Duration = Duration::from_secs(2);

/// A component embedded in the binary.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Name of the component: `connectivity`.
    pub name: &'static str,
    /// The component, as built from source.
    pub wasm: &'static [u8],
    /// `sha256:...` of it, computed when it was built.
    pub digest: &'static str,
}

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No WebAssembly on this machine.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The file is not there or cannot be read.
    #[error("plugin `{name}`: cannot read {path}: {source}; check `source` under [plugins.{name}]")]
    Read {
        /// Name in checks.toml.
        name: String,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what the policy pins.
    #[error(
        "plugin `{name}`: {path} has digest {actual}, but checks.toml pins {pinned}; if the new file is wanted, write `digest = \"{actual}\"`"
    )]
    Digest {
        /// Name in checks.toml.
        name: String,
        /// The file.
        path: String,
        /// What was pinned.
        pinned: String,
        /// What it is.
        actual: String,
    },
    /// It would stand in the place of a bundled component.
    #[error(
        "plugin `{name}` has the name of a bundled component; give it another one ([plugins.OTHER], `plugin add --name OTHER`, or another name of its file)"
    )]
    Taken {
        /// Name in checks.toml.
        name: String,
    },
    /// It cannot run here.
    #[error("plugin `{name}`: {refusal}")]
    Refused {
        /// Name in checks.toml.
        name: String,
        /// Why, and the way out.
        refusal: Refusal,
    },
}

/// A plugin that the policy lists.
#[derive(Clone, Debug)]
pub struct PluginSource {
    /// Name in checks.toml.
    pub name: String,
    /// The component's file.
    pub path: PathBuf,
    /// `sha256:...` that it must have.
    pub digest: Option<String>,
}

/// A plugin that comes from a registry, had and verified.
#[derive(Clone, Debug)]
pub struct FetchedPlugin {
    /// Name in checks.toml.
    pub name: String,
    /// The component.
    pub bytes: Vec<u8>,
    /// `sha256:...` of it, as whoever had it has seen for himself.
    pub digest: String,
    /// Where it comes from, pinned.
    pub reference: RegistryReference,
}

/// One component of the catalog.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it says about itself.
    pub descriptor: Arc<ComponentDescriptor>,
    /// `sha256:...`.
    pub digest: String,
    /// Where it comes from.
    pub source: ComponentSource,
}

/// Which of the bundled components are wanted, as far as that can be told without them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Ids of checks: `net/tcp`.
    pub checks: BTreeSet<String>,
    /// Names of adapters.
    pub adapters: BTreeSet<String>,
}

/// The components that a policy may use, described. Code is loaded when it is needed.
pub struct Catalog {
    pub(crate) runtime: Runtime,
    builtin: BTreeMap<&'static str, Builtin>,
    files: BTreeMap<String, Vec<u8>>,
    archive: Option<Archive>,
    cache_directory: Option<PathBuf>,
    cache: OnceLock<Option<CodeCache>>,
    entries: BTreeMap<String, Entry>,
    unusable: BTreeMap<String, String>,
    loaded: Mutex<BTreeMap<String, Loaded>>,
}

/// A component whose code is ready.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) component: Component,
    /// Linked, for a check; made by the first step that runs it.
    pub(crate) check: Option<check::CheckPre<State>>,
    /// `embedded`, `cached` or `compiled`.
    pub(crate) how: &'static str,
}

/// A component that has everything it imports.
enum Linked {
    Check(check::CheckPre<State>),
    Adapter(adapter::AdapterPre<State>),
}

impl Catalog {
    /// Opens the bundled components and `plugins`. Digests are verified and every
    /// component is described, with nothing granted.
    ///
    /// `executable` is looked at for precompiled code; `cache` keeps compiled code.
    /// Where there is precompiled code, of the bundled components only those that are
    /// `wanted` are in the catalog, unless something is wanted that none of them has: then
    /// the catalog has all of them, so that an error can say what there is.
    ///
    /// # Errors
    /// The first plugin that cannot be loaded (one that merely breaks in `describe`
    /// is kept among the [`unusable`](Self::unusable)). A bundled component that cannot be
    /// described is a bug and is reported the same way.
    pub async fn open(
        builtin: &'static [Builtin],
        plugins: &[PluginSource],
        wanted: Option<&Wanted>,
        room: Room,
        executable: Option<&Path>,
        cache: Option<&Path>,
    ) -> Result<Self, CatalogError> {
        let runtime = Runtime::new(room)?;
        let mut catalog = Self {
            archive: executable.and_then(Archive::open),
            cache_directory: cache.map(Path::to_path_buf),
            cache: OnceLock::new(),
            runtime,
            builtin: builtin.iter().map(|b| (b.name, *b)).collect(),
            files: BTreeMap::new(),
            entries: BTreeMap::new(),
            unusable: BTreeMap::new(),
            loaded: Mutex::default(),
        };
        for builtin in catalog.wanted(builtin, wanted) {
            let source = ComponentSource::Builtin(builtin.name.into());
            let packed = catalog.packed(builtin).and_then(|(archive, entry)| archive.descriptor(entry).ok());
            let descriptor = match packed {
                Some(text) => parse_descriptor(&text),
                None => catalog.describe(builtin.name, builtin.wasm, builtin.digest).await,
            };
            let descriptor =
                descriptor.map_err(|refusal| CatalogError::Refused { name: builtin.name.into(), refusal })?;
            let entry = Entry { descriptor: Arc::new(descriptor), digest: builtin.digest.into(), source };
            catalog.entries.insert(builtin.name.into(), entry);
        }
        for plugin in plugins {
            catalog.add_file(plugin).await?;
        }
        Ok(catalog)
    }

    /// Those of the bundled components that are wanted; all of them where that cannot be told.
    fn wanted(&self, builtin: &'static [Builtin], wanted: Option<&Wanted>) -> Vec<&'static Builtin> {
        let all = || builtin.iter().collect();
        let Some(wanted) = wanted else { return all() };
        let (mut missing, mut chosen) = (wanted.clone(), Vec::new());
        for builtin in builtin {
            let Some((_, entry)) = self.packed(builtin) else { return all() };
            let adapter = entry.checks.is_empty() && missing.adapters.remove(builtin.name);
            // Every one is tried: a component may have several of the wanted checks.
            let checks = entry.checks.iter().filter(|check| missing.checks.remove(*check)).count();
            if adapter || checks > 0 {
                chosen.push(builtin);
            }
        }
        if missing == Wanted::default() { chosen } else { all() }
    }

    /// The precompiled form of a bundled component.
    fn packed(&self, builtin: &Builtin) -> Option<(&Archive, &archive::Entry)> {
        let archive = self.archive.as_ref()?;
        Some((archive, archive.entry(builtin.name, builtin.digest)?))
    }

    /// The bytes of a plugin's file, which has the digest that is pinned.
    pub(crate) fn read(plugin: &PluginSource) -> Result<Vec<u8>, CatalogError> {
        let name = &plugin.name;
        let path = plugin.path.display().to_string();
        let read = |source| CatalogError::Read { name: name.clone(), path: path.clone(), source };
        let metadata = std::fs::metadata(&plugin.path).map_err(read)?;
        if !metadata.is_file() {
            return Err(read(std::io::Error::other("it is not a regular file")));
        }
        let length = metadata.len();
        if length > MAX_COMPONENT {
            let refusal = Refusal::TooLarge { bytes: length, limit: MAX_COMPONENT };
            return Err(CatalogError::Refused { name: name.clone(), refusal });
        }
        let bytes = std::fs::read(&plugin.path).map_err(read)?;
        let digest = digest(&bytes);
        if let Some(pinned) = plugin.digest.as_ref().filter(|pinned| **pinned != digest) {
            return Err(CatalogError::Digest { name: name.clone(), path, pinned: pinned.clone(), actual: digest });
        }
        Ok(bytes)
    }

    async fn add_file(&mut self, plugin: &PluginSource) -> Result<(), CatalogError> {
        let bytes = Self::read(plugin)?;
        let digest = digest(&bytes);
        self.add(&plugin.name, bytes, digest, ComponentSource::File(plugin.path.clone())).await
    }

    /// Adds a plugin that comes from a registry.
    ///
    /// # Errors
    /// It cannot run here; one that merely breaks in `describe` is kept among the
    /// [`unusable`](Self::unusable).
    pub async fn add_fetched(&mut self, plugin: FetchedPlugin) -> Result<(), CatalogError> {
        let FetchedPlugin { name, bytes, digest, reference } = plugin;
        self.add(&name, bytes, digest, ComponentSource::Registry(reference)).await
    }

    async fn add(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        digest: String,
        source: ComponentSource,
    ) -> Result<(), CatalogError> {
        // Whatever a policy says of bundled components is meant for ours.
        if self.builtin.contains_key(name) {
            return Err(CatalogError::Taken { name: name.to_owned() });
        }
        let descriptor = match self.describe(name, &bytes, &digest).await {
            Ok(descriptor) => descriptor,
            Err(refusal @ Refusal::Describe(_)) => {
                self.unusable.insert(name.to_owned(), refusal.to_string());
                return Ok(());
            }
            Err(refusal) => return Err(CatalogError::Refused { name: name.to_owned(), refusal }),
        };
        self.files.insert(name.to_owned(), bytes);
        self.entries.insert(name.to_owned(), Entry { descriptor: Arc::new(descriptor), digest, source });
        Ok(())
    }

    /// Plugins that could be loaded but broke when they were asked to describe
    /// themselves, with what happened. Their checks cannot run; the others can.
    #[must_use]
    pub fn unusable(&self) -> &BTreeMap<String, String> {
        &self.unusable
    }

    /// Everything in the catalog, by name.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The same without the types of this crate, as a plan is made from it.
    #[must_use]
    pub fn described(&self) -> BTreeMap<String, (Arc<ComponentDescriptor>, String, ComponentSource)> {
        let component = |entry: &Entry| (entry.descriptor.clone(), entry.digest.clone(), entry.source.clone());
        self.entries.iter().map(|(name, entry)| (name.clone(), component(entry))).collect()
    }

    /// The components whose code is ready.
    pub(crate) fn loaded_components(&self) -> &Mutex<BTreeMap<String, Loaded>> {
        &self.loaded
    }

    /// A check component, linked and ready to be instantiated.
    pub(crate) fn load_check(&self, name: &str) -> Result<check::CheckPre<State>, Refusal> {
        let loaded = self.load(name)?;
        if let Some(pre) = loaded.check {
            return Ok(pre);
        }
        let pre = self.runtime.checks.instantiate_pre(&loaded.component).and_then(check::CheckPre::new);
        let pre = pre.map_err(|error| Refusal::Invalid(format!("{error:#}")))?;
        if let Some(loaded) = lock(&self.loaded).get_mut(name) {
            loaded.check = Some(pre.clone());
        }
        Ok(pre)
    }

    /// The code of a component of the catalog.
    pub(crate) fn load(&self, name: &str) -> Result<Loaded, Refusal> {
        if let Some(loaded) = lock(&self.loaded).get(name) {
            return Ok(loaded.clone());
        }
        let entry = self.entries.get(name).ok_or_else(|| Refusal::Broken(format!("there is no component `{name}`")))?;
        let bytes = self.bytes(name).ok_or_else(|| Refusal::Broken(format!("component `{name}` has no code")))?;
        self.load_bytes(name, bytes, &entry.digest)
    }

    /// A component as it was built.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        let file = self.files.get(name).map(Vec::as_slice);
        file.or_else(|| self.builtin.get(name).map(|builtin| builtin.wasm))
    }

    pub(crate) fn load_bytes(&self, name: &str, bytes: &[u8], digest: &str) -> Result<Loaded, Refusal> {
        let packed = self.archive.as_ref().and_then(|a| a.entry(name, digest).and_then(|entry| a.code(entry).ok()));
        let embedded = packed.and_then(|code| self.adopt(code)).map(|component| Loaded {
            component,
            check: None,
            how: "embedded",
        });
        let loaded = match embedded {
            Some(loaded) => loaded,
            None => match self.cache().and_then(|cache| cache.get(digest)).and_then(|code| self.deserialize(&code)) {
                Some(component) => Loaded { component, check: None, how: "cached" },
                None => Loaded { component: self.compile(bytes, digest)?, check: None, how: "compiled" },
            },
        };
        lock(&self.loaded).insert(name.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// Where compiled code is kept; looked for when something is not in the executable.
    fn cache(&self) -> Option<&CodeCache> {
        let open = || CodeCache::open(self.cache_directory.as_deref()?, &self.runtime.engine);
        self.cache.get_or_init(open).as_ref()
    }

    fn compile(&self, bytes: &[u8], digest: &str) -> Result<Component, Refusal> {
        refusal::check_header(bytes)?;
        let component = Component::new(&self.runtime.engine, bytes).map_err(|error| refusal::not_compiled(&error))?;
        if let (Some(cache), Ok(code)) = (self.cache(), component.serialize()) {
            cache.put(digest, &code);
        }
        Ok(component)
    }

    /// Takes code of this executable, where it lies.
    fn adopt(&self, code: NonNull<[u8]>) -> Option<Component> {
        // SAFETY: `code` was written by `Component::serialize` of this program and is part
        // of this executable, which nobody can write to while it runs; it is mapped for as
        // long as the process lives. Version and settings are checked by wasmtime; what it
        // refuses is compiled again.
        #[expect(unsafe_code, reason = "loading precompiled code is unsafe by contract")]
        let loaded = unsafe { Component::deserialize_raw(&self.runtime.engine, code) };
        loaded.inspect_err(|error| tracing::debug!(%error, "precompiled code was refused")).ok()
    }

    pub(crate) fn deserialize(&self, code: &[u8]) -> Option<Component> {
        // SAFETY: `code` was written by `Component::serialize` of this program: it comes
        // from a directory that only this user can write and matches its digest. Version
        // and settings are checked by wasmtime; what it refuses is compiled again.
        #[expect(unsafe_code, reason = "loading precompiled code is unsafe by contract")]
        let loaded = unsafe { Component::deserialize(&self.runtime.engine, code) };
        loaded.inspect_err(|error| tracing::debug!(%error, "precompiled code was refused")).ok()
    }

    /// Calls `describe` in an instance that is granted nothing.
    pub(crate) async fn describe(
        &self,
        name: &str,
        bytes: &[u8],
        digest: &str,
    ) -> Result<ComponentDescriptor, Refusal> {
        parse_descriptor(&self.describe_text(name, bytes, digest).await?)
    }

    async fn describe_text(&self, name: &str, bytes: &[u8], digest: &str) -> Result<String, Refusal> {
        // What cannot be linked is told before it is compiled, which may take half a minute.
        let surface = Surface::read(bytes)?;
        let kind = refusal::kind_of(&surface)?;
        let unmet = refusal::unmet(&surface, kind);
        if !unmet.is_empty() {
            return Err(Refusal::Imports(unmet));
        }
        let component = self.load_bytes(name, bytes, digest)?.component;
        let differ = |error| refusal::types_differ(&surface, kind, &error);
        let linked = match kind {
            ComponentKind::Check => {
                let pre = self.runtime.checks.instantiate_pre(&component).and_then(check::CheckPre::new);
                Linked::Check(pre.map_err(differ)?)
            }
            ComponentKind::Adapter => {
                let linker = self.runtime.adapters().map_err(|error| Refusal::Broken(format!("{error:#}")))?;
                let pre = linker.instantiate_pre(&component).and_then(adapter::AdapterPre::new);
                Linked::Adapter(pre.map_err(differ)?)
            }
        };
        let scope = Scope {
            run: Arc::new(RunScope::new(Plan::empty(), Arc::new(NoEvents))),
            step: Arc::new(StepScope::new(name, name, Grants::default(), Limits::default(), DESCRIBE_BUDGET)),
        };
        let _ticker = self.runtime.ticker();
        let mut store = State::store(&self.runtime.engine, scope, None);
        let call = async {
            match &linked {
                Linked::Check(pre) => {
                    let instance = pre.instantiate_async(&mut store).await?;
                    instance.seaworthy_check_checks().call_describe(&mut store).await
                }
                Linked::Adapter(pre) => {
                    let instance = pre.instantiate_async(&mut store).await?;
                    instance.seaworthy_cache_adapter().call_describe(&mut store).await
                }
            }
        };
        match tokio::time::timeout(DESCRIBE_BUDGET, call).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(Refusal::Describe(crate::trap::explain(&error, store.data()).1)),
            Err(_) => Err(Refusal::Describe(format!("it did not answer within {} s", DESCRIBE_BUDGET.as_secs()))),
        }
    }

    /// Writes a copy of `executable` with every bundled component precompiled.
    ///
    /// # Errors
    /// A component that does not compile, or a file that cannot be written.
    pub async fn pack(&self, executable: &Path, out: &Path) -> Result<usize, PackError> {
        let mut parts = Vec::new();
        for builtin in self.builtin.values() {
            let refused = |refusal| PackError::Refused { name: builtin.name.into(), refusal };
            let component = self.compile(builtin.wasm, builtin.digest).map_err(refused)?;
            let code = component.serialize().map_err(|e| refused(Refusal::Invalid(format!("{e:#}"))))?;
            let descriptor = self.describe_text(builtin.name, builtin.wasm, builtin.digest).await.map_err(refused)?;
            let described = parse_descriptor(&descriptor).map_err(refused)?;
            parts.push(Part {
                name: builtin.name.to_owned(),
                digest: builtin.digest.to_owned(),
                checks: described.checks.into_iter().map(|check| check.id).collect(),
                descriptor,
                code,
            });
        }
        archive::write(executable, out, &parts)
            .map_err(|source| PackError::Write { out: out.display().to_string(), source })?;
        Ok(parts.len())
    }
}

/// Why a packed executable could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A bundled component is broken.
    #[error("bundled component `{name}`: {refusal}")]
    Refused {
        /// Which.
        name: String,
        /// Why.
        refusal: Refusal,
    },
    /// The file could not be written.
    #[error("cannot write {out}: {source}")]
    Write {
        /// The file.
        out: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn parse_descriptor(text: &str) -> Result<ComponentDescriptor, Refusal> {
    let descriptor: ComponentDescriptor =
        serde_json::from_str(text).map_err(|e| Refusal::Describe(format!("its descriptor cannot be read: {e}")))?;
    if descriptor.schema_version != DESCRIPTOR_SCHEMA_VERSION {
        return Err(Refusal::Describe(format!(
            "its descriptor has format {}, this seaworthy reads {DESCRIPTOR_SCHEMA_VERSION}; use a seaworthy that is as new as the component",
            descriptor.schema_version
        )));
    }
    Ok(descriptor)
}

/// `sha256:` and the digest in hex.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}
