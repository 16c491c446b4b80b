//! The fences of a worker, tried from the inside: this test's program starts itself again, confines that
//! process as a worker does, and does there what code would do that broke out of its sandbox.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, reason = "a failing test may panic")]
#![allow(unsafe_code, reason = "system calls that no safe library offers are what is tried")]

use dpone_manifest::{Fence, TenantLimits};
use dpone_workers::{Terms, confine};
use libtest_mimic::{Arguments, Trial};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitCode, Output};

const TRY: &str = "DPONE_TEST_TRY";
/// Has the program end at once.
const NOTHING: &str = "--nothing";
const FOLDER: &str = "DPONE_TEST_FOLDER";
const REQUIRED: &[Fence] = &[Fence::Landlock, Fence::Seccomp];

/// Two tenants' folders, something to listen to, and what is lent to the first tenant.
struct House {
    folder: tempfile::TempDir,
    server: TcpListener,
    _socket: UnixListener,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("own/state.db", "mine"),
            ("other/state.db", "theirs"),
            ("manifests/orders.yaml", "name: orders"),
            ("profiles/prod.yaml", "token: s3cret"),
        ] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("../other", folder.path().join("own/link")).unwrap();
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _socket = UnixListener::bind(folder.path().join("own/socket")).unwrap();
        Self { folder, server, _socket }
    }

    /// Does `what` in a confined process.
    fn attempt(&self, what: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .env(TRY, what)
            .env(FOLDER, self.folder.path())
            .env("DPONE_TEST_PORT", self.server.local_addr().unwrap().port().to_string())
            .output()
            .unwrap()
    }

    fn outcome(&self, what: &str) -> Option<String> {
        let said = String::from_utf8_lossy(&self.attempt(what).stdout).into_owned();
        said.lines().find_map(|line| line.strip_prefix("OUTCOME ")).map(str::to_owned)
    }

    #[track_caller]
    fn expect(&self, what: &str, outcome: &str) {
        assert_eq!(self.outcome(what).as_deref(), Some(outcome), "{what}");
    }
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == NOTHING) {
        return ExitCode::SUCCESS;
    }
    if let (Ok(what), Ok(folder)) = (std::env::var(TRY), std::env::var(FOLDER)) {
        confined_process(&what, Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    let missing = House::new().outcome("read own").filter(|outcome| outcome.starts_with("a worker cannot be confined"));
    if let Some(missing) = &missing {
        println!("SKIPPED: what a confined process may do: {missing}");
    }
    let cases: [(&str, fn()); 5] = [
        ("a_worker_does_what_it_is_there_for", a_worker_does_what_it_is_there_for),
        ("a_worker_reaches_no_file_of_another", a_worker_reaches_no_file_of_another),
        ("a_worker_reaches_no_other_process", a_worker_reaches_no_other_process),
        ("a_worker_gets_nothing_of_the_kernel_that_leads_out", a_worker_gets_nothing_of_the_kernel_that_leads_out),
        ("a_worker_takes_no_more_than_its_limits", a_worker_takes_no_more_than_its_limits),
    ];
    let trial = |(name, case): (&str, fn())| {
        let test = Trial::test(name, move || {
            case();
            Ok(())
        });
        test.with_ignored_flag(missing.is_some())
    };
    libtest_mimic::run(&Arguments::from_args(), cases.into_iter().map(trial).collect()).exit_code()
}

/// The confined process: does one thing and says how it went.
fn confined_process(what: &str, folder: &Path) {
    // Connections to the outside are made ready before the fences stand.
    let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
    let limits = TenantLimits { memory: 256 << 20, files: 128, ..TenantLimits::default() };
    let fences = confine(&Terms {
        limits: &limits,
        require: REQUIRED,
        read: vec![folder.join("manifests")],
        write: vec![folder.join("own")],
        program: std::env::current_exe().unwrap(),
        nice: 0,
        cgroup: None,
    });
    let outcome = match fences {
        Ok(_) => attempt(what, folder, parent).map_or_else(|error| told(&error), |()| "done".to_owned()),
        Err(report) => report.message().to_owned(),
    };
    println!("OUTCOME {outcome}");
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "denied".to_owned(),
        _ => error.to_string(),
    }
}

