//! A second version of the contract beside today's, behind the adapter that both share. It exists in
//! tests only: no version was released yet, and this is the way that a released one will go.
//!
//! Serving a version for longer takes its WIT in a folder of its own with its bindings, its
//! interfaces in the linker (their names hold the version, so that both have room), the host's
//! functions in its shape, and [`World`] with the kind's own trait ([`Transforms`]), which turn its
//! answers into today's types. Limits, faults, logs and the pipeline know nothing of it.

use crate::bindings::extractor::dpone::plugin::types::{Blame, Description, PluginError};
use crate::bindings::transform::exports::dpone::plugin::transform::Outcome;
use crate::host::{BatchHandle, Host, Needs};
use crate::log::LogLevel;
use crate::runner::{Settings, World};
use crate::transform::Transforms;
use async_trait::async_trait;
use bound::dpone::plugin::{batches, host};
use bound::{TransformPlugin, TransformPluginPre};
use wasmtime::Store;
use wasmtime::component::{HasSelf, InstancePre, Linker, Resource};

pub(crate) const VERSION: &str = "0.0.9";

pub(crate) mod bound {
    wasmtime::component::bindgen!({
        path: "tests/wit-0.0.9",
        world: "transform-plugin",
        imports: { default: trappable },
        exports: { default: async },
        with: { "dpone:plugin/batches.batch": crate::host::BatchHandle },
    });
}

pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    host::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)?;
    batches::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)
}

impl host::Host for Host {
    /// Lines had no level.
    fn log(&mut self, message: String) -> wasmtime::Result<()> {
        self.log.write(LogLevel::Info, &message);
        Ok(())
    }
}

impl batches::Host for Host {}

impl batches::HostBatch for Host {
    fn size(&mut self, batch: Resource<BatchHandle>) -> wasmtime::Result<u32> {
        Ok(u32::try_from(self.table.get(&batch)?.0.len())?)
    }

    fn lines(&mut self, batch: Resource<BatchHandle>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&batch)?.0.bytes())
    }

    fn drop(&mut self, batch: Resource<BatchHandle>) -> wasmtime::Result<()> {
        self.table.delete(batch)?;
        Ok(())
    }
}

/// An error of that version had a text alone.
fn error(message: String) -> PluginError {
    PluginError { code: "error".to_owned(), message, record: None, field: None, blames: Blame::Plugin }
}

#[async_trait]
impl World for TransformPlugin {
    type Pre = TransformPluginPre<Host>;
    type Configured = ();

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre> {
        TransformPluginPre::new(pre)
    }

    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    /// It had no schema of its options: any are let through, and `configure` judges them.
    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description> {
        let about = self.dpone_plugin_transform().call_about(store).await?;
        Ok(Description { name: about.name, version: about.release, options_schema: r#"{"type":"object"}"#.to_owned() })
    }

    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let answer = self.dpone_plugin_transform().call_configure(&mut *store, &settings.options).await?;
        // It always got the lines.
        store.data_mut().needs = Needs { fields: Vec::new(), bytes: true };
        Ok(answer.map_err(error))
    }
}

#[async_trait]
impl Transforms for TransformPlugin {
    async fn apply(
        &self,
        store: &mut Store<Host>,
        batch: Resource<BatchHandle>,
    ) -> wasmtime::Result<Result<Outcome, PluginError>> {
        let answer = self.dpone_plugin_transform().call_apply(store, batch).await?;
        Ok(answer.map(|lines| lines.map_or(Outcome::Unchanged, Outcome::Replaced)).map_err(error))
    }
}

mod tests {
    use super::*;
    use crate::child::ChildCommand;
    use crate::compile::CompileLimits;
    use crate::engine::{Counting, engine};
    use crate::error::Error;
    use crate::inspection::Loaded;
    use crate::sandbox::{Sandbox, Setup, let_in};
    use dpone_model::plugin::{BatchView, Column, Transform};
    use dpone_model::{Failure, Report};
    use std::sync::Arc;
    use wasmtime::component::Component;
    use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
    use wit_parser::Resolve;

