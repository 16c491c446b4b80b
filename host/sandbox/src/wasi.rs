//! WASI for components of stock toolchains: an empty context. No files, environment or arguments;
//! standard output and error go to the plugin's log; everything else of `wasi:*` may be imported
//! and is refused when it is called, by name.

use crate::error::Fault;
use crate::gate::Name;
use crate::host::Host;
use crate::log::{LogLevel, PluginLog};
use bytes::Bytes;
use semver::Version;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceType};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{
    FsPerms, HostMonotonicClock, HostWallClock, OpenMode, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

/// Packages whose 0.2 interfaces are served; of everything else the calls are refused.
const SERVED: [&str; 5] = ["wasi:io", "wasi:clocks", "wasi:random", "wasi:filesystem", "wasi:cli"];
/// How much of a crash's last words is kept for the error message.
const STDERR_TAIL_BYTES: usize = 1 << 10;
/// A line of standard output longer than this is logged in pieces.
const MAX_LINE_BYTES: usize = 4 << 10;

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The context of one instance.
pub(crate) fn context(
    log: &PluginLog,
    stderr_tail: Arc<Mutex<String>>,
    started_at: jiff::Timestamp,
    real_clock: bool,
) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(Output { log: log.clone(), level: LogLevel::Info, tail: None, line: Vec::new() });
    builder.stderr(Output { log: log.clone(), level: LogLevel::Warn, tail: Some(stderr_tail), line: Vec::new() });
    if !real_clock {
        builder.wall_clock(Still(started_at)).monotonic_clock(Still(started_at));
    }
    builder.build()
}

/// Links what is served; `random` and `preopens` are the host's own.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    // Clocks, streams, polling and standard streams. Sockets are left out on purpose.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    filesystem::types::add_to_linker::<Host, WasiFilesystem>(linker, Host::filesystem)?;
    cli::exit::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::environment::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_input::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_output::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_stdin::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_stdout::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_stderr::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    filesystem::preopens::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?;
    random::random::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?;
    random::insecure::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?;
    random::insecure_seed::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Defines the component's remaining `wasi:*` imports as functions that refuse by name.
pub(crate) fn refuse_the_rest(linker: &mut Linker<Host>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    let ty = component.component_type();
    // A resource that an earlier interface brought must not be defined again where a later one
    // only mentions it.
    let mut known: Vec<ResourceType> = Vec::new();
    for (name, item) in ty.imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        let refused = is_refused(name);
        for (member, item) in instance.exports(&engine) {
            match item.ty {
                ComponentItem::Resource(resource) if !known.contains(&resource) => {
                    known.push(resource);
                    if refused {
                        linker.instance(name)?.resource(member, ResourceType::host::<Refused>(), |_, _| Ok(()))?;
                    }
                }
                ComponentItem::ComponentFunc(_) if refused => {
                    let full_name = format!("{name}#{member}");
                    linker.instance(name)?.func_new(member, move |mut store, _, _, _| {
                        Err(store.data_mut().fail(Fault::NotGranted(full_name.clone())))
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

struct Refused;

fn is_refused(name: &str) -> bool {
    let name = Name::parse(name);
    if !name.package.starts_with("wasi:") {
        return false;
    }
    let version = name.version.and_then(|version| Version::parse(version).ok());
    let is_0_2 = version.is_some_and(|version| version.major == 0 && version.minor == 2);
    !(is_0_2 && SERVED.contains(&name.package))
}

impl filesystem::preopens::Host for Host {
    /// The grant `files`: the folder itself as `/`, read-only. The handle is the one that was
    /// opened at the edge; no path is resolved again.
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let Some(files) = &self.files else {
            self.wanted_files = true;
            return Ok(Vec::new());
        };
        let dir = files.try_clone()?.into_std_file();
        let dir = Descriptor::Dir(Dir::new(dir, FsPerms::ReadOnly, OpenMode::READ, false));
        Ok(vec![(self.table.push(dir)?, "/".to_owned())])
    }
}

/// Clocks that stand at the run's start.
struct Still(jiff::Timestamp);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::try_from(self.0.as_duration()).unwrap_or_default()
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// Standard output or error: lines to the log. Always ready; what the log no longer takes is
/// dropped, because a guest that cannot print should still work.
#[derive(Clone)]
struct Output {
    log: PluginLog,
    level: LogLevel,
    tail: Option<Arc<Mutex<String>>>,
    line: Vec<u8>,
}

impl Output {
    fn take(&mut self, bytes: &[u8]) {
        if let Some(tail) = &self.tail {
            keep_tail(&mut tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner()), bytes);
        }
        if !self.log.is_open() {
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= MAX_LINE_BYTES {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            self.log.write(self.level, &String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.end_line();
    }
}

fn keep_tail(tail: &mut String, bytes: &[u8]) {
    let mut kept: VecDeque<char> = tail.chars().collect();
    let recent = bytes.get(bytes.len().saturating_sub(STDERR_TAIL_BYTES)..).unwrap_or(bytes);
    kept.extend(String::from_utf8_lossy(recent).chars());
    let excess = kept.len().saturating_sub(STDERR_TAIL_BYTES);
    kept.drain(..excess);
    *tail = kept.into_iter().collect();
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Output {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        for (name, refused) in [
            ("wasi:cli/stdout@0.2.3", false),
            ("wasi:io/streams@0.2.0", false),
            ("wasi:sockets/tcp@0.2.3", true),
            ("wasi:http/outgoing-handler@0.2.0", true),
            ("wasi:cli/stdout@0.3.0", true),
            ("wasi:cli/stdout", true),
            ("wasi:keyvalue/store@0.2.0", true),
            ("dpone:plugin/host@0.1.0", false),
        ] {
            assert_eq!(is_refused(name), refused, "{name}");
        }
    }

    #[test]
    fn the_tail_of_standard_error_is_bounded() {
        let mut tail = String::new();
        for _ in 0..100 {
            keep_tail(&mut tail, &[b'x'; 100]);
        }
        keep_tail(&mut tail, b"the end");
        assert_eq!(tail.chars().count(), STDERR_TAIL_BYTES);
        assert!(tail.ends_with("the end"));
    }
}
