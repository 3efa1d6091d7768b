use crate::bindings::{adapter, check};
use crate::catalog::{Catalog, Loaded};
use crate::refusal::{self, Refusal};
use crate::scope::{RunScope, Scope, StepScope};
use crate::state::State;
use crate::surface::Surface;
use seaworthy_model::{ComponentKind, Grants, Limits, NoEvents, Plan};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::Store;
use wasmtime::component::Component;

/// What a component costs before it does anything.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Bytes of the component.
    pub size: usize,
    /// Bytes of its compiled code.
    pub code: usize,
    /// Compiling it; none where it was not asked for.
    pub compile: Option<Duration>,
    /// Taking over code that was compiled before; the fastest.
    pub load: Duration,
    /// A store and an instance, each time; sorted.
    pub instantiate: Vec<Duration>,
    /// Bytes of linear memory of an instance that did nothing yet.
    pub memory: usize,
}

impl Catalog {
    /// Measures a component of the catalog, instantiated `runs` times.
    ///
    /// # Errors
    /// It cannot run here.
    pub async fn measure(&self, name: &str, compile: bool, runs: usize) -> Result<Cost, Refusal> {
        let broken = |error: wasmtime::Error| Refusal::Invalid(format!("{error:#}"));
        let bytes = self.bytes(name).ok_or_else(|| Refusal::Broken(format!("there is no component `{name}`")))?;
        let compile = match compile {
            true => {
                let started = Instant::now();
                Component::new(&self.runtime.engine, bytes).map_err(broken)?;
                Some(started.elapsed())
            }
            false => None,
        };
        let loaded = self.load(name)?;
        let code = loaded.component.serialize().map_err(broken)?;
        let mut load = Duration::MAX;
        for _ in 0..runs.clamp(1, 20) {
            let started = Instant::now();
            let again = self.deserialize(&code);
            if again.is_some() {
                load = load.min(started.elapsed());
            }
        }
        let _ticker = self.runtime.ticker();
        let mut instantiate = Vec::with_capacity(runs);
        let mut memory = 0;
        for _ in 0..runs.max(1) {
            let (took, peak) = self.instantiate_once(name, &loaded).await?;
            instantiate.push(took);
            memory = peak;
        }
        instantiate.sort();
        Ok(Cost { size: bytes.len(), code: code.len(), compile, load, instantiate, memory })
    }

    /// How long a store and an instance took, and the memory that it has then.
    async fn instantiate_once(&self, name: &str, loaded: &Loaded) -> Result<(Duration, usize), Refusal> {
        let broken = |error: wasmtime::Error| Refusal::Invalid(format!("{error:#}"));
        let scope = Scope {
            run: Arc::new(RunScope::new(Plan::empty(), Arc::new(NoEvents))),
            step: Arc::new(StepScope::new(name, name, Grants::default(), Limits::default(), Duration::from_secs(60))),
        };
        let new = || -> Store<State> { State::store(&self.runtime.engine, scope.clone(), None) };
        let bytes = self.bytes(name).ok_or_else(|| Refusal::Broken(format!("there is no component `{name}`")))?;
        match refusal::kind_of(&Surface::read(bytes)?)? {
            ComponentKind::Check => {
                let pre = self.load_check(name)?;
                let started = Instant::now();
                let mut store = new();
                let _instance: check::Check = pre.instantiate_async(&mut store).await.map_err(broken)?;
                Ok((started.elapsed(), store.data().peak_memory()))
            }
            ComponentKind::Adapter => {
                let linker = self.runtime.adapters().map_err(broken)?;
                let pre = linker.instantiate_pre(&loaded.component).and_then(adapter::AdapterPre::new);
                let pre = pre.map_err(broken)?;
                let started = Instant::now();
                let mut store = new();
                let _instance: adapter::Adapter = pre.instantiate_async(&mut store).await.map_err(broken)?;
                Ok((started.elapsed(), store.data().peak_memory()))
            }
        }
    }
}