    /// A guest of each version, of the same kind: today's refuses nothing and changes nothing, the
    /// earlier one gives the line that its data holds.
    fn guest(version: &str, wit: &str, module: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        resolve.push_str("contract.wit", wit).unwrap();
        let world = format!("package test:guest; world guest {{ include dpone:plugin/transform-plugin@{version}; }}");
        let package = resolve.push_str("world.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut module = wat::parse_str(module).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    /// `apply` answers `answer`: the bytes of `result<option<list<u8>>, string>` at 128.
    fn earlier(wit: &str, answer: &str, configured: &str) -> Vec<u8> {
        let module = format!(
            r#"(module
              (import "dpone:plugin/batches@0.0.9" "[resource-drop]batch" (func $give_back (param i32)))
              (memory (export "memory") 1)
              (data (i32.const 16) "\40\00\00\00\05\00\00\00\45\00\00\00\05\00\00\00")
              (data (i32.const 64) "older3.2.1")
              (data (i32.const 128) "{answer}")
              (data (i32.const 160) "{configured}")
              (data (i32.const 256) "{{\22id\22:7}}\0a")
              (data (i32.const 272) "not for me")
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
              (func (export "dpone:plugin/transform@0.0.9#about") (result i32) (i32.const 16))
              (func (export "dpone:plugin/transform@0.0.9#configure") (param i32 i32) (result i32) (i32.const 160))
              (func (export "dpone:plugin/transform@0.0.9#apply") (param i32) (result i32)
                (call $give_back (local.get 0)) (i32.const 128)))"#
        );
        guest(VERSION, wit, &module)
    }

    const CONFIGURED: &str = r"\00";
    /// ok(some(256, 9))
    const LINES: &str = r"\00\00\00\00\01\00\00\00\00\01\00\00\09\00\00\00";
    /// err(272, 10)
    const REFUSAL: &str = r"\01\00\00\00\10\01\00\00\0a\00\00\00";

    fn wit() -> String {
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wit-0.0.9/transform.wit")).unwrap()
    }

    fn today() -> Vec<u8> {
        let read = |file: &str| {
            let text = std::fs::read_to_string(format!("{}/../../wit/{file}.wit", env!("CARGO_MANIFEST_DIR"))).unwrap();
            text.replace("package dpone:plugin@0.1.0;", "")
        };
        let wit = format!("package dpone:plugin@0.1.0;\n{}{}{}", read("types"), read("http"), read("transform"));
        let module = r#"(module
          (import "dpone:plugin/batches@0.1.0" "[resource-drop]batch" (func $give_back (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "\40\00\00\00\05\00\00\00\45\00\00\00\05\00\00\00\4a\00\00\00\11\00\00\00")
          (data (i32.const 64) "newer1.2.3{\22type\22:\22object\22}")
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
          (func (export "dpone:plugin/transform@0.1.0#describe") (result i32) (i32.const 16))
          (func (export "dpone:plugin/transform@0.1.0#configure") (param i32 i32) (result i32) (i32.const 256))
          (func (export "dpone:plugin/transform@0.1.0#apply") (param i32) (result i32)
            (call $give_back (local.get 0)) (i32.const 256)))"#;
        guest("0.1.0", &wit, module)
    }

    async fn load(component: &[u8]) -> Result<Loaded, Error> {
        let component = Component::new(engine(Counting::Nothing).unwrap(), component).unwrap();
        let_in(component, "guest.wasm", "0".repeat(64), Counting::Nothing).await
    }

    async fn transform(component: &[u8]) -> Result<Box<dyn Transform>, Report> {
        let loaded = load(component).await.map_err(Report::from)?;
        let folder = tempfile::tempdir().unwrap();
        let cache = cap_std::fs::Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let child = ChildCommand { program: "none".into(), args: Vec::new() };
        let sandbox = Sandbox::new(cache, CompileLimits::default(), child).unwrap();
        let setup = Setup::plain("guest", jiff::Timestamp::UNIX_EPOCH);
        sandbox.judging().trust(&loaded.inspection().options_schema, &setup.with);
        sandbox.transform(&loaded, setup).await
    }

    struct Batch;

    impl BatchView for Batch {
        fn page(&self) -> u64 {
            1
        }
        fn len(&self) -> usize {
            1
        }
        fn column(&self, _: &str) -> Result<Column, Report> {
            Ok(Column::default())
        }
        fn bytes(&self) -> Vec<u8> {
            b"{}\n".to_vec()
        }
    }

    #[tokio::test]
    async fn a_guest_of_each_version_serves_the_same_pipeline() {
        use dpone_model::plugin::Outcome;
        let replaced = Outcome::Replaced(b"{\"id\":7}\n".to_vec());
        for (component, version, name, expected) in [
            (today(), "0.1.0", "newer", Outcome::Unchanged),
            (earlier(&wit(), LINES, CONFIGURED), VERSION, "older", replaced),
        ] {
            let loaded = load(&component).await.unwrap();
            assert_eq!(
                (loaded.inspection().wit_version.as_str(), loaded.inspection().identity.name.as_str()),
                (version, name)
            );
            let mut transform = transform(&component).await.unwrap();
            assert_eq!(transform.apply(Arc::new(Batch)).await.unwrap(), expected, "{version}");
            assert_eq!(transform.usage().calls, 2, "configure and apply, whatever the version");
        }
    }

    #[tokio::test]
    async fn errors_of_an_earlier_version_are_told_as_todays() {
        let mut refusing = transform(&earlier(&wit(), REFUSAL, CONFIGURED)).await.unwrap();
        let report = refusing.apply(Arc::new(Batch)).await.unwrap_err();
        assert_eq!((report.code().id, report.message()), ("DP0309", "error: not for me"));
        let report = transform(&earlier(&wit(), LINES, REFUSAL)).await.err().unwrap();
        assert_eq!((report.code().id, report.message()), ("DP0309", "error: not for me"));
    }

    #[tokio::test]
    async fn another_draft_of_an_earlier_version_is_refused_with_its_version() {
        let other = wit().replace("release: string", "edition: string");
        let error = load(&earlier(&other, LINES, CONFIGURED)).await.unwrap_err();
        assert_eq!(error.code().id, "DP0306", "{error}");
        assert!(error.to_string().contains("0.0.9"), "{error}");
    }
}
