//! The door: bytes in, configured plugins out.

use crate::bindings::check::CheckPlugin;
use crate::bindings::extractor::dpone::plugin::types::Description;
use crate::bindings::extractor::{self as bound, ExtractorPlugin};
use crate::bindings::signer::SignerPlugin;
use crate::bindings::slicer::SlicerPlugin;
use crate::bindings::transform::TransformPlugin;
use crate::cache::{self, Cache};
use crate::check::SandboxedCheck;
use crate::child::ChildCommand;
use crate::compile::{self, CompileLimits};
use crate::engine::{Counting, compatibility, engine};
use crate::error::{Error, Fault};
use crate::extractor::SandboxedExtractor;
use crate::gate::{self, Passed};
use crate::host::{Host, Sets};
use crate::inspection::{Inspection, Loaded};
use crate::judging::Judging;
use crate::limits::Stop;
use crate::log::{LogSink, PluginLog, tracing_log};
use crate::runner::{Runner, Settings, Terms, World};
use crate::signer::SandboxedSigner;
use crate::slicer::SandboxedSlicer;
use crate::transform::{SandboxedTransform, Transforms};
use crate::{bindings, options, text, trusted, wasi};
use cap_std::fs::Dir;
use dpone_manifest::{Grants, Limits};
use dpone_model::plugin::PluginKind;
use dpone_model::plugin::{Check, DistinctSets, Extractor, Identity, PluginHttp, Signer, Slicer, Transform};
use dpone_model::{Place, Report};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

/// Loads components and runs them. One for a process; nothing costly happens before the first
/// [`load`](Self::load).
#[derive(Clone)]
pub struct Sandbox {
    cache: Arc<Cache>,
    limits: CompileLimits,
    child: ChildCommand,
    judging: Judging,
    counting: Counting,
    instance_per_call: bool,
}

/// A plugin's setting besides its code.
pub struct Setup {
    /// The manifest's options, checked here against the plugin's own schema.
    pub with: Map<String, Value>,
    /// `source.options.records_path`; only extractors see it.
    pub records_path: String,
    pub limits: Limits,
    pub grants: Grants,
    /// The folder of the grant `files`, opened by the caller; the plugin reads it as `/`.
    pub files_dir: Option<Dir>,
    /// Sends the plugin's own requests, where the grant `http` names a host.
    pub http: Option<Arc<dyn PluginHttp>>,
    /// The run's seed.
    pub seed: u64,
    /// The run's start, which the plugin's clocks show.
    pub started_at: jiff::Timestamp,
    /// The manifest's place of an option by its dotted path (`fields.id`, `rules[0].to`); the empty
    /// path is the whole block.
    pub place: Box<dyn Fn(&str) -> Place + Send + Sync>,
    pub log: LogSink,
    /// Ends a call in the middle where the run is to end.
    pub stop: Option<Stop>,
}

impl Sandbox {
    /// `cache` is a folder for compiled code that no other user may write to.
    ///
    /// # Errors
    /// None today; the signature leaves room for checking the folder.
    pub fn new(cache: Dir, compile: CompileLimits, child: ChildCommand) -> Result<Self, Error> {
        let cache = Arc::new(Cache::new(cache, compile.code));
        let judging = Judging::new(cache.clone(), child.clone());
        Ok(Self { cache, limits: compile, child, judging, counting: Counting::Nothing, instance_per_call: false })
    }

    /// The same, with code that counts fuel: `Usage::fuel` tells what calls have cost. It is slower,
    /// and for trials alone. Its code lies in the same cache under a name of its own.
    #[must_use]
    pub fn counting_fuel(mut self) -> Self {
        self.counting = Counting::Fuel;
        self
    }

    /// The same, with code that no deadline stops: for measuring what the epochs cost. No run may use
    /// it, and its code fits no other engine.
    #[doc(hidden)]
    #[must_use]
    pub fn without_epochs(mut self) -> Self {
        self.counting = Counting::NoEpochs;
        self
    }

