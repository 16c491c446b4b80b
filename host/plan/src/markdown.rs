//! The plan for people.

use crate::document::{NewTopic, Plan, PluginPlan, TopicFacts};
use crate::tenancy::TenantPlan;
use dpone_model::foreign;
use dpone_model::human::{bytes, count};
use dpone_model::schema::Schema;
use std::fmt::Write as _;

impl Plan {
    /// The whole plan as Markdown; plain enough to be read in a terminal.
    pub fn to_markdown(&self) -> String {
        let mut page = Page(String::new());
        page.line(&format!("# Plan for {}", self.pipeline));
        page.facts(&[
            ("Manifest", format!("`{}` (sha256 {})", self.manifest_file, self.manifest_sha256)),
            ("Profile", self.profile.clone().unwrap_or_else(|| "none".to_owned())),
        ]);
        self.substitutions.iter().for_each(|line| page.item("Instead", line));
        self.write_source(&mut page);
        self.write_staging(&mut page);
        self.write_target(&mut page);
        self.write_state(&mut page);
        page.heading("Quality");
        for check in &self.checks {
            page.item(&format!("`{}` ({})", check.id, check.uses), &check.judges);
        }
        if self.checks.is_empty() {
            page.item("Checks", "none");
        }
        page.item("Empty boundary", &self.on_empty_boundary);
        page.heading("Plugins");
        if self.plugins.is_empty() {
            page.item("Plugins", "none");
        }
        self.plugins.iter().for_each(|plugin| write_plugin(&mut page, plugin));
        match &self.lock {
            Some(lock) => page.item("Locked", &format!("by `{}` (sha256 {})", lock.file, lock.sha256)),
            None => page.item("Locked", "no; `dpone plugin lock` writes a lock file beside the manifest"),
        }
        self.warnings.iter().for_each(|warning| page.item("Warning", warning));
        if let Some(tenant) = &self.tenant {
            write_tenant(&mut page, tenant);
        }
        page.0
    }

    fn write_source(&self, page: &mut Page) {
        let boundary = &self.boundary;
        page.heading("Source boundary");
        page.facts(&[
            ("Connection", self.source.connection.clone()),
            ("First request", format!("`{}`", self.source.first_request)),
            ("Records", format!("`{}`", self.source.records_path)),
            ("Pagination", self.source.pagination.clone()),
        ]);
        self.source.walk_end.iter().for_each(|end| page.item("A walk ends", end));
        self.source.slices.iter().for_each(|slices| page.item("Slices", slices));
        if let Some(max_pages) = self.source.max_pages {
            page.item("Most pages", &format!("{max_pages}, then {}", self.source.on_max_pages));
        }
        if let Some(field) = &boundary.field {
            let from =
                boundary.lower.as_ref().map_or_else(|| "any value".to_owned(), |lower| format!("{lower} (inclusive)"));
            let to =
                boundary.upper.as_ref().map_or_else(|| "any value".to_owned(), |upper| format!("{upper} (exclusive)"));
            let origin = if boundary.window_override { ", by the command line" } else { "" };
            page.item("Rows", &format!("`{field}` from {from} to {to}{origin}"));
        }
        for (name, value) in [
            ("Record format", &boundary.record_format),
            ("Lookback", &boundary.lookback),
            ("Safety lag", &boundary.safety_lag),
            ("Max future", &boundary.max_future),
            ("On missing", &boundary.on_missing),
        ] {
            value.iter().for_each(|value| page.item(name, value));
        }
        if boundary.known_rows > 0 {
            page.item("Already loaded", &format!("{} rows are known and dropped", boundary.known_rows));
        }
        boundary.published_again.iter().for_each(|again| page.item("Published again", again));
        page.item("Cost", &boundary.cost);
    }

    fn write_staging(&self, page: &mut Page) {
        page.heading("Staging path");
        page.item("Journal", &format!("`{}`, at most {}", self.staging.path, bytes(self.staging.max_bytes)));
        page.item("Gates", &self.staging.gates);
        page.heading("Schema evolution");
        page.item("Rule", &self.schema_rule);
        page.item("Known fields", &self.schema.as_ref().map_or_else(|| "unknown".to_owned(), fields));
    }

