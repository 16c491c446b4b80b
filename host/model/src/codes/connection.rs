//! DP02: connections, secrets and the state store.

crate::codes! { Connection:
    UNKNOWN_PROFILE = "DP0201", AfterFix, "there is no such profile",
        "A profile is `.dpone/profiles/NAME.yaml` under the working directory, or the built-in `local`.";
    INVALID_PROFILE = "DP0202", AfterFix, "a profile or connections file is not valid",
        "The place names the line. A profile has `extends` and `connections`; every connection has a `type` of http, kafka, postgres or sqlite.";
    NOT_FOUND = "DP0203", AfterFix, "a connection is not defined",
        "The chosen profile does not define this connection id, and its `connection_type` (env, file or vault) has nothing for it either. The message names the places that were looked at.";
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
}
