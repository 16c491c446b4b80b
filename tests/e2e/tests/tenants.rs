//! Several manifests in one `dpone run`, and tenants that share a host: what a policy gives, what it
//! refuses, and what one tenant's trouble is to another.

use dpone_harness::{Answer, GUIDE, Ran, ScriptedServer, Stand, Workspace, components};
use dpone_local::{Fault, FaultKind};
use serde_json::Value;
use sha2::Digest;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A manifest of the guide's under another name, for another topic.
fn manifest(name: &str, topic: &str) -> String {
    GUIDE
        .replace("api_to_kafka_example", name)
        .replace("runs/api_to_kafka", &format!("runs/{name}"))
        .replace("dwh.orders", topic)
        // A second run has nothing new to load.
        .replace("  mode: fail", "  mode: fail\n  on_empty_boundary: pass")
}

/// Two teams with a manifest each, and the operator's profile for both.
fn house(stand: &Stand, sales: &str, ops: &str) -> Workspace {
    let workspace = stand.workspace();
    workspace.write("teams/sales/orders.yaml", manifest("orders", "sales.orders"));
    workspace.write("teams/ops/orders.yaml", manifest("orders", "ops.orders"));
    workspace.write("tenants.yaml", policy(sales, ops));
    for tenant in ["sales", "ops"] {
        workspace.warm_tenant_cache(tenant);
    }
    workspace
}

/// Each tenant's keys beside the usual, as lines of its block.
fn policy(sales: &str, ops: &str) -> String {
    let tenant = |name: &str, further: &str| {
        format!(
            "  {name}:\n    manifests: [teams/{name}]\n    topics: [{name}.]\n    \
             connections: [example_api, kafka_cluster, postgres_state]\n{further}"
        )
    };
    format!("tenants:\n{}{}", tenant("sales", sales), tenant("ops", ops))
}

fn run(workspace: &Workspace, further: &[&str]) -> Ran {
    let both = ["run", "teams/sales/orders.yaml", "teams/ops/orders.yaml", "--policy", "tenants.yaml"];
    workspace.dpone(&[&both, ["--profile", "test"].as_slice(), further].concat())
}

fn home(workspace: &Workspace, tenant: &str) -> PathBuf {
    workspace.path().join(".dpone/tenants").join(tenant)
}

/// The entries of `run --format json`, by manifest.
fn entries(ran: &Ran) -> Vec<Value> {
    ran.json().as_array().unwrap().clone()
}

#[test]
fn several_manifests_run_side_by_side_and_one_that_fails_stops_no_other() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace.write("a.yaml", manifest("a", "dwh.a"));
    workspace.write("b.yaml", manifest("b", "dwh.b").replace("threshold: 1", "threshold: 1000"));
    workspace.write("c.yaml", manifest("c", "dwh.c"));
    let ran = workspace.dpone(&["run", "a.yaml", "b.yaml", "none.yaml", "c.yaml", "--profile", "test", "--jobs", "2"]);
    // The first failure in the order of the command line decides.
    ran.expect_exit(30).expect_error(&["b.yaml: ", "none.yaml: ", "a.yaml | a: run ", "DP0701"]);
    for says in
        ["a.yaml: succeeded", "b.yaml: failed", "none.yaml: failed", "c.yaml: succeeded", "2 of 4 runs succeeded"]
    {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    for (topic, rows) in [("dwh.a", 30), ("dwh.c", 30)] {
        assert_eq!(workspace.topic(topic, "test").len(), rows, "{topic}");
    }
}

#[test]
fn the_reports_of_several_manifests_are_one_document() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace.write("a.yaml", manifest("a", "dwh.a"));
    workspace.write("b.yaml", "name: [");
    let ran = workspace.dpone(&["run", "a.yaml", "b.yaml", "--profile", "test", "--format", "json"]);
    let entries = entries(ran.expect_exit(10));
    assert_eq!(entries.len(), 2);
    assert_eq!((&entries[0]["manifest"], &entries[0]["exit_code"]), (&"a.yaml".into(), &0.into()));
    let bill = &entries[0]["report"]["bill"];
    assert_eq!((&bill["requests"], &bill["messages"], &bill["tenant"]), (&3.into(), &30.into(), &Value::Null));
    assert!(bill["bytes_in"].as_u64() > Some(1000) && bill["bytes_out"].as_u64() > Some(1000), "{bill}");
    assert!(bill["plugin_cpu_us"].as_u64() > Some(0) && bill["plugin_peak_memory_bytes"].as_u64() > Some(0), "{bill}");
    assert!(entries[1]["error"].as_str().unwrap().contains("b.yaml:1"), "{}", entries[1]);
}

