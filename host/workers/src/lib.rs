//! Runs in processes of their own: one worker for each tenant of a policy, confined to what the tenant
//! has, or one for each manifest where there is no policy.
//!
//! [`supervise`] starts this program again as a worker, hands it what it needs through a pipe, gives it
//! its runs one after the other, and collects how each ended. A worker that dies takes its own runs with
//! it and nobody else's. [`worker_main`] is the other end. [`delegate`] does one command (`check`, `plan`,
//! `state`, …) in such a process, so that the operator's own opens nothing that a tenant has written but
//! the path of the manifest.
//!
//! # What separates tenants
//!
//! | what | how |
//! |---|---|
//! | memory, crashes | a process each; `limits.memory` as RLIMIT_DATA, and over all of the tenant's processes where there is a control group |
//! | CPU | `limits.cpu` as RLIMIT_CPU; `share` as the weight of the control group, else as the process's priority |
//! | files | Landlock: the tenant's own working folder to write, its manifests' folders and its connections' certificates to read, and what every program needs of the system; seccomp refuses what changes files by their paths and Landlock does not know: modes, owners, times |
//! | credentials | the policy's connections of this tenant go through the pipe; the environment has the policy's variables, and what says how a program runs (PATH, language, time zone, certificates) |
//! | other processes | Landlock scopes signals and abstract sockets to the worker; it is not dumpable; seccomp refuses ptrace and its kin, and limits and priorities of others |
//! | the kernel | seccomp refuses namespaces, mounts, modules, BPF, keys, io_uring, and sockets other than IP; a root user's worker keeps no capability but to read |
//! | programs | Landlock lets it execute no file but this program, which compiles its components, and the system's loader; what it starts is confined as it is |
//! | time | `limits.wall` (6 h) for each run and each command: the worker asks its run to end where it can go on, and is ended itself 10 s later |
//! | requests, bytes | one meter for all runs of the tenant |
//!
//! A file of a tenant (manifest, component, signature, lock, artifact, journal) is read only where it is a
//! regular file, and up to a bound: 1 MiB of text, 128 MiB of a component, 64 MiB of a run's report, 8 MiB
//! of certificates. Nothing waits for a pipe.
//!
//! SIGTERM or Ctrl-C asks all runs to end where they can go on; a worker that has been stopped is woken
//! for it. What has not ended after 10 s is killed, and a second signal kills at once.
//!
//! A fence that the kernel does not have is told when a run begins, unless the policy requires it; then the run is
//! refused.
//!
//! # What is not claimed
//! - Tenants on shared cores can measure each other's load, and may learn from timing what they do.
//! - All workers run as the operator's user. Where the kernel has no Landlock, that user's files are open
//!   to a worker whose WebAssembly engine was broken out of; the policy's `require` refuses to run there.
//! - Topics, hosts, requests, bytes and `runs` are held by the worker's own code. One that was broken out of
//!   has its tenant's credentials, opens TCP connections to any address, and is held by what those
//!   credentials may do: give each tenant a login of its own at the broker.
//! - A worker sees which processes there are, by number.
//! - Without a control group `limits.memory` holds for each process of a tenant alone, nothing bounds their
//!   number, and `share` counts only for threads that compete. `limits.cpu` is of each process.
//! - A tenant whose worker died gets half of its allowance for the next one, since nobody knows what was
//!   used. What components pulled from a registry and secrets asked of Vault take is not counted.
//! - Disk space is bounded by run: pages and scratch files together by `journal.max_bytes`, which
//!   `limits.journal` caps. All of a tenant's runs may take `limits.runs` times that, and failed runs keep
//!   theirs for 72 hours.
//! - The bill in a run's artifact is the worker's own word.

mod confine;
mod confined;
mod launch;
mod lines;
mod protocol;
mod queue;
mod supervisor;
mod worker;

pub use confine::{Fences, Terms, confine};
pub use confined::{Confined, Program, confined};
pub use launch::{Delegated, Group, Launch, delegate, end_all};
pub use lines::Say;
pub use protocol::{Ended, Job, Local};
pub use supervisor::{Supervisor, supervise};
pub use worker::worker_main;
