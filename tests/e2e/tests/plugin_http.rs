//! Requests of a plugin's own, through the grant `http`: to the granted host, by the host's rules.

use dpone_harness::{GUIDE, PageServer, Ran, Stand, Workspace, components};
use std::net::TcpListener;

const SECRET: &str = "geo-key-0815";

struct Geo {
    stand: Stand,
    workspace: Workspace,
    service: PageServer,
}

impl Geo {
    fn start() -> Self {
        let stand = Stand::small();
        let workspace = stand.workspace();
        std::fs::copy(components::GEO, workspace.path().join("geo.wasm")).unwrap();
        Self { stand, workspace, service: PageServer::start(|_| b"north".to_vec()) }
    }

    fn run(&self, url: &str, grants: &str, secret: &str) -> Ran {
        let transform = format!(
            "transforms:\n  - uses: ./geo.wasm\n    with: {{ url: \"{url}\"{secret} }}\n    grants: {{ {grants} }}\nsink:\n"
        );
        self.workspace.write("guide.yaml", GUIDE.replace("sink:\n", &transform));
        self.workspace.profile(
            "test",
            &[
                (
                    "example_api",
                    format!(
                        "{{ type: http, base_url: \"{}\", secrets: {{ geo_key: \"{SECRET}\" }} }}",
                        self.stand.base_url()
                    ),
                ),
                ("kafka_cluster", format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", self.stand.bootstrap())),
            ],
        );
        self.workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"])
    }
}

#[test]
fn a_granted_host_is_asked_with_a_granted_secret() {
    let geo = Geo::start();
    let origin = geo.service.base_url();
    let url = format!("{origin}/region");
    let ran = geo.run(&url, &format!("http: [\"{origin}\"], secrets: [geo_key]"), ", secret: geo_key");
    ran.expect_exit(0);
    assert!(geo.service.heads()[0].to_lowercase().contains(&format!("x-key: {SECRET}")), "{:?}", geo.service.heads());
    assert_eq!(geo.service.targets().len(), 3, "one request a page");
    for message in geo.workspace.topic("dwh.orders", "test") {
        assert!(message["value"].to_string().contains("north"), "{message}");
    }
    assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET));
    let plan = geo.workspace.dpone(&["plan", "guide.yaml", "--profile", "test"]);
    assert!(plan.expect_exit(0).stdout.contains(&format!("http, sent by the host, to: {origin}")), "{}", plan.stdout);
}

#[test]
fn what_was_not_granted_is_refused_by_name_and_nothing_is_sent() {
    let geo = Geo::start();
    let origin = geo.service.base_url();
    let url = format!("{origin}/region");
    for (grants, secret, says) in [
        ("", "", "`http http://127.0.0.1"),
        ("http: [geo.example.com]", "", "`http http://127.0.0.1"),
        (&format!("http: [\"{origin}\"]"), ", secret: geo_key", "`secret geo_key`"),
    ] {
        geo.run(&url, grants, secret).expect_exit(12).expect_error(&["DP0307", says, "geo 0.1.0"]);
    }
    assert!(geo.service.heads().is_empty());
    let message = geo.workspace.dpone(&["topic", "read", "dwh.orders", "--profile", "test"]);
    assert!(!message.stdout.contains("order_id"), "nothing was published");
}

#[test]
fn other_places_are_out_of_reach_even_where_a_host_is_granted() {
    let geo = Geo::start();
    // A redirect to another origin is not followed; an address inside a network is not connected to.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}", elsewhere.local_addr().unwrap());
    let stand = Stand::small();
    stand.misbehave(vec![dpone_local::Fault::always(dpone_local::FaultKind::RedirectElsewhere { origin: target })]);
    let redirecting = stand.base_url();
    let ran = geo.run(&format!("{redirecting}/orders"), &format!("http: [\"{redirecting}\"]"), "");
    ran.expect_exit(12).expect_error(&["DP0309", "redirects to"]);
    for (url, says) in [
        ("http://169.254.169.254/latest", "metadata"),
        ("http://10.0.0.1/", "private address"),
        ("http://[::ffff:10.0.0.1]/", "private address"),
        ("http://[64:ff9b::a00:1]/", "private address"),
    ] {
        let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        let ran = geo.run(url, &format!("http: [\"{origin}\"]"), "");
        ran.expect_exit(12).expect_error(&["DP0309", says]);
    }
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "nothing was sent there");
}
