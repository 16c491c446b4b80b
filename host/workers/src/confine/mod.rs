//! The fences that keep a worker to its tenant: set by the worker itself, before it reads a byte of the tenant's.
//!
//! Each fence is told where it stands ([`Fences::names`] go into the bill), and where it does not.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
pub(crate) mod group;

use dpone_manifest::{Fence, TenantLimits};
use dpone_model::{Report, codes};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::PathBuf;

/// The files that a worker may touch.
pub struct Terms<'a> {
    pub limits: &'a TenantLimits,
    pub require: &'a [Fence],
    /// Files and folders to read.
    pub read: Vec<PathBuf>,
    /// Folders to write: the working folder, and the manifest's where a command writes there.
    pub write: Vec<PathBuf>,
    /// This program.
    pub program: PathBuf,
    /// Steps of priority to give up, 0 to 19.
    pub nice: i32,
    /// Of the control group that the supervisor made.
    pub cgroup: Option<String>,
}

/// The fences that stand, and those that do not.
#[derive(Debug, Default)]
pub struct Fences {
    pub names: Vec<String>,
    pub missing: Vec<String>,
}

/// Confines this process for good. It must have one thread.
///
/// # Errors
/// DP1308 where the policy requires what this kernel does not have.
pub fn confine(terms: &Terms<'_>) -> Result<Fences, Report> {
    let mut fences = Fences::default();
    fences.note(
        Fence::Cgroup,
        terms.require,
        terms.cgroup.clone().ok_or_else(|| "this user may not make one".into()),
    )?;
    resources(terms.limits, terms.nice)
        .map_err(|cause| refused(&format!("a resource limit cannot be set: {cause}")))?;
    fences.names.push(format!("memory {}", terms.limits.memory));
    fences.names.push(format!("cpu {} s", terms.limits.cpu.as_secs()));
    #[cfg(target_os = "linux")]
    {
        capabilities().map_err(|cause| refused(&format!("capabilities cannot be dropped: {cause}")))?;
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
            .map_err(|cause| refused(&cause.to_string()))?;
        fences.note(Fence::Landlock, terms.require, files::restrict(terms))?;
        fences.note(Fence::Seccomp, terms.require, calls::filter())?;
    }
    #[cfg(not(target_os = "linux"))]
    for fence in [Fence::Landlock, Fence::Seccomp] {
        fences.note(fence, terms.require, Err("this system is no Linux".into()))?;
    }
    Ok(fences)
}

impl Fences {
    fn note(&mut self, fence: Fence, required: &[Fence], stands: Result<String, String>) -> Result<(), Report> {
        let name = match fence {
            Fence::Landlock => "landlock",
            Fence::Seccomp => "seccomp",
            Fence::Cgroup => "cgroup",
        };
        match stands {
            Ok(how) => self.names.push(format!("{name} {how}").trim_end().to_owned()),
            Err(cause) if required.contains(&fence) => {
                return Err(refused(&format!("the policy requires {name}, and there is none: {cause}")));
            }
            Err(cause) => self.missing.push(format!("{name}: {cause}")),
        }
        Ok(())
    }
}

fn refused(cause: &str) -> Report {
    Report::new(&codes::policy::CONFINEMENT, format!("a worker cannot be confined: {cause}"))
}

/// `memory` bounds what is allocated and written to; the address space itself is no measure, since
/// guests' memories are reserved whole.
fn resources(limits: &TenantLimits, nice: i32) -> rustix::io::Result<()> {
    let cpu = limits.cpu.as_secs().max(1);
    let bounds = [
        // A core file would hold the tenant's secrets.
        (Resource::Core, 0, 0),
        (Resource::Data, limits.memory, limits.memory),
        // The soft limit has a signal of its own, by which the supervisor tells it.
        (Resource::Cpu, cpu, cpu + 5),
        (Resource::Nofile, limits.files, limits.files),
    ];
    for (resource, soft, hard) in bounds {
        let hard = getrlimit(resource).maximum.map_or(hard, |outer| outer.min(hard));
        setrlimit(resource, Rlimit { current: Some(soft.min(hard)), maximum: Some(hard) })?;
    }
    if nice > 0 {
        let own = rustix::process::getpriority_process(None)?;
        rustix::process::setpriority_process(None, (own + nice).min(19))?;
    }
    Ok(())
}

/// A root user's process keeps one of its capabilities, to read folders of teams that have users of their
/// own; what it may read there Landlock decides. What it starts has none beyond that.
#[cfg(target_os = "linux")]
fn capabilities() -> rustix::io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set};
    let kept = CapabilitySet::DAC_READ_SEARCH;
    let own = capabilities(None)?;
    if own.permitted.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all() & !kept {
            match remove_capability_from_bounding_set(capability) {
                // The kernel does not know it, and so grants it to nobody.
                Err(rustix::io::Errno::INVAL) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let sets = |own: CapabilitySet| own & kept;
    let (effective, permitted) = (sets(own.effective), sets(own.permitted));
    rustix::thread::set_capabilities(None, CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_that_is_missing_is_told_and_refused_where_it_is_required() {
        let mut fences = Fences::default();
        fences.note(Fence::Cgroup, &[], Err("no rights".into())).unwrap();
        fences.note(Fence::Landlock, &[Fence::Landlock], Ok("V6".into())).unwrap();
        assert_eq!((fences.names, fences.missing), (vec!["landlock V6".into()], vec!["cgroup: no rights".into()]));
        let refused = Fences::default().note(Fence::Seccomp, &[Fence::Seccomp], Err("none".into())).unwrap_err();
        assert_eq!(refused.code(), &codes::policy::CONFINEMENT);
    }
}
