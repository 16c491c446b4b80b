//! Judges a tenant's manifest by the policy.

use dpone_manifest::{
    ConnectionRef, ConnectionType, GrantKind, Grants, HostRule, Journal, Lent, Manifest, OciReference, PluginUse,
    StateBlock, Tenant, TenantLimits,
};
use dpone_model::{Report, codes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use url::Url;

/// The policy's word on one tenant, as far as manifests are judged by it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub tenant: &'a Tenant,
    /// Ids of its connections whose origin other tenants are lent, too.
    pub contested: &'a BTreeSet<String>,
    /// The policy file, for messages.
    pub policy: &'a str,
}

/// A plan's part that says what is used of what the policy gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantPlan {
    pub name: String,
    pub policy: String,
    pub uses: Vec<TenantUse>,
    /// The bounds of its worker process, in one line.
    pub limits: String,
    pub share: u32,
}

/// One thing that a policy bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantUse {
    /// The policy's key.
    pub key: String,
    pub used: Vec<String>,
    pub of: Vec<String>,
}

impl Rules<'_> {
    /// Lowers the manifest's default limits to the tenant's, and tells everything that is more than the
    /// tenant may; all problems at once, each with its place in the manifest.
    ///
    /// # Errors
    /// DP1304 for each.
    pub fn hold(&self, manifest: &mut Manifest) -> Result<(), Report> {
        let mut problems = Vec::new();
        for (key, connection) in connections(manifest) {
            problems.extend(self.connection(connection).map(|told| (key, told)));
        }
        problems.extend(self.state(manifest).map(|told| ("state.connection_id", told)));
        problems.extend(self.topic(&manifest.sink.topic).map(|told| ("sink.topic", told)));
        let mut problems: Vec<_> = problems.into_iter().map(|(key, told)| (key.to_owned(), told)).collect();
        for origin in &manifest.source.allow_origins {
            problems.extend(self.host(origin).map(|told| ("source.options.allow_origins".to_owned(), told)));
        }
        for plugin in manifest.plugins() {
            problems.extend(self.plugin(plugin));
        }
        problems.extend(self.limits(manifest));
        let report = |(key, (message, hint)): (String, Told)| {
            Report::new(&codes::policy::REFUSED, message).at(manifest.origin.place(&key)).hint(hint)
        };
        Report::all(problems.into_iter().map(report).collect()).map_or(Ok(()), Err)
    }

    /// Whether requests may go to this origin, which is not a connection's own.
    ///
    /// # Errors
    /// DP1304.
    pub fn reach(&self, manifest: &Manifest, key: &str, url: &Url) -> Result<(), Report> {
        self.host(url.as_str()).map_or(Ok(()), |(message, hint)| {
            Err(Report::new(&codes::policy::REFUSED, message).at(manifest.origin.place(key)).hint(hint))
        })
    }

    /// The manifest's use of what the tenant has.
    pub fn plan(&self, manifest: &Manifest) -> TenantPlan {
        let tenant = self.tenant;
        let lent = |lent: &Lent| match lent.from == lent.id {
            true => lent.id.clone(),
            false => format!("{} (the operator's {})", lent.id, lent.from),
        };
        let secrets = |lent: &Lent| lent.secrets.iter().map(|name| format!("{}.{name}", lent.id)).collect::<Vec<_>>();
        let source = &manifest.source;
        let plugins: BTreeSet<String> = manifest.plugins().map(|plugin| plugin.uses.clone()).collect();
        let grants: BTreeSet<&str> =
            manifest.plugins().flat_map(|plugin| handed_out(&plugin.grants)).map(name).collect();
        let hosts = source.allow_origins.iter().cloned();
        let hosts = hosts.chain(manifest.plugins().flat_map(|plugin| plugin.grants.http.iter().cloned()));
        let own = std::iter::once("its connections' own".to_owned());
        let rules = &tenant.plugins;
        let builtin = rules.builtin.then(|| "built-in".to_owned()).into_iter();
        let digests = rules.sha256.iter().map(|digest| format!("sha256:{}", digest.get(..12).unwrap_or(digest)));
        let signers = rules.signers.iter().map(|path| format!("signed by {}", path.display()));
        let row = |key: &str, used: Vec<String>, of: Vec<String>| TenantUse { key: key.to_owned(), used, of };
        let named = connections(manifest).map(|(_, connection)| connection.id.clone()).collect::<BTreeSet<_>>();
        let uses = vec![
            row("connections", named.into_iter().collect(), tenant.connections.iter().map(lent).collect()),
            row(
                "secrets",
                source.connection.secrets.iter().map(|name| format!("{}.{name}", source.connection.id)).collect(),
                tenant.connections.iter().flat_map(secrets).collect(),
            ),
            row(
                "topics",
                vec![manifest.sink.topic.clone()],
                tenant.topics.iter().map(|topic| format!("{topic}*")).collect(),
            ),
            row("hosts", hosts.collect(), own.chain(tenant.hosts.iter().map(HostRule::to_string)).collect()),
            row("plugins", plugins.into_iter().collect(), builtin.chain(digests).chain(signers).collect()),
            row(
                "grants",
                grants.into_iter().map(str::to_owned).collect(),
                rules.grants.iter().map(|kind| name(*kind).to_owned()).collect(),
            ),
        ];
        TenantPlan {
            name: tenant.name.clone(),
            policy: self.policy.to_owned(),
            uses,
            limits: bounds(&tenant.limits),
            share: tenant.share,
        }
    }

    fn connection(&self, connection: &ConnectionRef) -> Option<Told> {
        let name = &self.tenant.name;
        let Some(lent) = self.tenant.connections.iter().find(|lent| lent.id == connection.id) else {
            let message = format!("the tenant `{name}` has no connection `{}`", connection.id);
            return Some((message, self.hint("connections")));
        };
        if connection.via == ConnectionType::File {
            let message = "a tenant's connections come from the operator, not from a file".to_owned();
            return Some((message, format!("remove `connection_type: file`; {}", self.hint("connections"))));
        }
        let secret = connection.secrets.iter().find(|secret| !lent.secrets.contains(secret))?;
        let message = format!("the tenant `{name}` may not grant the secret `{secret}` of `{}`", connection.id);
        Some((message, self.hint(&format!("connections.{}.secrets", connection.id))))
    }

    /// Rows of state go by the pipeline's name, which two tenants may both give.
    fn state(&self, manifest: &Manifest) -> Option<Told> {
        let connection = match &manifest.state {
            StateBlock::Postgres { connection, .. } | StateBlock::Sqlite { connection: Some(connection), .. } => {
                connection
            }
            _ => return None,
        };
        self.contested.contains(&connection.id).then(|| {
            let message = format!(
                "the connection `{}` is lent to other tenants, too, so the state of one would be another's",
                connection.id
            );
            (message, "give each tenant a connection of its own for state, with a login of its own".to_owned())
        })
    }

    fn topic(&self, topic: &str) -> Option<Told> {
        let allowed = self.tenant.topics.iter().any(|prefix| topic.starts_with(prefix));
        (!allowed).then(|| (format!("the tenant `{}` has no topic `{topic}`", self.tenant.name), self.hint("topics")))
    }

    fn host(&self, origin: &str) -> Option<Told> {
        let url = Url::parse(origin).ok();
        let allowed = url.as_ref().is_some_and(|url| self.tenant.hosts.iter().any(|rule| rule.allows(url)));
        let shown = url.map_or_else(|| origin.to_owned(), |url| url.origin().ascii_serialization());
        (!allowed)
            .then(|| (format!("the tenant `{}` may send no request to {shown}", self.tenant.name), self.hint("hosts")))
    }

    fn plugin(&self, plugin: &PluginUse) -> Vec<(String, Told)> {
        let name = &self.tenant.name;
        let mut problems = Vec::new();
        let key = |under: &str| format!("{}.{under}", plugin.key);
        if plugin.uses.starts_with("builtin:") && !self.tenant.plugins.builtin {
            let message = format!("the tenant `{name}` may not use built-in plugins, such as {}", plugin.uses);
            problems.push((plugin.key.clone(), (message, self.hint("plugins.builtin"))));
        }
        if let Ok(reference) = OciReference::parse(&plugin.uses) {
            let told = self.host(&format!("https://{}", reference.host));
            problems.extend(told.map(|told| (key("uses"), told)));
        }
        let grants = handed_out(&plugin.grants);
        for kind in grants.into_iter().filter(|kind| !self.tenant.plugins.grants.contains(kind)) {
            let grant = self::name(kind);
            let message = format!("the tenant `{name}` may not grant `{grant}`, which {} is given", plugin.uses);
            problems.push((key(&format!("grants.{grant}")), (message, self.hint("plugins.grants"))));
        }
        for origin in &plugin.grants.http {
            problems.extend(self.host(origin).map(|told| (key("grants.http"), told)));
        }
        problems
    }

    fn limits(&self, manifest: &mut Manifest) -> Vec<(String, Told)> {
        let (name, limits) = (&self.tenant.name, &self.tenant.limits);
        let mut problems = Vec::new();
        for plugin in manifest.plugins_mut() {
            for limit in limits.plugin.bound(&mut plugin.limits) {
                let message =
                    format!("{} is given a {limit} that is more than the tenant `{name}` may give", plugin.uses);
                let told = (message, self.hint(&format!("limits.plugin.{limit}")));
                problems.push((format!("{}.limits.{limit}", plugin.key), told));
            }
        }
        let journal = &mut manifest.journal.max_bytes;
        if *journal == Journal::DEFAULT_MAX_BYTES {
            *journal = limits.journal.min(*journal);
        } else if *journal > limits.journal {
            let message = format!("the journal may be larger than the tenant `{name}` may have");
            problems.push(("journal.max_bytes".to_owned(), (message, self.hint("limits.journal"))));
        }
        problems
    }

    fn hint(&self, key: &str) -> String {
        format!("{} says what it may: tenants.{}.{key}", self.policy, self.tenant.name)
    }
}

