//! The one engine of a process, its settings, and the thread that makes its epochs pass.

use crate::error::Error;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::time::Duration;
use wasmtime::{Config, Engine};
use xxhash_rust::xxh3::Xxh3;

/// How often a running plugin is looked at: deadlines are exact to this.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. A deeper recursion is a crash of the plugin.
const MAX_WASM_STACK_BYTES: usize = 512 << 10;
/// Stack on which guest and host calls of one instance run.
const ASYNC_STACK_BYTES: usize = 2 << 20;

/// Engine settings. The compile child uses the same; the digest of both must agree.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        // A replay gives the same bytes on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(MAX_WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        // Instances start from a copy-on-write image of the component's memory.
        .memory_init_cow(true)
        // Nobody reads guest backtraces, and errors carry the panic's text instead.
        .wasm_backtrace_max_frames(None);
    config
}

/// The process's engine, made when the first plugin is loaded.
pub(crate) fn engine() -> Result<&'static Engine, Error> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    let made = ENGINE.get_or_init(|| {
        let engine = Engine::new(&config()).map_err(|error| format!("{error:#}"))?;
        let ticking = engine.clone();
        std::thread::Builder::new()
            .name("plugin-epochs".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(TICK);
                    ticking.increment_epoch();
                }
            })
            .map_err(|error| error.to_string())?;
        Ok(engine)
    });
    made.as_ref().map_err(|cause| Error::Engine(cause.clone()))
}

/// Digest of everything that makes compiled code fit this engine: version, target, settings.
pub(crate) fn compatibility(engine: &Engine) -> String {
    let mut hasher = Xxh3::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
