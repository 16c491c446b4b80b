//! Runs in processes of their own: one worker for each tenant of a policy, confined to what the tenant
//! has, or one for each manifest where there is no policy.
//!
//! [`supervise`] starts this program again as a worker, hands it what it needs through a pipe, gives it
//! its runs one after the other, and collects how each ended. A worker that dies takes its own runs with
//! it and nobody else's. [`worker_main`] is the other end.
//!
//! # What separates tenants
//!
//! | what | how |
//! |---|---|
//! | memory, crashes | a process each; `limits.memory` as RLIMIT_DATA, and over all of the tenant's processes where there is a control group |
//! | CPU | `limits.cpu` as RLIMIT_CPU; `share` as the weight of the control group, else as the process's priority |
//! | files | Landlock: the tenant's own working folder to write, its manifests' folders and its connections' certificates to read, and what every program needs of the system |
//! | credentials | the policy's connections of this tenant go through the pipe; the environment is empty but for the variables that the policy gives |
//! | other processes | Landlock scopes signals and abstract sockets to the worker; it is not dumpable; seccomp refuses ptrace and its kin |
//! | the kernel | seccomp refuses namespaces, mounts, modules, BPF, keys, io_uring, and sockets other than IP |
//! | programs | Landlock lets it execute nothing but this program, which compiles its components |
//! | requests, bytes | one meter for all runs of the tenant |
//!
//! What a kernel does not have is told when a run begins, unless the policy requires it; then the run is
//! refused.
//!
//! # What is not claimed
//! - Tenants on shared cores can measure each other's load, and may learn from timing what they do.
//! - All workers run as the operator's user. Where the kernel has no Landlock, that user's files are open
//!   to a worker whose WebAssembly engine was broken out of; the policy's `require` refuses to run there.
//! - A worker may open TCP connections to any address: the host's own rules decide where requests go, and a
//!   broker's address is known only once it answers.
//! - Without a control group `limits.memory` holds for each process of a tenant alone, and `share` only for
//!   threads that compete.
//! - The bill in a run's artifact is the worker's own word.

mod confine;
mod lines;
mod protocol;
mod queue;
mod supervisor;
mod worker;

pub use confine::{Fences, Terms, confine};
pub use protocol::{Ended, Job};
pub use supervisor::{Group, Supervisor, supervise};
pub use worker::{Program, worker_main};