#[test]
fn each_tenant_has_a_folder_a_state_and_a_bill_of_its_own() {
    let stand = Stand::small();
    let mut workspace = house(&stand, "", "");
    let cache = home(&workspace, "ops").join(".dpone/cache");
    fs::remove_dir_all(&cache).unwrap();
    let ran = run(&workspace, &["--format", "json"]);
    let entries = entries(ran.expect_exit(0));
    assert!(!ran.stderr.contains("not cached"), "{}", ran.stderr);
    assert!(fs::read_dir(&cache).unwrap().count() > 3, "what was compiled is kept");
    for (entry, tenant) in entries.iter().zip(["sales", "ops"]) {
        assert_eq!(entry["tenant"], tenant);
        let report = &entry["report"];
        assert_eq!((&report["outcome"], &report["bill"]["tenant"]), (&"succeeded".into(), &tenant.into()));
        let fences = report["bill"]["confined_by"].to_string();
        for fence in ["seccomp", "memory 1073741824", "cpu 3600 s"] {
            assert!(fences.contains(fence), "{fence}: {fences}");
        }
        // Both pipelines have one name; each is somebody's own.
        assert_eq!(report["rows"]["acknowledged"], 30);
        let home = home(&workspace, tenant);
        let artifact = format!(".dpone/runs/orders/{}/run.json", report["run_id"].as_str().unwrap());
        for file in [artifact.as_str(), ".dpone/local/state.db", ".dpone/cache/key", ".dpone/journal"] {
            assert!(home.join(file).exists(), "{file}");
        }
        assert_eq!(workspace.topic(&format!("{tenant}.orders"), "test").len(), 30);
    }
    // Nothing of theirs lies in the operator's own folders.
    let operator: Vec<String> = fs::read_dir(workspace.path().join(".dpone"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(operator.iter().all(|name| ["profiles", "tenants", "local"].contains(&name.as_str())), "{operator:?}");

    let again = run(&workspace, &[]);
    assert!(
        again.expect_exit(0).stdout.contains("state: revision 2"),
        "each goes on from its own state: {}",
        again.stdout
    );
    workspace.set("DPONE_POLICY", "tenants.yaml");
    let state = workspace.dpone(&["state", "show", "teams/ops/orders.yaml", "--profile", "test"]);
    assert!(state.expect_exit(0).stdout.contains(".dpone/tenants/ops/"), "{}", state.stdout);
}

/// Everything in a manifest that a policy may refuse, beside what the refusal says.
#[test]
fn a_manifest_that_asks_for_more_than_its_tenant_has_is_refused_before_anything_runs() {
    let stand = Stand::small();
    let workspace = house(
        &stand,
        "",
        "    plugins: { builtin: false }\n    limits: { journal: 1GiB, plugin: { memory: 16MiB } }\n",
    );
    let guide = manifest("orders", "sales.orders");
    let mask = "transforms: [{ uses: ./mask.wasm, with: { field: status }";
    fs::copy(components::path("mask-email").unwrap(), workspace.path().join("teams/sales/mask.wasm")).unwrap();
    let cases: &[(&str, String, &[&str])] = &[
        ("topic", manifest("orders", "ops.orders"), &["the tenant `sales` has no topic `ops.orders`", "sink.topic"]),
        (
            "connection",
            guide.replace("connection_id: example_api", "connection_id: ops_api"),
            &["has no connection `ops_api`"],
        ),
        ("file", guide.replacen("connection_type: vault", "connection_type: file", 1), &["not from a file"]),
        (
            "origin",
            guide.replacen("    pagination:", "    allow_origins: [\"https://evil.example.com\"]\n    pagination:", 1),
            &["may send no request to https://evil.example.com", "allow_origins"],
        ),
        ("digest", format!("{guide}\n{mask} }}]\n"), &["may not use", "mask.wasm", "its digest is not in the policy"]),
        (
            "grants",
            format!(
                "{guide}\n{mask}, grants: {{ files: tables, clock: real, http: [a.example.com], secrets: [k] }} }}]\n"
            ),
            &[
                "may not grant `files`",
                "may not grant `clock`",
                "may not grant `http`",
                "may send no request to https://a.example.com",
                "may not grant the secret `k` of `example_api`",
            ],
        ),
        (
            "registry",
            format!("{guide}\ntransforms: [{{ uses: \"oci://reg.example.com/x@sha256:{}\" }}]\n", "0".repeat(64)),
            &["may send no request to https://reg.example.com"],
        ),
    ];
    for (name, text, says) in cases {
        let file = workspace.write("teams/sales/case.yaml", text);
        for command in ["check", "plan", "run"] {
            let ran =
                workspace.dpone(&[command, "teams/sales/case.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
            ran.expect_exit(13).expect_error(&["DP1304", "tenants.yaml says"]).expect_error(says);
            assert!(ran.stderr.contains("case.yaml:"), "{name}: the place is told: {}", ran.stderr);
        }
        fs::remove_file(file).unwrap();
    }
    let limits = guide.replace("sales.orders", "ops.orders")
        + "\njournal: { max_bytes: 2GiB }\ntransforms: [{ type: rename, fields: { a: b }, limits: { memory: 17MiB } }]\n";
    workspace.write("teams/ops/case.yaml", limits);
    let ran = workspace.dpone(&["check", "teams/ops/case.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
    ran.expect_exit(13).expect_error(&[
        "may not use built-in plugins, such as builtin:cursor",
        "is given a memory that is more than the tenant `ops` may give",
        "the journal may be larger than the tenant `ops` may have",
    ]);
    assert_eq!(stand.page_requests(), 0);
}

#[test]
fn a_manifest_is_its_folders_and_a_link_changes_nothing() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    workspace.write("elsewhere/orders.yaml", manifest("orders", "sales.orders"));
    std::os::unix::fs::symlink("../../elsewhere/orders.yaml", workspace.path().join("teams/sales/linked.yaml"))
        .unwrap();
    for file in ["elsewhere/orders.yaml", "teams/sales/linked.yaml", "teams/sales/../../elsewhere/orders.yaml"] {
        let ran =
            workspace.dpone(&["run", file, "teams/ops/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
        ran.expect_exit(13).expect_error(&["DP1303", "lies in no folder of a tenant"]);
        assert!(ran.stdout.contains("teams/ops/orders.yaml (ops): succeeded"), "the other runs: {}", ran.stdout);
    }
    // Whoever links to another's manifest does not start it.
    std::os::unix::fs::symlink("../ops/orders.yaml", workspace.path().join("teams/sales/theirs.yaml")).unwrap();
    for command in ["check", "run"] {
        let ran =
            workspace.dpone(&[command, "teams/sales/theirs.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
        ran.expect_exit(13).expect_error(&["DP1303", "leads to a manifest of the tenant `ops`"]);
    }
    // Nor does a folder around another's, or around what is the operator's.
    workspace.write("wide.yaml", "tenants: { a: { manifests: [teams] }, b: { manifests: [.] } }");
    let wide = workspace.dpone(&["check", "teams/ops/orders.yaml", "--policy", "wide.yaml"]);
    wide.expect_exit(13).expect_error(&["DP1302", "lie in each other"]);
    workspace.write("wide.yaml", "tenants: { b: { manifests: [.] } }");
    let wide = workspace.dpone(&["check", "teams/ops/orders.yaml", "--policy", "wide.yaml"]);
    wide.expect_exit(13).expect_error(&["DP1302", "which is not the tenant's", ".dpone"]);
    // A link to another's component, or to a folder that is nobody's, makes neither the tenant's.
    fs::copy(components::path("lookup").unwrap(), workspace.path().join("teams/ops/lookup.wasm")).unwrap();
    workspace.write("elsewhere/cities.csv", "a,b\n");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, workspace.path().join(name)).unwrap();
    link("../ops/lookup.wasm", "teams/sales/lookup.wasm");
    link("../../elsewhere", "teams/sales/tables");
    let digest = hex::encode(sha2::Sha256::digest(fs::read(components::path("lookup").unwrap()).unwrap()));
    let plugins = format!("    plugins: {{ sha256: [\"{digest}\"], grants: [files] }}\n");
    workspace.write("tenants.yaml", policy(&plugins, ""));
    let lookup =
        "{ uses: ./lookup.wasm, with: { file: /cities.csv, field: status, to: x }, grants: { files: tables } }";
    let transforms = format!("\ntransforms: [{lookup}]\n");
    workspace.write("teams/sales/orders.yaml", manifest("orders", "sales.orders") + &transforms);
    for command in ["check", "plan", "run"] {
        let ran =
            workspace.dpone(&[command, "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
        ran.expect_exit(13).expect_error(&["lookup.wasm is not in a folder", "tables is not in a folder"]);
    }
    workspace
        .write("bad.yaml", "tenants: { a: { manifests: [x], topics: [o] }, b: { manifests: [x/y], topics: [o.p] } }");
    workspace.dpone(&["check", "teams/ops/orders.yaml", "--policy", "bad.yaml"]).expect_exit(13).expect_error(&[
        "DP1302",
        "bad.yaml:1:",
        "lie in each other",
        "begin alike",
    ]);
    workspace
        .dpone(&["check", "teams/ops/orders.yaml", "--policy", "no.yaml"])
        .expect_exit(13)
        .expect_error(&["DP1301"]);
}

#[test]
fn a_tenant_has_its_own_secrets_and_variables_and_no_others() {
    let server = ScriptedServer::start(|_| {
        Answer::ok(r#"{"data":{"items":[{"order_id":1,"updated_at":"2026-01-02T00:00:00Z"}]}}"#)
    });
    let stand = Stand::small();
    let mut workspace = house(&stand, "    env: [SALES_REGION]\n", "");
    let address = format!("http://{}", server.host());
    let profile = format!(
        "extends: local\nconnections:\n  example_api: {{ type: http, base_url: \"{address}\", auth: {{ type: bearer, \
         token: \"${{API_TOKEN}}\" }} }}\n  kafka_cluster: {{ type: kafka, bootstrap_servers: \"{}\" }}\n  \
         payroll: {{ type: http, base_url: \"{address}\", auth: {{ type: bearer, token: p4yroll }} }}\n",
        stand.bootstrap()
    );
    workspace.write(".dpone/profiles/test.yaml", profile);
    for (name, value) in [("API_TOKEN", "t0k3n"), ("SALES_REGION", "emea"), ("OPS_SECRET", "hush")] {
        workspace.set(name, value);
    }
    let with_header = |variable: &str| {
        manifest("orders", "sales.orders").replacen(
            "    pagination:",
            &format!("    params: {{ region: \"${{{variable}}}\" }}\n    pagination:"),
            1,
        )
    };
    let run_sales = |text: &str| {
        workspace.write("teams/sales/orders.yaml", text);
        let run = ["run", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"];
        workspace.dpone(&run)
    };
    run_sales(&with_header("SALES_REGION")).expect_exit(0);
    let asked = server.asked();
    assert!(asked[0].target.contains("region=emea"), "{}", asked[0].target);
    assert_eq!(asked[0].header("authorization"), Some("Bearer t0k3n"), "the connection's credential is filled in");
    // The credential's own variable is the operator's; so is what another tenant has.
    for variable in ["API_TOKEN", "OPS_SECRET", "HOME", "DPONE_CONN_EXAMPLE_API_TOKEN"] {
        run_sales(&with_header(variable)).expect_exit(10).expect_error(&["DP0111", variable]);
    }
    let payroll = manifest("orders", "sales.orders").replace("connection_id: example_api", "connection_id: payroll");
    run_sales(&payroll).expect_exit(13).expect_error(&["has no connection `payroll`"]);
    assert_eq!(server.asked().len(), asked.len(), "nothing was asked");
    let written = walk(&home(&workspace, "sales"));
    assert!(!written.is_empty());
    for (file, content) in written {
        for secret in ["t0k3n", "p4yroll", "hush"] {
            assert!(!contains(&content, secret), "{secret} in {file:?}");
        }
    }
}

#[test]
fn a_worker_that_dies_takes_no_other_with_it_and_its_run_can_go_on() {
    let stand = Stand::small();
    let mut workspace = house(&stand, "", "");
    // Only one of the two has a third page before its end.
    workspace.write(
        "teams/ops/orders.yaml",
        manifest("orders", "ops.orders").replacen(
            "    pagination:",
            "    pagination:\n      max_pages: 2\n      on_max_pages: stop",
            1,
        ),
    );
    workspace.write(
        "teams/sales/more.yaml",
        manifest("more", "sales.more").replacen(
            "    pagination:",
            "    pagination:\n      max_pages: 2\n      on_max_pages: stop",
            1,
        ),
    );
    workspace.set("DPONE_FAILPOINT", "D:3");
    let ran = run(&workspace, &["teams/sales/more.yaml"]);
    ran.expect_exit(13).expect_error(&["DP1307", "the worker of the tenant `sales` was ended by signal 6"]);
    for says in ["teams/ops/orders.yaml (ops): succeeded", "teams/sales/more.yaml (sales): succeeded", "2 of 3"] {
        assert!(ran.stdout.contains(says), "the others go on: {}\n{}", ran.stdout, ran.stderr);
    }
    workspace.unset("DPONE_FAILPOINT");
    let journals = home(&workspace, "sales").join(".dpone/journal/orders");
    let run_id = fs::read_dir(journals).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    // In the tenant's folder its journals are listed as anywhere.
    let listed = workspace.command(&["journal", "list"]).current_dir(home(&workspace, "sales")).output().unwrap();
    assert!(Ran::from(listed).expect_exit(0).stdout.contains(&run_id));
    let before = stand.page_requests();
    let resumed = workspace.dpone(&["resume", &run_id, "--policy", "tenants.yaml", "--profile", "test"]);
    assert!(resumed.expect_exit(0).stdout.contains("30 acknowledged"), "{}", resumed.stdout);
    assert!(stand.page_requests() <= before + 1, "journalled pages are not fetched again");
    workspace.dpone(&["resume", &run_id, "--profile", "test"]).expect_exit(2);
}

#[test]
fn a_tenants_run_goes_on_with_a_mended_manifest_of_the_same_tenant() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    let wrong = manifest("orders", "sales.orders").replace("threshold: 1\n", "threshold: 1000\n");
    workspace.write("teams/sales/orders.yaml", &wrong);
    let ran = workspace.dpone(&["run", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
    ran.expect_exit(30);
    let proposed = ran.stdout.split("go on with: dpone resume ").nth(1).unwrap();
    let run_id = proposed.split_whitespace().next().unwrap();
    assert!(proposed.starts_with(&format!("{run_id} --policy FILE --manifest FILE")), "{}", ran.stdout);
    let resume = |manifest: &str| {
        let policy = ["--manifest", manifest, "--policy", "tenants.yaml", "--profile", "test"];
        workspace.dpone(&[&["resume", run_id], policy.as_slice()].concat())
    };
    resume("teams/ops/orders.yaml").expect_exit(2).expect_error(&["DP0013", "tenant `ops`", "`sales`"]);
    workspace.write("teams/sales/mended.yaml", wrong.replace("sales.orders", "sales.others"));
    resume("teams/sales/mended.yaml").expect_exit(2).expect_error(&["DP0013", "`sink.topic` was `sales.orders`"]);
    workspace.write("teams/sales/mended.yaml", wrong.replace("threshold: 1000\n", "threshold: 30\n"));
    let resumed = resume("teams/sales/mended.yaml");
    assert!(resumed.expect_exit(0).stdout.contains("30 acknowledged"), "{}", resumed.stdout);
}

/// Whatever variables a policy gives: nobody loads code that another tenant could have written.
#[test]
fn a_tenant_keeps_what_it_compiles_in_its_own_folder() {
    let stand = Stand::small();
    let mut workspace = house(&stand, "    env: [DPONE_CACHE_DIR, HOME]\n", "");
    let operators = workspace.path().join("operators");
    workspace.set("DPONE_CACHE_DIR", operators.to_str().unwrap());
    workspace.set("HOME", workspace.path().join("home").to_str().unwrap());
    run(&workspace, &[]).expect_exit(0);
    for foreign in ["operators", "home"] {
        assert!(!workspace.path().join(foreign).exists(), "{foreign}");
    }
    for tenant in ["sales", "ops"] {
        let cache = home(&workspace, tenant).join(".dpone/cache");
        let compiled = fs::read_dir(cache).unwrap().flatten();
        let compiled = compiled.filter(|file| file.path().extension().is_some_and(|end| end == "cwasm"));
        assert!(compiled.count() > 0, "{tenant}");
    }
}

#[test]
fn requests_and_bytes_are_bounded_over_all_runs_of_a_tenant() {
    let stand = Stand::small();
    let workspace = house(&stand, "    limits: { requests: 4 }\n", "    limits: { bytes: 2000 }\n");
    workspace.write("teams/sales/second.yaml", manifest("second", "sales.second"));
    let ran = run(&workspace, &["teams/sales/second.yaml"]);
    ran.expect_exit(13).expect_error(&[
        "DP1305",
        "the tenant `sales` has used up its requests: 4",
        "the tenant `ops` has used up its bytes: 2000",
    ]);
    assert!(ran.stdout.contains("teams/sales/orders.yaml (sales): succeeded"), "three requests fit: {}", ran.stdout);
    assert_eq!(workspace.topic("ops.orders", "test").len(), 0);
    let resume = ran.stdout.split("resume with: dpone resume ").nth(1).unwrap().split_whitespace().next().unwrap();
    workspace.write("tenants.yaml", policy("", ""));
    workspace.dpone(&["resume", resume, "--policy", "tenants.yaml", "--profile", "test"]).expect_exit(0);
}

#[test]
fn components_come_in_by_their_digest_or_by_who_signed_them() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    let component = fs::read(components::path("mask-email").unwrap()).unwrap();
    let digest = hex::encode(sha2::Sha256::digest(&component));
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let other = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    workspace.write("keys/sales.pub", pair.pk.to_box().unwrap().to_string());
    workspace.write("teams/sales/mask.wasm", &component);
    workspace.write(
        "teams/sales/orders.yaml",
        manifest("orders", "sales.orders") + "\ntransforms: [{ uses: ./mask.wasm, with: { field: status } }]\n",
    );
    let check = |sales: &str| {
        workspace.write("tenants.yaml", policy(sales, ""));
        let check = ["check", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"];
        workspace.dpone(&check)
    };
    let sign = |pair: &minisign::KeyPair| {
        let signature = minisign::sign(None, &pair.sk, std::io::Cursor::new(&component), Some("released"), None);
        workspace.write("teams/sales/mask.wasm.minisig", signature.unwrap().to_string());
    };
    check("").expect_exit(13).expect_error(&["DP1304", &digest]);
    check(&format!("    plugins: {{ sha256: [{digest}] }}\n")).expect_exit(0);
    check(&format!("    plugins: {{ sha256: [{}] }}\n", "0".repeat(64))).expect_exit(13);
    let signers = "    plugins: { signers: [keys/sales.pub] }\n";
    check(signers).expect_exit(13).expect_error(&["is not signed"]);
    sign(&other);
    check(signers).expect_exit(13).expect_error(&["is signed by the key"]);
    sign(&pair);
    check(signers).expect_exit(0);
    let ran = workspace.dpone(&[
        "run",
        "teams/sales/orders.yaml",
        "--policy",
        "tenants.yaml",
        "--profile",
        "test",
        "--format",
        "json",
    ]);
    let plugins = entries(ran.expect_exit(0))[0]["report"]["plugins"].to_string();
    assert!(plugins.contains("signed_by"), "{plugins}");
    check("    plugins: { signers: [keys/none.pub] }\n").expect_exit(12).expect_error(&["DP0337"]);
}

/// The plugin may take more than the tenant has: what stops it is the process's limit, and nobody else's
/// run feels it.
#[test]
fn a_tenant_that_takes_too_much_memory_fails_alone() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    let component = fs::read(components::path("hostile-transform").unwrap()).unwrap();
    workspace.write("teams/sales/hostile.wasm", &component);
    let digest = hex::encode(sha2::Sha256::digest(&component));
    let limits = format!("    limits: {{ memory: 256MiB }}\n    plugins: {{ sha256: [{digest}] }}\n");
    workspace.write("tenants.yaml", policy(&limits, ""));
    let bomb = "\ntransforms: [{ uses: ./hostile.wasm, with: { behaviour: memory-bomb }, limits: { memory: 2GiB, deadline: 20s, wall_clock: 30s } }]\n";
    workspace.write("teams/sales/orders.yaml", manifest("orders", "sales.orders") + bomb);
    let ran = run(&workspace, &["--format", "json"]);
    let entries = entries(&ran);
    assert_ne!(entries[0]["exit_code"], 0, "{}", entries[0]);
    assert_eq!(entries[1]["exit_code"], 0, "{}", entries[1]);
    let error = entries[0]["error"].as_str().unwrap();
    assert!(error.contains("DP0312") || error.contains("DP1310"), "{error}");
    assert_eq!(workspace.topic("sales.orders", "test").len(), 0);
}

/// One page is more than the whole process may have.
#[test]
fn a_worker_without_memory_says_so() {
    let row = format!(r#"{{"order_id":1,"updated_at":"2026-01-02T00:00:00Z","pad":"{}"}}"#, "x".repeat(100 << 20));
    let body = format!(r#"{{"data":{{"items":[{row}]}}}}"#);
    let server = ScriptedServer::start(move |_| Answer::ok(body.clone()));
    let stand = Stand::small();
    let workspace = house(&stand, "    limits: { memory: 160MiB }\n", "");
    let profile = format!(
        "extends: local\nconnections:\n  example_api: {{ type: http, base_url: \"http://{}\" }}\n  \
         kafka_cluster: {{ type: kafka, bootstrap_servers: \"{}\" }}\n",
        server.host(),
        stand.bootstrap()
    );
    workspace.write(".dpone/profiles/test.yaml", profile);
    let large =
        manifest("orders", "sales.orders").replacen("    pagination:", "    max_page_bytes: 1GiB\n    pagination:", 1);
    workspace.write("teams/sales/orders.yaml", large);
    let ran = workspace.dpone(&["run", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
    ran.expect_exit(13).expect_error(&["DP1310", "`limits.memory` gives the process 160 MiB"]);
    assert!(!ran.stderr.contains("it said last"), "{}", ran.stderr);
}

#[test]
fn a_tenant_that_computes_too_long_loses_its_worker_alone() {
    let stand = Stand::small();
    let digest = "    limits: { cpu: 1s }\n    plugins: { sha256: [DIGEST] }\n";
    let workspace = house(&stand, "", "");
    let component = fs::read(components::path("hostile-transform").unwrap()).unwrap();
    workspace.write("teams/sales/hostile.wasm", &component);
    let sha256 = hex::encode(sha2::Sha256::digest(&component));
    workspace.write("tenants.yaml", policy(&digest.replace("DIGEST", &sha256), ""));
    let looping = "\ntransforms: [{ uses: ./hostile.wasm, with: { behaviour: endless-loop }, limits: { deadline: 20s, wall_clock: 30s } }]\n";
    workspace.write("teams/sales/orders.yaml", manifest("orders", "sales.orders") + looping);
    let started = Instant::now();
    let ran = run(&workspace, &[]);
    ran.expect_exit(13).expect_error(&["DP1306", "the tenant `sales` has used up its CPU time: 1 s"]);
    assert!(ran.stdout.contains("(ops): succeeded"), "{}", ran.stdout);
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!(workspace.topic("sales.orders", "test").len(), 0);
}

#[test]
fn an_interrupt_ends_every_worker_where_its_run_can_go_on() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    stand.misbehave(vec![Fault { path: None, page: Some(2), times: None, kind: FaultKind::Hang }]);
    let both =
        ["run", "teams/sales/orders.yaml", "teams/ops/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"];
    let mut command = workspace.command(&both);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while stand.page_requests() < 4 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.expect_exit(130);
    assert_eq!(ran.stdout.matches("resume with: dpone resume").count(), 2, "{}\n{}", ran.stdout, ran.stderr);
    // Their control groups and processes are gone.
    assert!(!workers_of(&workspace), "a worker is left");
}

/// A thing that a team puts in the place of a file holds up neither the operator nor the other team.
#[test]
fn nothing_waits_for_what_is_no_file() {
    let stand = Stand::small();
    let digest = format!("    plugins: {{ sha256: [{}] }}\n", "0".repeat(64));
    let workspace = house(&stand, &digest, "");
    let sales = workspace.path().join("teams/sales");
    let uses_component = manifest("orders", "sales.orders") + "\ntransforms: [{ uses: ./own.wasm }]\n";
    let run = ["run", "teams/sales/orders.yaml", "teams/ops/orders.yaml", "--jobs", "1"];
    let commands: [&[&str]; 4] = [
        &run,
        &["check", "teams/sales/orders.yaml"],
        &["plan", "teams/sales/orders.yaml"],
        &["state", "show", "teams/sales/orders.yaml"],
    ];
    for (file, kind, says) in [
        ("orders.yaml", "pipe", "a named pipe"),
        ("orders.yaml", "sparse", "more than 1 MiB"),
        ("own.wasm", "pipe", "a named pipe"),
        ("own.wasm", "sparse", "more than 128 MiB"),
        ("orders.lock", "pipe", "a named pipe"),
        ("orders.lock", "sparse", "more than 1 MiB"),
    ] {
        workspace.write(
            "teams/sales/orders.yaml",
            if file == "own.wasm" { uses_component.clone() } else { manifest("orders", "sales.orders") },
        );
        let path = sales.join(file);
        let _ = fs::remove_file(&path);
        match kind {
            "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
            _ => fs::File::create(&path).unwrap().set_len(20 << 30).unwrap(),
        }
        for command in commands.iter().filter(|command| file != "orders.lock" || command[0] != "state") {
            let started = Instant::now();
            let ran =
                workspace.dpone(&[command, ["--policy", "tenants.yaml", "--profile", "test"].as_slice()].concat());
            assert_ne!(ran.exit, Some(0), "{file} {kind} {command:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "{file} {kind} {command:?}: {:?}", started.elapsed());
            ran.expect_error(&[file, says]);
            if command[0] == "run" {
                assert!(ran.stdout.contains("(ops): succeeded"), "{file} {kind}: {}", ran.stdout);
            }
        }
        assert!(!workers_of(&workspace), "{file} {kind}: a worker is left");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_slow_tenant_does_not_hold_up_the_queue() {
    let stand = Stand::small();
    let workspace = house(&stand, "    limits: { wall: 2s }\n", "");
    stand.misbehave(vec![Fault { path: None, page: Some(2), times: Some(1), kind: FaultKind::Hang }]);
    let started = Instant::now();
    let ran = run(&workspace, &["--jobs", "1"]);
    ran.expect_exit(13).expect_error(&["DP1309", "took longer than 2 s (`limits.wall`)"]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(ran.stdout.contains("(ops): succeeded"), "{}", ran.stdout);
    assert!(ran.stdout.contains("resume with: dpone resume"), "{}", ran.stdout);
    // A command has the same time.
    workspace.write("tenants.yaml", policy("    limits: { wall: 1ms }\n", ""));
    let check = ["check", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"];
    workspace.dpone(&check).expect_exit(13).expect_error(&["DP1309", "a command of the tenant `sales`"]);
    assert!(!workers_of(&workspace), "a process is left");
}

/// A worker that was stopped neither reads its orders nor looks at the clock.
#[test]
fn a_stopped_worker_is_ended() {
    for (limits, signal) in [("", true), ("    limits: { wall: 1s }\n", false)] {
        let stand = Stand::small();
        let workspace = house(&stand, limits, "");
        stand.misbehave(vec![Fault { path: None, page: Some(2), times: None, kind: FaultKind::Hang }]);
        let mut command =
            workspace.command(&["run", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
        let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while stand.page_requests() < 2 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill =
            |signal: &str, pid: &str| assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
        worker_pids(&workspace).iter().for_each(|pid| kill("-STOP", pid));
        let started = Instant::now();
        if signal {
            kill("-TERM", &child.id().to_string());
        }
        let ran = Ran::from(child.wait_with_output().unwrap());
        ran.expect_exit(if signal { 130 } else { 13 });
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
        assert!(!workers_of(&workspace), "a worker is left");
    }
}

#[test]
fn a_second_signal_leaves_no_worker() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    stand.misbehave(vec![Fault { path: None, page: Some(2), times: None, kind: FaultKind::Hang }]);
    let mut command =
        workspace.command(&["run", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"]);
    let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while stand.page_requests() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    worker_pids(&workspace).iter().for_each(|pid| drop(Command::new("kill").args(["-STOP", pid]).status()));
    for _ in 0..2 {
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        std::thread::sleep(Duration::from_millis(300));
    }
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while workers_of(&workspace) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!workers_of(&workspace), "a worker is left");
}

#[test]
fn a_plan_shows_what_is_used_of_what() {
    let stand = Stand::small();
    let workspace = house(&stand, "    hosts: [geo.example.com]\n    share: 3\n", "");
    let plan = ["plan", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"];
    let ran = workspace.dpone(&plan);
    for says in [
        "## Tenant sales",
        "`tenants.yaml`",
        "example_api",
        "sales.orders; may use sales.*",
        "its connections' own, https://geo.example.com",
        "builtin:cursor",
        "memory 1 GiB",
        "share 3",
    ] {
        assert!(ran.expect_exit(0).stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let json = workspace.dpone(&[&plan[..], &["--format", "json"]].concat()).json();
    assert_eq!(json["tenant"]["name"], "sales");
    // A plan that was reviewed for a tenant could be run without its policy.
    workspace.dpone(&[&plan[..], &["--out", "x.plan"]].concat()).expect_exit(2);
    // A tenant's cap takes the place of a default.
    workspace.write("tenants.yaml", policy("    limits: { plugin: { memory: 16MiB } }\n", ""));
    assert!(workspace.dpone(&plan).expect_exit(0).stdout.contains("memory 16 MiB"));
}

#[test]
fn state_that_two_tenants_could_share_is_refused() {
    let stand = Stand::small();
    let workspace = house(&stand, "", "");
    let policy = fs::read_to_string(workspace.path().join("tenants.yaml")).unwrap();
    let lent = |text: &str| {
        workspace.write("tenants.yaml", text);
        workspace.dpone(&["check", "teams/sales/orders.yaml", "--policy", "tenants.yaml", "--profile", "test"])
    };
    let defined = fs::read_to_string(workspace.path().join(".dpone/profiles/test.yaml")).unwrap();
    workspace.write(
        ".dpone/profiles/test.yaml",
        format!("{defined}  postgres_state: {{ type: postgres, host: 127.0.0.1, database: etl, username: etl }}\n"),
    );
    lent(&policy).expect_exit(13).expect_error(&["DP1304", "lent to other tenants, too", "state.connection_id"]);
    let own = policy.replacen(
        "connections: [example_api, kafka_cluster, postgres_state]",
        "connections: { example_api: {}, kafka_cluster: {}, postgres_state: { from: sales_state } }",
        1,
    );
    lent(&own).expect_exit(0);
}

/// Whether a process works in a folder of this workspace's tenants.
fn workers_of(workspace: &Workspace) -> bool {
    !worker_pids(workspace).is_empty()
}

fn worker_pids(workspace: &Workspace) -> Vec<String> {
    let tenants = workspace.path().canonicalize().unwrap().join(".dpone/tenants");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let works = |process: &fs::DirEntry| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder.starts_with(&tenants))
    };
    processes.filter(works).map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

fn walk(folder: &std::path::Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files
}

fn contains(content: &[u8], secret: &str) -> bool {
    content.windows(secret.len()).any(|window| window == secret.as_bytes())
}
