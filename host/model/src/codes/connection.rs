//! DP02: connections, secrets and the state store.

crate::codes! { Connection:
    UNKNOWN_PROFILE = "DP0201", AfterFix, "there is no such profile",
        "A profile is `.dpone/profiles/NAME.yaml` under the working directory, or the built-in `local`.";
    INVALID_PROFILE = "DP0202", AfterFix, "a profile or connections file is not valid",
        "The place names the line. A profile has `extends` and `connections`; every connection has a `type` of http, kafka, postgres or sqlite.";
    NOT_FOUND = "DP0203", AfterFix, "a connection is not defined",
        "A connection is looked up by its id in the chosen profile, then where its `connection_type` says: in the environment, a connections file, or Vault. The message says what each of them lacks.";
    INCOMPLETE = "DP0204", AfterFix, "a connection lacks a field",
        "The message names the field and where it would be set.";
    WRONG_KIND = "DP0205", AfterFix, "a connection is of the wrong kind",
        "A source needs an HTTP connection, a sink a Kafka one, a state block a PostgreSQL or SQLite one.";
    VAULT_UNREACHABLE = "DP0206", Later, "Vault does not answer",
        "`VAULT_ADDR` names the server, `VAULT_CACERT` its authority. The cause is in the message.";
    VAULT_DENIED = "DP0207", AfterFix, "Vault refuses access",
        "The token or AppRole may not read this path, or has expired. Check `VAULT_TOKEN`, or `VAULT_ROLE_ID` and `VAULT_SECRET_ID`, `VAULT_NAMESPACE` and the policy.";
    VAULT_ANSWER = "DP0208", AfterFix, "Vault's answer is not a KV v2 secret",
        "The mount must be a KV version 2 engine (`vault_mount_point`, default `secret`) and the path must exist (`vault_path`, default the connection id).";
    STORE_UNREACHABLE = "DP0209", Later, "the state store does not answer",
        "Nothing was fetched or published: state is opened before the first request. The message names address and cause.";
    STORE_FAILED = "DP0210", Later, "the state store refused a statement",
        "The database answered with an error, which the message quotes. The user needs rights to create the schema and table once, later to select, insert, update and delete.";
    TLS_FILE = "DP0211", AfterFix, "a certificate or key file cannot be read",
        "The path is taken as it stands, relative to the working directory.";
    INVALID_FIELD = "DP0212", AfterFix, "a connection's field has a value that cannot be used",
        "The message names the field, where it is set, and what it takes. Two ways to log in on one connection contradict each other and are refused.";
    UNDEFINED = "DP0213", AfterFix, "a connection is not among those that the profile defines",
        "The profile extends `local` and defines connections of this use, so another id is a misspelling rather than a wish for demo data. Define it, or let the profile say in words what may stand in: `local: { http: demo, kafka: broker, state: sqlite }`. That does not cover an id that is nearly one of those defined: use an id that looks less like it, or define this one, too.";
    DEMO_INTO_REAL = "DP0214", AfterFix, "demo data would land in a real broker",
        "The profile has a Kafka connection of its own, and the manifest's HTTP connection is not defined, so that the demo API would stand in for it. Define the HTTP connection, or write `local: { http: demo }` in the profile where demo data in that broker is what you want.";
    UNKNOWN_VARIABLE = "DP0215", AfterFix, "a variable of a connection is no field of it",
        "A misspelt `DPONE_CONN_<ID>_<FIELD>` would be passed over, and the request would go out without it. Variables of another connection whose id begins with this one are told apart by their own fields: `DPONE_CONN_API_V2_TOKEN` is of `api_v2`. Where the rest of the id reads like a part of a field (`ACCESS_TOKEN`), the other connection needs its BASE_URL, BOOTSTRAP_SERVERS, HOST or PATH set as well.";
    TWO_READINGS = "DP0216", AfterFix, "a connection is defined in the environment, and the profile has `local` stand in for it",
        "A profile is looked at before the environment, and one that extends `local` lets the demo API, the local broker and SQLite stand in for what it does not define; rows could end up elsewhere than was meant. Say which: `local: { kafka: none }` in the profile leaves the connection to the environment, `local: { kafka: broker }` lets the local broker stand in. Plain `--profile local` always stands in.";
}
