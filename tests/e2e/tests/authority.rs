//! The identity and the rights of a plugin are written down and held: lock files and signatures.

use dpone_harness::{GUIDE, Ran, Stand, Workspace, components};
use dpone_local::{Fault, FaultKind};
use minisign::KeyPair;
use std::io::Cursor;

const MASK: &str = "{ uses: ./mask.wasm, with: { field: status } }";

fn with_transforms(transforms: &[&str]) -> String {
    let lines: String = transforms.iter().map(|transform| format!("  - {transform}\n")).collect();
    format!("{GUIDE}\ntransforms:\n{lines}")
}

/// Puts the file of a test component beside the manifest, under another name.
fn place(workspace: &Workspace, component: &str, name: &str) {
    std::fs::copy(components::path(component).unwrap(), workspace.path().join(name)).unwrap();
}

/// A manifest with one component of a user.
fn masked(stand: &Stand) -> Workspace {
    let workspace = stand.workspace();
    place(&workspace, "mask-email", "mask.wasm");
    workspace.write("guide.yaml", with_transforms(&[MASK]));
    workspace
}

fn lock(workspace: &Workspace) -> Ran {
    workspace.dpone(&["plugin", "lock", "guide.yaml"])
}

/// `check`, `plan` and `run` of the guide's manifest, each with these further arguments.
fn each_command(workspace: &Workspace, further: &[&str], judge: impl Fn(&Ran)) {
    for command in ["check", "plan", "run"] {
        let arguments = [&[command, "guide.yaml", "--profile", "test"], further].concat();
        judge(&workspace.dpone(&arguments));
    }
}

#[test]
fn a_locked_run_says_so_and_a_lock_can_be_demanded() {
    let stand = Stand::small();
    let workspace = masked(&stand);
    each_command(&workspace, &["--locked"], |ran| {
        ran.expect_exit(12).expect_error(&["DP0331", "guide.lock", "dpone plugin lock guide.yaml"]);
    });
    assert_eq!(stand.page_requests(), 0);
    let locked = lock(&workspace);
    assert!(locked.expect_exit(0).stdout.contains("guide.lock: 4 plugins locked"), "{}", locked.stdout);
    let text = std::fs::read_to_string(workspace.path().join("guide.lock")).unwrap();
    for says in ["version: 1\n", "uses: ./mask.wasm", "kind: transform", "name: mask-email", "sha256: ", "memory_bytes"]
    {
        assert!(text.contains(says), "{says}: {text}");
    }
    let again = lock(&workspace);
    assert!(again.expect_exit(0).stdout.contains("nothing has changed or grown"), "{}", again.stdout);
    assert_eq!(text, std::fs::read_to_string(workspace.path().join("guide.lock")).unwrap());

    let check = workspace.dpone(&["check", "guide.yaml", "--locked", "--format", "json"]).expect_exit(0).json();
    assert_eq!(check["lock"]["file"], "guide.lock");
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--locked"]);
    assert!(plan.expect_exit(0).stdout.contains("**Locked**: by `guide.lock`"), "{}", plan.stdout);
    let reviewed = ["plan", "guide.yaml", "--profile", "test", "--out", "plan.json", "--format", "json"];
    assert_eq!(workspace.dpone(&reviewed).expect_exit(0).json()["lock"]["file"], "guide.lock");
    let run = workspace.dpone(&["run", "--plan", "plan.json", "--locked", "--format", "json"]).expect_exit(0).json();
    assert_eq!(run["lock"]["file"], "guide.lock");
    assert_eq!(run["lock"]["sha256"].as_str().unwrap().len(), 64);

    place(&workspace, "liar", "mask.wasm");
    workspace.dpone(&["run", "--plan", "plan.json"]).expect_exit(12).expect_error(&["DP0330", "mask.wasm"]);
}

