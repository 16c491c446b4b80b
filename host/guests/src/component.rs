//! Core modules to components, and what a component imports.

use crate::cargo::Module;
use crate::{Built, Error, Target};
use std::path::Path;
use wit_component::{ComponentEncoder, DecodedWasm};

/// Magic, version and layer: what tells a component from a core module.
const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// Writes the module's component beside the others. A file that would not change is left alone,
/// so that nothing after it is rebuilt.
pub(crate) fn write(module: Module, target: Target, components: &Path) -> Result<Built, Error> {
    let bytes = read(&module.path)?;
    let component = match target {
        Target::Unknown => encode(&module.name, &bytes)?,
        Target::Wasip2 => bytes,
    };
    let imports = imports(&component).map_err(|reason| Error::Component { name: module.name.clone(), reason })?;
    let path = components.join(format!("{}.wasm", module.name));
    if std::fs::read(&path).ok().as_ref() != Some(&component) {
        std::fs::write(&path, &component).map_err(|source| Error::File { path: path.clone(), source })?;
    }
    Ok(Built { name: module.name, path, imports })
}

/// Wraps a core module by the interface description that the bindings left in it.
fn encode(name: &str, module: &[u8]) -> Result<Vec<u8>, Error> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|e| Error::Component { name: name.to_owned(), reason: format!("{e:#}") })
}

/// The imports of a component, by name, sorted.
pub fn imports(component: &[u8]) -> Result<Vec<String>, String> {
    if !component.starts_with(COMPONENT_HEADER) {
        return Err("it is no component".to_owned());
    }
    match wit_component::decode(component).map_err(|e| format!("{e:#}"))? {
        DecodedWasm::Component(resolve, world) => {
            let world = resolve.worlds.get(world).ok_or("it has no world")?;
            let mut names: Vec<_> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
            names.sort();
            Ok(names)
        }
        DecodedWasm::WitPackage(..) => Err("it is a WIT package, not a component".to_owned()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused() {
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"garbage"] {
            assert!(imports(bytes).is_err(), "{bytes:?}");
        }
    }
}
