//! What a component imports and exports, read from its outermost sections. Costs next to
//! nothing, whereas compiling a component of an interpreted language takes half a minute: so
//! what cannot be linked is refused before.

use crate::refusal::Refusal;
use wasmparser::{
    Chunk, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    InstanceTypeDeclaration, Parser, Payload,
};

/// The outside of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// In the order of the file.
    pub imports: Vec<Import>,
    /// Names of what it exports.
    pub exports: Vec<String>,
}

/// One import of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// `seaworthy:net/tcp@0.1.0`, or a bare name.
    pub name: String,
    /// The functions that it takes from there: none of an interface of types.
    pub functions: Vec<String>,
}

impl Surface {
    /// Reads the outside of `bytes`; nested modules are passed over.
    ///
    /// # Errors
    /// No component, or one that is cut off or damaged where it would say what it needs.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        crate::refusal::check_header(bytes)?;
        let mut surface = Self::default();
        // The functions of each instance type, by the type's index; none for another type.
        let mut types: Vec<Option<Vec<String>>> = Vec::new();
        let (mut parser, mut at) = (Parser::new(0), 0);
        loop {
            let rest = bytes.get(at..).ok_or_else(|| cut_off(bytes.len()))?;
            let payload = match parser.parse(rest, true).map_err(damaged)? {
                Chunk::NeedMoreData(_) => return Err(cut_off(bytes.len())),
                Chunk::Parsed { consumed, payload } => {
                    at += consumed;
                    payload
                }
            };
            match payload {
                Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                    at = unchecked_range.end;
                }
                Payload::ComponentTypeSection(section) => {
                    for ty in section {
                        types.push(functions_of(&ty.map_err(damaged)?));
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section {
                        if is_type(&alias.map_err(damaged)?) {
                            types.push(None);
                        }
                    }
                }
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        let import = import.map_err(damaged)?;
                        let functions = match import.ty {
                            ComponentTypeRef::Instance(index) => known(&types, index),
                            _ => None,
                        };
                        if matches!(import.ty, ComponentTypeRef::Type(_)) {
                            // A name for a type that is there anyhow.
                            types.push(None);
                            continue;
                        }
                        let name = import.name.name.to_owned();
                        surface.imports.push(Import { name, functions: functions.unwrap_or_default() });
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let export = export.map_err(damaged)?;
                        if export.kind == ComponentExternalKind::Type {
                            types.push(None);
                        }
                        surface.exports.push(export.name.name.to_owned());
                    }
                }
                Payload::End(_) => return Ok(surface),
                _ => {}
            }
        }
    }
}

fn known(types: &[Option<Vec<String>>], index: u32) -> Option<Vec<String>> {
    types.get(usize::try_from(index).ok()?)?.clone()
}

/// The functions that an instance type has.
fn functions_of(ty: &ComponentType<'_>) -> Option<Vec<String>> {
    let ComponentType::Instance(declarations) = ty else { return None };
    let function = |declaration: &InstanceTypeDeclaration<'_>| match declaration {
        InstanceTypeDeclaration::Export { name, ty: ComponentTypeRef::Func(_) } => Some(name.name.to_owned()),
        _ => None,
    };
    Some(declarations.iter().filter_map(function).collect())
}

/// Whether an alias gives a type an index.
fn is_type(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. }
    )
}

fn damaged(error: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::Invalid(format!("{} at byte {}; build or fetch it again", error.message(), error.offset()))
}

fn cut_off(length: usize) -> Refusal {
    Refusal::Invalid(format!("the file ends in the middle, after {length} bytes; build or fetch it again"))
}
