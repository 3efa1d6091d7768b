use super::overlay;
use crate::origin::At;
use crate::reader::{Block, Reader};
use crate::scalar::{boolean, prose};
use schemars::JsonSchema;

/// Who must have signed the plugins that come from a registry.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SignaturesBlock {
    /// Public keys in PEM, relative to this file, as `cosign generate-key-pair` writes them; one of them must have signed.
    #[schemars(with = "Option<Vec<String>>")]
    pub keys: Option<At<Vec<At<String>>>>,
    /// Whether plugins from a registry must be signed; true as soon as there are keys.
    pub require: Option<At<bool>>,
}

overlay!(SignaturesBlock { keys, require });

impl SignaturesBlock {
    /// The keys, as written.
    pub(crate) fn keys(&self) -> &[At<String>] {
        self.keys.as_ref().map_or(&[], |keys| &keys.value)
    }

    /// Whether a plugin without keys of its own must be signed.
    pub(crate) fn required(&self) -> bool {
        self.require.as_ref().map_or(!self.keys().is_empty(), |require| require.value)
    }
}

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> SignaturesBlock {
    let signatures =
        SignaturesBlock { keys: block.list(reader, "keys", prose), require: block.opt(reader, "require", boolean) };
    block.finish(reader);
    signatures
}
