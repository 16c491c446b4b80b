//! The import gate: what a component may ask for, and what kind of plugin it is.

use crate::bindings::{SPOKEN, WIT_PACKAGE, WIT_VERSION};
use crate::error::Error;
use dpone_model::plugin::PluginKind;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The gate's findings about a component that it lets in.
#[derive(Debug)]
pub(crate) struct Passed {
    pub kind: PluginKind,
    pub wit_version: String,
    pub imports: Vec<String>,
}

/// Judges a component by the names of its imports and exports.
pub(crate) fn judge(engine: &Engine, component: &Component, named: &str) -> Result<Passed, Error> {
    let ty = component.component_type();
    let imports: Vec<String> = ty.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
    judge_names(imports, &exports, named)
}

fn judge_names(imports: Vec<String>, exports: &[String], named: &str) -> Result<Passed, Error> {
    let forbidden: Vec<String> = imports.iter().filter(|name| !may_import(name)).cloned().collect();
    if !forbidden.is_empty() {
        return Err(Error::ForbiddenImport { named: named.to_owned(), imports: forbidden });
    }
    let ours =
        || imports.iter().chain(exports).map(|name| Name::parse(name)).filter(|name| name.package == WIT_PACKAGE);
    let wit_version = ours().next().and_then(|name| name.version).unwrap_or(WIT_VERSION).to_owned();
    let is_spoken = SPOKEN.contains(&wit_version.as_str());
    // A component is of one version as a whole.
    if let Some(other) = ours().find(|name| !is_spoken || name.version != Some(&wit_version)) {
        let built = other.version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
        return Err(Error::WrongVersion { named: named.to_owned(), built });
    }
    let kinds: Vec<PluginKind> = PluginKind::ALL
        .into_iter()
        .filter(|kind| {
            exports
                .iter()
                .map(|name| Name::parse(name))
                .any(|name| name.package == WIT_PACKAGE && name.interface == kind.name())
        })
        .collect();
    match kinds.as_slice() {
        [kind] => Ok(Passed { kind: *kind, wit_version, imports }),
        [] => Err(Error::NoWorld { named: named.to_owned(), found: listed(exports) }),
        _ => {
            let found = kinds.iter().map(|kind| kind.name().to_owned()).collect();
            Err(Error::SeveralWorlds { named: named.to_owned(), found })
        }
    }
}

fn may_import(name: &str) -> bool {
    let name = Name::parse(name);
    name.package == WIT_PACKAGE || name.package.strip_prefix("wasi:").is_some_and(|rest| !rest.is_empty())
}

fn listed(exports: &[String]) -> String {
    match exports {
        [] => "exports nothing".to_owned(),
        _ => format!("exports {}", exports.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// `package/interface@version`, as components name their imports and exports.
pub(crate) struct Name<'a> {
    pub package: &'a str,
    pub interface: &'a str,
    pub version: Option<&'a str>,
}

impl<'a> Name<'a> {
    pub fn parse(name: &'a str) -> Self {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        Self { package, interface, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_model::Failure;

    /// Imports, exports, and the kind or the error's code and a part of its text.
    type Case = (&'static [&'static str], &'static [&'static str], Result<PluginKind, (&'static str, &'static str)>);

    #[test]
    fn imports_and_exports_decide() {
        const EXTRACTOR: &str = "dpone:plugin/extractor@0.1.0";
        let cases: [Case; 13] = [
            (&["dpone:plugin/host@0.1.0"], &[EXTRACTOR], Ok(PluginKind::Extractor)),
            (
                &["wasi:cli/environment@0.2.3", "wasi:http/types@0.2.0"],
                &["dpone:plugin/check@0.1.0"],
                Ok(PluginKind::Check),
            ),
            (&["env"], &[EXTRACTOR], Err(("DP0304", "`p` imports `env`, which no plugin gets"))),
            (
                &["wasi:cli/exit@0.2.0", "acme:db/query@1.0.0", "wasimisc:x/y"],
                &[EXTRACTOR],
                Err(("DP0304", "`p` imports `acme:db/query@1.0.0`, `wasimisc:x/y`, which no plugin gets")),
            ),
            (&["dpone:pluginx/host@0.1.0"], &[EXTRACTOR], Err(("DP0304", "dpone:pluginx"))),
            (&["dpone:plugin/host@0.2.0"], &[EXTRACTOR], Err(("DP0306", "version 0.2.0 of the plugin contract"))),
            (&[], &["dpone:plugin/extractor@0.9.1"], Err(("DP0306", "this host speaks 0.1.0"))),
            (&[], &["dpone:plugin/extractor"], Err(("DP0306", "no version"))),
            (&["dpone:plugin/host@0.1.0"], &["dpone:plugin/check@0.0.9"], Err(("DP0306", "version 0.0.9"))),
            (&["dpone:plugin/host@0.2.0"], &["dpone:plugin/check@0.1.0"], Err(("DP0306", "version 0.2.0"))),
            (&[], &[], Err(("DP0305", "exports nothing"))),
            (&[], &["wasi:cli/run@0.2.0"], Err(("DP0305", "exports `wasi:cli/run@0.2.0`"))),
            (&[], &[EXTRACTOR, "dpone:plugin/check@0.1.0"], Err(("DP0305", "more than one"))),
        ];
        for (imports, exports, expected) in cases {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let judged = judge_names(owned(imports), &owned(exports), "p");
            match (judged, expected) {
                (Ok(passed), Ok(kind)) => assert_eq!(passed.kind, kind),
                (Err(error), Err((code, text))) => {
                    assert_eq!(error.code().id, code, "{error}");
                    assert!(error.to_string().contains(text), "{error}");
                }
                (judged, expected) => panic!("{imports:?} {exports:?}: {judged:?} instead of {expected:?}"),
            }
        }
    }
}
