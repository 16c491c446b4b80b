//! Components in a real OCI registry: Debian's `docker-registry`, where `DPONE_TEST_OCI=host:port`
//! names one.

use dpone_harness::{GUIDE, Stand, Workspace, cases, components, suite};
use minisign::KeyPair;
use std::io::Cursor;
use std::process::ExitCode;

const REGISTRY: &str = "DPONE_TEST_OCI";

fn main() -> ExitCode {
    let cases = cases![
        a_pushed_component_runs_and_needs_the_registry_once,
        a_signature_travels_with_its_component,
        what_is_no_component_is_not_pushed_and_what_is_not_there_is_told,
    ];
    suite::run("components in an OCI registry", suite::unset(&[REGISTRY]), cases)
}

/// A place for this test alone.
fn repository(name: &str) -> String {
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("oci://{}/test-{}/{name}-{started}", std::env::var(REGISTRY).unwrap(), std::process::id())
}

/// A workspace with a cache of its own and a component of a user.
fn workspace(stand: &Stand) -> Workspace {
    let mut workspace = stand.workspace();
    let cache = workspace.path().join("cache").display().to_string();
    workspace.set("DPONE_CACHE_DIR", &cache);
    std::fs::copy(components::MASK_EMAIL, workspace.path().join("mask.wasm")).unwrap();
    workspace
}

fn manifest(uses: &str) -> String {
    format!("{GUIDE}\ntransforms:\n  - {{ uses: \"{uses}\", with: {{ field: status }} }}\n")
}

fn push(workspace: &Workspace, to: &str) -> String {
    let pushed = workspace.dpone(&["plugin", "push", "mask.wasm", to]);
    pushed.expect_exit(0).stdout.trim().to_owned()
}

fn a_pushed_component_runs_and_needs_the_registry_once() {
    let stand = Stand::small();
    let pusher = workspace(&stand);
    let repository = repository("mask");
    let uses = push(&pusher, &format!("{repository}:1.0"));
    assert!(uses.starts_with(&format!("{repository}:1.0@sha256:")) && uses.len() == repository.len() + 76, "{uses}");
    assert_eq!(push(&pusher, &format!("{repository}:1.0")), uses, "pushing it again changes nothing");

    let fresh = workspace(&stand);
    std::fs::remove_file(fresh.path().join("mask.wasm")).unwrap();
    let inspected = fresh.dpone(&["plugin", "inspect", &uses, "--format", "json"]).expect_exit(0).json();
    let sha256 = inspected["identity"]["sha256"].as_str().unwrap();
    let cached = |digest: &str| fresh.path().join(format!("cache/oci/sha256-{digest}"));
    assert_eq!(std::fs::read(cached(sha256)).unwrap(), std::fs::read(components::MASK_EMAIL).unwrap());
    assert!(cached(uses.rsplit(':').next().unwrap()).is_file());
    assert_eq!(std::fs::read_dir(fresh.path().join("cache/oci")).unwrap().count(), 2);

    fresh.write("guide.yaml", manifest(&uses));
    fresh.dpone(&["plugin", "lock", "guide.yaml"]).expect_exit(0);
    fresh.dpone(&["check", "guide.yaml", "--locked"]).expect_exit(0);
    let run = fresh.dpone(&["run", "guide.yaml", "--profile", "test", "--locked"]);
    run.expect_exit(0);
    assert!(fresh.topic("dwh.orders", "test").iter().all(|m| m["value"].as_str().unwrap().contains("\"***\"")));

    // The tag does not count, and what is cached is found without it, too.
    fresh.write("guide.yaml", manifest(&uses.replace(":1.0@", "@")));
    fresh.dpone(&["check", "guide.yaml"]).expect_exit(0);
}

fn a_signature_travels_with_its_component() {
    let stand = Stand::small();
    let pusher = workspace(&stand);
    let unsigned = push(&pusher, &format!("{}:1", repository("unsigned")));
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let bytes = std::fs::read(components::MASK_EMAIL).unwrap();
    let signature = minisign::sign(None, &pair.sk, Cursor::new(bytes), None, None).unwrap().to_string();
    pusher.write("mask.wasm.minisig", signature);
    let signed = push(&pusher, &format!("{}:1", repository("signed")));

    let fresh = workspace(&stand);
    fresh.write("team.pub", pair.pk.to_box().unwrap().to_string());
    let check = ["check", "guide.yaml", "--require-signed", "team.pub"];
    fresh.write("guide.yaml", manifest(&signed));
    fresh.dpone(&check).expect_exit(0);
    fresh.write("guide.yaml", manifest(&unsigned));
    fresh.dpone(&check).expect_exit(12).expect_error(&["DP0333", "pushed without a signature", &unsigned]);
}

fn what_is_no_component_is_not_pushed_and_what_is_not_there_is_told() {
    let stand = Stand::small();
    let workspace = workspace(&stand);
    let place = repository("nothing");
    workspace.write("text.wasm", "no component");
    let to = format!("{place}:1");
    workspace.dpone(&["plugin", "push", "text.wasm", &to]).expect_exit(12).expect_error(&["DP0302", "text.wasm"]);
    workspace.dpone(&["plugin", "push", "none.wasm", &to]).expect_exit(12).expect_error(&["DP0301", "none.wasm"]);
    let digest = "0".repeat(64);
    for to in [place.clone(), format!("{place}@sha256:{digest}"), "oci://nowhere".to_owned(), "mask.wasm".to_owned()] {
        let ran = workspace.dpone(&["plugin", "push", "mask.wasm", &to]);
        ran.expect_exit(12).expect_error(&["DP0340", "oci://HOST/REPOSITORY:TAG"]);
    }
    let missing = format!("{place}@sha256:{digest}");
    workspace.dpone(&["plugin", "inspect", &missing]).expect_exit(12).expect_error(&["DP0341", &digest]);
    workspace.write("guide.yaml", manifest(&missing));
    workspace.dpone(&["check", "guide.yaml"]).expect_exit(12).expect_error(&["DP0341", &digest, "guide.yaml:"]);
}