#[test]
fn another_component_and_grown_authority_are_refused_line_by_line() {
    let stand = Stand::small();
    let workspace = masked(&stand);
    lock(&workspace).expect_exit(0);
    let refused = |manifest: &str, says: &[&str]| {
        workspace.write("guide.yaml", manifest);
        each_command(&workspace, &[], |ran| {
            ran.expect_exit(12).expect_error(&["DP0330", "guide.lock", "dpone plugin lock guide.yaml"]);
            ran.expect_error(says);
        });
    };
    workspace.write("tables/x.csv", "");
    let grown = "{ uses: ./mask.wasm, with: { field: status }, grants: { files: tables, clock: real }, limits: { memory: 1GiB, deadline: 2s } }";
    refused(
        &with_transforms(&[grown]),
        &[
            "transforms[0] (./mask.wasm): grants.files: new folder `tables`",
            "transforms[0] (./mask.wasm): grants.clock: fixed → real",
            "transforms[0] (./mask.wasm): limits.memory: 128 MiB → 1 GiB",
            "transforms[0] (./mask.wasm): limits.deadline: 1 s → 2 s",
        ],
    );
    place(&workspace, "amounts", "amounts.wasm");
    let check = "  checks:\n    - { uses: ./amounts.wasm, with: { field: amount, max: 9999999 }, id: not_dear }\n";
    refused(
        &with_transforms(&[MASK]).replace("  checks:\n", check),
        &["quality.checks[0] (./amounts.wasm): is not in the lock file"],
    );
    let before = std::fs::read(workspace.path().join("mask.wasm")).unwrap();
    place(&workspace, "hostile-transform", "mask.wasm");
    refused(
        &with_transforms(&[MASK]),
        &["transforms[0] (./mask.wasm): sha256 ", " → ", "name mask-email → hostile-transform"],
    );
    assert_eq!(stand.page_requests(), 0, "nothing was fetched");

    // Less than what was locked is fine, and an entry that nobody needs is told.
    workspace.write("mask.wasm", before);
    let smaller = "{ uses: ./mask.wasm, with: { field: status }, limits: { memory: 64MiB } }";
    workspace.write("guide.yaml", with_transforms(&[smaller]));
    workspace.dpone(&["check", "guide.yaml"]).expect_exit(0);
    workspace.write("guide.yaml", GUIDE);
    let unused = "guide.lock: transform ./mask.wasm is no longer used";
    let check = workspace.dpone(&["check", "guide.yaml"]);
    assert!(check.expect_exit(0).stdout.contains(unused), "{}", check.stdout);
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test"]);
    assert!(plan.expect_exit(0).stdout.contains(unused), "{}", plan.stdout);
    let run = workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"]);
    assert!(run.expect_exit(0).json()["warnings"].to_string().contains(unused), "{}", run.stdout);

    // The rights that a new lock adds are printed, for the commit's message.
    workspace.write("guide.yaml", with_transforms(&[grown]));
    let again = lock(&workspace);
    assert!(again.expect_exit(0).stdout.contains("grants.files: new folder `tables`"), "{}", again.stdout);
    workspace.dpone(&["check", "guide.yaml", "--locked"]).expect_exit(0);
}

#[test]
fn a_lock_that_is_none_is_told_and_a_broken_manifest_writes_none() {
    let stand = Stand::small();
    let workspace = masked(&stand);
    lock(&workspace).expect_exit(0);
    let good = std::fs::read_to_string(workspace.path().join("guide.lock")).unwrap();
    for (text, says) in [
        (good.replace("version: 1\n", "version: 9\n"), "version 9"),
        (good.replace("sha256:", "sha265:"), "sha265"),
        (good[..good.len() / 2 + 7].to_owned(), "guide.lock:"),
        ("\u{1}".to_owned(), "guide.lock"),
        ("a: *b".to_owned(), "guide.lock"),
    ] {
        workspace.write("guide.lock", text);
        each_command(&workspace, &[], |ran| {
            ran.expect_exit(12).expect_error(&["DP0332", says, "dpone plugin lock"]);
        });
    }
    workspace.write("guide.lock", [0xff, 0xfe]);
    workspace.dpone(&["check", "guide.yaml"]).expect_exit(12).expect_error(&["DP0332", "not UTF-8"]);
    // A damaged lock is replaced by a good one.
    lock(&workspace).expect_exit(0);
    assert_eq!(good, std::fs::read_to_string(workspace.path().join("guide.lock")).unwrap());

    workspace.write("other.yaml", with_transforms(&["{ uses: ./mask.wasm, with: { feild: status } }"]));
    workspace.dpone(&["plugin", "lock", "other.yaml"]).expect_exit(10).expect_error(&["DP0113", "feild"]);
    assert!(!workspace.path().join("other.lock").exists());
    workspace.write("itself.lock", GUIDE);
    workspace.dpone(&["plugin", "lock", "itself.lock"]).expect_exit(2).expect_error(&["itself.lock"]);
    assert_eq!(GUIDE, std::fs::read_to_string(workspace.path().join("itself.lock")).unwrap());
}

