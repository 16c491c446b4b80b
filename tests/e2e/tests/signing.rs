//! Signed requests: the host computes what a signer's component asks for, and the component never
//! sees a secret.

use dpone_harness::{GUIDE, PageServer, Ran, Stand, Workspace, components};
use serde_json::Value;

const PAGE: &str = r#"{"data":{"items":[{"order_id":1,"updated_at":"2026-02-01T00:00:00Z"}]}}"#;
const SECRET: &str = "open-sesame-4711";

struct Signed {
    server: PageServer,
    workspace: Workspace,
    stand: Stand,
}

fn start(signer: &str, secrets: &str) -> Signed {
    let stand = Stand::small();
    let server = PageServer::start(|_| PAGE.as_bytes().to_vec());
    let workspace = stand.workspace();
    std::fs::copy(components::HMAC_DATE, workspace.path().join("hmac.wasm")).unwrap();
    workspace
        .write("guide.yaml", GUIDE.replace("    incremental:\n", &format!("    signer: {signer}\n    incremental:\n")));
    let signed = Signed { server, workspace, stand };
    signed.profile(secrets);
    signed
}

impl Signed {
    fn profile(&self, secrets: &str) {
        let api = format!("{{ type: http, base_url: \"{}\"{secrets} }}", self.server.base_url());
        let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", self.stand.bootstrap());
        self.workspace.profile("test", &[("example_api", api), ("kafka_cluster", kafka)]);
    }

    fn run(&self) -> Ran {
        self.workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"])
    }

    fn header(&self, name: &str) -> Option<String> {
        let heads = self.server.heads();
        heads.first()?.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    /// No file that the run left holds the secret.
    fn assert_secret_is_nowhere(&self, ran: &Ran) {
        assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "{}\n{}", ran.stdout, ran.stderr);
        let mut folders = vec![self.workspace.path().join(".dpone")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("test.yaml") {
                    let bytes = std::fs::read(&path).unwrap();
                    let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
                    assert!(!found, "{} holds the secret", path.display());
                }
            }
        }
    }
}

const HMAC: &str = "{ uses: ./hmac.wasm, with: { secret: signing_key }, grants: { secrets: [signing_key] } }";

fn secrets() -> String {
    format!(", secrets: {{ signing_key: \"{SECRET}\" }}")
}

#[test]
fn a_signer_that_is_not_ours_signs_each_request() {
    let signed = start(HMAC, &secrets());
    let ran = signed.run();
    let report = ran.expect_exit(0).json();
    let authorization = signed.header("authorization").unwrap();
    // 64 bytes of HMAC-SHA-512 in base64.
    assert!(authorization.starts_with("HMAC ") && authorization.len() == 5 + 88, "{authorization}");
    assert!(signed.header("x-date").unwrap().ends_with('Z'));
    assert!(signed.server.targets()[0].starts_with("/orders?nonce="), "{:?}", signed.server.targets());
    let plugins = report["plugins"].as_array().unwrap();
    let signer = plugins.iter().find(|plugin| plugin["role"] == "signer").unwrap();
    assert!(signer["calls"].as_u64().unwrap() >= 2, "configure and sign: {signer}");
    signed.assert_secret_is_nowhere(&ran);
    let tested = signed.workspace.dpone(&["connections", "test", "guide.yaml", "--profile", "test"]);
    tested.expect_exit(0);
    assert!(signed.server.heads().last().unwrap().to_lowercase().contains("authorization: hmac "));
}

#[test]
fn sigv4_is_built_in() {
    let signer = "{ type: sigv4, region: eu-central-1, service: execute-api, \
                  grants: { secrets: [access_key_id, secret_access_key] } }";
    let signed =
        start(signer, &format!(", secrets: {{ access_key_id: AKIDEXAMPLE, secret_access_key: \"{SECRET}\" }}"));
    let ran = signed.run();
    ran.expect_exit(0);
    let authorization = signed.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(
        authorization.contains("/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=")
    );
    signed.assert_secret_is_nowhere(&ran);
}

#[test]
fn what_a_signer_may_not_do_is_refused_before_anything_is_sent() {
    for (misuse, code, says) in [
        ("other-secret", "DP0307", "other"),
        ("host-header", "DP0315", "`Host`"),
        ("taken-header", "DP0315", "`Accept`"),
    ] {
        let signer = HMAC.replace("secret: signing_key }", &format!("secret: signing_key, misuse: {misuse} }}"));
        let signed = start(&signer, &secrets());
        signed.run().expect_exit(12).expect_error(&[code, says]);
        assert!(signed.server.heads().is_empty(), "{misuse}");
    }
}

#[test]
fn a_granted_secret_has_to_be_there_and_is_asked_for_by_name() {
    let signed = start(HMAC, "");
    signed.run().expect_exit(11).expect_error(&["secret_signing_key", "example_api"]);
    let mut signed = start(HMAC, "");
    signed.workspace.write(
        ".dpone/profiles/test.yaml",
        format!("connections:\n  kafka_cluster: {{ type: kafka, bootstrap_servers: \"{}\" }}\n  postgres_state: {{ type: sqlite, path: state.db }}\n", signed.stand.bootstrap()),
    );
    let url = signed.server.base_url();
    signed.workspace.set("DPONE_CONN_EXAMPLE_API_BASE_URL", &url);
    signed.workspace.set("DPONE_CONN_EXAMPLE_API_SECRET_SIGNING_KEY", SECRET);
    let manifest = std::fs::read_to_string(signed.workspace.path().join("guide.yaml")).unwrap();
    let manifest = manifest.replace("connection_type: vault", "connection_type: env").replace(
        "    envelope: flat\n",
        "    envelope: flat\n    topic_config: { create: true, partitions: 1, replication_factor: 1 }\n",
    );
    signed.workspace.write("guide.yaml", manifest);
    let ran = signed.run();
    ran.expect_exit(0);
    signed.assert_secret_is_nowhere(&ran);
    let plan: Value =
        signed.workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--format", "json"]).expect_exit(0).json();
    assert!(plan.to_string().contains("secrets, by name, never shown to it: signing_key"), "{plan}");
}
