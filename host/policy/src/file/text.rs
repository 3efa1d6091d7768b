//! How values that are written as text look in the published schema.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

macro_rules! text_schema {
    ($($(#[$doc:meta])* $name:ident = $schema:tt;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

text_schema! {
    /// A duration with its unit.
    DurationText = { "type": "string", "description": "A duration with its unit: \"250ms\", \"5s\", \"90d\".", "pattern": "^\\s*[0-9]+\\s*[a-zA-Z].*$" };
    /// A size with its unit.
    SizeText = { "type": "string", "description": "A size with its unit: \"64MiB\".", "pattern": "^\\s*[0-9]+\\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)\\s*$" };
    /// A day.
    DayText = { "type": "string", "description": "A day: 2026-12-31.", "format": "date" };
    /// A comparison.
    ThresholdText = { "type": "string", "description": "A comparison: \"> 200\".", "pattern": "^\\s*(<|<=|>|>=|==|!=)\\s*-?[0-9.]+(e[+-]?[0-9]+)?\\s*$" };
    /// One name or several.
    OneOrMany = { "description": "One string, or a list of strings.", "type": ["string", "array"], "items": { "type": "string" } };
    /// Texts or one variable that holds them.
    Texts = { "description": "A list of strings, or \"${variable}\".", "type": ["string", "array"], "items": { "type": "string" } };
}