    /// The same, with a new instance for each call: for measuring what keeping one for the run saves.
    #[doc(hidden)]
    #[must_use]
    pub fn instance_per_call(mut self) -> Self {
        self.instance_per_call = true;
        self
    }

    /// Compiles a component (or finds it in the cache), judges its imports and asks it to describe
    /// itself. `named` is the name under which the user knows it.
    ///
    /// # Errors
    /// DP0302 to DP0306, DP0308 and DP0318 where it is not let in; what `describe` can fault with.
    pub async fn load(&self, bytes: Vec<u8>, named: &str) -> Result<Loaded, Report> {
        self.load_inner(bytes, named).await.map_err(Error::into_report)
    }

    /// # Errors
    /// DP0305 for another kind, DP0113 for each option that does not fit, DP0309 where `configure` refuses, and any fault.
    pub async fn extractor(&self, loaded: &Loaded, setup: Setup) -> Result<Box<dyn Extractor>, Report> {
        let mut runner = self.prepare::<ExtractorPlugin>(loaded, PluginKind::Extractor, setup, None).await?;
        runner.open().await.map_err(Error::into_report)?;
        Ok(Box::new(SandboxedExtractor(runner)))
    }

    /// # Errors
    /// As [`extractor`](Self::extractor).
    pub async fn transform(&self, loaded: &Loaded, setup: Setup) -> Result<Box<dyn Transform>, Report> {
        #[cfg(test)]
        if loaded.inspection().wit_version == crate::v0_0_9::VERSION {
            return self.open_transform::<crate::v0_0_9::bound::TransformPlugin>(loaded, setup).await;
        }
        self.open_transform::<TransformPlugin>(loaded, setup).await
    }

    /// `sets` serve this check alone.
    ///
    /// # Errors
    /// As [`extractor`](Self::extractor).
    pub async fn check(
        &self,
        loaded: &Loaded,
        setup: Setup,
        sets: Box<dyn DistinctSets>,
    ) -> Result<Box<dyn Check>, Report> {
        let sets: Sets = Arc::new(Mutex::new(sets));
        let mut runner = self.prepare::<CheckPlugin>(loaded, PluginKind::Check, setup, Some(sets)).await?;
        let stage = runner.open().await.map_err(Error::into_report)?;
        Ok(Box::new(SandboxedCheck { runner, stage, state: Arc::default() }))
    }

    /// # Errors
    /// As [`extractor`](Self::extractor).
    pub async fn slicer(&self, loaded: &Loaded, setup: Setup) -> Result<Box<dyn Slicer>, Report> {
        let mut runner = self.prepare::<SlicerPlugin>(loaded, PluginKind::Slicer, setup, None).await?;
        runner.open().await.map_err(Error::into_report)?;
        Ok(Box::new(SandboxedSlicer(runner)))
    }

    /// # Errors
    /// As [`extractor`](Self::extractor).
    pub async fn signer(&self, loaded: &Loaded, setup: Setup) -> Result<Box<dyn Signer>, Report> {
        let secrets = setup.grants.secrets.clone();
        let mut runner = self.prepare::<SignerPlugin>(loaded, PluginKind::Signer, setup, None).await?;
        runner.open().await.map_err(Error::into_report)?;
        Ok(Box::new(SandboxedSigner { runner, secrets }))
    }

    /// As [`load`](Self::load), but compiles in this process and keeps nothing: for mutation tests,
    /// which try more components than processes can be started.
    #[doc(hidden)]
    pub async fn load_here(&self, bytes: &[u8], named: &str) -> Result<Loaded, Report> {
        let loaded = async {
            self.judge_header(bytes, named)?;
            let component = Component::new(engine(self.counting)?, bytes).map_err(|error| Error::NotAComponent {
                named: named.to_owned(),
                cause: text::one_line(&format!("{error:#}"), text::MAX_MESSAGE_BYTES),
            })?;
            let_in(component, named, hex::encode(Sha256::digest(bytes)), self.counting).await
        };
        loaded.await.map_err(Error::into_report)
    }

