//! Landlock: which files a worker may open, which ports it may listen at, whom it may signal.

use super::Terms;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};
use std::path::PathBuf;

/// The version that has files, truncation, ports, and signals (Linux 6.12).
const WANTED: ABI = ABI::V6;

/// Files that any program needs to look names up, to verify certificates and to know the time.
const SYSTEM: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/usr/local/share/ca-certificates",
    "/usr/lib",
    "/lib",
    "/lib64",
    "/dev/urandom",
    "/dev/random",
    "/proc/self",
    "/proc/meminfo",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
];

/// Files that start a dynamically linked program.
const LOADERS: &[&str] = &[
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// How far the kernel's Landlock goes, or why there is none.
pub(super) fn restrict(terms: &Terms<'_>) -> Result<String, String> {
    let status = enforce(terms).map_err(|error| error.to_string())?;
    let level = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => format!("{effective_abi:?}"),
        LandlockStatus::NotEnabled => return Err("the kernel has it switched off".to_owned()),
        LandlockStatus::NotImplemented => return Err("the kernel has none".to_owned()),
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(level),
        // The kernel's part of it holds all the same, but it is not what a policy requires.
        RulesetStatus::PartiallyEnforced => {
            Err(format!("the kernel has a part of it ({level}); ports, signals or truncation are open"))
        }
        RulesetStatus::NotEnforced => Err("the kernel enforces none of it".to_owned()),
    }
}

fn enforce(terms: &Terms<'_>) -> Result<landlock::RestrictionStatus, RulesetError> {
    let read = AccessFs::from_read(WANTED) & !AccessFs::Execute;
    let write: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | RemoveFile | RemoveDir | MakeDir | MakeReg | Refer
    });
    let execute = make_bitflags!(AccessFs::{ReadFile | Execute});
    let trusted = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let system = SYSTEM.iter().map(PathBuf::from).chain(trusted);
    let programs = LOADERS.iter().map(PathBuf::from).chain([terms.program.clone()]);
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        // No rule allows any: a worker listens at no port.
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rules(path_beneath_rules(system.chain(terms.read.iter().cloned()), read))?
        .add_rules(path_beneath_rules(programs, execute))?
        // A file without a name gets one by way of /proc/self/fd, and whoever does that looks at /proc first.
        // Which processes there are, and how many files each has open, may be seen by it; no file of theirs
        // can be read and no link followed.
        .add_rules(path_beneath_rules(["/proc"], make_bitflags!(AccessFs::{ReadDir})))?
        .add_rules(path_beneath_rules(["/dev/null"], make_bitflags!(AccessFs::{ReadFile | WriteFile})))?
        .add_rules(path_beneath_rules(&terms.write, write))?
        .restrict_self()
}
