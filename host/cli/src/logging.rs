//! Logs on stderr: `--log` filters them, `--log-format` says for whom they are.
//!
//! Spans are `run`, `slice` and `step`; what a run does stands in the span of its step's letter, also where
//! the filter names one crate alone.

use crate::args::LogFormat;
use crate::output::{self, Log};
use serde_json::{Map, Value};
use std::fmt::Debug;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// The levels unless the filter says otherwise: warnings of all; no SQL and no frames, which are much, and
/// may hold values; and the spans, which print nothing by themselves.
const BASE: &str = "warn,sqlx=warn,h2=info,hyper=info,hyper_util=info,dpone_step=info";

/// Starts logging. A filter that cannot be read is told, and warnings are logged.
pub fn start(filter: &str, format: LogFormat) {
    if format == LogFormat::Json {
        output::messages_are_json();
    }
    let given = EnvFilter::try_new(format!("{BASE},{filter}")).unwrap_or_else(|cause| {
        let text = format!("warning: the log filter `{filter}` is not understood ({cause}); logging warnings");
        output::message("WARN", &text, None);
        EnvFilter::new(BASE)
    });
    let registry = tracing_subscriber::registry().with(given);
    match format {
        // A failure to write to stderr cannot be written to stderr either.
        LogFormat::Text => {
            // Colours come last: what an event holds must not bring its own.
            let lines = fmt::layer().with_ansi(false).with_writer(|| Log);
            registry.with(lines.log_internal_errors(false)).init();
        }
        LogFormat::Json => registry.with(Objects).init(),
    }
}

/// Writes each event as one JSON object: time, level, target, the fields of its spans from the outermost in,
/// and its own.
struct Objects;

#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Objects {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Fields::default();
        line.0.insert("time".to_owned(), output::now());
        line.0.insert("level".to_owned(), metadata.level().as_str().into());
        line.0.insert("target".to_owned(), metadata.target().into());
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.clone());
            }
        }
        event.record(&mut line);
        output::json_line(&Value::Object(line.0));
    }
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        // `run.json` calls a step's letter so.
        let name = if field.name() == "letter" { "step" } else { field.name() };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}