    #[cfg(test)]
    pub(crate) fn judging(&self) -> &Judging {
        &self.judging
    }

    async fn open_transform<W: Transforms>(&self, loaded: &Loaded, setup: Setup) -> Result<Box<dyn Transform>, Report>
    where
        W::Configured: Send,
    {
        let mut runner = self.prepare::<W>(loaded, PluginKind::Transform, setup, None).await?;
        runner.open().await.map_err(Error::into_report)?;
        Ok(Box::new(SandboxedTransform(runner)))
    }

    async fn prepare<W: World>(
        &self,
        loaded: &Loaded,
        wanted: PluginKind,
        setup: Setup,
        sets: Option<Sets>,
    ) -> Result<Runner<W>, Report> {
        let inspection = loaded.inspection();
        let identity = inspection.identity.clone();
        if inspection.kind != wanted {
            return Err(Error::WrongWorld { who: Box::new(identity), found: inspection.kind, wanted }.into());
        }
        let problems = self.judging.options(&identity, &inspection.options_schema, &setup.with).await?;
        if let Some(report) = Report::all(options::reports(&identity.name, problems, &*setup.place)) {
            return Err(report);
        }
        let settings = Settings {
            options: Value::Object(setup.with).to_string(),
            records_path: setup.records_path,
            secrets: setup.grants.secrets,
        };
        let terms = Terms {
            log: PluginLog::new(identity.name.clone(), setup.log, setup.limits.log),
            identity,
            counting: loaded.counting,
            instance_per_call: loaded.instance_per_call,
            limits: setup.limits,
            real_clock: setup.grants.real_clock,
            real_random: setup.grants.real_random,
            files: setup.files_dir,
            seed: setup.seed,
            started_at: setup.started_at,
            sets,
            http: setup.http,
            stop: setup.stop,
        };
        let pre = W::pre(loaded.pre.clone()).map_err(|error| Error::Engine(format!("{error:#}")))?;
        Ok(Runner::new(pre, terms, settings))
    }

    async fn load_inner(&self, bytes: Vec<u8>, named: &str) -> Result<Loaded, Error> {
        self.judge_header(&bytes, named)?;
        let size = bytes.len() as u64;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let Compiled { component, compile_ms, cached } = self.component(&bytes, &sha256, named).await?;
        let loaded = let_in(component, named, sha256, self.counting).await?;
        self.judging.schema(&loaded.inspection().identity, &loaded.inspection().options_schema).await?;
        let inspection = Inspection { size, compile_ms, cached, ..loaded.inspection().clone() };
        let instance_per_call = self.instance_per_call;
        let Inspection { identity, kind, .. } = &inspection;
        tracing::debug!(plugin = identity.name, version = identity.version, sha256 = identity.sha256, %kind, cached, compile_ms, "plugin loaded");
        Ok(Loaded { inspection: Arc::new(inspection), instance_per_call, ..loaded })
    }

    /// Refuses what cannot be a component, before a process is started for it.
    fn judge_header(&self, bytes: &[u8], named: &str) -> Result<(), Error> {
        let not = |cause: &str| Error::NotAComponent { named: named.to_owned(), cause: cause.to_owned() };
        if bytes.len() as u64 > self.limits.component {
            let limit = format!("it has {} bytes, more than {}", bytes.len(), self.limits.component);
            return Err(Error::CompileLimit { named: named.to_owned(), limit });
        }
        match bytes.get(..8) {
            None => Err(not("it ends before its header does")),
            Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err(Error::CoreModule { named: named.to_owned() }),
            Some([0, b'a', b's', b'm', 13, 0, 1, 0]) => Ok(()),
            Some([0, b'a', b's', b'm', ..]) => Err(not("its binary format is of an unknown version")),
            Some(_) => Err(not("it does not begin with the bytes `\\0asm`")),
        }
    }

