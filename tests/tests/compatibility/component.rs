//! Components as bytes, without a toolchain: what they import and export, and no code.

use wasm_encoder::{
    Component, ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentInstanceSection,
    ComponentTypeRef, ComponentTypeSection, ComponentValType, InstanceType,
};

/// An interface that is imported, with its functions.
#[derive(Clone, Copy)]
pub(crate) struct Imported<'a> {
    pub(crate) interface: &'a str,
    pub(crate) functions: &'a [&'a str],
    /// As in WASI 0.3.
    pub(crate) asynchronous: bool,
}

/// An interface of functions that take and return nothing.
pub(crate) fn import<'a>(interface: &'a str, functions: &'a [&'a str]) -> Imported<'a> {
    Imported { interface, functions, asynchronous: false }
}

/// A component with these imports, and exports that are empty.
pub(crate) fn component(imports: &[Imported<'_>], exports: &[&str]) -> Vec<u8> {
    let mut component = Component::new();
    for (index, imported) in (0..).zip(imports) {
        let mut ty = InstanceType::new();
        for (index, function) in (0..).zip(imported.functions) {
            let mut function_type = ty.ty().function();
            let function_type = function_type.async_(imported.asynchronous);
            function_type.params(std::iter::empty::<(&str, ComponentValType)>()).result(None);
            ty.export(*function, ComponentTypeRef::Func(index));
        }
        let mut types = ComponentTypeSection::new();
        types.instance(&ty);
        component.section(&types);
        let mut section = ComponentImportSection::new();
        section.import(imported.interface, ComponentTypeRef::Instance(index));
        component.section(&section);
    }
    let first = u32::try_from(imports.len()).unwrap_or(u32::MAX);
    for (exported, name) in (0..).zip(exports) {
        let mut instances = ComponentInstanceSection::new();
        instances.export_items(std::iter::empty::<(&str, ComponentExportKind, u32)>());
        component.section(&instances);
        let mut section = ComponentExportSection::new();
        // An export has an index of its own beside the instance that it is of.
        section.export(*name, ComponentExportKind::Instance, first + 2 * exported, None);
        component.section(&section);
    }
    component.finish()
}
