//! The reference of profiles and of connection files: one tree of keys, as the manifest has it.

use dpone_manifest::reference::Takes::{AnyText, Block, Choice, Form as OneOf, Integer, Named, Pattern, Tagged, Text};
use dpone_manifest::reference::{Document, Form, Key, Word, key, word};

/// `.dpone/profiles/NAME.yaml`
pub static PROFILE: Document = Document {
    name: "profile",
    title: "dpone profile",
    about: "A profile is a named set of connections that stand in front of a manifest's own: the file \
            `.dpone/profiles/NAME.yaml` under the working directory, chosen by `--profile NAME`.",
    keys: &[EXTENDS, DEFINED, LOCAL],
    elsewhere: &[("connections", "connections.md")],
};

/// The file of `connection_type: file`.
pub static CONNECTIONS: Document = Document {
    name: "connections",
    title: "dpone connections",
    about: "Connections hold addresses and credentials, which a manifest never does. They are defined in a profile, \
            in a file (`connection_type: file`), in the environment as `DPONE_CONN_<ID>_<FIELD>`, or in Vault as one \
            secret with these fields. The id stands in upper case in the environment, with `_` for everything but \
            letters and digits. `${NAME}` in a value of a file is a variable of the environment.",
    keys: &[DEFINED],
    elsewhere: &[],
};

static EXTENDS: &[Key] = &[key(
    "extends",
    Pattern("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$", "the name of a profile"),
    "Another profile, whose connections hold where this one defines none. `local` is built in.",
)
.without("the profile stands alone")
.example("local")];

static LOCAL: &[Key] = &[key(
    "local",
    Block(&[STAND_INS]),
    "What of `local` may stand in for connections that no profile of the chain defines. Only for a profile that \
     extends `local`.",
)
.example("{ http: demo }")
.without("the rules of its keys")
.beside(&[("extends", "local")])];

const LOOKED_UP: Word = word("none", "Nothing stands in: they are looked up as the manifest says.");

static STAND_INS: &[Key] = &[
    key("http", Choice(&[word("demo", "The demo API."), LOOKED_UP]), "HTTP connections that are not defined.")
        .without("the demo API, unless the chain defines an HTTP or a Kafka connection")
        .example("demo"),
    key("kafka", Choice(&[word("broker", "The local broker."), LOOKED_UP]), "Kafka connections that are not defined.")
        .without("the local broker, unless the chain defines a Kafka connection")
        .example("none"),
    key(
        "state",
        Choice(&[word("sqlite", "SQLite under `.dpone/local`."), LOOKED_UP]),
        "State connections that are not defined.",
    )
    .without("SQLite, unless the chain defines a connection for state")
    .example("none"),
];

static DEFINED: &[Key] =
    &[key("connections", Named("my_api", &Tagged(KINDS, TYPE)), "The connections by the ids that manifests name.")];

static TYPE: &[Key] = &[key("type", OneOf(KINDS), "What the connection leads to.").required().example("http")];

static KINDS: &[Form] = &[
    Form { name: "http", alias: None, about: "An API over HTTP.", keys: HTTP },
    Form { name: "kafka", alias: None, about: "A Kafka cluster.", keys: KAFKA },
    Form { name: "postgres", alias: None, about: "A PostgreSQL database, for state.", keys: POSTGRES },
    Form { name: "sqlite", alias: None, about: "A SQLite file, for state.", keys: SQLITE },
];

static HTTP: &[Key] = &[
    key(
        "base_url",
        Text,
        "Origin of the API and, at most, a path. It replaces the origin of the manifest's `url`, and requests stay \
         at or below its path. Environment and Vault know it as `endpoint`, too.",
    )
    .without("the manifest's `url` is absolute")
    .example("\"https://api.example.com\"")
    .field("base_url"),
    key(
        "auth",
        Tagged(AUTH, AUTH_TYPE),
        "How requests prove who sends them. Credentials go to the connection's own origin alone.",
    )
    .without("requests carry no credentials")
    .example("{ type: bearer, token: \"${API_TOKEN}\" }"),
    key("ssl_ca_location", Text, "File of certificate authorities (PEM) that are trusted beside the system's.")
        .without("the system's authorities")
        .example("certs/ca.pem")
        .field("ssl_ca_location"),
    key(
        "secrets",
        Named("signing_key", &Text),
        "Secrets by name, which a manifest may grant to a plugin or a signer. In the environment each is \
         `DPONE_CONN_<ID>_SECRET_<NAME>`, in Vault the field `secret_<name>`.",
    )
    .without("no secrets")
    .example("{ signing_key: \"${SIGNING_KEY}\" }"),
];

static AUTH_TYPE: &[Key] = &[key("type", OneOf(AUTH), "The kind of credentials.").required().example("bearer")];

static AUTH: &[Form] = &[
    Form { name: "none", alias: None, about: "No credentials.", keys: &[] },
    Form {
        name: "bearer",
        alias: None,
        about: "A token in the header `Authorization: Bearer` (RFC 6750).",
        keys: &[key("token", Text, "The token.").required().example("\"${API_TOKEN}\"").field("token")],
    },
    Form {
        name: "basic",
        alias: None,
        about: "User name and password (RFC 7617). One of the two may be empty, for APIs that take a key as the user \
                name.",
        keys: &[
            key("username", AnyText, "The user name.").required().example("loader").field("username"),
            key("password", AnyText, "The password.")
                .without("an empty one is sent")
                .example("\"${API_PASSWORD}\"")
                .field("password"),
        ],
    },
    Form {
        name: "api_key",
        alias: None,
        about: "A key in a header or in a query parameter.",
        keys: &[
            key("value", Text, "The key.").required().example("\"${API_KEY}\"").field("api_key"),
            key("name", Text, "Name of the header or parameter.")
                .default("X-API-Key")
                .example("X-Auth-Key")
                .field("api_key_name"),
            key(
                "in",
                Choice(&[word("header", "An HTTP header."), word("query", "A query parameter.")]),
                "Where the key travels.",
            )
            .default("header")
            .example("query")
            .field("api_key_in"),
        ],
    },
];