    async fn component(&self, bytes: &[u8], sha256: &str, named: &str) -> Result<Compiled, Error> {
        let engine = engine(self.counting)?;
        let entry = self.cache_entry(sha256)?;
        let cached = self.cached(&entry).await.unwrap_or_else(|error| {
            // Such as one that another user has filled. It costs the time of compiling, and nothing else.
            tracing::warn!(%error, "the cache of compiled plugins cannot be read");
            None
        });
        if let Some((component, compile_ms)) = cached {
            return Ok(Compiled { component, compile_ms, cached: true });
        }
        let started = Instant::now();
        let code = compile::compile(&self.child, &self.limits, self.counting, named, bytes).await?;
        let compile_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        let component = trusted::deserialize(engine, &code)
            .map_err(|error| Error::CompileFailed { named: named.to_owned(), cause: format!("{error:#}") })?;
        if let Err(error) = self.cache.put(&entry, &code, compile_ms) {
            // The next start compiles again; this run does not need the cache.
            tracing::warn!(%error, "a compiled plugin is not cached");
        }
        Ok(Compiled { component, compile_ms, cached: false })
    }

    /// The name of a component's file in the cache's folder, by the component's digest.
    ///
    /// # Errors
    /// The engine cannot be made.
    pub fn cache_entry(&self, sha256: &str) -> Result<String, Error> {
        Ok(cache::entry_name(sha256, &compatibility(engine(self.counting)?)))
    }

    async fn cached(&self, entry: &str) -> Result<Option<(Component, u32)>, Error> {
        let (cache, name, counting) = (self.cache.clone(), entry.to_owned(), self.counting);
        let found = tokio::task::spawn_blocking(move || {
            let Some((code, compile_ms)) = cache.get(&name)? else { return Ok(None) };
            let component = trusted::deserialize(engine(counting)?, &code).ok();
            if component.is_none() {
                cache.discard(&name);
            }
            Ok(component.map(|component| (component, compile_ms)))
        });
        found.await.map_err(|error| Error::Engine(error.to_string()))?
    }
}

/// A component as it is run.
struct Compiled {
    component: Component,
    compile_ms: u32,
    cached: bool,
}

impl Setup {
    /// Default limits, no grants, no options; `place` names the plugin. For trying a plugin out.
    pub fn plain(named: &str, started_at: jiff::Timestamp) -> Self {
        let name = named.to_owned();
        Self {
            with: Map::new(),
            records_path: String::new(),
            limits: Limits::default(),
            grants: Grants::default(),
            files_dir: None,
            http: None,
            seed: 0,
            started_at,
            place: Box::new(move |_| Place::Named { what: "plugin".into(), name: name.clone() }),
            log: tracing_log(),
            stop: None,
        }
    }
}

/// Judges a component by its imports, links it and asks it to describe itself.
pub(crate) async fn let_in(
    component: Component,
    named: &str,
    sha256: String,
    counting: Counting,
) -> Result<Loaded, Error> {
    let passed = gate::judge(engine(counting)?, &component, named)?;
    let pre = link(&component, named, &passed.wit_version, counting)?;
    let unnamed = Identity { name: named.to_owned(), version: "unknown".to_owned(), sha256 };
    let description = describe(&passed, &pre, counting, &unnamed).await;
    let description = description.map_err(|error| error.of_version(&passed.wit_version))?;
    let broken =
        |what: String| Error::Fault { who: Box::new(unnamed.clone()), call: "describe", fault: Fault::BadOutput(what) };
    let (identity, options_schema) = understood(description, &unnamed.sha256).map_err(broken)?;
    let Passed { kind, wit_version, imports } = passed;
    let (size, compile_ms, cached) = (0, 0, false);
    let inspection = Inspection { identity, kind, wit_version, imports, options_schema, size, compile_ms, cached };
    Ok(Loaded { inspection: Arc::new(inspection), pre, counting, instance_per_call: false })
}