#[test]
fn a_resumed_run_is_held_to_the_lock_too() {
    let stand = Stand::small();
    stand.misbehave(vec![Fault::at_page(2, FaultKind::Html)]);
    let workspace = masked(&stand);
    let run = workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"]).expect_exit(20).json();
    let run_id = run["run_id"].as_str().unwrap();
    stand.misbehave(Vec::new());
    workspace.dpone(&["resume", run_id, "--locked"]).expect_exit(12).expect_error(&["DP0331"]);
    lock(&workspace).expect_exit(0);
    let resumed = workspace.dpone(&["resume", run_id, "--locked", "--format", "json"]).expect_exit(0).json();
    assert_eq!(resumed["lock"]["file"], "guide.lock");
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 30);
}

fn key(workspace: &Workspace, file: &str) -> KeyPair {
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    workspace.write(file, pair.pk.to_box().unwrap().to_string());
    pair
}

fn sign(workspace: &Workspace, pair: &KeyPair, file: &str) {
    let bytes = std::fs::read(workspace.path().join(file)).unwrap();
    let signature = minisign::sign(None, &pair.sk, Cursor::new(bytes), Some("released"), None).unwrap();
    workspace.write(&format!("{file}.minisig"), signature.to_string());
}

#[test]
fn signatures_are_verified_where_they_are_demanded() {
    let stand = Stand::small();
    let workspace = masked(&stand);
    let (ours, other) = (key(&workspace, "ours.pub"), key(&workspace, "other.pub"));
    let demand = ["--require-signed", "ours.pub"];
    let refused = |code: &str, says: &[&str]| {
        each_command(&workspace, &demand, |ran| {
            ran.expect_exit(12).expect_error(&[code, "mask.wasm", "guide.yaml:"]).expect_error(says);
        });
    };
    refused("DP0333", &["is not signed", "mask.wasm.minisig", "minisign -S"]);
    sign(&workspace, &other, "mask.wasm");
    refused("DP0334", &["is signed by the key", "trusted: "]);
    sign(&workspace, &ours, "mask.wasm");
    let signature = std::fs::read_to_string(workspace.path().join("mask.wasm.minisig")).unwrap();
    workspace.write("mask.wasm.minisig", &signature[..signature.len() / 2]);
    refused("DP0336", &["is no signature"]);
    workspace.write("mask.wasm.minisig", &signature);
    place(&workspace, "liar", "mask.wasm");
    refused("DP0335", &["is not a signature of these bytes"]);
    assert_eq!(stand.page_requests(), 0, "nothing was fetched");

    place(&workspace, "mask-email", "mask.wasm");
    for path in ["none.pub", "mask.wasm", "guide.yaml"] {
        let ran = workspace.dpone(&["check", "guide.yaml", "--require-signed", path]);
        ran.expect_exit(12).expect_error(&["DP0337", path]);
    }
    // Any of the trusted keys will do; the built-in components of the manifest need none.
    let any = ["--require-signed", "other.pub", "--require-signed", "ours.pub"];
    let check = workspace.dpone(&[&["check", "guide.yaml", "--format", "json"], &any[..]].concat());
    let check = check.expect_exit(0).json();
    let signed: Vec<_> = check["plugins"].as_array().unwrap().iter().filter(|p| p["signed"].is_object()).collect();
    assert_eq!(signed.len(), 1, "{check}");
    let key_id = signed[0]["signed"]["key_id"].as_str().unwrap();
    assert_eq!(
        (signed[0]["uses"].as_str(), signed[0]["signed"]["comment"].as_str()),
        (Some("./mask.wasm"), Some("released"))
    );
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--require-signed", "ours.pub"]);
    assert!(plan.expect_exit(0).stdout.contains(&format!(", signed by {key_id}")), "{}", plan.stdout);
    let run = ["run", "guide.yaml", "--profile", "test", "--format", "json", "--require-signed", "ours.pub"];
    let run = workspace.dpone(&run).expect_exit(0).json();
    let signers: Vec<_> = run["plugins"].as_array().unwrap().iter().filter_map(|p| p["signed_by"].as_str()).collect();
    assert_eq!(signers, [key_id]);
}