fn attempt(what: &str, folder: &Path, parent: i32) -> io::Result<()> {
    let call = |number, a: u64, b: u64| {
        // SAFETY: none of these calls takes a pointer that is not null here.
        let answer = unsafe { libc::syscall(number, a, b, 0_u64, 0_u64, 0_u64) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    match what {
        "read own" => fs::read(folder.join("own/state.db")).map(drop),
        "write own" => fs::write(folder.join("own/journal"), "page"),
        "replace own" => fs::rename(folder.join("own/state.db"), folder.join("own/kept.db")),
        "put a whole file in place" => {
            let own = cap_std::fs::Dir::open_ambient_dir(folder.join("own"), cap_std::ambient_authority())?;
            let mut file = cap_tempfile::TempFile::new(&own)?;
            io::Write::write_all(&mut file, b"compiled")?;
            file.replace("entry")
        }
        "follow the operator's links" => fs::read_link(format!("/proc/{parent}/fd/0")).map(drop),
        "read the operator's command line" => fs::read(format!("/proc/{parent}/cmdline")).map(drop),
        "read manifest" => fs::read(folder.join("manifests/orders.yaml")).map(drop),
        "write manifest" => fs::write(folder.join("manifests/orders.yaml"), "name: other"),
        "read other" => fs::read(folder.join("other/state.db")).map(drop),
        "list other" => fs::read_dir(folder.join("other")).map(drop),
        "read other by a link" => fs::read(folder.join("own/link/state.db")).map(drop),
        "read other by dots" => fs::read(folder.join("own/../other/state.db")).map(drop),
        "read other by proc" => {
            fs::read(Path::new("/proc/self/root").join(folder.join("other/state.db").strip_prefix("/").unwrap()))
                .map(drop)
        }
        "move into other" => fs::rename(folder.join("own/state.db"), folder.join("other/planted.db")),
        "link to other" => fs::hard_link(folder.join("other/state.db"), folder.join("own/theirs.db")),
        "read profile" => fs::read(folder.join("profiles/prod.yaml")).map(drop),
        "read passwords" => fs::read("/etc/shadow").map(drop),
        "read the operator's environment" => fs::read(format!("/proc/{parent}/environ")).map(drop),
        "read the operator's memory" => fs::File::open(format!("/proc/{parent}/mem")).map(drop),
        "signal the operator" => call(libc::SYS_kill, parent as u64, 0),
        "trace the operator" => call(libc::SYS_ptrace, libc::PTRACE_ATTACH as u64, parent as u64),
        "run a shell" => Command::new("/bin/sh").args(["-c", "true"]).status().map(drop),
        "run a written program" => {
            let path = folder.join("own/tool");
            fs::copy(std::env::current_exe()?, &path)?;
            Command::new(path).arg(NOTHING).output().map(drop)
        }
        "run itself" => match Command::new(std::env::current_exe()?).arg(NOTHING).output()?.status.success() {
            true => Ok(()),
            false => Err(io::Error::other("it failed")),
        },
        "listen" => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop),
        "connect" => {
            let port: u16 = std::env::var("DPONE_TEST_PORT").unwrap().parse().unwrap();
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop)
        }
        "connect to a socket file" => UnixStream::connect(folder.join("own/socket")).map(drop),
        "a raw socket" => call(libc::SYS_socket, libc::AF_PACKET as u64, libc::SOCK_RAW as u64),
        "a namespace" => call(libc::SYS_unshare, libc::CLONE_NEWUSER as u64, 0),
        "a namespace by clone" => call(libc::SYS_clone, (libc::CLONE_NEWUSER | libc::SIGCHLD) as u64, 0),
        "mount" => call(libc::SYS_mount, 0, 0),
        "bpf" => call(libc::SYS_bpf, 0, 0),
        "a ring" => call(libc::SYS_io_uring_setup, 1, 0),
        "keys" => call(libc::SYS_keyctl, 0, 0),
        "a mode of another's file" => {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.join("other/state.db"), fs::Permissions::from_mode(0o666))
        }
        "a limit of the operator's" => {
            let pid = rustix::process::Pid::from_raw(parent);
            let limit = rustix::process::Rlimit { current: Some(1), maximum: Some(1) };
            rustix::process::prlimit(pid, rustix::process::Resource::Cpu, limit).map(drop).map_err(io::Error::from)
        }
        "the operator's priority" => {
            let pid = rustix::process::Pid::from_raw(parent);
            rustix::process::setpriority_process(pid, 19).map_err(io::Error::from)
        }
        "shared memory" => call(libc::SYS_shmget, 0, 4096),
        "a pair of datagram sockets" => std::os::unix::net::UnixDatagram::pair().map(drop),
        "a pair of stream sockets" => UnixStream::pair().map(drop),
        "a program in memory" => call(libc::SYS_execveat, 0, 0),
        "a capability" => match rustix::thread::capabilities(None)?.permitted {
            own if own.contains(rustix::thread::CapabilitySet::SYS_ADMIN) => Ok(()),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        },
        "another user" => call(libc::SYS_setuid, 0, 0),
        "a thread" => std::thread::spawn(|| ()).join().map_err(|_| io::Error::other("it panicked")),
        "much memory" => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            for _ in 0..64 {
                let mut block = Vec::new();
                block.try_reserve_exact(16 << 20).map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
                block.resize(16 << 20, 1_u8);
                held.push(block);
            }
            Ok(())
        }
        "many files" => {
            let open = |_| fs::File::open(folder.join("own/state.db"));
            let held: io::Result<Vec<fs::File>> = (0..200).map(open).collect();
            held.map(drop).map_err(|_| io::ErrorKind::PermissionDenied.into())
        }
        "a core file" => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
            if limit.maximum == Some(0) { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        }
        other => Err(io::Error::other(format!("nobody knows how to {other}"))),
    }
}

