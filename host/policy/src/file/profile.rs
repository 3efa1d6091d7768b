use super::{CacheBlock, GateBlock, RunBlock, WaiversBlock, cache, gate, run, waiver};
use crate::origin::{At, Layer};
use crate::reader::{Block, Reader};
use crate::scalar::{boolean, prose};
use schemars::JsonSchema;
use toml::Spanned;
use toml::de::DeValue;

/// What differs from the rest of the file.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProfileBlock {
    /// The profile below this one; `default` is the file itself.
    pub inherits: Option<At<String>>,
    /// The same as `run.allow-writes`.
    pub allow_writes: Option<At<bool>>,
    /// What differs in [run].
    #[schemars(default)]
    pub run: RunBlock,
    /// What differs in [cache].
    #[schemars(default)]
    pub cache: CacheBlock,
    /// What differs in [gate].
    #[schemars(default)]
    pub gate: GateBlock,
    /// What differs in [waivers].
    #[schemars(default)]
    pub waivers: WaiversBlock,
}

pub(super) fn read(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<ProfileBlock> {
    let mut block = Block::of(format!("[profile.{name}]"), value, reader)?;
    let below = std::mem::replace(&mut reader.layer, Layer::Profile(name.into()));
    let inherits = block.opt(reader, "inherits", prose);
    let allow_writes = block.opt(reader, "allow-writes", boolean);
    let mut run = block.block(reader, "run", run::read).unwrap_or_default();
    run.allow_writes = run.allow_writes.or_else(|| allow_writes.clone());
    let cache = block.block(reader, "cache", cache::read).unwrap_or_default();
    let gate = block.block(reader, "gate", gate::read).unwrap_or_default();
    let waivers = block.block(reader, "waivers", waiver::read_rules).unwrap_or_default();
    block.finish(reader);
    reader.layer = below;
    Some(ProfileBlock { inherits, allow_writes, run, cache, gate, waivers })
}
