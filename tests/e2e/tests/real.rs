//! The same load against Apache Kafka and PostgreSQL, where `DPONE_TEST_KAFKA=host:port` and
//! `DPONE_TEST_POSTGRES=postgres://user:password@host:port/database` name them.

use dpone_harness::{GUIDE, Ran, Stand, Workspace, cases, suite};
use dpone_local::{DemoOptions, Fault, FaultKind};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const KAFKA: &str = "DPONE_TEST_KAFKA";
const POSTGRES: &str = "DPONE_TEST_POSTGRES";

fn main() -> ExitCode {
    let cases = cases![
        a_second_run_loads_only_what_is_new,
        a_topic_that_was_made_anew_is_refused,
        a_topic_with_more_partitions_is_refused,
        a_row_that_the_topic_does_not_take_is_named_before_publication,
        failures_of_the_broker_and_the_store_are_told_before_the_first_request,
        a_reviewed_plan_holds_on_the_real_topic,
    ];
    suite::run("loads on Apache Kafka and PostgreSQL", suite::unset(&[KAFKA, POSTGRES]), cases)
}

/// The demo API, the real services, and a topic and a schema of this test's own.
struct Real {
    stand: Stand,
    workspace: Workspace,
    kafka: String,
    topic: String,
}

impl Real {
    fn start(test: &str, demo: DemoOptions) -> Self {
        let kafka = std::env::var(KAFKA).unwrap();
        let postgres = std::env::var(POSTGRES).unwrap();
        let stand = Stand::start(demo);
        let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let unique = format!("{test}_{}_{started}", std::process::id());
        let topic = format!("real.{unique}");
        let workspace = Workspace::new();
        let connections = [
            ("example_api", format!("{{ type: http, base_url: \"{}\" }}", stand.base_url())),
            ("kafka_cluster", format!("{{ type: kafka, bootstrap_servers: \"{kafka}\" }}")),
            ("postgres_state", postgres_connection(&postgres)),
        ];
        workspace.profile("real", &connections);
        let manifest = GUIDE.replace("topic: dwh.orders", &format!("topic: {topic}"));
        workspace.write("guide.yaml", manifest.replace("schema: etl_state", &format!("schema: {unique}")));
        Self { stand, workspace, kafka, topic }
    }

    fn run(&self) -> Ran {
        self.workspace.dpone(&["run", "guide.yaml", "--profile", "real", "--format", "json"])
    }