fn a_worker_does_what_it_is_there_for() {
    let house = House::new();
    for what in [
        "read own",
        "write own",
        "replace own",
        "put a whole file in place",
        "read manifest",
        "run itself",
        "connect",
        "a thread",
        "a pair of stream sockets",
    ] {
        house.expect(what, "done");
    }
}

fn a_worker_reaches_no_file_of_another() {
    let house = House::new();
    for what in [
        "write manifest",
        "read other",
        "list other",
        "read other by a link",
        "read other by dots",
        "read other by proc",
        "read profile",
        "read passwords",
    ] {
        house.expect(what, "denied");
    }
    for what in ["move into other", "link to other"] {
        // EXDEV is how Landlock says that a file may not change its rules by moving.
        let output = house.attempt(what);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("OUTCOME denied") || said.contains("cross-device"), "{what}: {said}");
    }
    assert_eq!(fs::read_to_string(house.folder.path().join("other/state.db")).unwrap(), "theirs");
    assert!(!house.folder.path().join("other/planted.db").exists());
}

fn a_worker_reaches_no_other_process() {
    let house = House::new();
    for what in [
        "read the operator's environment",
        "read the operator's memory",
        "follow the operator's links",
        "read the operator's command line",
        "signal the operator",
        "trace the operator",
        "run a shell",
        "run a written program",
        "connect to a socket file",
        "a limit of the operator's",
        "the operator's priority",
        "a mode of another's file",
    ] {
        house.expect(what, "denied");
    }
}

fn a_worker_gets_nothing_of_the_kernel_that_leads_out() {
    let house = House::new();
    for what in [
        "listen",
        "a raw socket",
        "a namespace",
        "a namespace by clone",
        "mount",
        "bpf",
        "a ring",
        "keys",
        "another user",
        "shared memory",
        "a pair of datagram sockets",
        "a program in memory",
        "a capability",
    ] {
        house.expect(what, "denied");
    }
}

fn a_worker_takes_no_more_than_its_limits() {
    let house = House::new();
    for what in ["much memory", "many files", "a core file"] {
        house.expect(what, "denied");
    }
}
