//! Control groups: what all processes of a tenant may use together. The supervisor makes one for each
//! worker, where the kernel and this user's rights allow it.
//!
//! Version 2 wants a subtree that was delegated and whose root holds no process: under systemd a unit with
//! `Delegate=yes` and `DelegateSubgroup=`. Version 1 has a tree for each controller.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Processes and threads of one tenant.
const MAX_TASKS: u64 = 1024;

/// A worker's own group. It goes when this value does; by then the worker has to have ended.
#[derive(Debug)]
pub(crate) struct Group {
    folders: Vec<PathBuf>,
    /// 1 or 2.
    version: u8,
}

impl Group {
    /// Makes a group below this process's own. `share` is relative to 1.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub fn make(name: &str, memory_bytes: u64, share: u32, largest_share: u32) -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
        Self::make_in(&Trees::find(&own, &mounts)?, name, memory_bytes, weight(share, largest_share))
    }

    /// `weight` is of 10,000.
    fn make_in(trees: &Trees, name: &str, memory_bytes: u64, weight: u64) -> Result<Self, String> {
        let told = |folder: &Path| {
            let folder = folder.display().to_string();
            move |error: io::Error| format!("{folder}: {error}")
        };
        match trees {
            Trees::Unified(own) => {
                let root = delegated(own)?;
                let group = Self { folders: vec![root.join(name)], version: 2 };
                group.create().map_err(told(&root))?;
                group.set(0, "cpu.weight", weight).map_err(told(&root))?;
                group.set(0, "memory.max", memory_bytes).map_err(told(&root))?;
                group.set(0, "memory.oom.group", 1).map_err(told(&root))?;
                group.set(0, "pids.max", MAX_TASKS).map_err(told(&root))?;
                Ok(group)
            }
            Trees::Split { memory, cpu, pids } => {
                let group = Self { folders: vec![memory.join(name), cpu.join(name), pids.join(name)], version: 1 };
                group.create().map_err(told(memory))?;
                group.set(0, "memory.limit_in_bytes", memory_bytes).map_err(told(memory))?;
                // 2 is the least; 1024 what a group has that nobody weighed.
                group.set(1, "cpu.shares", (weight * 1024 / 100).max(2)).map_err(told(cpu))?;
                group.set(2, "pids.max", MAX_TASKS).map_err(told(pids))?;
                Ok(group)
            }
        }
    }

    /// Moves a process into it.
    pub fn add(&self, pid: u32) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| fs::write(folder.join("cgroup.procs"), pid.to_string()))
    }

    /// Whether the kernel ended a process of it for want of memory.
    pub fn ran_out_of_memory(&self) -> bool {
        let file = if self.version == 2 { "memory.events" } else { "memory.oom_control" };
        let counts = self.folders.first().and_then(|folder| fs::read_to_string(folder.join(file)).ok());
        let kills = |line: &str| line.strip_prefix("oom_kill ").and_then(|count| count.trim().parse::<u64>().ok());
        counts.is_some_and(|text| text.lines().filter_map(kills).any(|count| count > 0))
    }

    pub fn named(&self) -> String {
        format!("v{}", self.version)
    }

    fn create(&self) -> io::Result<()> {
        self.folders.iter().try_for_each(fs::create_dir)
    }

    fn set(&self, folder: usize, file: &str, value: u64) -> io::Result<()> {
        self.folders.get(folder).map_or(Ok(()), |folder| fs::write(folder.join(file), value.to_string()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Version 2 can end what is left in one go; a process that still ends keeps the folder.
            let _ = fs::write(folder.join("cgroup.kill"), "1");
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Where this process's own groups are.
#[derive(Debug, PartialEq, Eq)]
enum Trees {
    Unified(PathBuf),
    Split { memory: PathBuf, cpu: PathBuf, pids: PathBuf },
}

impl Trees {
    /// By proc_pid_cgroup(5) and proc_pid_mountinfo(5).
    fn find(own: &str, mounts: &str) -> Result<Self, String> {
        let split = |controller: &str| {
            let path = own.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let named = parts.next()?.split(',').any(|name| name == controller);
                parts.next().filter(|_| named)
            })?;
            mounted(mounts, "cgroup", Some(controller), path)
        };
        if let (Some(memory), Some(cpu), Some(pids)) = (split("memory"), split("cpu"), split("pids")) {
            return Ok(Self::Split { memory, cpu, pids });
        }
        let unified = own.lines().find_map(|line| line.strip_prefix("0::"));
        let unified = unified.and_then(|path| mounted(mounts, "cgroup2", None, path));
        unified.map(Self::Unified).ok_or_else(|| "none is mounted".to_owned())
    }
}

/// The folder of a group in the file system that holds it.
fn mounted(mounts: &str, kind: &str, controller: Option<&str>, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let is_kind = after.next()? == kind;
        let options = after.nth(1).unwrap_or_default();
        let has = controller.is_none_or(|controller| options.split(',').any(|option| option == controller));
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        // A container sees a part of the tree, and its own path from the tree's root or from its own.
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path);
        (is_kind && has).then(|| Path::new(point).join(below.trim_start_matches('/')))
    })
}

