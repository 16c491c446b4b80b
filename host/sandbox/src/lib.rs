//! Where plugins live: engine, limits, import rules, compile cache and bindings. The only crate
//! that knows wasmtime. This page is also for whoever has to judge a plugin before it runs.
//!
//! [`Sandbox::load`] takes a component's bytes, compiles them in a child process (or finds them in
//! the cache), refuses imports that no plugin gets, and asks the component to describe itself.
//! [`Sandbox::extractor`], [`Sandbox::transform`], [`Sandbox::check`], [`Sandbox::slicer`] and
//! [`Sandbox::signer`] make a configured plugin of it. A fault ends the instance and is an error with
//! the plugin's name; it never ends the process.
//!
//! # How to judge a plugin
//!
//! `dpone plugin inspect FILE` answers three questions: who it is (name, version, SHA-256, signature),
//! what it *can ask for* (its imports), and what it *gets* without any grant. `dpone plan MANIFEST` adds
//! what this manifest grants it. `dpone plugin lock MANIFEST` writes both down; from then on a run
//! refuses another component and grown authority. `--require-signed KEYFILE` refuses what none of the
//! given keys has signed.
//!
//! **The import list is the whole of what a component can ask for.** WebAssembly has no other way out:
//! no system calls, no pointers into the host, no shared memory. The list is checked when the
//! component is loaded, and anything but these two families is refused then, by name (DP0304):
//!
//! | import | why it is there | what it gets without a grant |
//! |---|---|---|
//! | `dpone:plugin/*` | the contract in `wit/` | the pages or records of its own step, and a bounded log |
//! | `wasi:filesystem` | a stock toolchain, or lookup tables | no folder |
//! | `wasi:clocks` | a stock toolchain, or the time | clocks that stand at the run's start |
//! | `wasi:random` | hash maps, ids | numbers seeded by run, plugin and call |
//! | `wasi:cli`, `wasi:io` | a stock toolchain | no arguments, no environment; output goes to its log |
//! | `wasi:sockets`, `wasi:http`, any other `wasi:*` | a stock toolchain | every call is refused, by name (DP0307) |
//!
//! Toolchains import WASI whether the code uses it or not, so a long list is no bad sign by itself. A
//! component built with our Rust SDK for `wasm32-unknown-unknown` imports the first family alone.
//!
//! **A grant widens one thing.** It stands in the manifest, beside the plugin:
//!
//! | grant | gives |
//! |---|---|
//! | `files: FOLDER` | one folder below the manifest's, as `/`, read-only; links and `..` do not lead out |
//! | `clock: real`, `random: real` | the machine's clock, the system's random numbers; a replay may then differ |
//! | `headers`, `methods`, `paths` | for an extractor's or a slicer's requests: these headers, methods and path prefixes beside the manifest's own |
//! | `secrets: [NAME]` | names that it may put into a request; the host fills in the values, the plugin never sees them |
//! | `http: [HOST]` | requests that the host makes for it: to these origins, at public addresses (under `local` on loopback too), within the call's wall clock; no redirect leaves the origin |
//!
//! `plan` and `run` warn of a grant that a plugin's imports or kind cannot use. What was refused for
//! want of a grant is an error that names the key. With both `secrets` and `http`, a plugin decides
//! which of the granted hosts gets which of the granted secrets: grant them to it together only where
//! that is meant.
//!
//! Without grants an extractor varies query parameters and body fields of the manifest's request, and
//! follows URLs that the server gave, under the manifest's own method, origin and path. It never sets
//! `Authorization`, `Cookie`, `Host`, a method override or a hop-by-hop header, and it never sees a
//! credential of the connection. A secret that a server puts into a body is data, and the plugin sees
//! it.
//!
//! # Limits
//!
//! | limit | default | counts | set by |
//! |---|---|---|---|
//! | `limits.memory` | 128 MiB | all memories of an instance; and for itself, as much again, what the host holds for a call | manifest, 1 MiB to 4 GiB |
//! | `limits.deadline` | 1 s a call | computing, the host's work for the call included; looked at every 10 ms, and by the host after each 1024 values | manifest |
//! | `limits.wall_clock` | 10 s a call | everything, host calls and sleeps included | manifest |
//! | `limits.output` | 64 MiB a call | what it returns or hands to the host | manifest, up to 1 GiB |
//! | `limits.log` | 64 KiB a run | its log lines and what it prints | manifest, up to 64 MiB |
//! | `limits.state` | 64 KiB | what an extractor or a slicer keeps from call to call | manifest, up to 16 MiB |
//! | `journal.max_bytes` | 20 GiB | values that checks add to sets, beside the run's pages | manifest |
//! | stack | 512 KiB | the guest's calls | fixed |
//! | tables | 64, of 1,000,000 elements in all | | fixed |
//! | memories, core instances | 16, 64 | | fixed |
//! | handles | 1024 at a time | streams, files, clocks | fixed |
//! | component | 64 MiB | its bytes | fixed |
//! | compiling | 30 s CPU, 60 s, 4 GiB, 512 MiB of code | a child process without environment | fixed |
//! | options schema | 256 KiB, 64 levels | its text | fixed |
//! | judging options by it | 2 s CPU, 30 s, 1 GiB | a child process, as for compiling; what was sound is kept by its digest | fixed |
//! | name, version | 64 characters each | | fixed |
//!
//! The values that a plugin hands over in one call are bounded in number and in length too, so that the host's
//! work for it stays small; all of these are fixed:
//!
//! | part | at most |
//! |---|---|
//! | a path; any other name | 1 KiB and 64 names; 1 KiB |
//! | query parameters, body fields of a request | 1024 each, 1 MiB in all |
//! | headers of a request | 64, 256 bytes a name, 8 KiB a value, 32 KiB in all |
//! | URL, path, method of a request | 64 KiB, 64 KiB, 32 bytes; what is sent has 60 KiB (`host/egress`) |
//! | fields that a transform or a check declares | 1024 |
//! | fields of a set, sets of a check | 64, 16; all sets of a check share one table and its scratch files |
//! | names that an edit renames, drops or sets | 16,384 each |
//! | slices a step, a list | 10,000; 100,000 and 64 MiB |
//! | a slice's id, its bounds | 200 bytes, 256 bytes |
//! | terms of a signature | 256, 1 MiB in all, 4 MiB read of each other; 8 KiB a header |
//! | what a check gives as measured | 64 KiB |
//! | a message in an error or a log line | 2 KiB are shown, and the length is told |
//! | random bytes a call | 1 MiB |
//!
//! A call that runs into a limit is stopped; the instance is dropped and the run ends with the
//! limit's name (DP0310 to DP0314). Other plugins and other runs of the process go on. A run that is asked to
//! end does so in the middle of a call, in a host function too.
//!
//! A policy (`--policy`) can cap each of a tenant's plugins (`limits.plugin`) and bounds the tenant's
//! process as a whole: memory, CPU time, requests, bytes. `host/workers` has that side.
//!
//! Hostile guests are a table with a test a row: `tests/e2e/tests/containment.rs` through a
//! manifest, all at once in one process, with what stops each, how long it took and what the user reads;
//! `host/sandbox/tests/sandbox` for what needs hand-made modules. In both, plugins beside them go on.
//!
//! # What makes runs repeatable
//! Random numbers are seeded and clocks stand still, NaNs are canonical and relaxed SIMD is
//! deterministic. An instance may be dropped between any two calls; what has to last is in the state
//! that a call returns.
//!
//! # Native code
//! Native code is only ever loaded from this host's own compile child or from its own cache, whose
//! entries carry a checksum under a key that this user alone can read. A plugin's file is never
//! trusted to be compiled already.
//!
//! # What is not claimed
//! - Nothing is promised about timing: plugins on shared cores can measure each other and the host.
//! - WebAssembly separates a plugin from the host; it does not separate tenants. Those are separated
//!   by confined processes, where a policy names them; without one, all runs are the operator's.
//! - A mistake in the compiler or the engine can break the sandbox. Compiling is bounded and done by a
//!   child; running is done in this process.
//! - A transform sees and may change every record of its step, and an extractor chooses which records
//!   there are. The sandbox does not judge whether what they return is true; checks do.
//! - An extractor can tell the API's server whatever it sees, in query parameters and body fields. It
//!   can tell the origins of `allow_origins` as much, where the manifest names any, and nobody else.
//! - A lock or a signature says that a component is the one that was reviewed, or whose it is. Neither
//!   says that it is good.
//!
//! # Versions of the contract
//! The contract in `wit/` is a draft until the first release: this host speaks [`WIT_VERSION`] alone,
//! and a component of another version, or of another draft of it, is refused with both named (DP0306),
//! never met with a trap. A version that was released stays: its WIT keeps a folder of its own, its
//! interfaces are linked beside today's (their names hold the version), and an adapter turns its
//! answers into today's types. The module `v0_0_9` is that, with a guest of each version; it is built
//! for tests only, with an earlier version made up, because there is no released one yet.

mod bindings;
mod bounds;
mod cache;
mod check;
mod child;
mod compile;
mod engine;
mod error;
mod extractor;
mod gate;
mod host;
mod inspection;
mod judging;
mod limits;
mod log;
mod options;
mod output;
mod random;
mod runner;
mod sandbox;
mod signer;
mod slicer;
mod text;
mod transform;
mod trusted;
#[cfg(test)]
mod v0_0_9;
mod wasi;

pub use bindings::{WIT_PACKAGE, WIT_VERSION};
pub use child::ChildCommand;
pub use compile::{CompileLimits, compile_child_main};
pub use error::{Error, Fault};
pub use inspection::{Inspection, Loaded};
pub use limits::Stop;
pub use log::{LogLevel, LogLine, LogSink, tracing_log};
pub use options::judge_options;
pub use sandbox::{Sandbox, Setup};
