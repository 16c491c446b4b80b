//! Apache Kafka behind TLS and SASL, where `DPONE_TEST_KAFKA_SASL=host:port` names a SASL_SSL listener
//! (users `loader`, password `hush`, by PLAIN and SCRAM) and `DPONE_TEST_KAFKA_CA` its authority.

use dpone_harness::{GUIDE, Ran, Stand, Workspace, cases, suite};
use dpone_local::DemoOptions;
use std::process::ExitCode;

const SASL: &str = "DPONE_TEST_KAFKA_SASL";
const CA: &str = "DPONE_TEST_KAFKA_CA";

fn main() -> ExitCode {
    let cases = cases![
        each_mechanism_loads_and_reads_back,
        what_is_wrong_is_told_before_the_first_request,
        the_environment_gives_the_same_connection,
    ];
    suite::run("Apache Kafka behind TLS and SASL", suite::unset(&[SASL, CA]), cases)
}

/// The demo API, and a workspace whose topic is this test's own.
struct Secured {
    stand: Stand,
    workspace: Workspace,
    topic: String,
}

impl Secured {
    fn start(test: &str) -> Self {
        let stand = Stand::start(DemoOptions { rows: 50, page_size: 10, new_rows: 0, ..DemoOptions::default() });
        let workspace = stand.workspace();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let topic = format!("secured.{test}.{}.{since}", std::process::id());
        let manifest = GUIDE.replace("topic: dwh.orders", &format!("topic: {topic}"));
        workspace.write(
            "guide.yaml",
            manifest.replace("    envelope: flat\n", "    envelope: flat\n    connect_timeout_ms: 4000\n"),
        );
        Self { stand, workspace, topic }
    }

    fn run(&self, mechanism: &str, password: &str, ca: &str) -> Ran {
        let kafka = format!(
            "{{ type: kafka, bootstrap_servers: \"{}\", security_protocol: SASL_SSL, sasl_mechanism: {mechanism}, \
             sasl_username: loader, sasl_password: \"{password}\", ssl_ca_location: \"{ca}\" }}",
            std::env::var(SASL).unwrap(),
        );
        let api = format!("{{ type: http, base_url: \"{}\" }}", self.stand.base_url());
        self.workspace.profile("test", &[("example_api", api), ("kafka_cluster", kafka)]);
        self.workspace.dpone(&["run", "guide.yaml", "--profile", "test"])
    }
}

fn each_mechanism_loads_and_reads_back() {
    let ca = std::env::var(CA).unwrap();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let secured = Secured::start(&mechanism.to_lowercase());
        secured.run(mechanism, "hush", &ca).expect_exit(0);
        assert_eq!(secured.workspace.topic(&secured.topic, "test").len(), 50, "{mechanism}");
        secured.workspace.dpone(&["connections", "test", "guide.yaml", "--profile", "test"]).expect_exit(0);
    }
}

fn what_is_wrong_is_told_before_the_first_request() {
    let ca = std::env::var(CA).unwrap();
    let secured = Secured::start("wrong");
    let servers = std::env::var(SASL).unwrap();
    for (mechanism, password, says) in
        [("PLAIN", "wr0ng", "uthentication"), ("SCRAM-SHA-512", "wr0ng", "uthentication"), ("SCRAM-SHA-1", "hush", "")]
    {
        let ran = secured.run(mechanism, password, &ca);
        if says.is_empty() {
            // A mechanism that no release offers is refused with the connection.
            assert_ne!(ran.exit, Some(0));
        } else {
            ran.expect_exit(21).expect_error(&["DP0506", &servers, says]);
        }
        assert!(!ran.stderr.contains("wr0ng"), "{}", ran.stderr);
    }
    let foreign = dpone_harness::TlsFront::start("127.0.0.1:9", &[], "localhost");
    let path = secured.workspace.write("foreign.pem", foreign.authority());
    secured.run("PLAIN", "hush", &path.display().to_string()).expect_exit(21).expect_error(&[
        "DP0501",
        &servers,
        "certificate",
    ]);
    assert_eq!(secured.stand.page_requests(), 0);
}

fn the_environment_gives_the_same_connection() {
    let mut secured = Secured::start("environment");
    let base_url = secured.stand.base_url();
    let (servers, ca) = (std::env::var(SASL).unwrap(), std::env::var(CA).unwrap());
    for (name, value) in [
        ("DPONE_CONN_EXAMPLE_API_BASE_URL", base_url.as_str()),
        ("DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS", &servers),
        ("DPONE_CONN_KAFKA_CLUSTER_SECURITY_PROTOCOL", "SASL_SSL"),
        ("DPONE_CONN_KAFKA_CLUSTER_SASL_MECHANISM", "SCRAM-SHA-512"),
        ("DPONE_CONN_KAFKA_CLUSTER_SASL_USERNAME", "loader"),
        ("DPONE_CONN_KAFKA_CLUSTER_SASL_PASSWORD", "hush"),
        ("DPONE_CONN_KAFKA_CLUSTER_SSL_CA_LOCATION", &ca),
    ] {
        secured.workspace.set(name, value);
    }
    let path = secured.workspace.path().join("guide.yaml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let manifest = manifest.replace("connection_type: vault", "connection_type: env").replace(
        "    connect_timeout_ms: 4000\n",
        "    connect_timeout_ms: 4000\n    topic_config: { create: true, partitions: 1, replication_factor: 1 }\n",
    );
    let state = "state:\n  type: postgres\n  connection_id: postgres_state\n";
    assert!(manifest.contains(state));
    secured.workspace.write("guide.yaml", manifest.replace(state, "state:\n  type: sqlite\n"));
    secured.workspace.dpone(&["run", "guide.yaml"]).expect_exit(0);
}
