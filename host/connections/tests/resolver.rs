//! The order of the places, what each gives, and what is said when one lacks something.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use dpone_connections::{ApiKeyIn, Auth, Kind, LocalServices, Profile, Resolver, StateConnection};
use dpone_manifest::{ConnectionRef, ConnectionType, StateBlock};
use dpone_model::{Place, Report};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A working directory with files, and an environment.
struct World {
    dir: tempfile::TempDir,
    env: HashMap<String, String>,
}

impl World {
    fn new(files: &[(&str, &str)], env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { dir, env }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn resolver(&self, profile: Option<&str>) -> Resolver {
        let env = self.env.clone();
        let profile = Profile::load(self.path(), profile, &|name| env.get(name).cloned()).unwrap();
        let local = profile.extends_local().then(|| LocalServices {
            base_url: "http://127.0.0.1:4000".into(),
            bootstrap_servers: "127.0.0.1:4001".into(),
            sqlite_path: self.path().join(".dpone/local/state.db"),
        });
        Resolver::new(profile, local, self.path().to_owned(), env.into_iter().collect::<BTreeMap<_, _>>().into())
    }
}

fn by(via: ConnectionType, id: &str) -> ConnectionRef {
    ConnectionRef::new(id, via)
}

fn env(id: &str) -> ConnectionRef {
    by(ConnectionType::Env, id)
}

fn postgres(id: &str) -> StateBlock {
    StateBlock::Postgres { connection: env(id), schema: "s".into(), table: "t".into() }
}

#[track_caller]
fn is(report: &Report, code: &str, words: &[&str]) {
    assert_eq!(report.code().id, code, "{report}");
    for word in words {
        assert!(report.to_string().contains(word), "`{word}` is not in: {report}");
    }
}

#[tokio::test]
async fn the_environment_gives_every_kind() {
    let world = World::new(
        &[("ca.pem", "PEM")],
        &[
            ("DPONE_CONN_EXAMPLE_API_ENDPOINT", "https://api.example.com/v1"),
            ("DPONE_CONN_EXAMPLE_API_API_KEY", "k"),
            ("DPONE_CONN_EXAMPLE_API_API_KEY_IN", "query"),
            ("DPONE_CONN_EXAMPLE_API_API_KEY_NAME", "key"),
            ("DPONE_CONN_EXAMPLE_API_SSL_CA_LOCATION", "ca.pem"),
            ("DPONE_CONN_KC_BOOTSTRAP_SERVERS", "a:1,b:2"),
            ("DPONE_CONN_PG_HOST", "db"),
            ("DPONE_CONN_PG_PORT", "6432"),
            ("DPONE_CONN_PG_DATABASE", "etl"),
            ("DPONE_CONN_PG_USERNAME", "u"),
            ("DPONE_CONN_PG_PASSWORD", "p"),
        ],
    );
    let resolver = world.resolver(None);
    let api = resolver.http(&env("example-api")).await.unwrap();
    assert_eq!(api.base_url.unwrap().as_str(), "https://api.example.com/v1");
    assert_eq!(api.ca_pem.unwrap(), b"PEM");
    assert_eq!(api.origin_note, "environment (DPONE_CONN_EXAMPLE_API_*)");
    let Auth::ApiKey { name, in_, value } = api.auth else { panic!("{:?}", api.auth) };
    assert_eq!((name.as_str(), in_, value.expose()), ("key", ApiKeyIn::Query, "k"));
    let kafka = resolver.kafka(&env("kc")).await.unwrap();
    assert_eq!(kafka.bootstrap_servers, "a:1,b:2");
    assert!(kafka.options.is_empty() && !kafka.substituted);
    let state = resolver.state(&postgres("pg")).await.unwrap();
    let StateConnection::Postgres { host, port, database, username, password, ssl_mode, .. } = state else {
        panic!("{state:?}")
    };
    assert_eq!((host.as_str(), port, database.as_str(), username.as_str()), ("db", 6432, "etl", "u"));
    assert_eq!((password.unwrap().expose(), ssl_mode.as_str()), ("p", "prefer"));
    assert!(resolver.substitutions().is_empty());
}

#[tokio::test]
async fn a_profile_comes_before_the_manifests_own_place() {
    let text = "connections:\n  api: { type: http, base_url: 'http://near:1', auth: { type: basic, username: u, password: '${PW}' } }\n";
    let world = World::new(
        &[(".dpone/profiles/dev.yaml", text)],
        &[("PW", "secret!"), ("DPONE_CONN_API_BASE_URL", "http://far:1")],
    );
    let api = world.resolver(Some("dev")).http(&env("api")).await.unwrap();
    assert_eq!(api.base_url.unwrap().as_str(), "http://near:1/");
    assert!(
        matches!(&api.auth, Auth::Basic { username, password } if username == "u" && password.expose() == "secret!")
    );
    assert_eq!(api.origin_note, "profile dev (.dpone/profiles/dev.yaml:2)");
    assert!(world.resolver(Some("dev")).warnings().is_empty());
    let far = world.resolver(None).http(&env("api")).await.unwrap();
    assert_eq!(far.base_url.unwrap().as_str(), "http://far:1/");
}

#[tokio::test]
async fn local_substitutes_by_kind_what_no_profile_defines() {
    let text = "extends: local\nconnections:\n  example_api: { type: http, base_url: 'http://mine:1' }\n";
    let world = World::new(&[(".dpone/profiles/mine.yaml", text)], &[]);
    let vault = |id: &str| by(ConnectionType::Vault, id);

    let local = world.resolver(Some("local"));
    let api = local.http(&vault("example_api")).await.unwrap();
    assert!(api.substituted);
    assert_eq!((api.base_url.unwrap().as_str(), api.auth), ("http://127.0.0.1:4000/", Auth::None));
    let kafka = local.kafka(&vault("kafka_cluster")).await.unwrap();
    assert_eq!((kafka.substituted, kafka.bootstrap_servers.as_str()), (true, "127.0.0.1:4001"));
    let state = local.state(&postgres("postgres_state")).await.unwrap();
    assert!(matches!(state, StateConnection::Sqlite { path, .. } if path.ends_with(".dpone/local/state.db")));
    assert_eq!(
        local.substitutions(),
        [
            "connection example_api -> demo API http://127.0.0.1:4000",
            "connection kafka_cluster -> local broker 127.0.0.1:4001",
            "connection postgres_state -> SQLite .dpone/local/state.db",
        ]
    );

    let mine = world.resolver(Some("mine"));
    let api = mine.http(&vault("example_api")).await.unwrap();
    assert_eq!((api.substituted, api.base_url.unwrap().as_str()), (false, "http://mine:1/"));
    assert!(mine.kafka(&vault("kafka_cluster")).await.unwrap().substituted);
    assert_eq!(mine.substitutions().len(), 1);
}

#[tokio::test]
async fn variables_that_nobody_reads_are_pointed_out() {
    let text = "connections:\n  api: { type: http, base_url: 'http://h' }\n";
    let variables = [
        ("DPONE_CONN_API_TOKEN", "t"),
        ("DPONE_CONN_API_BASE_URL", "http://far"),
        ("DPONE_CONN_ORDERS_API_BASE_URL", "http://orders"),
        ("DPONE_CONN_ORDRES_API_TOKEN", "t"),
    ];
    let world = World::new(&[(".dpone/profiles/p.yaml", text)], &variables);
    let resolver = world.resolver(Some("p"));
    resolver.http(&env("api")).await.unwrap();
    let unused = "connection api is defined at .dpone/profiles/p.yaml:2, and DPONE_CONN_API_TOKEN is not used";
    assert_eq!(resolver.warnings(), [unused]);

    let resolver = world.resolver(None);
    resolver.http(&env("orders_api")).await.unwrap();
    let misspelt = "connection orders_api: DPONE_CONN_ORDRES_API_TOKEN is not read; is the id in it misspelt?";
    assert_eq!(resolver.warnings(), [misspelt]);
    let world = World::new(&[], &[("DPONE_CONN_ORDRES_API_TOKEN", "t")]);
    let report = world.resolver(None).http(&env("orders_api")).await.unwrap_err();
    is(&report, "DP0203", &["DPONE_CONN_ORDRES_API_TOKEN is set; is its id misspelt?"]);
}

/// A variable that would define what `local` stands in for.
#[tokio::test]
async fn a_connection_in_the_environment_and_a_local_profile() {
    let text = "extends: local\nconnections:\n  my_api: { type: http, base_url: 'http://mine:1' }\n";
    let words = |word: &str| format!("{text}local: {{ kafka: {word} }}\n");
    let (broker, none) = (words("broker"), words("none"));
    let files = [
        (".dpone/profiles/mine.yaml", text),
        (".dpone/profiles/broker.yaml", &broker),
        (".dpone/profiles/none.yaml", &none),
    ];
    let variables = [("DPONE_CONN_KC_BOOTSTRAP_SERVERS", "real:1"), ("DPONE_CONN_KC_SSL_CA_LOCATION", "")];
    let world = World::new(&files, &variables);

    let report = world.resolver(Some("mine")).kafka(&env("kc")).await.unwrap_err();
    is(&report, "DP0216", &["DPONE_CONN_KC_BOOTSTRAP_SERVERS", "profile mine -> local", "local: { kafka: none }"]);
    assert!(world.resolver(Some("mine")).kafka(&by(ConnectionType::Vault, "kc")).await.unwrap().substituted);
    assert!(world.resolver(Some("broker")).kafka(&env("kc")).await.unwrap().substituted);
    assert_eq!(world.resolver(Some("none")).kafka(&env("kc")).await.unwrap().bootstrap_servers, "real:1");

    let local = world.resolver(Some("local"));
    assert!(local.kafka(&env("kc")).await.unwrap().substituted);
    let expected = "connection kc -> local broker 127.0.0.1:4001 (DPONE_CONN_KC_BOOTSTRAP_SERVERS is not used)";
    assert_eq!(local.substitutions(), [expected]);
}

#[tokio::test]
async fn local_without_its_services_is_an_error() {
    let profile = Profile::load(Path::new("."), Some("local"), &|_| None).unwrap();
    let resolver = Resolver::new(profile, None, ".".into(), BTreeMap::new().into());
    is(&resolver.http(&env("a")).await.unwrap_err(), "DP1005", &["`a`"]);
    let block = StateBlock::Sqlite { connection: None, schema: "s".into(), table: "t".into() };
    is(&resolver.state(&block).await.unwrap_err(), "DP1005", &[]);
}

#[tokio::test]
async fn state_without_a_block_is_sqlite_under_the_working_directory() {
    let world = World::new(&[], &[("DPONE_CONN_LITE_PATH", "var/x.db")]);
    let resolver = world.resolver(None);
    let path_of = |state| match state {
        StateConnection::Sqlite { path, .. } => path,
        other => panic!("{other:?}"),
    };
    let block = |connection| StateBlock::Sqlite { connection, schema: "s".into(), table: "t".into() };
    assert_eq!(path_of(resolver.state(&block(None)).await.unwrap()), world.path().join(".dpone/state.db"));
    assert_eq!(path_of(resolver.state(&block(Some(env("lite")))).await.unwrap()), world.path().join("var/x.db"));
    assert!(matches!(resolver.state(&StateBlock::Disabled).await.unwrap(), StateConnection::Disabled));
}

#[tokio::test]
async fn a_profile_may_give_sqlite_for_postgres() {
    let text = "connections:\n  pg: { type: sqlite, path: s.db }\n";
    let world = World::new(&[(".dpone/profiles/p.yaml", text)], &[]);
    let state = world.resolver(Some("p")).state(&postgres("pg")).await.unwrap();
    assert!(matches!(state, StateConnection::Sqlite { path, .. } if path == world.path().join("s.db")));
}

#[tokio::test]
async fn a_file_gives_connections_too() {
    let text = "connections:\n  api: { type: http, base_url: 'http://h:1' }\n";
    let world = World::new(&[(".dpone/connections.yaml", text), ("other.yaml", "connections: {}\n")], &[]);
    let resolver = world.resolver(None);
    let api = resolver.http(&by(ConnectionType::File, "api")).await.unwrap();
    assert_eq!(api.origin_note, "file .dpone/connections.yaml:2");
    let mut other = by(ConnectionType::File, "api");
    other.connection_file = Some("other.yaml".into());
    is(
        &resolver.http(&other).await.unwrap_err(),
        "DP0203",
        &["no profile is chosen, and the connections file other.yaml does not define it"],
    );
    other.connection_file = Some("gone.yaml".into());
    is(&resolver.http(&other).await.unwrap_err(), "DP0203", &["the connections file gone.yaml does not exist"]);
    is(
        &resolver.kafka(&by(ConnectionType::File, "api")).await.unwrap_err(),
        "DP0205",
        &["is of type http, but a Kafka"],
    );
}

#[tokio::test]
async fn http_and_kafka_mistakes_name_the_field_and_its_place() {
    let http: [(&[(&str, &str)], &str, &[&str]); 16] = [
        (
            &[],
            "DP0203",
            &[
                "connection `a` is not defined: no profile is chosen, and no environment variable DPONE_CONN_A_* is set",
                "set DPONE_CONN_A_BASE_URL",
            ],
        ),
        (&[("PASSWORD", "p")], "DP0204", &["lacks `username`", "set environment variable DPONE_CONN_A_USERNAME"]),
        (&[("USERNAME", ""), ("PASSWORD", "")], "DP0212", &["DPONE_CONN_A_USERNAME is empty, and so is the password"]),
        (&[("USERNAME", "")], "DP0212", &["is empty, and so is the password"]),
        (&[("USERNAME", "a:b")], "DP0212", &["DPONE_CONN_A_USERNAME holds a colon"]),
        (&[("TOKEN", "")], "DP0212", &["DPONE_CONN_A_TOKEN is empty"]),
        (&[("API_KEY", ""), ("BASE_URL", "http://h")], "DP0212", &["DPONE_CONN_A_API_KEY is empty"]),
        (
            &[("BASE_URL", "http://h"), ("TOKN", "t"), ("BOOTSTRAP_SERVERS", "h:1")],
            "DP0215",
            &[
                "DPONE_CONN_A_BOOTSTRAP_SERVERS (a field of kafka connections), DPONE_CONN_A_TOKN (did you mean \
                 DPONE_CONN_A_TOKEN?), which are no fields of connection `a`",
                "a connection of type http takes BASE_URL, ENDPOINT, TOKEN,",
            ],
        ),
        // A misspelt variable is named, rather than that nothing was found.
        (&[("TOKN", "t")], "DP0215", &["which is no field"]),
        (&[("TOKEN", "t"), ("API_KEY", "k")], "DP0212", &["DPONE_CONN_A_API_KEY contradicts `token`"]),
        (&[("API_KEY", "k"), ("API_KEY_IN", "body")], "DP0212", &["it takes header or query"]),
        (&[("BASE_URL", "api.example.com")], "DP0212", &["DPONE_CONN_A_BASE_URL is no absolute URL"]),
        (&[("BASE_URL", "ftp://h")], "DP0212", &["has the scheme `ftp`"]),
        (&[("BASE_URL", "http://u:pw@h")], "DP0212", &["holds credentials"]),
        (&[("BASE_URL", "http://a"), ("ENDPOINT", "http://b")], "DP0212", &["contradicts `base_url`"]),
        (&[("SSL_CA_LOCATION", "gone.pem")], "DP0211", &["DPONE_CONN_A_SSL_CA_LOCATION", "gone.pem"]),
    ];
    for (variables, code, words) in http {
        let resolver = with_env(variables).used_as(vec![("a".into(), Kind::Http)]);
        let report = resolver.http(&env("a")).await.unwrap_err();
        is(&report, code, words);
        assert!(!report.to_string().contains("pw@"), "{report}");
    }
    let servers = ("BOOTSTRAP_SERVERS", "h:1");
    let kafka: [(&[(&str, &str)], &str, &[&str]); 7] = [
        (&[servers, ("SASL_PASWORD", "p")], "DP0215", &["did you mean DPONE_CONN_A_SASL_PASSWORD?"]),
        (&[("SECURITY_PROTOCOL", "ssl")], "DP0204", &["lacks `bootstrap_servers`"]),
        (&[servers, ("SECURITY_PROTOCOL", "tls")], "DP0212", &["it takes plaintext, ssl, sasl_plaintext, sasl_ssl"]),
        (&[servers, ("SASL_PASSWORD", "p")], "DP0204", &["lacks `security_protocol`"]),
        (&[servers, ("SASL_PASSWORD", "p"), ("SECURITY_PROTOCOL", "SSL")], "DP0212", &["would not be used"]),
        (
            &[servers, ("SECURITY_PROTOCOL", "SASL_SSL"), ("SASL_USERNAME", "u")],
            "DP0204",
            &["`sasl_mechanism`, `sasl_password`"],
        ),
        (
            &[
                servers,
                ("SECURITY_PROTOCOL", "SASL_SSL"),
                ("SASL_MECHANISM", "GSSAPI"),
                ("SASL_USERNAME", "u"),
                ("SASL_PASSWORD", "p"),
            ],
            "DP0212",
            &["it takes PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"],
        ),
    ];
    for (variables, code, words) in kafka {
        let resolver = with_env(variables).used_as(vec![("a".into(), Kind::Kafka)]);
        is(&resolver.kafka(&env("a")).await.unwrap_err(), code, words);
    }
    let postgres_cases: [(&[(&str, &str)], &str, &[&str]); 4] = [
        (&[("HOST", "h"), ("USER", "u"), ("DATABASE", "d")], "DP0215", &["DPONE_CONN_A_USER,"]),
        (&[("HOST", "h")], "DP0204", &["lacks `database`, `username`"]),
        (&[("HOST", "h"), ("DATABASE", "d"), ("USERNAME", "u"), ("PORT", "x")], "DP0212", &["no port number"]),
        (&[("HOST", "h"), ("DATABASE", "d"), ("USERNAME", "u"), ("SSL_MODE", "on")], "DP0212", &["verify-full"]),
    ];
    for (variables, code, words) in postgres_cases {
        let resolver = with_env(variables).used_as(vec![("a".into(), Kind::Postgres)]);
        is(&resolver.state(&postgres("a")).await.unwrap_err(), code, words);
    }
}

/// User name and password, each missing, empty or set, and what is sent.
#[tokio::test]
async fn one_half_of_basic_auth_may_be_empty() {
    let cases = [
        (Some("u"), Some("p"), Some(("u", "p"))),
        (Some("u"), Some(""), Some(("u", ""))),
        (Some("u"), None, Some(("u", ""))),
        (Some(""), Some("p"), Some(("", "p"))),
        (None, Some("p"), None),
        (Some(""), Some(""), None),
        (Some(""), None, None),
    ];
    for (username, password, expected) in cases {
        let fields = [("username", username), ("password", password)];
        let set = || fields.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let auth: String = set().map(|(name, value)| format!(", {name}: '{value}'")).collect();
        let yaml =
            format!("connections:\n  a: {{ type: http, base_url: 'http://h', auth: {{ type: basic{auth} }} }}\n");
        let files = [(".dpone/connections.yaml", yaml.as_str()), (".dpone/profiles/p.yaml", yaml.as_str())];
        let variables: Vec<(String, String)> =
            set().map(|(name, value)| (format!("DPONE_CONN_A_{}", name.to_uppercase()), value.to_owned())).collect();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let world = World::new(&files, &variables);
        let profile = Profile::load(world.path(), Some("p"), &|_| None);
        let from_profile = match profile {
            Ok(_) => world.resolver(Some("p")).http(&env("a")).await,
            Err(error) => Err(error.into()),
        };
        let by_file = world.resolver(None).http(&by(ConnectionType::File, "a")).await;
        for (place, found) in
            [("profile", from_profile), ("file", by_file), ("env", world.resolver(None).http(&env("a")).await)]
        {
            let found = found.map(|connection| match connection.auth {
                Auth::Basic { username, password } => (username, password.expose().to_owned()),
                other => panic!("{place} {fields:?}: {other:?}"),
            });
            let found = found.as_ref().ok().map(|(username, password)| (username.as_str(), password.as_str()));
            assert_eq!(found, expected, "{place} {fields:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_token_in_a_profile_is_not_no_login() {
    let text = "connections:\n  a: { type: http, base_url: 'http://h', auth: { type: bearer, token: '${T}' } }\n";
    let world = World::new(&[(".dpone/profiles/p.yaml", text)], &[("T", "")]);
    let report = world.resolver(Some("p")).http(&env("a")).await.unwrap_err();
    is(&report, "DP0212", &["`token` at .dpone/profiles/p.yaml:2", "is empty"]);
}

#[tokio::test]
async fn an_id_that_is_used_twice_has_the_fields_of_both() {
    let resolver = with_env(&[("BASE_URL", "http://h"), ("BOOTSTRAP_SERVERS", "h:1")]);
    let resolver = resolver.used_as(vec![("a".into(), Kind::Http), ("a".into(), Kind::Kafka)]);
    resolver.http(&env("a")).await.unwrap();
    resolver.kafka(&env("a")).await.unwrap();
}

/// A resolver without a profile whose environment has these fields of connection `a`.
fn with_env(variables: &[(&str, &str)]) -> Resolver {
    let named = variables.iter().map(|(name, value)| (format!("DPONE_CONN_A_{name}"), (*value).to_owned()));
    let variables: BTreeMap<String, String> = named.collect();
    Resolver::new(Profile::default(), None, "/nonexistent".into(), variables.into())
}

#[tokio::test]
async fn a_missing_variable_matters_only_where_its_connection_is_used() {
    let text = "connections:\n  a: { type: http, base_url: 'http://h' }\n  b: { type: http, auth: { type: bearer, token: 'x${GONE}' } }\n";
    let world = World::new(&[(".dpone/profiles/p.yaml", text)], &[]);
    let resolver = world.resolver(Some("p"));
    resolver.http(&env("a")).await.unwrap();
    let report = resolver.http(&env("b")).await.unwrap_err();
    is(&report, "DP0204", &["environment variable GONE, which is not set"]);
    let Some(Place::File { file, line, column, key }) = report.place() else { panic!("{report}") };
    assert_eq!((file.as_str(), *line, *column), (".dpone/profiles/p.yaml", 3, 49));
    assert_eq!(key.as_deref(), Some("connections.b.auth.token"));
}

#[test]
fn the_list_has_ids_kinds_and_places_and_no_secret() {
    let profile = "connections:\n  api: { type: http, auth: { type: bearer, token: hush } }\n";
    let file = "connections:\n  kc: { type: kafka, bootstrap_servers: 'h:1' }\n";
    let world = World::new(&[(".dpone/profiles/p.yaml", profile), (".dpone/connections.yaml", file)], &[]);
    let listed = world.resolver(Some("p")).list(&["DPONE_CONN_PG_HOST".to_owned()]).unwrap();
    let shown: Vec<_> = listed.iter().map(|l| format!("{} {} {}", l.id, l.kind, l.origin_note)).collect();
    assert_eq!(
        shown,
        [
            "api http profile p (.dpone/profiles/p.yaml:2)",
            "kc kafka file .dpone/connections.yaml:2",
            "PG postgres environment (DPONE_CONN_PG_*)",
        ]
    );
    assert!(!format!("{listed:?}").contains("hush"));
}