/// A message and a hint.
type Told = (String, String);

/// Every connection that a manifest names, with the key that names it.
fn connections(manifest: &Manifest) -> impl Iterator<Item = (&'static str, &ConnectionRef)> {
    let state = match &manifest.state {
        StateBlock::Postgres { connection, .. } => Some(connection),
        StateBlock::Sqlite { connection, .. } => connection.as_ref(),
        StateBlock::Disabled => None,
    };
    let named =
        [("source.connection_id", &manifest.source.connection), ("sink.connection_id", &manifest.sink.connection)];
    named.into_iter().chain(state.map(|connection| ("state.connection_id", connection)))
}

/// The kinds of grants that a plugin is given.
fn handed_out(grants: &Grants) -> Vec<GrantKind> {
    let given = [
        (GrantKind::Files, grants.files.is_some()),
        (GrantKind::Secrets, !grants.secrets.is_empty()),
        (GrantKind::Http, !grants.http.is_empty()),
        (GrantKind::Clock, grants.real_clock),
        (GrantKind::Random, grants.real_random),
        (GrantKind::Headers, !grants.headers.is_empty()),
        (GrantKind::Methods, !grants.methods.is_empty()),
        (GrantKind::Paths, !grants.paths.is_empty()),
    ];
    given.into_iter().filter(|(_, given)| *given).map(|(kind, _)| kind).collect()
}

fn name(kind: GrantKind) -> &'static str {
    GrantKind::ALL.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name)
}

/// A tenant's bounds, in one line.
fn bounds(limits: &TenantLimits) -> String {
    use dpone_model::human::{bytes, duration};
    format!(
        "memory {}, cpu {}, wall {}, requests {}, bytes {}, runs {}, files {}, journal {}",
        bytes(limits.memory),
        duration(limits.cpu),
        duration(limits.wall),
        limits.requests,
        bytes(limits.bytes),
        limits.runs,
        limits.files,
        bytes(limits.journal)
    )
}