    fn write_target(&self, page: &mut Page) {
        page.heading("Target");
        page.item("Topic", &format!("`{}` on {}", self.target.topic, self.target.connection));
        match &self.target.facts {
            TopicFacts::Unknown { cause } => page.item("Found", &format!("unknown: {cause}")),
            TopicFacts::Missing { will_be_created: true } => {
                let how = self.target.creates.as_ref().map_or_else(String::new, |new| format!(": {}", new.described()));
                page.item("Found", &format!("does not exist; a run creates it{how}"));
            }
            TopicFacts::Missing { will_be_created: false } => {
                page.item("Found", "does not exist; a run fails (DP0502)")
            }
            TopicFacts::Known { topic } => {
                let config = |name: &str| topic.configs.get(name).map_or("unknown", String::as_str);
                let (partitions, replicas) = (topic.partitions, topic.replication_factor);
                let (policy, largest) = (config("cleanup.policy"), sized(config("max.message.bytes")));
                page.item("Found", &format!("{partitions} partitions, replication factor {replicas}, cleanup.policy {policy}, max.message.bytes {largest}"));
            }
        }
        let strategy = &self.strategy;
        let policy = format!("{:?}", strategy.duplicate_policy).to_lowercase();
        page.facts(&[
            ("Strategy", format!("{}, repeats of a key: {policy}", strategy.mode.name())),
            ("Key", strategy.key.clone()),
            ("Guarantee", strategy.guarantee.clone()),
            ("Mechanism", strategy.mechanism.clone()),
        ]);
        strategy.warnings.iter().for_each(|warning| page.item("Warning", warning));
    }

    fn write_state(&self, page: &mut Page) {
        let state = &self.state;
        page.heading("State");
        page.item("Store", &state.store);
        match (&state.unknown, state.revision, &state.watermark) {
            (Some(cause), ..) => page.item("Now", &format!("unknown: {cause}")),
            (None, None, _) => page.item("Now", "no run yet"),
            (None, Some(revision), None) => page.item("Now", &format!("revision {revision}, no watermark")),
            (None, Some(revision), Some(watermark)) => {
                page.item("Now", &format!("revision {revision}, watermark {watermark}"))
            }
        }
        page.item("Advances", &state.advances);
    }
}

impl NewTopic {
    fn described(&self) -> String {
        let replicas = self.replication_factor.map_or("the broker's".to_owned(), |factor| factor.to_string());
        let configs = self.configs.iter().map(|(name, value)| format!(", {name} {value}")).collect::<String>();
        format!("{}, replication factor {replicas}{configs}", count(self.partitions.into(), "partition"))
    }
}

/// A number of bytes as the broker has it, and as people read it.
fn sized(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), |count| format!("{text} ({})", bytes(count)))
}

fn fields(schema: &Schema) -> String {
    let field = |(name, field): (&String, &dpone_model::schema::FieldType)| {
        format!("`{name}` {}{}", field.described(), if field.nullable { "?" } else { "" })
    };
    let fields: Vec<String> = schema.fields.iter().map(field).collect();
    if fields.is_empty() { "none yet; the first run fixes them".to_owned() } else { fields.join(", ") }
}

fn write_tenant(page: &mut Page, tenant: &TenantPlan) {
    let listed = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    page.heading(&format!("Tenant {}", tenant.name));
    page.item("Policy", &format!("`{}`", tenant.policy));
    for used in &tenant.uses {
        page.item(&used.key, &format!("{}; may use {}", listed(&used.used), listed(&used.of)));
    }
    page.item("Worker", &format!("{}; share {}", tenant.limits, tenant.share));
}

fn write_plugin(page: &mut Page, plugin: &PluginPlan) {
    let identity = &plugin.identity;
    let pinned = if plugin.is_pinned { ", pinned" } else { "" };
    let name = format!("{} {} ({}, `{}`)", identity.name, identity.version, plugin.kind.name(), plugin.key);
    let signed = plugin.signed_by.as_ref().map_or_else(String::new, |key| format!(", signed by {key}"));
    page.item(&name, &format!("`{}`, sha256 {}{pinned}{signed}", plugin.uses, identity.sha256));
    for (what, lines) in [("may ask for", &plugin.asks), ("gets", &plugin.gets)] {
        page.sub_item(what, &lines.join("; "));
    }
    page.sub_item("limits", &plugin.limits);
}

/// A page of Markdown that grows line by line; what plugins, APIs and manifests say makes no line of its own.
struct Page(String);

impl Page {
    fn heading(&mut self, title: &str) {
        self.line("");
        self.line(&format!("## {title}"));
    }

    fn facts(&mut self, facts: &[(&str, String)]) {
        facts.iter().for_each(|(name, value)| self.item(name, value));
    }

    fn item(&mut self, name: &str, value: &str) {
        self.line(&format!("- **{name}**: {value}"));
    }

    fn sub_item(&mut self, name: &str, value: &str) {
        self.line(&format!("  - {name}: {value}"));
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{}", foreign::one_line(line));
    }
}
