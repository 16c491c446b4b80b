//! seccomp: system calls that no worker needs and that lead out of what confines it.

use libc::{c_long, *};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Answered with EPERM, so that a library that only tries goes on without.
const REFUSED: &[c_long] = &[
    // Other processes.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_process_madvise,
    // Namespaces, mounts and roots.
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_swapon,
    SYS_swapoff,
    // Files by handles instead of paths; device nodes.
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_mknodat,
    // The kernel itself.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_syslog,
    SYS_acct,
    SYS_quotactl,
    SYS_vhangup,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_personality,
    SYS_fanotify_init,
    // Rings take system calls past this filter.
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    // Keys, users and groups.
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_setgroups,
    SYS_capset,
    // Owners, modes and times of files by their paths, which Landlock knows nothing of. What is open may
    // be changed by its handle.
    SYS_fchmodat,
    FCHMODAT2,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_utimensat,
    // Calls to what all processes of this user share.
    SYS_shmget,
    SYS_shmat,
    SYS_semget,
    SYS_msgget,
    SYS_mq_open,
    SYS_setpriority,
    SYS_ioprio_set,
    // Programs that lie in no file.
    SYS_execveat,
];

/// Newer than the library's list; one number on every architecture.
const FCHMODAT2: c_long = 452;

/// Calls that the x86-64 alone has beside their newer forms.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_mknod];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Calls that take a process as their first argument; they are for this one alone, by 0.
const OWN_ALONE: &[c_long] = &[
    SYS_prlimit64,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_migrate_pages,
    SYS_move_pages,
];

/// The part of a socket's type that is no flag.
const SOCKET_TYPE: u64 = 0xf;

/// A second set of numbers for the same calls, which x86-64 kernels may have (x32).
const X32: c_long = 0x4000_0000;

/// New namespaces by way of a new process.
const NAMESPACES: u64 =
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) as u64;

/// Filters this thread and all that come after it.
pub(super) fn filter() -> Result<String, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    // The flags of clone3 lie in memory, where no filter looks. Told that there is no such call, the C
    // library makes its threads by clone.
    let no_clone3 = BTreeMap::from([(SYS_clone3, Vec::new())]);
    let filters = [(rules()?, EPERM), (no_clone3, ENOSYS)];
    for (rules, errno) in filters {
        let answer = SeccompAction::Errno(errno as u32);
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).map_err(|error| error.to_string())?;
        let program: BpfProgram = filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
        seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(String::new())
}

fn rules() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, String> {
    let refused = REFUSED.iter().chain(OLDER);
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = refused.map(|call| (*call, Vec::new())).collect();
    for call in OWN_ALONE {
        rules.insert(*call, vec![rule(vec![condition(0, SeccompCmpOp::Ne, 0)?])?]);
    }
    // Sockets: IP, and the kernel's own for addresses. A socket of the file system leads to services of
    // this machine that take their caller for the operator.
    let families = [AF_INET, AF_INET6, AF_NETLINK];
    let not = |family: &i32| condition(0, SeccompCmpOp::Ne, *family as u64);
    let other = rule(families.iter().map(not).collect::<Result<_, _>>()?)?;
    let netlink = condition(0, SeccompCmpOp::Eq, AF_NETLINK as u64)?;
    let not_routes = rule(vec![netlink, condition(2, SeccompCmpOp::Ne, NETLINK_ROUTE as u64)?])?;
    rules.insert(SYS_socket, vec![other, not_routes]);
    // One of a pair of datagram sockets can send to any path.
    let datagrams = condition(1, SeccompCmpOp::MaskedEq(SOCKET_TYPE), SOCK_DGRAM as u64)?;
    rules.insert(SYS_socketpair, vec![rule(vec![datagrams])?]);
    let mut cloning = Vec::new();
    for flag in (0..u64::BITS).map(|bit| 1 << bit).filter(|flag| NAMESPACES & flag != 0) {
        cloning.push(rule(vec![condition(0, SeccompCmpOp::MaskedEq(flag), flag)?])?);
    }
    rules.insert(SYS_clone, cloning);
    let again = rules.keys().filter(|_| cfg!(target_arch = "x86_64")).map(|call| (call | X32, Vec::new()));
    let again: Vec<_> = again.collect();
    rules.extend(again);
    Ok(rules)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, String> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(|error| error.to_string())
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, String> {
    SeccompRule::new(conditions).map_err(|error| error.to_string())
}
