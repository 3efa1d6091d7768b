//! The numbers of the knowledge base: which causes name each, and where it is shown.

use super::record::is_number;
use serde::Deserialize;

/// Its file, beside the records.
pub(crate) const FILE: &str = "index.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    number: Vec<Number>,
}

/// One number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Number {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) causes: Vec<String>,
    pub(crate) scene: Option<String>,
    pub(crate) not_injected: Option<String>,
}

/// Reads the index. That numbers and records agree is for a test to say, so that a
/// record can be written before its number is looked up.
pub(crate) fn read(text: &str) -> Result<Vec<Number>, String> {
    let index: Index = toml::from_str(text).map_err(|error| format!("faults/{FILE}: {error}"))?;
    for number in &index.number {
        if !is_number(&number.id) {
            return Err(format!("faults/{FILE}: `{}` is no number, such as F07", number.id));
        }
        if number.scene.is_some() && number.not_injected.is_some() {
            return Err(format!("faults/{FILE}: {} has a scene, and a reason to have none", number.id));
        }
    }
    Ok(index.number)
}