    fn edit(&self, from: &str, to: &str) {
        let path = self.workspace.path().join("guide.yaml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        assert!(manifest.contains(from), "`{from}` is not in the manifest");
        self.workspace.write("guide.yaml", manifest.replace(from, to));
    }

    fn state(&self, command: &str) -> Ran {
        self.workspace.dpone(&["state", command, "guide.yaml", "--profile", "real", "--format", "json"])
    }

    fn messages(&self) -> Vec<Value> {
        self.workspace.topic(&self.topic, "real")
    }

    fn admin<T>(&self, work: impl AsyncFnOnce(AdminClient<DefaultClientContext>, AdminOptions) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = ClientConfig::new().set("bootstrap.servers", &self.kafka).create().unwrap();
        // Without a wait of the broker's own, a change may not be seen by the next request.
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        runtime.block_on(work(client, options))
    }
}

/// `postgres://user[:password]@host:port/database` as a profile has it.
fn postgres_connection(url: &str) -> String {
    let parts = || {
        let (user, place) = url.strip_prefix("postgres://")?.split_once('@')?;
        let (address, database) = place.split_once('/')?;
        let (host, port) = address.split_once(':').unwrap_or((address, "5432"));
        let (username, password) = user.split_once(':').unwrap_or((user, ""));
        let password = if password.is_empty() { String::new() } else { format!(", password: \"{password}\"") };
        Some(format!(
            "{{ type: postgres, host: {host}, port: {port}, database: {database}, username: {username}{password} }}"
        ))
    };
    parts().unwrap_or_else(|| panic!("{POSTGRES} is not postgres://user@host:port/database"))
}

fn demo(new_rows: u64) -> DemoOptions {
    DemoOptions { rows: 300, page_size: 100, new_rows, ..DemoOptions::default() }
}

fn a_second_run_loads_only_what_is_new() {
    let real = Real::start("second_run", demo(10));
    let first = real.run();
    let report = first.expect_exit(0).json();
    assert_eq!(
        report["rows"],
        json!({ "extracted": 300, "filtered": 0, "published": 300, "acknowledged": 300, "dead_lettered": 0 })
    );
    let keys: Vec<_> = real.messages().iter().map(|message| message["key"].clone()).collect();
    assert_eq!(keys, (1..=300).map(|id| json!(id.to_string())).collect::<Vec<_>>(), "in order, each once");

    assert_eq!(real.run().expect_exit(0).json()["rows"]["acknowledged"], 10);
    let messages = real.messages();
    assert_eq!(messages.len(), 310);
    let distinct: std::collections::HashSet<_> =
        messages.iter().map(|m| (m["key"].to_string(), m["value"].to_string())).collect();
    assert_eq!(distinct.len(), 310, "nothing was published twice");

    let state = real.state("show").json();
    assert_eq!(state["revision"], 2);
    assert_eq!(state["checkpoint"]["watermark"]["field"], "updated_at");
    assert!(state["checkpoint"]["target"].is_object(), "{state}");
    assert_eq!(state["lease"], Value::Null, "it was released");
    assert_eq!(real.state("history").json().as_array().unwrap().len(), 2);
    let shown = real.workspace.dpone(&["state", "show", "guide.yaml", "--profile", "real"]);
    assert!(shown.expect_exit(0).stdout.contains("store      postgres"), "{}", shown.stdout);
    let tested = real.workspace.dpone(&["connections", "test", "guide.yaml", "--profile", "real"]);
    assert!(tested.expect_exit(0).stdout.contains(&real.kafka), "{}", tested.stdout);
}

fn a_topic_that_was_made_anew_is_refused() {
    let real = Real::start("made_anew", demo(10));
    real.run().expect_exit(0);
    let topic = real.topic.as_str();
    real.admin(async |admin, options| {
        admin.delete_topics(&[topic], &options).await.unwrap()[0].as_ref().unwrap();
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        // The name is free once the deletion has reached every log.
        let deadline = Instant::now() + Duration::from_secs(20);
        while admin.create_topics([&new], &options).await.unwrap()[0].is_err() {
            assert!(Instant::now() < deadline, "the topic cannot be made again");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    real.run().expect_exit(21).expect_error(&["DP0507", topic, "dpone state adopt", "dpone state reset"]);
    assert!(real.messages().is_empty());
    assert_eq!(real.state("show").json()["revision"], 1);
    real.state("adopt").expect_exit(0);
    assert_eq!(real.run().expect_exit(0).json()["rows"]["acknowledged"], 10, "the cursor was kept");
}

fn a_topic_with_more_partitions_is_refused() {
    let real = Real::start("more_partitions", demo(10));
    real.run().expect_exit(0);
    let topic = real.topic.as_str();
    real.admin(async |admin, options| {
        let more = NewPartitions::new(topic, 3);
        admin.create_partitions([&more], &options).await.unwrap()[0].as_ref().unwrap();
    });
    let refused = real.run();
    refused.expect_exit(21).expect_error(&["DP0507", "number of partitions was 1 and is 3", topic]);
    assert_eq!(real.messages().len(), 300);
    assert_eq!(real.state("show").json()["revision"], 1);
}

fn a_row_that_the_topic_does_not_take_is_named_before_publication() {
    let real = Real::start("large_row", demo(0));
    real.edit(
        "    envelope: flat\n",
        "    envelope: flat\n    topic_config: { create: true, configs: { max.message.bytes: \"65536\" } }\n",
    );
    real.stand.misbehave(vec![Fault::at_page(2, FaultKind::HugeRow { bytes: 80_000 })]);
    real.run().expect_exit(21).expect_error(&["DP0503", "page 2", "record "]);
    assert!(real.messages().is_empty());
    assert_eq!(real.state("show").json()["revision"], 0);
    real.stand.misbehave(vec![Fault::at_page(2, FaultKind::HugeRow { bytes: 20_000 })]);
    real.run().expect_exit(0);
    assert_eq!(real.messages().len(), 300);
}

fn failures_of_the_broker_and_the_store_are_told_before_the_first_request() {
    let real = Real::start("preflight", demo(0));
    let api = ("example_api", format!("{{ type: http, base_url: \"{}\" }}", real.stand.base_url()));
    let kafka = |options: &str| ("kafka_cluster", format!("{{ type: kafka, {options} }}"));
    let good = kafka(&format!("bootstrap_servers: \"{}\"", real.kafka));
    let sqlite = ("postgres_state", "{ type: sqlite, path: state.db }".to_owned());
    let wrong_database =
        postgres_connection(&std::env::var(POSTGRES).unwrap()).replace("database: ", "database: no_such_");
    let tls = format!("bootstrap_servers: \"{}\", security_protocol: SSL", real.kafka);
    let cases = [
        (kafka("bootstrap_servers: \"127.0.0.1:9\""), sqlite.clone(), 21, ["DP0501", "127.0.0.1:9"]),
        (kafka(&tls), sqlite, 21, ["DP0501", real.kafka.as_str()]),
        (good, ("postgres_state", wrong_database), 11, ["DP0210", "no_such_"]),
    ];
    real.edit("    envelope: flat\n", "    envelope: flat\n    connect_timeout_ms: 3000\n");
    for (kafka, state, exit, says) in cases {
        real.workspace.profile("real", &[api.clone(), kafka, state]);
        real.run().expect_exit(exit).expect_error(&says);
    }
    assert_eq!(real.stand.page_requests(), 0);
}

fn a_reviewed_plan_holds_on_the_real_topic() {
    let real = Real::start("reviewed", demo(10));
    real.run().expect_exit(0);
    let plan = ["plan", "guide.yaml", "--profile", "real", "--out", "guide.plan"];
    let run = || real.workspace.dpone(&["run", "--plan", "guide.plan"]);
    real.workspace.dpone(&plan).expect_exit(0);
    run().expect_exit(0);
    let topic = real.topic.as_str();
    real.admin(async |admin, options| {
        let more = NewPartitions::new(topic, 2);
        admin.create_partitions([&more], &options).await.unwrap()[0].as_ref().unwrap();
    });
    run().expect_exit(32).expect_error(&["DP0901", "partitions: 1 → 2"]);
    assert_eq!(real.messages().len(), 310);
}