static KAFKA: &[Key] = &[
    key("bootstrap_servers", Text, "Brokers to begin with: `HOST:PORT`, separated by commas.")
        .required()
        .example("\"broker-1:9093,broker-2:9093\"")
        .field("bootstrap_servers"),
    key(
        "security_protocol",
        Choice(&[
            word("PLAINTEXT", "Neither TLS nor a login.").or("plaintext"),
            word("SSL", "TLS.").or("ssl"),
            word("SASL_PLAINTEXT", "A login without TLS.").or("sasl_plaintext"),
            word("SASL_SSL", "A login over TLS.").or("sasl_ssl"),
        ]),
        "How brokers are spoken to: librdkafka's `security.protocol`.",
    )
    .default("PLAINTEXT")
    .example("SSL")
    .field("security_protocol"),
    key(
        "sasl_mechanism",
        Choice(&[
            word("PLAIN", "RFC 4616; the password crosses the wire as it is."),
            word("SCRAM-SHA-256", "RFC 7677."),
            word("SCRAM-SHA-512", "As SCRAM-SHA-256, with SHA-512."),
        ]),
        "How the login is made: librdkafka's `sasl.mechanism`. Needs a `security_protocol` with SASL, and name and \
         password.",
    )
    .without("no login")
    .example("PLAIN")
    .beside(&[
        ("security_protocol", "SASL_SSL"),
        ("sasl_username", "loader"),
        ("sasl_password", "\"${KAFKA_PASSWORD}\""),
    ])
    .field("sasl_mechanism"),
    key("sasl_username", Text, "User name of the login.")
        .without("no login")
        .example("loader")
        .beside(&[
            ("security_protocol", "SASL_SSL"),
            ("sasl_mechanism", "SCRAM-SHA-512"),
            ("sasl_password", "\"${KAFKA_PASSWORD}\""),
        ])
        .field("sasl_username"),
    key("sasl_password", Text, "Password of the login.")
        .without("no login")
        .example("\"${KAFKA_PASSWORD}\"")
        .beside(&[("security_protocol", "SASL_SSL"), ("sasl_mechanism", "SCRAM-SHA-512"), ("sasl_username", "loader")])
        .field("sasl_password"),
    key("ssl_ca_location", Text, "File of certificate authorities (PEM): librdkafka's `ssl.ca.location`.")
        .without("the system's authorities")
        .example("certs/ca.pem")
        .beside(TLS)
        .field("ssl_ca_location"),
    key(
        "ssl_certificate_location",
        Text,
        "File of the client's certificate (PEM): librdkafka's `ssl.certificate.location`.",
    )
    .without("no client certificate")
    .example("certs/client.pem")
    .beside(TLS)
    .field("ssl_certificate_location"),
    key("ssl_key_location", Text, "File of the client's private key (PEM): librdkafka's `ssl.key.location`.")
        .without("no client certificate")
        .example("certs/client.key")
        .beside(TLS)
        .field("ssl_key_location"),
    key("ssl_key_password", Text, "Password of the private key: librdkafka's `ssl.key.password`.")
        .without("the key is not encrypted")
        .example("\"${KEY_PASSWORD}\"")
        .beside(TLS)
        .field("ssl_key_password"),
    key("schema_registry_url", Text, "Address of a schema registry.")
        .later()
        .example("\"https://registry.example.com\""),
];

const TLS: &[(&str, &str)] = &[("security_protocol", "SSL")];

static POSTGRES: &[Key] = &[
    key("host", Text, "Host name or address.").required().example("db.example.com").field("host"),
    key("port", Integer(1, 65535), "TCP port.").default("5432").example("6432").field("port"),
    key("database", Text, "Name of the database.").required().example("etl").field("database"),
    key("username", Text, "User name.").required().example("etl").field("username"),
    key("password", Text, "Password.").without("no password is sent").example("\"${PG_PASSWORD}\"").field("password"),
    key(
        "ssl_mode",
        Choice(&[
            word("disable", "No TLS."),
            word("allow", "TLS only where the server demands it."),
            word("prefer", "TLS where the server offers it."),
            word("require", "TLS, without looking at the certificate."),
            word("verify-ca", "TLS with a certificate of a trusted authority."),
            word("verify-full", "TLS with a trusted certificate for this host name."),
        ]),
        "Whether and how TLS is used, as libpq names it.",
    )
    .default("prefer")
    .example("verify-full")
    .field("ssl_mode"),
    key("ssl_ca_location", Text, "File of certificate authorities (PEM) that are trusted beside Mozilla's list.")
        .without("Mozilla's list of authorities")
        .example("certs/ca.pem")
        .field("ssl_ca_location"),
];

static SQLITE: &[Key] = &[key("path", Text, "The file, relative to the working directory; created if it is missing.")
    .required()
    .example("state/loads.db")
    .field("path")];
