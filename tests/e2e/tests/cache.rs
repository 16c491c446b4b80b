//! The cache of compiled components: one a user, filled ahead or by the first run, and nobody else's.

use dpone_harness::{GUIDE, Ran, Stand, Workspace, components};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A working folder with one component.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    std::fs::copy(components::AMOUNTS, workspace.path().join("amounts.wasm")).unwrap();
    workspace
}

/// A command under a home of its own, and no other word of where the cache is.
fn at_home(workspace: &Workspace, home: &Path, arguments: &[&str]) -> Command {
    let mut command = workspace.command(arguments);
    command.env_remove("DPONE_CACHE_DIR").env_remove("XDG_CACHE_HOME").env("HOME", home);
    command
}

fn ran(mut command: Command) -> Ran {
    Ran::from(command.output().unwrap())
}

const COMPILE: [&str; 5] = ["plugin", "compile", "amounts.wasm", "--format", "json"];

/// Compiled code in a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "cwasm")).collect();
    entries.sort();
    entries
}

fn cached(ran: &Ran) -> bool {
    ran.expect_exit(0).json()[0]["cached"].as_bool().unwrap()
}

#[test]
fn a_user_compiles_a_component_once_for_all_working_folders() {
    let (first, second, home) = (workspace(), workspace(), Workspace::new());
    let made = ran(at_home(&first, home.path(), &COMPILE));
    assert!(!cached(&made));
    let folder = home.path().join(".cache/dpone");
    let one = &made.json()[0];
    assert_eq!(entries(&folder), [PathBuf::from(one["file"].as_str().unwrap())]);
    assert_eq!(one["sha256"].as_str().unwrap().len(), 64);
    assert!(one["compile_ms"].as_u64().unwrap() > 0, "{one}");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("key"))), (0o700, 0o600));

    assert!(cached(&ran(at_home(&second, home.path(), &COMPILE))), "another working folder");
    assert!(!second.path().join(".dpone/cache").exists());
    let mut elsewhere = at_home(&second, home.path(), &COMPILE);
    elsewhere.env("XDG_CACHE_HOME", home.path().join("xdg"));
    assert!(!cached(&ran(elsewhere)));
    assert_eq!(entries(&home.path().join("xdg/dpone")).len(), 1);

    // Without a home there is the working folder.
    let mut homeless = at_home(&second, home.path(), &COMPILE);
    homeless.env_remove("HOME");
    assert!(!cached(&ran(homeless)));
    assert_eq!(entries(&second.path().join(".dpone/cache")).len(), 1);
}

#[test]
fn a_cache_that_another_user_could_write_is_not_used() {
    let (mut workspace, home) = (workspace(), Workspace::new());
    let open = |folder: &Path| {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    };
    let users = home.path().join(".cache/dpone");
    open(&users);
    let made = ran(at_home(&workspace, home.path(), &COMPILE));
    assert!(!cached(&made));
    made.expect_error(&["may be written by others (mode 777)", ".dpone/cache is used instead"]);
    assert_eq!((entries(&users).len(), entries(&workspace.path().join(".dpone/cache")).len()), (0, 1));

    let named = home.path().join("named");
    open(&named);
    workspace.set("DPONE_CACHE_DIR", named.to_str().unwrap());
    workspace.dpone(&COMPILE).expect_exit(40).expect_error(&["DP1009", "mode 777", "remove the folder"]);
    assert!(entries(&named).is_empty());
}

#[test]
fn several_processes_fill_one_cache() {
    let (workspace, home) = (workspace(), Workspace::new());
    let start = |_| {
        let mut command = at_home(&workspace, home.path(), &COMPILE);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = (0..3).map(start).collect();
    for child in started {
        let ran = Ran::from(child.wait_with_output().unwrap());
        ran.expect_exit(0);
        assert!(!ran.stderr.contains("DP0317"), "an entry is signed with the key that stays: {}", ran.stderr);
    }
    assert!(cached(&ran(at_home(&workspace, home.path(), &COMPILE))));
    let files = std::fs::read_dir(home.path().join(".cache/dpone")).unwrap().count();
    assert_eq!(files, 3, "the entry, the key and the judgement of the schema; nothing half-written stays");
}

#[test]
fn a_run_after_plugin_compile_compiles_nothing() {
    let stand = Stand::small();
    let mut workspace = stand.workspace();
    let cache = workspace.path().join("image/cache");
    workspace.set("DPONE_CACHE_DIR", cache.to_str().unwrap());
    std::fs::copy(components::AMOUNTS, workspace.path().join("amounts.wasm")).unwrap();
    workspace.write(
        "guide.yaml",
        GUIDE.replace(
            "  checks:\n",
            "  checks:\n    - { uses: ./amounts.wasm, with: { field: order_id, max: 1000000 } }\n",
        ),
    );
    let filled = workspace.dpone(&["plugin", "compile", "guide.yaml", "--format", "json"]);
    let filled = filled.expect_exit(0).json();
    let uses: Vec<&str> = filled.as_array().unwrap().iter().map(|one| one["uses"].as_str().unwrap()).collect();
    assert_eq!(uses, ["builtin:cursor", "./amounts.wasm", "builtin:min-rows", "builtin:source-target-count"]);
    let before = entries(&cache);
    assert_eq!(before.len(), 4);
    let written = |files: &[PathBuf]| -> Vec<_> {
        files.iter().map(|file| std::fs::metadata(file).unwrap().modified().unwrap()).collect()
    };
    let at = written(&before);
    // An image's file system may be read-only: what is there is used, and nothing is written.
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o500)).unwrap();
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(0);
    assert_eq!((entries(&cache), written(&before)), (before.clone(), at));
    for plugin in ["builtin:cursor", "./amounts.wasm"] {
        assert!(cached(&workspace.dpone(&["plugin", "compile", plugin, "--format", "json"])), "{plugin}");
    }
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn plugin_compile_names_what_it_made_and_what_it_cannot() {
    let workspace = workspace();
    let text = workspace.dpone(&["plugin", "compile", "--builtins", "amounts.wasm"]).expect_exit(0).stdout.clone();
    for named in ["builtin:cursor  cursor ", "builtin:unique  unique ", "amounts.wasm  amounts ", "sha256 ", ".cwasm"] {
        assert!(text.contains(named), "{named}: {text}");
    }
    workspace.write("broken.wasm", "\0asm and no more");
    workspace.write("broken.yaml", "name: x\n");
    let ran = workspace.dpone(&["plugin", "compile", "broken.wasm", "broken.yaml", "nobody", "amounts.wasm"]);
    ran.expect_exit(10).expect_error(&["DP0302", "broken.yaml", "no plugin `nobody`"]);
    assert!(ran.stdout.contains("amounts.wasm"), "the others are compiled all the same: {}", ran.stdout);
    workspace.dpone(&["plugin", "compile"]).expect_exit(2);
    let none: Value = workspace.dpone(&["plugin", "compile", "nobody", "--format", "json"]).json();
    assert_eq!(none, serde_json::json!([]));
}