#[test]
fn inspect_shows_who_a_plugin_is_and_what_it_can_ask_for() {
    let workspace = Workspace::new();
    place(&workspace, "lookup", "lookup.wasm");
    let signer = key(&workspace, "ours.pub");
    let inspect = |further: &[&str]| workspace.dpone(&[&["plugin", "inspect", "./lookup.wasm"], further].concat());
    let text = inspect(&[]).expect_exit(0).stdout.clone();
    for says in [
        "plugin       lookup 0.",
        "kind         transform",
        "contract     dpone:plugin@0.1.0",
        "size         ",
        "compiled     in ",
        "signature    none",
        "limits       memory 128 MiB, deadline 1 s",
        "wasi:filesystem: files",
        "`grants.files: FOLDER` gives one",
        "`grants.clock: real`",
        "option  takes   default   what it is",
        "file    string  required  Path of the table",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    sign(&workspace, &signer, "lookup.wasm");
    assert!(inspect(&[]).expect_exit(0).stdout.contains("not verified (--require-signed"), "{text}");
    let verified = inspect(&["--require-signed", "ours.pub", "--format", "json"]).expect_exit(0).json();
    assert_eq!(
        (&verified["signature"]["is"], &verified["signature"]["comment"]),
        (&"verified".into(), &"released".into())
    );
    assert_eq!(verified["options"][0]["name"], "file");
    assert_eq!(verified["identity"]["sha256"].as_str().unwrap().len(), 64);
    assert!(verified["asks"].to_string().contains("wasi:filesystem/preopens"), "{verified}");
    key(&workspace, "other.pub");
    inspect(&["--require-signed", "other.pub"]).expect_exit(12).expect_error(&["DP0334"]);
    let builtin = workspace.dpone(&["plugin", "inspect", "builtin:cursor", "--require-signed", "ours.pub"]);
    let text = builtin.expect_exit(0).stdout.clone();
    assert!(text.contains("part of this program") && text.contains("grants.paths"), "{text}");
}

#[test]
fn a_grant_that_nothing_can_use_is_a_warning() {
    let stand = Stand::small();
    let workspace = masked(&stand);
    workspace.write("tables/x.csv", "");
    let granted = "{ type: rename, fields: { city: town }, grants: { files: tables, headers: [X-Page] } }";
    workspace.write("guide.yaml", with_transforms(&[granted]));
    let warnings = [
        "transforms[0].grants.files (builtin:rename) cannot be used: it imports no wasi:filesystem",
        "transforms[0].grants.headers (builtin:rename) cannot be used: a transform makes no requests",
    ];
    each_command(&workspace, &["--format", "json"], |ran| {
        let said = ran.expect_exit(0).json()["warnings"].to_string();
        assert!(warnings.iter().all(|warning| said.contains(warning)), "{said}");
    });
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test"]);
    assert!(warnings.iter().all(|warning| plan.stdout.contains(warning)), "{}", plan.stdout);
}