async fn describe(
    passed: &Passed,
    pre: &InstancePre<Host>,
    counting: Counting,
    unnamed: &Identity,
) -> Result<Description, Error> {
    #[cfg(test)]
    if passed.wit_version == crate::v0_0_9::VERSION {
        return described::<crate::v0_0_9::bound::TransformPlugin>(pre, counting, unnamed).await;
    }
    match passed.kind {
        PluginKind::Extractor => described::<ExtractorPlugin>(pre, counting, unnamed).await,
        PluginKind::Transform => described::<TransformPlugin>(pre, counting, unnamed).await,
        PluginKind::Check => described::<CheckPlugin>(pre, counting, unnamed).await,
        PluginKind::Slicer => described::<SlicerPlugin>(pre, counting, unnamed).await,
        PluginKind::Signer => described::<SignerPlugin>(pre, counting, unnamed).await,
    }
}

async fn described<W: World>(
    pre: &InstancePre<Host>,
    counting: Counting,
    unnamed: &Identity,
) -> Result<Description, Error> {
    let pre = W::pre(pre.clone()).map_err(|error| Error::WrongShape {
        named: unnamed.name.clone(),
        version: String::new(),
        cause: format!("{error:#}"),
    })?;
    let limits = Limits::default();
    let terms = Terms {
        log: PluginLog::new(unnamed.name.clone(), tracing_log(), limits.log),
        identity: unnamed.clone(),
        counting,
        instance_per_call: false,
        limits,
        real_clock: false,
        real_random: false,
        files: None,
        seed: 0,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        sets: None,
        http: None,
        stop: None,
    };
    Runner::<W>::new(pre, terms, Settings::default()).describe().await
}

/// Name and version end up in messages and artifacts, so they are kept plain.
fn understood(description: Description, sha256: &str) -> Result<(Identity, Value), String> {
    let Description { name, version, options_schema } = description;
    for (what, value) in [("name", &name), ("version", &version)] {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if value.is_empty() || value.len() > 64 || !value.chars().all(plain) {
            let value = text::one_line(value, 64);
            return Err(format!("its {what} `{value}` is not 1 to 64 letters, digits or `-_.+`"));
        }
    }
    let schema = options::read(&options_schema)?;
    Ok((Identity { name, version, sha256: sha256.to_owned() }, schema))
}

fn link(component: &Component, named: &str, version: &str, counting: Counting) -> Result<InstancePre<Host>, Error> {
    let internal = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
    let mut linker = base_linker(counting)?.clone();
    wasi::refuse_the_rest(&mut linker, component).map_err(internal)?;
    linker.instantiate_pre(component).map_err(|error| {
        let cause = text::one_line(&format!("{error:#}"), text::MAX_MESSAGE_BYTES);
        Error::WrongShape { named: named.to_owned(), version: version.to_owned(), cause }
    })
}

/// Everything that any plugin may be linked to; made once an engine.
fn base_linker(counting: Counting) -> Result<&'static Linker<Host>, Error> {
    static PLAIN: OnceLock<Result<Linker<Host>, String>> = OnceLock::new();
    static FUEL: OnceLock<Result<Linker<Host>, String>> = OnceLock::new();
    static NO_EPOCHS: OnceLock<Result<Linker<Host>, String>> = OnceLock::new();
    let engine = engine(counting)?;
    let linker = match counting {
        Counting::Nothing => &PLAIN,
        Counting::Fuel => &FUEL,
        Counting::NoEpochs => &NO_EPOCHS,
    };
    let linker = linker.get_or_init(|| {
        let mut linker = Linker::new(engine);
        add_all(&mut linker).map_err(|error| format!("{error:#}"))?;
        Ok(linker)
    });
    linker.as_ref().map_err(|cause| Error::Engine(cause.clone()))
}

fn add_all(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    use bindings::{check, transform};
    #[cfg(test)]
    crate::v0_0_9::add_to_linker(linker)?;
    wasi::add_to_linker(linker)?;
    bound::dpone::plugin::types::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)?;
    bound::dpone::plugin::host::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)?;
    bound::dpone::plugin::http::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)?;
    bound::dpone::plugin::pages::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)?;
    transform::dpone::plugin::batches::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)?;
    check::dpone::plugin::distinct::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)
}