/// The part of 10,000 that a share is, where the largest has all of it.
fn weight(share: u32, largest: u32) -> u64 {
    // Small shares keep the usual weight of 100 each, so that other groups beside them stay comparable.
    let scale = if largest <= 100 { 100 } else { 10_000 / u64::from(largest.max(1)) };
    (u64::from(share) * scale.max(1)).clamp(1, 10_000)
}

/// The nearest group that may have children with controllers: the own one, or the one around it. To root
/// the one around is open even where nobody delegated it, and leads out of the service's own bounds.
fn delegated(own: &Path) -> Result<PathBuf, String> {
    let around = own.parent().filter(|_| !rustix::process::geteuid().is_root() || cfg!(test));
    let mut cause = String::new();
    for folder in [Some(own), around].into_iter().flatten() {
        match fs::write(folder.join("cgroup.subtree_control"), "+cpu +memory +pids") {
            Ok(()) => return Ok(folder.to_owned()),
            Err(error) => cause = format!("{}: {error}", folder.display()),
        }
    }
    Err(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLIT: &str = "12:memory:/jobs/a\n4:cpu,cpuacct:/jobs/a\n5:pids:/\n0::/jobs/a\n";
    const SPLIT_MOUNTS: &str = "\
30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
";

    #[test]
    fn the_own_groups_are_found_in_either_version() {
        let split = Trees::Split {
            memory: "/sys/fs/cgroup/memory/jobs/a".into(),
            cpu: "/sys/fs/cgroup/cpu,cpuacct/jobs/a".into(),
            pids: "/sys/fs/cgroup/pids".into(),
        };
        assert_eq!(Trees::find(SPLIT, SPLIT_MOUNTS), Ok(split));
        let mounts = "29 23 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(
            Trees::find("0::/system.slice/dpone.service/main\n", mounts),
            Ok(Trees::Unified("/sys/fs/cgroup/system.slice/dpone.service/main".into()))
        );
        assert!(Trees::find("0::/\n", "").is_err());
    }

    /// The files of a group as plain files: what is written where, without rights to make one.
    #[test]
    fn the_second_version_is_weighed_and_bounded_below_the_delegated_group() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("dpone.service");
        fs::create_dir_all(unit.join("main")).unwrap();
        // The own group has processes, so that the kernel refuses; a folder in the file's place does as well.
        fs::create_dir(unit.join("main/cgroup.subtree_control")).unwrap();
        let group = Group::make_in(&Trees::Unified(unit.join("main")), "sales", 1 << 30, weight(3, 3)).unwrap();
        let read = |file: &str| fs::read_to_string(unit.join("sales").join(file)).unwrap();
        assert_eq!((read("cpu.weight"), read("memory.max")), ("300".into(), (1u64 << 30).to_string()));
        fs::write(unit.join("sales/memory.events"), "low 0\noom 1\noom_kill 1\n").unwrap();
        assert!(group.ran_out_of_memory());
    }

    #[test]
    fn shares_keep_their_ratio_within_what_the_kernel_takes() {
        assert_eq!((weight(3, 3), weight(1, 3)), (300, 100));
        assert_eq!((weight(1000, 1000), weight(500, 1000), weight(1, 1000)), (10_000, 5_000, 10));
    }

    #[test]
    fn the_first_version_has_a_folder_for_each_controller() {
        let root = tempfile::tempdir().unwrap();
        let [memory, cpu, pids] = ["memory", "cpu", "pids"].map(|name| root.path().join(name));
        for folder in [&memory, &cpu, &pids] {
            fs::create_dir_all(folder).unwrap();
        }
        let trees = Trees::Split { memory: memory.clone(), cpu: cpu.clone(), pids };
        let group = Group::make_in(&trees, "ops", 5, weight(2, 2)).unwrap();
        group.add(77).unwrap();
        assert_eq!(fs::read_to_string(cpu.join("ops/cpu.shares")).unwrap(), "2048");
        assert_eq!(fs::read_to_string(memory.join("ops/cgroup.procs")).unwrap(), "77");
        assert!(!group.ran_out_of_memory());
    }
}
