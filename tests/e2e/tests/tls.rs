//! An API behind TLS: HTTP/2 and HTTP/1.1, an authority of one's own, and certificates that nobody
//! should trust.

use dpone_harness::{Ran, Stand, TlsFront, Workspace};
use dpone_local::DemoOptions;

/// The demo API behind a TLS server, and a profile that names it.
struct Secured {
    stand: Stand,
    front: TlsFront,
    workspace: Workspace,
}

impl Secured {
    fn start(offers: &[&str], name: &str) -> Self {
        let stand = Stand::start(DemoOptions { rows: 300, page_size: 10, new_rows: 0, ..DemoOptions::default() });
        let upstream = stand.base_url().trim_start_matches("http://").to_owned();
        let front = TlsFront::start(&upstream, offers, name);
        let workspace = stand.workspace();
        workspace.write("ca.pem", front.authority());
        Self { stand, front, workspace }
    }

    fn run(&self, ca: Option<&str>) -> Ran {
        let ca = ca.map(|file| format!(", ssl_ca_location: {file}")).unwrap_or_default();
        let port = self.front.port();
        self.workspace.profile(
            "test",
            &[
                ("example_api", format!("{{ type: http, base_url: \"https://localhost:{port}\"{ca} }}")),
                ("kafka_cluster", format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", self.stand.bootstrap())),
            ],
        );
        self.workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"])
    }
}

#[test]
fn all_pages_come_over_one_connection_of_the_protocol_that_the_server_offers() {
    for (offers, agreed) in
        [(&["h2", "http/1.1"][..], "h2"), (&["h2"], "h2"), (&["http/1.1"], "http/1.1"), (&[], "none")]
    {
        let secured = Secured::start(offers, "localhost");
        let report = secured.run(Some("ca.pem")).expect_exit(0).json();
        assert_eq!((&report["pages"], &report["rows"]["acknowledged"]), (&30.into(), &300.into()), "{offers:?}");
        assert_eq!(secured.front.protocols(), [agreed], "kept alive, {offers:?}");
        assert_eq!(secured.stand.page_requests(), 30);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_the_run_before_a_request() {
    let other = TlsFront::start("127.0.0.1:9", &[], "localhost");
    for (name, ca, says) in [
        ("localhost", None, "UnknownIssuer"),
        ("localhost", Some("other.pem"), "certificate"),
        ("elsewhere.example", Some("ca.pem"), "elsewhere.example"),
    ] {
        let secured = Secured::start(&["h2", "http/1.1"], name);
        secured.workspace.write("other.pem", other.authority());
        secured.workspace.write(
            "guide.yaml",
            dpone_harness::GUIDE.replace("    method: GET\n", "    method: GET\n    retry: { max_attempts: 1 }\n"),
        );
        let port = secured.front.port().to_string();
        secured.run(ca).expect_exit(20).expect_error(&["DP0401", says, "https://localhost:", &port]);
        assert_eq!(secured.stand.page_requests(), 0);
        assert!(secured.front.protocols().is_empty(), "no handshake was finished");
    }
}
